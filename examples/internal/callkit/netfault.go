package callkit

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
)

// Impairment is what a network does to the packets of one direction. The zero
// value does nothing.
type Impairment struct {
	// Drop loses everything.
	Drop bool
	// Loss is the share of packets that is lost, from 0 to 1.
	Loss float64
	// Delay holds every packet back for so long. Packets keep their order.
	Delay time.Duration
	// Only limits the impairment to the packets for which it is true, see IsSTUN,
	// IsDTLS and IsRTP; nil means all.
	Only func(packet []byte) bool
}

// FaultNet is a network for media (Options.Net) whose UDP traffic can be
// impaired at run time. An impairment takes hold of all sockets at once, of those
// that are open and of those that an ICE restart will open.
//
// All methods may be called from any goroutine.
type FaultNet struct {
	transport.Net
	random  func() float64
	in, out atomic.Pointer[Impairment]
}

// NewFaultNet wraps a network; nil means that of the operating system. Random
// gives numbers from 0 to 1 that decide about losses; nil means a source that is
// seeded at random.
func NewFaultNet(inner transport.Net, random func() float64) (*FaultNet, error) {
	if inner == nil {
		std, err := stdnet.NewNet()
		if err != nil {
			return nil, err
		}
		inner = std
	}
	if random == nil {
		random = rand.Float64
	}
	n := &FaultNet{Net: inner, random: random}
	n.Heal()
	return n, nil
}

// Inbound impairs what comes in from now on.
func (n *FaultNet) Inbound(i Impairment) { n.in.Store(&i) }

// Outbound impairs what goes out from now on.
func (n *FaultNet) Outbound(i Impairment) { n.out.Store(&i) }

// BlackHole loses everything in both directions.
func (n *FaultNet) BlackHole() {
	n.Outbound(Impairment{Drop: true})
	n.Inbound(Impairment{Drop: true})
}

// Heal ends all impairment. What is being held back arrives when it would have.
func (n *FaultNet) Heal() {
	n.Outbound(Impairment{})
	n.Inbound(Impairment{})
}

// loses decides about one packet.
func (n *FaultNet) loses(i *Impairment, packet []byte) bool {
	if i.Only != nil && !i.Only(packet) {
		return false
	}
	return i.Drop || i.Loss > 0 && n.random() < i.Loss
}

// holds says how long a packet that is not lost is held back.
func (i *Impairment) holds(packet []byte) time.Duration {
	if i.Only != nil && !i.Only(packet) {
		return 0
	}
	return max(i.Delay, 0)
}

// errNotUDP is for a wrapped network whose packet connections are not UDP.
var errNotUDP = errors.New("callkit: not a UDP connection")

// ListenUDP opens a socket that can be impaired.
func (n *FaultNet) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	return n.wrap(n.Net.ListenUDP(network, local))
}

// DialUDP opens a socket that can be impaired.
func (n *FaultNet) DialUDP(network string, local, remote *net.UDPAddr) (transport.UDPConn, error) {
	return n.wrap(n.Net.DialUDP(network, local, remote))
}

// ListenPacket opens a socket that can be impaired. Only UDP is supported.
func (n *FaultNet) ListenPacket(network, address string) (net.PacketConn, error) {
	c, err := n.Net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	udp, ok := c.(transport.UDPConn)
	if !ok {
		_ = c.Close()
		return nil, errNotUDP
	}
	return n.wrap(udp, nil)
}

// Dial opens a connection that can be impaired if it is UDP.
func (n *FaultNet) Dial(network, address string) (net.Conn, error) {
	c, err := n.Net.Dial(network, address)
	if udp, ok := c.(transport.UDPConn); ok && err == nil {
		return n.wrap(udp, nil)
	}
	return c, err
}

func (n *FaultNet) wrap(c transport.UDPConn, err error) (transport.UDPConn, error) {
	if err != nil {
		return nil, err
	}
	return newFaultConn(n, c), nil
}

// The protocols that share a media path are told apart by their first byte
// (RFC 7983 section 7).

// IsSTUN says that a packet is STUN: an ICE check or a keepalive.
func IsSTUN(packet []byte) bool { return firstByte(packet, 0, 3) }

// IsDTLS says that a packet belongs to a DTLS handshake or its end.
func IsDTLS(packet []byte) bool { return firstByte(packet, 20, 63) }

// IsRTP says that a packet is RTP or RTCP.
func IsRTP(packet []byte) bool { return firstByte(packet, 128, 191) }

func firstByte(packet []byte, first, last byte) bool {
	return len(packet) > 0 && packet[0] >= first && packet[0] <= last
}
