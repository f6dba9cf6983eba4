package pionlink

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const password = "0123456789012345678901"

func build(t testing.TB, setters ...stun.Setter) []byte {
	t.Helper()
	m, err := stun.Build(setters...)
	require.NoError(t, err)
	return m.Raw
}

func TestAnswersAreRecognised(t *testing.T) {
	id := stun.NewTransactionID()
	set := stun.NewTransactionIDSetter(id)
	key := stun.NewShortTermIntegrity(password)
	success := build(t, stun.BindingSuccess, set, key, stun.Fingerprint)
	conflict := build(t, stun.BindingError, set, stun.CodeRoleConflict, key)
	bad := build(t, stun.BindingError, set, stun.CodeBadRequest, key)
	for _, tt := range []struct {
		name   string
		packet []byte
		known  bool
		what   verdict
		holds  bool
	}{
		{"success", success, true, agreed, true},
		{"role conflict", conflict, true, otherRole, true},
		{"other error", bad, true, disagreed, true},
		{"without integrity", build(t, stun.BindingSuccess, set, stun.Fingerprint), true, 0, false},
		{"another password", build(t, stun.BindingSuccess, set, stun.NewShortTermIntegrity("x")), true, 0, false},
		{"request", build(t, stun.BindingRequest, set, key), false, 0, false},
		{"indication", build(t, stun.NewType(stun.MethodBinding, stun.ClassIndication), set), false, 0, false},
		{"other method", build(t, stun.NewType(stun.MethodAllocate, stun.ClassSuccessResponse), set), false, 0, false},
		{"cut off", success[:19], false, 0, false},
		{"cut in its attributes", success[:len(success)-3], true, 0, false},
		{"another cookie", append([]byte{1, 1, 0, 0, 1, 2, 3, 4}, success[8:]...), false, 0, false},
		{"empty", nil, false, 0, false},
		{"RTP", append([]byte{128}, success[1:]...), false, 0, false},
	} {
		got, known := answers(tt.packet)
		assert.Equal(t, tt.known, known, tt.name)
		if !known {
			continue
		}
		assert.Equal(t, id, got, tt.name)
		before := string(tt.packet)
		what, holds := verify(tt.packet, password)
		assert.Equal(t, tt.holds, holds, tt.name)
		assert.Equal(t, tt.what, what, tt.name)
		assert.Equal(t, before, string(tt.packet), "%s: Pion may still want it", tt.name)
	}
}

// TestRequestIsOneOfICE: a probe is what Pion's agent would take for a check.
func TestRequestIsOneOfICE(t *testing.T) {
	id := stun.NewTransactionID()
	for _, controlling := range []bool{true, false} {
		raw, err := request(id, "peer:local", password, 2130706431, controlling)
		require.NoError(t, err)
		m := &stun.Message{Raw: raw}
		require.NoError(t, m.Decode())
		assert.Equal(t, stun.BindingRequest, m.Type)
		assert.Equal(t, id, m.TransactionID)
		var name stun.Username
		require.NoError(t, name.GetFrom(m))
		assert.Equal(t, "peer:local", name.String())
		require.NoError(t, stun.NewShortTermIntegrity(password).Check(m))
		require.NoError(t, stun.Fingerprint.Check(m))
		var role ice.AttrControl
		require.NoError(t, role.GetFrom(m))
		assert.Equal(t, controlling, role.Role == ice.Controlling)
		var prio ice.PriorityAttr
		require.NoError(t, prio.GetFrom(m))
		assert.EqualValues(t, 110<<24|(2130706431&0xffffff), prio)
		assert.False(t, m.Contains(stun.AttrUseCandidate), "it nominates nothing")
	}
}

func FuzzAnswers(f *testing.F) {
	id := stun.NewTransactionIDSetter(transaction{1, 2, 3})
	key := stun.NewShortTermIntegrity(password)
	f.Add(build(f, stun.BindingSuccess, id, key, stun.Fingerprint))
	f.Add(build(f, stun.BindingError, id, stun.CodeRoleConflict, key, stun.Fingerprint))
	f.Add(build(f, stun.BindingSuccess, id, &stun.XORMappedAddress{IP: net.IPv4(1, 2, 3, 4), Port: 5}))
	f.Add([]byte("\x01\x01\x00\x04!\x12\xa4B\x01\x02\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00"))
	f.Add([]byte{128, 111, 0, 1})
	f.Fuzz(func(t *testing.T, packet []byte) {
		before := string(packet)
		_, known := answers(packet)
		if known && !stun.IsMessage(packet) {
			t.Error("no STUN message")
		}
		what, holds := verify(packet, password)
		if holds && known {
			m := &stun.Message{Raw: append([]byte(nil), packet...)}
			require.NoError(t, m.Decode())
			require.NoError(t, stun.NewShortTermIntegrity(password).Check(m))
			assert.LessOrEqual(t, what, disagreed)
		}
		assert.Equal(t, before, string(packet))
	})
}

// pair gives a tapped socket with a probe on its way, and the other side.
func pair(t *testing.T) (transport.UDPConn, *net.UDPConn, *probe, *Media) {
	t.Helper()
	tap := NewTap(nil)
	loopback := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	c, err := tap.ListenUDP("udp4", loopback)
	require.NoError(t, err)
	other, err := net.ListenUDP("udp4", loopback)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close(); _ = other.Close() })
	require.NoError(t, other.SetDeadline(time.Now().Add(5*time.Second)))
	require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
	m := &Media{answers: make(chan *probe, maxOutstanding)}
	p := &probe{id: stun.NewTransactionID(), media: m, path: path{
		socket: c.(*fastSocket).socket, remote: other.LocalAddr().(*net.UDPAddr).AddrPort(), password: password,
	}}
	require.True(t, m.probes.add(p))
	require.NoError(t, p.path.socket.ask(p, []byte("request")))
	b := make([]byte, 100)
	n, _, err := other.ReadFrom(b)
	require.NoError(t, err)
	require.Equal(t, "request", string(b[:n]))
	return c, other, p, m
}

// TestForgedAnswersDoNotCount, nor do they use the probe up, and none of them
// reaches Pion, however that reads.
func TestForgedAnswersDoNotCount(t *testing.T) {
	b := make([]byte, 200)
	for name, read := range map[string]func(transport.UDPConn) (int, error){
		"ReadFromAddrPort": func(c transport.UDPConn) (int, error) {
			n, _, err := c.(ice.AddrPortReaderWriter).ReadFromAddrPort(b)
			return n, err
		},
		"ReadFrom":    func(c transport.UDPConn) (int, error) { n, _, err := c.ReadFrom(b); return n, err },
		"ReadFromUDP": func(c transport.UDPConn) (int, error) { n, _, err := c.ReadFromUDP(b); return n, err },
		"ReadMsgUDP":  func(c transport.UDPConn) (int, error) { n, _, _, _, err := c.ReadMsgUDP(b, nil); return n, err },
		"Read":        func(c transport.UDPConn) (int, error) { return c.Read(b) },
	} {
		c, other, p, m := pair(t)
		third, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		t.Cleanup(func() { _ = third.Close() })
		send := func(from *net.UDPConn, packet []byte) {
			_, err := from.WriteTo(packet, c.LocalAddr())
			require.NoError(t, err)
		}
		next := func(want string) {
			send(other, []byte(want))
			n, err := read(c)
			require.NoError(t, err, name)
			require.Equal(t, want, string(b[:n]), name)
		}
		id := stun.NewTransactionIDSetter(p.id)
		good := build(t, stun.BindingSuccess, id, stun.NewShortTermIntegrity(password), stun.Fingerprint)
		send(other, build(t, stun.BindingSuccess, id))
		send(other, build(t, stun.BindingSuccess, id, stun.NewShortTermIntegrity("guess")))
		send(third, good)
		next("after the forged ones")
		require.Empty(t, m.answers, name)

		send(other, good)
		next("after the genuine one")
		require.Len(t, m.answers, 1, name)
		require.Same(t, p, <-m.answers)

		send(other, good) // again: it is nobody's now
		n, err := read(c)
		require.NoError(t, err)
		require.Equal(t, good, b[:n], "%s: not ours, so Pion's", name)
		require.Empty(t, m.answers, name)
		require.Zero(t, p.path.socket.waiting.Load())
	}
}

func TestOutstandingProbesAreBounded(t *testing.T) {
	_, _, first, m := pair(t)
	s := first.path.socket
	for range 3 * maxOutstanding {
		p := &probe{id: stun.NewTransactionID(), media: m, path: first.path}
		require.True(t, m.probes.add(p))
		require.NoError(t, s.ask(p, nil))
	}
	assert.EqualValues(t, maxOutstanding, s.waiting.Load())
	assert.Len(t, s.pending, maxOutstanding)
	m.probes.close()
	assert.Zero(t, s.waiting.Load())
	assert.False(t, m.probes.add(first))
}

func TestProbeOverAClosedSocket(t *testing.T) {
	c, _, p, _ := pair(t)
	require.NoError(t, c.Close())
	p2 := &probe{id: stun.NewTransactionID(), path: p.path}
	require.ErrorIs(t, p.path.socket.ask(p2, nil), net.ErrClosed)
	assert.Len(t, p.path.socket.pending, 1, "the one that was sent")
	assert.Empty(t, p.path.socket.tap.sockets)
}

func TestFindSocket(t *testing.T) {
	tap := NewTap(nil)
	at := func(s string) *socket {
		a := &socket{local: netip.MustParseAddrPort(s)}
		tap.sockets[a] = true
		return a
	}
	host, any4 := at("192.0.2.1:1000"), at("0.0.0.0:2000")
	one, two := at("192.0.2.1:3000"), at("192.0.2.9:3000")
	candidate := func(typ webrtc.ICECandidateType, addr string, port uint16, base string, basePort uint16) *webrtc.ICECandidate {
		return &webrtc.ICECandidate{Typ: typ, Address: addr, Port: port, RelatedAddress: base, RelatedPort: basePort}
	}
	const hostType, srflx = webrtc.ICECandidateTypeHost, webrtc.ICECandidateTypeSrflx
	for _, tt := range []struct {
		name string
		c    *webrtc.ICECandidate
		want *socket
	}{
		{"its address", candidate(hostType, "192.0.2.1", 1000, "", 0), host},
		{"bound to no address", candidate(hostType, "192.0.2.1", 2000, "", 0), any4},
		{"a name of multicast DNS", candidate(hostType, "abc.local", 1000, "", 0), host},
		{"the outside of a NAT", candidate(hostType, "198.51.100.1", 1000, "", 0), host},
		{"one of two with the port", candidate(hostType, "192.0.2.9", 3000, "", 0), two},
		{"the other", candidate(hostType, "192.0.2.1", 3000, "", 0), one},
		{"neither of the two", candidate(hostType, "198.51.100.1", 3000, "", 0), nil},
		{"the base", candidate(srflx, "198.51.100.1", 777, "0.0.0.0", 2000), any4},
		{"no socket of the tap", candidate(hostType, "192.0.2.1", 4000, "", 0), nil},
	} {
		assert.Same(t, tt.want, tap.find(tt.c), tt.name)
	}
}

func TestTapOfTheSystemSeesItsInterfaces(t *testing.T) {
	own := NewTap(nil)
	std, err := stdnet.NewNet()
	require.NoError(t, err)
	want, err := std.Interfaces()
	require.NoError(t, err)
	got, err := own.Interfaces()
	require.NoError(t, err)
	require.Len(t, got, len(want))
	for _, i := range want {
		byName, err := own.InterfaceByName(i.Name)
		require.NoError(t, err)
		byIndex, err := own.InterfaceByIndex(i.Index)
		require.NoError(t, err)
		assert.Equal(t, byName, byIndex)
	}
	_, err = own.InterfaceByName("nothing has this name")
	require.ErrorIs(t, err, transport.ErrInterfaceNotFound)
}

// TestOrdinaryPacketsCostNothing: while a probe is outstanding as well.
func TestOrdinaryPacketsCostNothing(t *testing.T) {
	c, other, p, _ := pair(t)
	for name, packet := range map[string][]byte{
		"RTP":           append([]byte{128, 111}, make([]byte, 90)...),
		"Pion's answer": build(t, stun.BindingSuccess, stun.TransactionID, stun.NewShortTermIntegrity(password)),
	} {
		b, fast := make([]byte, 1500), c.(ice.AddrPortReaderWriter)
		to, from := unmapped(p.path.remote), c.LocalAddr().(*net.UDPAddr).AddrPort()
		allocs := testing.AllocsPerRun(200, func() {
			if _, err := other.WriteToUDPAddrPort(packet, from); err != nil {
				t.Fatal(err)
			}
			if _, _, err := fast.ReadFromAddrPort(b); err != nil {
				t.Fatal(err)
			}
			if _, err := fast.WriteToAddrPort(packet, to); err != nil {
				t.Fatal(err)
			}
			if _, _, err := other.ReadFromUDPAddrPort(b); err != nil {
				t.Fatal(err)
			}
		})
		assert.Zero(t, allocs, name)
	}
}

func TestSequenceNumbers(t *testing.T) {
	for name, tt := range map[string]struct {
		seqs []uint16
		want uint64
	}{
		"in order":           {[]uint16{5, 6, 7}, 3},
		"a gap":              {[]uint16{5, 9}, 5},
		"over the end":       {[]uint16{65534, 65535, 0, 1}, 4},
		"a gap over the end": {[]uint16{65534, 1}, 4},
		"late and doubled":   {[]uint16{5, 7, 6, 6, 8}, 4},
		"begun anew":         {[]uint16{5, 6, 40000, 40001}, 4},
		"begun anew below":   {[]uint16{40000, 40001, 5, 6}, 4},
	} {
		var s stream
		var got uint64
		for _, q := range tt.seqs {
			got += s.expect(q)
		}
		assert.Equal(t, tt.want, got, name)
	}
}

func TestCounter(t *testing.T) {
	tap := NewTap(nil)
	made, err := tap.NewInterceptor("id")
	require.NoError(t, err)
	again, err := tap.NewInterceptor("id") // made in the same nanosecond
	require.NoError(t, err)
	assert.Same(t, again, tap.counter("id"))
	c := tap.counter("id")
	assert.Same(t, made, c)
	assert.Nil(t, tap.counter("id"))
	assert.Nil(t, tap.counter("other"))

	packet, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 9}, Payload: []byte("x")}).Marshal()
	require.NoError(t, err)
	in := interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		return copy(b, packet), a, nil
	})
	out := interceptor.RTPWriterFunc(func(*rtp.Header, []byte, interceptor.Attributes) (int, error) { return 1, nil })
	b := make([]byte, 100)
	for mime, counts := range map[string]bool{
		"audio/opus": true, "AUDIO/PCMU": true, "video/VP8": false, "audio/rtx": false, "audio/ulpfec": false,
	} {
		info := &interceptor.StreamInfo{MimeType: mime, SSRC: 7}
		before, _, _ := c.totals()
		_, _, err := c.BindRemoteStream(info, in).Read(b, nil)
		require.NoError(t, err)
		_, err = c.BindLocalStream(info, out).Write(&rtp.Header{}, nil, nil)
		require.NoError(t, err)
		now, receiving, sending := c.totals()
		assert.Equal(t, counts, receiving, mime)
		assert.Equal(t, counts, sending, mime)
		assert.Equal(t, counts, now.received > before.received, mime)
		assert.Equal(t, counts, now.sent > before.sent, mime)
		c.UnbindLocalStream(info)
		c.UnbindRemoteStream(info)
		_, receiving, sending = c.totals()
		assert.False(t, receiving || sending, mime)
	}
	require.NoError(t, made.Close())
	require.NoError(t, again.Close())
	assert.Empty(t, tap.counters)
}

func TestTotals(t *testing.T) {
	var tot totals
	add := func(local string, bytes, responses uint64) bool {
		return tot.add(&webrtc.ICECandidatePairStats{
			LocalCandidateID: local, RemoteCandidateID: "r", BytesReceived: bytes, ResponsesReceived: responses,
		})
	}
	assert.True(t, add("a", 100, 1))
	assert.False(t, add("a", 100, 1))
	assert.True(t, add("a", 100, 2))
	assert.True(t, add("b", 10, 0), "a new pair counts from 0")
	assert.False(t, add("b", 10, 0))
	assert.False(t, add("a", 100, 2), "an old one comes back: nothing is new")
	assert.True(t, add("a", 101, 2))
	assert.Equal(t, [2]uint64{111, 2}, [2]uint64{tot.bytes, tot.stun})
	for i := range 3 * maxSeen {
		add(string(rune('A'+i)), 1, 0)
	}
	assert.Len(t, tot.seen, maxSeen)
	assert.EqualValues(t, 111+3*maxSeen, tot.bytes)
}

// stubNet opens a socket that does nothing.
type stubNet struct {
	transport.Net
	opened transport.UDPConn
	err    error
}

func (n stubNet) ListenUDP(string, *net.UDPAddr) (transport.UDPConn, error) { return n.opened, n.err }

// TestTapLeavesMulticastAlone: multicast DNS needs the socket itself, and an error
// is the network's.
func TestTapLeavesMulticastAlone(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer c.Close()
	tap := NewTap(stubNet{opened: c})
	got, err := tap.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(224, 0, 0, 0), Port: 5353})
	require.NoError(t, err)
	assert.Same(t, c, got)
	got, err = tap.ListenUDP("udp4", &net.UDPAddr{})
	require.NoError(t, err)
	assert.NotSame(t, c, got)
	_, err = NewTap(stubNet{err: net.ErrClosed}).ListenUDP("udp4", nil)
	require.ErrorIs(t, err, net.ErrClosed)
}
