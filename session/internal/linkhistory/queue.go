package linkhistory

import "time"

// queue is a buffer of the path that fills, stays full and drains. The zero value
// is empty.
type queue struct {
	from, fullFrom, fullUntil, until time.Duration
	most                             time.Duration // that it adds to the delay
}

// tailDrop is the share of packets that a full buffer drops.
const tailDrop = 0.05

// adds is what the queue adds to the delay of a packet sent now.
func (q *queue) adds(now time.Duration) time.Duration {
	switch {
	case now < q.fullFrom:
		return q.part(now-q.from, q.fullFrom-q.from)
	case now < q.fullUntil:
		return q.most
	case now < q.until:
		return q.part(q.until-now, q.until-q.fullUntil)
	}
	return 0
}

func (q *queue) part(of, all time.Duration) time.Duration {
	return time.Duration(float64(q.most) * float64(of) / float64(all))
}

func (q *queue) full(now time.Duration) bool { return now >= q.fullFrom && now < q.fullUntil }
