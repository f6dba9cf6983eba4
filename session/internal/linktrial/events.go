package linktrial

import "time"

// kind says what happens.
type kind uint8

const (
	rtpSent        kind = iota // the server sends a packet of audio
	rtcpSent                   // the server sends a report
	serverChecks               // the server checks consent
	clientChecks               // the client checks consent
	probeAtServer              // id: a request has reached the server; 0: a consent check
	mediaAtClient              // id: an answer has; 0: something else
	packetAtClient             // a packet of audio has
	segmentArrives             // id: on a stream
	segmentLost                // id: its sender's timer runs out
	appMessage                 // the server has something to say
	sampleDue
	tickDue
	reconnect
)

// event is one thing that happens. Of those at the same time the lower rank, then
// the older one comes first.
type event struct {
	at   time.Duration
	seq  uint64
	id   uint64
	link uint32 // that it belongs to
	rank int8
	kind kind
}

func (e *event) before(o *event) bool {
	if e.at != o.at {
		return e.at < o.at
	}
	if e.rank != o.rank {
		return e.rank < o.rank
	}
	return e.seq < o.seq
}

// events is a heap, written out because it is the heart of every loop.
type events []event

func (q *events) push(e event) {
	*q = append(*q, e)
	h := *q
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(&h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (q *events) pop() event {
	h := *q
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	*q = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h[child].before(&h[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
