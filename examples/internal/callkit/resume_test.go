package callkit

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answersPings shows that the signaling works in both directions.
func answersPings(t *testing.T, c *Call, h *recorder) {
	t.Helper()
	var n int
	h.do(func() { n = len(h.pongs) })
	require.NoError(t, c.Ping(soon(t), 99))
	eventually(t, "pong", h.has(func() bool { return len(h.pongs) > n }))
}

// lasts is true as long as nothing but the loss of signaling was told.
func lasts(h *recorder) bool {
	return h.has(func() bool {
		return len(h.order) == 0 || len(h.order) == 1 && len(h.closed[status.LayerSignaling]) == 1
	})()
}

func TestResumeKeepsTheMedia(t *testing.T) {
	tests := map[string]func(*testing.T, *Server, *recorder){
		"after a cut": func(t *testing.T, s *Server, h *recorder) {
			require.True(t, s.CutSignaling(alice))
			h.lost(t, status.LayerSignaling)
		},
		"after a close": func(t *testing.T, s *Server, h *recorder) {
			require.True(t, s.CloseSignaling(alice, 1012))
			h.lost(t, status.LayerSignaling)
		},
		"while the old channel stands": func(*testing.T, *Server, *recorder) {},
	}
	for name, fault := range tests {
		for _, restart := range []bool{false, true} {
			t.Run(map[bool]string{true: name + ", media restarted", false: name}[restart], func(t *testing.T) {
				s := startServer(t, ServerOptions{})
				c, h := callWithAudio(t, s, alice)
				require.NoError(t, c.Promote(soon(t), "primary"))
				fault(t, s, h)
				in, out := c.Received(), s.PacketsFrom(alice)
				require.NoError(t, c.Resume(soon(t), ResumeOptions{RestartMedia: restart}))
				flows(t, s, c, alice)
				assert.GreaterOrEqual(t, c.Received(), in, "the same media")
				assert.GreaterOrEqual(t, s.PacketsFrom(alice), out, "the same participant")
				assert.True(t, s.Promoted(alice))
				answersPings(t, c, h)
				eventually(t, "presence", h.has(func() bool { return h.present == 2 }))
				require.NoError(t, c.Update(soon(t), Update{Renegotiate: true}))
				require.NoError(t, c.Demote(soon(t)))
				require.NoError(t, c.RestartMedia(soon(t)))
				flows(t, s, c, alice)
				assert.True(t, lasts(h), "%v", h.losses())
				require.NoError(t, c.Leave(soon(t)))
				eventually(t, "an empty meeting", func() bool { return len(s.Attendees()) == 0 })
			})
		}
	}
}

func TestResumeOverAndOver(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	for i := range 20 {
		require.NoError(t, c.Resume(soon(t), ResumeOptions{RestartMedia: i%5 == 0}))
	}
	answersPings(t, c, h)
	flows(t, s, c, alice)
	assert.Empty(t, h.losses())
	require.True(t, s.CloseSignaling(alice, 1011))
	h.lost(t, status.LayerSignaling)
	assert.Equal(t, []string{"closed signaling"}, h.losses(), "the loss of the last one is told")
}

// TestResumeBeforeTheServerKnows is the usual case of a path that died: the old
// connection is half open for the server as well.
func TestResumeBeforeTheServerKnows(t *testing.T) {
	s := startServer(t, ServerOptions{})
	proxy, err := ListenProxy(s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, proxy.Close()) })
	o := options(s, alice)
	o.URL = URL(proxy.Addr().String())
	c, h := call(t, o)
	flows(t, s, c, alice)
	proxy.Freeze()
	pending := make(chan error, 1)
	go func() { pending <- c.Demote(context.Background()) }()
	require.NoError(t, c.Resume(soon(t), ResumeOptions{URL: s.URL()}))
	require.ErrorIs(t, <-pending, status.SignalingChannelClosedUnexpectedly, "its answer would never have come")
	proxy.Heal()
	eventually(t, "the end of the old connection", func() bool { return proxy.Links() == 0 })
	answersPings(t, c, h)
	flows(t, s, c, alice)
	assert.Empty(t, h.losses())
	require.True(t, s.CutSignaling(alice))
	h.lost(t, status.LayerSignaling)
	require.NoError(t, c.Resume(soon(t), ResumeOptions{}), "where it was let in last")
}

// refusesResume expects a Resume to find nothing.
func refusesResume(t *testing.T, c *Call) {
	t.Helper()
	err := c.Resume(soon(t), ResumeOptions{})
	require.ErrorIs(t, err, ErrResumeRefused)
	var pe *PhaseError
	require.ErrorAs(t, err, &pe)
	assert.Equal(t, PhaseResume, pe.Phase)
	code, ok := status.CodeOf(err)
	assert.True(t, ok)
	assert.Equal(t, status.TaskFailed, code)
}

func TestResumeIsRefused(t *testing.T) {
	gone := func(s *Server) func() bool { return func() bool { return len(s.Attendees()) == 0 } }
	t.Run("when the grace is over", func(t *testing.T) {
		s := startServer(t, ServerOptions{ResumeGrace: 20 * time.Millisecond})
		c, _ := callWithAudio(t, s, alice)
		require.True(t, s.CutSignaling(alice))
		eventually(t, "an empty meeting", gone(s))
		refusesResume(t, c)
		refusesResume(t, c)
	})
	t.Run("when nobody is kept", func(t *testing.T) {
		s := startServer(t, ServerOptions{ResumeGrace: -1})
		c, _ := callWithAudio(t, s, alice)
		refusesResume(t, c)
	})
	t.Run("after a leave", func(t *testing.T) {
		s := startServer(t, ServerOptions{})
		c, _ := callWithAudio(t, s, alice)
		require.NoError(t, c.Leave(soon(t)))
		refusesResume(t, c)
	})
	t.Run("after a displacement", func(t *testing.T) {
		s := startServer(t, ServerOptions{})
		c, h := callWithAudio(t, s, alice)
		require.True(t, s.CutSignaling(alice))
		h.lost(t, status.LayerSignaling)
		other, _ := callWithAudio(t, s, alice)
		refusesResume(t, c)
		flows(t, s, other, alice)
	})
	t.Run("when media is over", func(t *testing.T) {
		s := startServer(t, ServerOptions{})
		c, h := callWithAudio(t, s, alice)
		require.True(t, s.HangUp(alice))
		h.hungUp(t)
		eventually(t, "its end at the server", s.find(alice).mediaEnded)
		refusesResume(t, c)
	})
	t.Run("by another server", func(t *testing.T) {
		s, other := startServer(t, ServerOptions{}), NewServer(ServerOptions{})
		t.Cleanup(func() { require.NoError(t, other.Close()) })
		require.NoError(t, other.Listen("127.0.0.1:0"))
		c, _ := callWithAudio(t, s, alice)
		err := c.Resume(soon(t), ResumeOptions{URL: other.URL()})
		require.ErrorIs(t, err, ErrResumeRefused)
		require.NoError(t, c.Resume(soon(t), ResumeOptions{}), "it is as before where it was")
	})
}

func TestResumeTellsHowItEnded(t *testing.T) {
	tests := map[string]struct {
		end  func(*Server) bool
		code status.Code
		wire int
	}{
		"removed": {func(s *Server) bool { return s.Remove(alice) }, status.AudioAttendeeRemoved, 411},
		"ended":   {func(s *Server) bool { s.End(); return true }, status.MeetingEnded, 410},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, ServerOptions{})
			c, h := callWithAudio(t, s, alice)
			require.True(t, s.CutSignaling(alice))
			h.lost(t, status.LayerSignaling)
			require.True(t, tt.end(s))
			eventually(t, "an empty meeting", func() bool { return len(s.Attendees()) == 0 })
			for range 2 { // the answer may get lost as well
				st := failsToResume(t, c, ResumeOptions{})
				assert.Equal(t, tt.code, st.Code)
				assert.Equal(t, tt.wire, st.Wire)
			}
		})
	}
}

// failsToResume gives the status with which a Resume fails that is not refused.
func failsToResume(t *testing.T, c *Call, o ResumeOptions) status.Status {
	t.Helper()
	err := c.Resume(soon(t), o)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrResumeRefused)
	var st status.Status
	require.ErrorAs(t, err, &st)
	return st
}

func TestResumeTellsWhatWasMissed(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	require.NoError(t, c.Promote(soon(t), "primary"))
	require.True(t, s.CutSignaling(alice))
	h.lost(t, status.LayerSignaling)
	eventually(t, "that it is away", func() bool { return s.find(alice).visiting() == nil })
	require.True(t, s.RevokePrimary(alice))
	require.True(t, s.SendAudioStatus(alice, 410))
	eventually(t, "the statuses", func() bool { return !s.Promoted(alice) && len(s.find(alice).waiting()) == 1 })
	if err := c.Resume(soon(t), ResumeOptions{}); err != nil {
		require.ErrorIs(t, err, status.MeetingEnded)
		return // it came before Resume was through
	}
	h.told(t, status.AudioVideoWasRemovedFromPrimaryMeeting)
	h.told(t, status.MeetingEnded)
}

func TestResumeChecksTheCredentials(t *testing.T) {
	s := startServer(t, ServerOptions{Check: func(_ string, tk Token) bool { return tk != "stale" }})
	c, _ := callWithAudio(t, s, alice)
	st := failsToResume(t, c, ResumeOptions{Token: "stale"})
	assert.Equal(t, status.AudioAuthenticationRejected, st.Code)
	assert.Equal(t, 403, st.Wire)
	require.NoError(t, c.Resume(soon(t), ResumeOptions{Token: "fresh"}))
	s.RejectCredentials(true)
	assert.Equal(t, status.AudioAuthenticationRejected, failsToResume(t, c, ResumeOptions{}).Code)
	s.RejectCredentials(false)
	s.SetFull(true)
	require.NoError(t, c.Resume(soon(t), ResumeOptions{}), "its place is its own")
}

func TestResumeFailsLikeDial(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	err := c.Resume(soon(t), ResumeOptions{URL: "ws://127.0.0.1:1/call"})
	var pe *PhaseError
	require.ErrorAs(t, err, &pe)
	assert.Equal(t, PhaseOpen, pe.Phase)
	require.ErrorIs(t, err, status.TaskFailed)
	require.NoError(t, c.Resume(soon(t), ResumeOptions{}))
	assert.Empty(t, h.losses())
}

// TestResumeNeedsTheSession: nobody gets in by a name and a token alone.
func TestResumeNeedsTheSession(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	for _, session := range []Token{"", "guessed"} {
		ws, _, err := websocket.Dial(soon(t), s.URL(), nil)
		require.NoError(t, err)
		t.Cleanup(func() { _ = ws.CloseNow() })
		require.NoError(t, wsjson.Write(soon(t), ws, Message{Kind: KindResume, ID: 5, Attendee: alice, Session: session}))
		var m Message
		require.NoError(t, wsjson.Read(soon(t), ws, &m))
		assert.Equal(t, Message{Kind: KindResumeAck, ID: 5, Gone: true}, m)
	}
	answersPings(t, c, h)
	other, _ := call(t, options(s, bob))
	assert.NotEqual(t, c.session, other.session)
	assert.Len(t, c.session, 26)
}

func TestResumeAndCancel(t *testing.T) {
	stop := errors.New("stop")
	for _, phase := range []Phase{PhaseOpen, PhaseResume, PhaseMedia} {
		t.Run(string(phase), func(t *testing.T) {
			s := startServer(t, ServerOptions{})
			c, h, n := faultyCall(t, s)
			s.HangIn(phase, phase != PhaseMedia)
			if phase == PhaseMedia {
				n.BlackHole()
			}
			ctx, cancel := context.WithCancelCause(soon(t))
			failed := make(chan error, 1)
			go func() { failed <- c.Resume(ctx, ResumeOptions{RestartMedia: true}) }()
			eventually(t, "the phase", func() bool {
				return s.Held(phase) == 1 || phase == PhaseMedia && c.restarting()
			})
			began := time.Now()
			cancel(stop)
			err := <-failed
			assert.Less(t, time.Since(began), time.Second)
			require.ErrorIs(t, err, stop)
			var pe *PhaseError
			require.ErrorAs(t, err, &pe)
			assert.Equal(t, phase, pe.Phase)

			s.HangIn(phase, false)
			n.Heal()
			require.NoError(t, c.Resume(soon(t), ResumeOptions{RestartMedia: phase == PhaseMedia}))
			flows(t, s, c, alice)
			answersPings(t, c, h)
			assert.Empty(t, h.losses())
		})
	}
}

func TestResumeAndClose(t *testing.T) {
	for _, phase := range []Phase{PhaseOpen, PhaseResume, PhaseMedia} {
		t.Run(string(phase), func(t *testing.T) {
			s := startServer(t, ServerOptions{})
			c, h, n := faultyCall(t, s)
			s.HangIn(phase, phase != PhaseMedia)
			if phase == PhaseMedia {
				n.BlackHole()
			}
			failed := make(chan error, 1)
			go func() { failed <- c.Resume(context.Background(), ResumeOptions{RestartMedia: true}) }()
			eventually(t, "the phase", func() bool {
				return s.Held(phase) == 1 || phase == PhaseMedia && c.restarting()
			})
			require.NoError(t, c.Close(soon(t)))
			require.ErrorIs(t, <-failed, ErrClosed)
			require.ErrorIs(t, c.Resume(soon(t), ResumeOptions{}), ErrClosed)
			assert.Empty(t, h.losses())
		})
	}
}

// TestResumeAmongOthers runs everything that a call can do at the same time.
func TestResumeAmongOthers(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	done := make(chan struct{})
	ops := []func() error{
		func() error { return c.Resume(ctx, ResumeOptions{}) },
		func() error { return c.Resume(ctx, ResumeOptions{RestartMedia: true}) },
		func() error { return c.Update(ctx, Update{Renegotiate: true}) },
		func() error { return c.RestartMedia(ctx) },
		func() error { return c.Promote(ctx, "primary") },
		func() error { return c.Demote(ctx) },
		func() error { return c.Ping(ctx, 1) },
		func() error {
			if v := s.find(alice).visiting(); v != nil {
				v.sig.cut() // by the time it returns, unlike CutSignaling
			}
			return nil
		},
	}
	for _, op := range ops {
		go func() {
			for ctx.Err() == nil {
				_ = op()
			}
			done <- struct{}{}
		}()
	}
	for range ops {
		<-done
	}
	require.NoError(t, c.Resume(soon(t), ResumeOptions{RestartMedia: true}))
	flows(t, s, c, alice)
	answersPings(t, c, h)
	require.NoError(t, c.Update(soon(t), Update{Renegotiate: true}))
	flows(t, s, c, alice)
}

func TestLeaveDuringResume(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, _ := callWithAudio(t, s, alice)
	s.HangIn(PhaseResume, true)
	failed := make(chan error, 1)
	go func() { failed <- c.Resume(soon(t), ResumeOptions{}) }()
	eventually(t, "the phase", func() bool { return s.Held(PhaseResume) == 1 })
	require.NoError(t, c.Leave(soon(t)), "the old channel stands as yet")
	require.NoError(t, c.Close(soon(t)))
	require.Error(t, <-failed)
}

// TestOldChannelDuringResume shows what of it counts.
func TestOldChannelDuringResume(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	s.HangIn(PhaseResume, true)
	failed := make(chan error, 1)
	go func() { failed <- c.Resume(soon(t), ResumeOptions{}) }()
	eventually(t, "the phase", func() bool { return s.Held(PhaseResume) == 1 })
	require.True(t, s.SendError(alice, 503))
	require.True(t, s.SendAudioStatus(alice, 500))
	require.True(t, s.SendAudioStatus(alice, 411))
	h.told(t, status.AudioAttendeeRemoved)
	require.True(t, s.CloseSignaling(alice, 4410))
	h.told(t, status.MeetingEnded)
	assert.Equal(t, []string{status.AudioAttendeeRemoved.String(), status.MeetingEnded.String()}, h.losses())
	require.NoError(t, c.Close(soon(t)))
	require.ErrorIs(t, <-failed, ErrClosed)
}

// TestDemotionDuringResume is told once, whatever becomes of the Resume.
func TestDemotionDuringResume(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	require.NoError(t, c.Promote(soon(t), "primary"))
	s.HangIn(PhaseResume, true)
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() { failed <- c.Resume(ctx, ResumeOptions{}) }()
	eventually(t, "the phase", func() bool { return s.Held(PhaseResume) == 1 })
	require.True(t, s.RevokePrimary(alice))
	h.told(t, status.AudioVideoWasRemovedFromPrimaryMeeting)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	s.HangIn(PhaseResume, false)
	require.NoError(t, c.Resume(soon(t), ResumeOptions{}))
	assert.Len(t, h.losses(), 1)
}

// TestLineLostDuringTheRestart fails the Resume at once, not when media is back.
func TestLineLostDuringTheRestart(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h, n := faultyCall(t, s)
	n.BlackHole()
	failed := make(chan error, 1)
	go func() { failed <- c.Resume(soon(t), ResumeOptions{RestartMedia: true}) }()
	eventually(t, "the restart", c.restarting)
	require.True(t, s.CloseSignaling(alice, 4500))
	require.ErrorIs(t, <-failed, status.SignalingInternalServerError)
	n.Heal()
	require.NoError(t, c.Resume(soon(t), ResumeOptions{RestartMedia: true}))
	flows(t, s, c, alice)
	assert.Empty(t, h.losses())
}

func TestRestartAfterMediaHasFailed(t *testing.T) {
	s := startServer(t, ServerOptions{Media: fast})
	n, err := NewFaultNet(nil, nil)
	require.NoError(t, err)
	o := options(s, alice)
	o.Net, o.Media = n, fast
	c, h := call(t, o)
	flows(t, s, c, alice)
	for losses := 1; losses <= 2; losses++ {
		n.BlackHole()
		eventually(t, "both losses", h.has(func() bool {
			return len(h.closed[status.LayerMedia]) == losses && len(h.closed[status.LayerSignaling]) == losses
		}))
		n.Heal()
		require.NoError(t, c.Resume(soon(t), ResumeOptions{RestartMedia: true}))
		flows(t, s, c, alice)
	}
}

func TestNoRestartOfWhatIsOver(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	require.True(t, s.HangUp(alice))
	h.hungUp(t)
	require.ErrorIs(t, c.RestartMedia(soon(t)), errors.ErrUnsupported)
	require.NoError(t, c.Close(soon(t)))
	err := c.RestartMedia(soon(t))
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

// restarting says whether an offer is out, or its answer not yet tried.
func (c *Call) restarting() bool {
	pair, err := c.peer.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	return err == nil && pair == nil && c.peer.SignalingState() == webrtc.SignalingStateStable
}

// waiting gives what the next visit will be told.
func (p *participant) waiting() []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.missed
}

// TestOvertakenResume: one that its client has given up, and that reaches the server
// after the next one, does not take the place of that.
func TestOvertakenResume(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	require.NoError(t, c.Resume(soon(t), ResumeOptions{}))
	last, _ := c.requests.open()
	late, _, err := openChannel(soon(t), s.URL(), nil)
	require.NoError(t, err)
	defer late.cut()
	m := Message{Kind: KindResume, ID: last - 2, Attendee: alice, Session: c.session}
	require.NoError(t, late.send(soon(t), m))
	ack, err := late.receive(soon(t))
	require.NoError(t, err)
	assert.True(t, ack.Gone)
	answersPings(t, c, h)
	assert.Empty(t, h.losses())
}
