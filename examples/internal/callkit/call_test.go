package callkit

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJoinCarriesAudioBothWays(t *testing.T) {
	s := startServer(t, ServerOptions{})
	ctx, cancel := context.WithCancel(soon(t))
	h := newRecorder()
	c, err := Dial(ctx, options(s, alice), h)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(soon(t))) })
	cancel() // bounds the dial alone

	flows(t, s, c, alice)
	eventually(t, "presence", h.has(func() bool { return h.present == 1 }))
	eventually(t, "signs of life", h.has(func() bool {
		return h.alive[status.LayerMedia] > 0 && h.alive[status.LayerSignaling] > 0
	}))
	assert.Equal(t, []string{alice}, s.Attendees())
	assert.Positive(t, c.Sent())
	assert.Empty(t, h.losses(), "nothing was lost")
}

func TestPingIsAnswered(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := call(t, options(s, alice))
	require.NoError(t, c.Ping(soon(t), 7))
	eventually(t, "pong", h.has(func() bool { return len(h.pongs) == 1 && h.pongs[0] == 7 }))

	s.IgnorePings(true)
	require.NoError(t, c.Ping(soon(t), 8))
	require.NoError(t, c.Demote(soon(t)), "answered after the ping was read")
	s.IgnorePings(false)
	require.NoError(t, c.Ping(soon(t), 9))
	eventually(t, "later pong", h.has(func() bool { return len(h.pongs) == 2 && h.pongs[1] == 9 }))
}

func TestHiddenAttendeeIsNotAnnounced(t *testing.T) {
	s := startServer(t, ServerOptions{})
	s.HideAttendees(true)
	c, h := call(t, options(s, alice))
	flows(t, s, c, alice) // audio starts after the announcement would have gone out
	require.NoError(t, c.Ping(soon(t), 1))
	eventually(t, "pong", h.has(func() bool { return len(h.pongs) == 1 }))
	assert.True(t, h.has(func() bool { return h.present == 0 })())
}

func TestLeaveIsNoLoss(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := call(t, options(s, alice))
	require.NoError(t, c.Leave(soon(t)))
	eventually(t, "an empty meeting", func() bool { return len(s.Attendees()) == 0 })
	require.NoError(t, c.Close(soon(t)))
	assert.Empty(t, h.losses())
}

func TestUpdateRenegotiates(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := call(t, options(s, alice))
	for range 3 {
		require.NoError(t, c.Update(soon(t), Update{Renegotiate: true}))
		flows(t, s, c, alice)
	}
	require.NoError(t, c.Update(soon(t), Update{}))
	assert.False(t, s.ViewOnly(alice))
	assert.Empty(t, h.losses())
}

func TestUpdateToViewOnlyEndsSending(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := call(t, options(s, alice))
	flows(t, s, c, alice)
	require.NoError(t, c.Update(soon(t), Update{ViewOnly: true}))
	assert.True(t, s.ViewOnly(alice))
	sent, in := c.Sent(), c.Received()
	eventually(t, "audio at the client", func() bool { return c.Received() > in+5 })
	assert.Equal(t, sent, c.Sent())
	eventually(t, "a sample without outbound audio", h.sampled(func(s health.Sample) bool {
		_, ok := s.AudioPacketsSent.Get()
		return !ok
	}))
	require.NoError(t, c.Update(soon(t), Update{ViewOnly: true}), "again")
}

func TestJoinViewOnly(t *testing.T) {
	s := startServer(t, ServerOptions{})
	o := options(s, alice)
	o.ViewOnly = true
	c, _ := call(t, o)
	eventually(t, "audio at the client", func() bool { return c.Received() > 5 })
	assert.True(t, s.ViewOnly(alice))
	assert.Zero(t, c.Sent())
	assert.Zero(t, s.PacketsFrom(alice))
	require.NoError(t, c.Update(soon(t), Update{Renegotiate: true}))
	assert.True(t, s.ViewOnly(alice))
}

func TestPromoteAndDemote(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := call(t, options(s, alice))
	require.ErrorIs(t, c.Promote(soon(t), ""), status.AudioAuthenticationRejected)
	assert.False(t, s.Promoted(alice))
	require.NoError(t, c.Promote(soon(t), "primary"))
	assert.True(t, s.Promoted(alice))
	require.NoError(t, c.Demote(soon(t)))
	assert.False(t, s.Promoted(alice))

	require.NoError(t, c.Promote(soon(t), "primary"))
	require.True(t, s.RevokePrimary(alice))
	h.told(t, status.AudioVideoWasRemovedFromPrimaryMeeting)
	assert.False(t, s.Promoted(alice))
}

func TestOperationsObeyTheirContext(t *testing.T) {
	s := startServer(t, ServerOptions{})
	proxy, err := ListenProxy(s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, proxy.Close()) })
	o := options(s, alice)
	o.URL = URL(proxy.Addr().String())
	c, h := call(t, o)
	proxy.Freeze()
	for name, op := range map[string]func(context.Context) error{
		"update":  func(ctx context.Context) error { return c.Update(ctx, Update{Renegotiate: true}) },
		"promote": func(ctx context.Context) error { return c.Promote(ctx, "primary") },
		"demote":  c.Demote,
		"leave":   c.Leave,
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		require.ErrorIs(t, op(ctx), context.DeadlineExceeded, name)
		cancel()
	}
	assert.Empty(t, h.losses(), "an operation that gives up breaks nothing")
}

// TestGivingUpAWriteBreaksNothing guards against the WebSocket library, which
// closes the connection if the context of a write ends in it.
func TestGivingUpAWriteBreaksNothing(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := call(t, options(s, alice))
	for range 200 {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		if err := c.Ping(ctx, 1); err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
	}
	require.NoError(t, c.Ping(soon(t), 2))
	eventually(t, "pong", h.has(func() bool { return slices.Contains(h.pongs, 2) }))
	assert.Empty(t, h.losses())
}

func TestOperationsAfterALossGiveItsReason(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := call(t, options(s, alice))
	require.True(t, s.CloseSignaling(alice, 4503))
	h.lost(t, status.LayerSignaling)
	for name, op := range map[string]func(context.Context) error{
		"ping":    func(ctx context.Context) error { return c.Ping(ctx, 1) },
		"update":  func(ctx context.Context) error { return c.Update(ctx, Update{Renegotiate: true}) },
		"promote": func(ctx context.Context) error { return c.Promote(ctx, "primary") },
		"leave":   c.Leave,
	} {
		require.ErrorIs(t, op(soon(t)), status.SignalingInternalServerError, name)
	}
	require.NoError(t, c.Close(soon(t)))
	require.ErrorIs(t, c.Ping(soon(t), 2), ErrClosed)
}

func TestCloseIsQuickAndSilent(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := call(t, options(s, alice))
	flows(t, s, c, alice)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	require.NoError(t, c.Close(ctx))
	require.NoError(t, c.Close(ctx), "twice")
	assert.Empty(t, h.losses())
	eventually(t, "an empty meeting", func() bool { return len(s.Attendees()) == 0 })
}

func TestSamplesTellThePackets(t *testing.T) {
	s := startServer(t, ServerOptions{})
	o := options(s, alice)
	o.SampleEvery = 100 * time.Millisecond
	c, h := call(t, o)
	flows(t, s, c, alice)
	eventually(t, "a full sample", h.has(func() bool { return len(h.samples) >= 4 }))
	require.NoError(t, c.Close(soon(t)))
	last := h.samples[3]
	in, ok := last.AudioPacketsReceived.Get()
	assert.True(t, ok)
	assert.InDelta(t, 50, in, 25)
	out, ok := last.AudioPacketsSent.Get()
	assert.True(t, ok)
	assert.InDelta(t, 50, out, 25)
	loss, ok := last.AudioLoss.Get()
	assert.True(t, ok)
	assert.Zero(t, loss)
	assert.Greater(t, last.BytesReceived, h.samples[0].BytesReceived)
	assert.Positive(t, last.STUNMessages)
	_, ok = last.SpeakerDelay.Get()
	assert.False(t, ok, "there is no speaker")
}

func TestSamplesCanBeOff(t *testing.T) {
	s := startServer(t, ServerOptions{})
	o := options(s, alice)
	o.SampleEvery = -1
	c, h := call(t, o)
	flows(t, s, c, alice)
	assert.True(t, h.has(func() bool { return len(h.samples) == 0 })())
}
