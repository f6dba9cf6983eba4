package pionlink

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

// path is one way to the other side. What was learned of one says nothing of
// another, not even of one with the same addresses before an ICE restart.
type path struct {
	socket      *socket
	remote      netip.AddrPort
	local, peer string // fragments of the user names
	password    string // of the peer
}

// probe is a media probe on its way.
type probe struct {
	number  uint64      // the session's id of it
	id      transaction // that of the request
	path    path
	media   *Media
	verdict verdict // once answered
}

var errNoPair = errors.New("pionlink: ICE has no selected candidate pair")

// ProbeMedia sends a STUN binding request on the selected candidate pair and
// returns. When its answer comes in over the same socket, from where the request
// went, made with the other side's password, and the pair is still the selected
// one, Reports.Probed(id) tells so. It has the form of a session.MediaProber's.
//
// It is errors.ErrUnsupported, for good, without a Tap in the setting engine, and
// while the pair goes through a relay of this side's or over TCP: Pion has the
// sockets of these to itself. The answers to Pion's own checks are no substitute,
// since they come when those are due; they count as signs of life anyway. Nor does
// it work with a remote candidate that is a name of multicast DNS.
func (m *Media) ProbeMedia(ctx context.Context, id uint64) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if m.o.Tap == nil {
		return errors.ErrUnsupported
	}
	at, local, err := m.selected()
	if err != nil {
		return err
	}
	p := &probe{number: id, id: stun.NewTransactionID(), path: at, media: m}
	controlling := m.ice.Role() == webrtc.ICERoleControlling != m.swapped.Load()
	packet, err := request(p.id, at.peer+":"+at.local, at.password, local.Priority, controlling)
	if err != nil {
		return err
	}
	if !m.probes.add(p) {
		return net.ErrClosed
	}
	return at.socket.ask(p, packet)
}

// selected gives the path of the selected candidate pair. It must not be called
// from where a socket is read: a lock of Pion's may wait for that to end.
func (m *Media) selected() (path, *webrtc.ICECandidate, error) {
	pair, err := m.pair()
	if err != nil {
		return path{}, nil, err
	}
	if pair == nil {
		return path{}, nil, errNoPair
	}
	ip, err := netip.ParseAddr(pair.Remote.Address)
	if err != nil || pair.Local.Protocol != webrtc.ICEProtocolUDP || pair.Local.Typ == webrtc.ICECandidateTypeRelay {
		return path{}, nil, errors.ErrUnsupported
	}
	local, err := m.ice.GetLocalParameters()
	if err != nil {
		return path{}, nil, err
	}
	remote, err := m.ice.GetRemoteParameters()
	if err != nil {
		return path{}, nil, err
	}
	at := path{
		socket: m.o.Tap.find(pair.Local), remote: unmapped(netip.AddrPortFrom(ip, pair.Remote.Port)),
		local: local.UsernameFragment, peer: remote.UsernameFragment, password: remote.Password,
	}
	if at.socket == nil {
		return path{}, nil, m.socketless(pair)
	}
	return at, pair.Local, nil
}

// pair gives the selected pair, nil if there is none.
func (m *Media) pair() (*webrtc.ICECandidatePair, error) {
	if !m.askable() {
		return nil, nil
	}
	return m.ice.GetSelectedCandidatePair()
}

// socketless says why the socket of a pair was not found: it was not opened
// through the tap, unless the pair is being replaced.
func (m *Media) socketless(was *webrtc.ICECandidatePair) error {
	now, err := m.pair()
	if err != nil || now == nil || now.String() != was.String() {
		return errNoPair
	}
	return errors.ErrUnsupported
}

// heard takes an answer from where the socket is read.
func (m *Media) heard(p *probe, v verdict) {
	p.verdict = v
	m.probes.answered(p)
	select {
	case m.answers <- p:
	default: // there is room for all that are outstanding
	}
}

// answered reports an answer, unless the path has changed meanwhile.
func (m *Media) answered(p *probe) {
	now, _, err := m.selected()
	if err != nil || now != p.path {
		return
	}
	if p.verdict == otherRole {
		m.swapped.Store(!m.swapped.Load())
	}
	m.path.stun++
	m.r.Probed(p.number)
}

// maxOutstanding bounds the probes that wait for an answer. The oldest is given
// up for a new one; at the densest that is some seconds later.
const maxOutstanding = 64

// outstanding holds the probes that wait, so that they can be given up.
type outstanding struct {
	mu     sync.Mutex
	closed bool
	ring   [maxOutstanding]*probe
	next   int
}

// add takes a probe, false after close.
func (o *outstanding) add(p *probe) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	if old := o.ring[o.next]; old != nil {
		old.path.socket.drop(old)
	}
	o.ring[o.next] = p
	o.next = (o.next + 1) % maxOutstanding
	return true
}

// answered forgets a probe.
func (o *outstanding) answered(p *probe) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.ring {
		if o.ring[i] == p {
			o.ring[i] = nil
		}
	}
}

// close gives all up.
func (o *outstanding) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for i, p := range o.ring {
		if p != nil {
			p.path.socket.drop(p)
		}
		o.ring[i] = nil
	}
}
