package pionlink

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// Exchange sends an offer to the other side over the signaling and gives its
// answer.
type Exchange = func(ctx context.Context, offer webrtc.SessionDescription) (answer webrtc.SessionDescription, err error)

const (
	// pairEvery is how often a restart looks for the new pair.
	pairEvery = 5 * time.Millisecond
	// staleState is how long the state of before a restart may still show.
	staleState = 250 * time.Millisecond
)

var (
	errFailedAgain = errors.New("ICE has failed in the restart")
	errEnded       = errors.New("pionlink: the peer connection is closed")
)

// Restart makes ICE anew over the open signaling, DTLS and the tracks stay as they
// are, and returns once a candidate pair is selected: checked both ways, so that
// media flows. Should ICE fail meanwhile, as one does that was about to when the
// restart began, it begins again with another offer, until ctx ends. It must not
// run together with another negotiation; a second Restart waits for the first.
//
// Pion gives the old path up when the offer is made: from there on nothing flows
// until Restart has succeeded.
//
// The offer has the candidates in it that are found within Options.GatherTimeout.
// An application that trickles sends later ones, and those again, from its
// OnICECandidate handler through LocalCandidate, and passes remote ones to
// AddICECandidate.
//
// An error of exchange ends it and is returned as it is; the offer is taken back, so
// that there may be another Restart. The end of ctx gives its cause; the checks go on
// if the answer was there.
func (m *Media) Restart(ctx context.Context, exchange Exchange) error {
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-m.stop:
		return net.ErrClosed
	}
	m.restarting.Store(true)
	defer func() {
		m.held.drop()
		m.restarting.Store(false)
		m.Check() // should it have failed, that is news now
		<-m.turn
	}()
	for {
		if err := m.restart(ctx, exchange); !errors.Is(err, errFailedAgain) {
			return err
		}
	}
}

func (m *Media) restart(ctx context.Context, exchange Exchange) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m.held.hold()
	began := time.Now()
	offer, err := m.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(m.pc)
	if err := m.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	if err := m.offered(ctx, gathered, exchange); err != nil {
		m.takeBack()
		return err
	}
	m.held.release(m.pc)
	return m.reselected(ctx, began)
}

// takeBack makes up for an offer without an answer, so that there may be another.
// Pion has no rollback (RFC 9429 section 4.1.10.2), and refuses an offer on top of
// an offer; so the last description of the other side answers it. The checks to
// which that leads come to nothing, as the other side has other credentials.
func (m *Media) takeBack() {
	if last := m.pc.CurrentRemoteDescription(); last != nil && m.pc.SignalingState() == webrtc.SignalingStateHaveLocalOffer {
		_ = m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: last.SDP})
	}
}

// offered sends the offer and takes the answer.
func (m *Media) offered(ctx context.Context, gathered <-chan struct{}, exchange Exchange) error {
	timeout := time.NewTimer(max(m.o.GatherTimeout, 0))
	defer timeout.Stop()
	select {
	case <-gathered:
	case <-timeout.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-m.stop:
		return net.ErrClosed
	}
	answer, err := exchange(ctx, *m.pc.LocalDescription())
	if err != nil {
		return err
	}
	return m.pc.SetRemoteDescription(answer)
}

// reselected waits for the pair that follows a restart. Making the offer has
// deselected the one before.
func (m *Media) reselected(ctx context.Context, began time.Time) error {
	tick := time.NewTicker(pairEvery)
	defer tick.Stop()
	current := false // the state is not from before the restart
	for {
		state := m.ice.State()
		switch state {
		case webrtc.ICETransportStateClosed:
			return errEnded
		case webrtc.ICETransportStateFailed:
			if current || time.Since(began) > staleState {
				return errFailedAgain
			}
		default:
			current = true
		}
		if pair, err := m.pair(); err == nil && pair != nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-m.stop:
			return net.ErrClosed
		}
	}
}

// AddICECandidate passes a remote candidate to the peer connection. During a
// Restart it waits until the answer is applied: Pion drops earlier ones without a
// word.
func (m *Media) AddICECandidate(c webrtc.ICECandidateInit) error {
	if m.held.keep(func(pc *webrtc.PeerConnection) error { return pc.AddICECandidate(c) }) {
		return nil
	}
	return m.pc.AddICECandidate(c)
}

// LocalCandidate calls send, which takes a local candidate to the other side. During
// a Restart it waits until the answer is there, and so the offer is out: the other
// side would take an earlier one for the old path's. Call it from OnICECandidate.
func (m *Media) LocalCandidate(send func()) {
	if !m.held.keep(func(*webrtc.PeerConnection) error { send(); return nil }) {
		send()
	}
}

// held keeps candidates back while a restart is not yet agreed. They are in their
// order.
type held struct {
	mu    sync.Mutex
	on    bool
	later []func(*webrtc.PeerConnection) error
}

func (h *held) hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.on = true
}

// drop forgets the candidates of an offer that came to nothing.
func (h *held) drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.on, h.later = false, nil
}

// keep says whether a candidate is kept back.
func (h *held) keep(c func(*webrtc.PeerConnection) error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.on {
		h.later = append(h.later, c)
	}
	return h.on
}

// release lets the candidates go. A bad one is the other side's fault, and no
// reason to give up.
func (h *held) release(pc *webrtc.PeerConnection) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.on = false
	for _, c := range h.later {
		_ = c(pc)
	}
	h.later = nil
}
