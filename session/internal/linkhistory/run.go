package linkhistory

import "time"

// trialHours is how long a trial of a healthy family lasts at most.
const trialHours = 1.0

// Run drives a new watcher through each of several trials and scores them all.
// Amount is hours of a healthy family, in trials of an hour, or deaths of a
// deadly one; probe says whether clients can probe media.
func (f Family) Run(seed uint64, amount float64, probe bool, newWatcher func() Watcher) Score {
	var t tally
	for n := uint64(0); amount > 0; n++ {
		f.trial(&t, trialSeed(seed, n), min(amount, trialHours), probe, newWatcher())
		amount -= trialHours
	}
	return t.sum(f.Deadly)
}

// Replay repeats the one trial of that seed, as a FalseVerdict names it, with an
// hour at most.
func (f Family) Replay(seed uint64, probe bool, watcher Watcher) Score {
	var t tally
	f.trial(&t, seed, trialHours, probe, watcher)
	return t.sum(f.Deadly)
}

// trialSeed gives the trials of neighbouring seeds nothing in common.
func trialSeed(seed, n uint64) uint64 { return seed<<32 + n }

// trial runs one trial.
func (f *Family) trial(t *tally, seed uint64, hours float64, probe bool, watcher Watcher) {
	w := newWorld(seed)
	w.client.canProbe = probe
	if f.shape != nil {
		f.shape(w)
	}
	if f.Deadly {
		t.addDeath(f.runDeath(w, seed, watcher), &w.record)
	} else {
		w.connect(watcher)
		w.run(time.Duration(hours * float64(time.Hour)))
	}
	t.add(&w.record, w.now-w.asleep)
}

// runDeath runs a trial to its death and says which kind of death it was.
func (f *Family) runDeath(w *world, seed uint64, watcher Watcher) variant {
	d := f.death
	d.variant = pick(seed)
	w.hold(Talk)
	d.prepare(w)
	w.connect(watcher)
	w.run(never)
	return d.variant
}
