package callkit

import (
	"context"

	"github.com/coder/websocket"
)

// visit is one WebSocket at the server. Its client may come back with another, and
// is still the same participant then.
type visit struct {
	server *Server
	sig    *channel
	p      *participant // who it is; nil before the join. The reader's own.
	// ctx ends the visit at the latest with the server.
	ctx    context.Context
	cancel context.CancelFunc
}

func newVisit(s *Server, sig *channel) *visit {
	v := &visit{server: s, sig: sig}
	v.ctx, v.cancel = context.WithCancel(s.ctx)
	return v
}

// serve handles messages until the signaling ends.
func (v *visit) serve() {
	for {
		m, err := v.sig.receive(v.ctx)
		if err != nil {
			break
		}
		v.handle(m)
	}
	// It is closed already, unless what came in was no message.
	v.sig.close(websocket.StatusInvalidFramePayloadData, Wish{})
}

// end frees what is left of the signaling.
func (v *visit) end() {
	v.cancel()
	v.sig.cut()
}

func (v *visit) handle(m Message) {
	switch m.Kind {
	case KindPing:
		if !v.server.switched().deaf {
			v.send(Message{Kind: KindPong, ID: m.ID})
		}
	case KindJoin:
		v.join(m)
	case KindResume:
		v.resume(m)
	default: // nothing else is answered before the join
		if v.p != nil {
			v.p.handle(v, m)
		}
	}
}

func (v *visit) join(m Message) {
	if v.p != nil || v.server.hangs(PhaseJoin) {
		return
	}
	p, refusal := v.server.admit(v, m)
	if refusal != nil {
		v.turnAway(refusal)
		return
	}
	v.p = p
	v.send(Message{Kind: KindJoinAck, ID: m.ID, Session: p.session})
}

func (v *visit) resume(m Message) {
	if v.p != nil || v.server.hangs(PhaseResume) {
		return
	}
	p, refusal := v.server.readmit(v, m)
	if refusal != nil {
		v.turnAway(refusal)
		return
	}
	v.p = p
	v.send(Message{Kind: KindResumeAck, ID: m.ID, Promoted: p.promoted.Load()})
	p.catchUp()
}

// refusal is the last that a client hears that is not let in, or not any more: a
// message, if it has a kind, and the code with which the signaling closes.
type refusal struct {
	Message
	code websocket.StatusCode
}

// turnAway ends the visit with a last word. It returns when the client has answered
// or has run out of patience.
func (v *visit) turnAway(r *refusal) {
	if r.Kind != "" {
		v.send(r.Message)
	}
	v.sig.close(r.code, r.Wish)
}

// send gives a client that takes nothing no longer than patience.
func (v *visit) send(m Message) {
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	_ = v.sig.send(ctx, m) // the reader learns of a lost connection
}
