package health

// WindowSize is the most values a Window holds: a minute at one report a second
// (reference).
const WindowSize = 60

// Window holds the last WindowSize values, newest first. The zero value is
// empty. Only the first Push allocates, so that what never pushes stays small.
// Plain copies share the values: copy with Clone.
type Window struct {
	values *[WindowSize]float64 // ring; nil while empty
	newest uint8                // index of the newest value; always < WindowSize
	length uint8                // how many are valid; always <= WindowSize
}

// Clone gives an independent copy.
func (w *Window) Clone() Window {
	c := *w
	if w.values != nil {
		values := *w.values
		c.values = &values
	}
	return c
}

// Push adds v as the newest value; a full window loses its oldest.
func (w *Window) Push(v float64) {
	if w.values == nil {
		w.values = new([WindowSize]float64)
	}
	w.newest = (w.newest + 1) % WindowSize
	w.values[w.newest] = v
	w.length = min(w.length+1, WindowSize)
}

// Len gives the number of values, 0 to WindowSize.
func (w *Window) Len() int { return int(w.length) }

// At gives the value that was pushed i pushes before the newest, so At(0) is the
// newest itself. An index outside 0 to Len()-1 gives 0.
func (w *Window) At(i int) float64 {
	if i < 0 || i >= w.Len() {
		return 0
	}
	return w.values[(int(w.newest)+WindowSize-i)%WindowSize]
}

// Sum adds the newest n values, from the newest on (floating point makes the
// order matter). It adds all of them if there are fewer, and gives 0 for a
// negative n.
func (w *Window) Sum(n int) float64 {
	sum, at := 0.0, int(w.newest)
	for range min(n, w.Len()) {
		sum += w.values[at]
		if at--; at < 0 {
			at = WindowSize - 1
		}
	}
	return sum
}
