package linkhistory

import "time"

// steps change the round-trip time of the path at once.
type steps struct{ mean time.Duration }

const (
	shortestTrip = 20 * time.Millisecond
	longestTrip  = 600 * time.Millisecond
)

func (s *steps) change(w *world) time.Duration {
	oneWay := scaled(w.fate, shortestTrip, longestTrip) / 2
	w.up.delay, w.down.delay = oneWay, oneWay
	return exponential(w.fate, s.mean)
}

// ntp steps the wall clock of the client.
type ntp struct{ mean time.Duration }

const farthestStep = 2 * time.Minute

func (n *ntp) change(w *world) time.Duration {
	w.client.clock.step(between(w.fate, -farthestStep, farthestStep))
	return exponential(w.fate, n.mean)
}
