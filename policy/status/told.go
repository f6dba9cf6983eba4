package status

// Told says where an observer may meet a code (reference; G7). The zero value
// is ToldInternal.
type Told int

const (
	// ToldInternal codes are never shown to an observer as a reason.
	ToldInternal Told = iota
	// ToldStop codes may be the reason why a session stopped.
	ToldStop
	// ToldDemote codes appear only as the reason of a demotion.
	ToldDemote
)

// String returns "internal", "stop" or "demote", otherwise "Told(9)".
func (t Told) String() string { return enumName("Told", int(t), "internal", "stop", "demote") }

// Told returns where an observer may meet c. Unknown codes are internal.
func (c Code) Told() Told { return c.row().told }

// Public returns the code under which c may end a session in the eyes of an
// observer. Codes that may be told are their own public code;
// VideoCallAtSourceCapacity becomes SignalingInternalServerError
// (divergence 7.10); all others, unknown codes among them, become TaskFailed
// (G7). Whoever replaces a code keeps the original as the cause.
func (c Code) Public() Code {
	switch {
	case c.Told() == ToldStop:
		return c
	case c == VideoCallAtSourceCapacity:
		return SignalingInternalServerError
	default:
		return TaskFailed
	}
}

// Audience says when the end user should hear of a code (reference). The zero
// value is Nobody.
type Audience int

const (
	// Nobody: a general sentence is all that an end user should see.
	Nobody Audience = iota
	// WhileReconnecting: worth telling during a reconnect only.
	WhileReconnecting
	// Always: the end user should hear what happened.
	Always
)

// String returns "nobody", "while reconnecting" or "always", otherwise
// "Audience(9)".
func (a Audience) String() string {
	return enumName("Audience", int(a), "nobody", "while reconnecting", "always")
}

// Audience returns when the end user should hear of c. Unknown codes are for
// nobody.
func (c Code) Audience() Audience { return c.row().audience }
