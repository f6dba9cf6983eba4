package status

import (
	"errors"
	"fmt"
	"log/slog"
)

// Status is one thing that was learned about a session: a code, where it was
// seen, and why. It is an error that unwraps to its code and its cause. The
// zero value says that nothing was learned (code OK).
//
// A Status is a plain value and may be copied. Do not compare two with ==,
// because a Cause may be of a type that cannot be compared; compare codes.
type Status struct {
	// Code is what was learned.
	Code Code
	// Layer is the layer that the status concerns. LayerUnknown stands for the
	// layer of the code; Where resolves that.
	Layer Layer
	// Wire is the number that was received: a frame's status or a WebSocket
	// close code. Zero means that there was none.
	Wire int
	// Shared marks a loss that many clients suffer at the same moment, such as
	// a server that goes away. Whoever retries it should spread out.
	Shared bool
	// Permanent means that the transport knows that a retry is useless,
	// whatever the code says; a server that asks not to be tried again is one
	// reason.
	Permanent bool
	// Directive is what the server asks of whoever tries again, nil if it asks
	// for nothing. It is shared by all copies of the status, so it is never
	// written once it is part of one.
	Directive *Directive
	// Cause is the error behind the status, nil if there is none. In JSON only
	// its text survives.
	Cause error
}

// New returns a Status of the given code and cause. The cause may be nil.
func New(c Code, cause error) Status { return Status{Code: c, Cause: cause} }

// Error returns one line for a log: the code's name and number, the number on
// the wire if there was one, the code's detail, what the server asks for if it
// does, and the cause if there is one.
func (s Status) Error() string {
	text := s.Code.label()
	if s.Wire != 0 {
		text += fmt.Sprintf(" from wire %d", s.Wire)
	}
	text += ": " + s.Code.Detail() + s.Directive.clause()
	if s.Cause != nil {
		text += ": " + s.Cause.Error()
	}
	return text
}

// Unwrap returns the code and, if there is one, the cause, in this order. So
// errors.Is(s, MeetingEnded) holds for a status of that code whatever its
// cause.
func (s Status) Unwrap() []error {
	if s.Cause == nil {
		return []error{s.Code}
	}
	return []error{s.Code, s.Cause}
}

// Where returns the layer of the status, or that of its code if the status
// names none.
func (s Status) Where() Layer {
	if s.Layer != LayerUnknown {
		return s.Layer
	}
	return s.Code.Layer()
}

// Unexplained reports whether the status is a loss whose reason may still be
// on its way: the signaling channel went away without a close code, or with
// one that stands for the lack of one (1005 and 1006, RFC 6455 section 7.4.1),
// and the cause does not carry a code of its own. A session waits a moment
// before it judges such a loss.
func (s Status) Unexplained() bool {
	if s.Code != SignalingChannelClosedUnexpectedly {
		return false
	}
	if s.Wire != 0 && s.Wire != closeNoStatus && s.Wire != closeAbnormal {
		return false
	}
	code, found := CodeOf(s.Cause)
	return !found || code == s.Code
}

// IsZero reports whether every field is zero, which also lets the JSON option
// omitzero leave the status out.
func (s Status) IsZero() bool {
	return s.Code == OK && s.Layer == LayerUnknown && s.Wire == 0 &&
		!s.Shared && !s.Permanent && s.Directive == nil && s.Cause == nil
}

// LogValue returns the status as a group with the attributes code, layer,
// wire, shared, permanent, directive (a group) and cause; all but the code are
// left out where they say nothing. The layer is that of Where.
func (s Status) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("code", s.Code.String())}
	if where := s.Where(); where != LayerUnknown {
		attrs = append(attrs, slog.String("layer", where.String()))
	}
	if s.Wire != 0 {
		attrs = append(attrs, slog.Int("wire", s.Wire))
	}
	if s.Shared {
		attrs = append(attrs, slog.Bool("shared", true))
	}
	if s.Permanent {
		attrs = append(attrs, slog.Bool("permanent", true))
	}
	if s.Directive != nil {
		attrs = append(attrs, slog.Attr{Key: "directive", Value: s.Directive.LogValue()})
	}
	if s.Cause != nil {
		attrs = append(attrs, slog.String("cause", s.Cause.Error()))
	}
	return slog.GroupValue(attrs...)
}

// From finds the Status inside err, through joined and wrapped errors, whether
// it is there as a value or as a pointer. Any goroutine may call it.
func From(err error) (Status, bool) {
	var s Status
	if errors.As(err, &s) {
		return s, true
	}
	var p *Status
	if errors.As(err, &p) && p != nil {
		return *p, true
	}
	return Status{}, false
}

// CodeOf finds the code that an error carries: that of the first Status in its
// tree of wrapped and joined errors, or else the first bare Code. It returns
// OK and false if there is neither, and for nil. A code of OK that was found
// comes with true.
func CodeOf(err error) (Code, bool) {
	if s, ok := From(err); ok {
		return s.Code, true
	}
	var c Code
	if errors.As(err, &c) {
		return c, true
	}
	return OK, false
}
