package machine

import (
	"math"
	"testing"
	"time"

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
