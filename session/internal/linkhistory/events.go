package linkhistory

import "time"

// never is later than any history.
const never time.Duration = 1 << 62

// kind says what happens in an event, or what has reached the client.
type kind uint8

const (
	rtcpSent      kind = iota // the server sends a report
	checkSent                 // the server sends a binding request of its own
	messageSent               // the server has something to say on signaling
	requestMet                // a binding request of the client reaches the server; id 0: consent
	pongSent                  // the server has handled ping id
	upSegment                 // segment id of the client reaches the server
	upAck                     // its acknowledgement up to id reaches the client
	upTimeout                 // the client's retransmission timer id runs out
	downSegment               // and the other way round
	downAck                   //
	downTimeout               //
	rtpHeard                  // what reaches the client on media
	rtcpHeard                 //
	checkHeard                // a request of the server
	answerHeard               // to request id; 0: consent
	messageHeard              // what reaches the client on signaling, id is its segment's payload
	pongHeard                 //
	weatherTurns              // weather number id
	clientResumes             // from a pause
	reconnects                // the client has a new link
)

// event is one thing that happens. Of those at the same time the older one comes
// first.
type event struct {
	at    time.Duration
	id    uint64
	seq   uint64 // over all events
	epoch uint32 // of the link that it belongs to
	kind  kind
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

// events is a heap of them, written out because it is in the heart of the loop.
type events struct {
	heap []event
	seq  uint64
}

// next is the time of the first event.
func (q *events) next() time.Duration {
	if len(q.heap) == 0 {
		return never
	}
	return q.heap[0].at
}

func (q *events) push(e event) {
	q.seq++
	e.seq = q.seq
	q.heap = append(q.heap, e)
	h := q.heap
	i := len(h) - 1
	for ; i > 0 && e.before(&h[(i-1)/2]); i = (i - 1) / 2 {
		h[i] = h[(i-1)/2]
	}
	h[i] = e
}

func (q *events) pop() event {
	h := q.heap
	first, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	q.heap = h
	if len(h) > 0 {
		sink(h, last)
	}
	return first
}

// sink fills the hole at the top of h with e.
func sink(h []event, e event) {
	i := 0
	for child := 1; child < len(h); child = 2*i + 1 {
		if child+1 < len(h) && h[child+1].before(&h[child]) {
			child++
		}
		if !h[child].before(&e) {
			break
		}
		h[i], i = h[child], child
	}
	h[i] = e
}
