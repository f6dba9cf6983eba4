package linkhistory

import (
	"slices"
	"time"
)

// Score is what a detector has made of a family.
type Score struct {
	// P50 and Worst are the times from a death to the first verdict that names a dead
	// layer, of the deaths detected.
	P50, Worst       time.Duration
	Detected, Missed int
	// FalsePer100h counts verdicts on what was alive, per 100 h of Hours.
	FalsePer100h float64
	// Hours is how long links were watched; that a machine slept does not count.
	Hours float64
	// False are those verdicts, the first hundred of them, and FalseTotal is how many
	// there were.
	False      []FalseVerdict
	FalseTotal int
	// Variants are the same by the kind of death; nil for a healthy family.
	Variants []VariantScore
}

// VariantScore is a part of a Score.
type VariantScore struct {
	Name             string
	P50, Worst       time.Duration
	Detected, Missed int
}

// FalseVerdict is a verdict on what was alive.
type FalseVerdict struct {
	Seed    uint64        // of the trial, for Family.Replay
	At      time.Duration // true time in the trial
	Mono    time.Duration // the same on the client's monotonic clock
	Verdict Verdict
	Context string // the conditions of the last seconds
}

// mostFalse is how many a score keeps.
const mostFalse = 100

// tally collects a score.
type tally struct {
	score Score
	took  [variants][]time.Duration
	lost  [variants]int
}

// add takes the outcome of a trial that lasted that long.
func (t *tally) add(r *record, lasted time.Duration) {
	t.score.Hours += lasted.Hours()
	t.score.FalseTotal += len(r.false)
	room := min(mostFalse-len(t.score.False), len(r.false))
	t.score.False = append(t.score.False, r.false[:room]...)
}

// addDeath takes how a death was found.
func (t *tally) addDeath(v variant, r *record) {
	if r.detected {
		t.took[v] = append(t.took[v], r.took)
	} else {
		t.lost[v]++
	}
}

// sum gives the score.
func (t *tally) sum(deadly bool) Score {
	s := &t.score
	if s.Hours > 0 {
		s.FalsePer100h = 100 * float64(s.FalseTotal) / s.Hours
	}
	if !deadly {
		return *s
	}
	var all []time.Duration
	for v, took := range t.took {
		p50, worst := spread(took)
		s.Variants = append(s.Variants, VariantScore{variant(v).String(), p50, worst, len(took), t.lost[v]})
		s.Missed += t.lost[v]
		all = append(all, took...)
	}
	s.P50, s.Worst = spread(all)
	s.Detected = len(all)
	return *s
}

// spread gives the median and the longest, 0 of none.
func spread(d []time.Duration) (p50, worst time.Duration) {
	if len(d) == 0 {
		return 0, 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[(len(d)-1)/2], d[len(d)-1]
}
