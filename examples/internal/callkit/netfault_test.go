package callkit

import (
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/pion/transport/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// faultyCall is a call whose media passes a FaultNet.
func faultyCall(t *testing.T, s *Server) (*Call, *recorder, *FaultNet) {
	t.Helper()
	n, err := NewFaultNet(nil, nil)
	require.NoError(t, err)
	o := options(s, alice)
	o.Net = n
	c, h := call(t, o)
	flows(t, s, c, alice)
	return c, h, n
}

// stands fails the test if a counter moves while another goes on by ten.
func stands(t *testing.T, what string, still, clock func() uint64) {
	t.Helper()
	before, from := still(), clock()
	eventually(t, "time to pass", func() bool { return clock() > from+10 })
	assert.LessOrEqual(t, still(), before+1, what) // one may have been on its way
}

func TestBlackHoleStopsPacketsAndHeals(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h, n := faultyCall(t, s)
	n.BlackHole()
	stands(t, "inbound", c.Received, c.Sent)
	stands(t, "outbound", func() uint64 { return s.PacketsFrom(alice) }, c.Sent)
	var bytes uint64
	eventually(t, "a sample of the silence", h.sampled(func(s health.Sample) bool {
		in, ok := s.AudioPacketsReceived.Get()
		still := ok && in == 0 && s.BytesReceived == bytes
		bytes = s.BytesReceived
		return still
	}))
	n.Heal()
	flows(t, s, c, alice)
	assert.Empty(t, h.losses(), "a short gap is no loss to Pion")
}

func TestBlackHoleOneWay(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, _, n := faultyCall(t, s)
	n.Inbound(Impairment{Drop: true})
	stands(t, "inbound", c.Received, func() uint64 { return s.PacketsFrom(alice) })
	n.Heal()
	flows(t, s, c, alice)
	n.Outbound(Impairment{Drop: true})
	stands(t, "outbound", func() uint64 { return s.PacketsFrom(alice) }, c.Received)
	n.Heal()
	flows(t, s, c, alice)
}

func TestLongBlackHoleIsALossOfMedia(t *testing.T) {
	s := startServer(t, ServerOptions{})
	n, err := NewFaultNet(nil, nil)
	require.NoError(t, err)
	o := options(s, alice)
	o.Net, o.Media = n, fast
	c, h := call(t, o)
	flows(t, s, c, alice)
	n.BlackHole()
	st := h.lost(t, status.LayerMedia)
	assert.Equal(t, status.ConnectionHealthReconnect, st.Code)
	assert.Equal(t, status.LayerMedia, st.Where())
}

func TestLossShowsInTheSamples(t *testing.T) {
	s := startServer(t, ServerOptions{})
	var n atomic.Uint64
	every := func() float64 { return float64(n.Add(1)%2) * 0.9 } // every second one is below
	f, err := NewFaultNet(nil, every)
	require.NoError(t, err)
	o := options(s, alice)
	o.SampleEvery = 200 * time.Millisecond
	o.Net = f
	c, h := call(t, o)
	flows(t, s, c, alice)
	f.Inbound(Impairment{Loss: 0.5, Only: IsRTP})
	eventually(t, "a sample with about half lost", h.sampled(func(s health.Sample) bool {
		loss, _ := s.AudioLoss.Get()
		return loss > 30 && loss < 70
	}))
}

func TestMediaSilentOnALivePath(t *testing.T) {
	s := startServer(t, ServerOptions{})
	n, err := NewFaultNet(nil, nil)
	require.NoError(t, err)
	o := options(s, alice)
	o.Net, o.Media = n, fast // frequent keepalives
	c, h := call(t, o)
	flows(t, s, c, alice)
	n.Inbound(Impairment{Drop: true, Only: IsRTP})
	stands(t, "inbound", c.Received, c.Sent)
	var stun uint64
	eventually(t, "a sample", h.sampled(func(s health.Sample) bool { stun = s.STUNMessages; return true }))
	eventually(t, "keepalives", h.sampled(func(s health.Sample) bool { return s.STUNMessages > stun }))
}

// sockets gives a wrapped socket and a plain one to talk to.
func sockets(t *testing.T) (*FaultNet, transport.UDPConn, *net.UDPConn) {
	t.Helper()
	n, err := NewFaultNet(nil, nil)
	require.NoError(t, err)
	loopback := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	faulty, err := n.ListenUDP("udp4", loopback)
	require.NoError(t, err)
	plain, err := net.ListenUDP("udp4", loopback)
	require.NoError(t, err)
	t.Cleanup(func() { _ = faulty.Close(); _ = plain.Close() })
	require.NoError(t, plain.SetDeadline(time.Now().Add(patienceForTests)))
	return n, faulty, plain
}

func TestDelayKeepsTheOrder(t *testing.T) {
	n, faulty, plain := sockets(t)
	const delay, packets = 50 * time.Millisecond, 20
	b := make([]byte, 16)

	n.Outbound(Impairment{Delay: delay})
	began := time.Now()
	for i := range packets {
		if i == packets/2 {
			n.Heal() // what follows must not overtake
		}
		_, err := faulty.WriteTo([]byte{byte(i)}, plain.LocalAddr())
		require.NoError(t, err)
	}
	for i := range packets {
		_, _, err := plain.ReadFrom(b)
		require.NoError(t, err)
		assert.Equal(t, byte(i), b[0])
	}
	assert.GreaterOrEqual(t, time.Since(began), delay)

	n.Inbound(Impairment{Delay: delay})
	require.NoError(t, faulty.SetReadDeadline(time.Now().Add(patienceForTests)))
	began = time.Now()
	for i := range packets {
		_, err := plain.WriteTo([]byte{byte(i)}, faulty.LocalAddr())
		require.NoError(t, err)
	}
	for i := range packets {
		_, from, err := faulty.ReadFromUDP(b)
		require.NoError(t, err)
		assert.Equal(t, byte(i), b[0])
		assert.Equal(t, plain.LocalAddr().String(), from.String())
	}
	assert.GreaterOrEqual(t, time.Since(began), delay)
	assert.Less(t, time.Since(began), packets*delay, "packets travel side by side")
}

func TestReadDeadlineHoldsUnderDelay(t *testing.T) {
	n, faulty, plain := sockets(t)
	n.Inbound(Impairment{Delay: time.Hour})
	_, err := plain.WriteTo([]byte("x"), faulty.LocalAddr())
	require.NoError(t, err)
	require.NoError(t, faulty.SetDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = faulty.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	n.Heal() // the packet is still an hour away, and the next one behind it
	require.NoError(t, faulty.SetReadDeadline(time.Time{}))
	done := make(chan error, 1)
	go func() {
		_, _, err := faulty.ReadFrom(make([]byte, 1))
		done <- err
	}()
	require.NoError(t, faulty.Close())
	require.ErrorIs(t, <-done, net.ErrClosed)
}

func TestEverySocketOfAFaultNetIsFaulty(t *testing.T) {
	n, _, plain := sockets(t)
	to := plain.LocalAddr().(*net.UDPAddr)
	listened, err := n.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	dialed, err := n.DialUDP("udp4", nil, to)
	require.NoError(t, err)
	other, err := n.Dial("udp4", to.String())
	require.NoError(t, err)
	writes := map[string]func(b []byte) error{
		"listened": func(b []byte) error { _, err := listened.WriteTo(b, to); return err },
		"dialed":   func(b []byte) error { _, err := dialed.Write(b); return err },
		"other":    func(b []byte) error { _, err := other.Write(b); return err },
	}
	b := make([]byte, 16)
	for name, write := range writes {
		n.BlackHole()
		require.NoError(t, write([]byte("lost")))
		n.Heal()
		require.NoError(t, write([]byte("seen")))
		k, _, err := plain.ReadFrom(b)
		require.NoError(t, err)
		assert.Equal(t, "seen", string(b[:k]), name)
	}
	for _, c := range []interface{ Close() error }{listened, dialed, other} {
		require.NoError(t, c.Close())
	}
}

func TestMessageCallsPassTheFaultsToo(t *testing.T) {
	n, faulty, plain := sockets(t)
	to := plain.LocalAddr().(*net.UDPAddr)
	b := make([]byte, 16)
	n.BlackHole()
	_, _, err := faulty.WriteMsgUDP([]byte("lost"), nil, to)
	require.NoError(t, err)
	_, err = faulty.WriteToUDP([]byte("lost"), to)
	require.NoError(t, err)
	_, err = plain.WriteTo([]byte("lost"), faulty.LocalAddr())
	require.NoError(t, err)
	require.NoError(t, faulty.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, _, _, _, err = faulty.ReadMsgUDP(b, nil)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	n.Heal()
	_, _, err = faulty.WriteMsgUDP([]byte("seen"), nil, to)
	require.NoError(t, err)
	k, _, err := plain.ReadFrom(b)
	require.NoError(t, err)
	assert.Equal(t, "seen", string(b[:k]))
	require.NoError(t, faulty.SetReadDeadline(time.Now().Add(patienceForTests)))
	_, err = plain.WriteTo([]byte("back"), faulty.LocalAddr())
	require.NoError(t, err)
	k, _, _, from, err := faulty.ReadMsgUDP(b, nil)
	require.NoError(t, err)
	assert.Equal(t, "back", string(b[:k]))
	assert.Equal(t, to.String(), from.String())
}

func TestPacketKinds(t *testing.T) {
	for first, want := range map[byte][3]bool{ // STUN, DTLS, RTP
		0: {true}, 3: {true}, 4: {}, 19: {}, 20: {1: true}, 63: {1: true}, 64: {}, 127: {}, 128: {2: true}, 191: {2: true}, 192: {},
	} {
		p := []byte{first}
		assert.Equal(t, want, [3]bool{IsSTUN(p), IsDTLS(p), IsRTP(p)}, "%d", first)
	}
	assert.False(t, IsSTUN(nil))
}
