package linkhistory

import (
	"math/rand/v2"
	"time"
)

// way is one direction of the path. What is sent is judged when it is sent:
// whatever is on its way when the path breaks still arrives.
type way struct {
	delay  time.Duration
	jitter time.Duration // up to so much is added to the delay, evenly
	loss   float64
	dark   int     // how many conditions let nothing pass
	dead   Verdict // layers of which nothing passes
	queue  queue

	darkFrom, darkUntil time.Duration // of the last time that it was dark
}

// pass sends a packet now: when it arrives, false if it does not.
func (w *way) pass(r *rand.Rand, now time.Duration) (arrives time.Duration, ok bool) {
	if w.dark > 0 || w.loss > 0 && r.Float64() < w.loss {
		return 0, false
	}
	arrives = now + w.delay
	if w.jitter > 0 {
		arrives += time.Duration(r.Float64() * float64(w.jitter))
	}
	if now < w.queue.until {
		if w.queue.full(now) && r.Float64() < tailDrop {
			return 0, false
		}
		arrives += w.queue.adds(now)
	}
	return arrives, true
}

// darken lets nothing pass until lighten is called as often.
func (w *way) darken(now time.Duration) {
	if w.dark == 0 {
		w.darkFrom = now
	}
	w.dark++
}

func (w *way) lighten(now time.Duration) {
	w.dark--
	w.darkUntil = now
}
