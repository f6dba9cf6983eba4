package sessiontest

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// A whole session as it is logged: one refusal, a loss with a late link, the
// end of the meeting.
func TestTextOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Script(Fail(status.AudioServiceUnavailable).After(100*time.Millisecond), OK(), Hang("ICE"), OK())
		var rec Recorder
		s := begin(t, config(tr, &rec))
		pass(time.Minute)
		tr.Closed(Newest, status.LayerSignaling, errors.New("reset"))
		require.NoError(t, tr.WaitOpened(t.Context(), 2))
		pass(time.Second)
		tr.Report(Newest, status.Status{Code: status.MeetingEnded, Wire: 4410})
		<-s.Done()
		want := `
1 0s e0 idle>connecting Connecting
2 0s e1 connecting AttemptStarted number=1 level=rejoin timeout=15s
3 100ms e1 connecting AttemptFailed number=1 status=AudioServiceUnavailable after=100ms
4 100ms e1 connecting RetryScheduled status=AudioServiceUnavailable rule="delay" delay=500ms left=4m59.9s
5 600ms e2 connecting AttemptStarted number=2 level=rejoin cause=AudioServiceUnavailable timeout=15s
6 600ms e2 connecting>connected Connected attempts=2 after=600ms
7 1m0.6s e2 connected>reconnecting Reconnecting cause=SignalingChannelClosedUnexpectedly,signaling
8 1m0.85s e2 reconnecting RetryScheduled status=SignalingChannelClosedUnexpectedly,signaling rule="delay" delay=500ms left=4m59.75s
9 1m1.35s e3 reconnecting AttemptStarted number=1 level=rejoin cause=SignalingChannelClosedUnexpectedly,signaling timeout=15s
10 1m16.35s e3 reconnecting AttemptFailed number=1 status=TaskFailed after=15s
11 1m16.35s e3 reconnecting RetryScheduled status=TaskFailed rule="delay" delay=1s left=4m44.25s
12 1m17.35s e4 reconnecting AttemptStarted number=2 level=rejoin cause=TaskFailed timeout=15s
13 1m17.35s e4 reconnecting>connected Connected attempts=2 after=16.75s
14 1m17.35s e4 connected Recovered attempts=2 level=rejoin first=SignalingChannelClosedUnexpectedly,signaling last=TaskFailed after=16.75s gap=16.75s
15 1m18.35s e4 connected>stopped Stopped status=MeetingEnded,wire:4410 by=status rule="terminal" first=MeetingEnded,wire:4410 last=MeetingEnded,wire:4410 attempts=0
`
		assert.Equal(t, strings.TrimPrefix(want, "\n"), rec.Text())
		rec.Check(t)
		tr.Parity(t)
	})
}

func TestLine(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))
	h := observer.Header{Session: "s", Seq: 7, Time: at, Elapsed: time.Second, Epoch: 2, From: observer.StateConnected, To: observer.StateConnected}
	full := status.Status{Code: status.TaskFailed, Layer: status.LayerMedia, Wire: 5, Shared: true, Permanent: true, Cause: errors.New("a cause")}
	tests := []struct {
		format Format
		event  observer.Event
		want   string
	}{
		{Format{}, observer.Promoted{Header: h}, "7 1s e2 connected Promoted"},
		{Format{Untimed: true}, observer.ConnectionPoor{Header: h}, "7 e2 connected ConnectionPoor"},
		{Format{Wall: true}, observer.ConnectionGood{Header: h}, "2030-01-02T02:04:05.000006Z 7 1s e2 connected ConnectionGood"},
		{Format{}, observer.VideoStopSuggested{Header: h}, "7 1s e2 connected VideoStopSuggested"},
		{Format{}, observer.SendingAudioFailed{Header: h}, "7 1s e2 connected SendingAudioFailed"},
		{Format{}, observer.SendingAudioRecovered{Header: h}, "7 1s e2 connected SendingAudioRecovered"},
		{Format{}, observer.VideoDegradeSuggested{Header: h, Reason: observer.DegradeFrameRate}, "7 1s e2 connected VideoDegradeSuggested reason=frame-rate"},
		{Format{}, observer.VideoDegradeLifted{Header: h, Reason: observer.DegradeCPU}, "7 1s e2 connected VideoDegradeLifted reason=cpu"},
		{Format{}, observer.PolicyChanged{Header: h, Policy: "jitter", Reason: "above 80 ms"}, `7 1s e2 connected PolicyChanged policy="jitter" reason="above 80 ms"`},
		{Format{}, observer.PolicyChanged{Header: h, Policy: "jitter", Healthy: true}, `7 1s e2 connected PolicyChanged policy="jitter" healthy`},
		{
			Format{},
			observer.LinkSuspected{Header: h, Diagnosis: health.Diagnosis{Layers: health.Media, MediaSilence: time.Second, SignalingUnknown: true}},
			"7 1s e2 connected LinkSuspected layers=media silence=1s signaling-unknown",
		},
		{
			Format{},
			observer.LinkSuspected{Header: h, Diagnosis: health.Diagnosis{Layers: health.Both, Doubt: true}, Doubt: status.Status{Layer: status.LayerMedia}},
			"7 1s e2 connected LinkSuspected layers=both silence=0s doubted doubt=OK,media",
		},
		{
			Format{},
			observer.LinkDead{Header: h, Diagnosis: health.Diagnosis{
				Layers: health.Signaling, MediaSilence: 1, Unanswered: 3, UnansweredFor: 2, PingAge: 4, RTT: 5,
			}},
			"7 1s e2 connected LinkDead layers=signaling silence=1ns unanswered=3 for=2ns ping=4ns rtt=5ns",
		},
		{
			Format{Untimed: true},
			observer.LinkDead{Header: h, Diagnosis: health.Diagnosis{Layers: health.Both, MediaSilence: 1, Unanswered: 3, UnansweredFor: 2, PingAge: 4}},
			"7 e2 connected LinkDead layers=both unanswered=3",
		},
		{Format{}, observer.LinkCleared{Header: h, After: time.Second}, "7 1s e2 connected LinkCleared after=1s"},
		{Format{}, observer.LinkCleared{Header: h, After: 1, Paused: time.Hour}, "7 1s e2 connected LinkCleared after=1ns paused=1h0m0s"},
		{Format{}, observer.LinkHealed{Header: h, Layers: health.Both, After: time.Second}, "7 1s e2 connected LinkHealed layers=both after=1s"},
		{Format{}, observer.MediaProven{Header: h, After: time.Second}, "7 1s e2 connected MediaProven after=1s"},
		{Format{}, observer.Recovered{Header: h, Outage: observer.Outage{Healed: true, Duration: 1}}, "7 1s e2 connected Recovered attempts=0 healed after=1ns gap=0s"},
		{Format{}, observer.Demoted{Header: h, Status: full, Initiator: observer.ByLoss}, "7 1s e2 connected Demoted status=TaskFailed,media,wire:5,shared,permanent by=loss"},
		{Format{Causes: true}, observer.VideoSendUnavailable{Header: h, Status: full}, `7 1s e2 connected VideoSendUnavailable status=TaskFailed,media,wire:5,shared,permanent,cause:"a cause"`},
		{Format{}, observer.Updating{Header: h, Renegotiate: true, Cause: status.New(status.IncompatibleSDP, nil)}, "7 1s e2 connected Updating renegotiate cause=IncompatibleSDP"},
		{Format{}, observer.Updated{Header: h, ViewOnly: true, Unsupported: true}, "7 1s e2 connected Updated view-only unsupported"},
		{Format{}, observer.Missed{Header: h, Events: 5, FirstSeq: 3, Outages: 1}, "7 1s e2 connected Missed events=5 from=3 outages=1"},
		{Format{}, observer.Connected{Header: h, Attempts: 1, ViewOnly: true, After: time.Minute}, "7 1s e2 connected Connected attempts=1 view-only after=1m0s"},
		{
			Format{Untimed: true},
			observer.AttemptStarted{Header: h, Number: 3, Level: policy.Rejoin, ViewOnly: true, WithoutTransforms: true, Timeout: 1},
			"7 e2 connected AttemptStarted number=3 level=rejoin view-only without-transforms",
		},
		{
			Format{},
			observer.RetryScheduled{Header: h, Decision: policy.Decision{Rule: policy.RuleDelay, Delay: 1, Left: policy.Left{Elapsed: policy.NoLimit, Idle: time.Second, Attempts: 4}}},
			`7 1s e2 connected RetryScheduled rule="delay" delay=1ns leftIdle=1s leftAttempts=4`,
		},
		{
			Format{},
			observer.RetryScheduled{Header: h, Decision: policy.Decision{Rule: policy.RuleLevel, Level: policy.Resume, Left: policy.Left{Elapsed: 1, Idle: policy.NoLimit, Attempts: policy.NoLimit}}},
			`7 1s e2 connected RetryScheduled rule="level" level=resume delay=0s left=1ns`,
		},
		{
			Format{},
			observer.AttemptStarted{Header: h, Number: 1, Level: policy.RestartMedia, Endpoint: "wss://a.example", Timeout: time.Second},
			"7 1s e2 connected AttemptStarted number=1 level=restart-media endpoint=wss://a.example timeout=1s",
		},
		{Format{}, observer.AttemptFailed{Header: h, Number: 1, Refused: true, After: 1}, "7 1s e2 connected AttemptFailed number=1 refused after=1ns"},
		{Format{Untimed: true}, observer.AttemptFailed{Header: h, Number: 1, Unsupported: true, After: 1}, "7 e2 connected AttemptFailed number=1 unsupported"},
		{
			Format{},
			observer.Reconnecting{Header: h, Cause: status.Status{Code: status.TaskFailed, Directive: &status.Directive{
				RetryAfter: time.Minute, Recovery: status.RecoverByResume, Endpoint: "x",
			}}},
			"7 1s e2 connected Reconnecting cause=TaskFailed,retry-after:1m0s,asks:resume,move:x",
		},
		{
			Format{Untimed: true},
			observer.Reconnecting{Header: h, Cause: status.Status{Code: status.TaskFailed, Directive: &status.Directive{RetryAfter: time.Minute}}},
			"7 e2 connected Reconnecting cause=TaskFailed",
		},
		{Format{}, observer.Hinted{Header: h, Hint: observer.NetworkUp}, "7 1s e2 connected Hinted network-up"},
		{Format{}, observer.Hinted{Header: h, Hint: observer.NetworkDown, Expired: true}, "7 1s e2 connected Hinted network-down expired"},
		{Format{}, observer.AttemptQueued{Header: h, Level: policy.Resume}, "7 1s e2 connected AttemptQueued level=resume"},
		{Format{}, observer.EndpointsFound{Header: h, Endpoints: []string{"a", "b"}}, "7 1s e2 connected EndpointsFound a,b"},
		{Format{}, observer.CredentialsRefreshed{Header: h, ExpireIn: time.Hour}, "7 1s e2 connected CredentialsRefreshed expireIn=1h0m0s"},
		{
			Format{Untimed: true},
			observer.CredentialsRefreshed{Header: h, Status: status.New(status.TaskFailed, nil), ExpireIn: 1},
			"7 e2 connected CredentialsRefreshed status=TaskFailed",
		},
		{
			Format{},
			observer.Resyncing{Header: h, Outage: observer.Outage{Level: policy.Resume, SessionKept: true, Duration: 1, Gap: 2}},
			"7 1s e2 connected Resyncing level=resume session-kept after=1ns gap=2ns",
		},
		{
			Format{},
			observer.Recovered{Header: h, Outage: observer.Outage{Attempts: 2, Level: policy.RestartMedia, SessionKept: true, MediaKept: true, Duration: 1, Gap: 2}},
			"7 1s e2 connected Recovered attempts=2 level=restart-media session-kept media-kept after=1ns gap=2ns",
		},
		{
			Format{},
			observer.Stopped{Header: h, Decision: policy.Decision{Rule: policy.RuleBudget, Refusal: policy.RefusedIdle}, Initiator: observer.ByPolicy, Attempts: 2},
			`7 1s e2 connected Stopped by=policy rule="budget" refusal=` + policy.RefusedIdle.String() + ` attempts=2`,
		},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, tt.format.Line(tt.event))
	}
}
