package session

import (
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Errors of the session's methods, for errors.Is.
var (
	// ErrStarted: Start or Run was called before. A new call takes a new session.
	ErrStarted = errors.New("session: already started")
	// ErrNotConnected: the method needs a link and there is none at the moment.
	ErrNotConnected = errors.New("session: not connected")
	// ErrReconnecting: there is no link because a recovery is running. It is an
	// ErrNotConnected, too.
	ErrReconnecting = fmt.Errorf("%w: a recovery is running", ErrNotConnected)
	// ErrStopped: the session has ended or is ending.
	ErrStopped = errors.New("session: stopped")
	// ErrBusy: another promotion or demotion is running.
	ErrBusy = errors.New("session: another promotion is running")
)

// Errors that transports, links and sources give to the session, bare or wrapped.
var (
	// ErrUnauthorized: from Connect or Resume, the server has rejected the
	// credentials; the source is asked for other ones, and Budget.Rejections of these
	// in a row end the session. From a CredentialSource: there are none and there will
	// be none; the session stops with AudioAuthenticationRejected.
	ErrUnauthorized = errors.New("session: unauthorized")
	// ErrRefused: from RestartMedia or Resume, the server has refused it; the next
	// level is tried at once.
	ErrRefused = errors.New("session: the server refused")
)

// Error says why a session ended. errors.Is and errors.As reach the deciding
// code and its cause; status.CodeOf gives the code to switch on.
type Error struct {
	// Session is Config.Name.
	Session string
	// Status decided; its code is one that observers may be told.
	Status status.Status
	// Initiator tells whether the application, a status, the budget or a fault
	// ended the session.
	Initiator observer.Initiator
	// Rule is the rule of the decision order that applied.
	Rule policy.Rule
	// First and Last are the first and the last cause of the outage, or first
	// connect, that was running; zero if none was. Attempts counts its attempts.
	First, Last status.Status
	Attempts    int
}

func newError(e observer.Stopped) *Error {
	return &Error{
		Session: e.Session, Status: e.Status, Initiator: e.Initiator, Rule: e.Decision.Rule,
		First: e.First, Last: e.Last, Attempts: e.Attempts,
	}
}

// Error says it in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("session")
	if e.Session != "" {
		fmt.Fprintf(&b, " %q", e.Session)
	}
	fmt.Fprintf(&b, " stopped: %v", e.Status)
	if e.Initiator == observer.ByPolicy {
		fmt.Fprintf(&b, "; gave up after %d attempts", e.Attempts)
		if !e.First.IsZero() {
			fmt.Fprintf(&b, ", the first cause was %v", e.First.Code)
		}
	}
	return b.String()
}

// Unwrap returns the deciding code and its cause, nothing else.
func (e *Error) Unwrap() []error { return e.Status.Unwrap() }

// asked reports whether the application itself ended the session with Stop or
// Close, giving no other cause.
func (e *Error) asked() bool {
	return e.Initiator == observer.ByApplication && e.Status.Cause == nil
}
