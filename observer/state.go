package observer

// State is where a session is in its life. The strings are those of the
// transition table and of the diagram in the README. The zero value is not a
// state.
type State string

// The states. Stopped is final: a new call takes a new session.
const (
	StateIdle         State = "idle"
	StateConnecting   State = "connecting"
	StateConnected    State = "connected"
	StateReconnecting State = "reconnecting"
	StateStopped      State = "stopped"
)

// Initiator says on whose account a session, or a promotion, ended.
type Initiator string

// The initiators.
const (
	// ByApplication: Stop, Close or the end of a context that the application gave.
	ByApplication Initiator = "application"
	// ByStatus: a terminal status, or a transport's permanent error.
	ByStatus Initiator = "status"
	// ByPolicy: the retry budget ended or the backoff gave up.
	ByPolicy Initiator = "policy"
	// ByFault: code of the application panicked, or its transport ignores its context.
	ByFault Initiator = "fault"
	// ByLoss: the connection was lost (of a promotion only).
	ByLoss Initiator = "loss"
)
