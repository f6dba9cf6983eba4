package status

// Close codes of a WebSocket that have a meaning here: RFC 6455 section 7.4.1,
// the IANA registry for 1012 and 1013, and the service's own above 4000.
const (
	closeGoingAway      = 1001
	closeNoStatus       = 1005 // never sent: the close frame had no code
	closeAbnormal       = 1006 // never sent: there was no close frame
	closeServiceRestart = 1012
	closeTryAgainLater  = 1013
	closeMeetingEnded   = 4410
	closeServerFirst    = 4500 // first of the service's faults
	closeServerLast     = 4599 // and the last
)

// Phase is how far a connection had come when its socket told something. The
// zero value is Joining.
type Phase int

const (
	// Joining is the part of an attempt that opens the socket and waits for
	// the answer to the join.
	Joining Phase = iota
	// Subscribing is the part of an attempt that waits for the answer to the
	// subscription.
	Subscribing
	// Attached is a connection whose attempt has succeeded.
	Attached
)

// String returns "joining", "subscribing" or "attached", otherwise "Phase(9)".
func (p Phase) String() string {
	return enumName("Phase", int(p), "joining", "subscribing", "attached")
}

// FromWebSocketClose gives the meaning of a socket that closed with a code.
// The phase makes no difference (divergence 7.4; the reference takes most
// closes for final while joining, and overlooks them once connected):
//
//	4410           MeetingEnded
//	4500 to 4599   SignalingInternalServerError
//	anything else  SignalingChannelClosedUnexpectedly
//
// 1001, 1012 and 1013 are marked as Shared, because the server says that it is
// leaving. Zero and negative codes, with which WebSocket packages say that
// there was no close frame, give a Status without a wire number.
func FromWebSocketClose(code int, _ Phase) Status {
	s := Status{Code: closeMeaning(code), Layer: LayerSignaling, Wire: max(code, 0)}
	s.Shared = code == closeGoingAway || code == closeServiceRestart || code == closeTryAgainLater
	return s
}

func closeMeaning(code int) Code {
	switch {
	case code == closeMeetingEnded:
		return MeetingEnded
	case isServerFault(code):
		return SignalingInternalServerError
	default:
		return SignalingChannelClosedUnexpectedly
	}
}

func isServerFault(code int) bool { return code >= closeServerFirst && code <= closeServerLast }

// FromWebSocketError gives the meaning of a socket that failed without being
// closed: a failed open, or a failed read or write. Zero and negative codes
// mean that the error had none, which is the usual case.
//
// Codes from 4500 to 4599 mean SignalingInternalServerError in every phase.
// Otherwise an attached connection is lost as with close code 1006
// (SignalingChannelClosedUnexpectedly), and an attempt has failed with
// TaskFailed (reference; while joining the reference reports nothing and waits
// for the close that follows, divergence 7.4). The caller puts the error
// itself into Cause. If a close follows the error, it belongs to the same
// outage (divergence 7.3).
func FromWebSocketError(code int, p Phase) Status {
	return Status{Code: errorMeaning(code, p), Layer: LayerSignaling, Wire: max(code, 0)}
}

func errorMeaning(code int, p Phase) Code {
	switch {
	case isServerFault(code):
		return SignalingInternalServerError
	case p == Attached:
		return SignalingChannelClosedUnexpectedly
	default:
		return TaskFailed
	}
}
