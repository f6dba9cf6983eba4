package observer

import (
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// Snapshot is a copy of what a session knows of itself at one instant. It
// shares nothing with the session.
type Snapshot struct {
	Session string `json:"session,omitempty"`
	State   State  `json:"state"`
	// Ending says that the session is giving up what it holds, for at most the
	// close grace; Stopped is still to come.
	Ending bool `json:"ending,omitempty"`
	// Seq is the sequence number of the last event that the snapshot includes:
	// a subscriber's first event is the next one.
	Seq uint64 `json:"seq"`
	// Since is when the state was entered.
	Since time.Time `json:"since"`
	Epoch uint64    `json:"epoch"`
	// Attempt is the number of the running or last attempt of the running
	// outage, or of the first connect; 0 while connected.
	Attempt int `json:"attempt"`
	// NextAttempt is when the next one is due; zero unless one is scheduled.
	NextAttempt time.Time `json:"nextAttempt,omitzero"`
	// Offline says that attempts wait because of a NetworkDown.
	Offline  bool `json:"offline,omitempty"`
	Promoted bool `json:"promoted"`
	ViewOnly bool `json:"viewOnly"`
	// First and Last are the causes of the running outage or, once stopped, of
	// the one that ended the session.
	First status.Status `json:"first,omitzero"`
	Last  status.Status `json:"last,omitzero"`
	// Outages counts the outages so far, the running one included.
	Outages int `json:"outages"`
	// Stale counts reports that came from the link of an older epoch and
	// changed nothing (G10).
	Stale uint64 `json:"stale"`
	// RTT is the latest signaling round trip; 0 until a ping was answered.
	RTT time.Duration `json:"rtt"`
	// MissedPongs counts the pings in a row that went unanswered.
	MissedPongs int `json:"missedPongs"`
	// SilentSamples counts the health samples in a row without inbound traffic.
	SilentSamples int `json:"silentSamples"`
	// Liveness counts what the detector of dead links did.
	Liveness Liveness `json:"liveness,omitzero"`
}
