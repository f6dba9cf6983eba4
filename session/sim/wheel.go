package sim

// wheel says which clients have something to do in which window of time. A client is
// in it once at a time; older entries of it are stale.
type wheel struct {
	windows [wheelSize][]uint32
	done    int64 // the windows before this one are over
}

const wheelSize = 1024

// put enters a client for a window, or for the last one that there is room for, where
// it is looked at again.
func (w *wheel) put(c *client, window int64) {
	window = min(max(window, w.done), w.done+wheelSize-1)
	if c.queued == window {
		return
	}
	c.queued = window
	slot := &w.windows[window%wheelSize]
	*slot = append(*slot, c.slot)
}

// take gives the entries of the next window. They are valid until the next call of
// take for the same slot.
func (w *wheel) take() (window int64, entries []uint32) {
	window = w.done
	entries = w.windows[window%wheelSize]
	w.windows[window%wheelSize] = entries[:0]
	w.done++
	return window, entries
}

// due is how many entries the next window has, the stale ones included.
func (w *wheel) due() int { return len(w.windows[w.done%wheelSize]) }
