package holdfast_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

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

// Every code has the fate that the table says (NEEDS 5).
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
