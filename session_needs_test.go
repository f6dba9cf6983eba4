package holdfast_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
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

// each runs a test in a bubble of its own.
func bubble(t *testing.T, name string, f func(*testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// A server that is dead ends the session at the computed moment, in the first
// connect as in an outage, and not a nanosecond before (NEEDS 3, 4, 30; G9).
func TestDeadServerEndsOnTime(t *testing.T) {
	at := func(delays int) (d time.Duration) {
		for k := range delays {
			d += jittered(k)
		}
		return d
	}
	refused := fail(status.AudioServiceUnavailable)
	const unavailable, timedOut = status.AudioServiceUnavailable, status.TaskFailed
	type end struct {
		after time.Duration // from the start, from the loss
		code  status.Code   // of the last attempt
	}
	tests := []struct {
		name          string
		dead          sessiontest.Step
		policy        func(*policy.Policy)
		first, outage end
		refusal       policy.Refusal
	}{
		{
			"refuses at once", refused, nil,
			end{5 * time.Minute, unavailable},
			end{5 * time.Minute, unavailable},
			policy.RefusedElapsed,
		},
		{"refuses slowly", refused.After(3 * sec), nil, // the last attempt of a first connect is cut short
			end{5 * time.Minute, timedOut}, end{5 * time.Minute, unavailable}, policy.RefusedElapsed},
		{
			"hangs", hang("TLS"), nil,
			end{5 * time.Minute, timedOut},
			end{5 * time.Minute, timedOut},
			policy.RefusedElapsed,
		},
		{
			"the reference's budget", refused, func(p *policy.Policy) { *p = policy.Reference() },
			end{2 * time.Minute, unavailable},
			end{2 * time.Minute, unavailable},
			policy.RefusedElapsed,
		},
		{
			"four attempts", refused, func(p *policy.Policy) { p.Budget.Attempts = 4 },
			end{at(3), unavailable},
			end{at(4), unavailable},
			policy.RefusedAttempts,
		},
		{"a backoff that gives up", refused, func(p *policy.Policy) {
			p.NewBackOff = func(random func() float64) backoff.BackOff {
				return policy.Limited(&policy.FullJitter{Short: sec, Long: 5 * sec, Random: random}, 3)
			}
		}, end{at(3), unavailable}, end{at(3), unavailable}, policy.RefusedBackoff},
		{
			"no second try", refused, func(p *policy.Policy) { p.Budget.Elapsed = 0 },
			end{0, unavailable},
			end{0, lost},
			policy.RefusedElapsed,
		},
	}
	for _, tt := range tests {
		for when, want := range map[string]end{"first connect": tt.first, "outage": tt.outage} {
			bubble(t, tt.name+"/"+when, func(t *testing.T) {
				tr := new(sessiontest.Transport).Otherwise(tt.dead)
				var rec sessiontest.Recorder
				cfg := production(tr, &rec)
				if tt.policy != nil {
					tt.policy(cfg.Policy)
				}
				s := newSession(t, cfg)
				if when == "outage" {
					tr.Then(ok())
					require.NoError(t, s.Start(t.Context()))
					advance(time.Hour)
					tr.Report(1, lost)
				} else {
					starting(s)
				}
				if want.after > 0 {
					endsAfter(t, s, want.after)
				}
				<-s.Done()
				stopped, _ := sessiontest.Last[observer.Stopped](&rec)
				assert.Equal(t, want.code.String(), stopped.Status.Code.String(), "the last status")
				assert.Equal(t, observer.ByPolicy, stopped.Initiator)
				assert.Equal(t, tt.refusal, stopped.Decision.Refusal)
				assert.NotErrorIs(t, s.Err(), status.AudioJoinedFromAnotherDevice)
				verify(t, s, tr, &rec)
			})
		}
	}
}

// The limit on silence counts from the last sign of life, not from the loss. It
// is asked when a retry is decided on, here after each refusal.
func TestSilenceEndsOnTime(t *testing.T) {
	bubble(t, "idle", func(t *testing.T) {
		tr := sessiontest.Script(ok()).Otherwise(fail(status.AudioServiceUnavailable))
		var rec sessiontest.Recorder
		cfg := production(tr, &rec)
		cfg.Policy.Budget = policy.Budget{Elapsed: policy.NoLimit, Idle: 30 * sec, Attempts: policy.NoLimit}
		s := start(t, cfg)
		advance(time.Hour)
		tr.Alive(1, status.LayerMedia)
		advance(10 * sec)
		tr.Report(1, lost)
		var decided time.Duration
		for k := 0; decided < 20*sec; k++ {
			decided += jittered(k)
		}
		endsAfter(t, s, decided)
		stopped, _ := sessiontest.Last[observer.Stopped](&rec)
		assert.Equal(t, policy.RefusedIdle, stopped.Decision.Refusal)
		verify(t, s, tr, &rec)
	})
}

// A server that accepts and drops again sees growing delays, and an end: neither
// backoff nor budget begins anew before the link was stable (NEEDS 10, 4).
func TestFlappingServer(t *testing.T) {
	bubble(t, "flapping", func(t *testing.T) {
		const holds = sec
		var tr sessiontest.Transport
		var rec sessiontest.Recorder
		s := start(t, production(&tr, &rec))
		advance(time.Minute)
		tr.Report(1, lost) // the budget begins
		began := time.Now()
		go func() {
			for {
				if _, err := rec.Wait(context.Background(), "Recovered"); err != nil {
					return
				}
				advance(holds)
				tr.Report(sessiontest.Newest, lost)
			}
		}()
		var want time.Duration // the end, by the rules
		attempts := 0
		for k := 0; ; k++ {
			if want += jittered(k); want >= 5*time.Minute {
				want = 5 * time.Minute
				break
			}
			attempts++
			if want += holds; want >= 5*time.Minute {
				break
			}
		}
		endsAfter(t, s, want-time.Since(began))
		var delays []time.Duration
		for _, e := range sessiontest.Of[observer.RetryScheduled](&rec) {
			delays = append(delays, e.Decision.Delay)
		}
		assert.Equal(t, []time.Duration{500 * ms, sec, 2 * sec, 2500 * ms, 2500 * ms}, delays[:5])
		assert.Len(t, tr.Snapshot().Attempts(), 1+attempts)
		assert.ErrorIs(t, s.Err(), lost)
		verify(t, s, &tr, &rec)
	})
}

// A link that has held for the stable period is as good as new; one that has
// held a moment less is not (NEEDS 10).
func TestStablePeriod(t *testing.T) {
	for _, tt := range []struct {
		holds time.Duration
		next  time.Duration
	}{{10*sec - 1, sec}, {10 * sec, 500 * ms}} {
		bubble(t, tt.holds.String(), func(t *testing.T) {
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			s := start(t, production(&tr, &rec))
			advance(time.Minute)
			tr.Report(1, lost)
			require.NoError(t, s.WaitConnected(t.Context()))
			settle(tt.holds)
			tr.Report(2, lost)
			synctest.Wait()
			last, _ := sessiontest.Last[observer.RetryScheduled](&rec)
			assert.Equal(t, tt.next, last.Decision.Delay)
			finish(t, s, &tr, &rec)
		})
	}
}

// Ten hours connected do not count against the budget, whatever the backoff: the
// clock starts at the loss (NEEDS 32, 38).
func TestTenHourSessionStillRetries(t *testing.T) {
	for name, newBackOff := range map[string]func(func() float64) backoff.BackOff{
		"full jitter": nil,
		"one with a clock of its own": func(func() float64) backoff.BackOff {
			return backoff.NewExponentialBackOff() // gives up 15 minutes after its reset
		},
	} {
		bubble(t, name, func(t *testing.T) {
			tr := sessiontest.Script(ok(), fail(nil).Times(3))
			tr.Link = sessiontest.Able()
			var rec sessiontest.Recorder
			cfg := production(tr, &rec)
			cfg.Policy.NewBackOff = newBackOff
			s := start(t, cfg)
			for hour := range 10 {
				advance(time.Hour)
				tr.Sample(1, health.Sample{BytesReceived: uint64(hour + 1), AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0)})
			}
			require.Equal(t, session.StateConnected, s.State())
			assert.GreaterOrEqual(t, len(tr.Snapshot().Named("Ping")), 3600)
			tr.Closed(1, status.LayerSignaling, nil)
			settle(time.Minute)
			require.Equal(t, session.StateConnected, s.State())
			recovered, _ := sessiontest.Last[observer.Recovered](&rec)
			assert.Equal(t, 4, recovered.Outage.Attempts)
			finish(t, s, tr, &rec)
		})
	}
}

// A server that is up late is not a recovery (NEEDS 30), and the first connect
// has a budget of its own.
func TestServerIsUpLate(t *testing.T) {
	bubble(t, "late", func(t *testing.T) {
		tr := sessiontest.Script(fail(status.SignalingInternalServerError).Times(100))
		var rec sessiontest.Recorder
		s := newSession(t, production(tr, &rec))
		answer := starting(s)
		settle(4*time.Minute + 10*sec)
		require.NoError(t, <-answer)
		connected, _ := sessiontest.Last[observer.Connected](&rec)
		assert.Equal(t, 101, connected.Attempts)
		assert.Empty(t, sessiontest.Of[observer.Recovered](&rec))
		assert.Empty(t, sessiontest.Of[observer.Reconnecting](&rec))
		assert.Len(t, sessiontest.Of[observer.Connecting](&rec), 1)
		tr.Then(fail(nil).Times(60)).Report(sessiontest.Newest, lost)
		settle(3 * time.Minute)
		assert.Equal(t, session.StateConnected, s.State(), "the outage has its own five minutes")
		finish(t, s, tr, &rec)
	})
}

// The fate of every code, as the reference has it: while connected, as the
// outcome of an attempt, and while the next attempt is waited for (NEEDS 5).
var fates = []struct {
	code              status.Code
	connected, failed string // what follows
}{
	{status.OK, "nothing", "retry"},
	{status.Left, "stop", "stop"},
	{status.AudioJoinedFromAnotherDevice, "stop", "stop"},
	{status.AudioAuthenticationRejected, "stop", "stop"},
	{status.AudioCallAtCapacity, "stop", "stop"},
	{status.MeetingEnded, "stop", "stop"},
	{status.AudioInternalServerError, "reconnect", "retry"},
	{status.AudioServiceUnavailable, "reconnect", "retry"},
	{status.AudioDisconnected, "stop", "stop"},
	{status.VideoCallSwitchToViewOnly, "view-only", "retry view-only"},
	{status.VideoCallAtSourceCapacity, "stop as 12", "stop as 12"},
	{status.SignalingBadRequest, "stop", "stop"},
	{status.SignalingInternalServerError, "reconnect", "retry"},
	{status.SignalingRequestFailed, "stop", "stop"},
	{status.SignalingChannelClosedUnexpectedly, "reconnect", "retry"},
	{status.ICEGatheringTimeoutWorkaround, "reconnect", "retry"},
	{status.ConnectionHealthReconnect, "reconnect", "retry"},
	{status.RealtimeApiFailed, "stop", "stop"},
	{status.TaskFailed, "reconnect", "retry"},
	{status.IncompatibleSDP, "renegotiate", "retry"},
	{status.TURNCredentialsForbidden, "stop", "stop"},
	{status.NoAttendeePresent, "reconnect", "retry"},
	{status.AudioAttendeeRemoved, "stop", "stop"},
	{status.AudioVideoWasRemovedFromPrimaryMeeting, "demote", "retry"},
	{status.AudioVideoDisconnectedWhilePromoted, "nothing", "retry"},
	{status.AudioDisconnectAudio, "nothing", "retry"},
	{status.EncodedTransformManagerFailed, "reconnect without transforms", "retry without transforms"},
	{99, "reconnect", "retry"},
	{-1, "reconnect", "retry"},
	{math.MaxInt, "reconnect", "retry"},
}

func TestFateOfEveryCode(t *testing.T) {
	covered := map[status.Code]bool{}
	for _, tt := range fates {
		covered[tt.code] = true
		bubble(t, tt.code.String()+"/connected", func(t *testing.T) { fateConnected(t, tt.code, tt.connected) })
		bubble(t, tt.code.String()+"/as an outcome", func(t *testing.T) { fateFailed(t, tt.code, tt.failed) })
		bubble(t, tt.code.String()+"/in the delay", func(t *testing.T) { fateWaiting(t, tt.code, tt.failed) })
	}
	for _, code := range status.All() {
		assert.True(t, covered[code], "%s has no fate", code.String())
	}
}

// fateOf sums up what a session did after the events that were told before.
func fateOf(t *testing.T, s *session.Session, rec *sessiontest.Recorder, tr *sessiontest.Transport, before int) string {
	if stopped, ok := sessiontest.Last[observer.Stopped](rec); ok {
		assert.Equal(t, observer.ByStatus, stopped.Initiator)
		assert.ErrorIs(t, s.Err(), stopped.Status.Code)
		return "stop " + stopped.Status.Code.String()
	}
	attempts := tr.Snapshot().Attempts()
	last := attempts[len(attempts)-1]
	fate := strings.Join(rec.Names()[before:], " ")
	if last.ViewOnly {
		fate += " [view-only]"
	}
	if last.NoTransforms {
		fate += " [without transforms]"
	}
	return fate
}

const outageEvents = "Reconnecting RetryScheduled AttemptStarted Connected Recovered"

func fateConnected(t *testing.T, code status.Code, fate string) {
	var tr sessiontest.Transport
	var rec sessiontest.Recorder
	s := start(t, production(&tr, &rec))
	synctest.Wait()
	before := len(rec.Events())
	tr.Report(1, code)
	settle(time.Minute)
	want := map[string]string{
		"nothing":                      "",
		"stop":                         "stop " + code.String(),
		"stop as 12":                   "stop SignalingInternalServerError",
		"reconnect":                    outageEvents,
		"reconnect without transforms": outageEvents + " [without transforms]",
		"view-only":                    "VideoSendUnavailable Updated",
		"renegotiate":                  "Updated",
		"demote":                       "Demoted",
	}[fate]
	assert.Equal(t, want, fateOf(t, s, &rec, &tr, before))
	if strings.HasPrefix(fate, "stop") {
		assert.ErrorIs(t, s.Err(), code, "the raw code is reachable (divergence 7.10)")
	}
	finish(t, s, &tr, &rec)
}

func fateFailed(t *testing.T, code status.Code, fate string) {
	tr := sessiontest.Script(fail(code))
	var rec sessiontest.Recorder
	s := newSession(t, production(tr, &rec))
	starting(s)
	settle(time.Minute)
	want := map[string]string{
		"stop":                     "stop " + code.String(),
		"stop as 12":               "stop SignalingInternalServerError",
		"retry":                    "AttemptStarted Connected",
		"retry view-only":          "VideoSendUnavailable AttemptStarted Connected [view-only]",
		"retry without transforms": "AttemptStarted Connected [without transforms]",
	}[fate]
	assert.Equal(t, want, fateOf(t, s, &rec, tr, min(4, len(rec.Events()))))
	if strings.HasPrefix(fate, "retry") && code != status.OK {
		failed := sessiontest.Of[observer.RetryScheduled](&rec)
		assert.ErrorIs(t, failed[0].Decision.Status, code)
	}
	finish(t, s, tr, &rec)
}

func fateWaiting(t *testing.T, code status.Code, fate string) {
	tr := sessiontest.Script(ok(), ok().After(sec))
	var rec sessiontest.Recorder
	s := start(t, production(tr, &rec))
	tr.Report(1, lost)
	advance(100 * ms)
	tr.Report(1, code)
	settle(time.Minute)
	want := "stop " + code.String()
	switch {
	case fate == "stop as 12":
		want = "stop SignalingInternalServerError"
	case fate == "retry view-only":
		want = "Reconnecting RetryScheduled VideoSendUnavailable AttemptStarted Connected Recovered [view-only]"
	case code == status.AudioVideoWasRemovedFromPrimaryMeeting:
		want = "Reconnecting RetryScheduled Demoted AttemptStarted Connected Recovered"
	case strings.HasPrefix(fate, "retry"):
		want = outageEvents
	}
	assert.Equal(t, want, fateOf(t, s, &rec, tr, 3))
	assert.Len(t, sessiontest.Of[observer.Reconnecting](&rec), 1, "it folds into the outage (divergence 7.3)")
	finish(t, s, tr, &rec)
}

// The application may know better about a code (NEEDS 5).
func TestOverriddenCodes(t *testing.T) {
	bubble(t, "final", func(t *testing.T) {
		var tr sessiontest.Transport
		cfg := production(&tr)
		cfg.Policy.Classes = cfg.Policy.Classes.With(status.AudioServiceUnavailable, policy.Terminal)
		s := start(t, cfg)
		tr.Report(1, status.AudioServiceUnavailable)
		<-s.Done()
		assert.ErrorIs(t, s.Err(), status.AudioServiceUnavailable)
		verify(t, s, &tr)
	})
	bubble(t, "retried", func(t *testing.T) {
		var tr sessiontest.Transport
		cfg := production(&tr)
		cfg.Policy.Classes = cfg.Policy.Classes.With(status.MeetingEnded, policy.Failure)
		s := start(t, cfg)
		tr.Report(1, status.MeetingEnded)
		settle(time.Minute)
		assert.Equal(t, session.StateConnected, s.State())
		finish(t, s, &tr)
	})
	bubble(t, "permanent", func(t *testing.T) {
		tr := sessiontest.Script(fail(backoff.Permanent(fmt.Errorf("no such host: %w", status.TaskFailed))))
		s := newSession(t, production(tr))
		err := s.Start(t.Context())
		assert.ErrorIs(t, err, status.TaskFailed)
		assert.Len(t, tr.Snapshot().Attempts(), 1)
		finish(t, s, tr)
	})
}

// Who ended the session, and why, is never in doubt; a network that is lost for
// good does not look like being displaced (NEEDS 6, 34).
func TestReasonsAreToldApart(t *testing.T) {
	silent := func(tr *sessiontest.Transport) {
		tr.Otherwise(fail(errors.New("no route to host")))
		tr.Report(1, status.FromWebSocketClose(1006, status.Attached))
	}
	tests := []struct {
		name  string
		end   func(*session.Session, *sessiontest.Transport)
		code  status.Code
		by    observer.Initiator
		first status.Code
	}{
		{"left", func(s *session.Session, _ *sessiontest.Transport) { s.Stop() }, status.Left, observer.ByApplication, status.OK},
		{
			"kicked", func(_ *session.Session, tr *sessiontest.Transport) { tr.Report(1, status.FromAudio(411)) },
			status.AudioAttendeeRemoved, observer.ByStatus, status.AudioAttendeeRemoved,
		},
		{"ended", func(_ *session.Session, tr *sessiontest.Transport) {
			tr.Closed(1, status.LayerSignaling, status.FromWebSocketClose(4410, status.Attached))
		}, status.MeetingEnded, observer.ByStatus, status.MeetingEnded},
		{
			"displaced", func(_ *session.Session, tr *sessiontest.Transport) { tr.Report(1, status.FromAudio(301)) },
			status.AudioJoinedFromAnotherDevice, observer.ByStatus, status.AudioJoinedFromAnotherDevice,
		},
		{
			"network lost", func(_ *session.Session, tr *sessiontest.Transport) { silent(tr) },
			status.TaskFailed, observer.ByPolicy, status.SignalingChannelClosedUnexpectedly,
		},
		{"left while the network was lost", func(s *session.Session, tr *sessiontest.Transport) {
			silent(tr)
			advance(time.Minute)
			s.Stop()
		}, status.Left, observer.ByApplication, status.SignalingChannelClosedUnexpectedly},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			s := start(t, production(&tr, &rec))
			tt.end(s, &tr)
			<-s.Done()
			var err *session.Error
			require.ErrorAs(t, s.Err(), &err)
			assert.Equal(t, "test", err.Session)
			assert.Equal(t, tt.code.String(), err.Status.Code.String())
			assert.Equal(t, tt.by, err.Initiator)
			assert.Equal(t, tt.first.String(), err.First.Code.String())
			code, found := status.CodeOf(s.Err())
			assert.True(t, found)
			assert.Equal(t, tt.code, code)
			assert.ErrorIs(t, s.Err(), tt.code)
			for _, other := range status.All() {
				if other != tt.code {
					assert.NotErrorIs(t, s.Err(), other, "the error unwraps to the deciding code only")
				}
			}
			stopped, _ := sessiontest.Last[observer.Stopped](&rec)
			assert.Equal(t, stopped.First, err.First)
			assert.Equal(t, stopped.Last, err.Last)
			verify(t, s, &tr, &rec)
		})
	}
}

// A kick, then the close that it causes: the kick is the reason (NEEDS 6).
func TestKickThenClose(t *testing.T) {
	bubble(t, "kick", func(t *testing.T) {
		tr := sessiontest.Transport{Link: sessiontest.Link{Close: ok().After(sec)}}
		var rec sessiontest.Recorder
		s := start(t, production(&tr, &rec))
		tr.Report(1, status.FromAudio(411))
		tr.Closed(1, status.LayerSignaling, status.FromWebSocketClose(1006, status.Attached))
		advance(100 * ms)
		tr.Report(1, status.MeetingEnded)
		<-s.Done()
		var err *session.Error
		require.ErrorAs(t, s.Err(), &err)
		assert.Equal(t, status.AudioAttendeeRemoved.String(), err.Status.Code.String())
		assert.Equal(t, 411, err.Status.Wire)
		assert.Empty(t, sessiontest.Of[observer.Reconnecting](&rec))
		verify(t, s, &tr, &rec)
	})
}

// A close without a reason, then the kick: until the next attempt begins the
// kick is the reason; after that only what says that there is nothing to come
// back to is, for two seconds (NEEDS 6, 9; G10).
func TestCloseThenKick(t *testing.T) {
	const attempt = reasonGrace + 500*ms // when the next one begins, after the loss
	authoritative := map[status.Code]bool{
		status.MeetingEnded: true, status.TURNCredentialsForbidden: true, status.AudioAttendeeRemoved: true,
	}
	for _, after := range []time.Duration{
		0, 100 * ms, reasonGrace - 1, reasonGrace, attempt - 1, attempt, attempt + 1, attempt + sec, attempt + 2*sec - 1, attempt + 2*sec, time.Minute,
	} {
		for _, code := range status.All() {
			ends := code.Terminal() && (after < attempt || authoritative[code] && after < attempt+2*sec)
			bubble(t, fmt.Sprintf("%v/%s", after, code.String()), func(t *testing.T) {
				closeThenKick(t, after, code, ends, after < attempt)
			})
		}
	}
}

func closeThenKick(t *testing.T, after time.Duration, code status.Code, ends, folds bool) {
	tr := sessiontest.Script(ok(), ok().After(700*ms))
	var rec sessiontest.Recorder
	s := start(t, production(tr, &rec))
	advance(time.Minute)
	tr.Closed(1, status.LayerSignaling, status.FromWebSocketClose(1006, status.Attached))
	settle(after)
	before := len(rec.Events())
	stale := s.Snapshot().Stale
	tr.Report(1, code)
	synctest.Wait()
	if !folds {
		assert.Equal(t, stale+1, s.Snapshot().Stale, "stale reports are counted")
	}
	if ends {
		<-s.Done()
		assert.ErrorIs(t, s.Err(), code)
		var err *session.Error
		require.ErrorAs(t, s.Err(), &err)
		assert.Equal(t, observer.ByStatus, err.Initiator)
		verify(t, s, tr, &rec)
		return
	}
	if !folds {
		assert.Len(t, rec.Events(), before, "a stale report changes nothing")
	}
	settle(time.Minute)
	assert.Equal(t, session.StateConnected, s.State())
	assert.Equal(t, 1, s.Snapshot().Outages)
	assert.Len(t, tr.Snapshot().Attempts(), 2)
	finish(t, s, tr, &rec)
}

// An attempt that has timed out opens late, its link is closed at once, and the
// kick that its socket gets leaves the good session alone (NEEDS 9; G1, G10).
func TestLateSuccessThenKick(t *testing.T) {
	bubble(t, "late", func(t *testing.T) {
		tr := sessiontest.Script(ok().AtCancel().After(10*sec), ok())
		var rec sessiontest.Recorder
		s := start(t, production(tr, &rec))
		require.Equal(t, uint64(2), sessiontest.EpochOf(linkOf(t, s)))
		settle(time.Minute)
		require.Equal(t, []uint64{2, 1}, tr.Snapshot().Opened, "the first attempt has opened when the second was connected")
		assert.Equal(t, []uint64{1}, tr.Snapshot().Closed)
		tr.Report(1, status.AudioJoinedFromAnotherDevice)
		tr.Report(1, status.AudioAttendeeRemoved)
		tr.Closed(1, status.LayerSignaling, status.FromWebSocketClose(4410, status.Attached))
		settle(time.Hour)
		assert.Equal(t, session.StateConnected, s.State())
		assert.EqualValues(t, 3, s.Snapshot().Stale)
		assert.Equal(t, uint64(2), sessiontest.EpochOf(linkOf(t, s)))
		finish(t, s, tr, &rec)
	})
}

func linkOf(t *testing.T, s *session.Session) session.Link {
	t.Helper()
	l, ok := s.Link()
	require.True(t, ok)
	return l
}

// Two sessions with one identity: the newcomer stays, the other one stops and
// does not come back (NEEDS 8).
func TestDisplaced(t *testing.T) {
	bubble(t, "displaced", func(t *testing.T) {
		var older, newer sessiontest.Transport
		a := start(t, production(&older))
		newer.Otherwise(sessiontest.Func(func(context.Context, session.Attempt, *session.Reporter) error {
			older.Report(1, status.FromAudio(301))
			older.Closed(1, status.LayerSignaling, status.FromWebSocketClose(1006, status.Attached))
			return nil
		}))
		older.Otherwise(sessiontest.Func(func(context.Context, session.Attempt, *session.Reporter) error {
			newer.Report(sessiontest.Newest, status.FromAudio(301))
			return nil
		}))
		b := start(t, production(&newer))
		<-a.Done()
		settle(time.Hour)
		assert.ErrorIs(t, a.Err(), status.AudioJoinedFromAnotherDevice)
		assert.Equal(t, session.StateConnected, b.State())
		assert.Len(t, older.Snapshot().Attempts(), 1)
		assert.Len(t, newer.Snapshot().Attempts(), 1)
		verify(t, a, &older)
		finish(t, b, &newer)
	})
}

// Whatever happens, a session whose server is gone for good ends by itself, once
// (NEEDS 3, 36; G2, G12).
func TestNeverStuck(t *testing.T) {
	ends := map[string]int{}
	for seed := range uint64(150) {
		bubble(t, fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			var tr sessiontest.Transport
			for range 12 {
				tr.Then(anyStep(r).With(sessiontest.Link{Ping: anyStep(r), Update: anyStep(r), Promote: anyStep(r), Close: anyStep(r)}))
			}
			tr.Otherwise(fail(status.AudioServiceUnavailable).After(time.Duration(r.IntN(3)) * sec))
			var rec sessiontest.Recorder
			cfg := production(&tr, &rec)
			cfg.PresenceTimeout = time.Duration(r.IntN(2)) * 3 * sec
			s := newSession(t, cfg)
			starting(s)
			for range 30 {
				settle(time.Duration(r.IntN(10_000)) * ms)
				anyReport(r, s, &tr)
			}
			for len(tr.Snapshot().Attempts()) <= 12 && !ended(s) { // use the script up
				tr.Report(sessiontest.Newest, lost)
				settle(20 * sec)
			}
			tr.Report(sessiontest.Newest, lost)
			settle(5*time.Minute + connectTimeout + closeGrace)
			assert.True(t, ended(s), "%v", s.State())
			verify(t, s, &tr, &rec)
			if stopped, ok := sessiontest.Last[observer.Stopped](&rec); ok {
				ends[string(stopped.Initiator)]++
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Log(ends)
	assert.Greater(t, ends[string(observer.ByPolicy)], 20)
}

func anyStep(r *rand.Rand) sessiontest.Step {
	steps := []sessiontest.Step{
		ok(), ok(), ok(), ok(), ok().After(sec), fail(nil), fail(status.IncompatibleSDP), fail(status.VideoCallSwitchToViewOnly),
		sessiontest.Nothing(), sessiontest.Panic("any"), sessiontest.Exit(), hang("any"),
		ok().AtCancel(), ok().AtCancel().After(5 * sec), fail(status.TaskFailed).AtCancel().After(3 * sec),
	}
	return steps[r.IntN(len(steps))]
}

func anyReport(r *rand.Rand, s *session.Session, tr *sessiontest.Transport) {
	epoch := 1 + r.Uint64N(uint64(len(tr.Snapshot().Attempts())))
	codes := []status.Code{status.IncompatibleSDP, status.VideoCallSwitchToViewOnly, lost, status.TaskFailed, 77, status.EncodedTransformManagerFailed}
	switch r.IntN(7) {
	case 0:
		tr.Report(epoch, codes[r.IntN(len(codes))])
	case 1:
		tr.Closed(sessiontest.Newest, status.Layer(r.IntN(4)), nil)
	case 2:
		tr.Present(sessiontest.Newest)
	case 3:
		go s.Promote(context.Background(), session.Credentials{})
	case 4:
		go s.Demote(context.Background())
	case 5:
		_ = s.Reconnect(errEnough)
	case 6:
		tr.Sample(sessiontest.Newest, stall)
	}
}

// Thousands of sessions, each stopped at another moment of its connect, open and
// close in parity and leave nothing behind (NEEDS 27; G11).
func TestConnectStopCycles(t *testing.T) {
	bubble(t, "cycles", func(t *testing.T) {
		opened, stopped := 0, 0
		for i := range 10_000 {
			tr := sessiontest.Script(cycleStep(i))
			s, err := session.New(session.Config{Transport: tr})
			if err != nil {
				t.Fatal(err)
			}
			answer := starting(s)
			if d := i % 7; d > 0 {
				advance(time.Duration(d) * ms)
			}
			if i%2 == 0 {
				s.Stop()
				<-s.Done()
			} else {
				s.Close()
			}
			<-answer
			tr.Release()
			require.NoError(t, tr.WaitIdle(t.Context()))
			snap := tr.Snapshot()
			if len(snap.Opened) != len(snap.Closed) {
				t.Fatalf("cycle %d: %v", i, snap)
			}
			opened += len(snap.Opened)
			stopped++
		}
		t.Logf("%d sessions, %d links", stopped, opened)
		assert.Greater(t, opened, 5000)
	})
}

func cycleStep(i int) sessiontest.Step {
	switch i % 5 {
	case 0:
		return ok()
	case 1:
		return ok().After(3 * ms)
	case 2:
		return ok().AtCancel().After(ms)
	case 3:
		return ok().AtRelease()
	}
	return hang("join")
}

// Each phase that hangs fails by name, and no time limit of ours passes for the
// caller's deadline (NEEDS 31, 33).
func TestHungPhasesFailByName(t *testing.T) {
	ours := func(t *testing.T, err error, words ...string) {
		t.Helper()
		require.Error(t, err)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, context.Canceled)
		for _, w := range words {
			assert.ErrorContains(t, err, w)
		}
	}
	bubble(t, "connect", func(t *testing.T) {
		tr := sessiontest.Script(hang("signaling"), hang("ICE gathering"),
			fail(status.ICEGatheringTimeoutWorkaround).AtCancel().In("ICE"), sessiontest.Deaf("DNS"))
		var rec sessiontest.Recorder
		s := newSession(t, production(tr, &rec))
		starting(s)
		settle(2 * time.Minute)
		failed := sessiontest.Of[observer.AttemptFailed](&rec)
		require.Len(t, failed, 4)
		ours(t, failed[0].Status, "signaling", "connect took longer than 15s")
		ours(t, failed[1].Status, "ICE gathering")
		ours(t, failed[2].Status)
		assert.Equal(t, status.ICEGatheringTimeoutWorkaround, failed[2].Status.Code)
		ours(t, failed[3].Status, "connect took longer than 15s")
		assert.Equal(t, connectTimeout, failed[0].After)
		assert.Equal(t, connectTimeout+closeGrace, failed[3].After, "it is given the close grace to say where")
		finish(t, s, tr, &rec)
	})
	bubble(t, "presence", func(t *testing.T) {
		var tr sessiontest.Transport
		var rec sessiontest.Recorder
		cfg := production(&tr, &rec)
		cfg.PresenceTimeout = 3 * sec
		s := newSession(t, cfg)
		starting(s)
		settle(3*sec - 1)
		assert.Empty(t, sessiontest.Of[observer.AttemptFailed](&rec))
		settle(1)
		failed, ok := sessiontest.Last[observer.AttemptFailed](&rec)
		require.True(t, ok)
		assert.Equal(t, status.NoAttendeePresent, failed.Status.Code)
		ours(t, failed.Status, "presence", "3s")
		settle(500 * ms)
		tr.Present(2)
		synctest.Wait()
		assert.Equal(t, session.StateConnected, s.State())
		finish(t, s, &tr, &rec)
	})
	bubble(t, "update", func(t *testing.T) {
		tr := sessiontest.Script(ok().With(sessiontest.Link{Update: hang("renegotiation")}))
		var rec sessiontest.Recorder
		s := start(t, production(tr, &rec))
		tr.Report(1, status.IncompatibleSDP)
		settle(connectTimeout - 1)
		assert.Equal(t, session.StateConnected, s.State())
		settle(1)
		lost, ok := sessiontest.Last[observer.Reconnecting](&rec)
		require.True(t, ok)
		assert.Equal(t, status.TaskFailed, lost.Cause.Code)
		ours(t, lost.Cause, "update", "15s")
		finish(t, s, tr, &rec)
	})
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			tr := sessiontest.Script(ok().With(sessiontest.Link{Promote: hang("primary meeting"), Demote: hang("primary meeting")}))
			s := start(t, production(tr))
			began := time.Now()
			ours(t, s.Promote(t.Context(), session.Credentials{}), "promotion")
			assert.Equal(t, connectTimeout, time.Since(began))
			finish(t, s, tr)
		})
	}
}

// The end of a session that our own limits have ended is no deadline of the
// caller's, and neither is a wait in it (NEEDS 33, 34).
func TestOurLimitsAreNotDeadlines(t *testing.T) {
	bubble(t, "budget", func(t *testing.T) {
		tr := new(sessiontest.Transport).Otherwise(hang("TLS"))
		s := newSession(t, production(tr))
		err := s.Start(t.Context())
		require.ErrorIs(t, err, status.TaskFailed)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, context.Canceled)
		assert.ErrorContains(t, err, "TLS")
		finish(t, s, tr)
	})
	bubble(t, "stopped", func(t *testing.T) {
		tr := new(sessiontest.Transport).Otherwise(hang("TLS"))
		s := newSession(t, production(tr))
		answer := starting(s)
		settle(sec)
		s.Stop()
		assert.NotErrorIs(t, <-answer, context.Canceled)
		finish(t, s, tr)
	})
}

// Two Connects that ignore their context are the most that pile up (G11).
func TestDeafTransport(t *testing.T) {
	bubble(t, "both", func(t *testing.T) {
		tr := new(sessiontest.Transport).Otherwise(sessiontest.Deaf("DNS"))
		var rec sessiontest.Recorder
		s := newSession(t, production(tr, &rec))
		starting(s)
		endsAfter(t, s, 2*(connectTimeout+closeGrace)+500*ms)
		assert.ErrorIs(t, s.Err(), status.TaskFailed)
		stopped, _ := sessiontest.Last[observer.Stopped](&rec)
		assert.Equal(t, observer.ByFault, stopped.Initiator)
		assert.Len(t, tr.Snapshot().Running, 2)
		verify(t, s, tr, &rec)
	})
	bubble(t, "one after the other", func(t *testing.T) {
		tr := sessiontest.Script(sessiontest.Deaf("DNS").Times(5))
		var rec sessiontest.Recorder
		s := newSession(t, production(tr, &rec))
		starting(s)
		for epoch := uint64(1); epoch <= 5; epoch++ {
			require.NoError(t, tr.WaitAttempts(t.Context(), int(epoch)))
			settle(connectTimeout + closeGrace + 100*ms)
			tr.Release(epoch)
		}
		settle(time.Minute)
		assert.Equal(t, session.StateConnected, s.State(), "each had returned before the next")
		finish(t, s, tr, &rec)
	})
}

// The post-mortem: every observer and the ring have what happened, when, in which
// state, of which layer, with which code; first and last cause are kept, and what
// is behind them is reachable (NEEDS 34, 35).
func TestPostMortem(t *testing.T) {
	bubble(t, "ring", func(t *testing.T) {
		refused := fmt.Errorf("dial tcp: %w", errors.New("connection refused"))
		network := errors.New("network is unreachable")
		tr := sessiontest.Script(ok()).Otherwise(fail(refused))
		ring := observer.History{Limit: 8}
		var rec sessiontest.Recorder
		cfg := production(tr, &ring, &rec)
		cfg.Policy.Budget.Attempts = 5
		s := start(t, cfg)
		advance(time.Hour)
		tr.Report(1, status.Status{Code: status.SignalingInternalServerError, Layer: status.LayerSignaling, Wire: 4503, Cause: network})
		<-s.Done()
		all := rec.Events()
		assert.Equal(t, all[len(all)-8:], ring.Events())
		assert.EqualValues(t, len(all), ring.Total())

		var err *session.Error
		require.ErrorAs(t, s.Err(), &err)
		assert.Equal(t, 5, err.Attempts)
		assert.Equal(t, 4503, err.First.Wire)
		assert.ErrorIs(t, err.First, network)
		assert.ErrorIs(t, err.Last, refused)
		assert.ErrorIs(t, s.Err(), refused, "what decided is reachable")
		assert.NotErrorIs(t, s.Err(), network, "the first cause is a field")
		assert.ErrorContains(t, err, `"test"`)
		assert.ErrorContains(t, err, "5 attempts")
		assert.ErrorContains(t, err, "SignalingInternalServerError")
		snap := s.Snapshot()
		assert.Equal(t, err.First, snap.First)
		assert.Equal(t, err.Last, snap.Last)
		for _, e := range all {
			b, err := observer.Marshal(e)
			require.NoError(t, err)
			back, err := observer.Unmarshal(b)
			require.NoError(t, err)
			assert.Equal(t, e.Head().Seq, back.Head().Seq)
		}
		verify(t, s, tr, &rec)
	})
}

// The summary of an outage: when, how long, how many attempts, why (NEEDS 35).
func TestOutageSummary(t *testing.T) {
	bubble(t, "summary", func(t *testing.T) {
		tr := sessiontest.Script(ok(), fail(status.AudioServiceUnavailable).After(sec), ok().After(300*ms))
		var rec sessiontest.Recorder
		s := start(t, production(tr, &rec))
		advance(time.Hour)
		at := time.Now()
		tr.Report(1, status.ConnectionHealthReconnect)
		synctest.Wait()
		snap := s.Snapshot()
		assert.Equal(t, session.StateReconnecting, snap.State)
		assert.True(t, snap.NextAttempt.Equal(at.Add(500*ms)), snap.NextAttempt)
		assert.True(t, snap.Since.Equal(at))
		settle(time.Minute)
		recovered, _ := sessiontest.Last[observer.Recovered](&rec)
		assert.True(t, recovered.Outage.Since.Equal(at))
		assert.Equal(t, 500*ms+sec+sec+300*ms, recovered.Outage.Duration)
		assert.Equal(t, 2, recovered.Outage.Attempts)
		assert.Equal(t, status.ConnectionHealthReconnect, recovered.Outage.First.Code)
		assert.Equal(t, status.AudioServiceUnavailable, recovered.Outage.Last.Code)
		finish(t, s, tr, &rec)
	})
}

// Nothing that needs a link vanishes in an outage: it fails at once, by name, and
// there is something to wait for (NEEDS 40).
func TestMethodsInAnOutage(t *testing.T) {
	bubble(t, "outage", func(t *testing.T) {
		tr := sessiontest.Script(ok(), ok().After(5*sec))
		tr.Link = sessiontest.Able()
		s := start(t, production(tr))
		require.NoError(t, s.WaitConnected(t.Context()))
		tr.Report(1, lost)
		synctest.Wait()
		assert.ErrorIs(t, s.Promote(t.Context(), session.Credentials{}), session.ErrNotConnected)
		assert.ErrorIs(t, s.Demote(t.Context()), session.ErrNotConnected)
		_, has := s.Link()
		assert.False(t, has)
		assert.NoError(t, s.Reconnect(nil), "that is in hand")
		began := time.Now()
		require.NoError(t, s.WaitConnected(t.Context()))
		assert.Equal(t, 5500*ms, time.Since(began))
		assert.Len(t, tr.Snapshot().Attempts(), 2)
		require.NoError(t, s.Promote(t.Context(), session.Credentials{}))
		require.NoError(t, s.Close())
		assert.ErrorIs(t, s.Promote(t.Context(), session.Credentials{}), session.ErrStopped)
		assert.ErrorIs(t, s.Demote(t.Context()), session.ErrStopped)
		assert.ErrorIs(t, s.Reconnect(nil), session.ErrStopped)
		var err *session.Error
		require.ErrorAs(t, s.WaitConnected(t.Context()), &err)
		assert.ErrorIs(t, err, status.Left)
		verify(t, s, tr)
	})
}

// A session that is about to end by itself says so, too: while its link closes,
// and once it has ended.
func TestMethodsAtTheEnd(t *testing.T) {
	bubble(t, "closing", func(t *testing.T) {
		tr := sessiontest.Transport{Link: sessiontest.Able()}
		tr.Link.Close = ok().After(sec)
		s := start(t, production(&tr))
		tr.Report(1, status.MeetingEnded)
		synctest.Wait()
		assert.Equal(t, session.StateConnected, s.State(), "Stopped is still to come")
		assert.True(t, s.Snapshot().Ending)
		assert.NoError(t, s.Err())
		_, has := s.Link()
		assert.False(t, has)
		for range 2 {
			assert.ErrorIs(t, s.Promote(t.Context(), session.Credentials{}), session.ErrStopped)
			assert.ErrorIs(t, s.Demote(t.Context()), session.ErrStopped)
			assert.ErrorIs(t, s.Reconnect(nil), session.ErrStopped)
			assert.ErrorIs(t, s.WaitConnected(t.Context()), status.MeetingEnded)
			<-s.Done()
		}
		assert.False(t, s.Snapshot().Ending)
		verify(t, s, &tr)
	})
}

// A promotion that is running when the connection is lost fails with it, and one
// at a time is enough.
func TestPromotionEndsWithTheConnection(t *testing.T) {
	bubble(t, "lost", func(t *testing.T) {
		tr := sessiontest.Transport{Link: sessiontest.Link{Promote: hang("primary meeting")}}
		s := start(t, production(&tr))
		answer := make(chan error, 1)
		go func() { answer <- s.Promote(context.Background(), session.Credentials{}) }()
		synctest.Wait()
		assert.ErrorIs(t, s.Promote(t.Context(), session.Credentials{}), session.ErrBusy)
		tr.Report(1, lost)
		synctest.Wait()
		assert.ErrorIs(t, <-answer, session.ErrNotConnected)
		finish(t, s, &tr)
	})
	for name, end := range map[string]func(stage){
		"stopped": func(st stage) { st.s.Stop() },
		"ended":   func(st stage) { st.tr.Report(1, status.MeetingEnded) },
	} {
		bubble(t, name, func(t *testing.T) {
			tr := sessiontest.Transport{Link: sessiontest.Link{Promote: hang("primary meeting"), Close: ok().After(sec)}}
			s := start(t, production(&tr))
			answer := make(chan error, 1)
			go func() { answer <- s.Promote(context.Background(), session.Credentials{}) }()
			synctest.Wait()
			end(stage{s, &tr})
			synctest.Wait()
			assert.ErrorIs(t, <-answer, session.ErrStopped)
			finish(t, s, &tr)
		})
	}
	bubble(t, "unsupported", func(t *testing.T) {
		var tr sessiontest.Transport
		s := start(t, production(&tr))
		assert.ErrorIs(t, s.Promote(t.Context(), session.Credentials{}), errors.ErrUnsupported)
		assert.NoError(t, s.Demote(t.Context()), "there is nothing to leave")
		finish(t, s, &tr)
	})
}

// Whoever leaves connected while promoted is demoted, and told so once (NEEDS 42,
// divergence 7.8).
func TestDisconnectionDemotes(t *testing.T) {
	const removed = status.AudioVideoWasRemovedFromPrimaryMeeting
	tests := map[string]struct {
		end    func(stage)
		want   status.Code
		by     observer.Initiator
		demote string // the event before which it is told; empty: the session stays connected
	}{
		"a loss":            {func(st stage) { st.tr.Report(1, lost) }, status.AudioVideoDisconnectedWhilePromoted, observer.ByLoss, "Reconnecting"},
		"a loss, no reason": {func(st stage) { st.tr.Closed(1, status.LayerSignaling, nil) }, status.AudioVideoDisconnectedWhilePromoted, observer.ByLoss, "Reconnecting"},
		"Reconnect":         {func(st stage) { _ = st.s.Reconnect(nil) }, status.AudioVideoDisconnectedWhilePromoted, observer.ByLoss, "Reconnecting"},
		"a failed update":   {func(st stage) { st.tr.Report(1, status.IncompatibleSDP) }, status.AudioVideoDisconnectedWhilePromoted, observer.ByLoss, "Reconnecting"},
		"Stop":              {func(st stage) { st.s.Stop() }, status.AudioVideoDisconnectedWhilePromoted, observer.ByLoss, "Stopped"},
		"the end":           {func(st stage) { st.tr.Report(1, status.MeetingEnded) }, status.AudioVideoDisconnectedWhilePromoted, observer.ByLoss, "Stopped"},
		"the server":        {func(st stage) { st.tr.Report(1, removed) }, removed, observer.ByStatus, ""},
		"the application":   {func(st stage) { _ = st.s.Demote(context.Background()) }, status.OK, observer.ByApplication, ""},
	}
	for name, tt := range tests {
		bubble(t, name, func(t *testing.T) {
			tr := sessiontest.Transport{Link: sessiontest.Able()}
			tr.Link.Update = fail(nil)
			var rec sessiontest.Recorder
			s := start(t, production(&tr, &rec))
			require.NoError(t, s.Promote(t.Context(), session.Credentials{}))
			require.True(t, s.Snapshot().Promoted)
			tt.end(stage{s, &tr})
			settle(time.Minute)
			tr.Report(sessiontest.Newest, lost)
			settle(time.Minute)
			assert.False(t, s.Snapshot().Promoted, "it must be promoted anew")
			demoted := sessiontest.Of[observer.Demoted](&rec)
			require.Len(t, demoted, 1, "told once")
			assert.Equal(t, tt.want.String(), demoted[0].Status.Code.String())
			assert.Equal(t, tt.by, demoted[0].Initiator)
			if tt.demote != "" {
				after := rec.Events()[demoted[0].Seq]
				assert.Equal(t, tt.demote, after.Name())
			}
			finish(t, s, &tr, &rec)
		})
	}
}

// A config that cannot work is refused, and every fault in it is named (NEEDS 41).
func TestConfigIsValidated(t *testing.T) {
	valid := func() session.Config { return production(new(sessiontest.Transport)) }
	tests := map[string]func(*session.Config){
		"Transport":      func(c *session.Config) { c.Transport = nil },
		"Observers[1]":   func(c *session.Config) { c.Observers = []observer.Observer{observer.Log{}, nil} },
		"ConnectTimeout": func(c *session.Config) { c.ConnectTimeout = -1 },
		"CloseGrace":     func(c *session.Config) { c.CloseGrace = -1 },
		"ObserverGrace":  func(c *session.Config) { c.ObserverGrace = -1 },
		"IncompatibleSDP": func(c *session.Config) {
			c.Policy.Classes = c.Policy.Classes.With(status.IncompatibleSDP, policy.Terminal)
		},
		"NewBackOff":                     func(c *session.Config) { c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return nil } },
		"UnusableAudio.Samples":          func(c *session.Config) { c.Health.UnusableAudio.Samples = 61 },
		"UnusableAudio.PacketsPerSample": func(c *session.Config) { c.Health.UnusableAudio.PacketsPerSample = -1 },
	}
	everything := valid()
	for name, spoil := range tests {
		cfg := valid()
		require.NoError(t, cfg.Validate())
		spoil(&cfg)
		spoil(&everything)
		_, err := session.New(cfg)
		require.ErrorContains(t, err, name)
		assert.Equal(t, err.Error(), cfg.Validate().Error())
	}
	_, err := session.New(everything)
	for name := range tests {
		require.ErrorContains(t, err, name, "all faults at once")
	}
}

// What a config amounts to can be printed and compared (NEEDS 41).
func TestConfigIsPrintable(t *testing.T) {
	printed := fmt.Sprintf("%+v", session.Config{Name: "n", ReasonGrace: -1}.Effective())
	for _, want := range []string{
		"Name:n", "ConnectTimeout:15s", "CloseGrace:2s", "ObserverGrace:2s", "PingInterval:10s", "NoPackets:25",
	} {
		assert.Contains(t, printed, want)
	}
	effective := session.Config{}.Effective()
	assert.Equal(t, policy.Default().Budget, effective.Policy.Budget)
	again := effective.Effective()
	effective.Random, again.Random = nil, nil
	assert.Equal(t, effective, again)
	assert.Equal(t, session.Config{}, session.Config{}, "a zero config stays zero")
}

// The timeouts that are configured are those that apply (NEEDS 41).
func TestConfiguredTimeouts(t *testing.T) {
	bubble(t, "custom", func(t *testing.T) {
		tr := sessiontest.Script(hang("TLS"), ok().With(sessiontest.Link{Ping: ok(), Close: sessiontest.Deaf("close")}))
		forever := make(chan struct{})
		var rec sessiontest.Recorder
		cfg := production(tr, &rec, observer.Funcs{Stopped: func(observer.Stopped) { <-forever }})
		cfg.ConnectTimeout, cfg.CloseGrace, cfg.ObserverGrace = 3*sec, 700*ms, 400*ms
		cfg.ReasonGrace, cfg.PingInterval = sec, 4*sec
		s := newSession(t, cfg)
		starting(s)
		settle(3500*ms - 1)
		assert.Len(t, tr.Snapshot().Attempts(), 1)
		settle(1)
		assert.Equal(t, session.StateConnected, s.State())
		settle(12*sec - 1)
		assert.Len(t, tr.Snapshot().Named("Ping"), 3)
		settle(1)
		assert.Len(t, tr.Snapshot().Named("Ping"), 4)
		tr.Closed(2, status.LayerSignaling, nil)
		settle(sec - 1)
		assert.Empty(t, tr.Snapshot().Named("Close"))
		settle(1)
		assert.Len(t, tr.Snapshot().Named("Close"), 1)
		s.Stop()
		endsAfter(t, s, 700*ms+400*ms)
		close(forever)
		verify(t, s, tr, &rec)
	})
	bubble(t, "off", func(t *testing.T) {
		tr := sessiontest.Transport{Link: sessiontest.Able()}
		var rec sessiontest.Recorder
		cfg := production(&tr, &rec)
		cfg.ReasonGrace, cfg.PingInterval, cfg.PresenceTimeout = -1, -1, -1
		s := start(t, cfg)
		settle(time.Hour)
		assert.Empty(t, tr.Snapshot().Named("Ping"))
		tr.Closed(1, status.LayerSignaling, nil)
		synctest.Wait()
		assert.Len(t, tr.Snapshot().Named("Close"), 1, "the loss is judged at once")
		finish(t, s, &tr, &rec)
	})
}

// A session may begin view-only, and stays so in every outage.
func TestViewOnlyFromTheStart(t *testing.T) {
	bubble(t, "view-only", func(t *testing.T) {
		var tr sessiontest.Transport
		var rec sessiontest.Recorder
		cfg := production(&tr, &rec)
		cfg.ViewOnly = true
		s := start(t, cfg)
		tr.Report(1, lost)
		settle(time.Minute)
		for _, a := range tr.Snapshot().Attempts() {
			assert.True(t, a.ViewOnly)
		}
		for _, e := range sessiontest.Of[observer.Connected](&rec) {
			assert.True(t, e.ViewOnly)
		}
		assert.True(t, s.Snapshot().ViewOnly)
		assert.Empty(t, sessiontest.Of[observer.VideoSendUnavailable](&rec), "that is no news")
		finish(t, s, &tr, &rec)
	})
}

// A token shows up nowhere: not in the log of a whole life, not in any event, not
// in what fmt, slog and JSON make of the credentials.
func TestTokensAreHidden(t *testing.T) {
	bubble(t, "tokens", func(t *testing.T) {
		secret := session.Credentials{Attendee: "alice", Token: "t0psecret"}
		var out bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		tr := tour.transport()
		var rec sessiontest.Recorder
		cfg := production(tr, &rec, observer.Log{Logger: logger})
		tour.config(&cfg)
		s := newSession(t, cfg)
		starting(s)
		(&performance{scenario: tour, stage: stage{s, tr}}).perform()
		require.NoError(t, s.Promote(t.Context(), secret))
		finish(t, s, tr, &rec)
		assert.Equal(t, secret, tr.Snapshot().Named("Promote")[1].Credentials, "the link gets it")

		logger.Info("credentials", "credentials", secret)
		fmt.Fprintf(&out, "%v %+v %#v %s", secret, secret, secret, secret)
		require.NoError(t, json.NewEncoder(&out).Encode(secret))
		for _, e := range rec.Events() {
			b, err := observer.Marshal(e)
			require.NoError(t, err)
			out.Write(b)
		}
		assert.Contains(t, out.String(), "alice")
		assert.NotContains(t, out.String(), secret.Token)
	})
}

// Wire values, whatever they are, have a defined outcome: the session ends, or
// is connected again within a minute (G13).
func TestAnyWireValue(t *testing.T) {
	values := []int{
		math.MinInt, -1, 0, 1, 99, 100, 199, 200, 206, 207, 299, 300, 301, 302, 399, 400, 403, 404, 409, 410, 411, 412,
		499, 500, 503, 509, 510, 599, 600, 999, 1000, 1001, 1002, 1005, 1006, 1011, 1012, 1013, 1015, 2999, 3000, 4000,
		4409, 4410, 4411, 4499, 4500, 4550, 4599, 4600, 65535, math.MaxInt,
	}
	from := map[string]func(int) status.Status{
		"signaling": status.FromSignaling, "audio": status.FromAudio,
		"close":        func(v int) status.Status { return status.FromWebSocketClose(v, status.Attached) },
		"socket error": func(v int) status.Status { return status.FromWebSocketError(v, status.Joining) },
	}
	for name, read := range from {
		bubble(t, name, func(t *testing.T) {
			for _, v := range values {
				for _, connecting := range []bool{true, false} {
					var tr sessiontest.Transport
					if connecting {
						tr.Then(fail(read(v)))
					}
					var rec sessiontest.Recorder
					s := newSession(t, production(&tr, &rec))
					starting(s)
					synctest.Wait()
					tr.Report(1, read(v))
					tr.Closed(sessiontest.Newest, status.LayerSignaling, read(v))
					settle(time.Minute)
					assert.True(t, ended(s) || s.State() == session.StateConnected, "%d: %v", v, s.State())
					finish(t, s, &tr, &rec)
				}
			}
		})
	}
}

// A reporter that belongs to nothing drops what it is told.
func TestReporterOfNothing(t *testing.T) {
	for _, r := range []*session.Reporter{nil, {}} {
		assert.NotPanics(t, func() {
			r.Status(status.New(lost, nil))
			r.Closed(status.LayerMedia, nil)
			r.Sample(health.Sample{})
			r.Pong(1)
			r.Alive(status.LayerMedia)
			r.Present()
		})
	}
}

// Dead links are noticed by the pings that stay unanswered, and by the traffic
// that stays away, at the computed moment.
func TestDeadLinkIsNoticed(t *testing.T) {
	bubble(t, "pings", func(t *testing.T) {
		tr := sessiontest.Script(ok().With(sessiontest.Link{Ping: sessiontest.Nothing()}))
		var rec sessiontest.Recorder
		s := start(t, production(tr, &rec))
		settle(40*sec - 1)
		assert.Equal(t, session.StateConnected, s.State())
		assert.Equal(t, 3, s.Snapshot().MissedPongs)
		settle(1)
		assert.Equal(t, session.StateReconnecting, s.State())
		lost, _ := sessiontest.Last[observer.Reconnecting](&rec)
		assert.Equal(t, status.ConnectionHealthReconnect, lost.Cause.Code)
		assert.ErrorContains(t, lost.Cause, "4 pings")
		finish(t, s, tr, &rec)
	})
	bubble(t, "traffic", func(t *testing.T) {
		var tr sessiontest.Transport
		var rec sessiontest.Recorder
		s := start(t, production(&tr, &rec))
		for i := range 26 {
			require.Equal(t, session.StateConnected, s.State(), "sample %d", i)
			settle(sec)
			tr.Sample(1, stall)
		}
		synctest.Wait()
		assert.Equal(t, session.StateReconnecting, s.State(), "one sample with traffic, 25 without")
		lost, _ := sessiontest.Last[observer.Reconnecting](&rec)
		assert.Equal(t, status.ConnectionHealthReconnect, lost.Cause.Code)
		finish(t, s, &tr, &rec)
	})
	bubble(t, "answered", func(t *testing.T) {
		tr := sessiontest.Script(ok().With(sessiontest.Link{Ping: ok().After(120 * ms)}))
		s := start(t, production(tr))
		settle(10 * time.Minute)
		assert.Equal(t, session.StateConnected, s.State())
		assert.Equal(t, 120*ms, s.Snapshot().RTT)
		assert.Zero(t, s.Snapshot().MissedPongs)
		finish(t, s, tr)
	})
}

// A reason that a cancelled attempt still gives is the reason: what the transport
// was told and what its Connect returns belong to one loss (NEEDS 6).
func TestAttemptLostThenRefusedForGood(t *testing.T) {
	bubble(t, "refused", func(t *testing.T) {
		tr := sessiontest.Script(ok(), fail(status.MeetingEnded).AtCancel().After(50*ms))
		var rec sessiontest.Recorder
		s := start(t, production(tr, &rec))
		tr.Report(1, lost)
		settle(sec)
		tr.Report(2, status.FromWebSocketClose(1006, status.Joining))
		settle(100 * ms)
		assert.ErrorIs(t, s.Err(), status.MeetingEnded)
		finish(t, s, tr, &rec)
	})
	bubble(t, "out of time", func(t *testing.T) {
		tr := sessiontest.Script(sessiontest.Func(func(ctx context.Context, _ session.Attempt, _ *session.Reporter) error {
			<-ctx.Done()
			return fmt.Errorf("join: %w (%w)", status.MeetingEnded, ctx.Err())
		}))
		s := newSession(t, production(tr))
		starting(s)
		endsAfter(t, s, connectTimeout)
		assert.ErrorIs(t, s.Err(), status.MeetingEnded)
		assert.NotErrorIs(t, s.Err(), context.Canceled, "the context was ours")
		assert.ErrorContains(t, s.Err(), "join")
		verify(t, s, tr)
	})
}
