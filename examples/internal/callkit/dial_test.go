package callkit

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// refused dials and expects to fail in a phase with a code.
func refused(t *testing.T, o Options, phase Phase, code status.Code) status.Status {
	t.Helper()
	h := newRecorder()
	c, err := Dial(soon(t), o, h)
	require.Nil(t, c)
	var pe *PhaseError
	require.ErrorAs(t, err, &pe)
	assert.Equal(t, phase, pe.Phase)
	assert.True(t, strings.HasPrefix(err.Error(), string(phase)+": "), err.Error())
	var st status.Status
	require.ErrorAs(t, err, &st)
	assert.Equal(t, code, st.Code, "%v", err)
	assert.Empty(t, h.losses(), "the error says it all")
	return st
}

func TestRefusals(t *testing.T) {
	tests := map[string]struct {
		fault func(*Server)
		phase Phase
		code  status.Code
		wire  int
	}{
		"full":        {func(s *Server) { s.SetFull(true) }, PhaseJoin, status.AudioCallAtCapacity, 409},
		"credentials": {func(s *Server) { s.RejectCredentials(true) }, PhaseJoin, status.AudioAuthenticationRejected, 403},
		"ended":       {func(s *Server) { s.End() }, PhaseJoin, status.MeetingEnded, 410},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, ServerOptions{})
			tt.fault(s)
			st := refused(t, options(s, alice), tt.phase, tt.code)
			assert.Equal(t, tt.wire, st.Wire)
			assert.Empty(t, s.Attendees())
		})
	}
}

func TestRefusalsCanBeLifted(t *testing.T) {
	s := startServer(t, ServerOptions{})
	s.SetFull(true)
	s.RejectCredentials(true)
	refused(t, options(s, alice), PhaseJoin, status.AudioAuthenticationRejected)
	s.RejectCredentials(false)
	refused(t, options(s, alice), PhaseJoin, status.AudioCallAtCapacity)
	s.SetFull(false)
	call(t, options(s, alice))
}

func TestCapacity(t *testing.T) {
	s := startServer(t, ServerOptions{Capacity: 1})
	c, _ := call(t, options(s, alice))
	refused(t, options(s, bob), PhaseJoin, status.AudioCallAtCapacity)
	require.NoError(t, c.Leave(soon(t)))
	eventually(t, "room", func() bool { return len(s.Attendees()) == 0 })
	call(t, options(s, bob))
	call(t, options(s, bob)) // whoever comes back takes its own place
}

func TestTokens(t *testing.T) {
	s := startServer(t, ServerOptions{Check: func(who string, tk Token) bool { return who == alice && tk == "good" }})
	o := options(s, alice)
	o.Token = "bad"
	refused(t, o, PhaseJoin, status.AudioAuthenticationRejected)
	o.Token = "good"
	call(t, o)
	refused(t, options(s, ""), PhaseJoin, status.AudioAuthenticationRejected)
}

func TestOpenFails(t *testing.T) {
	noLeaks(t)
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	at := strings.TrimPrefix(web.URL, "http://")
	refused(t, Options{URL: URL(at), Attendee: alice}, PhaseOpen, status.TaskFailed)
	web.Close()
	refused(t, Options{URL: URL(at), Attendee: alice}, PhaseOpen, status.TaskFailed)
	refused(t, Options{URL: "nonsense", Attendee: alice}, PhaseOpen, status.TaskFailed)

	broken := errors.New("no route")
	o := Options{URL: URL(at), Attendee: alice, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, broken
	}}
	_, err := Dial(soon(t), o, newRecorder())
	require.ErrorIs(t, err, broken)
}

func TestNoCandidates(t *testing.T) {
	s := startServer(t, ServerOptions{})
	o := options(s, alice)
	o.Media = func(e *webrtc.SettingEngine) { e.SetIPFilter(func(net.IP) bool { return false }) }
	refused(t, o, PhaseNegotiate, status.ICEGatheringTimeoutWorkaround)
}

// script serves WebSockets that answer each request as told, then close.
func script(t *testing.T, code websocket.StatusCode, replies map[Kind]Message) Options {
	t.Helper()
	noLeaks(t)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = ws.CloseNow() }()
		for {
			var m Message
			if wsjson.Read(r.Context(), ws, &m) != nil {
				return
			}
			reply, ok := replies[m.Kind]
			if !ok {
				_ = ws.Close(code, "")
				return
			}
			reply.ID = m.ID
			_ = wsjson.Write(r.Context(), ws, reply)
		}
	}))
	t.Cleanup(web.Close)
	return Options{URL: web.URL, Attendee: alice}
}

func TestAttemptEndsWithTheServersReason(t *testing.T) {
	joined := Message{Kind: KindJoinAck}
	tests := map[string]struct {
		code    websocket.StatusCode
		replies map[Kind]Message
		phase   Phase
		want    status.Code
	}{
		"closed while joining":     {1011, nil, PhaseJoin, status.SignalingChannelClosedUnexpectedly},
		"fault while joining":      {4500, nil, PhaseJoin, status.SignalingInternalServerError},
		"ended while joining":      {4410, nil, PhaseJoin, status.MeetingEnded},
		"closed while negotiating": {1001, map[Kind]Message{KindJoin: joined}, PhaseNegotiate, status.SignalingChannelClosedUnexpectedly},
		"join answer with fault":   {1000, map[Kind]Message{KindJoin: {Kind: KindJoinAck, Status: 503}}, PhaseJoin, status.SignalingInternalServerError},
		"audio status for an answer": {
			1000,
			map[Kind]Message{KindJoin: joined, KindOffer: {Kind: KindAudioStatus, Status: 301}},
			PhaseNegotiate, status.AudioJoinedFromAnotherDevice,
		},
		"offer refused": {
			1000,
			map[Kind]Message{KindJoin: joined, KindOffer: {Kind: KindAnswer, Status: 500}},
			PhaseNegotiate, status.SignalingInternalServerError,
		},
		"no message at all": {1000, map[Kind]Message{KindJoin: {}}, PhaseJoin, status.SignalingChannelClosedUnexpectedly},
		"answer is nonsense": {
			1000,
			map[Kind]Message{KindJoin: joined, KindOffer: {Kind: KindAnswer, SDP: "nonsense"}},
			PhaseNegotiate, status.IncompatibleSDP,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			st := refused(t, script(t, tt.code, tt.replies), tt.phase, tt.want)
			assert.Equal(t, tt.code == 1001, st.Shared)
		})
	}
}

func TestAttemptEndsWithAStatusInAnyPhase(t *testing.T) {
	s := startServer(t, ServerOptions{})
	s.HangIn(PhaseMedia, true)
	h := newRecorder()
	failed := make(chan error, 1)
	ctx := soon(t)
	go func() {
		_, err := Dial(ctx, options(s, alice), h)
		failed <- err
	}()
	eventually(t, "the join", func() bool { return len(s.Attendees()) == 1 })
	require.True(t, s.SendError(alice, 206))
	require.ErrorIs(t, <-failed, status.VideoCallSwitchToViewOnly)
	assert.Empty(t, h.losses())
}

// countChecks counts the STUN packets that the client sends.
func countChecks(t *testing.T, o Options) (Options, *atomic.Int64) {
	t.Helper()
	n, err := NewFaultNet(nil, nil)
	require.NoError(t, err)
	var checks atomic.Int64
	n.Outbound(Impairment{Only: func(b []byte) bool {
		if IsSTUN(b) {
			checks.Add(1)
		}
		return false
	}})
	o.Net = n
	return o, &checks
}

// TestCancelInEveryPhase shows that no step of an attempt is deaf to its context.
func TestCancelInEveryPhase(t *testing.T) {
	stop := errors.New("stop")
	for _, phase := range []Phase{PhaseOpen, PhaseJoin, PhaseNegotiate, PhaseMedia} {
		t.Run(string(phase), func(t *testing.T) {
			s := startServer(t, ServerOptions{})
			s.HangIn(phase, true)
			o, checks := countChecks(t, options(s, alice))
			ctx, cancel := context.WithCancelCause(soon(t))
			failed := make(chan error, 1)
			go func() {
				_, err := Dial(ctx, o, newRecorder())
				failed <- err
			}()
			eventually(t, "the phase", func() bool { return s.Held(phase) == 1 })
			phases := []Phase{phase}
			if phase == PhaseMedia { // checks begin while the answer is being taken
				eventually(t, "checks", func() bool { return checks.Load() > 0 })
				phases = append(phases, PhaseNegotiate)
			}
			began := time.Now()
			cancel(stop)
			err := <-failed
			assert.Less(t, time.Since(began), time.Second)
			var pe *PhaseError
			require.ErrorAs(t, err, &pe)
			assert.Contains(t, phases, pe.Phase)
			require.ErrorIs(t, err, stop)
			require.ErrorIs(t, err, status.TaskFailed)
			eventually(t, "an empty meeting", func() bool { return len(s.Attendees()) == 0 })
		})
	}
}

// TestCancelInTheHandshake is the other way to hang in the last phase: ICE has a
// path, DTLS gets no answer.
func TestCancelInTheHandshake(t *testing.T) {
	s := startServer(t, ServerOptions{})
	n, err := NewFaultNet(nil, nil)
	require.NoError(t, err)
	reached := make(chan struct{}, 1)
	n.Outbound(Impairment{Drop: true, Only: func(b []byte) bool {
		if IsDTLS(b) {
			select {
			case reached <- struct{}{}:
			default:
			}
		}
		return IsDTLS(b)
	}})
	o := options(s, alice)
	o.Net = n
	ctx, cancel := context.WithCancel(soon(t))
	failed := make(chan error, 1)
	go func() {
		_, err := Dial(ctx, o, newRecorder())
		failed <- err
	}()
	<-reached
	began := time.Now()
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	assert.Less(t, time.Since(began), time.Second)
}

func TestMediaFailsInTime(t *testing.T) {
	s := startServer(t, ServerOptions{})
	s.HangIn(PhaseMedia, true)
	o := options(s, alice)
	o.Media = fast
	st := refused(t, o, PhaseMedia, status.TaskFailed)
	assert.Equal(t, status.LayerMedia, st.Where())
}

func TestCancelBeforehand(t *testing.T) {
	s := startServer(t, ServerOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Dial(ctx, options(s, alice), newRecorder())
	require.ErrorIs(t, err, context.Canceled)
}
