package machine

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// wild is a backoff that panics: in the n-th call of NextBackOff, or of Reset.
type wild struct{ next, reset int }

func (w *wild) NextBackOff() time.Duration {
	if w.next--; w.next == 0 {
		panic("no more delays")
	}
	return time.Second
}

func (w *wild) Reset() {
	if w.reset--; w.reset == 0 {
		panic(errProbe)
	}
}

// TestPanicInThePolicy: code that is plugged into the policy and panics ends
// the session with RealtimeApiFailed, and everything is released.
func TestPanicInThePolicy(t *testing.T) {
	with := func(b backoff.BackOff) func(*Config) {
		return func(c *Config) { c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return b } }
	}
	random := func(c *Config) {
		c.Policy.NewBackOff = nil
		c.Random = func() float64 { panic("no randomness") }
	}
	connected := func(r *rig) { r.start(); r.opened(allAbilities); r.tick(); r.tick() }
	for name, c := range map[string]struct {
		change          func(*Config)
		drive           func(r *rig)
		cancels, closes int // of Connects and links, over the whole life
	}{
		"backoff, failed attempt":     {with(&wild{next: 1}), func(r *rig) { r.start(); r.openFailed(status.TaskFailed) }, 0, 0},
		"backoff, status in attempt":  {with(&wild{next: 1}), func(r *rig) { r.start(); r.report(status.TaskFailed) }, 1, 0},
		"backoff, hung attempt":       {with(&wild{next: 1}), func(r *rig) { r.start(); r.tick(); r.openFailed(status.TaskFailed) }, 1, 0},
		"backoff, loss":               {with(&wild{next: 1}), func(r *rig) { connected(r); r.report(status.TaskFailed) }, 0, 1},
		"backoff, loss without cause": {with(&wild{next: 1}), func(r *rig) { connected(r); r.closedBare(status.LayerMedia); r.tick() }, 0, 1},
		"backoff, lost promotion": {with(&wild{next: 1}), func(r *rig) {
			connected(r)
			r.promote(opID)
			r.promoteDone(opID)
			r.report(status.TaskFailed)
		}, 0, 1},
		"backoff, second outage":   {with(&wild{next: 2}), func(r *rig) { connected(r); r.reattempt(); r.opened(0); r.report(status.TaskFailed) }, 0, 2},
		"reset at the start":       {with(&wild{reset: 1}), func(r *rig) { r.start() }, 0, 0},
		"reset when stable":        {with(&wild{reset: 2}), connected, 0, 1},
		"reset at the loss":        {with(&wild{reset: 3}), func(r *rig) { connected(r); r.report(status.TaskFailed) }, 0, 1},
		"random, failed attempt":   {random, func(r *rig) { r.start(); r.openFailed(status.TaskFailed) }, 0, 0},
		"random, loss by the tick": {random, func(r *rig) { connected(r); r.report(status.IncompatibleSDP); r.tick(); r.tick() }, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(c.change)
			require.NotPanics(t, func() {
				c.drive(r)
				r.onlyTime()
			})
			e := r.end(t)
			assert.Equal(t, status.RealtimeApiFailed, e.Status.Code)
			assert.Equal(t, observer.ByFault, e.Initiator)
			var panicked *observer.PanicError
			require.True(t, errors.As(e.Status, &panicked), "%v", e.Status)
			assert.NotEmpty(t, panicked.Stack)
			assert.Equal(t, "stopped/resting", place(r.m))
			assert.Equal(t, c.closes, r.count[CloseLink], "every link is closed, once")
			assert.Equal(t, c.cancels, r.count[CancelOpen], "the Connect is cancelled, once")
			for _, e := range r.told[:len(r.told)-1] {
				assert.NotEqual(t, "Stopped", e.Name())
			}
		})
	}
}

// TestFaultReleasesEverything: a panic in an observer ends the session from
// every situation, within the close grace.
func TestFaultReleasesEverything(t *testing.T) {
	for _, s := range situations {
		r := s.arrive(transitions)
		if r.m.state == observer.StateStopped {
			continue
		}
		busy := r.m.phase == opening || r.m.held // held is held against the world's own account by the explorer
		began := r.now.Mono
		effects := r.do(Input{Kind: Fault, Status: status.New(status.RealtimeApiFailed, fmt.Errorf("observer"))})
		given := len(find(effects, CancelOpen)) + len(find(effects, CloseLink))
		assert.Equal(t, busy, given == 1, "%s: %v", s.name, effects)
		r.onlyTime()
		assert.Equal(t, status.RealtimeApiFailed, r.end(t).Status.Code, s.name)
		assert.LessOrEqual(t, r.now.Mono-began, closeGrace, s.name)
	}
}

// goner is a backoff that leaves its goroutine.
type goner struct{}

func (goner) NextBackOff() time.Duration {
	runtime.Goexit()
	return 0
}
func (goner) Reset() {}

// TestGoexitInThePolicy: code that leaves the goroutine in the middle of an
// input loses no effect: the next input, which ends the session, gives them all.
func TestGoexitInThePolicy(t *testing.T) {
	r := newRig(func(c *Config) { c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return goner{} } })
	r.start()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		r.report(status.AudioInternalServerError)
	}()
	<-gone
	effects := r.do(Input{Kind: Fault, Status: status.New(status.RealtimeApiFailed, errProbe)})
	require.Len(t, find(effects, CancelOpen), 1)
	assert.Equal(t, []string{"AttemptFailed"}, names(effects))
	r.onlyTime()
	assert.Equal(t, status.RealtimeApiFailed, r.end(t).Status.Code)
	for i, e := range r.told {
		assert.Equal(t, uint64(i+1), e.Head().Seq, "no gap")
	}
}
