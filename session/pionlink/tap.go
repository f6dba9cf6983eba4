package pionlink

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"
)

// Settings of ICE, see Tap.Prepare.
const (
	iceDisconnected  = 3 * time.Second
	iceFailed        = 27 * time.Second
	iceKeepalive     = time.Second
	iceCheckRequests = 100
)

// Tap is where media probes leave and their answers are taken in: a network for
// the setting engine of a webrtc.API that has an eye on the UDP sockets that ICE
// opens. It is also an interceptor for the registry of that API, which counts the
// packets of audio. One Tap serves any number of peer connections; it holds
// something for each only while that is open.
//
// Make one with NewTap. All methods may be called from any goroutine.
type Tap struct {
	transport.Net
	// fresh: the network is the operating system's, whose interfaces come and go.
	fresh bool

	mu       sync.Mutex
	sockets  map[*socket]bool
	counters map[string][]*counter // by the id of the peer connection
}

// NewTap makes a tap on a network of the application's; nil means that of the
// operating system. An application that has a network of its own passes it here
// instead of to SettingEngine.SetNet.
//
// Over that of the operating system each gathering of candidates sees the network
// interfaces of that moment, an ICE restart above all; Pion alone looks when the
// peer connection is made and never again.
func NewTap(inner transport.Net) *Tap {
	t := &Tap{Net: inner, sockets: map[*socket]bool{}, counters: map[string][]*counter{}}
	if inner == nil {
		t.Net = &stdnet.Net{}
	}
	_, t.fresh = t.Net.(*stdnet.Net)
	return t
}

// Prepare sets a setting engine up for links of a session. Set after it what
// shall be different, but leave SetNet alone.
//
//   - SetNet: the tap. Media probes need it.
//   - SetICETimeouts, keepalive 1 s: where no media probe is possible (through a
//     relay, over TCP) the answers to Pion's own checks are all that shows a quiet
//     path to be alive. They cost some 250 bytes/s.
//   - SetICETimeouts, disconnected after 3 s: three checks without an answer, or
//     two on a path with a long delay. It is a doubt for the session, no verdict.
//   - SetICETimeouts, failed after 30 s: later than every verdict of Holdfast's, the
//     slowest of which takes 29 s, because a failed ICE agent throws its sockets
//     away. A path that comes back earlier comes back by itself.
//   - SetICEMaxBindingRequests, 100: 20 s of checks in a restart. With Pion's 7 one
//     that is made while the path is dark is lost if the path returns 1.5 s later.
//
// Left as they are: how long ICE waits for a better pair than one through a relay
// (2 s) or a NAT (0.5 s), with SetRelayAcceptanceMinWait and its like. Clients that
// have no other connect and restart sooner with less.
func (t *Tap) Prepare(e *webrtc.SettingEngine) {
	e.SetNet(t)
	e.SetICETimeouts(iceDisconnected, iceFailed, iceKeepalive)
	e.SetICEMaxBindingRequests(iceCheckRequests)
}

// Interfaces lists the network interfaces, those of this moment if they are the
// operating system's.
func (t *Tap) Interfaces() ([]*transport.Interface, error) {
	if !t.fresh {
		return t.Net.Interfaces()
	}
	now, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return now.Interfaces()
}

// InterfaceByIndex finds one of the interfaces that Interfaces lists.
func (t *Tap) InterfaceByIndex(index int) (*transport.Interface, error) {
	if !t.fresh {
		return t.Net.InterfaceByIndex(index)
	}
	now, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return now.InterfaceByIndex(index)
}

// InterfaceByName finds one of the interfaces that Interfaces lists.
func (t *Tap) InterfaceByName(name string) (*transport.Interface, error) {
	if !t.fresh {
		return t.Net.InterfaceByName(name)
	}
	now, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return now.InterfaceByName(name)
}

// ListenUDP opens a socket over which media probes may go. An application that
// has ICE use one socket of its own (SettingEngine.SetICEUDPMux) opens it here.
// ECN marks of what comes in are lost: Pion reads them from sockets of the
// operating system only.
func (t *Tap) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	c, err := t.Net.ListenUDP(network, local)
	if err != nil {
		return nil, err
	}
	if local != nil && local.IP.IsMulticast() {
		return c, nil // multicast DNS wants a socket of the operating system
	}
	return t.wrap(c), nil
}

func (t *Tap) wrap(c transport.UDPConn) transport.UDPConn {
	s := newSocket(t, c)
	t.mu.Lock()
	t.sockets[s] = true
	t.mu.Unlock()
	if fast := addrPorts(c); fast != nil {
		return &fastSocket{socket: s, fast: fast}
	}
	return s
}

func (t *Tap) forget(s *socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sockets, s)
}

// find gives the socket of a local candidate: the one with that address, or else
// the only one with that port. A socket may be bound to no address, and a candidate
// may show another than its socket's (a name of multicast DNS, the outside of a NAT).
func (t *Tap) find(c *webrtc.ICECandidate) *socket {
	host, port := c.Address, c.Port
	if c.Typ == webrtc.ICECandidateTypeSrflx || c.Typ == webrtc.ICECandidateTypePrflx {
		host, port = c.RelatedAddress, c.RelatedPort // the base
	}
	ip, _ := netip.ParseAddr(host)
	exact := netip.AddrPortFrom(ip.Unmap(), port)
	t.mu.Lock()
	defer t.mu.Unlock()
	var found *socket
	for s := range t.sockets {
		switch {
		case s.local == exact:
			return s
		case s.local.Port() != port:
		case found != nil:
			return nil
		default:
			found = s
		}
	}
	return found
}

// NewInterceptor makes Tap an interceptor.Factory. Pion calls it for each peer
// connection.
func (t *Tap) NewInterceptor(id string) (interceptor.Interceptor, error) {
	c := &counter{tap: t, id: id, streams: map[uint32]*stream{}}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counters[id] = append(t.counters[id], c)
	return c, nil
}

// counter gives the counter of a peer connection, nil if it has none. Pion makes
// its ids of the time, so that two may have the same: each is claimed once, the
// newest first.
func (t *Tap) counter(id string) *counter {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.counters[id]
	for i := len(list) - 1; i >= 0; i-- {
		if !list[i].claimed {
			list[i].claimed = true
			return list[i]
		}
	}
	return nil
}

func (t *Tap) uncount(c *counter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var rest []*counter
	for _, other := range t.counters[c.id] {
		if other != c {
			rest = append(rest, other)
		}
	}
	if t.counters[c.id] = rest; rest == nil {
		delete(t.counters, c.id)
	}
}
