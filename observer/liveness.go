package observer

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// LinkSuspected is told when a layer of the link does not show the signs of life
// that it should. Both layers are asked at once; LinkCleared or LinkDead follows,
// unless the link is lost or given up otherwise.
type LinkSuspected struct {
	Header
	// Diagnosis names the layers, and says why in numbers and words.
	Diagnosis health.Diagnosis `json:"diagnosis"`
	// Doubt is what the link itself reported (Reporter.Doubt), if that began it.
	Doubt status.Status `json:"doubt,omitzero"`
}

// LinkCleared is told when everything that was suspected has answered.
type LinkCleared struct {
	Header
	// After is how long the suspicion lasted, from the beginning of the silence.
	After time.Duration `json:"after"`
	// Paused, unless it is 0, is for how long this machine was not running: the
	// suspicion proved nothing, and the silence is counted anew.
	Paused time.Duration `json:"paused,omitempty"`
}

// LinkDead is told when layers of the link are found dead. Reconnecting, or
// Stopped, follows.
type LinkDead struct {
	Header
	Diagnosis health.Diagnosis `json:"diagnosis"`
}

// LinkHealed is told when a link that was found dead has come back before
// anything was done to it. Connected and Recovered follow, with the same link.
type LinkHealed struct {
	Header
	// Layers are those that were dead.
	Layers health.Layers `json:"layers"`
	// After is the time since LinkDead.
	After time.Duration `json:"after"`
}

// MediaProven is told during a recovery, before Connected, when the first
// inbound bytes or answers have shown that the new media path works.
type MediaProven struct {
	Header
	// After is how long that took once the link was open.
	After time.Duration `json:"after"`
}

// Liveness counts what the detector of dead links did in the life of a session.
type Liveness struct {
	// Suspected counts LinkSuspected, Cleared LinkCleared, Dead LinkDead, Healed
	// LinkHealed and Proven MediaProven.
	Suspected uint32 `json:"suspected,omitempty"`
	Cleared   uint32 `json:"cleared,omitempty"`
	Dead      uint32 `json:"dead,omitempty"`
	Healed    uint32 `json:"healed,omitempty"`
	Proven    uint32 `json:"proven,omitempty"`
	// Unproven counts links that were given up in a recovery because no proof of
	// media came in time.
	Unproven uint32 `json:"unproven,omitempty"`
	// Paused counts the times that this machine was not running for so long that
	// silence proved nothing: stalls and sleep.
	Paused uint32 `json:"paused,omitempty"`
}

// Name returns "LinkSuspected".
func (LinkSuspected) Name() string { return "LinkSuspected" }

// Name returns "LinkCleared".
func (LinkCleared) Name() string { return "LinkCleared" }

// Name returns "LinkDead".
func (LinkDead) Name() string { return "LinkDead" }

// Name returns "LinkHealed".
func (LinkHealed) Name() string { return "LinkHealed" }

// Name returns "MediaProven".
func (MediaProven) Name() string { return "MediaProven" }
