package linkhistory

import "time"

// roaming are gaps of both layers in both directions.
type roaming struct {
	mean, longest time.Duration
	dark          []*way // while one is on
}

const (
	shortestGap = 300 * time.Millisecond
	// deadlyGap is the length from which on a gap may be taken for a death.
	deadlyGap = 4 * time.Second
	// excuse is for how long after a deadly gap a verdict may come.
	excuse = 3 * time.Second
)

func (g *roaming) change(w *world) time.Duration {
	if len(g.dark) > 0 {
		w.lighten(g.dark)
		g.dark = nil
		return exponential(w.fate, g.mean)
	}
	g.dark = []*way{&w.up, &w.down}
	w.darken(g.dark)
	lasts := between(w.fate, shortestGap, g.longest)
	if lasts >= deadlyGap {
		w.truth.excusedFrom, w.truth.excusedUntil = w.now, w.now+lasts+excuse
	}
	return lasts
}
