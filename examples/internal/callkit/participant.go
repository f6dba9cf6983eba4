package callkit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/webrtc/v4"
)

// participant is one client at the server, from its WebSocket to the end of its
// media.
type participant struct {
	server   *Server
	sig      *channel
	in       inbound
	promoted atomic.Bool
	viewOnly atomic.Bool
	ending   sync.Once
	// ctx ends the participant for good: no media lingers after that.
	ctx    context.Context
	cancel context.CancelFunc
	// mediaOver is closed when the peer connection has ended.
	mediaOver   chan struct{}
	overOnce    sync.Once
	startSender sync.Once // a connection that was shaky is connected twice

	attendee string // set by admit, then read only; "" = not joined

	mu     sync.Mutex
	silent bool
	out    *outbound              // nil before the offer
	peer   *webrtc.PeerConnection // nil before the offer
}

func newParticipant(s *Server, sig *channel) *participant {
	p := &participant{server: s, sig: sig, mediaOver: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(s.ctx)
	return p
}

// serve handles messages until the signaling ends, and then keeps the media up
// for a while: a client may come back.
func (p *participant) serve() {
	for {
		m, err := p.sig.receive(p.ctx)
		if err != nil {
			break
		}
		p.handle(m)
	}
	// It is closed already, unless what came in was no message.
	p.sig.close(websocket.StatusInvalidFramePayloadData, patience)
	p.linger()
}

func (p *participant) linger() {
	if p.connection() == nil || p.server.o.Linger < 0 {
		return
	}
	t := time.NewTimer(p.server.o.Linger)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.mediaOver:
	case <-p.ctx.Done():
	}
}

func (p *participant) handle(m Message) {
	switch m.Kind {
	case KindPing:
		if !p.server.switched().deaf {
			p.send(Message{Kind: KindPong, ID: m.ID})
		}
		return
	case KindJoin:
		p.join(m)
		return
	}
	if p.attendee == "" {
		return // nothing else is answered before the join
	}
	switch m.Kind {
	case KindOffer:
		p.offered(m)
	case KindUpdate:
		p.viewOnly.Store(m.ViewOnly)
		p.send(p.agree(m, KindUpdateAck))
	case KindPromote:
		p.promote(m)
	case KindDemote:
		p.promoted.Store(false)
		p.send(Message{Kind: KindDemoteAck, ID: m.ID})
	case KindLeave:
		p.end(&Message{Kind: KindLeaveAck, ID: m.ID}, websocket.StatusNormalClosure)
	}
}

func (p *participant) join(m Message) {
	if p.attendee != "" || p.server.hangs(PhaseJoin) {
		return
	}
	if refusal, code := p.server.admit(p, m); refusal != nil {
		p.end(refusal, code)
		return
	}
	p.viewOnly.Store(m.ViewOnly)
	p.send(Message{Kind: KindJoinAck, ID: m.ID})
}

// promote lets the attendee into the primary meeting on any token.
func (p *participant) promote(m Message) {
	ack := Message{Kind: KindPromoteAck, ID: m.ID}
	if m.Token == "" {
		ack.Status = joinForbidden
	}
	p.promoted.Store(ack.Status == 0)
	p.send(ack)
}

func (p *participant) offered(m Message) {
	if p.connection() != nil || p.server.hangs(PhaseNegotiate) {
		return
	}
	if err := p.openMedia(); err != nil {
		p.send(Message{Kind: KindAnswer, ID: m.ID, Status: serverFault})
		return
	}
	reply := p.agree(m, KindAnswer)
	if p.server.hangs(PhaseMedia) {
		p.hangUp() // before the client can begin, which takes it no time
	}
	p.send(reply)
}

// agree makes the answer to an offer, the first or a later one.
func (p *participant) agree(m Message, ack Kind) Message {
	reply := Message{Kind: ack, ID: m.ID, Status: serverFault}
	if pc := p.connection(); pc != nil {
		if sdp, err := answer(p.ctx, pc, m.SDP); err == nil {
			reply.SDP, reply.Status = sdp, 0
		}
	}
	return reply
}

// openMedia makes the peer connection with an audio track in it.
func (p *participant) openMedia() error {
	out, err := newOutbound(p.server.o.PacketEvery)
	if err != nil {
		return err
	}
	pc, err := newPeer(p.server.o.Media)
	if err != nil {
		return err
	}
	pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) { p.mediaState(st) })
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		p.in.run(t)
	})
	sender, err := pc.AddTrack(out.track)
	if err != nil {
		_ = pc.Close()
		return err
	}
	p.setMedia(pc, out)
	p.server.start(func() { drain(sender) })
	return nil
}

func (p *participant) setMedia(pc *webrtc.PeerConnection, out *outbound) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peer, p.out = pc, out
	out.silent.Store(p.silent)
}

func (p *participant) connection() *webrtc.PeerConnection {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.peer
}

func (p *participant) setSilent(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = on
	if p.out != nil {
		p.out.silent.Store(on)
	}
}

// mediaState runs in goroutines of Pion, which do not keep the order of states.
func (p *participant) mediaState(st webrtc.PeerConnectionState) {
	switch st {
	case webrtc.PeerConnectionStateConnected:
		p.startSender.Do(func() { p.server.start(p.connected) })
	case webrtc.PeerConnectionStateFailed:
		p.server.start(func() { p.end(nil, closeMediaLost) })
	case webrtc.PeerConnectionStateClosed:
		p.overOnce.Do(func() { close(p.mediaOver) })
	}
}

// connected shows the attendee on the roster and sends audio to the end.
func (p *participant) connected() {
	if !p.server.switched().hidden {
		p.send(Message{Kind: KindPresent})
	}
	p.mu.Lock()
	out := p.out
	p.mu.Unlock()
	out.run(p.ctx)
}

// send gives a client that takes nothing no longer than patience.
func (p *participant) send(m Message) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_ = p.sig.send(ctx, m) // the reader learns of a lost connection
}

// tell ends the participant with a status.
func (p *participant) tell(k Kind, wire int, code websocket.StatusCode) {
	p.end(&Message{Kind: k, Status: wire}, code)
}

// end gives the client a last message, if there is one, closes the signaling and
// ends the media. It returns when the client has answered or has run out of
// patience; only the first call does something, all wait.
func (p *participant) end(last *Message, code websocket.StatusCode) {
	p.ending.Do(func() {
		if last != nil {
			p.hangUpEarly()
			p.send(*last)
		}
		p.sig.close(code, patience)
		p.cancel()
	})
}

// hangUpEarly ends media ahead of the reason if the server is set so.
func (p *participant) hangUpEarly() {
	d := p.server.switched().lateness
	if d <= 0 {
		return
	}
	p.hangUp()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ctx.Done():
	}
}

func (p *participant) hangUp() {
	if pc := p.connection(); pc != nil {
		_ = pc.Close()
	}
}

// release frees what is left when the signaling and the lingering are over.
func (p *participant) release() {
	p.cancel()
	p.sig.cut()
	if pc := p.connection(); pc != nil {
		_ = pc.GracefulClose()
	}
}
