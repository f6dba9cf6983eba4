package sessiontest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-go/holdfast/observer"
)

// Recorder is an observer.Observer that keeps every event of one session. The
// zero value works; it must not be copied. Its methods may be called from any
// goroutine.
type Recorder struct {
	// Then is called with every event after it was recorded, if it is set. It
	// may block, panic, or call the session. Set it before the session starts.
	Then func(observer.Event)

	inside     atomic.Int32 // calls of Observe that are running
	overlapped atomic.Bool  // two were running at the same time

	mu      sync.Mutex
	events  []observer.Event // only ever grows
	next    int              // where Wait reads on
	changed chan struct{}    // closed at the next event; nil: nobody waits
}

// Observe records e. The session calls it.
func (r *Recorder) Observe(e observer.Event) {
	if r.inside.Add(1) > 1 {
		r.overlapped.Store(true)
	}
	defer r.inside.Add(-1)
	r.record(e)
	if r.Then != nil {
		r.Then(e)
	}
}

func (r *Recorder) record(e observer.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// Events returns a copy of what was recorded.
func (r *Recorder) Events() []observer.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// Names returns the names of the events, to be compared with the expected ones.
func (r *Recorder) Names() []string { return namesOf(r.Events()) }

// Text returns the events as Format{} writes them.
func (r *Recorder) Text() string { return Format{}.Text(r.Events()) }

// Check is CheckEvents for what was recorded, after the end of the session. It
// also checks that no two calls of Observe ran at the same time (G4).
func (r *Recorder) Check(tb testing.TB) {
	tb.Helper()
	if r.overlapped.Load() {
		tb.Error("sessiontest: two calls of Observe ran at the same time (G4)")
	}
	CheckEvents(tb, r.Events())
}

// Of returns the recorded events of one type:
//
//	failed := sessiontest.Of[observer.AttemptFailed](&rec)
func Of[E observer.Event](r *Recorder) []E {
	var out []E
	for _, e := range r.Events() {
		if e, ok := e.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

// Last returns the last recorded event of one type, if there is one:
//
//	stopped, ok := sessiontest.Last[observer.Stopped](&rec)
//
// With observer.Event as the type that is the last event of all.
func Last[E observer.Event](r *Recorder) (last E, ok bool) {
	if all := Of[E](r); len(all) > 0 {
		return all[len(all)-1], true
	}
	return last, false
}

// Wait waits for the next event of that name and returns it. Waiting reads on:
// each Wait or WaitFunc begins behind the event that the one before it found,
// so that a test names, in their order, the events that it cares about. An
// unknown name is an error at once, and so is a session that has stopped
// without such an event: that error wraps the status it stopped with. If ctx
// ends first the error wraps its cause.
func (r *Recorder) Wait(ctx context.Context, name string) (observer.Event, error) {
	if !eventNames[name] {
		return nil, fmt.Errorf("sessiontest: waiting for %q: there is no such event", name)
	}
	return r.wait(ctx, name, func(e observer.Event) bool { return e.Name() == name })
}

// WaitFunc is Wait for the next event that satisfies a condition.
func (r *Recorder) WaitFunc(ctx context.Context, match func(observer.Event) bool) (observer.Event, error) {
	return r.wait(ctx, "an event", match)
}

func (r *Recorder) wait(ctx context.Context, what string, match func(observer.Event) bool) (observer.Event, error) {
	for {
		found, stopped, changed := r.read(match)
		switch {
		case found != nil:
			return found, nil
		case stopped != nil:
			return nil, fmt.Errorf("sessiontest: waiting for %s: the session has stopped: %w (%s)", what, stopped.Status, r.tail())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("sessiontest: waiting for %s: %w (%s)", what, context.Cause(ctx), r.tail())
		}
	}
}

// read looks for the event behind the last one that was found, for the end of
// the session, and returns a channel that is closed at the next event. What
// does not match stays unread.
func (r *Recorder) read(match func(observer.Event) bool) (observer.Event, *observer.Stopped, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := r.next; i < len(r.events); i++ {
		if match(r.events[i]) {
			r.next = i + 1
			return r.events[i], nil, nil
		}
	}
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return nil, r.stopped(), r.changed
}

// stopped returns the end of the session if it was recorded.
func (r *Recorder) stopped() *observer.Stopped {
	if len(r.events) == 0 {
		return nil
	}
	if e, ok := r.events[len(r.events)-1].(observer.Stopped); ok {
		return &e
	}
	return nil
}

// tail says what was recorded last.
func (r *Recorder) tail() string {
	names := r.Names()
	if n := len(names); n > 8 {
		names = append([]string{"…"}, names[n-8:]...)
	}
	return "recorded: " + strings.Join(names, " ")
}

func namesOf(events []observer.Event) []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = e.Name()
	}
	return names
}

// eventNames are the names that there are.
var eventNames = func() map[string]bool {
	names := make(map[string]bool)
	for _, e := range observer.Kinds() {
		names[e.Name()] = true
	}
	return names
}()
