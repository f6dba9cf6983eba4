package status

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errDial = errors.New("dial refused")

func TestStatusError(t *testing.T) {
	for want, s := range map[string]Status{
		"OK (0): nothing is wrong":                                            {},
		"MeetingEnded (5): the meeting is over":                               New(MeetingEnded, nil),
		"MeetingEnded (5) from wire 4410: the meeting is over":                FromWebSocketClose(4410, Attached),
		"TaskFailed (18): a step of connecting failed: dial refused":          New(TaskFailed, errDial),
		"Code(99) (99): a code that this version does not know: dial refused": New(99, errDial),
	} {
		assert.EqualError(t, s, want)
	}
}

func TestStatusUnwraps(t *testing.T) {
	s := New(TaskFailed, fmt.Errorf("open: %w", errDial))
	err := errors.Join(errors.New("noise"), fmt.Errorf("attempt 3: %w", s))
	require.ErrorIs(t, err, TaskFailed)
	require.ErrorIs(t, err, errDial)
	assert.NotErrorIs(t, err, Left)
	var found Status
	require.ErrorAs(t, err, &found)
	assert.Equal(t, s, found)
	assert.Equal(t, []error{Left}, New(Left, nil).Unwrap(), "the code is there without a cause")
}

// listError cannot be compared with ==, which errors.Is has to survive.
type listError []string

func (l listError) Error() string { return fmt.Sprint([]string(l)) }

func TestStatusWithUncomparableCause(t *testing.T) {
	s := New(TaskFailed, listError{"a", "b"})
	assert.ErrorIs(t, s, TaskFailed)
	assert.NotErrorIs(t, s, MeetingEnded)
	assert.False(t, s.IsZero())
}

func TestCodeOf(t *testing.T) {
	public := New(SignalingInternalServerError, New(VideoCallAtSourceCapacity, nil))
	for name, test := range map[string]struct {
		err   error
		code  Code
		found bool
	}{
		"nil":                       {nil, OK, false},
		"stranger":                  {errDial, OK, false},
		"context":                   {context.Canceled, OK, false},
		"bare code":                 {Left, Left, true},
		"OK is found":               {OK, OK, true},
		"unknown code":              {fmt.Errorf("x: %w", Code(99)), 99, true},
		"status":                    {New(MeetingEnded, errDial), MeetingEnded, true},
		"pointer to a status":       {&Status{Code: MeetingEnded}, MeetingEnded, true},
		"wrapped status":            {fmt.Errorf("x: %w", New(MeetingEnded, nil)), MeetingEnded, true},
		"joined code":               {errors.Join(errDial, fmt.Errorf("x: %w", Left)), Left, true},
		"status before code":        {errors.Join(Left, New(MeetingEnded, nil)), MeetingEnded, true},
		"outer status before inner": {public, SignalingInternalServerError, true},
		"code in a cause":           {fmt.Errorf("x: %w", fmt.Errorf("y: %w", NoAttendeePresent)), NoAttendeePresent, true},
	} {
		t.Run(name, func(t *testing.T) {
			code, found := CodeOf(test.err)
			assert.Equal(t, test.code, code)
			assert.Equal(t, test.found, found)
		})
	}
	assert.ErrorIs(t, public, VideoCallAtSourceCapacity, "divergence 7.10: the raw code stays reachable")
}

func TestWhere(t *testing.T) {
	assert.Equal(t, LayerMedia, New(AudioInternalServerError, nil).Where())
	assert.Equal(t, LayerSignaling, Status{Code: AudioInternalServerError, Layer: LayerSignaling}.Where())
	assert.Equal(t, LayerUnknown, New(TaskFailed, nil).Where())
	assert.Equal(t, LayerUnknown, New(99, nil).Where())
}

func TestUnexplained(t *testing.T) {
	for name, test := range map[string]struct {
		status Status
		want   bool
	}{
		"bare loss":                {New(SignalingChannelClosedUnexpectedly, nil), true},
		"no close frame":           {FromWebSocketClose(1006, Attached), true},
		"no close code":            {FromWebSocketClose(1005, Attached), true},
		"no number at all":         {FromWebSocketClose(-1, Attached), true},
		"socket error":             {FromWebSocketError(0, Attached), true},
		"cause without a code":     {New(SignalingChannelClosedUnexpectedly, errDial), true},
		"cause with the same code": {New(SignalingChannelClosedUnexpectedly, SignalingChannelClosedUnexpectedly), true},
		"cause with another code":  {New(SignalingChannelClosedUnexpectedly, New(MeetingEnded, nil)), false},
		"going away is a reason":   {FromWebSocketClose(1001, Attached), false},
		"normal close is a reason": {FromWebSocketClose(1000, Attached), false},
		"error with a code":        {FromWebSocketError(1011, Attached), false},
		"server fault":             {FromWebSocketClose(4500, Attached), false},
		"meeting ended":            {FromWebSocketClose(4410, Attached), false},
		"task failed":              {New(TaskFailed, nil), false},
		"health":                   {New(ConnectionHealthReconnect, nil), false},
		"unknown code":             {New(99, nil), false},
		"nothing":                  {Status{}, false},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, test.want, test.status.Unexplained()) })
	}
}

func TestIsZero(t *testing.T) {
	assert.True(t, Status{}.IsZero())
	for _, s := range []Status{
		{Code: Left},
		{Layer: LayerMedia},
		{Wire: 1},
		{Shared: true},
		{Permanent: true},
		{Cause: errDial},
		{Directive: &Directive{}},
	} {
		assert.False(t, s.IsZero(), "%+v", s)
	}
}

func TestLogValue(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key != "status" {
				return slog.Attr{}
			}
			return a
		},
	}))
	for want, s := range map[string]Status{
		`{"code":"TaskFailed"}`:            New(TaskFailed, nil),
		`{"code":"Left","layer":"client"}`: New(Left, nil),
		`{"code":"MeetingEnded","layer":"media","wire":410,"shared":true,"permanent":true,"cause":"dial refused"}`: {
			Code: MeetingEnded, Layer: LayerMedia, Wire: 410, Shared: true, Permanent: true, Cause: errDial,
		},
	} {
		out.Reset()
		log.Info("", "status", s)
		assert.JSONEq(t, `{"status":`+want+`}`, out.String())
	}
}

func TestStatusJSON(t *testing.T) {
	full := Status{Code: MeetingEnded, Layer: LayerSignaling, Wire: 4410, Shared: true, Permanent: true, Cause: errDial}
	for want, s := range map[string]Status{
		`{"code":"OK"}`:                         {},
		`{"code":"Left"}`:                       {Code: Left},
		`{"code":"Code(99)"}`:                   {Code: 99},
		`{"code":"OK","layer":"Layer(7)"}`:      {Layer: 7},
		`{"code":"OK","cause":""}`:              {Cause: errors.New("")},
		`{"code":"OK","wire":-3,"shared":true}`: {Wire: -3, Shared: true},
		`{"code":"MeetingEnded","layer":"signaling","wire":4410,"shared":true,"permanent":true,"cause":"dial refused"}`: full,
	} {
		data, err := json.Marshal(s)
		require.NoError(t, err)
		assert.Equal(t, want, string(data))
		back := Status{Code: Left, Wire: 7, Cause: errDial} // all of it is replaced
		require.NoError(t, json.Unmarshal(data, &back))
		assertSame(t, s, back)
	}
}

// assertSame compares two statuses as a round trip should leave them: the text
// of the cause counts, not its identity.
func assertSame(t *testing.T, want, got Status) {
	t.Helper()
	require.Equal(t, want.Cause == nil, got.Cause == nil)
	if want.Cause != nil {
		assert.Equal(t, want.Cause.Error(), got.Cause.Error())
	}
	want.Cause, got.Cause = nil, nil
	assert.Equal(t, want, got)
}

func TestStatusJSONSpecials(t *testing.T) {
	s := New(Left, errDial)
	require.NoError(t, json.Unmarshal([]byte("null"), &s))
	assert.Equal(t, New(Left, errDial), s, "null changes nothing")
	for _, bad := range []string{`{"code":"gone"}`, `{"code":27}`, `{"layer":"audio"}`, `{"wire":"1"}`, `[]`, `5`, `{`} {
		assert.Error(t, json.Unmarshal([]byte(bad), &s), bad)
		assert.Equal(t, New(Left, errDial), s, "kept after an error")
	}
	require.NoError(t, json.Unmarshal([]byte(`{"code":5,"cause":null,"later":1}`), &s))
	assert.Equal(t, New(MeetingEnded, nil), s)
}

func TestOmitZeroLeavesAnEmptyStatusOut(t *testing.T) {
	type event struct {
		Status Status `json:"status,omitzero"`
	}
	data, err := json.Marshal(event{})
	require.NoError(t, err)
	assert.Equal(t, `{}`, string(data))
}

// TestJSONKeepsTheCauseCode: what a cause means survives, so that a recorded
// input is judged as it was (G14).
func TestJSONKeepsTheCauseCode(t *testing.T) {
	before := Status{
		Code: SignalingChannelClosedUnexpectedly, Wire: 1006,
		Cause: fmt.Errorf("frame: %w", New(SignalingInternalServerError, nil)),
	}
	raw, err := json.Marshal(before)
	require.NoError(t, err)
	var after Status
	require.NoError(t, json.Unmarshal(raw, &after))
	assert.Equal(t, before.Error(), after.Error())
	assert.Equal(t, before.Unexplained(), after.Unexplained())
	assert.ErrorIs(t, after, SignalingInternalServerError)
	again, err := json.Marshal(after)
	require.NoError(t, err)
	assert.JSONEq(t, string(raw), string(again))
}
