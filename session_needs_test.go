package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
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

// each runs a test in a bubble of its own.
func bubble(t *testing.T, name string, f func(*testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
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
		tr.Link = rejoining()
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
		tr := sessiontest.Transport{Link: rejoining()}
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
			r.Probed(1)
			r.Alive(status.LayerMedia)
			r.Expect(health.ExpectMedia)
			r.Doubt(status.LayerMedia, nil)
			r.Present()
		})
	}
}

// Dead links are noticed by the pings that stay unanswered, and by the traffic
// that stays away, at the computed moment. So the reference does it; what the
// detector finds is in session_health_test.go.
func TestDeadLinkIsNoticed(t *testing.T) {
	bubble(t, "pings", func(t *testing.T) {
		tr := sessiontest.Script(ok().With(sessiontest.Link{Ping: sessiontest.Nothing()}))
		var rec sessiontest.Recorder
		cfg := production(tr, &rec)
		cfg.Health.Detector.Off = true
		s := start(t, cfg)
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
