package linkhistory

import "time"

// sleep puts the machine of the client to sleep for a night, over and over. In
// half of the nights the server gives the client up.
type sleep struct{ mean time.Duration }

const (
	night = 8 * time.Hour
	// woken is how far a monotonic clock gets that stands still in sleep.
	woken = 500 * time.Millisecond
	// slack is longer than any packet is on its way.
	slack = 10 * time.Second
)

func (s *sleep) change(w *world) time.Duration {
	stop := pause{machine: true, drops: true, until: w.now + night, deadlineFirst: oneIn(w.fate, 2)}
	if w.stands {
		stop.lags = night - woken
	}
	w.client.begin(stop)
	w.talker.skip(stop.until - slack)
	w.truth.hushedUntil = stop.until
	w.asleep += night
	w.end += night
	if oneIn(w.fate, 2) {
		w.die(BothDead, BothDead)
	}
	return night + exponential(w.fate, s.mean)
}

// die lets nothing of those layers pass any more.
func (w *world) die(up, down Verdict) {
	w.up.dead, w.down.dead = w.up.dead|up, w.down.dead|down
	w.truth.dead |= up | down
	w.truth.at = w.now
}
