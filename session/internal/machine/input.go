package machine

import (
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Instant is one moment on both clocks. Budgets and delays use Mono; Wall is
// for people and shows, by its jumps against Mono, that the machine slept.
type Instant struct {
	Mono time.Duration `json:"mono"`
	Wall time.Time     `json:"wall"`
}

// Kind says what happened.
type Kind uint8

// The inputs. The comment names the fields of Input that each one uses besides
// Kind and Heard.
const (
	kindInvalid Kind = iota
	Start            // -
	Opened           // Epoch, Abilities: Connect has returned a link
	OpenFailed       // Epoch, Status, Rejected: Connect has returned an error, or its late link was closed
	Reported         // Epoch, Status: a status from the link
	LinkClosed       // Epoch, Layer, Status, Bare: a layer of the link has closed
	CloseDone        // Epoch: Close has returned
	Sampled          // Epoch, Sample
	Ponged           // Epoch, ID
	Present          // Epoch: the attendee is on the roster
	UpdateDone       // Epoch, ID, Status, Unsupported
	Promote          // ID: the application asks for a promotion
	PromoteDone      // Epoch, ID, Status, Unsupported
	Demote           // ID: the application asks to leave the promotion
	DemoteDone       // Epoch, ID, Status, Unsupported
	Reconnect        // Status: the application asks for a recovery
	Stop             // Status: the application stops, Status.Cause says why
	Fault            // Status: code of the application panicked
	Tick             // -: a deadline has come
	CannotPing       // Epoch: the link has not got the ability after all
	Probed           // Epoch, ID: the answer to a media probe
	CannotProbe      // Epoch: the link has not got the ability after all
	Expected         // Epoch, Expect: what should come in on the media path
	Doubted          // Epoch, Layer, Status: bad evidence that is no verdict
	Prepared         // Epoch, Ready: the questions of an attempt are answered, as far as Ready says
	Restored         // Epoch, ID, Status, Unsupported, Refused, Rejected: a restart of media or a resume has ended
	Resynced         // Epoch, ID, Status, Unsupported: the application has caught up, or cannot
	Hinted           // Hint: what the application knows of its network
	Ask              // Renegotiate, ViewOnly: the application asks for an update
	Admitted         // ID, Status: the limiter has let an attempt through
	Refreshed        // ID, Status, Ready: credentials asked for ahead of need
	kindEnd
)

var kindNames = [kindEnd]string{
	Start: "start", Opened: "opened", OpenFailed: "open-failed", Reported: "status", LinkClosed: "link-closed",
	CloseDone: "close-done", Sampled: "sample", Ponged: "pong", Present: "present", UpdateDone: "update-done",
	Promote: "promote", PromoteDone: "promote-done", Demote: "demote", DemoteDone: "demote-done",
	Reconnect: "reconnect", Stop: "stop", Fault: "fault", Tick: "tick",
	CannotPing: "cannot-ping", Probed: "probed", CannotProbe: "cannot-probe", Expected: "expected", Doubted: "doubted",
	Prepared: "prepared", Restored: "restored", Resynced: "resynced", Hinted: "hinted", Ask: "ask",
	Admitted: "admitted", Refreshed: "refreshed",
}

// String returns the name that the JSON form has.
func (k Kind) String() string { return nameOf(kindNames[:], int(k), "Kind") }

// MarshalText writes the name.
func (k Kind) MarshalText() ([]byte, error) { return textOf(kindNames[:], int(k), "input") }

// UnmarshalText reads a name.
func (k *Kind) UnmarshalText(b []byte) error {
	i, err := indexOf(kindNames[:], string(b), "input")
	*k = Kind(i)
	return err
}

// Abilities are the optional things that a link can do.
type Abilities uint8

// The abilities, as bits.
const (
	CanPing Abilities = 1 << iota
	CanUpdate
	CanPromote
	CanProbe
	CanRestart
	CanResume
)

// Heard is when inbound bytes were last noted on each layer of the present
// link, on the monotonic clock; 0 means never. Every input carries it, but for
// reports of another epoch.
type Heard struct {
	Signaling time.Duration `json:"signaling,omitempty"`
	Media     time.Duration `json:"media,omitempty"`
}

func (h Heard) latest() time.Duration { return max(h.Signaling, h.Media) }

// Input is one thing that happened. It is a struct, not an interface, so that
// a sample costs no allocation.
type Input struct {
	Kind      Kind          `json:"kind"`
	Epoch     uint64        `json:"epoch,omitempty"`
	ID        uint64        `json:"id,omitempty"`
	Status    status.Status `json:"status,omitzero"`
	Layer     status.Layer  `json:"layer,omitempty"`
	Abilities Abilities     `json:"abilities,omitempty"`
	// Bare says that the closed layer gave no reason, so that one may follow.
	Bare bool `json:"bare,omitempty"`
	// Unsupported says that the operation returned errors.ErrUnsupported.
	Unsupported bool `json:"unsupported,omitempty"`
	// Refused says that the server has refused the level of the attempt, Rejected
	// that it has rejected the credentials.
	Refused  bool `json:"refused,omitempty"`
	Rejected bool `json:"rejected,omitempty"`
	// Renegotiate and ViewOnly are what the application asks for.
	Renegotiate bool          `json:"renegotiate,omitempty"`
	ViewOnly    bool          `json:"viewOnly,omitempty"`
	Hint        observer.Hint `json:"hint,omitempty"`
	// Ready is never written once it is handed in.
	Ready *Ready `json:"ready,omitempty"`
	// Expect is what a link declares.
	Expect health.Expectation `json:"expect,omitempty"`
	Heard  Heard              `json:"heard,omitzero"`
	// Sample is read during Handle only; it is a pointer so that the other
	// inputs stay small.
	Sample *health.Sample `json:"sample,omitempty"`
}

// Ready is what has been found out for an attempt.
type Ready struct {
	// Endpoints are all that are known now; nil if they were not asked for.
	Endpoints []string `json:"endpoints,omitempty"`
	// Authorized says that there are credentials, which will do for ExpireIn; 0 if
	// that is not known.
	Authorized bool          `json:"authorized,omitempty"`
	ExpireIn   time.Duration `json:"expireIn,omitempty"`
}

func nameOf(names []string, i int, what string) string {
	if i > 0 && i < len(names) && names[i] != "" {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", what, i)
}

func textOf(names []string, i int, what string) ([]byte, error) {
	if i > 0 && i < len(names) {
		return []byte(names[i]), nil
	}
	return nil, fmt.Errorf("machine: unknown %s %d", what, i)
}

func indexOf(names []string, name, what string) (int, error) {
	for i, n := range names {
		if n == name && n != "" {
			return i, nil
		}
	}
	return 0, fmt.Errorf("machine: unknown %s %q", what, name)
}
