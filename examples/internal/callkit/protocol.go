package callkit

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// Kind says what a signaling message is for.
type Kind string

// The kinds of message. Requests go from the client to the server and carry an
// ID, which the answer repeats; pushes go from the server to the client.
const (
	KindJoin       Kind = "join"       // request: Attendee, Token, ViewOnly
	KindJoinAck    Kind = "joinAck"    // answer: Session, or Status: why the join is refused
	KindResume     Kind = "resume"     // request: Attendee, Token, Session; instead of join
	KindResumeAck  Kind = "resumeAck"  // answer: Promoted, or Gone, or Status
	KindOffer      Kind = "offer"      // request: SDP with all candidates
	KindAnswer     Kind = "answer"     // answer: SDP with all candidates, or Status
	KindUpdate     Kind = "update"     // request: SDP, ViewOnly; negotiates the running call anew
	KindUpdateAck  Kind = "updateAck"  // answer: SDP, or Status
	KindPromote    Kind = "promote"    // request: Token for the primary meeting
	KindPromoteAck Kind = "promoteAck" // answer: Status
	KindDemote     Kind = "demote"     // request
	KindDemoteAck  Kind = "demoteAck"  // answer
	KindLeave      Kind = "leave"      // request: the attendee goes on purpose
	KindLeaveAck   Kind = "leaveAck"   // answer, followed by a normal close
	KindPing       Kind = "ping"       // request, has an ID space of its own
	KindPong       Kind = "pong"       // answer to ping

	KindPresent      Kind = "present"      // push: the attendee is on the roster
	KindAudioStatus  Kind = "audioStatus"  // push: Status of the audio session
	KindError        Kind = "error"        // push: Status of the signaling session
	KindPrimaryLeave Kind = "primaryLeave" // push: removed from the primary meeting
	KindGoAway       Kind = "goAway"       // push: Status as a close code that is not sent yet
)

// answers lists the kinds that settle a pending request of the client.
var answers = map[Kind]bool{
	KindJoinAck: true, KindResumeAck: true, KindAnswer: true, KindUpdateAck: true,
	KindPromoteAck: true, KindDemoteAck: true, KindLeaveAck: true,
}

// Token is a credential. It travels as it is and is hidden wherever it would be
// printed or logged.
type Token string

// hidden is what a Token prints as.
const hidden = "[hidden]"

// String hides the token from package fmt.
func (Token) String() string { return hidden }

// GoString hides the token from the %#v verb.
func (Token) GoString() string { return hidden }

// LogValue hides the token from package slog.
func (Token) LogValue() slog.Value { return slog.StringValue(hidden) }

// Message is one signaling message in either direction. Fields that a kind does
// not use are zero and stay off the wire.
type Message struct {
	Kind     Kind   `json:"kind"`
	ID       uint64 `json:"id,omitempty"`       // pairs a request with its answer
	Status   int    `json:"status,omitempty"`   // wire status, 0 = none
	Attendee string `json:"attendee,omitempty"` // who joins
	Token    Token  `json:"token,omitempty"`
	Session  Token  `json:"session,omitempty"`  // what this stay in the meeting is resumed with
	Gone     bool   `json:"gone,omitempty"`     // there is nothing to resume
	Promoted bool   `json:"promoted,omitempty"` // the attendee is in the primary meeting, too
	ViewOnly bool   `json:"viewOnly,omitempty"` // the client sends no media
	SDP      string `json:"sdp,omitempty"`      // complete: candidates are not trickled
	Wish            // what is asked of whoever is refused or let go
}

var errNoKind = errors.New("message has no kind")

// decode parses one message. Kinds that this version does not know are no error,
// so that a newer peer can be talked to; a message without any kind is one.
func decode(b []byte) (Message, error) {
	var m Message
	if err := json.Unmarshal(b, &m); err != nil {
		return Message{}, fmt.Errorf("malformed message: %w", err)
	}
	if m.Kind == "" {
		return Message{}, errNoKind
	}
	return m, nil
}
