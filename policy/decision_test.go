package policy

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
)

func TestDecisionCarriesItsGrounds(t *testing.T) {
	p := Policy{Budget: Budget{Elapsed: time.Minute, Idle: 30 * time.Second, Attempts: 5}}
	bo := constant(3 * time.Second)
	tests := []struct {
		name   string
		facts  Facts
		action Action
	}{
		{"retry", Facts{Phase: Failed, Status: status.New(status.NoAttendeePresent, nil)}, Retry},
		{"stop", Facts{Phase: Waiting, Status: status.New(status.MeetingEnded, nil)}, Stop},
		{"stop asked", Facts{StopAsked: true}, Stop},
		{"fold", Facts{Phase: Waiting, Status: status.New(status.TaskFailed, nil)}, Fold},
		{"nothing", Facts{Status: status.New(status.AudioDisconnectAudio, nil)}, Nothing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewRetries(p.Budget, bo)
			r.Begin(10 * time.Second)
			r.Alive(25 * time.Second)
			r.Attempt()
			r.Attempt()
			d := Decide(&p, tt.facts, &r, 30*time.Second)
			assert.Equal(t, tt.action, d.Action)
			assert.Equal(t, tt.facts, d.Facts)
			assert.Equal(t, 2, d.Attempts)
			assert.Equal(t, 20*time.Second, d.Elapsed)
			assert.Equal(t, Left{Elapsed: 40 * time.Second, Idle: 25 * time.Second, Attempts: 3}, d.Left)
			if tt.action == Retry {
				assert.Equal(t, 3*time.Second, d.Delay)
				assert.Equal(t, Rejoin, d.Level)
			}
		})
	}
}

// TestFailedAttempt shows what divergence 7.5 keeps of the reported status.
func TestFailedAttempt(t *testing.T) {
	reported := status.Status{
		Code: status.IncompatibleSDP, Layer: status.LayerClient, Wire: 488, Shared: true, Cause: errors.New("no codec"),
	}
	p := Default()
	r := NewRetries(p.Budget, constant(0))
	d := Decide(&p, Facts{Phase: Failed, Status: reported}, &r, 0)
	assert.Equal(t, status.Status{
		Code: status.TaskFailed, Layer: status.LayerClient, Shared: true, Cause: reported,
	}, d.Status)
	assert.ErrorIs(t, d.Status, status.IncompatibleSDP)
	assert.Equal(t, reported, d.Facts.Status)

	inherited := status.New(status.IncompatibleSDP, nil)
	d = Decide(&p, Facts{Phase: Failed, Status: inherited}, &r, 0)
	assert.Equal(t, inherited.Where(), d.Status.Where(), "the layer of the reported code")
}

// TestDecideOverrides: what an application makes of a code holds in every phase.
func TestDecideOverrides(t *testing.T) {
	p := Default()
	p.Classes = p.Classes.
		With(status.MeetingEnded, Failure).
		With(status.AudioServiceUnavailable, Terminal).
		With(status.ConnectionHealthReconnect, Ignore)
	tests := []struct {
		code  status.Code
		phase Phase
		want  Action
		as    status.Code
	}{
		{status.MeetingEnded, Attached, Retry, status.MeetingEnded},
		{status.MeetingEnded, Waiting, Fold, status.MeetingEnded},
		{status.AudioServiceUnavailable, Attached, Stop, status.AudioServiceUnavailable},
		{status.AudioServiceUnavailable, Waiting, Stop, status.AudioServiceUnavailable},
		{status.ConnectionHealthReconnect, Attached, Nothing, status.ConnectionHealthReconnect},
		{status.ConnectionHealthReconnect, Failed, Retry, status.TaskFailed},
	}
	for _, tt := range tests {
		r := NewRetries(p.Budget, constant(0))
		d := Decide(&p, Facts{Phase: tt.phase, Status: status.New(tt.code, nil)}, &r, 0)
		assert.Equal(t, tt.want, d.Action, "%s %v", tt.code.String(), tt.phase)
		assert.Equal(t, tt.as, d.Status.Code)
	}
}

func TestDecisionJSON(t *testing.T) {
	p := Default()
	r := NewRetries(p.Budget, constant(1500*time.Millisecond))
	r.Begin(0)
	r.Attempt()
	reported := status.Status{Code: status.VideoCallSwitchToViewOnly, Wire: 206}
	d := Decide(&p, Facts{Phase: Failed, Status: reported}, &r, time.Second)

	got, err := json.Marshal(d)
	require.NoError(t, err)
	assert.JSONEq(t, fmt.Sprintf(`{
		"action": "retry", "rule": "delay",
		"status": %s,
		"level": "rejoin", "delay": 1500000000, "viewOnly": true, "withoutTransforms": false, "refusal": "not",
		"left": {"elapsed": 299000000000, "idle": -1, "attempts": -1},
		"attempts": 1, "elapsed": 1000000000,
		"facts": {"stopAsked": false, "phase": "failed", "status": {"code": "VideoCallSwitchToViewOnly", "wire": 206}}
	}`, mustJSON(t, d.Status)), string(got))

	var back Decision
	require.NoError(t, json.Unmarshal(got, &back))
	assert.Equal(t, d.Status.Cause.Error(), back.Status.Cause.Error())
	back.Status.Cause = d.Status.Cause // of a cause only its text is kept
	assert.Equal(t, d, back)
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// text is what every enumeration of this package can do.
type text interface {
	fmt.Stringer
	encoding.TextMarshaler
}

func TestTexts(t *testing.T) {
	tests := []struct {
		kind  string
		texts []string
		value func(int) text
		parse func([]byte) (int, error)
	}{
		{
			"Class",
			[]string{"ignore", "terminal", "failure", "renegotiation", "view-only", "demotion", "without-transforms"},
			func(v int) text { return Class(v) }, parser[Class],
		},
		{
			"Level",
			[]string{"none", "restart-media", "resume", "rejoin"},
			func(v int) text { return Level(v) }, parser[Level],
		},
		{
			"Phase",
			[]string{"attached", "attempting", "failed", "waiting"},
			func(v int) text { return Phase(v) }, parser[Phase],
		},
		{
			"Action",
			[]string{"nothing", "stop", "retry", "renegotiate", "view-only", "demote", "fold"},
			func(v int) text { return Action(v) }, parser[Action],
		},
		{
			"Refusal",
			[]string{"not", "disabled", "elapsed", "idle", "attempts", "backoff"},
			func(v int) text { return Refusal(v) }, parser[Refusal],
		},
	}
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			for v, want := range tt.texts {
				assert.Equal(t, want, tt.value(v).String())
				marshalled, err := tt.value(v).MarshalText()
				require.NoError(t, err)
				assert.Equal(t, want, string(marshalled))
				back, err := tt.parse(marshalled)
				require.NoError(t, err)
				assert.Equal(t, v, back)
			}
			assert.Equal(t, tt.kind+"(-1)", tt.value(-1).String())
			assert.Equal(t, fmt.Sprintf("%s(%d)", tt.kind, len(tt.texts)), tt.value(len(tt.texts)).String())
			_, err := tt.parse([]byte("no such thing"))
			require.ErrorContains(t, err, "no such thing")
			require.ErrorContains(t, err, tt.texts[1])
		})
	}
}

// parser reads an enumeration, and checks that a bad text leaves the value alone.
func parser[T ~int, P interface {
	*T
	encoding.TextUnmarshaler
}](b []byte) (int, error) {
	const before = 12345
	v := T(before)
	err := P(&v).UnmarshalText(b)
	if err != nil && v != before {
		return 0, errors.New("a value that could not be read was changed")
	}
	return int(v), err
}

// TestDecideDrawsOnlyForAttempts: a recording replays only if random numbers are
// used up in the same places.
func TestDecideDrawsOnlyForAttempts(t *testing.T) {
	p := Default()
	for _, code := range append(status.All(), unknownCode) {
		for _, phase := range phases {
			bo := &counting{}
			r := NewRetries(p.Budget, bo)
			d := Decide(&p, Facts{Phase: phase, Status: status.New(code, nil)}, &r, 0)
			assert.Equal(t, d.Action == Retry, bo.asked == 1, "%s %v", code.String(), phase)
		}
	}
}

func TestDecideBackoffGivesUp(t *testing.T) {
	p := Default()
	p.NewBackOff = func(random func() float64) backoff.BackOff {
		return Limited(&FullJitter{Short: time.Second, Long: time.Second, Random: random}, 1)
	}
	r := NewRetries(p.Budget, p.BackOff(func() float64 { return 0.5 }))
	f := Facts{Phase: Failed, Status: status.New(status.NoAttendeePresent, nil)}
	assert.Equal(t, Retry, Decide(&p, f, &r, 0).Action)
	d := Decide(&p, f, &r, 0)
	assert.Equal(t, Stop, d.Action)
	assert.Equal(t, RuleBackoff, d.Rule)
	assert.Equal(t, RefusedBackoff, d.Refusal)
	assert.Equal(t, status.NoAttendeePresent, d.Status.Code, "stops with the last status")
	assert.Zero(t, d.Delay)
}
