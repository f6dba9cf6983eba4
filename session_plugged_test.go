package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// unruly is a backoff that does what it is told to.
type unruly struct {
	next, reset func()
	wait        time.Duration
}

func (u unruly) NextBackOff() time.Duration { u.next(); return u.wait }
func (u unruly) Reset()                     { u.reset() }

func nothing() {}

// after calls f, but not the first n times.
func after(n int, f func()) func() {
	return func() {
		if n--; n < 0 {
			f()
		}
	}
}

// What is pluggable inside the core may panic, or leave its goroutine: the
// session ends with RealtimeApiFailed, everything that was told before is heard,
// and what was open is closed (G6).
func TestPolicyThatPanics(t *testing.T) {
	falls := map[string]func(){"panics": func() { panic(errEnough) }, "leaves": runtime.Goexit}
	plugs := map[string]func(*session.Config, func()){
		"the backoff": func(c *session.Config, f func()) {
			c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return unruly{f, nothing, sec} }
		},
		"the reset of the backoff": func(c *session.Config, f func()) {
			c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return unruly{nothing, f, sec} }
		},
		"the random source": func(c *session.Config, f func()) {
			c.Random = func() float64 { f(); return 0 }
		},
	}
	lives := map[string]scenario{
		"when an attempt fails": {transport: script(fail(nil), fail(nil), fail(nil), fail(nil))},
		"when a link is lost": {transport: script(), acts: []act{
			report(20*sec, 1, lost), report(40*sec, 2, lost), report(60*sec, 3, lost),
		}},
		"when no reason comes": {transport: script(), acts: []act{
			closed(20*sec, 1, status.LayerSignaling), closed(40*sec, 2, status.LayerSignaling), closed(60*sec, 3, status.LayerSignaling),
		}},
		"when an attempt runs out of time": {transport: script(hang("ICE"), hang("ICE"), hang("ICE"), hang("ICE"))},
		"when the attendee does not come":  {transport: script(), config: func(c *session.Config) { c.PresenceTimeout = sec }},
	}
	fell := 0
	for how, fall := range falls {
		for what, plug := range plugs {
			for when, life := range lives {
				for n := range 2 {
					t.Run(fmt.Sprintf("%s/%s/%s/%d", what, how, when, n), func(t *testing.T) {
						reached := false
						synctest.Test(t, func(t *testing.T) {
							breakPolicy(t, life, &reached, func(c *session.Config) {
								plug(c, after(n, func() { reached = true; fall() }))
							})
						})
						if reached {
							fell++
						}
					})
				}
			}
		}
	}
	assert.Equal(t, 58, fell, "all but two: an endless first connect resets its backoff once")
}

// breakPolicy plays a session whose policy falls, and checks its end if it did.
func breakPolicy(t *testing.T, sc scenario, fell *bool, plug func(*session.Config)) {
	sc.length = 2 * time.Minute
	sc.acts = slices.Clone(sc.acts)
	for i, a := range sc.acts { // whoever reports may be who decides, and fall with the policy
		sc.acts[i].do = func(st stage) { go a.do(st) }
	}
	tr := sc.transport()
	var rec sessiontest.Recorder
	cfg := production(tr, &rec)
	plug(&cfg)
	if sc.config != nil {
		sc.config(&cfg)
	}
	s := newSession(t, cfg)
	starting(s)
	(&performance{scenario: sc, stage: stage{s, tr}}).perform()
	if assert.Equal(t, *fell, ended(s), "%v", s.State()); *fell {
		assert.ErrorIs(t, s.Err(), status.RealtimeApiFailed)
		var panicked *observer.PanicError
		assert.ErrorAs(t, s.Err(), &panicked)
		stopped, _ := sessiontest.Last[observer.Stopped](&rec)
		assert.Equal(t, observer.ByFault, stopped.Initiator)
	}
	finish(t, s, tr, &rec)
}

// What runs inside the core may call the session, as long as it does not wait.
func TestPolicyThatCallsTheSession(t *testing.T) {
	for name, m := range methods {
		if m.waits {
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := sessiontest.Script(fail(nil).Times(3))
				var rec sessiontest.Recorder
				cfg := production(tr, &rec)
				var st stage
				var answers []error
				cfg.Random = func() float64 {
					answers = append(answers, m.call(st))
					return 0.5
				}
				st = stage{newSession(t, cfg), tr}
				starting(st.s)
				settle(time.Minute)
				finish(t, st.s, tr, &rec)
				assert.NotEmpty(t, answers)
				for _, err := range answers {
					assert.NoError(t, err)
				}
			})
		})
	}
}

// A transport that panics, or leaves its goroutine, fails what it was asked for
// and nothing more.
func TestTransportThatPanics(t *testing.T) {
	falls := map[string]sessiontest.Step{"panics": sessiontest.Panic(errEnough), "leaves": sessiontest.Exit()}
	for how, fall := range falls {
		panicked := func(t *testing.T, err error) {
			t.Helper()
			var p *observer.PanicError
			assert.ErrorAs(t, err, &p)
			assert.Equal(t, how == "panics", errors.Is(err, errEnough), "%v", err)
		}
		recovered := func(t *testing.T, st stage, rec *sessiontest.Recorder) {
			settle(20 * sec)
			require.Equal(t, session.StateConnected, st.s.State())
			e, ok := sessiontest.Last[observer.Recovered](rec)
			require.True(t, ok, rec.Text())
			assert.Equal(t, status.TaskFailed, e.Outage.First.Code)
			panicked(t, e.Outage.First)
		}
		tests := map[string]struct {
			first sessiontest.Step
			play  func(*testing.T, stage, *sessiontest.Recorder)
		}{
			"Connect": {fall, func(t *testing.T, st stage, rec *sessiontest.Recorder) {
				failed := sessiontest.Of[observer.AttemptFailed](rec)
				require.Len(t, failed, 1)
				assert.Equal(t, status.TaskFailed, failed[0].Status.Code)
				panicked(t, failed[0].Status)
			}},
			"Ping":       {ok().With(sessiontest.Link{Ping: fall}), recovered},
			"ProbeMedia": {ok().With(sessiontest.Link{Probe: fall}), recovered},
			"Update": {ok().With(sessiontest.Link{Update: fall}), func(t *testing.T, st stage, rec *sessiontest.Recorder) {
				st.tr.Report(1, status.IncompatibleSDP)
				recovered(t, st, rec)
			}},
			"Promote": {ok().With(sessiontest.Link{Promote: fall}), func(t *testing.T, st stage, rec *sessiontest.Recorder) {
				err := st.s.Promote(t.Context(), session.Credentials{})
				assert.ErrorIs(t, err, status.TaskFailed)
				panicked(t, err)
				assert.False(t, st.s.Snapshot().Promoted)
				assert.Empty(t, sessiontest.Of[observer.Promoted](rec))
			}},
			"Demote": {ok().With(sessiontest.Link{Promote: ok(), Demote: fall}), func(t *testing.T, st stage, rec *sessiontest.Recorder) {
				require.NoError(t, st.s.Promote(t.Context(), session.Credentials{}))
				err := st.s.Demote(t.Context())
				assert.ErrorIs(t, err, status.TaskFailed)
				panicked(t, err)
				assert.False(t, st.s.Snapshot().Promoted)
				synctest.Wait()
				assert.Len(t, sessiontest.Of[observer.Demoted](rec), 1)
			}},
			"Leave": {ok().With(sessiontest.Link{Leave: fall}), func(_ *testing.T, st stage, _ *sessiontest.Recorder) { st.s.Stop() }},
			"Close": {ok().With(sessiontest.Link{Close: fall}), func(t *testing.T, st stage, rec *sessiontest.Recorder) {
				st.tr.Report(1, lost)
				settle(20 * sec)
				require.Equal(t, session.StateConnected, st.s.State())
			}},
		}
		for name, tt := range tests {
			t.Run(name+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tr := sessiontest.Script(tt.first)
					var rec sessiontest.Recorder
					s := start(t, production(tr, &rec))
					tt.play(t, stage{s, tr}, &rec)
					assert.Len(t, tr.Snapshot().Calls, len(tr.Snapshot().Calls))
					began := time.Now()
					finish(t, s, tr, &rec)
					assert.Zero(t, time.Since(began), "nothing that has panicked is waited for")
					assert.ErrorIs(t, s.Err(), status.Left)
				})
			})
		}
	}
}

// hostileError is what careless transports return: a typed nil among others.
type hostileError struct{ inner error }

func (e *hostileError) Error() string { return e.inner.Error() }
func (e *hostileError) Unwrap() error { return e.inner }

// An error that panics when it is looked at fails the call that returned it.
func TestTransportWithAnErrorThatPanics(t *testing.T) {
	var typedNil *hostileError
	for name, hostile := range map[string]error{"typed nil": typedNil, "empty": &hostileError{}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := sessiontest.Script(fail(hostile), ok().With(sessiontest.Link{Ping: fail(hostile), Probe: fail(hostile), Update: fail(hostile), Leave: fail(hostile), Close: fail(hostile)}),
					ok().With(sessiontest.Link{Promote: fail(hostile), Leave: fail(hostile)}))
				var rec sessiontest.Recorder
				log := observer.Log{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
				s := start(t, production(tr, &rec, log))
				tr.Report(2, status.IncompatibleSDP)
				settle(time.Minute)
				require.Equal(t, session.StateConnected, s.State())
				assert.ErrorIs(t, s.Promote(t.Context(), session.Credentials{}), status.TaskFailed)
				finish(t, s, tr, &rec)
				assert.NotEmpty(t, sessiontest.Format{Causes: true}.Text(rec.Events()))
			})
		})
	}
}

// What never returns does not pile up: a ping that hangs is not followed by
// another one, and links that never close are too much at some point (G11).
func TestHangingCallsDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := sessiontest.Script(ok().With(sessiontest.Link{Ping: sessiontest.Deaf("ping")}))
		cfg := production(tr)
		cfg.Health.Off = true
		s := start(t, cfg)
		settle(time.Hour)
		assert.Len(t, tr.Snapshot().Running, 1)
		tr.Change(1, func(l *sessiontest.Link) { l.Ping = ok() })
		tr.Release(1)
		settle(time.Minute)
		assert.Len(t, tr.Snapshot().Named("Ping"), 1+2+6, "the newest two have waited, and pinging goes on")
		assert.Zero(t, s.Snapshot().MissedPongs)
		finish(t, s, tr)
	})
	synctest.Test(t, func(t *testing.T) {
		tr := sessiontest.Transport{Link: sessiontest.Link{Close: sessiontest.Deaf("close")}}
		var rec sessiontest.Recorder
		s := start(t, production(&tr, &rec))
		for range 100 {
			tr.Report(sessiontest.Newest, lost)
			settle(time.Minute)
		}
		assert.True(t, ended(s))
		assert.ErrorIs(t, s.Err(), status.TaskFailed)
		stopped, _ := sessiontest.Last[observer.Stopped](&rec)
		assert.Equal(t, observer.ByFault, stopped.Initiator)
		assert.LessOrEqual(t, len(tr.Snapshot().Running), 20)
		verify(t, s, &tr, &rec)
	})
}

// A probe that hangs is cancelled at the probe timeout; one that is deaf to that is
// not followed by others. Neither is a verdict, nor keeps the session (G3, G11).
func TestProbeThatHangs(t *testing.T) {
	for name, tt := range map[string]struct {
		probe   sessiontest.Step
		running int
	}{
		"polite": {hang("probe"), 1}, "deaf": {sessiontest.Deaf("probe"), 1}, "leaves": {sessiontest.Nothing(), 0},
	} {
		bubble(t, name, func(t *testing.T) {
			tr := sessiontest.Script(ok().With(sessiontest.Link{Probe: tt.probe}))
			var rec sessiontest.Recorder
			s := start(t, production(tr, &rec))
			settle(time.Hour)
			assert.LessOrEqual(t, len(tr.Snapshot().Running), tt.running, "one at a time")
			assert.Equal(t, []string{"Connecting", "AttemptStarted", "Connected"}, rec.Names())
			before := len(tr.Snapshot().Named("ProbeMedia"))
			tr.Change(1, func(l *sessiontest.Link) { l.Probe = ok() })
			tr.Release(1)
			settle(time.Minute)
			assert.Greater(t, len(tr.Snapshot().Named("ProbeMedia")), before+100, "probing goes on")
			assert.Equal(t, session.StateConnected, s.State())
			finish(t, s, tr, &rec)
		})
	}
}

// A link that cannot be asked after all is not asked again; what else it can do
// counts as before.
func TestCannotAskAfterAll(t *testing.T) {
	for name, l := range map[string]sessiontest.Link{
		"media":     {Ping: ok(), Probe: fail(errors.ErrUnsupported)},
		"signaling": {Ping: fail(errors.ErrUnsupported), Probe: ok()},
		"wrapped":   {Ping: ok(), Probe: fail(fmt.Errorf("old server: %w", errors.ErrUnsupported))},
		"both":      {Ping: fail(errors.ErrUnsupported), Probe: fail(errors.ErrUnsupported)},
	} {
		bubble(t, name, func(t *testing.T) {
			tr := sessiontest.Script(ok().With(l))
			var rec sessiontest.Recorder
			s := start(t, production(tr, &rec))
			settle(2 * time.Minute)
			pings, probes := len(tr.Snapshot().Named("Ping")), len(tr.Snapshot().Named("ProbeMedia"))
			assert.Equal(t, name == "signaling" || name == "both", pings == 1, "%d pings", pings)
			assert.Equal(t, name != "signaling", probes == 1, "%d probes", probes)
			assert.Empty(t, sessiontest.Of[observer.LinkSuspected](&rec))
			tr.Silence(1, health.Both)
			settle(time.Minute)
			assert.Equal(t, name != "both", len(sessiontest.Of[observer.LinkDead](&rec)) > 0)
			finish(t, s, tr, &rec)
		})
	}
}

// Everything at once, in real time: whatever many goroutines ask and report, the
// guarantees hold, all observers hear the same and, under the race detector, nothing
// is touched twice (NEEDS 24).
func TestEverythingAtOnce(t *testing.T) {
	outages := 0
	for seed := range uint64(15) {
		r := rand.New(rand.NewPCG(seed, 3))
		var tr sessiontest.Transport
		for range 200 {
			tr.Then(quickStep(r).With(sessiontest.Link{
				Ping: quickStep(r), Probe: quickStep(r), Expect: health.Expectation(r.IntN(4)), Media: time.Duration(r.IntN(2)) * ms, Update: quickStep(r), Promote: quickStep(r), Demote: quickStep(r), Leave: quickStep(r), Close: quickStep(r),
			}))
		}
		var recs [2]sessiontest.Recorder
		cfg := sessiontest.Quick(&tr, &recs[0], &recs[1])
		cfg.Policy = &policy.Policy{Budget: policy.Budget{Elapsed: policy.NoLimit, Idle: policy.NoLimit, Attempts: policy.NoLimit}}
		cfg.PingInterval, cfg.ProofTimeout = ms, 3*ms
		cfg.Health.Detector = health.DetectorConfig{
			ProbeEvery: 10 * ms, ProbeFast: 10 * ms, ProbeTimeout: 10 * ms, PingIdle: 10 * ms, Suspicion: 20 * ms,
			MediaSilence: 30 * ms, QuietMediaSilence: 30 * ms, SignalingSilence: 30 * ms, BothSilence: 30 * ms, LateTick: 50 * ms,
		}
		s := newSession(t, cfg)
		starting(s)
		require.NoError(t, tr.WaitAttempts(t.Context(), 1))
		var all sync.WaitGroup
		for g := range uint64(8) {
			all.Go(func() { meddle(rand.New(rand.NewPCG(seed, g)), stage{s, &tr}) })
		}
		all.Wait()
		s.Stop()
		mark := tr.Mark()
		<-s.Done()
		assert.Empty(t, mark.Attempts(), "G8")
		verify(t, s, &tr, &recs[0], &recs[1])
		assert.Equal(t, recs[0].Events(), recs[1].Events())
		if t.Failed() {
			t.Fatalf("seed %d\n%s", seed, recs[0].Text())
		}
		outages += s.Snapshot().Outages
	}
	t.Logf("%d outages", outages)
	assert.Greater(t, outages, 20)
}

func quickStep(r *rand.Rand) sessiontest.Step {
	steps := []sessiontest.Step{
		ok(), ok(), ok(), ok(), ok().After(ms), fail(nil), fail(errors.ErrUnsupported), fail(status.VideoCallSwitchToViewOnly),
		sessiontest.Nothing(), sessiontest.Panic("quick"), sessiontest.Exit(), ok().AtCancel().After(ms),
	}
	return steps[r.IntN(len(steps)-r.IntN(2))]
}

// meddle does what applications and links do, in any order.
func meddle(r *rand.Rand, st stage) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*ms)
	defer cancel()
	for range 100 {
		epoch := uint64(len(st.tr.Snapshot().Attempts()))
		epoch -= min(epoch-1, r.Uint64N(3))
		switch r.IntN(16) {
		case 0:
			st.tr.Report(epoch, lost)
		case 1:
			st.tr.Closed(epoch, status.Layer(r.IntN(4)), nil)
		case 2:
			st.tr.Report(epoch, status.IncompatibleSDP)
		case 3:
			st.tr.Report(epoch, status.VideoCallSwitchToViewOnly)
		case 4:
			st.tr.Sample(epoch, stall)
		case 5:
			st.tr.Pong(epoch, r.Uint64N(9))
		case 6:
			st.tr.Alive(epoch, status.LayerMedia)
		case 7:
			_ = st.s.Promote(ctx, session.Credentials{})
		case 8:
			_ = st.s.Demote(ctx)
		case 9:
			_ = st.s.Reconnect(errEnough)
		case 10:
			_, unsubscribe := st.s.Subscribe(observer.Func(func(observer.Event) { st.s.Link() }))
			defer unsubscribe()
		case 11:
			_ = st.s.WaitConnected(ctx)
		case 12:
			st.tr.Probed(epoch, r.Uint64N(9))
		case 13:
			st.tr.Expect(epoch, health.Expectation(r.IntN(5)))
		case 14:
			st.tr.Doubt(epoch, status.Layer(r.IntN(4)), errEnough)
		case 15:
			st.tr.Silence(epoch, health.Layers(r.IntN(4)))
		}
	}
}
