package chaos

import (
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session"
)

// lying makes sessions that run by another config than they were given.
func lying(change func(*session.Config)) NewSession {
	return func(c session.Config) (*session.Session, error) {
		change(&c)
		return session.New(c)
	}
}

// between is a transport that tampers with what goes to and fro.
type between struct {
	session.Transport
	before func(context.Context, *session.Attempt) context.Context
	after  func(session.Link) session.Link
}

func (b between) Connect(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
	if b.before != nil {
		ctx = b.before(ctx, &a)
	}
	l, err := b.Transport.Connect(ctx, a, r)
	if err == nil && l != nil && b.after != nil {
		l = b.after(l)
	}
	return l, err
}

func tampering(b between) NewSession {
	return lying(func(c *session.Config) {
		b.Transport = c.Transport
		c.Transport = b
	})
}

// closing is a link with a Close of its own.
type closingLink struct {
	session.Link
	close func(context.Context, session.Link) error
}

func (l closingLink) Close(ctx context.Context) error { return l.close(ctx, l.Link) }
func (l closingLink) Unwrap() session.Link            { return l.Link }

func closingBy(f func(context.Context, session.Link) error) NewSession {
	return tampering(between{after: func(l session.Link) session.Link { return closingLink{l, f} }})
}

// observing makes sessions of which what observers hear passes through something: the
// first one that is fast, and the second one, which may be slow.
func observing(change func(fast, second observer.Observer) (observer.Observer, observer.Observer)) NewSession {
	return lying(func(c *session.Config) { c.Observers[0], c.Observers[1] = change(c.Observers[0], c.Observers[1]) })
}

// secondBy is a second observer that hears what f hands on.
func secondBy(f func(e observer.Event, hand func(observer.Event))) NewSession {
	return observing(func(fast, second observer.Observer) (observer.Observer, observer.Observer) {
		return fast, observer.Func(func(e observer.Event) { f(e, second.Observe) })
	})
}

// inTurn lets one observer be called at a time.
func inTurn(fast, second observer.Observer) (observer.Observer, observer.Observer) {
	turn := make(chan struct{}, 1)
	one := func(o observer.Observer) observer.Observer {
		return observer.Func(func(e observer.Event) {
			turn <- struct{}{}
			defer func() { <-turn }()
			o.Observe(e)
		})
	}
	return one(fast), one(second)
}

// waiting is a session that waits for the second observer before it takes a random
// number.
func waiting(c *session.Config) {
	turn, random, second := make(chan struct{}, 1), c.Random, c.Observers[1]
	c.Observers[1] = observer.Func(func(e observer.Event) {
		turn <- struct{}{}
		defer func() { <-turn }()
		second.Observe(e)
	})
	c.Random = func() float64 {
		turn <- struct{}{}
		defer func() { <-turn }()
		return random()
	}
}

// hoard lets any number of events wait for an observer.
type hoard struct {
	observer.Observer
	wake func() // has another event told

	mu      sync.Mutex
	queue   []observer.Event
	running bool
	fell    atomic.Bool
}

// Observe keeps the event, and panics if an earlier one has led to that.
func (h *hoard) Observe(e observer.Event) {
	h.mu.Lock()
	if h.queue = append(h.queue, e); !h.running {
		h.running = true
		go h.deliver()
	}
	h.mu.Unlock()
	if h.fell.CompareAndSwap(true, false) {
		panic(errSeeded)
	}
}

func (h *hoard) deliver() {
	for e := h.next(); e != nil; e = h.next() {
		if hushed(func() { h.Observer.Observe(e) }) {
			h.fell.Store(true)
			h.wake()
		}
	}
}

func (h *hoard) next() (e observer.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running = len(h.queue) > 0; h.running {
		e, h.queue = h.queue[0], h.queue[1:]
	}
	return e
}

// hoarding is a session whose second observer has a hoard.
func hoarding(c session.Config) (s *session.Session, err error) {
	c.Observers[1] = &hoard{Observer: c.Observers[1], wake: func() { s.Hint(session.Woke) }}
	s, err = session.New(c)
	return s, err
}

// hushed calls f and swallows its panic. It reports whether there was one.
func hushed(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return false
}

// stopping is a session for which a panic in a callback is the same as a Stop.
func stopping(c session.Config) (s *session.Session, err error) {
	second := c.Observers[1]
	c.Observers[1] = observer.Func(func(e observer.Event) {
		if hushed(func() { second.Observe(e) }) {
			s.Stop()
		}
	})
	s, err = session.New(c)
	return s, err
}

// startled has the fast observer hear nothing any more when the second one panics.
func startled(fast, second observer.Observer) (observer.Observer, observer.Observer) {
	var panicked atomic.Bool
	return observer.Func(func(e observer.Event) {
			if !panicked.Load() {
				fast.Observe(e)
			}
		}), observer.Func(func(e observer.Event) {
			if hushed(func() { second.Observe(e) }) {
				panicked.Store(true)
				panic(errSeeded)
			}
		})
}

// unless hands on all events but those of one kind.
func unless[E observer.Event](e observer.Event, hand func(observer.Event)) {
	if _, is := e.(E); !is {
		hand(e)
	}
}

// Faults of a runtime, brought about from outside, are found in sessions as well.
func TestFaultsOfTheRuntimeAreFound(t *testing.T) {
	alone(t)
	first := map[string]session.Credentials{}
	for name, tt := range map[string]struct {
		make  NewSession
		rules []string
	}{
		"the close grace is longer":  {lying(func(c *session.Config) { c.CloseGrace += 4 * time.Second }), []string{ruleInTime}},
		"the budget begins anew":     {lying(func(c *session.Config) { c.Policy.StableAfter = 0 }), []string{ruleBudget}},
		"the budget is half as long": {lying(func(c *session.Config) { c.Policy.Budget.Elapsed /= 2 }), []string{ruleGiveUp}},
		"the limiter is not asked":   {lying(func(c *session.Config) { c.Limiter = nil }), []string{ruleLimiter}},
		"a link is not closed":       {closingBy(func(context.Context, session.Link) error { return nil }), []string{ruleOneLink, ruleClosed}},
		"a link is closed twice":     {closingBy(func(ctx context.Context, l session.Link) error { _ = l.Close(ctx); return l.Close(ctx) }), []string{ruleClosed}},
		"a context is not cancelled": {tampering(between{before: func(ctx context.Context, _ *session.Attempt) context.Context { return context.WithoutCancel(ctx) }}), []string{ruleOneLink, ruleTerminal}},
		"the same credentials once more": {tampering(between{before: func(ctx context.Context, a *session.Attempt) context.Context {
			if a.Epoch == 1 {
				first["all"] = a.Credentials
			}
			a.Credentials = first["all"]
			return ctx
		}}), []string{ruleCredentials}},
		"a goroutine is left behind": {tampering(between{after: func(l session.Link) session.Link {
			go func() { <-make(chan int) }()
			return l
		}}), []string{ruleLeftovers}},
		"an event is swallowed": {lying(func(c *session.Config) {
			heard := c.Observers[0]
			c.Observers[0] = observer.Func(func(e observer.Event) {
				if _, is := e.(observer.Recovered); !is {
					heard.Observe(e)
				}
			})
		}), []string{ruleEvents, ruleView}},
		"nothing is recorded": {lying(func(c *session.Config) {
			if c.Recorder != nil {
				c.Recorder = session.NewRecorder(io.Discard)
			}
		}), []string{ruleReplay}},
		"observers hear in turn":                  {observing(inTurn), []string{ruleDelays, ruleView}},
		"the session waits for a slow observer":   {lying(waiting), []string{ruleDelays, ruleEnds}},
		"events wait without a limit":             {hoarding, []string{ruleMissed}},
		"what a slow observer misses is not told": {secondBy(unless[observer.Missed]), []string{ruleOrder}},
		"Missed counts an outage too many": {secondBy(func(e observer.Event, hand func(observer.Event)) {
			if m, is := e.(observer.Missed); is {
				m.Outages++
				e = m
			}
			hand(e)
		}), []string{ruleMissed}},
		"an observer is waited for too long":      {lying(func(c *session.Config) { c.ObserverGrace = 2 * observerGrace }), []string{ruleGrace, ruleInTime}},
		"an observer is given up too soon":        {lying(func(c *session.Config) { c.ObserverGrace = observerGrace / 2 }), []string{ruleGrace}},
		"the second observer is not told the end": {secondBy(unless[observer.Stopped]), []string{ruleGrace}},
		"a panic of an observer is swallowed": {secondBy(func(e observer.Event, hand func(observer.Event)) {
			hushed(func() { hand(e) })
		}), []string{rulePanic}},
		"a panic of an observer passes for a Stop":    {stopping, []string{rulePanic, ruleReason}},
		"when one observer panics, the other is deaf": {observing(startled), []string{rulePanic}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			bad, broken, cover := Hunt(Range{Count: 1000}, nil, onThisGoroutine(func(s *Script, cover *Coverage) Trace {
				return checkRuntime(t, s, tt.make, cover, slices.Contains(tt.rules, ruleReplay))
			}))
			require.NotNil(t, bad, "not found in %d scripts", cover.Scripts)
			assert.Contains(t, tt.rules, broken.Rule, broken.Text)
			if raceEnabled {
				return // shrinking is more of the same
			}
			f := FoundInRuntime(t, bad, tt.make, broken)
			t.Logf("found after %d scripts, %s; %d+%d steps and answers, of %d+%d, in %d runs: %s", bad.Seed+1, time.Since(begun).Round(time.Millisecond),
				len(f.Script.Steps), len(f.Script.Answers), len(f.Original.Steps), len(f.Original.Answers), f.Tries, f.Broken.Rule)
			assert.LessOrEqual(t, len(f.Script.Steps)+len(f.Script.Answers), 8, "%s", f)
		})
	}
}
