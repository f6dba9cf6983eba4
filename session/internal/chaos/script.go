package chaos

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// Script is one life of a session: what it is set to, what happens to it and
// when, how its surroundings answer what it asks of them, and how it ends. It
// says all that there is to say, so that one that has shown a fault can be kept
// and played again.
type Script struct {
	// Seed is what it was made from. The jitter and the order of what happens at the
	// same moment depend on it, too.
	Seed     uint64   `json:"seed"`
	Profile  string   `json:"profile,omitempty"`
	Settings Settings `json:"settings"`
	Steps    []Step   `json:"steps,omitempty"`
	Answers  []Answer `json:"answers,omitempty"`
	End      Ending   `json:"end,omitempty"`
}

// Span is a duration that is written as time.Duration writes itself.
type Span time.Duration

// MarshalText writes the span.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a span.
func (s *Span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*s = Span(d)
	return err
}

// String writes the span as time.Duration does.
func (s Span) String() string { return time.Duration(s).String() }

// Settings is how the session is configured. Spans and numbers are those of
// session.Config and policy.Policy, taken literally: a zero is off, or nothing.
type Settings struct {
	Elapsed    Span `json:"elapsed"`
	Idle       Span `json:"idle"`
	Attempts   int  `json:"attempts"`
	Extension  Span `json:"extension,omitempty"`
	Rejections int  `json:"rejections,omitempty"`
	// BackOff is "adaptive", "jitter" or "none".
	BackOff       string `json:"backOff,omitempty"`
	StableAfter   Span   `json:"stableAfter,omitempty"`
	MaxRetryAfter Span   `json:"maxRetryAfter,omitempty"`
	// Ladder switches the levels below a rejoin on.
	Ladder          bool `json:"ladder,omitempty"`
	ConnectTimeout  Span `json:"connectTimeout"`
	CloseGrace      Span `json:"closeGrace"`
	ReasonGrace     Span `json:"reasonGrace,omitempty"`
	PresenceTimeout Span `json:"presenceTimeout,omitempty"`
	PingInterval    Span `json:"pingInterval,omitempty"`
	ProofTimeout    Span `json:"proofTimeout,omitempty"`
	PrepareTimeout  Span `json:"prepareTimeout"`
	// ResyncTimeout switches the hook on.
	ResyncTimeout Span `json:"resyncTimeout,omitempty"`
	DownTimeout   Span `json:"downTimeout,omitempty"`
	Detector      bool `json:"detector,omitempty"`
	NoHealing     bool `json:"noHealing,omitempty"`
	ViewOnly      bool `json:"viewOnly,omitempty"`
	// Endpoints is how many there are in the list; FindEndpoints asks for them
	// instead.
	Endpoints     int  `json:"endpoints,omitempty"`
	FindEndpoints bool `json:"findEndpoints,omitempty"`
	// Credentials switches the source on; what it gives expires after ExpireIn.
	Credentials bool `json:"credentials,omitempty"`
	ExpireIn    Span `json:"expireIn,omitempty"`
	Limiter     bool `json:"limiter,omitempty"`
	// Can is what links can do. RTT is how long they take to answer, Media how often
	// packets come in (0: never), Expect what they declare.
	Can    Can                `json:"can,omitempty"`
	RTT    Span               `json:"rtt,omitempty"`
	Media  Span               `json:"media,omitempty"`
	Expect health.Expectation `json:"expect,omitempty"`
	// Echo says that a link which is closed reports the end of its signaling.
	Echo bool `json:"echo,omitempty"`
	// Chatty says that an observer calls the session back. Only the runtime has
	// observers.
	Chatty bool `json:"chatty,omitempty"`
	// Slow is how long an observer takes for each event.
	Slow Span `json:"slow,omitempty"`
}

// Can is a set of abilities.
type Can machine.Abilities

var abilityNames = []string{"ping", "update", "promote", "probe", "restart", "resume"}

// MarshalText names the abilities.
func (c Can) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String joins the names with a plus.
func (c Can) String() string {
	var list []string
	for i, name := range abilityNames {
		if c&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, "+")
}

// UnmarshalText reads the names.
func (c *Can) UnmarshalText(text []byte) error {
	*c = 0
next:
	for _, word := range strings.FieldsFunc(string(text), func(r rune) bool { return r == '+' }) {
		for i, name := range abilityNames {
			if word == name {
				*c |= 1 << i
				continue next
			}
		}
		return fmt.Errorf("chaos: there is no ability %q", word)
	}
	return nil
}

// Deed is what happens in a step.
type Deed string

// The deeds, with the fields of Step that each one uses besides At.
const (
	Start      Deed = "start"       // -
	Stop       Deed = "stop"        // -
	StopWith   Deed = "stop-with"   // -: with a reason of the application's own
	Cancel     Deed = "cancel"      // -: the context of Start, or Run, ends
	Subscribe  Deed = "subscribe"   // -: one more observer, until the next such step
	Fault      Deed = "fault"       // -: a callback of the application panics
	Block      Deed = "block"       // For: the next callback takes so long
	Flap       Deed = "flap"        // Times, For: the newest link is lost, and again every so often
	Report     Deed = "report"      // Back, Status
	Close      Deed = "close"       // Back, Layer, Status: a layer closes; a zero status gives no reason
	Doubt      Deed = "doubt"       // Back, Layer
	Samples    Deed = "samples"     // Back, Times, Flowing: one a second
	Hear       Deed = "hear"        // Back, Layer: bytes come in
	Declare    Deed = "declare"     // Back, Expect
	Present    Deed = "present"     // Back
	StrayPong  Deed = "stray-pong"  // Back: an answer to a ping that was never sent
	Silence    Deed = "silence"     // Layers, For: of the newest link; the others can be heard again. 0: for good
	Hint       Deed = "hint"        // Hint
	Sleep      Deed = "sleep"       // For: the wall clock runs on, or back if it is negative
	Stall      Deed = "stall"       // For: time passes, and nothing is handled
	Update     Deed = "update"      // Renegotiate, ViewOnly
	Promote    Deed = "promote"     // -
	Demote     Deed = "demote"      // -
	Reconnect  Deed = "reconnect"   // -
	CannotPing Deed = "cannot-ping" // -: pings and probes of the newest link return ErrUnsupported
)

// Step is one thing that happens.
type Step struct {
	At Span `json:"at"`
	Do Deed `json:"do"`
	// Back is how many links before the newest one it concerns.
	Back        int                `json:"back,omitempty"`
	Status      status.Status      `json:"status,omitzero"`
	Layer       status.Layer       `json:"layer,omitempty"`
	Layers      health.Layers      `json:"layers,omitempty"`
	Hint        observer.Hint      `json:"hint,omitempty"`
	Expect      health.Expectation `json:"expect,omitempty"`
	For         Span               `json:"for,omitempty"`
	Times       int                `json:"times,omitempty"`
	Flowing     bool               `json:"flowing,omitempty"`
	Renegotiate bool               `json:"renegotiate,omitempty"`
	ViewOnly    bool               `json:"viewOnly,omitempty"`
}

// Call is something that a session asks of its surroundings.
type Call string

// The calls. Pings and probes are answered by the settings of the link.
const (
	ToConnect     Call = "connect"
	ToRestart     Call = "restart-media"
	ToResume      Call = "resume"
	ToUpdate      Call = "update"
	ToPromote     Call = "promote"
	ToDemote      Call = "demote"
	ToClose       Call = "close"
	ToLeave       Call = "leave"
	ToResync      Call = "resync"
	ToCredentials Call = "credentials"
	ToEndpoints   Call = "endpoints"
	ToLimiter     Call = "limiter"
)

// Outcome is how a call ends.
type Outcome string

// The outcomes.
const (
	Works        Outcome = ""
	Fails        Outcome = "fails" // with the status
	Refused      Outcome = "refused"
	Unauthorized Outcome = "unauthorized"
	Unsupported  Outcome = "unsupported"
	Nothing      Outcome = "nothing" // it returns as if all were well, with nothing in its hands
	Panics       Outcome = "panics"
	Exits        Outcome = "exits" // it leaves its goroutine
	Hangs        Outcome = "hangs" // until its context ends; the status, if there is one, says where
	Again        Outcome = "again" // the source gives the credentials that it has given before
)

// Manner is what a call makes of the end of its context.
type Manner string

// The manners.
const (
	Polite Manner = ""     // it returns at once
	Deaf   Manner = "deaf" // it does not notice; one that hangs never returns
	Late   Manner = "late" // it waits for it, and only then begins
)

// Answer is what one call of a kind does: the first answer of a script to a kind
// of call is for the first call of that kind, and so on. Those without an answer
// work at once, until the server is gone.
type Answer struct {
	To     Call          `json:"to"`
	Does   Outcome       `json:"does,omitempty"`
	After  Span          `json:"after,omitempty"`
	Manner Manner        `json:"manner,omitempty"`
	Status status.Status `json:"status,omitzero"`
	// Lacks is what a link that is opened cannot do, Mute which layers of it are silent
	// from the beginning.
	Lacks Can           `json:"lacks,omitempty"`
	Mute  health.Layers `json:"mute,omitempty"`
	// Absent: the attendee does not show up.
	Absent bool `json:"absent,omitempty"`
}

// Ending is what happens after the last step.
type Ending string

// The endings.
const (
	// Gone: the server is gone for good. The session has to end by itself if it has a
	// budget of time; if not the application ends it in the end.
	Gone Ending = "gone"
	// Vanished is Gone, and nobody says so: links fall silent, and nothing else. Only for
	// links that can ping and probe, with the detector on.
	Vanished Ending = "vanished"
	// Well: everything works from then on, and every attempt that begins has to succeed,
	// until the application stops the session.
	Well Ending = "well"
	// Leaves: the application stops the session a while later.
	Leaves Ending = ""
)

// runs reports whether a session is started with Run, and not with Start.
func (s *Script) runs() bool { return s.Seed%2 == 0 }

// The time between the last step and the end.
const rest = 5 * time.Second

// lasts is how long a step goes on.
func (s *Step) lasts() Span {
	if s.Do != Flap {
		return 0
	}
	return Span(s.Times) * s.For
}

// flap is how a link is lost that flaps.
var flap = status.Status{Code: status.TaskFailed, Layer: status.LayerSignaling}

// last is the time of the last step, or of its end.
func (s *Script) last() time.Duration {
	var at Span
	for i := range s.Steps {
		at = max(at, s.Steps[i].At+s.Steps[i].lasts())
	}
	return time.Duration(at)
}
