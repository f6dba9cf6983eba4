package linkhistory

import "time"

// bursts lose everything for a moment (the bad state of Gilbert and Elliott), on
// one direction or both, now and then two close together.
type bursts struct {
	mean, longest time.Duration
	dark          []*way // while one is on
}

const (
	shortestBurst = 50 * time.Millisecond
	closePairs    = 5 // one burst in so many has another close behind
)

func (b *bursts) change(w *world) time.Duration {
	if len(b.dark) == 0 {
		b.dark = w.ways()
		w.darken(b.dark)
		return between(w.fate, shortestBurst, b.longest)
	}
	w.lighten(b.dark)
	b.dark = nil
	if oneIn(w.fate, closePairs) {
		return between(w.fate, shortestBurst, b.longest)
	}
	return exponential(w.fate, b.mean)
}

func (w *world) darken(ways []*way) {
	for _, on := range ways {
		on.darken(w.now)
	}
}

func (w *world) lighten(ways []*way) {
	for _, on := range ways {
		on.lighten(w.now)
	}
}
