package callkit

import (
	"net"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFaultsReachTheHandlerAsStatuses(t *testing.T) {
	tests := map[string]struct {
		fault func(*Server) bool
		code  status.Code
		wire  int
	}{
		"removed":          {func(s *Server) bool { return s.Remove(alice) }, status.AudioAttendeeRemoved, 411},
		"ended":            {func(s *Server) bool { s.End(); return true }, status.MeetingEnded, 410},
		"audio fault":      {func(s *Server) bool { return s.SendAudioStatus(alice, 500) }, status.AudioInternalServerError, 500},
		"audio busy":       {func(s *Server) bool { return s.SendAudioStatus(alice, 503) }, status.AudioServiceUnavailable, 503},
		"view only":        {func(s *Server) bool { return s.SendError(alice, 206) }, status.VideoCallSwitchToViewOnly, 206},
		"signaling fault":  {func(s *Server) bool { return s.SendError(alice, 502) }, status.SignalingInternalServerError, 502},
		"out of the table": {func(s *Server) bool { return s.SendError(alice, -1) }, status.SignalingRequestFailed, -1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, ServerOptions{})
			_, h := callWithAudio(t, s, alice)
			require.True(t, tt.fault(s))
			assert.Equal(t, tt.wire, h.told(t, tt.code).Wire)
			assert.Equal(t, tt.code.String(), h.losses()[0], "the reason comes first")
		})
	}
}

func TestStatusOKIsNotTold(t *testing.T) {
	s := startServer(t, ServerOptions{})
	_, h := call(t, options(s, alice))
	require.True(t, s.SendAudioStatus(alice, 200))
	require.True(t, s.SendError(alice, 0))
	require.True(t, s.SendAudioStatus(alice, 503))
	h.told(t, status.AudioServiceUnavailable)
	require.True(t, s.SendError(alice, 206))
	h.told(t, status.VideoCallSwitchToViewOnly)
	assert.Len(t, h.losses(), 2)
}

func TestRemovalClosesBothLayers(t *testing.T) {
	s := startServer(t, ServerOptions{})
	_, h := callWithAudio(t, s, alice)
	require.True(t, s.Remove(alice))
	h.told(t, status.AudioAttendeeRemoved)
	h.lost(t, status.LayerSignaling)
	h.hungUp(t)
	eventually(t, "an empty meeting", func() bool { return len(s.Attendees()) == 0 })
	assert.False(t, s.Remove(alice), "is gone")
}

// Who joins under the name of another takes the place of the other one, who is told
// so (NEEDS 8).
func TestDisplacement(t *testing.T) {
	s := startServer(t, ServerOptions{Capacity: 1})
	_, older := call(t, options(s, alice))
	c, newer := call(t, options(s, alice))
	assert.Equal(t, 301, older.told(t, status.AudioJoinedFromAnotherDevice).Wire)
	older.lost(t, status.LayerSignaling)
	flows(t, s, c, alice)
	assert.Equal(t, []string{alice}, s.Attendees())
	assert.Empty(t, newer.losses())
}

func TestReasonAfterTheHangUp(t *testing.T) {
	s := startServer(t, ServerOptions{})
	s.TellLate(20 * time.Millisecond)
	_, h := callWithAudio(t, s, alice)
	require.True(t, s.Remove(alice))
	h.hungUp(t)
	h.told(t, status.AudioAttendeeRemoved)
	assert.Equal(t, []string{"closed media", status.AudioAttendeeRemoved.String()}, h.losses()[:2])
}

func TestSignalingCloseCodes(t *testing.T) {
	tests := map[string]struct {
		code int
		want status.Status
	}{
		"normal":     {1000, status.Status{Code: status.SignalingChannelClosedUnexpectedly, Wire: 1000}},
		"going away": {1001, status.Status{Code: status.SignalingChannelClosedUnexpectedly, Wire: 1001, Shared: true}},
		"ended":      {4410, status.Status{Code: status.MeetingEnded, Wire: 4410}},
		"fault":      {4599, status.Status{Code: status.SignalingInternalServerError, Wire: 4599}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, ServerOptions{})
			c, h := call(t, options(s, alice))
			require.True(t, s.CloseSignaling(alice, tt.code))
			st := h.lost(t, status.LayerSignaling)
			assert.Equal(t, websocket.StatusCode(tt.code), websocket.CloseStatus(st.Cause))
			assert.Equal(t, tt.want.Code, st.Code)
			assert.Equal(t, tt.want.Wire, st.Wire)
			assert.Equal(t, tt.want.Shared, st.Shared)
			flows(t, s, c, alice) // media does not care
		})
	}
}

func TestCutSignalingHasNoCode(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := call(t, options(s, alice))
	require.True(t, s.CutSignaling(alice))
	st := h.lost(t, status.LayerSignaling)
	assert.Equal(t, status.SignalingChannelClosedUnexpectedly, st.Code)
	assert.True(t, st.Unexplained())
	flows(t, s, c, alice)
}

func TestLingering(t *testing.T) {
	t.Run("ends", func(t *testing.T) {
		s := startServer(t, ServerOptions{ResumeGrace: 20 * time.Millisecond})
		_, h := callWithAudio(t, s, alice)
		require.True(t, s.CutSignaling(alice))
		h.hungUp(t)
		eventually(t, "an empty meeting", func() bool { return len(s.Attendees()) == 0 })
	})
	t.Run("off", func(t *testing.T) {
		s := startServer(t, ServerOptions{ResumeGrace: -1})
		_, h := callWithAudio(t, s, alice)
		require.True(t, s.CutSignaling(alice))
		h.hungUp(t)
	})
	t.Run("ends when the client comes back", func(t *testing.T) {
		s := startServer(t, ServerOptions{ResumeGrace: time.Hour})
		_, h := callWithAudio(t, s, alice)
		require.True(t, s.CutSignaling(alice))
		h.lost(t, status.LayerSignaling)
		c, _ := callWithAudio(t, s, alice)
		h.hungUp(t)
		flows(t, s, c, alice)
		assert.Equal(t, []string{"closed signaling", "closed media"}, h.losses(), "no displacement is told")
	})
}

func TestHangUpIsALossOfMediaAlone(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	require.True(t, s.HangUp(alice))
	h.hungUp(t)
	require.NoError(t, c.Ping(soon(t), 1))
	eventually(t, "pong", h.has(func() bool { return len(h.pongs) == 1 }))
	assert.Equal(t, []string{"closed media"}, h.losses())
}

func TestSilence(t *testing.T) {
	s := startServer(t, ServerOptions{})
	s.Silence(alice, true)
	c, h := call(t, options(s, alice))
	eventually(t, "audio at the server", func() bool { return s.PacketsFrom(alice) > 3 })
	assert.Zero(t, c.Received())
	s.Silence(alice, false)
	flows(t, s, c, alice)
	s.Silence(alice, true)
	eventually(t, "silence", h.sampled(func(s health.Sample) bool {
		in, ok := s.AudioPacketsReceived.Get()
		return ok && in == 0
	}))
	assert.Empty(t, h.losses())
}

func TestMediaLostAtTheServer(t *testing.T) {
	s := startServer(t, ServerOptions{Media: fast})
	n, err := NewFaultNet(nil, nil)
	require.NoError(t, err)
	o := options(s, alice)
	o.Net = n
	c, h := call(t, o)
	flows(t, s, c, alice)
	n.Outbound(Impairment{Drop: true}) // the client cannot know
	st := h.lost(t, status.LayerSignaling)
	assert.Equal(t, status.SignalingInternalServerError, st.Code)
	assert.Equal(t, "closed signaling", h.losses()[0])
}

func TestFaultsOfStrangers(t *testing.T) {
	s := startServer(t, ServerOptions{})
	for _, fault := range []func(string) bool{
		s.CutSignaling, s.HangUp, s.Remove, s.RevokePrimary,
		func(a string) bool { return s.CloseSignaling(a, 1000) },
		func(a string) bool { return s.SendError(a, 500) },
		func(a string) bool { return s.SendAudioStatus(a, 500) },
	} {
		assert.False(t, fault(bob))
	}
	assert.Zero(t, s.PacketsFrom(bob))
	assert.False(t, s.Promoted(bob))
}

func TestServerClose(t *testing.T) {
	s := startServer(t, ServerOptions{})
	_, a := callWithAudio(t, s, alice)
	_, b := callWithAudio(t, s, bob)
	began := time.Now()
	require.NoError(t, s.Close())
	assert.Less(t, time.Since(began), patience, "clients that answer do not try its patience")
	for _, h := range []*recorder{a, b} {
		st := h.lost(t, status.LayerSignaling)
		assert.Equal(t, 1001, st.Wire)
		assert.True(t, st.Shared)
		h.hungUp(t)
	}
	refused(t, options(s, alice), PhaseOpen, status.TaskFailed)
	require.ErrorIs(t, s.Listen("127.0.0.1:0"), ErrServerClosed)
}

func TestServerCloseDoesNotWaitForTheDead(t *testing.T) {
	s := startServer(t, ServerOptions{})
	proxy, err := ListenProxy(s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, proxy.Close()) })
	o := options(s, alice)
	o.URL = URL(proxy.Addr().String())
	call(t, o)
	proxy.Freeze()
	began := time.Now()
	require.NoError(t, s.Close())
	assert.Less(t, time.Since(began), 2*patience)
}

func TestServerRestartsOnItsAddress(t *testing.T) {
	s := startServer(t, ServerOptions{})
	at := s.Addr().String()
	call(t, options(s, alice))
	require.NoError(t, s.Close())
	again := NewServer(ServerOptions{})
	t.Cleanup(func() { require.NoError(t, again.Close()) })
	require.NoError(t, again.Listen(at))
	c, _ := call(t, options(again, alice))
	flows(t, again, c, alice)
}

func TestListenRefusesOtherAddresses(t *testing.T) {
	s := NewServer(ServerOptions{})
	defer func() { require.NoError(t, s.Close()) }()
	require.Error(t, s.Listen("0.0.0.0:0"))
	require.Error(t, s.Listen("nonsense"))
	assert.Nil(t, s.Addr())
}

func TestSilentConnectionsEndWithTheServer(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	ws, _, err := websocket.Dial(soon(t), s.URL(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ws.CloseNow() })
	began := time.Now()
	require.NoError(t, s.Close())
	assert.Less(t, time.Since(began), 2*patience)
}

func TestServerRefusesWhatIsNoMessage(t *testing.T) {
	s := startServer(t, ServerOptions{})
	for _, text := range []string{"nonsense", "{}", `{"kind":7}`} {
		ws, _, err := websocket.Dial(soon(t), s.URL(), nil)
		require.NoError(t, err)
		require.NoError(t, ws.Write(soon(t), websocket.MessageText, []byte(text)))
		_, _, err = ws.Read(soon(t))
		assert.Equal(t, websocket.StatusInvalidFramePayloadData, websocket.CloseStatus(err), text)
	}
}

func TestServerAnswersNothingBeforeTheJoin(t *testing.T) {
	s := startServer(t, ServerOptions{})
	ws, _, err := websocket.Dial(soon(t), s.URL(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ws.CloseNow() })
	for _, k := range []Kind{KindOffer, KindUpdate, KindPromote, KindLeave, "sing", KindPing} {
		require.NoError(t, wsjson.Write(soon(t), ws, Message{Kind: k, ID: 1, SDP: "v=0", Token: "t"}))
	}
	var m Message
	require.NoError(t, wsjson.Read(soon(t), ws, &m))
	assert.Equal(t, KindPong, m.Kind)
	assert.Empty(t, s.Attendees())
}
