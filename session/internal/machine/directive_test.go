package machine

import (
	"math"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// asking is a status with which a server asks for time.
func asking(d time.Duration) status.Status {
	return status.Status{Code: status.AudioServiceUnavailable, Wire: 503, Directive: &status.Directive{RetryAfter: d}}
}

// TestRetryAfter: what a server asks for is waited for, whenever it says so, and is
// not the client's time.
func TestRetryAfter(t *testing.T) {
	const wish = 20 * time.Second
	lost := func(r *rig) { r.do(Input{Kind: Reported, Epoch: r.m.epoch, Status: asking(wish)}) }
	for name, drive := range map[string]func(r *rig){
		"with the loss": lost,
		"when an attempt fails": func(r *rig) {
			r.report(status.TaskFailed)
			r.next()
			r.do(Input{Kind: OpenFailed, Epoch: r.m.epoch, Status: asking(wish)})
		},
		"when an attempt is turned away": func(r *rig) {
			r.report(status.TaskFailed)
			r.next()
			lost(r)
		},
		"when a restart fails": func(r *rig) {
			r.loseLayer(status.LayerMedia)
			r.next()
			r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Status: asking(wish)})
		},
		"with the reason": func(r *rig) { r.closedBare(status.LayerSignaling); lost(r) },
		"with the close": func(r *rig) {
			r.do(Input{Kind: LinkClosed, Epoch: r.m.epoch, Layer: status.LayerSignaling, Status: asking(wish)})
		},
		"with a close that is no failure": func(r *rig) {
			r.do(Input{Kind: LinkClosed, Epoch: r.m.epoch, Layer: status.LayerSignaling, Status: status.Status{Directive: &status.Directive{RetryAfter: wish}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := kept(restorable)
			begun := r.now.Mono
			drive(r)
			e := r.told[len(r.told)-1].(observer.RetryScheduled)
			assert.Equal(t, wish+retryDelay, e.Decision.Delay)
			assert.Equal(t, policy.RuleDelay, e.Decision.Rule)
			due, _ := r.m.timers.at(tRetry)
			assert.Equal(t, wish+retryDelay, due-r.now.Mono)
			end, _ := r.m.retries.Deadline()
			assert.Equal(t, elapsedBudget+wish+retryDelay, end-begun)
		})
	}
}

// TestRetryAfterExtends: what is asked for is on top of the budget, up to a limit,
// so that a session in good hands outlives its budget, and one in bad hands does not
// live for ever.
func TestRetryAfterExtends(t *testing.T) {
	for _, wish := range []time.Duration{0, -time.Hour, math.MinInt64, 1, time.Second, time.Minute, 10 * 365 * 24 * time.Hour, math.MaxInt64} {
		r := kept(0, budget(10*time.Second), extension(30*time.Second))
		begun := r.now.Mono
		r.do(Input{Kind: Reported, Epoch: r.m.epoch, Status: asking(wish)})
		for n := 0; r.m.state != observer.StateStopped; n++ {
			require.Less(t, n, 1000)
			if r.m.phase == opening {
				r.do(Input{Kind: OpenFailed, Epoch: r.m.epoch, Status: asking(wish)})
			} else {
				r.goOn()
			}
		}
		e := r.end(t)
		assert.Equal(t, policy.RefusedElapsed, e.Decision.Refusal, wish.String())
		assert.LessOrEqual(t, r.now.Mono-begun, 40*time.Second, wish.String())
		assert.GreaterOrEqual(t, r.now.Mono-begun, 10*time.Second, wish.String())
		assert.Equal(t, wish >= time.Second, r.now.Mono-begun > 11*time.Second, wish.String())
	}
}

// TestRetryAfterBeyondTheBudget: an attempt that would come after the end does not
// come; the session ends then, and not before.
func TestRetryAfterBeyondTheBudget(t *testing.T) {
	r := kept(0, budget(10*time.Second), extension(0))
	begun := r.now.Mono
	r.do(Input{Kind: Reported, Epoch: r.m.epoch, Status: asking(time.Minute)})
	r.settleOld()
	r.tick()
	assert.Equal(t, 10*time.Second, r.now.Mono-begun)
	assert.Equal(t, status.AudioServiceUnavailable, r.end(t).Status.Code)
}

// TestRetryAfterWhileWaiting: what a server asks for when the next attempt is
// scheduled already puts that off, but never brings it forward, nor costs the budget
// a thing; no hint shortens it.
func TestRetryAfterWhileWaiting(t *testing.T) {
	ask := func(r *rig, d time.Duration) {
		r.do(Input{Kind: Reported, Epoch: r.m.epoch, Status: asking(d)})
	}
	t.Run("for more", func(t *testing.T) {
		r := waitingFor(10 * time.Second)
		end, _ := r.m.retries.Deadline()
		r.wait(time.Second)
		begun := r.now.Mono
		ask(r, 20*time.Second)
		r.hint(observer.NetworkUp)
		r.next()
		assert.Equal(t, 30*time.Second, r.now.Mono-begun, "and spread")
		now, _ := r.m.retries.Deadline()
		assert.Equal(t, end, now)
	})
	t.Run("for less", func(t *testing.T) {
		r := waitingFor(10 * time.Second)
		due, _ := r.m.timers.at(tRetry)
		r.m.cfg.Policy.MaxRetryAfter = 1
		ask(r, time.Hour)
		now, _ := r.m.timers.at(tRetry)
		assert.Equal(t, due+1, now)
		r.hint(observer.NetworkUp)
		now, _ = r.m.timers.at(tRetry)
		assert.Equal(t, due+1, now)
	})
	t.Run("a little later", func(t *testing.T) {
		r := kept(0)
		r.report(status.AudioInternalServerError)
		r.wait(retryDelay / 2)
		due, _ := r.m.timers.at(tRetry)
		ask(r, -time.Second)
		now, _ := r.m.timers.at(tRetry)
		assert.Equal(t, due, now, "for nothing")
	})
	t.Run("for more than is left", func(t *testing.T) {
		r := waitingFor(time.Second, budget(10*time.Second))
		begun := r.now.Mono
		ask(r, time.Minute)
		r.tick()
		assert.Equal(t, 10*time.Second, r.now.Mono-begun)
		assert.Equal(t, policy.RefusedElapsed, r.end(t).Decision.Refusal)
	})
	t.Run("when the attempt is due", func(t *testing.T) {
		r := kept(0)
		r.report(status.AudioInternalServerError)
		r.tick()
		require.True(t, r.m.retryDue)
		begun := r.now.Mono
		ask(r, 20*time.Second)
		assert.Empty(t, find(r.closeDone(), Open))
		r.next()
		assert.Equal(t, 21*time.Second, r.now.Mono-begun)
	})
	t.Run("no delay is drawn for nothing", func(t *testing.T) {
		g := &growing{}
		r := kept(0, func(c *Config) { c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return g } })
		r.report(status.AudioInternalServerError)
		drawn := g.calls
		r.report(status.AudioInternalServerError)
		assert.Equal(t, drawn, g.calls)
	})
}
