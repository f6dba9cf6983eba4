package linkhistory

import "time"

// pauses stop the whole machine of the client.
type pauses struct {
	mean, longest time.Duration
	drops         bool // what arrives meanwhile is lost, rather than queued
}

const shortestPause = time.Second

func (p *pauses) change(w *world) time.Duration {
	lasts := scaled(w.fate, shortestPause, p.longest)
	stop := pause{machine: true, drops: p.drops, until: w.now + lasts, deadlineFirst: oneIn(w.fate, 2)}
	if w.stands {
		stop.lags = lasts
	}
	w.client.begin(stop)
	return lasts + exponential(w.fate, p.mean)
}
