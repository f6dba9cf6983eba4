package chaos

import (
	"context"
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
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			bad, broken, cover := Hunt(Range{Count: 1000}, nil, onThisGoroutine(func(s *Script, cover *Coverage) Trace {
				return CheckRuntime(t, s, tt.make, cover)
			}))
			require.NotNil(t, bad, "not found in %d scripts", cover.Scripts)
			assert.Contains(t, tt.rules, broken.Rule, broken.Text)
			f := FoundInRuntime(t, bad, tt.make, broken)
			t.Logf("found after %d scripts, %s; %d+%d steps and answers, of %d+%d, in %d runs: %s", bad.Seed+1, time.Since(begun).Round(time.Millisecond),
				len(f.Script.Steps), len(f.Script.Answers), len(f.Original.Steps), len(f.Original.Answers), f.Tries, f.Broken.Rule)
			assert.LessOrEqual(t, len(f.Script.Steps)+len(f.Script.Answers), 8, "%s", f)
		})
	}
}
