package callkit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/webrtc/v4"
)

// participant is an attendee at the server, from the join to the end of its media.
// A visit comes and goes.
type participant struct {
	server   *Server
	attendee string
	session  Token // what a client resumes with
	in       inbound
	promoted atomic.Bool
	viewOnly atomic.Bool
	shown    atomic.Bool // is on the roster that attendees see
	ending   sync.Once
	// ctx ends the participant for good: it is kept no longer.
	ctx    context.Context
	cancel context.CancelFunc
	// mediaOver is closed when the peer connection has ended.
	mediaOver   chan struct{}
	overOnce    sync.Once
	startSender sync.Once  // a connection that was shaky is connected twice
	negotiating sync.Mutex // one visit may follow another in the middle of it

	mu      sync.Mutex
	visit   *visit        // nil while nobody is there
	resumed uint64        // the last request to resume that was heeded; a client counts them
	back    chan struct{} // closed by the next visit, if there is none
	over    bool          // there will be none
	missed  []Message     // audio statuses that nobody was there to hear
	silent  bool
	out     *outbound              // nil before the offer
	peer    *webrtc.PeerConnection // nil before the offer
}

func newParticipant(v *visit, attendee string) *participant {
	p := &participant{
		server: v.server, attendee: attendee, session: v.server.newSession(),
		visit: v, mediaOver: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(v.server.ctx)
	return p
}

// handle answers its visit, and no other.
func (p *participant) handle(v *visit, m Message) {
	if !p.visitedBy(v) {
		return
	}
	switch m.Kind {
	case KindOffer:
		p.offered(v, m)
	case KindUpdate:
		p.updated(v, m)
	case KindPromote:
		p.promote(v, m)
	case KindDemote:
		p.promoted.Store(false)
		v.send(Message{Kind: KindDemoteAck, ID: m.ID})
	case KindLeave:
		p.end(refusal{Message{Kind: KindLeaveAck, ID: m.ID}, websocket.StatusNormalClosure}, false)
	}
}

func (p *participant) visitedBy(v *visit) bool { return p.visiting() == v }

func (p *participant) visiting() *visit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.visit
}

// promote lets the attendee into the primary meeting on any token that was not
// revoked.
func (p *participant) promote(v *visit, m Message) {
	ack := Message{Kind: KindPromoteAck, ID: m.ID}
	if m.Token == "" || p.server.revoked(m.Token) {
		ack.Status = joinForbidden
	}
	p.promoted.Store(ack.Status == 0)
	v.send(ack)
}

func (p *participant) offered(v *visit, m Message) {
	if p.connection() != nil || p.server.hangs(PhaseNegotiate) {
		return
	}
	if err := p.openMedia(); err != nil {
		v.send(Message{Kind: KindAnswer, ID: m.ID, Status: serverFault})
		return
	}
	reply := p.agree(v, m, KindAnswer)
	if p.server.hangs(PhaseMedia) {
		p.hangUp() // before the client can begin, which takes it no time
	}
	v.send(reply)
}

func (p *participant) updated(v *visit, m Message) {
	reply := Message{Kind: KindUpdateAck, ID: m.ID, Status: p.server.switched().stiff}
	if reply.Status == 0 {
		reply = p.agree(v, m, KindUpdateAck)
	}
	if reply.Status == 0 {
		p.viewOnly.Store(m.ViewOnly)
	}
	v.send(reply)
}

// agree makes the answer to an offer, the first or a later one.
func (p *participant) agree(v *visit, m Message, ack Kind) Message {
	reply := Message{Kind: ack, ID: m.ID, Status: serverFault}
	p.negotiating.Lock()
	defer p.negotiating.Unlock()
	if pc := p.connection(); pc != nil && p.visitedBy(v) {
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
		p.server.start(p.mediaFailed)
	case webrtc.PeerConnectionStateClosed:
		p.overOnce.Do(func() { close(p.mediaOver) })
	}
}

// mediaFailed lets the client know, which may be able to restart. The participant
// is kept as if the client had gone.
func (p *participant) mediaFailed() {
	v := p.visiting()
	if v != nil && p.connection().ConnectionState() == webrtc.PeerConnectionStateFailed {
		v.sig.close(closeMediaLost, Wish{})
	}
}

// connected shows the attendee on the roster and sends audio to the end.
func (p *participant) connected() {
	if !p.server.switched().hidden {
		p.shown.Store(true)
		p.send(Message{Kind: KindPresent})
	}
	p.mu.Lock()
	out := p.out
	p.mu.Unlock()
	out.run(p.ctx)
}

// send pushes a message to the client. An audio status waits for a client that is
// not there.
func (p *participant) send(m Message) {
	p.mu.Lock()
	v := p.visit
	if v == nil && m.Kind == KindAudioStatus {
		p.missed = append(p.missed, m)
	}
	p.mu.Unlock()
	if v != nil {
		v.send(m)
	}
}

// end gives the client a last message, closes the signaling and ends the media. If
// the message is one to remember, a client that comes back later hears it as well.
// Only the first call does something, all wait.
func (p *participant) end(last refusal, remember bool) {
	p.ending.Do(func() {
		defer p.cancel()
		if remember {
			p.server.bury(p, &last)
		} else {
			p.server.bury(p, nil)
		}
		p.hangUpEarly()
		if v := p.finish(); v != nil {
			v.turnAway(&last)
		}
	})
}

// finish lets nobody visit any more, and gives the last who does.
func (p *participant) finish() *visit {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	return p.visit
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

// release frees what is left.
func (p *participant) release() {
	p.cancel()
	p.server.bury(p, nil)
	if pc := p.connection(); pc != nil {
		_ = pc.GracefulClose()
	}
}
