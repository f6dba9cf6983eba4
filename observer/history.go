package observer

import "sync"

// defaultHistory is how many events the zero History keeps.
const defaultHistory = 256

// History is an Observer that keeps the newest events for a post-mortem. The
// zero value keeps 256. It is safe for concurrent use and may watch several
// sessions.
type History struct {
	// Limit is how many events are kept; 0 or less means 256. Do not change it
	// after the first event.
	Limit int

	mu     sync.Mutex
	events []Event // ring; next is the oldest once it is full
	next   int
	total  uint64
}

// Observe adds e and, when full, forgets the oldest event.
func (h *History) Observe(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.total++
	if len(h.events) < h.limit() {
		h.events = append(h.events, e)
		return
	}
	h.events[h.next] = e
	h.next = (h.next + 1) % len(h.events)
}

// Events returns a copy of what is kept, oldest first.
func (h *History) Events() []Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Event, 0, len(h.events))
	out = append(out, h.events[h.next:]...)
	return append(out, h.events[:h.next]...)
}

// Total returns how many events were observed, the forgotten ones included.
func (h *History) Total() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.total
}

func (h *History) limit() int {
	if h.Limit <= 0 {
		return defaultHistory
	}
	return h.Limit
}
