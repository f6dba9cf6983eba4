package linktrial

import (
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/health"
)

// Score is how a detector did in a family.
type Score struct {
	// Hours of healthy link were watched, with so many false verdicts.
	Hours float64
	False []FalseVerdict
	// Detected are the times from death to verdict, in order; Missed had none
	// within Patience.
	Detected []time.Duration
	Missed   int
}

// Patience is how long after a death a verdict is waited for.
const Patience = 2 * time.Minute

// FalseVerdict is one on a link that was not dead.
type FalseVerdict struct {
	Seed uint64
	At   time.Duration
	Dead health.Layers
}

// FalsePer100h is the rate of false verdicts.
func (s *Score) FalsePer100h() float64 {
	if s.Hours == 0 {
		return 0
	}
	return float64(len(s.False)) * 100 / s.Hours
}

// Quantile gives the time within which that share of the deaths was found; 0
// without any.
func (s *Score) Quantile(q float64) time.Duration {
	if len(s.Detected) == 0 {
		return 0
	}
	return s.Detected[min(int(q*float64(len(s.Detected))), len(s.Detected)-1)]
}

// Trial says how a family is run.
type Trial struct {
	// Seed is that of the first history; the next ones follow.
	Seed uint64
	// Hours of a healthy family, or Deaths of another.
	Hours, Deaths int
	// Probing says that the link can probe media.
	Probing bool
	// New makes a detector.
	New func() Watcher
}

// Run scores a detector.
func (f Family) Run(t Trial) (s Score) {
	if !f.Death {
		for i := range t.Hours {
			f.hour(t, t.Seed+uint64(i), &s)
		}
		return s
	}
	for i := range t.Deaths {
		f.dying(t, t.Seed+uint64(i), &s)
	}
	slices.Sort(s.Detected)
	return s
}

// hour watches a healthy link.
func (f Family) hour(t Trial, seed uint64, s *Score) {
	h := newHistory(seed, time.Hour)
	f.shape(h)
	h.judged()
	var w *world
	w = newWorld(h, t.Probing, t.New(), func(dead health.Layers) {
		if !h.dead.cover(w.now) {
			s.False = append(s.False, FalseVerdict{seed, w.now, dead})
		}
	})
	w.run(h.end)
	s.Hours += h.end.Hours()
}

// dying watches a link until it is found dead.
func (f Family) dying(t Trial, seed uint64, s *Score) {
	h := newHistory(seed, 2*time.Minute+Patience)
	f.shape(h)
	h.judged()
	found := time.Duration(0)
	var w *world
	w = newWorld(h, t.Probing, t.New(), func(dead health.Layers) {
		switch {
		case w.now < h.death:
			s.False = append(s.False, FalseVerdict{seed, w.now, dead})
		case found == 0:
			found = w.now - h.death
			h.end = w.now
		}
	})
	for found == 0 && w.now < h.death+Patience {
		w.run(min(w.now+100*time.Millisecond, h.death+Patience))
	}
	s.Hours += h.death.Hours()
	if found == 0 {
		s.Missed++
		return
	}
	s.Detected = append(s.Detected, found)
}
