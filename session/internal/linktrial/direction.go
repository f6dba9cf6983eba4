package linktrial

import (
	"math/rand/v2"
	"time"
)

// direction is one way of the path.
type direction struct {
	delay  time.Duration
	jitter time.Duration // at most this is added to the delay, evenly
	loss   float64
	gaps   spans // nothing passes
	queues []queue
	steps  []step // of the delay, in order
	// From then on nothing passes of the layer.
	mediaDead, signalingDead time.Duration
}

// never is later than any history.
const never = 1 << 62

// step sets the delay at a time.
type step struct{ at, delay time.Duration }

// queue is a full buffer: it fills, stays full, and drains.
type queue struct {
	span
	most time.Duration // that it adds
	fill time.Duration // how long it takes to fill; draining takes twice that
}

// adds is what the queue adds at a time.
func (q *queue) adds(t time.Duration) time.Duration {
	full := min(float64(t-q.from)/float64(q.fill), float64(q.until-t)/float64(2*q.fill), 1)
	return time.Duration(full * float64(q.most))
}

// tailDrop is the share of packets that a full buffer drops.
const tailDrop = 0.03

// pass sends a packet at t: when it arrives, or that it does not.
func (d *direction) pass(r *rand.Rand, t time.Duration, dead time.Duration) (arrives time.Duration, ok bool) {
	if t >= dead || d.gaps.cover(t) || d.loss > 0 && r.Float64() < d.loss {
		return 0, false
	}
	delay := d.delay
	for len(d.steps) > 0 && d.steps[0].at <= t {
		d.delay, delay = d.steps[0].delay, d.steps[0].delay
		d.steps = d.steps[1:]
	}
	if d.jitter > 0 {
		delay += time.Duration(r.Float64() * float64(d.jitter))
	}
	for len(d.queues) > 0 && d.queues[0].until <= t {
		d.queues = d.queues[1:]
	}
	if len(d.queues) > 0 && d.queues[0].from <= t {
		if r.Float64() < tailDrop {
			return 0, false
		}
		delay += d.queues[0].adds(t)
	}
	return t + delay, true
}
