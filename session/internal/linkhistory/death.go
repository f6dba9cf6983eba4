package linkhistory

import "time"

// death is the end of a trial: from some time on nothing of the layers up and
// down passes.
type death struct {
	up, down Verdict
	answered Verdict // MediaDead: binding requests are answered all the same
	variant  variant
}

// variant is what goes before a death.
type variant uint8

const (
	talking variant = iota
	quiet
	stalled // the death is in a stall, or just after it
	variants
)

// String names the variant.
func (v variant) String() string { return [...]string{"talking", "quiet", "stalled"}[v] }

// pick gives three trials of five of the plain kind, and one of each other.
func pick(seed uint64) variant { return variant(max(int(seed%5)-2, 0)) }

const (
	earliestDeath = time.Minute
	latestDeath   = 2 * time.Minute
	patience      = 2 * time.Minute // within which a death must be detected
	settled       = 20 * time.Second
)

// prepare lets the death come, and what goes before it.
func (d *death) prepare(w *world) {
	at := between(w.fate, earliestDeath, latestDeath)
	switch d.variant {
	case quiet:
		w.hold([]Content{DTX, Mute, Alone}[w.fate.IntN(3)])
	case stalled:
		w.befall(at-between(w.fate, 0, 2*time.Second), new(lastStall))
	}
	w.befall(at, d)
}

// change is the death. A client that has lost its link by mistake gets the time to
// settle first.
func (d *death) change(w *world) time.Duration {
	if !w.client.linked || w.now-w.client.since < settled {
		return settled
	}
	w.die(d.up, d.down)
	w.truth.answered, w.truth.final = d.answered, true
	if p := w.client.pause; p.on {
		w.truth.at = p.until
	}
	w.end = min(w.end, w.truth.at+patience)
	return never
}

// lastStall is a stall about the time of the death.
type lastStall struct{}

func (*lastStall) change(w *world) time.Duration {
	w.stall(scaled(w.fate, 500*time.Millisecond, 10*time.Second))
	return never
}
