package machine

import (
	"encoding/json"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// EffectKind says what is to be done.
type EffectKind uint8

// The effects, with the fields that each one uses besides Kind.
const (
	effectInvalid   EffectKind = iota
	Open                       // Epoch, Attempt
	CancelOpen                 // Epoch, Status: cancel the context of the running Connect
	CloseLink                  // Epoch, Leave
	Notify                     // Event
	Ping                       // Epoch, ID
	Update                     // Epoch, ID, Renegotiate, ViewOnly
	CancelUpdate               // Epoch: end of its time or of its link
	CallPromote                // Epoch, ID
	CallDemote                 // Epoch, ID
	CancelPromotion            // Epoch: end of its time or of its link
	Settle                     // ID, Outcome, Status: answer the application's Promote or Demote
	Finish                     // -: Stopped was told, nothing follows
	Probe                      // Epoch, ID: send a media probe
	Restart                    // Epoch, ID, Attempt: restart media on the link
	Resume                     // Epoch, ID, Attempt: resume the session on the link
	CancelRestore              // Epoch, ID, Status: end of its time, or of its use
	Resync                     // Epoch, ID, Outage: let the application catch up
	CancelResync               // Epoch, ID
	Admit                      // ID, Attempt: ask the limiter
	CancelAdmit                // ID
	Refresh                    // ID: ask for credentials ahead of need
	CancelRefresh              // ID
	effectEnd
)

var effectNames = [effectEnd]string{
	Open: "open", CancelOpen: "cancel-open", CloseLink: "close-link", Notify: "notify", Ping: "ping",
	Update: "update", CancelUpdate: "cancel-update", CallPromote: "promote", CallDemote: "demote",
	CancelPromotion: "cancel-promotion",
	Settle:          "settle", Finish: "finish", Probe: "probe",
	Restart: "restart-media", Resume: "resume", CancelRestore: "cancel-restore", Resync: "resync",
	CancelResync: "cancel-resync", Admit: "admit", CancelAdmit: "cancel-admit", Refresh: "refresh",
	CancelRefresh: "cancel-refresh",
}

// String returns the name that the JSON form has.
func (k EffectKind) String() string { return nameOf(effectNames[:], int(k), "EffectKind") }

// MarshalText writes the name.
func (k EffectKind) MarshalText() ([]byte, error) { return textOf(effectNames[:], int(k), "effect") }

// UnmarshalText reads a name.
func (k *EffectKind) UnmarshalText(b []byte) error {
	i, err := indexOf(effectNames[:], string(b), "effect")
	*k = EffectKind(i)
	return err
}

// Outcome is the answer to an application's Promote or Demote.
type Outcome string

// The outcomes. Failed and Lost carry a status.
const (
	Done         Outcome = "done"
	Failed       Outcome = "failed"
	Lost         Outcome = "lost"
	NotConnected Outcome = "not-connected"
	Unsupported  Outcome = "unsupported"
	Busy         Outcome = "busy"
)

// Attempt describes one attempt to open a link.
type Attempt struct {
	Number   int          `json:"number"`
	Level    policy.Level `json:"level"`
	Endpoint string       `json:"endpoint,omitempty"`
	// FindEndpoint says that endpoints have to be asked for; the first one is meant.
	FindEndpoint bool `json:"findEndpoint,omitempty"`
	// RestartMedia says that media has to be restarted, too, in a resume.
	RestartMedia      bool          `json:"restartMedia,omitempty"`
	Cause             status.Status `json:"cause,omitzero"`
	ViewOnly          bool          `json:"viewOnly,omitempty"`
	WithoutTransforms bool          `json:"withoutTransforms,omitempty"`
	// Rejected says that the credentials of the last attempt were.
	Rejected bool          `json:"rejected,omitempty"`
	Timeout  time.Duration `json:"timeout"`
}

// Effect is one thing to do. The effects of one Handle are performed in order.
type Effect struct {
	Kind        EffectKind       `json:"kind"`
	Epoch       uint64           `json:"epoch,omitempty"`
	ID          uint64           `json:"id,omitempty"`
	Attempt     Attempt          `json:"attempt,omitzero"`
	Status      status.Status    `json:"status,omitzero"`
	Outcome     Outcome          `json:"outcome,omitempty"`
	Leave       bool             `json:"leave,omitempty"`
	Renegotiate bool             `json:"renegotiate,omitempty"`
	ViewOnly    bool             `json:"viewOnly,omitempty"`
	Outage      *observer.Outage `json:"outage,omitempty"`
	Event       observer.Event   `json:"-"`
}

type effectJSON struct {
	plainEffect
	Event json.RawMessage `json:"event,omitempty"`
}

type plainEffect Effect

// MarshalJSON writes the effect with its event by name.
func (e Effect) MarshalJSON() ([]byte, error) {
	out := effectJSON{plainEffect: plainEffect(e)}
	if e.Event != nil {
		raw, err := observer.Marshal(e.Event)
		if err != nil {
			return nil, err
		}
		out.Event = raw
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Effect) UnmarshalJSON(b []byte) error {
	var in effectJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*e = Effect(in.plainEffect)
	if len(in.Event) == 0 {
		return nil
	}
	event, err := observer.Unmarshal(in.Event)
	e.Event = event
	return err
}
