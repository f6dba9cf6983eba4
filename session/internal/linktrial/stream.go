package linktrial

import "time"

// message is what travels over a stream.
type message struct {
	kind messageKind
	id   uint64
}

type messageKind uint8

const (
	ping messageKind = iota
	pong
	app
)

// stream is one direction of a reliable connection: in order, one segment on its
// way at a time, sent again when its timer runs out, which doubles each time and
// falls back only when an acknowledgment comes (RFC 6298 section 5). One that is lost
// does not hold up the receiver, but leaves the timer long for the next loss.
type stream struct {
	waiting []message // the first is on its way
	tries   int
}

// The retransmission timeout: a round trip and what a system adds, up to a most
// (RFC 6298 allows 60 s).
const (
	leastTimeout = 200 * time.Millisecond
	mostTimeout  = 60 * time.Second
)

// Streams of a connection.
const (
	upstream = iota
	downstream
)

// say sends a message over a stream.
func (w *world) say(n int, m message) {
	s := &w.streams[n]
	s.waiting = append(s.waiting, m)
	if len(s.waiting) == 1 {
		w.transmit(n)
	}
}

// transmit sends the first segment of a stream.
func (w *world) transmit(n int) {
	d := &w.up
	if n == downstream {
		d = &w.down
	}
	at, ok := d.pass(w.r, w.now, d.signalingDead)
	if ok && n == downstream && w.drops.cover(at) {
		ok = false
	}
	if ok {
		w.schedule(event{at: at, kind: segmentArrives, id: uint64(n)})
		return
	}
	timeout := min((leastTimeout+2*w.up.delay)<<min(w.streams[n].tries, 16), mostTimeout)
	w.streams[n].tries++
	w.schedule(event{at: w.now + timeout, kind: segmentLost, id: uint64(n)})
}

// acknowledged sends the acknowledgment of a stream back.
func (w *world) acknowledged(n int) bool {
	d := &w.down
	if n == downstream {
		d = &w.up
	}
	_, ok := d.pass(w.r, w.now, d.signalingDead)
	return ok
}

// arrived takes a segment off a stream and sends the next.
func (w *world) arrived(n int) {
	s := &w.streams[n]
	m := s.waiting[0]
	s.waiting = s.waiting[1:]
	if w.acknowledged(n) {
		s.tries = 0
	} else {
		s.tries++
	}
	if len(s.waiting) > 0 {
		w.transmit(n)
	}
	switch {
	case n == upstream && m.kind == ping:
		w.say(downstream, message{pong, m.id})
	case n == downstream:
		w.watcher.HeardSignaling(w.instant())
		if m.kind == pong {
			w.watcher.Pong(w.instant(), m.id)
		}
	}
}
