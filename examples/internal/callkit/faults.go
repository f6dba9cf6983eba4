package callkit

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// The methods in this file make the server misbehave, or do what a meeting's
// owner may do. Those that name an attendee report whether it is in the meeting,
// and return before the attendee has heard of it.

// CloseSignaling closes an attendee's WebSocket with a code, media runs on for
// the server's ResumeGrace. The code must be one that may be sent (RFC 6455
// section 7.4): not 1005, 1006 or 1015.
func (s *Server) CloseSignaling(attendee string, code int) bool {
	return s.CloseAsking(attendee, code, Wish{})
}

// CloseAsking is CloseSignaling with a wish in the close frame.
func (s *Server) CloseAsking(attendee string, code int, w Wish) bool {
	return s.onSignaling(attendee, func(sig *channel) { sig.close(websocket.StatusCode(code), w) })
}

// CloseAll closes the WebSocket of everyone, who may resume, with a code and a wish.
func (s *Server) CloseAll(code int, w Wish) {
	for _, attendee := range s.Attendees() {
		s.CloseAsking(attendee, code, w)
	}
}

// CutSignaling drops an attendee's TCP connection without a close frame, media
// runs on for the server's ResumeGrace.
func (s *Server) CutSignaling(attendee string) bool {
	return s.onSignaling(attendee, (*channel).cut)
}

// onSignaling runs f on an attendee's signaling if there is any.
func (s *Server) onSignaling(attendee string, f func(*channel)) bool {
	return s.with(attendee, func(p *participant) {
		if v := p.visiting(); v != nil {
			f(v.sig)
		}
	})
}

// HangUp ends an attendee's peer connection and says nothing about it. The client
// learns of it from DTLS, and so only if the handshake is over on both sides:
// audio from the attendee (PacketsFrom) is proof.
func (s *Server) HangUp(attendee string) bool {
	return s.with(attendee, func(p *participant) { p.hangUp() })
}

// Remove expels an attendee: audio status 411, which an attendee who is away hears
// when it wants to resume.
func (s *Server) Remove(attendee string) bool {
	return s.with(attendee, func(p *participant) {
		p.end(*pushed(audioRemoved, websocket.StatusNormalClosure), true)
	})
}

// End ends the meeting for good: audio status 410 for everyone in it and for
// everyone who tries to join from now on.
func (s *Server) End() {
	s.set(func(w *switches) { w.ended = true })
	s.endAll(pushed(audioEnded, closeEnded))
}

// Restart forgets everyone in the meeting, as the server does when its process
// starts again. It tells of that with close code 1012 and a wish. There is nothing
// to resume afterwards.
func (s *Server) Restart(w Wish) {
	s.endAll(&refusal{Message{Wish: w}, websocket.StatusServiceRestart})
}

func (s *Server) endAll(last *refusal) {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.roster))
	s.mu.Unlock()
	for _, p := range all {
		s.start(func() { p.end(*last, false) })
	}
}

// Drain asks everyone in the meeting to move to another endpoint, and leaves it to
// them when: what a close with 1001 means, without the close.
func (s *Server) Drain(endpoint string) {
	m := Message{Kind: KindGoAway, Status: int(websocket.StatusGoingAway), Wish: Wish{Endpoint: endpoint}}
	for _, attendee := range s.Attendees() {
		s.push(attendee, m)
	}
}

// SendAudioStatus pushes an audio status and leaves the connection alone. An
// attendee who is away hears it when it has resumed.
func (s *Server) SendAudioStatus(attendee string, wire int) bool {
	return s.push(attendee, Message{Kind: KindAudioStatus, Status: wire})
}

// SendError pushes a signaling status and leaves the connection alone.
func (s *Server) SendError(attendee string, wire int) bool {
	return s.SendErrorAsking(attendee, wire, Wish{})
}

// SendErrorAsking is SendError with a wish.
func (s *Server) SendErrorAsking(attendee string, wire int, w Wish) bool {
	return s.push(attendee, Message{Kind: KindError, Status: wire, Wish: w})
}

// RevokePrimary removes an attendee from the primary meeting.
func (s *Server) RevokePrimary(attendee string) bool {
	return s.with(attendee, func(p *participant) {
		p.promoted.Store(false)
		p.send(Message{Kind: KindPrimaryLeave})
	})
}

func (s *Server) push(attendee string, m Message) bool {
	return s.with(attendee, func(p *participant) { p.send(m) })
}

// Silence stops or resumes the audio toward an attendee, who need not be in the
// meeting yet. The path itself stays up.
func (s *Server) Silence(attendee string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent[attendee] = on
	if p := s.roster[attendee]; p != nil {
		p.setSilent(on)
	}
}

// SetFull refuses joins as if there were no room.
func (s *Server) SetFull(on bool) { s.set(func(w *switches) { w.full = on }) }

// RefuseHandshakes answers every WebSocket with an HTTP status from now on, and with
// the value of a Retry-After field unless that is empty; 0 takes them again.
func (s *Server) RefuseHandshakes(status int, retryAfter string) {
	s.set(func(w *switches) { w.handshake, w.pause = status, retryAfter })
}

// shutsOut answers a request for a WebSocket if the server is set so.
func (s *Server) shutsOut(w http.ResponseWriter) bool {
	sw := s.switched()
	if sw.handshake == 0 {
		return false
	}
	if sw.pause != "" {
		w.Header().Set("Retry-After", sw.pause)
	}
	http.Error(w, http.StatusText(sw.handshake), sw.handshake)
	return true
}

// RefuseJoins refuses joins and resumes from now on with a signaling status and a
// wish; 0 takes them again.
func (s *Server) RefuseJoins(wire int, w Wish) {
	s.set(func(sw *switches) { sw.refusal, sw.wish = wire, w })
}

// RefuseUpdates refuses what changes a running call, restarts of media too, from now
// on with a signaling status; 0 takes them again.
func (s *Server) RefuseUpdates(wire int) { s.set(func(w *switches) { w.stiff = wire }) }

// RejectCredentials refuses joins and resumes whatever the token.
func (s *Server) RejectCredentials(on bool) { s.set(func(w *switches) { w.rejecting = on }) }

// IgnorePings leaves pings without an answer; all else works.
func (s *Server) IgnorePings(on bool) { s.set(func(w *switches) { w.deaf = on }) }

// HideAttendees keeps attendees who connect from now on off the roster.
func (s *Server) HideAttendees(on bool) { s.set(func(w *switches) { w.hidden = on }) }

// HangIn makes clients that reach the phase from now on wait for ever in it.
func (s *Server) HangIn(p Phase, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hang[p] = on
}

// TellLate makes Remove, End and a displacement hang up media first and give the
// reason after d, as real servers are seen to do; 0 or less: the reason comes
// first.
func (s *Server) TellLate(d time.Duration) { s.set(func(w *switches) { w.lateness = d }) }

func (s *Server) set(f func(*switches)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.sw)
}

func (s *Server) switched() switches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sw
}

// Held counts the clients that HangIn has made wait in a phase so far.
func (s *Server) Held(p Phase) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[p]
}

// hangs says whether a client that has reached the phase has to wait.
func (s *Server) hangs(p Phase) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hang[p] {
		s.held[p]++
	}
	return s.hang[p]
}
