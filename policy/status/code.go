package status

import "fmt"

// Code says in one number what was learned about a session. The numbers are
// those of the reference. The zero value is OK.
//
// Code is an error like syscall.Errno, for use with errors.Is and errors.As.
// As with Errno, an error that holds OK is not nil: test for OK before
// returning a Code as an error.
//
// Values outside the list below are legal and called unknown. They are taken
// for failures that are neither final nor an audio connection failure, so that
// a session retries them within its budget and not beyond.
type Code int

const (
	// OK means that nothing is wrong. It never ends a session.
	OK Code = 0
	// Left is the normal end: the application stopped the session.
	Left Code = 1
	// AudioJoinedFromAnotherDevice means that the same credentials were used to
	// join from somewhere else, which displaced this session. It has nothing to
	// do with audio.
	AudioJoinedFromAnotherDevice Code = 2
	// AudioAuthenticationRejected means that the credentials fit no attendee.
	// The service that issues them is the place to look.
	AudioAuthenticationRejected Code = 3
	// AudioCallAtCapacity means that the meeting is full.
	AudioCallAtCapacity Code = 4
	// MeetingEnded means that the meeting is over, before or after joining it.
	MeetingEnded Code = 5
	// AudioInternalServerError is a fault of the service or of an audio device.
	AudioInternalServerError Code = 6
	// AudioServiceUnavailable is a service that cannot serve at the moment.
	AudioServiceUnavailable Code = 7
	// AudioDisconnected is a service fault from which there is no way back.
	AudioDisconnected Code = 8
	// VideoCallSwitchToViewOnly means that video can be received but not sent.
	// The session goes on without sending.
	VideoCallSwitchToViewOnly Code = 9
	// VideoCallAtSourceCapacity means that a client which only sends was
	// refused. It is final although its wire number looks like a server fault,
	// and observers see SignalingInternalServerError in its place
	// (divergence 7.10).
	VideoCallAtSourceCapacity Code = 10
	// SignalingBadRequest means that signaling was refused: the attendee is
	// gone or its meeting has ended.
	SignalingBadRequest Code = 11
	// SignalingInternalServerError means that a server fault prevented or broke
	// signaling. The network is often the true culprit.
	SignalingInternalServerError Code = 12
	// SignalingRequestFailed is an answer without the status or body that it
	// should carry.
	SignalingRequestFailed Code = 13
	// SignalingChannelClosedUnexpectedly means that the WebSocket went away,
	// usually because the network of the client changed.
	SignalingChannelClosedUnexpectedly Code = 14
	// ICEGatheringTimeoutWorkaround means that no ICE candidate was found in
	// time, for example after a VPN went up or down.
	ICEGatheringTimeoutWorkaround Code = 15
	// ConnectionHealthReconnect means that the health policy wants a new
	// connection.
	ConnectionHealthReconnect Code = 16
	// RealtimeApiFailed means that application code failed inside a callback.
	// The name is spelt as in the reference.
	RealtimeApiFailed Code = 17
	// TaskFailed means that a step of connecting failed and nothing more
	// precise is known.
	TaskFailed Code = 18
	// IncompatibleSDP means that the media negotiation failed. The session
	// renegotiates and stays connected.
	IncompatibleSDP Code = 19
	// TURNCredentialsForbidden is MeetingEnded as the media layer learns it.
	TURNCredentialsForbidden Code = 20
	// NoAttendeePresent means that the attendee was not on the roster in time.
	NoAttendeePresent Code = 21
	// AudioAttendeeRemoved means that the application's server took the
	// attendee out of the meeting.
	AudioAttendeeRemoved Code = 22
	// AudioVideoWasRemovedFromPrimaryMeeting means that the credentials of the
	// primary meeting were revoked. The attendee is demoted and stays connected.
	AudioVideoWasRemovedFromPrimaryMeeting Code = 23
	// AudioVideoDisconnectedWhilePromoted means that a disconnection demoted
	// the attendee. It has to be promoted anew.
	AudioVideoDisconnectedWhilePromoted Code = 24
	// AudioDisconnectAudio is reserved. Nothing follows from it.
	AudioDisconnectAudio Code = 25
	// EncodedTransformManagerFailed means that a worker which transforms media
	// failed in a running call. The session reconnects without transforms.
	EncodedTransformManagerFailed Code = 26
)

// All returns the known codes in the order of their numbers. The slice is the
// caller's to keep.
func All() []Code {
	codes := make([]Code, len(table))
	for i := range codes {
		codes[i] = Code(i)
	}
	return codes
}

// Known reports whether c is one of the codes that this package lists.
func (c Code) Known() bool { return c >= 0 && int(c) < len(table) }

// row gives the properties of c, those of an unknown code if need be.
func (c Code) row() *row {
	if c.Known() {
		return &table[c]
	}
	return &unknown
}

// String returns the name of the code. An unknown code is written "Code(99)".
// Package fmt prints an error by its Error method, so ask for the name if the
// name alone is wanted.
func (c Code) String() string {
	if c.Known() {
		return table[c].name
	}
	return numbered("Code", int(c))
}

// Error returns one line for a log, always of the form "Name (number): detail".
// It is not meant for end users; see UserMessage.
func (c Code) Error() string { return fmt.Sprintf("%s: %s", c.label(), c.Detail()) }

// label is the stable beginning of every error text: the name and the number.
// It names String, because fmt prefers Error, which would come back here.
func (c Code) label() string { return fmt.Sprintf("%s (%d)", c.String(), int(c)) }

// Terminal reports whether the code is final: a session stops with it and
// never retries (T in the reference). Unknown codes are not final.
func (c Code) Terminal() bool { return c.row().terminal }

// Failure reports whether the code is a failure (F in the reference). One that
// is not final is retried. Unknown codes are failures.
func (c Code) Failure() bool { return c.row().failure }

// AudioConnectionFailure reports whether the code counts as a failure to
// connect audio (A in the reference). Unknown codes do not.
func (c Code) AudioConnectionFailure() bool { return c.row().audio }

// Detail returns a precise sentence fragment for logs: lower case, without a
// full stop, without the code's name.
func (c Code) Detail() string { return c.row().detail }

// UserMessage returns one sentence that may be shown to an end user. It says
// something general unless [Code.Audience] allows more. Every code has one,
// unknown codes too.
func (c Code) UserMessage() string { return c.row().user }

// Layer returns the layer that the code concerns by its nature. It is
// LayerUnknown for codes that do not point at a layer: OK, TaskFailed and
// unknown codes.
func (c Code) Layer() Layer { return c.row().layer }
