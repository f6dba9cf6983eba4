package linkhistory

import "time"

// stalls stop the client's process: the kernel goes on, and everything waits.
type stalls struct {
	mean, longest time.Duration
	storms        bool // some of them are many short ones within a minute
	left          int  // of a storm
}

const (
	shortestStall = time.Second
	stormsOneIn   = 6
	fewestOfStorm = 5
	mostOfStorm   = 20
)

func (s *stalls) change(w *world) time.Duration {
	switch {
	case s.left > 0:
		s.left--
	case s.storms && oneIn(w.fate, stormsOneIn):
		s.left = fewestOfStorm + w.fate.IntN(mostOfStorm-fewestOfStorm)
	default:
		lasts := scaled(w.fate, shortestStall, s.longest)
		w.stall(lasts)
		return lasts + exponential(w.fate, s.mean)
	}
	lasts := scaled(w.fate, 300*time.Millisecond, 3*time.Second)
	w.stall(lasts)
	if s.left == 0 {
		return lasts + exponential(w.fate, s.mean)
	}
	return lasts + between(w.fate, 0, 2*time.Second)
}

func (w *world) stall(lasts time.Duration) {
	w.client.begin(pause{until: w.now + lasts, deadlineFirst: oneIn(w.fate, 2)})
}
