package callkit

import (
	"crypto/rand"
	"crypto/subtle"
	"time"

	"github.com/coder/websocket"
)

// defaultGrace is how long a participant without signaling is kept.
const defaultGrace = 30 * time.Second

// newSession makes what a client proves with that it is the one that joined; ""
// if the server keeps nobody.
func (s *Server) newSession() Token {
	if s.o.ResumeGrace < 0 {
		return ""
	}
	return Token(rand.Text())
}

// is compares sessions and gives away nothing by the time that it takes.
func (t Token) is(other Token) bool {
	return t != "" && subtle.ConstantTimeCompare([]byte(t), []byte(other)) == 1
}

// epitaph is what a client that was removed is told if it asks for its place
// before it has heard of that.
type epitaph struct {
	session Token
	last    refusal
	until   time.Time
}

// readmit attaches a visit to the participant that was kept for it. The visit
// before, if there still is one, ends with that.
func (s *Server) readmit(v *visit, m Message) (*participant, *refusal) {
	p, old, r := s.claim(v, m)
	if old != nil {
		old.sig.cut()
	}
	return p, r
}

func (s *Server) claim(v *visit, m Message) (p *participant, old *visit, r *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.refuseResume(m); r != nil {
		return nil, nil, r
	}
	if p = s.roster[m.Attendee]; p != nil && p.session.is(m.Session) {
		if old, ok := p.attach(v, m.ID); ok {
			return p, old, nil
		}
	}
	return nil, nil, &refusal{Message{Kind: KindResumeAck, ID: m.ID, Gone: true}, websocket.StatusNormalClosure}
}

// refuseResume gives the reason against a resume whether or not there is anything
// to resume. The caller holds mu.
func (s *Server) refuseResume(m Message) *refusal {
	if r := s.refuse(m); r != nil {
		return r
	}
	if e, ok := s.epitaphs[m.Attendee]; ok && e.session.is(m.Session) && time.Now().Before(e.until) {
		return &e.last
	}
	return nil
}

// bury takes a participant off the roster. If last is not nil, that is the answer
// to a resume for as long as the participant would have been kept.
func (s *Server) bury(p *participant, last *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roster[p.attendee] == p {
		delete(s.roster, p.attendee)
	}
	if last != nil && p.session != "" {
		s.epitaphs[p.attendee] = epitaph{p.session, *last, time.Now().Add(s.o.ResumeGrace)}
	}
}

// attach makes v the visit of the participant and gives the one before, nil if
// there was none. It fails if the participant has ended or has no media left, and for
// a request that is older than the last one: its client has given it up, and it was
// overtaken on its way here.
func (p *participant) attach(v *visit, request uint64) (old *visit, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.mediaEnded() || request < p.resumed {
		return nil, false
	}
	p.resumed = request
	if old = p.visit; old == nil {
		close(p.back)
	}
	p.visit = v
	return old, true
}

func (p *participant) mediaEnded() bool {
	select {
	case <-p.mediaOver:
		return true
	default:
		return false
	}
}

// detach follows a visit that has ended. It keeps the participant for a while: its
// client may come back. If another visit has taken the place of this one, it has
// done so already.
func (p *participant) detach(v *visit) {
	if back := p.part(v); back != nil && !p.returns(back) {
		p.release()
	}
}

// part gives what is closed by the next visit, nil if that is here.
func (p *participant) part(v *visit) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.visit != v {
		return nil
	}
	p.visit, p.back = nil, make(chan struct{})
	return p.back
}

// returns waits for as long as the participant is kept, and says whether its client
// has come back.
func (p *participant) returns(back <-chan struct{}) bool {
	if p.connection() != nil && p.server.o.ResumeGrace > 0 {
		t := time.NewTimer(p.server.o.ResumeGrace)
		defer t.Stop()
		select {
		case <-t.C:
		case <-p.mediaOver:
		case <-p.ctx.Done():
		case <-back:
		}
	}
	return !p.expire(back)
}

// expire ends a participant whose client has not come back. Whoever has, may have
// gone again, and then another waits for the next.
func (p *participant) expire(back <-chan struct{}) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-back:
		return false
	default:
		p.over = true
		return true
	}
}

// catchUp tells a client that has come back what it missed.
func (p *participant) catchUp() {
	p.mu.Lock()
	missed := p.missed
	p.missed = nil
	p.mu.Unlock()
	for _, m := range missed {
		p.send(m)
	}
	if p.shown.Load() {
		p.send(Message{Kind: KindPresent})
	}
}
