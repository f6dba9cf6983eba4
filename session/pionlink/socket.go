package pionlink

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v5"
)

// socket is a UDP socket of ICE's. Answers to media probes end here; everything
// else passes. No way to read leads around that.
type socket struct {
	transport.UDPConn
	tap   *Tap
	local netip.AddrPort

	// waiting is len(pending): while it is 0, packets pass without a look.
	waiting atomic.Int32
	mu      sync.Mutex
	pending map[transaction]*probe
}

func newSocket(t *Tap, c transport.UDPConn) *socket {
	return &socket{UDPConn: c, tap: t, local: unmapped(addrPort(c.LocalAddr())), pending: map[transaction]*probe{}}
}

// addrPort is the address of a packet, the zero value if it is not one of UDP.
func addrPort(a net.Addr) netip.AddrPort {
	if udp, ok := a.(*net.UDPAddr); ok && udp != nil {
		return udp.AddrPort()
	}
	return netip.AddrPort{}
}

// unmapped gives an IPv4 address the one form in which it can be compared.
func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// ask sends a probe over the socket and waits for its answer from now on.
func (s *socket) ask(p *probe, request []byte) error {
	s.mu.Lock()
	s.pending[p.id] = p
	s.waiting.Store(int32(len(s.pending))) //nolint:gosec // some dozens
	s.mu.Unlock()
	_, err := s.UDPConn.WriteTo(request, net.UDPAddrFromAddrPort(p.path.remote))
	if err != nil {
		s.drop(p)
	}
	return err
}

// drop waits no longer for the answer to a probe, and says whether it did.
func (s *socket) drop(p *probe) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, was := s.pending[p.id]
	delete(s.pending, p.id)
	s.waiting.Store(int32(len(s.pending))) //nolint:gosec // some dozens
	return was
}

// swallows says whether a packet answers a probe of this socket, true or forged,
// and so is nothing for Pion, which would not know the transaction.
func (s *socket) swallows(packet []byte, from net.Addr) bool {
	p := s.asked(packet)
	if p == nil {
		return false
	}
	s.answered(p, packet, unmapped(addrPort(from)))
	return true
}

// asked gives the probe to which a packet has the transaction id.
func (s *socket) asked(packet []byte) *probe {
	if s.waiting.Load() == 0 {
		return nil
	}
	id, ok := answers(packet)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending[id]
}

// answered takes the answer to a probe if it is genuine. If not, the genuine one
// may still come.
func (s *socket) answered(p *probe, packet []byte, from netip.AddrPort) {
	if from != p.path.remote { // RFC 8445 section 7.2.5.2.1
		return
	}
	if verdict, ok := verify(packet, p.path.password); ok && s.drop(p) {
		p.media.heard(p, verdict)
	}
}

// Close closes the socket. Probes over it stay unanswered.
func (s *socket) Close() error {
	s.tap.forget(s)
	return s.UDPConn.Close()
}

// ReadFrom reads the next packet that is meant for Pion.
func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.UDPConn.ReadFrom(b)
		if err != nil || !s.swallows(b[:n], from) {
			return n, from, err
		}
	}
}

// ReadFromUDP reads the next packet that is meant for Pion.
func (s *socket) ReadFromUDP(b []byte) (int, *net.UDPAddr, error) {
	for {
		n, from, err := s.UDPConn.ReadFromUDP(b)
		if err != nil || !s.swallows(b[:n], from) {
			return n, from, err
		}
	}
}

// ReadMsgUDP reads the next packet that is meant for Pion.
func (s *socket) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, from *net.UDPAddr, err error) {
	for {
		n, oobn, flags, from, err = s.UDPConn.ReadMsgUDP(b, oob)
		if err != nil || !s.swallows(b[:n], from) {
			return n, oobn, flags, from, err
		}
	}
}

// Read reads the next packet that is meant for Pion.
func (s *socket) Read(b []byte) (int, error) {
	n, _, err := s.ReadFrom(b)
	return n, err
}

// fastSocket is a socket with the way to read and write that allocates nothing.
type fastSocket struct {
	*socket
	fast ice.AddrPortReaderWriter
}

// addrPorts gives a connection's own way to do so, nil if it has none. Only the
// socket of the operating system itself is trusted to have no layer around it that
// its methods with these names would lead around.
func addrPorts(c transport.UDPConn) ice.AddrPortReaderWriter {
	if udp, ok := c.(*net.UDPConn); ok {
		return system{udp}
	}
	fast, _ := c.(ice.AddrPortReaderWriter)
	return fast
}

type system struct{ c *net.UDPConn }

func (s system) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	return s.c.ReadFromUDPAddrPort(b)
}

func (s system) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return s.c.WriteToUDPAddrPort(b, to)
}

// ReadFromAddrPort reads the next packet that is meant for Pion.
func (s *fastSocket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := s.fast.ReadFromAddrPort(b)
		if err != nil {
			return n, from, err
		}
		p := s.asked(b[:n])
		if p == nil {
			return n, from, nil
		}
		s.answered(p, b[:n], unmapped(from))
	}
}

// WriteToAddrPort writes a packet.
func (s *fastSocket) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return s.fast.WriteToAddrPort(b, to)
}
