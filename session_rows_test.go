package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// What docs/needs.md says and the other tests show in part.

// A layer that falls silent is asked before anything is decided: both layers the
// moment it becomes suspicious, and media ten times a second from then on. If it
// is back in time that was all (NEEDS 11, 12).
func TestSilentLayerIsAskedFirst(t *testing.T) {
	const suspicion, fast = sec, 100 * ms
	bubble(t, "media", func(t *testing.T) {
		tr := &sessiontest.Transport{Link: talking(0)}
		var rec sessiontest.Recorder
		s := start(t, production(tr, &rec))
		settle(warm)
		tr.Silence(1, health.Media)
		probes := tr.Snapshot().Named("ProbeMedia")
		answered := probes[len(probes)-1].At
		settle(time.Until(answered.Add(suspicion)) - 1)
		assert.Empty(t, sessiontest.Of[observer.LinkSuspected](&rec))
		settle(1)
		assert.Len(t, sessiontest.Of[observer.LinkSuspected](&rec), 1)
		for _, name := range []string{"Ping", "ProbeMedia"} {
			calls := tr.Snapshot().Named(name)
			assert.Equal(t, time.Now(), calls[len(calls)-1].At, "%s, at once", name)
		}
		asked := len(tr.Snapshot().Named("ProbeMedia"))
		settle(sec)
		assert.Len(t, tr.Snapshot().Named("ProbeMedia"), asked+int(sec/fast))
		tr.Silence(1, 0)
		settle(time.Hour)
		assert.Len(t, sessiontest.Of[observer.LinkCleared](&rec), 1)
		assert.Empty(t, sessiontest.Of[observer.Reconnecting](&rec))
		assert.Len(t, tr.Snapshot().Attempts(), 1)
		finish(t, s, tr, &rec)
	})
}

// One byte is life, a nanosecond before the verdict still: the silence counts anew
// from there (NEEDS 12).
func TestOneByteIsLife(t *testing.T) {
	for name, tt := range map[string]struct {
		link   sessiontest.Link
		silent health.Layers
		layer  status.Layer
		after  time.Duration // the verdict, from the silence
		again  time.Duration // no verdict yet, from the byte
	}{
		"media":                 {talking(50 * ms), health.Media, status.LayerMedia, 2600 * ms, 1500 * ms}, // then probes are unanswered for long
		"media, without probes": {unprobed(50 * ms), health.Media, status.LayerMedia, 6 * sec, 6 * sec},
		"media, without pings":  {unasked(0), health.Media, status.LayerMedia, 10 * sec, 10 * sec},
		"signaling":             {talking(0), health.Signaling, status.LayerSignaling, sec + 3600*ms, 3600*ms - 1},
	} {
		for _, heard := range []bool{false, true} {
			bubble(t, fmt.Sprintf("%s/%v", name, heard), func(t *testing.T) {
				tr, inside := reporting(tt.link)
				var rec sessiontest.Recorder
				s := start(t, production(tr, &rec))
				settle(warm)
				tr.Silence(1, tt.silent)
				settle(tt.after - 1)
				require.Equal(t, session.StateConnected, s.State())
				if heard {
					(*inside).Alive(tt.layer)
				}
				settle(1)
				assert.Equal(t, heard, s.State() == session.StateConnected)
				settle(tt.again - 1)
				assert.Equal(t, !heard, len(sessiontest.Of[observer.LinkDead](&rec)) > 0)
				tr.Silence(1, 0)
				settle(time.Minute)
				assert.Equal(t, !heard, s.Snapshot().Outages > 0)
				finish(t, s, tr, &rec)
			})
		}
	}
}

// reporting is a transport that opens l, with the reporter of that link: Silence
// keeps nothing away that is reported there.
func reporting(l sessiontest.Link) (*sessiontest.Transport, **session.Reporter) {
	inside := new(*session.Reporter)
	opens := sessiontest.Func(func(_ context.Context, _ session.Attempt, r *session.Reporter) error {
		*inside = r
		return nil
	})
	return sessiontest.Script(opens.With(l)), inside
}

// Done waits for the last observer to have heard Stopped, to the nanosecond, and
// from then on nobody hears anything, whatever still happens (NEEDS 26; G2).
func TestSilenceAfterDone(t *testing.T) {
	for name, end := range map[string]func(stage){
		"left":   func(st stage) { st.s.Stop() },
		"kicked": func(st stage) { st.tr.Report(1, status.AudioAttendeeRemoved) },
	} {
		bubble(t, name, func(t *testing.T) {
			const slow = 700 * ms
			tr, inside := reporting(sessiontest.Able())
			var prompt sessiontest.Recorder
			tardy := sessiontest.Recorder{Then: func(e observer.Event) {
				if e.Name() == "Stopped" {
					advance(slow)
				}
			}}
			s := start(t, production(tr, &prompt, &tardy))
			end(stage{s, tr})
			endsAfter(t, s, slow)
			assert.Equal(t, prompt.Events(), tardy.Events())
			heard := len(prompt.Events())
			var late sessiontest.Recorder
			s.Subscribe(&late)
			for _, code := range status.All() {
				(*inside).Status(status.New(code, nil))
			}
			(*inside).Closed(status.LayerSignaling, nil)
			(*inside).Sample(stall)
			(*inside).Doubt(status.LayerMedia, errEnough)
			s.Stop()
			assert.ErrorIs(t, s.Reconnect(errEnough), session.ErrStopped)
			settle(time.Hour)
			assert.Len(t, prompt.Events(), heard)
			assert.Len(t, tardy.Events(), heard)
			assert.Empty(t, late.Events())
			assert.Len(t, tr.Snapshot().Attempts(), 1)
			verify(t, s, tr, &prompt, &tardy)
		})
	}
}

// The next link opens when the old one is closed, or has had its grace, and not a
// nanosecond before; so one link at most is live (NEEDS 29; G1).
func TestNextLinkWaitsForTheOldOne(t *testing.T) {
	const delay = 500 * ms
	for name, tt := range map[string]struct {
		closing sessiontest.Step
		opens   time.Duration // after the loss
		open    int           // links that were open at most
	}{
		"closes at once":   {ok(), delay, 1},
		"closes in time":   {ok().After(delay - 1), delay, 1},
		"closes slowly":    {ok().After(1500 * ms), 1500 * ms, 1},
		"just in its time": {ok().After(closeGrace - 1), closeGrace - 1, 1},
		"ignores its time": {sessiontest.Deaf("close"), closeGrace, 2},
	} {
		bubble(t, name, func(t *testing.T) {
			tr := sessiontest.Script(ok().With(sessiontest.Link{Close: tt.closing}))
			var rec sessiontest.Recorder
			s := start(t, production(tr, &rec))
			settle(time.Minute)
			tr.Report(1, lost)
			settle(tt.opens - 1)
			assert.Len(t, tr.Snapshot().Attempts(), 1)
			_, has := s.Link()
			assert.False(t, has)
			settle(1)
			assert.Equal(t, []uint64{1, 2}, tr.Snapshot().Opened)
			assert.Equal(t, uint64(2), sessiontest.EpochOf(linkOf(t, s)))
			assert.Equal(t, tt.open, tr.Snapshot().MaxOpen)
			finish(t, s, tr, &rec)
		})
	}
}

// Who leaves and joins again at once takes a new session; the link of the old one
// is closed when its Close returns (NEEDS 29).
func TestQuickRejoin(t *testing.T) {
	bubble(t, "rejoin", func(t *testing.T) {
		for range 10 {
			tr := sessiontest.Script(ok().After(100 * ms).With(sessiontest.Link{Close: ok().After(sec)}))
			s := start(t, production(tr))
			began := time.Now()
			require.NoError(t, s.Close())
			assert.Equal(t, sec, time.Since(began))
			assert.Empty(t, tr.Snapshot().Open)
			verify(t, s, tr)
		}
	})
}

// Without a limit a session goes on trying for days, the first time as in an
// outage (NEEDS 32).
func TestNoLimitGoesOnForDays(t *testing.T) {
	for _, outage := range []bool{false, true} {
		bubble(t, fmt.Sprintf("outage %v", outage), func(t *testing.T) {
			tr := new(sessiontest.Transport).Otherwise(fail(status.AudioServiceUnavailable).After(10 * sec))
			var rec sessiontest.Recorder
			cfg := production(tr, &rec)
			cfg.Policy.Budget = policy.Budget{Elapsed: policy.NoLimit, Idle: policy.NoLimit, Attempts: policy.NoLimit}
			if outage {
				tr.Then(ok())
			}
			s := newSession(t, cfg)
			starting(s)
			settle(ms)
			if outage {
				tr.Report(1, lost)
			}
			settle(48 * time.Hour)
			require.False(t, ended(s))
			tr.Otherwise(ok())
			settle(15 * sec)
			assert.Equal(t, session.StateConnected, s.State(), "the server is back")
			connected, _ := sessiontest.Last[observer.Connected](&rec)
			assert.Greater(t, connected.Attempts, int(48*time.Hour/(15*sec)))
			finish(t, s, tr, &rec)
		})
	}
}

// The ring says of each step when it was, in which state, and of a failure which
// layer, which code and which error; errors.Is and errors.As get from the end to
// the first cause and to the last one (NEEDS 34).
func TestRingSaysEverything(t *testing.T) {
	bubble(t, "ring", func(t *testing.T) {
		unreachable := &net.OpError{Op: "read", Net: "udp", Err: syscall.ENETUNREACH}
		refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		tr := sessiontest.Script(ok()).Otherwise(fail(status.Status{
			Code: status.SignalingInternalServerError, Layer: status.LayerSignaling, Wire: 503, Cause: refused,
		}))
		var ring observer.History
		cfg := production(tr, &ring)
		cfg.Policy.Budget.Attempts = 1
		cfg.ReasonGrace = -1
		s := start(t, cfg)
		advance(time.Hour)
		at := time.Now()
		tr.Closed(1, status.LayerMedia, unreachable)
		<-s.Done()

		type entry struct {
			after    time.Duration
			name     string
			from, to session.State
		}
		const up, down, over = session.StateConnected, session.StateReconnecting, session.StateStopped
		var got []entry
		events := ring.Events()[3:]
		for _, e := range events {
			got = append(got, entry{e.Head().Time.Sub(at), e.Name(), e.Head().From, e.Head().To})
		}
		assert.Equal(t, []entry{
			{0, "Reconnecting", up, down},
			{0, "RetryScheduled", down, down},
			{500 * ms, "AttemptStarted", down, down},
			{500 * ms, "AttemptFailed", down, down},
			{500 * ms, "Stopped", down, over},
		}, got)
		cause := events[0].(observer.Reconnecting).Cause
		assert.Equal(t, status.LayerMedia, cause.Layer)
		assert.Equal(t, status.ConnectionHealthReconnect, cause.Code)
		failed := events[3].(observer.AttemptFailed).Status
		assert.Equal(t, status.LayerSignaling, failed.Layer)
		assert.Equal(t, status.SignalingInternalServerError, failed.Code)
		assert.Equal(t, 503, failed.Wire)

		var end *session.Error
		require.ErrorAs(t, s.Err(), &end)
		assertCause(t, end.First, unreachable)
		assertCause(t, end.Last, refused)
		assertCause(t, s.Err(), refused)
	})
}

// assertCause checks that errors.As finds a cause behind err, and errors.Is what
// is behind the cause.
func assertCause(t *testing.T, err error, want *net.OpError) {
	t.Helper()
	var found *net.OpError
	require.ErrorAs(t, err, &found)
	assert.Same(t, want, found)
	assert.ErrorIs(t, err, want.Err)
}

// Reconnecting is told the moment the connection is lost, however it is lost, once,
// and what ends the outage follows (NEEDS 36; G12).
func TestReconnectingIsToldAtOnce(t *testing.T) {
	losses := map[string]func(stage){
		"a status":                    func(st stage) { st.tr.Report(1, lost) },
		"a status without reason":     func(st stage) { st.tr.Report(1, status.SignalingChannelClosedUnexpectedly) },
		"signaling closed, no reason": func(st stage) { st.tr.Closed(1, status.LayerSignaling, nil) },
		"media closed":                func(st stage) { st.tr.Closed(1, status.LayerMedia, errors.New("ICE failed")) },
		"both closed": func(st stage) {
			st.tr.Closed(1, status.LayerMedia, nil)
			st.tr.Closed(1, status.LayerSignaling, nil)
		},
		"by hand":         func(st stage) { assert.NoError(t, st.s.Reconnect(errEnough)) },
		"a failed update": func(st stage) { st.tr.Report(1, status.IncompatibleSDP) },
	}
	for name, lose := range losses {
		for end, stops := range map[string]bool{"comes back": false, "is left": true} {
			bubble(t, name+"/"+end, func(t *testing.T) { loseOnce(t, lose, stops) })
		}
	}
}

func loseOnce(t *testing.T, lose func(stage), stops bool) {
	tr := sessiontest.Script(ok().With(sessiontest.Link{Update: fail(nil)}), fail(nil).Times(2))
	var rec sessiontest.Recorder
	s := start(t, production(tr, &rec))
	settle(time.Minute)
	lose(stage{s, tr})
	synctest.Wait()
	assert.Equal(t, session.StateReconnecting, s.State())
	told, ok := sessiontest.Last[observer.Reconnecting](&rec)
	require.True(t, ok)
	assert.Equal(t, time.Minute, told.Elapsed)
	settle(sec)
	if stops {
		s.Stop()
	}
	settle(time.Minute)
	var changes []string
	for _, e := range rec.Events()[told.Seq-1:] {
		if e.Head().From != e.Head().To {
			changes = append(changes, e.Name())
		}
	}
	assert.Equal(t, []string{"Reconnecting", map[bool]string{false: "Connected", true: "Stopped"}[stops]}, changes)
	finish(t, s, tr, &rec)
}

// Hours of a call that is pinged, probed and lost every quarter of an hour pass in
// seconds, exact to the nanosecond (NEEDS 38).
func TestHoursInSeconds(t *testing.T) {
	const hours, each, rtt = 3, 15 * time.Minute, 50 * ms
	const outages = int(hours * time.Hour / each)
	began := time.Now()
	bubble(t, "call", func(t *testing.T) {
		tr := &sessiontest.Transport{Link: quiet(rtt)}
		var rec sessiontest.Recorder
		s := start(t, production(tr, &rec))
		birth := time.Now()
		for i := range outages {
			settle(time.Until(birth.Add(time.Duration(i+1) * each)))
			tr.Report(sessiontest.Newest, lost)
		}
		settle(sec)
		assert.Equal(t, hours*time.Hour+sec, time.Since(birth))
		recovered := sessiontest.Of[observer.Recovered](&rec)
		require.Len(t, recovered, outages)
		for i, e := range recovered {
			assert.Equal(t, time.Duration(i+1)*each+500*ms+rtt, e.Elapsed, "delay, proof of media")
		}
		finish(t, s, tr, &rec)
	})
	took := time.Since(began)
	t.Logf("%d h in %v", hours, took)
	assert.Less(t, took, time.Minute)
}

// What is asked for in an outage fails then and there, and is not made up for
// later; a wait for the connection ends with its context (NEEDS 40).
func TestNothingIsQueued(t *testing.T) {
	bubble(t, "outage", func(t *testing.T) {
		tr := sessiontest.Script(ok(), ok().After(10*sec))
		tr.Link = sessiontest.Link{Promote: ok()}
		s := start(t, production(tr))
		tr.Report(1, lost)
		settle(sec)
		began := time.Now()
		for range 100 {
			assert.ErrorIs(t, s.Promote(t.Context(), session.Credentials{}), session.ErrNotConnected)
			assert.ErrorIs(t, s.Demote(t.Context()), session.ErrNotConnected)
			assert.NoError(t, s.Reconnect(errEnough))
		}
		assert.Zero(t, time.Since(began))
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3*sec, errEnough)
		defer cancel()
		assert.ErrorIs(t, s.WaitConnected(ctx), errEnough)
		assert.Equal(t, 3*sec, time.Since(began))
		require.NoError(t, s.WaitConnected(t.Context()))
		assert.Equal(t, 9500*ms, time.Since(began), "the moment it is connected")
		settle(time.Hour)
		assert.Empty(t, tr.Snapshot().Named("Promote"))
		assert.Empty(t, tr.Snapshot().Named("Demote"))
		assert.Len(t, tr.Snapshot().Attempts(), 2)
		finish(t, s, tr)
	})
}
