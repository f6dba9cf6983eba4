package policy

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Reach is how many clients suffer a loss. Its text form is stable.
type Reach int

const (
	// ReachUnknown: it is not known. The zero value.
	ReachUnknown Reach = iota
	// ReachLocal: this client alone. Its own network has changed, or it was asleep.
	ReachLocal
	// ReachShared: many clients at the same moment. The server goes away, answers
	// with 5xx, or refuses connections.
	ReachShared
)

var reachTexts = texts{"unknown", "local", "shared"}

// String gives the reach in one word; an undefined value shows its number.
func (r Reach) String() string { return reachTexts.format("Reach", int(r)) }

// MarshalText gives what String gives and never fails.
func (r Reach) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the text of a defined reach; the error names anything else.
func (r *Reach) UnmarshalText(text []byte) error {
	v, err := reachTexts.parse("reach", text)
	if err == nil {
		*r = Reach(v)
	}
	return err
}

// Cause is why there has to be an attempt, as far as the delay before it may
// depend on that.
type Cause struct {
	// Reach is how many clients suffer it.
	Reach Reach `json:"reach"`
	// First: no attempt was made yet in this budget period.
	First bool `json:"first,omitempty"`
	// Light: the attempt renews the media path only, over signaling that is open.
	Light bool `json:"light,omitempty"`
	// Refused: a server that is alive has refused.
	Refused bool `json:"refused,omitempty"`
	// Elapsed is the time since the first loss of the budget period.
	Elapsed time.Duration `json:"elapsed,omitzero"`
	// Asked is how long the server asked to be left alone, 0 if it did not. It is
	// waited for besides; the delay is what the answers are spread by.
	Asked time.Duration `json:"asked,omitzero"`
}

// CauseAware is a backoff whose delays depend on the cause. NextFor is called in
// place of NextBackOff and returns what that would; NextBackOff is NextFor a Cause
// of which nothing is known.
type CauseAware interface {
	backoff.BackOff
	NextFor(c Cause) time.Duration
}
