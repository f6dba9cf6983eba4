package callkit

import (
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/session/pionlink"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMediaProbeIsAnswered(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h, n := faultyCall(t, s)
	assert.True(t, h.has(func() bool { return len(h.expects) == 1 && h.expects[0] == health.ExpectKeepalives })())
	require.NoError(t, c.ProbeMedia(soon(t), 7))
	eventually(t, "its answer", h.has(func() bool { return len(h.probed) == 1 && h.probed[0] == 7 }))

	n.BlackHole()
	require.NoError(t, c.ProbeMedia(soon(t), 8))
	stands(t, "inbound", c.Received, c.Sent)
	n.Heal()
	require.NoError(t, c.ProbeMedia(soon(t), 9))
	eventually(t, "the later answer", h.has(func() bool { return len(h.probed) == 2 && h.probed[1] == 9 }))
}

func TestMediaProbeWhenNobodyTalks(t *testing.T) {
	s := startServer(t, ServerOptions{})
	s.Silence(alice, true)
	o := options(s, alice)
	o.ViewOnly = true
	c, h := call(t, o)
	require.NoError(t, c.ProbeMedia(soon(t), 1))
	eventually(t, "its answer", h.has(func() bool { return len(h.probed) == 1 }))
}

func TestDisconnectedIsADoubt(t *testing.T) {
	s := startServer(t, ServerOptions{})
	n, err := NewFaultNet(nil, nil)
	require.NoError(t, err)
	o := options(s, alice)
	o.Net, o.Media = n, fast
	c, h := call(t, o)
	flows(t, s, c, alice)
	n.BlackHole()
	eventually(t, "a doubt", h.has(func() bool { return len(h.doubts) == 1 }))
	n.Heal()
	assert.ErrorIs(t, h.doubts[0], pionlink.ErrDisconnected)
}

func TestRestartMedia(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h, n := faultyCall(t, s)
	began := time.Now()
	require.NoError(t, c.RestartMedia(soon(t)))
	t.Logf("a restart on loopback took %v", time.Since(began))
	flows(t, s, c, alice)

	n.BlackHole()
	time.AfterFunc(time.Second, n.Heal)
	began = time.Now()
	require.NoError(t, c.RestartMedia(soon(t)))
	t.Logf("one in the dark took %v after the path was back", time.Since(began)-time.Second)
	flows(t, s, c, alice)
	require.NoError(t, c.Update(soon(t), Update{Renegotiate: true}), "it is a call like before")
	flows(t, s, c, alice)
	assert.Empty(t, h.losses())
}

// TestRestartOverLostSignaling fails with the reason for the loss.
func TestRestartOverLostSignaling(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	require.True(t, s.CloseSignaling(alice, 4500))
	eventually(t, "the loss", h.has(func() bool { return len(h.order) == 1 }))
	require.Error(t, c.RestartMedia(soon(t)))
}
