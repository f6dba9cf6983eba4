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
// way at a time, sent again when its timer runs out, which doubles each time. An
// acknowledgment that is lost costs nothing here, as it costs the receiver
// nothing.
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

// arrived takes a segment off a stream and sends the next.
func (w *world) arrived(n int) {
	s := &w.streams[n]
	m := s.waiting[0]
	s.waiting, s.tries = s.waiting[1:], 0
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
