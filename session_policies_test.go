package holdfast_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// glitchy is a custom policy that finds any loss bad, and says how much.
type glitchy struct{ bad bool }

func (p *glitchy) Evaluate(_ time.Duration, d *health.Data) (healthy, changed bool) {
	bad := d.AudioLoss.At(0) > 0
	changed, p.bad = bad != p.bad, bad
	return !bad, changed
}

func (p *glitchy) Reason(d *health.Data) string { return fmt.Sprintf("%g%% lost", d.AudioLoss.At(0)) }

// losing reports a sample with so much loss.
func (st stage) losing(percent float64) {
	st.tr.Sample(sessiontest.Newest, health.Sample{AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(percent)})
	settle(sec)
}

// A policy of the application's own is told of and, if it is to, reconnects;
// each session has one of its own.
func TestCustomPolicy(t *testing.T) {
	for _, reconnect := range []bool{false, true} {
		t.Run(fmt.Sprintf("reconnect %v", reconnect), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { customPolicy(t, reconnect) })
		})
	}
}

func customPolicy(t *testing.T, reconnect bool) {
	made := 0
	custom := []health.CustomPolicy{{Name: "glitchy", Reconnect: reconnect, New: func() health.Policy { made++; return new(glitchy) }}}
	var recs [2]sessiontest.Recorder
	var stages [2]stage
	for i := range stages {
		tr := new(sessiontest.Transport)
		cfg := production(tr, &recs[i])
		cfg.Health.Custom = custom
		stages[i] = stage{start(t, cfg), tr}
	}
	assert.Equal(t, 2, made, "one for each session, made when it is")
	settle(20 * sec)
	for _, percent := range []float64{0, 3, 4, 0} {
		stages[0].losing(percent)
	}
	told := sessiontest.Of[observer.PolicyChanged](&recs[0])
	require.Len(t, told, 2)
	assert.Equal(t, []any{"glitchy", false, "3% lost"}, []any{told[0].Policy, told[0].Healthy, told[0].Reason})
	assert.Equal(t, []any{"glitchy", true, "0% lost"}, []any{told[1].Policy, told[1].Healthy, told[1].Reason})
	assert.Empty(t, sessiontest.Of[observer.PolicyChanged](&recs[1]))
	lost := sessiontest.Of[observer.Reconnecting](&recs[0])
	if !reconnect {
		assert.Empty(t, lost)
	} else if assert.Len(t, lost, 1) {
		assert.Equal(t, status.ConnectionHealthReconnect, lost[0].Cause.Code)
		assert.EqualError(t, lost[0].Cause.Cause, `health policy "glitchy": 3% lost`)
		assert.Equal(t, session.StateConnected, stages[0].s.State())
	}
	for i, st := range stages {
		finish(t, st.s, st.tr, &recs[i])
	}
	assert.Equal(t, 2, made)
}

// faulty is a custom policy that falls.
type faulty struct{ fall func() }

func (p faulty) Evaluate(time.Duration, *health.Data) (healthy, changed bool) {
	p.fall()
	return true, false
}

// A custom policy that panics, or leaves its goroutine, ends the session with
// RealtimeApiFailed, like everything that is pluggable inside the core (G6).
func TestCustomPolicyThatPanics(t *testing.T) {
	falls := map[string]func(){"panics": func() { panic(errEnough) }, "leaves": runtime.Goexit}
	for how, fall := range falls {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := new(sessiontest.Transport)
				var rec sessiontest.Recorder
				cfg := production(tr, &rec)
				cfg.Health.Custom = []health.CustomPolicy{{Name: "faulty", New: func() health.Policy { return faulty{fall} }}}
				st := stage{start(t, cfg), tr}
				go st.losing(0) // whoever reports may be who decides, and fall with the policy
				settle(5 * sec)
				require.True(t, ended(st.s))
				require.ErrorIs(t, st.s.Err(), status.RealtimeApiFailed)
				var panicked *observer.PanicError
				require.ErrorAs(t, st.s.Err(), &panicked)
				if how == "panics" {
					assert.Equal(t, `health policy "faulty"`, panicked.Where)
					assert.True(t, errors.Is(st.s.Err(), errEnough))
				}
				finish(t, st.s, tr, &rec)
			})
		})
	}
}

// A custom policy may call the session, as long as it does not wait.
func TestCustomPolicyThatCallsTheSession(t *testing.T) {
	for name, m := range methods {
		if m.waits {
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := new(sessiontest.Transport)
				var rec sessiontest.Recorder
				cfg := production(tr, &rec)
				var st stage
				var answers []error
				cfg.Health.Custom = []health.CustomPolicy{{Name: "caller", New: func() health.Policy {
					return faulty{func() { answers = append(answers, m.call(st)) }}
				}}}
				st = stage{start(t, cfg), tr}
				st.losing(0)
				finish(t, st.s, tr, &rec)
				assert.Equal(t, []error{nil}, answers)
			})
		})
	}
}
