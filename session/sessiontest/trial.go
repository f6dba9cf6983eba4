package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session"
)

// trial is one rule that is being tried on one fixture. Its goroutine is the test's.
type trial struct {
	Fixture
	tb     testing.TB
	rule   *transportRule
	bubble bool

	attempts uint64 // so far; their epochs count from 1
	asked    uint64 // id of the last ping or probe
	subjects []*subject
	sessions []*attached
}

// breaks reports that the rule is broken.
func (t *trial) breaks(format string, args ...any) {
	t.tb.Helper()
	t.tb.Errorf("rule %q is broken: %s\n\tcontract: %s\n\twhat to do: %s",
		t.rule.name, fmt.Sprintf(format, args...), t.rule.contract, t.rule.advice)
}

// cannot ends a rule that could not be tried because something else is wrong, which
// another rule, or the fixture, has to answer for.
func (t *trial) cannot(format string, args ...any) {
	t.tb.Helper()
	t.tb.Fatalf("rule %q could not be tried: %s", t.rule.name, fmt.Sprintf(format, args...))
}

// skip ends a rule that does not apply.
func (t *trial) skip(format string, args ...any) {
	t.tb.Helper()
	t.tb.Skipf("rule %q does not apply: %s", t.rule.name, fmt.Sprintf(format, args...))
}

// finish closes what a rule has left open.
func (t *trial) finish() {
	for _, a := range t.sessions {
		a.abandon()
	}
	for _, s := range t.subjects {
		if !s.closed {
			s.close()
		}
	}
}

// attempt is the next attempt of one session to join.
func (t *trial) attempt() session.Attempt {
	a := t.Attempt
	t.attempts++
	a.Epoch, a.Number, a.Level, a.Timeout = t.attempts, 1, policy.Rejoin, t.Patience
	return a
}

// id gives the next ping or probe its id. They lie apart, so that a wrong one is not
// right by chance.
func (t *trial) id() uint64 {
	t.asked += 101
	return t.asked
}

// result is how a call ended.
type result struct {
	err      error
	returned bool // in time
	took     time.Duration
}

// String says it in words that follow "it".
func (o result) String() string {
	switch {
	case !o.returned:
		return fmt.Sprintf("has not returned after %v", o.took)
	case o.err != nil:
		return fmt.Sprintf("failed: %v", o.err)
	}
	return "succeeded"
}

// within calls f and waits no longer than limit for its return. What has not returned
// by then is left behind.
func (t *trial) within(limit time.Duration, f func() error) result {
	return start(f).wait(limit)
}

// call is one that runs in a goroutine of its own.
type call struct {
	began time.Time
	done  chan struct{} // closed when it has returned; then come
	err   error
	took  time.Duration
}

func start(f func() error) *call {
	c := &call{began: time.Now(), done: make(chan struct{})}
	go c.run(f)
	return c
}

// run calls f, whatever happens in it.
func (c *call) run(f func() error) {
	c.err = &panicked{value: "the goroutine was left with runtime.Goexit"}
	defer func() {
		if v := recover(); v != nil {
			c.err = &panicked{v, debug.Stack()}
		}
		c.took = time.Since(c.began)
		close(c.done)
	}()
	c.err = f()
}

// wait gives the result, at the latest after limit from now on.
func (c *call) wait(limit time.Duration) result {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.done:
		return result{c.err, true, c.took}
	case <-timer.C:
		return result{took: time.Since(c.began)}
	}
}

// panicked is the error of a call that has panicked, or left its goroutine.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("it panicked: %v\n%s", p.value, p.stack) }

// slack is what a call may take beyond the limit that it was given itself.
func slack(limit time.Duration) time.Duration { return limit + limit/4 }

// returns reports whether a call whose context has ended has come back within the
// grace, and complains if not.
func (t *trial) returns(what string, c *call) result {
	t.tb.Helper()
	o := c.wait(slack(t.Grace))
	if !o.returned {
		t.breaks("%s had not returned %v after its context had ended", what, t.Grace)
	}
	return o
}

// holds polls until cond holds; false if it does not within limit. It looks every
// millisecond at first and every hundredth of the limit in the end.
func holds(limit time.Duration, cond func() bool) bool {
	pause := time.Millisecond
	for deadline := time.Now().Add(limit); !cond(); pause = max(time.Millisecond, min(pause+pause/8, limit/100)) {
		if !time.Now().Before(deadline) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}

// linksAre waits until the server knows of n links, no more.
func (t *trial) linksAre(n int) bool {
	return holds(t.Patience, func() bool { return t.Links() <= n })
}

// unsound says what is wrong with an error of a call whose context has not ended;
// "": nothing.
func unsound(err error) (fault string) {
	defer func() {
		if v := recover(); v != nil {
			fault = fmt.Sprintf("an error that panics when it is read: %v", v)
		}
	}()
	var p *panicked
	switch {
	case err == nil:
		return ""
	case errors.As(err, &p):
		return err.Error()
	case strings.TrimSpace(err.Error()) == "":
		return "an error that says nothing"
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("an error of a context, which had not ended: %v", err)
	}
	return ""
}
