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
}

// admit decides about a join. A refusal is the message that says so and the code
// to close with. An attendee who is in already is replaced by the new one, who
// is the older one's end.
func (s *Server) admit(p *participant, m Message) (refusal *Message, code websocket.StatusCode) {
	s.mu.Lock()
	old := s.roster[m.Attendee]
	refusal, code = s.refuse(m, old)
	if refusal == nil {
		s.roster[m.Attendee] = p
		p.attendee = m.Attendee
		p.setSilent(s.silent[m.Attendee])
	}
	s.mu.Unlock()
	if refusal == nil && old != nil {
		s.start(func() { old.tell(KindAudioStatus, audioElsewhere, websocket.StatusNormalClosure) })
	}
	return refusal, code
}

// refuse gives the reason against a join, in the order in which a client should
// learn them. The caller holds mu.
func (s *Server) refuse(m Message, old *participant) (*Message, websocket.StatusCode) {
	ack := func(status int) (*Message, websocket.StatusCode) {
		return &Message{Kind: KindJoinAck, ID: m.ID, Status: status}, websocket.StatusNormalClosure
	}
	switch {
	case s.sw.ended:
		return &Message{Kind: KindAudioStatus, Status: audioEnded}, closeEnded
	case m.Attendee == "" || s.sw.rejecting || s.o.Check != nil && !s.o.Check(m.Attendee, m.Token):
		return ack(joinForbidden)
	case s.sw.full || s.o.Capacity > 0 && old == nil && len(s.roster) >= s.o.Capacity:
		return ack(joinFull)
	}
	return nil, 0
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
