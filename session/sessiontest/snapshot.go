package sessiontest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/session"
)

// Snapshot is what a Transport has seen up to one moment. It stays as it is
// when the Transport sees more; its slices must not be changed.
type Snapshot struct {
	// Calls are all calls, in the order in which they began, and Running those
	// that have not returned.
	Calls   []Call
	Running []Call
	// Opened are the epochs of the links that were opened and Closed those of
	// the links whose Close was called, in that order.
	Opened []uint64
	Closed []uint64
	// Open are the epochs of the links that are open: opened, and their Close
	// has not returned. MaxOpen is how many of them there were at most.
	Open    []uint64
	MaxOpen int
}

// Snapshot returns what t has seen so far.
func (t *Transport) Snapshot() Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ledger.snapshot()
}

func (l *ledger) snapshot() Snapshot {
	s := Snapshot{
		Calls: slices.Clip(l.calls), Opened: slices.Clip(l.opens), Closed: slices.Clip(l.closes),
		Open: slices.Clone(l.open), MaxOpen: l.maxOpen,
	}
	for _, r := range l.running {
		s.Running = append(s.Running, r.Call)
	}
	return s
}

// Attempts returns what each Connect was asked for; their epochs are in it.
func (s Snapshot) Attempts() []session.Attempt { return attempts(s.Calls) }

// Named returns the calls of one name, such as "Ping".
func (s Snapshot) Named(name string) []Call {
	var out []Call
	for _, c := range s.Calls {
		if c.Name == name {
			out = append(out, c)
		}
	}
	return out
}

// String sums the snapshot up in one line.
func (s Snapshot) String() string {
	text := fmt.Sprintf("attempts %d, opened %d, closed %d, open %d",
		len(s.Attempts()), s.Opened, s.Closed, s.Open)
	if len(s.Running) == 0 {
		return text
	}
	calls := make([]string, len(s.Running))
	for i, c := range s.Running {
		calls[i] = c.String()
	}
	return text + "; running: " + strings.Join(calls, ", ")
}

func attempts(calls []Call) []session.Attempt {
	var out []session.Attempt
	for _, c := range calls {
		if c.Name == "Connect" {
			out = append(out, c.Attempt)
		}
	}
	return out
}

// Mark is a moment in what a Transport has seen.
type Mark struct {
	t             *Transport
	calls, opened int
}

// Mark marks this moment, to ask later what has happened since:
//
//	s.Stop()
//	mark := tr.Mark()
//	<-s.Done()
//	assert.Empty(t, mark.Attempts())
func (t *Transport) Mark() Mark {
	s := t.Snapshot()
	return Mark{t: t, calls: len(s.Calls), opened: len(s.Opened)}
}

// Attempts returns the attempts that have begun since the mark. Those whose
// context had ended before they began are left out: they were stillborn (G8).
func (m Mark) Attempts() []session.Attempt {
	calls := slices.Clone(m.t.Snapshot().Calls[m.calls:])
	return attempts(slices.DeleteFunc(calls, func(c Call) bool { return c.Canceled }))
}

// Opened returns the epochs of the links that were opened since the mark, by
// attempts from before it too.
func (m Mark) Opened() []uint64 { return m.t.Snapshot().Opened[m.opened:] }
