package callkit

import (
	"maps"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// Wire statuses that the server gives, as the reference numbers them.
const (
	audioElsewhere = 301 // audio status: the same attendee joined again
	audioEnded     = 410 // audio status: the meeting is over
	audioRemoved   = 411 // audio status: the attendee was removed
	joinForbidden  = 403 // signaling status: wrong credentials
	joinFull       = 409 // signaling status: no room
	serverFault    = 500 // signaling status
)

const (
	// closeEnded is the close code of a meeting that is over.
	closeEnded websocket.StatusCode = 4410
	// closeMediaLost is the close code for a client whose media no longer reaches
	// the server, which the client may not notice by itself.
	closeMediaLost websocket.StatusCode = 4500
)

// switches are what the fault methods of a server have set.
type switches struct {
	ended     bool
	full      bool
	rejecting bool
	deaf      bool          // pings stay unanswered
	hidden    bool          // attendees do not show up on the roster
	lateness  time.Duration // how long media is hung up before the reason is told
	handshake int           // HTTP status against every WebSocket, 0 = none
	pause     string        // Retry-After field that goes with it
	refusal   int           // signaling status against every join and resume, 0 = none
	wish      Wish          // what goes with it
	stiff     int           // signaling status against every update, 0 = none
}

// admit decides about a join. An attendee who is in already is replaced by the new
// one, who is the older one's end.
func (s *Server) admit(v *visit, m Message) (*participant, *refusal) {
	p, old, r := s.seat(v, m)
	if old != nil {
		s.start(func() { old.end(*pushed(audioElsewhere, websocket.StatusNormalClosure), false) })
	}
	return p, r
}

func (s *Server) seat(v *visit, m Message) (p, old *participant, r *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.refuseJoin(m); r != nil {
		return nil, nil, r
	}
	old = s.roster[m.Attendee]
	p = newParticipant(v, m.Attendee)
	p.viewOnly.Store(m.ViewOnly)
	p.setSilent(s.silent[m.Attendee])
	s.roster[m.Attendee] = p
	return p, old, nil
}

// refuseJoin gives the reason against a join, in the order in which a client should
// learn them. The caller holds mu.
func (s *Server) refuseJoin(m Message) *refusal {
	if r := s.refuse(m); r != nil {
		return r
	}
	if s.sw.full || s.o.Capacity > 0 && s.roster[m.Attendee] == nil && len(s.roster) >= s.o.Capacity {
		return denied(m, joinFull, Wish{})
	}
	return nil
}

// refuse gives the reason against a join or a resume. The caller holds mu.
func (s *Server) refuse(m Message) *refusal {
	s.presented[m.Token]++
	switch {
	case s.sw.ended:
		return pushed(audioEnded, closeEnded)
	case m.Attendee == "" || s.sw.rejecting || !s.trusts(m):
		return denied(m, joinForbidden, Wish{})
	case s.sw.refusal != 0:
		return denied(m, s.sw.refusal, s.sw.wish)
	}
	return nil
}

// denied refuses a request with a status.
func denied(m Message, status int, w Wish) *refusal {
	ack := Message{Kind: KindJoinAck, ID: m.ID, Status: status, Wish: w}
	if m.Kind == KindResume {
		ack.Kind = KindResumeAck
	}
	return &refusal{ack, websocket.StatusNormalClosure}
}

// pushed ends a visit with an audio status.
func pushed(status int, code websocket.StatusCode) *refusal {
	return &refusal{Message{Kind: KindAudioStatus, Status: status}, code}
}

// Attendees lists who is in the meeting, sorted.
func (s *Server) Attendees() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.roster))
}

// PacketsFrom counts the audio packets that came from an attendee since it
// joined; 0 if it is not in the meeting.
func (s *Server) PacketsFrom(attendee string) uint64 {
	if p := s.find(attendee); p != nil {
		return p.in.total.Load()
	}
	return 0
}

// Promoted says whether the attendee is in the primary meeting too.
func (s *Server) Promoted(attendee string) bool {
	p := s.find(attendee)
	return p != nil && p.promoted.Load()
}

// ViewOnly says whether the attendee has announced that it sends no media.
func (s *Server) ViewOnly(attendee string) bool {
	p := s.find(attendee)
	return p != nil && p.viewOnly.Load()
}

func (s *Server) find(attendee string) *participant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roster[attendee]
}

// with runs f on an attendee in a goroutine of the server; false if it is not in
// the meeting.
func (s *Server) with(attendee string, f func(*participant)) bool {
	p := s.find(attendee)
	return p != nil && s.start(func() { f(p) })
}
