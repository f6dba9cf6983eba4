package linkhistory

import "time"

// packet is an RTP packet on its way to the client.
type packet struct {
	arrives time.Duration
	number  uint64
}

// flight is the RTP packets on their way, in the order of their arrival: a ring,
// because nearly all arrive in the order in which they were sent.
type flight struct {
	ring        []packet // its length is a power of two
	head, count int
}

// next is when the first packet arrives.
func (f *flight) next() time.Duration {
	if f.count == 0 {
		return never
	}
	return f.ring[f.head].arrives
}

func (f *flight) clear() { f.head, f.count = 0, 0 }

// push adds a packet, before those that arrive later.
func (f *flight) push(p packet) {
	if f.count == len(f.ring) {
		f.grow()
	}
	mask := len(f.ring) - 1
	i := f.count
	for ; i > 0; i-- {
		earlier := f.ring[(f.head+i-1)&mask]
		if earlier.arrives <= p.arrives {
			break
		}
		f.ring[(f.head+i)&mask] = earlier
	}
	f.ring[(f.head+i)&mask] = p
	f.count++
}

func (f *flight) pop() packet {
	p := f.ring[f.head]
	f.head = (f.head + 1) & (len(f.ring) - 1)
	f.count--
	return p
}

func (f *flight) grow() {
	ring := make([]packet, max(2*len(f.ring), 64))
	for i := range f.count {
		ring[i] = f.ring[(f.head+i)&(len(f.ring)-1)]
	}
	f.ring, f.head = ring, 0
}
