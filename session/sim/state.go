package sim

import "fmt"

// State is where a client stands. Each is in exactly one at any time.
type State uint8

// The states.
const (
	// Connected: it has a link that works.
	Connected State = iota
	// Unnoticed: its link does not work, and it does not know that yet.
	Unnoticed
	// Reconnecting: it is trying to get another one.
	Reconnecting
	// Stopped: it has given up.
	Stopped
	states
)

var stateNames = [states]string{"connected", "unnoticed", "reconnecting", "stopped"}

// String gives the state in one word; an undefined value shows its number.
func (s State) String() string {
	if s < states {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// MarshalText gives what String gives and never fails.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
