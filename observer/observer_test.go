package observer

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

var head = Header{
	Session: "bot", Seq: 7, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Elapsed: 90 * time.Second,
	Epoch: 3, From: StateConnected, To: StateReconnecting,
}

// every is one filled value of each event.
var every = []Event{
	Connecting{head},
	AttemptStarted{
		Header: head, Number: 2, Level: policy.Rejoin, Cause: status.New(status.TaskFailed, errors.New("refused")),
		ViewOnly: true, WithoutTransforms: true, Timeout: time.Second,
	},
	AttemptFailed{Header: head, Number: 2, Status: status.New(status.TaskFailed, nil), After: time.Second},
	RetryScheduled{Header: head, Decision: policy.Decision{Rule: policy.RuleDelay, Delay: time.Second, Level: policy.Rejoin}},
	Connected{Header: head, Attempts: 1, After: time.Second, ViewOnly: true},
	Reconnecting{Header: head, Cause: status.New(status.SignalingChannelClosedUnexpectedly, nil)},
	Recovered{Header: head, Outage: Outage{
		Since: head.Time, Duration: time.Minute, Attempts: 4, Level: policy.Rejoin,
		First: status.New(status.TaskFailed, nil), Last: status.New(status.NoAttendeePresent, nil),
	}},
	Stopped{
		Header: head, Status: status.New(status.MeetingEnded, nil), Initiator: ByStatus,
		Decision: policy.Decision{Rule: policy.RuleTerminal, Action: policy.Stop, Level: policy.Rejoin},
		First:    status.New(status.TaskFailed, nil), Last: status.New(status.MeetingEnded, nil), Attempts: 3,
	},
	Promoted{head},
	Demoted{Header: head, Status: status.New(status.AudioVideoDisconnectedWhilePromoted, nil), Initiator: ByLoss},
	VideoSendUnavailable{Header: head, Status: status.New(status.VideoCallSwitchToViewOnly, nil)},
	Updating{Header: head, Renegotiate: true, Cause: status.New(status.IncompatibleSDP, nil)},
	Updated{Header: head, ViewOnly: true, Unsupported: true},
	ConnectionPoor{head},
	VideoStopSuggested{head},
	ConnectionGood{head},
	SendingAudioFailed{head},
	SendingAudioRecovered{head},
	VideoDegradeSuggested{head, DegradeCPU},
	VideoDegradeLifted{head, DegradeSenders},
	PolicyChanged{Header: head, Policy: "jitter", Healthy: false, Reason: "above 80 ms"},
	LinkSuspected{Header: head, Diagnosis: diagnosis, Doubt: status.Status{Layer: status.LayerMedia, Cause: errors.New("ICE disconnected")}},
	LinkCleared{Header: head, After: 1400 * time.Millisecond, Paused: time.Second},
	LinkDead{Header: head, Diagnosis: diagnosis},
	LinkHealed{Header: head, Layers: health.Both, After: time.Second},
	MediaProven{Header: head, After: 38 * time.Millisecond},
	Hinted{Header: head, Hint: NetworkDown, Expired: true},
	AttemptQueued{Header: head, Level: policy.Rejoin},
	EndpointsFound{Header: head, Endpoints: []string{"wss://a", "wss://b"}},
	CredentialsRefreshed{Header: head, ExpireIn: time.Hour},
	Resyncing{Header: head, Outage: Outage{Since: head.Time, Gap: time.Second, Level: policy.Resume, SessionKept: true}},
	Missed{Header: head, Events: 12, FirstSeq: 3, Outages: 2},
}

var diagnosis = health.Diagnosis{
	Layers: health.Media, MediaSilence: 2600 * time.Millisecond, Unanswered: 24, UnansweredFor: 2600 * time.Millisecond,
	RTT: 38 * time.Millisecond,
}

// declared lists the types that have a Name method.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, source := range []string{"event.go", "liveness.go", "recovery.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "Name" {
				names[f.Recv.List[0].Type.(*ast.Ident).Name] = true
			}
		}
	}
	return names
}

// TestEveryEvent holds the list above, Funcs and Kinds complete.
func TestEveryEvent(t *testing.T) {
	names := declared(t)
	require.NotEmpty(t, names)
	funcs := reflect.TypeFor[Funcs]()
	assert.Equal(t, len(names), funcs.NumField())
	assert.Len(t, every, len(names))
	assert.Len(t, Kinds(), len(names))
	assert.Len(t, kindOf, len(names))
	for _, e := range every {
		assert.Equal(t, reflect.TypeOf(e).Name(), e.Name())
		assert.True(t, names[e.Name()], e.Name())
		assert.IsType(t, e, kindOf[e.Name()].zero)
		_, ok := funcs.FieldByName(e.Name())
		assert.True(t, ok, e.Name())
		assert.Equal(t, head, e.Head())
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for _, e := range every {
		raw, err := Marshal(e)
		require.NoError(t, err, e.Name())
		back, err := Unmarshal(raw)
		require.NoError(t, err, e.Name())
		again, err := Marshal(back)
		require.NoError(t, err)
		assert.JSONEq(t, string(raw), string(again))
		assert.IsType(t, e, back)
		assert.Equal(t, e.Head(), back.Head())
	}
}

func TestJSONErrors(t *testing.T) {
	_, err := Marshal(nil)
	assert.EqualError(t, err, "observer: marshal: nil event")
	_, err = Unmarshal([]byte(`{"event":"Exploded","data":{}}`))
	assert.EqualError(t, err, `observer: unmarshal: unknown event "Exploded"`)
	_, err = Unmarshal([]byte(`{`))
	assert.ErrorContains(t, err, "observer: unmarshal")
	_, err = Unmarshal([]byte(`{"event":"Connected","data":{"attempts":"many"}}`))
	assert.ErrorContains(t, err, "observer: unmarshal Connected")
	_, err = Unmarshal([]byte(`{"event":"Connected"}`))
	assert.Error(t, err)
}

func FuzzUnmarshal(f *testing.F) {
	for _, e := range every {
		raw, err := Marshal(e)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Unmarshal(b)
		if err != nil {
			return
		}
		raw, err := Marshal(e)
		if err != nil {
			var unsupported *json.MarshalerError
			require.ErrorAs(t, err, &unsupported) // a time outside the years of RFC 3339
			return
		}
		again, err := Unmarshal(raw)
		require.NoError(t, err)
		assert.Equal(t, e.Name(), again.Name())
	})
}

// TestFuncs sends every event through a Funcs whose fields all note their call,
// and through the zero one.
func TestFuncs(t *testing.T) {
	var got []string
	var f Funcs
	v := reflect.ValueOf(&f).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		v.Field(i).Set(reflect.MakeFunc(v.Field(i).Type(), func(args []reflect.Value) []reflect.Value {
			assert.Equal(t, name, args[0].Interface().(Event).Name())
			got = append(got, name)
			return nil
		}))
	}
	for i, e := range every {
		f.Observe(e)
		require.Len(t, got, i+1, e.Name())
		assert.Equal(t, e.Name(), got[i])
		assert.NotPanics(t, func() { Funcs{}.Observe(e) })
	}
}

func TestFunc(t *testing.T) {
	var got Event
	Func(func(e Event) { got = e }).Observe(Connecting{head})
	assert.Equal(t, Connecting{head}, got)
	assert.NotPanics(t, func() { Func(nil).Observe(Connecting{head}) })
}

func TestHistoryKeepsTheNewest(t *testing.T) {
	for _, tt := range []struct{ limit, add, keep int }{
		{3, 0, 0}, {3, 2, 2}, {3, 3, 3}, {3, 4, 3}, {3, 11, 3}, {1, 5, 1}, {0, 255, 255}, {0, 257, 256}, {-1, 300, 256},
	} {
		h := &History{Limit: tt.limit}
		for i := range tt.add {
			h.Observe(Connecting{Header{Seq: uint64(i)}})
		}
		events := h.Events()
		require.Len(t, events, tt.keep)
		assert.EqualValues(t, tt.add, h.Total())
		for i, e := range events {
			assert.EqualValues(t, tt.add-tt.keep+i, e.Head().Seq, "oldest first")
		}
	}
}

func TestHistoryEventsIsACopy(t *testing.T) {
	h := &History{}
	h.Observe(Connecting{head})
	h.Events()[0] = Promoted{head}
	assert.Equal(t, "Connecting", h.Events()[0].Name())
}

func TestLog(t *testing.T) {
	levels := map[string]string{
		"AttemptStarted": "DEBUG", "AttemptFailed": "WARN", "Reconnecting": "WARN", "Stopped": "ERROR",
		"VideoSendUnavailable": "WARN", "ConnectionPoor": "WARN", "VideoStopSuggested": "WARN", "Missed": "WARN",
		"SendingAudioFailed": "WARN", "VideoDegradeSuggested": "WARN", "PolicyChanged": "WARN", "LinkDead": "WARN",
	}
	for _, e := range every {
		var out bytes.Buffer
		Log{Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}.Observe(e)
		want := levels[e.Name()]
		if want == "" {
			want = "INFO"
		}
		line := out.String()
		assert.Equal(t, 1, strings.Count(line, "\n"), e.Name())
		assert.Contains(t, line, "level="+want, e.Name())
		assert.Contains(t, line, "session=bot seq=7 epoch=3 state=reconnecting from=connected", e.Name())
	}
}

func TestLogStopByTheApplicationIsNoError(t *testing.T) {
	var out bytes.Buffer
	Log{Logger: slog.New(slog.NewTextHandler(&out, nil))}.Observe(Stopped{Initiator: ByApplication})
	assert.Contains(t, out.String(), "level=INFO")
}

// TestLogPolicy: a verdict that got better is no warning, and has no reason.
func TestLogPolicy(t *testing.T) {
	for e, want := range map[PolicyChanged]string{
		{Policy: "jitter", Reason: "above 80 ms"}: `level=WARN msg="health policy changed" seq=0 epoch=0 state="" policy=jitter healthy=false reason="above 80 ms"`,
		{Policy: "jitter", Healthy: true}:         `level=INFO msg="health policy changed" seq=0 epoch=0 state="" policy=jitter healthy=true` + "\n",
	} {
		var out bytes.Buffer
		Log{Logger: slog.New(slog.NewTextHandler(&out, nil))}.Observe(e)
		assert.Contains(t, out.String(), want)
	}
}

// TestDegradeReasons: the texts are stable.
func TestDegradeReasons(t *testing.T) {
	raw, err := Marshal(VideoDegradeSuggested{Reason: DegradeFrameRate})
	require.NoError(t, err)
	assert.Contains(t, string(raw), `"reason":"frame-rate"`)
	assert.Equal(t, []DegradeReason{"cpu", "senders"}, []DegradeReason{DegradeCPU, DegradeSenders})
}

func TestLogBelowLevelWritesNothing(t *testing.T) {
	var out bytes.Buffer
	Log{Logger: slog.New(slog.NewTextHandler(&out, nil))}.Observe(AttemptStarted{})
	assert.Empty(t, out.String())
}

func TestLogZeroValueUsesTheDefaultLogger(t *testing.T) {
	var out bytes.Buffer
	old := slog.Default()
	defer slog.SetDefault(old)
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	Log{}.Observe(Connected{Header: head})
	assert.Contains(t, out.String(), "msg=connected")
}

func TestPanicError(t *testing.T) {
	cause := errors.New("boom")
	err := &PanicError{Where: "observer", Value: cause}
	assert.EqualError(t, err, "panic in observer: boom")
	assert.ErrorIs(t, err, cause)
	assert.NoError(t, (&PanicError{Value: "text"}).Unwrap())
}
