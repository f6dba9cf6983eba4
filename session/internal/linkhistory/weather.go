package linkhistory

import "time"

// weather is something that befalls the path or the client again and again.
type weather interface {
	// change lets it go on to its next state and says for how long.
	change(w *world) time.Duration
}

// befall adds a weather that changes first in that time.
func (w *world) befall(in time.Duration, weather weather) {
	w.weathers = append(w.weathers, weather)
	w.after(in, weatherTurns, uint64(len(w.weathers)-1))
}

func (w *world) turn(number uint64) {
	if again := w.weathers[number].change(w); again < never {
		w.after(again, weatherTurns, number)
	}
}

// ways picks one of the directions, or both.
func (w *world) ways() []*way {
	both := []*way{&w.up, &w.down}
	switch w.fate.IntN(3) {
	case 0:
		return both[:1]
	case 1:
		return both[1:]
	}
	return both
}

// wander changes the content now and then.
type wander struct{ mean time.Duration }

func (c *wander) change(w *world) time.Duration {
	if night := w.truth.hushedUntil - w.now; night > 0 {
		return night // nobody is there to notice
	}
	w.hold(Content(w.fate.IntN(int(contents))))
	return exponential(w.fate, c.mean)
}

// hold begins a content.
func (w *world) hold(c Content) {
	w.talker.start(w.now, c)
	w.client.declare()
}
