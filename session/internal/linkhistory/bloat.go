package linkhistory

import "time"

// bloat fills the buffers of one direction or both, now and then.
type bloat struct {
	mean, least, most time.Duration // time between; added delay
}

const (
	shortestBloat = 5 * time.Second
	longestBloat  = 30 * time.Second
)

func (b *bloat) change(w *world) time.Duration {
	lasts := between(w.fate, shortestBloat, longestBloat)
	for _, on := range w.ways() {
		on.queue = newQueue(w.now, lasts, between(w.fate, b.least, b.most))
	}
	return lasts + exponential(w.fate, b.mean)
}

// newQueue fills for 40 % of the time and stays full for 30 %; draining takes at
// least as long as it keeps the packets in their order.
func newQueue(now, lasts, most time.Duration) queue {
	full := now + lasts*4/10
	drains := full + lasts*3/10
	return queue{from: now, fullFrom: full, fullUntil: drains, until: max(now+lasts, drains+most*12/10), most: most}
}
