package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// What the application asks of a running session.

var (
	renegotiate = session.Change{Renegotiate: true}
	viewOnly    = session.Change{ViewOnly: true}
	both        = session.Change{Renegotiate: true, ViewOnly: true}
)

// changes are what the links of a transport were asked for, with the epoch.
func changes(tr *sessiontest.Transport) (out []string) {
	for _, c := range tr.Snapshot().Named("Update") {
		out = append(out, fmt.Sprintf("%d %s", c.Epoch, describe(c.Change)))
	}
	return out
}

func describe(c session.Change) string {
	return map[session.Change]string{renegotiate: "renegotiate", viewOnly: "view-only", both: "both"}[c]
}

// updatable is a link that takes so long for an update, and can be restored.
func updatable(d time.Duration) sessiontest.Link {
	l := climber(turns(takes(sec, works)), turns(takes(sec, works)))
	l.Update = ok().After(d)
	return l
}

// One update runs at a time, and all that is asked for meanwhile is one more.
func TestUpdatesAreCoalesced(t *testing.T) {
	bubble(t, "a hundred", func(t *testing.T) {
		st, rec := climbing(t, nil, updatable(2*sec))
		require.NoError(t, st.s.Update(renegotiate))
		for range 100 {
			settle(10 * ms)
			require.NoError(t, st.s.Update(renegotiate))
		}
		require.NoError(t, st.s.Update(viewOnly))
		assert.Equal(t, []string{"1 renegotiate"}, changes(st.tr))
		settle(sec - 1)
		assert.Equal(t, []string{"1 renegotiate"}, changes(st.tr))
		settle(1)
		assert.Equal(t, []string{"1 renegotiate", "1 both"}, changes(st.tr))
		settle(time.Minute)
		assert.Equal(t, []string{"1 renegotiate", "1 both"}, changes(st.tr))
		assert.Equal(t, []string{"Updating", "Updated", "Updating", "Updated"}, tail(rec, 4))
		told := sessiontest.Of[observer.Updating](rec)
		assert.Zero(t, told[0].Cause, "the application asked for it")
		assert.True(t, st.s.Snapshot().ViewOnly)
		finish(t, st.s, st.tr, rec)
	})
	bubble(t, "at once, from everywhere", func(t *testing.T) {
		st, rec := climbing(t, nil, updatable(sec))
		for range 1000 {
			go st.s.Update(renegotiate)
		}
		settle(time.Minute)
		assert.Equal(t, []string{"1 renegotiate", "1 renegotiate"}, changes(st.tr))
		finish(t, st.s, st.tr, rec)
	})
	bubble(t, "nothing, and what is so already", func(t *testing.T) {
		st, rec := climbing(t, nil, updatable(0))
		for _, c := range []session.Change{{}, viewOnly, viewOnly, both, {}} {
			require.NoError(t, st.s.Update(c))
			settle(sec)
		}
		assert.Equal(t, []string{"1 view-only", "1 renegotiate"}, changes(st.tr), "there is no way back from it")
		finish(t, st.s, st.tr, rec)
	})
}

// What is asked for in an outage, or before the first link is there, is done on the link
// that comes; what that link was opened with need not be done on it again.
func TestUpdateWaitsForTheLink(t *testing.T) {
	for name, tt := range map[string]struct {
		loss error
		at   time.Duration // after the loss; the attempt runs from 0.5 to 1.5 s
		ask  session.Change
		want []string
	}{
		"before a rejoin":                   {someLost, 0, renegotiate, []string{"2 renegotiate"}},
		"view-only before a rejoin":         {someLost, 0, viewOnly, nil},
		"both before a rejoin":              {someLost, 0, both, []string{"2 renegotiate"}},
		"in a rejoin":                       {someLost, sec, renegotiate, []string{"2 renegotiate"}},
		"view-only in a rejoin":             {someLost, sec, viewOnly, []string{"2 view-only"}},
		"both in a rejoin":                  {someLost, sec, both, []string{"2 both"}},
		"before a restart":                  {mediaLost, 0, both, []string{"1 both"}},
		"in a restart":                      {mediaLost, sec, both, []string{"1 both"}},
		"before a resume":                   {lost, 0, viewOnly, []string{"1 view-only"}},
		"in a resume, while it takes place": {lost, sec, renegotiate, []string{"1 renegotiate"}},
	} {
		bubble(t, name, func(t *testing.T) {
			st, rec := climbing(t, nil, updatable(0), ok().After(sec).With(updatable(0)))
			st.tr.Report(1, tt.loss)
			settle(tt.at)
			require.NoError(t, st.s.Update(tt.ask))
			settle(1500*ms - tt.at - 1)
			assert.Empty(t, changes(st.tr))
			settle(1)
			assert.Equal(t, tt.want, changes(st.tr))
			settle(time.Minute)
			assert.Equal(t, tt.want, changes(st.tr))
			assert.Equal(t, tt.ask.ViewOnly, st.s.Snapshot().ViewOnly)
			st.tr.Report(sessiontest.Newest, someLost)
			settle(time.Minute)
			assert.Equal(t, tt.ask.ViewOnly, st.tr.Snapshot().Attempts()[len(st.tr.Snapshot().Attempts())-1].ViewOnly, "it holds for every further link")
			assert.Equal(t, tt.want, changes(st.tr))
			finish(t, st.s, st.tr, rec)
		})
	}
	bubble(t, "the first connect", func(t *testing.T) {
		tr := sessiontest.Script(fail(nil), ok().After(sec).With(updatable(0)))
		var rec sessiontest.Recorder
		s := newSession(t, production(tr, &rec))
		assert.ErrorIs(t, s.Update(both), session.ErrNotConnected)
		answer := starting(s)
		settle(sec)
		require.NoError(t, s.Update(both))
		require.NoError(t, <-answer)
		synctest.Wait()
		assert.Equal(t, []string{"2 both"}, changes(tr))
		finish(t, s, tr, &rec)
		assert.ErrorIs(t, s.Update(both), session.ErrStopped)
	})
}

// An update that was running, or waiting, when the link was lost is done again if the
// link is kept; a new link has been negotiated anyway, and is view-only from the start.
func TestUpdateIsInterrupted(t *testing.T) {
	for name, tt := range map[string]struct {
		loss error
		want []string
	}{
		"restart": {mediaLost, []string{"1 renegotiate", "1 both"}},
		"resume":  {lost, []string{"1 renegotiate", "1 both"}},
		"rejoin":  {someLost, []string{"1 renegotiate"}},
	} {
		bubble(t, name, func(t *testing.T) {
			st, rec := climbing(t, nil, updatable(2*sec), ok().With(updatable(0)))
			require.NoError(t, st.s.Update(renegotiate))
			synctest.Wait()
			require.NoError(t, st.s.Update(viewOnly))
			settle(sec)
			st.tr.Report(1, tt.loss)
			settle(time.Minute)
			assert.Equal(t, tt.want, changes(st.tr))
			if name == "rejoin" {
				assert.True(t, st.tr.Snapshot().Attempts()[1].ViewOnly)
			}
			finish(t, st.s, st.tr, rec)
		})
	}
}

// A link that cannot be updated is told of, and stays; an update that fails is a loss,
// and so is one that hangs, by name (NEEDS 31).
func TestUpdateFails(t *testing.T) {
	for name, tt := range map[string]struct {
		update sessiontest.Step
		after  time.Duration
		want   string // the event
	}{
		"cannot":           {sessiontest.Step{}, 0, "Updated"},
		"cannot after all": {fail(errors.ErrUnsupported), 0, "Updated"},
		"fails":            {fail(errEnough), 0, "Reconnecting"},
		"hangs":            {hang("SDP"), connectTimeout, "Reconnecting"},
		"panics":           {sessiontest.Panic("SDP"), 0, "Reconnecting"},
	} {
		bubble(t, name, func(t *testing.T) {
			l := sessiontest.Link{Ping: ok(), Update: tt.update}
			st, rec := climbing(t, nil, l)
			require.NoError(t, st.s.Update(renegotiate))
			settle(tt.after)
			e, err := rec.Wait(t.Context(), tt.want)
			require.NoError(t, err)
			assert.Equal(t, time.Minute+tt.after, e.Head().Elapsed)
			if updated, is := e.(observer.Updated); is {
				assert.True(t, updated.Unsupported)
			}
			settle(time.Minute)
			assert.Equal(t, session.StateConnected, st.s.State())
			finish(t, st.s, st.tr, rec)
		})
	}
}

// StopWith leaves for a reason of the application's own, which the session's error, its
// last event and Run tell (NEEDS 6, 34).
func TestStopWith(t *testing.T) {
	for name, steps := range map[string][]sessiontest.Step{
		"connecting": {hang("join")}, "connected": {ok()}, "between attempts": {fail(nil), fail(nil), fail(nil), fail(nil)},
	} {
		bubble(t, name, func(t *testing.T) {
			tr := sessiontest.Script(steps...)
			var rec sessiontest.Recorder
			s := newSession(t, production(tr, &rec))
			time.AfterFunc(2*sec, func() {
				s.StopWith(errEnough)
				s.StopWith(errors.New("another"))
				s.Stop()
			})
			err := s.Run(t.Context())
			require.ErrorIs(t, err, errEnough)
			require.ErrorIs(t, err, status.Left)
			assert.Equal(t, err, s.Err())
			stopped, _ := sessiontest.Last[observer.Stopped](&rec)
			assert.Equal(t, observer.ByApplication, stopped.Initiator)
			assert.ErrorIs(t, stopped.Status, errEnough)
			assert.ErrorIs(t, s.WaitConnected(t.Context()), errEnough)
			_, attached := s.Attached()
			assert.ErrorIs(t, attached, errEnough)
			verify(t, s, tr, &rec)
		})
	}
	bubble(t, "nothing", func(t *testing.T) {
		var tr sessiontest.Transport
		s := newSession(t, production(&tr))
		time.AfterFunc(sec, func() { s.StopWith(nil) })
		require.NoError(t, s.Run(t.Context()), "that is Stop")
		verify(t, s, &tr)
	})
	bubble(t, "before the start", func(t *testing.T) {
		var tr sessiontest.Transport
		s := newSession(t, production(&tr))
		s.StopWith(errEnough)
		require.ErrorIs(t, s.Run(t.Context()), errEnough)
		assert.Empty(t, tr.Snapshot().Calls)
		verify(t, s, &tr)
	})
	bubble(t, "after the end", func(t *testing.T) {
		var tr sessiontest.Transport
		s := start(t, production(&tr))
		tr.Report(1, status.MeetingEnded)
		<-s.Done()
		s.StopWith(errEnough)
		assert.ErrorIs(t, s.Err(), status.MeetingEnded)
		assert.NotErrorIs(t, s.Err(), errEnough)
		verify(t, s, &tr)
	})
}

// What needs a link fails at once, by name, wherever the session stands, and there is
// something to wait for: nothing is queued (NEEDS 40).
func TestAttachedInEachState(t *testing.T) {
	bubble(t, "states", func(t *testing.T) {
		tr := sessiontest.Script(ok().After(sec).With(climber(turns(takes(sec, works)), turns(works))))
		var rec sessiontest.Recorder
		s := newSession(t, production(tr, &rec))
		attached := func(want error) {
			t.Helper()
			l, err := s.Attached()
			if assert.ErrorIs(t, err, want); want == nil {
				assert.EqualValues(t, 1, sessiontest.EpochOf(l))
				return
			}
			assert.Nil(t, l)
			assert.Equal(t, want == session.ErrReconnecting, errors.Is(err, session.ErrReconnecting))
			assert.ErrorIs(t, s.Promote(t.Context(), session.Credentials{}), want)
			assert.ErrorIs(t, s.Demote(t.Context()), want)
		}
		attached(session.ErrNotConnected)
		starting(s)
		settle(sec - 1)
		attached(session.ErrNotConnected)
		settle(1)
		attached(nil)
		tr.Report(1, mediaLost)
		synctest.Wait()
		attached(session.ErrReconnecting)
		assert.ErrorIs(t, session.ErrReconnecting, session.ErrNotConnected)
		ctx, cancel := context.WithTimeoutCause(t.Context(), sec, errEnough)
		defer cancel()
		assert.ErrorIs(t, s.WaitConnected(ctx), errEnough)
		began := time.Now()
		require.NoError(t, s.WaitConnected(t.Context()))
		assert.Equal(t, 500*ms, time.Since(began), "the moment it is restored")
		attached(nil)
		tr.Change(1, func(l *sessiontest.Link) { l.Close = ok().After(sec) })
		tr.Report(1, status.MeetingEnded)
		synctest.Wait()
		attached(session.ErrStopped)
		<-s.Done()
		_, err := s.Attached()
		var why *session.Error
		require.ErrorAs(t, err, &why)
		assert.ErrorIs(t, err, status.MeetingEnded)
		require.ErrorAs(t, s.WaitConnected(t.Context()), &why)
		verify(t, s, tr, &rec)
	})
}

// A promotion that is refused changes nothing, one that is revoked is told as a
// demotion by the server, and both may be asked for again (NEEDS 42).
func TestPromotionIsRefusedOrRevoked(t *testing.T) {
	refusal := fmt.Errorf("promote: %w", status.FromSignaling(403))
	bubble(t, "refused", func(t *testing.T) {
		st, rec := climbing(t, nil, sessiontest.Link{Promote: fail(refusal)})
		err := st.s.Promote(t.Context(), session.Credentials{})
		require.ErrorIs(t, err, refusal)
		code, _ := status.CodeOf(err)
		assert.Equal(t, status.FromSignaling(403).Code, code)
		settle(time.Minute)
		assert.Equal(t, session.StateConnected, st.s.State(), "whatever the code means elsewhere")
		assert.False(t, st.s.Snapshot().Promoted)
		st.tr.Change(1, func(l *sessiontest.Link) { l.Promote = ok() })
		require.NoError(t, st.s.Promote(t.Context(), session.Credentials{}))
		assert.True(t, st.s.Snapshot().Promoted)
		finish(t, st.s, st.tr, rec)
	})
	bubble(t, "revoked", func(t *testing.T) {
		st, rec := climbing(t, nil, sessiontest.Link{Promote: ok()})
		for range 2 {
			require.NoError(t, st.s.Promote(t.Context(), session.Credentials{}))
			st.tr.Report(1, status.AudioVideoWasRemovedFromPrimaryMeeting)
			settle(sec)
			assert.False(t, st.s.Snapshot().Promoted)
			assert.Equal(t, session.StateConnected, st.s.State())
		}
		demoted := sessiontest.Of[observer.Demoted](rec)
		require.Len(t, demoted, 2)
		assert.Equal(t, observer.ByStatus, demoted[1].Initiator)
		finish(t, st.s, st.tr, rec)
	})
}

// A link that is kept in a recovery may still be at work on an update, or a promotion,
// that was cancelled with the connection. The next one waits for that: one call of a
// kind runs at a time.
func TestCancelledCallIsWaitedFor(t *testing.T) {
	bubble(t, "update", func(t *testing.T) {
		l := updatable(0)
		l.Update = ok().AtCancel().After(10 * sec)
		st, rec := climbing(t, nil, l)
		require.NoError(t, st.s.Update(renegotiate))
		settle(sec)
		st.tr.Report(1, mediaLost)
		settle(2 * sec)
		require.Equal(t, session.StateConnected, st.s.State())
		st.tr.Change(1, func(l *sessiontest.Link) { l.Update = ok() })
		assert.Len(t, changes(st.tr), 1)
		settle(8*sec - 1)
		assert.Len(t, changes(st.tr), 1)
		settle(1)
		assert.Len(t, changes(st.tr), 2, "the moment the other one has returned")
		assert.Len(t, sessiontest.Of[observer.Updated](rec), 1)
		finish(t, st.s, st.tr, rec)
	})
	bubble(t, "an update that never returns", func(t *testing.T) {
		l := updatable(0)
		l.Update = sessiontest.Deaf("SDP")
		st, rec := climbing(t, nil, l)
		require.NoError(t, st.s.Update(renegotiate))
		settle(sec)
		st.tr.Report(1, mediaLost)
		settle(1500*ms + connectTimeout - 1)
		assert.Equal(t, session.StateConnected, st.s.State())
		settle(1)
		assert.Equal(t, session.StateReconnecting, st.s.State(), "the link is not updated in time")
		settle(time.Minute)
		assert.EqualValues(t, 2, sessiontest.EpochOf(linkOf(t, st.s)))
		assert.Len(t, st.tr.Snapshot().Named("Update"), 1)
		finish(t, st.s, st.tr, rec)
	})
	bubble(t, "promotion", func(t *testing.T) {
		l := updatable(0)
		l.Promote = ok().AtCancel().After(10 * sec)
		st, rec := climbing(t, nil, l)
		go st.s.Promote(context.Background(), session.Credentials{})
		settle(sec)
		st.tr.Report(1, mediaLost)
		settle(2 * sec)
		st.tr.Change(1, func(l *sessiontest.Link) { l.Promote = ok() })
		began := time.Now()
		require.NoError(t, st.s.Promote(t.Context(), session.Credentials{}))
		assert.Equal(t, 8*sec, time.Since(began))
		assert.True(t, st.s.Snapshot().Promoted)
		finish(t, st.s, st.tr, rec)
	})
}
