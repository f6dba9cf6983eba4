package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/holdfast-go/holdfast/policy/status"
)

// Classes assigns a Class to every status code. It never changes: With returns a
// changed copy, so a value may be shared between sessions and goroutines. The
// zero value is the reference's classification.
type Classes struct {
	// overrides holds what With was told, valid or not, so that Validate can name
	// it. Never written once it is part of a value.
	overrides map[status.Code]Class
}

// Of gives the class of a code. Codes that the reference does not know are
// failures: retried, but only as long as the budget lasts. An override that
// Validate refuses has no effect.
func (c Classes) Of(code status.Code) Class {
	if cl, ok := c.overrides[code]; ok && objection(code, cl) == "" {
		return cl
	}
	return referenceClass(code)
}

// With returns a copy in which code has the class cl. Whether that makes sense is
// for Validate to say.
func (c Classes) With(code status.Code, cl Class) Classes {
	changed := maps.Clone(c.overrides)
	if changed == nil {
		changed = make(map[status.Code]Class)
	}
	changed[code] = cl
	return Classes{overrides: changed}
}

// Validate names, in one joined error, every override that cannot be: one for OK
// or for a code that the reference does not know, one with an undefined class, a
// final class for a code that may never end a session (internal codes but for
// VideoCallAtSourceCapacity, and demotion codes), and anything but Terminal for
// AudioJoinedFromAnotherDevice, since two clients that share credentials and both
// come back would push each other out without end.
func (c Classes) Validate() error {
	var errs []error
	for _, code := range slices.Sorted(maps.Keys(c.overrides)) {
		cl := c.overrides[code]
		if why := objection(code, cl); why != "" {
			errs = append(errs, fmt.Errorf("policy: %s cannot be of class %v: %s", code.String(), cl, why))
		}
	}
	return errors.Join(errs...)
}

// objection says why code cannot have class cl, or nothing if it can.
func objection(code status.Code, cl Class) string {
	switch {
	case code == status.OK:
		return "it is not an event"
	case !code.Known():
		return "the code is unknown"
	case !cl.defined():
		return "there is no such class"
	case cl == Terminal && !mayEnd(code):
		return "the code is never told as the end of a session"
	case cl != Terminal && code == status.AudioJoinedFromAnotherDevice:
		return "being displaced is always final"
	}
	return ""
}

// mayEnd reports whether a session may stop because of code.
// VideoCallAtSourceCapacity is internal and yet final in the reference; an
// observer is told SignalingInternalServerError in its place (divergence 7.10).
func mayEnd(code status.Code) bool {
	return code.Told() == status.ToldStop || code == status.VideoCallAtSourceCapacity
}

// referenceClass is the reference's classification. A code that is both terminal
// and a failure is terminal. That EncodedTransformManagerFailed leads to a
// reconnect when it is reported is divergence 7.9; that a reported
// AudioVideoDisconnectedWhilePromoted does nothing is divergence 7.8.
func referenceClass(code status.Code) Class {
	switch {
	case code.Terminal():
		return Terminal
	case code.Failure() || !code.Known():
		return Failure
	}
	switch code {
	case status.VideoCallSwitchToViewOnly:
		return ViewOnly
	case status.IncompatibleSDP:
		return Renegotiation
	case status.AudioVideoWasRemovedFromPrimaryMeeting:
		return Demotion
	case status.EncodedTransformManagerFailed:
		return WithoutTransforms
	}
	return Ignore
}
