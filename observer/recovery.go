package observer

import (
	"time"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Hint is what an application knows of its own network. The strings are stable.
type Hint string

// The hints.
const (
	// NetworkDown: there is no network. Attempts wait until there is.
	NetworkDown Hint = "network-down"
	// NetworkUp: there is a network again.
	NetworkUp Hint = "network-up"
	// NetworkChanged: there is another network than before.
	NetworkChanged Hint = "network-changed"
	// Woke: this machine was asleep.
	Woke Hint = "woke"
)

// Known reports whether h is one of the constants.
func (h Hint) Known() bool {
	return h == NetworkDown || h == NetworkUp || h == NetworkChanged || h == Woke
}

// Hinted is told when the application has given a hint about its network
// (Session.Hint).
type Hinted struct {
	Header
	Hint Hint `json:"hint"`
	// Expired says that a NetworkDown was not taken back, and does not count any
	// more: attempts go on.
	Expired bool `json:"expired,omitempty"`
}

// AttemptQueued is told when an attempt has to wait for the limiter that this
// session shares with others. AttemptStarted follows, unless the limiter fails or
// the session ends first.
type AttemptQueued struct {
	Header
	Level policy.Level `json:"level"`
}

// EndpointsFound is told when the source of endpoints has answered during an
// attempt. The attempt goes to the first one.
type EndpointsFound struct {
	Header
	Endpoints []string `json:"endpoints"`
}

// CredentialsRefreshed is told when credentials were asked for ahead of need,
// because the ones at hand are about to expire.
type CredentialsRefreshed struct {
	Header
	// Status says why there are none; OK if there are.
	Status status.Status `json:"status,omitzero"`
	// ExpireIn is how long they will do; 0 if that is not known.
	ExpireIn time.Duration `json:"expireIn,omitzero"`
}

// Resyncing is told in a recovery when the link works, and the application gets
// the chance to catch up with what it has missed, before Connected.
type Resyncing struct {
	Header
	Outage Outage `json:"outage"`
}

// Name returns "Hinted".
func (Hinted) Name() string { return "Hinted" }

// Name returns "AttemptQueued".
func (AttemptQueued) Name() string { return "AttemptQueued" }

// Name returns "EndpointsFound".
func (EndpointsFound) Name() string { return "EndpointsFound" }

// Name returns "CredentialsRefreshed".
func (CredentialsRefreshed) Name() string { return "CredentialsRefreshed" }

// Name returns "Resyncing".
func (Resyncing) Name() string { return "Resyncing" }
