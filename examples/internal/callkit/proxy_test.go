package callkit

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// proxied is a call whose signaling passes a proxy.
func proxied(t *testing.T) (*Server, *Proxy, *Call, *recorder) {
	t.Helper()
	s := startServer(t, ServerOptions{})
	p, err := ListenProxy(s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	o := options(s, alice)
	o.URL = URL(p.Addr().String())
	c, h := call(t, o)
	return s, p, c, h
}

func TestHalfOpenSignaling(t *testing.T) {
	s, p, c, h := proxied(t)
	p.Freeze()
	require.NoError(t, c.Ping(soon(t), 1), "the socket takes it")
	flows(t, s, c, alice)
	assert.True(t, h.has(func() bool { return len(h.pongs) == 0 })())
	assert.Empty(t, h.losses(), "nobody can tell")
	p.Heal()
	eventually(t, "the pong that was held back", h.has(func() bool { return len(h.pongs) == 1 }))
}

func TestHalfOpenHidesAClose(t *testing.T) {
	s, p, c, h := proxied(t)
	p.Freeze()
	require.True(t, s.CloseSignaling(alice, 4500))
	flows(t, s, c, alice)
	assert.Empty(t, h.losses())
	p.Heal()
	assert.Equal(t, status.SignalingInternalServerError, h.lost(t, status.LayerSignaling).Code)
}

func TestFrozenProxyHoldsNewConnections(t *testing.T) {
	s, p, c, _ := proxied(t)
	p.Freeze()
	require.NoError(t, c.Close(soon(t)), "needs no one")
	o := options(s, bob)
	o.URL = URL(p.Addr().String())
	done := make(chan error, 1)
	ctx := soon(t)
	go func() {
		again, err := Dial(ctx, o, newRecorder())
		if err == nil {
			err = again.Close(ctx)
		}
		done <- err
	}()
	eventually(t, "two connections at the proxy", func() bool { return p.Links() == 2 })
	p.Heal()
	require.NoError(t, <-done)
}

func TestCutAndReset(t *testing.T) {
	for name, breakIt := range map[string]func(*Proxy){"cut": (*Proxy).Cut, "reset": (*Proxy).Reset} {
		t.Run(name, func(t *testing.T) {
			s, p, _, h := proxied(t)
			breakIt(p)
			st := h.lost(t, status.LayerSignaling)
			assert.Equal(t, status.SignalingChannelClosedUnexpectedly, st.Code)
			assert.True(t, st.Unexplained())
			o := options(s, bob)
			o.URL = URL(p.Addr().String())
			call(t, o)
		})
	}
}

func TestCutWorksOnAFrozenProxy(t *testing.T) {
	_, p, _, h := proxied(t)
	p.Freeze()
	p.Cut()
	h.lost(t, status.LayerSignaling)
	eventually(t, "no connections", func() bool { return p.Links() == 0 })
}

func TestProxyWithoutAServer(t *testing.T) {
	noLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close()) // nobody listens here now
	p, err := ListenProxy(l.Addr().String())
	require.NoError(t, err)
	refused(t, Options{URL: URL(p.Addr().String()), Attendee: alice}, PhaseOpen, status.TaskFailed)
	require.NoError(t, p.Close())
}

func TestProxyForwardsAndClosesInOrder(t *testing.T) {
	noLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	p, err := ListenProxy(l.Addr().String())
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	client, err := net.Dial("tcp", p.Addr().String())
	require.NoError(t, err)
	server, err := l.Accept()
	require.NoError(t, err)
	defer func() { _ = server.Close() }()

	p.Freeze()
	p.Freeze() // twice is once
	_, err = client.Write([]byte("last words"))
	require.NoError(t, err)
	require.NoError(t, client.Close())
	require.NoError(t, server.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = server.Read(make([]byte, 1))
	require.Error(t, err)
	p.Heal()
	p.Heal()
	require.NoError(t, server.SetReadDeadline(time.Now().Add(patienceForTests)))
	got, err := io.ReadAll(server)
	require.NoError(t, err)
	assert.Equal(t, "last words", string(got))
}
