package session_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// pass lets fake time go by until everything rests.
func pass(d time.Duration) {
	<-time.NewTimer(d).C
	synctest.Wait()
}

func started(t *testing.T, cfg session.Config) *session.Session {
	t.Helper()
	s, err := session.New(cfg)
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	return s
}

// TestEndingIsNotStopped: while the link is being closed the session is not
// stopped yet, has no error yet, and hands out no link any more.
func TestEndingIsNotStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &sessiontest.Transport{Link: sessiontest.Link{Close: sessiontest.OK().After(time.Second)}}
		s := started(t, session.Config{Transport: tr})
		s.Stop()
		pass(time.Second - 1)
		snap := s.Snapshot()
		assert.Equal(t, session.StateConnected, snap.State)
		assert.True(t, snap.Ending)
		assert.NoError(t, s.Err())
		_, ok := s.Link()
		assert.False(t, ok)
		assert.ErrorIs(t, s.Reconnect(nil), session.ErrStopped)

		pass(1)
		assert.Equal(t, session.StateStopped, s.State())
		assert.False(t, s.Snapshot().Ending)
		assert.ErrorIs(t, s.Err(), status.Left)
		<-s.Done()
	})
}

// TestPromoteInsideStopped answers at once, and Done does not wait for it.
func TestPromoteInsideStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &sessiontest.Transport{Link: sessiontest.Able()}
		var s *session.Session
		answers := make(chan error, 2)
		rec := sessiontest.Recorder{Then: func(e observer.Event) {
			if e.Name() == "Stopped" {
				answers <- s.Promote(context.Background(), session.Credentials{})
				answers <- s.Demote(context.Background())
			}
		}}
		var err error
		s, err = session.New(session.Config{Transport: tr, Observers: []observer.Observer{&rec}})
		require.NoError(t, err)
		require.NoError(t, s.Start(t.Context()))
		began := time.Now()
		s.Close()
		assert.Zero(t, time.Since(began))
		assert.ErrorIs(t, <-answers, session.ErrStopped)
		assert.ErrorIs(t, <-answers, session.ErrStopped)
	})
}

// TestStopDuringPromotion: the answer says that the session has ended.
func TestStopDuringPromotion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &sessiontest.Transport{Link: sessiontest.Link{Promote: sessiontest.Hang("promote")}}
		s := started(t, session.Config{Transport: tr})
		answer := make(chan error, 1)
		go func() { answer <- s.Promote(context.Background(), session.Credentials{}) }()
		pass(time.Second)
		s.Stop()
		assert.ErrorIs(t, <-answer, session.ErrStopped)
		<-s.Done()
		tr.Parity(t)
	})
}

// TestPromotionTimeoutIsOurs: our time limit is told as such, in every order of
// events, and what the link does late is not lost.
func TestPromotionTimeoutIsOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &sessiontest.Transport{Link: sessiontest.Link{Promote: sessiontest.Hang("promote"), Demote: sessiontest.OK()}}
		s := started(t, session.Config{Transport: tr})
		defer s.Close()
		for range 20 {
			err := s.Promote(context.Background(), session.Credentials{})
			require.ErrorContains(t, err, "promotion took longer than 15s")
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			synctest.Wait()
		}
	})
}

// TestLatePromotionCanBeLeft: a promotion that the server granted after the
// application was told of a timeout is told, and Demote reaches the server.
func TestLatePromotionCanBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &sessiontest.Transport{Link: sessiontest.Link{Promote: sessiontest.OK().AtRelease(), Demote: sessiontest.OK()}}
		var rec sessiontest.Recorder
		s := started(t, session.Config{Transport: tr, Observers: []observer.Observer{&rec}})
		defer s.Close()
		require.Error(t, s.Promote(context.Background(), session.Credentials{}))
		require.ErrorIs(t, s.Promote(context.Background(), session.Credentials{}), session.ErrBusy)
		tr.Release()
		synctest.Wait()
		assert.True(t, s.Snapshot().Promoted)
		require.NoError(t, s.Demote(context.Background()))
		assert.Len(t, tr.Snapshot().Named("Demote"), 1)
		assert.Contains(t, rec.Names(), "Promoted")
	})
}

// TestForEverIsNoOverflow: the largest duration is long, and silences nothing.
func TestForEverIsNoOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := policy.Default()
		p.StableAfter = math.MaxInt64
		tr := &sessiontest.Transport{Link: sessiontest.Link{Ping: sessiontest.Nothing()}}
		var rec sessiontest.Recorder
		s := started(t, session.Config{
			Transport: tr, Policy: &p, Observers: []observer.Observer{&rec}, ConnectTimeout: math.MaxInt64,
			CloseGrace: math.MaxInt64, ReasonGrace: math.MaxInt64,
		})
		pass(2 * time.Minute)
		assert.NotEmpty(t, sessiontest.Of[observer.Recovered](&rec), "missed pongs are noticed")
		s.Close()
		tr.Parity(t)
	})
}

// TestHangingClosesEndTheSession rather than pile up for ever (G11).
func TestHangingClosesEndTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &sessiontest.Transport{Link: sessiontest.Link{Close: sessiontest.Deaf("close")}}
		p := policy.Default()
		p.StableAfter = 0
		s := started(t, session.Config{Transport: tr, Policy: &p})
		for i := 0; s.Err() == nil; i++ {
			require.Less(t, i, 100)
			tr.Report(sessiontest.Newest, status.ConnectionHealthReconnect)
			pass(time.Minute)
		}
		assert.ErrorIs(t, s.Err(), status.TaskFailed)
		assert.ErrorContains(t, s.Err(), "16 Closes have not returned")
		<-s.Done()
		tr.Release()
	})
}

// TestSlowCloseOfALateLinkIsNotDeaf: a Connect that obeys, late, and whose link
// closes slowly, is no reason to give up before the budget (G9).
func TestSlowCloseOfALateLinkIsNotDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := sessiontest.OK().AtCancel().With(sessiontest.Link{Close: sessiontest.OK().After(time.Hour)})
		tr := new(sessiontest.Transport).Otherwise(late)
		s, err := session.New(session.Config{Transport: tr})
		require.NoError(t, err)
		began := time.Now()
		err = s.Start(t.Context())
		var end *session.Error
		require.ErrorAs(t, err, &end)
		assert.Equal(t, observer.ByPolicy, end.Initiator)
		assert.GreaterOrEqual(t, time.Since(began), 5*time.Minute)
		tr.Release()
		<-s.Done()
	})
}

// TestLostLinkKeepsItsAuthority for 2 s, whatever becomes of the first attempts (G10).
func TestLostLinkKeepsItsAuthority(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		ends  bool
	}{{time.Second, true}, {2*time.Second - 1, true}, {2 * time.Second, false}} {
		synctest.Test(t, func(t *testing.T) {
			tr := sessiontest.Script(sessiontest.OK()).Otherwise(sessiontest.Fail(errors.New("refused")).After(10 * time.Millisecond))
			s := started(t, session.Config{Transport: tr, Random: func() float64 { return 0.01 }})
			tr.Report(1, status.ConnectionHealthReconnect)
			require.NoError(t, tr.WaitAttempts(t.Context(), 2))
			pass(tt.after)
			require.Greater(t, len(tr.Snapshot().Attempts()), 3, "several have failed meanwhile")
			tr.Report(1, status.AudioAttendeeRemoved)
			synctest.Wait()
			assert.Equal(t, tt.ends, errors.Is(s.Err(), status.AudioAttendeeRemoved))
			s.Close()
		})
	}
}

// TestPolicyIsCopied: what the application changes later changes nothing.
func TestPolicyIsCopied(t *testing.T) {
	p := policy.Default()
	s, err := session.New(session.Config{Transport: &sessiontest.Transport{}, Policy: &p})
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	p.Classes = p.Classes.With(status.MeetingEnded, policy.Failure)
	defer s.Close()
	assert.Equal(t, policy.Terminal, session.ClassOf(s, status.MeetingEnded))
}
