package holdfast_test

import (
	"context"
	"errors"
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
