package policy

import (
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// Phase is where a session stands when a status arrives. Its text form is stable.
type Phase int

const (
	// Attached: connected. The zero value.
	Attached Phase = iota
	// Attempting: an attempt is running and a status was reported meanwhile.
	Attempting
	// Failed: an attempt has ended with the status.
	Failed
	// Waiting: between two attempts.
	Waiting
)

var phaseTexts = texts{"attached", "attempting", "failed", "waiting"}

// String gives the phase in one word; an undefined value shows its number.
func (p Phase) String() string { return phaseTexts.format("Phase", int(p)) }

// MarshalText gives what String gives and never fails.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the text of a defined phase; the error names anything else.
func (p *Phase) UnmarshalText(text []byte) error {
	v, err := phaseTexts.parse("phase", text)
	if err == nil {
		*p = Phase(v)
	}
	return err
}

// Action is what a session is to do. Its text form is stable.
type Action int

const (
	// Nothing: go on as before. The zero value.
	Nothing Action = iota
	// Stop: end the session with Decision.Status.
	Stop
	// Retry: make an attempt after Decision.Delay, and end the running one.
	Retry
	// Renegotiate: agree on the media description anew, on the same connection.
	Renegotiate
	// SwitchToViewOnly: stop sending video, on the same connection; from now on
	// attempts are view-only.
	SwitchToViewOnly
	// Demote: the promotion is over; stay connected.
	Demote
	// Fold: the status belongs to the outage that already waits for its next
	// attempt. One outage has one attempt at a time (divergence 7.3).
	Fold
)

var actionTexts = texts{"nothing", "stop", "retry", "renegotiate", "view-only", "demote", "fold"}

// String gives the action in lower-case words; an undefined value shows its number.
func (a Action) String() string { return actionTexts.format("Action", int(a)) }

// MarshalText gives what String gives and never fails.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the text of a defined action; the error names anything else.
func (a *Action) UnmarshalText(text []byte) error {
	v, err := actionTexts.parse("action", text)
	if err == nil {
		*a = Action(v)
	}
	return err
}

// Rule names the rule that settled a decision. The strings are stable.
type Rule string

// The rules, in the order in which they are asked.
const (
	RuleStop      Rule = "stop asked" // the application wants to leave
	RuleTerminal  Rule = "terminal"   // the status is final
	RuleInSession Rule = "in-session" // no attempt is needed
	RuleBudget    Rule = "budget"     // no attempt is allowed any more
	RuleLevel     Rule = "level"      // a level has failed: the next one, at once
	RuleBackoff   Rule = "backoff"    // the backoff gave up
	RuleDelay     Rule = "delay"      // an attempt, after a delay
)

// Facts are what a decision is about.
type Facts struct {
	// StopAsked is whether the application asked the session to stop.
	StopAsked bool `json:"stopAsked"`
	// Phase is where the session stands. The constants are the only values.
	Phase Phase `json:"phase"`
	// Lost says that the connection is gone whatever the class of the status says:
	// nothing in the session can settle it.
	Lost bool `json:"lost,omitempty"`
	// Status is what was learned.
	Status status.Status `json:"status"`
	// Recovery is what is known of the outage.
	Recovery Recovery `json:"recovery,omitzero"`
}

// Decision is what to do, why, and on what grounds. What an earlier rule found
// stays in it when a later one settles the matter: a Stop by the rule "backoff"
// shows the Level that the attempt would have had. Action says what counts. The
// JSON form is stable, with durations in nanoseconds.
type Decision struct {
	Action Action `json:"action"`
	// Rule is the rule that settled it; never empty.
	Rule Rule `json:"rule"`
	// Status is the status that decided: Left for a stop that was asked for,
	// TaskFailed with the reported status as its cause for an attempt that failed
	// with a code which says nothing about failing (divergence 7.5), else the
	// reported one. It may carry an internal code; what an observer is told is
	// for status.Code.Public to say.
	Status status.Status `json:"status"`
	// Level is the level of the attempt; set from the rule "level" on.
	Level Level `json:"level"`
	// Delay is the wait before the attempt, never below 0; 0 unless Retry, and for an
	// attempt at the level above one that has failed.
	Delay time.Duration `json:"delay"`
	// ViewOnly and WithoutTransforms ask for that in the coming attempt.
	ViewOnly          bool `json:"viewOnly"`
	WithoutTransforms bool `json:"withoutTransforms"`
	// Refusal is why no attempt is allowed; RefusedNot unless the rules "budget"
	// or "backoff" stop.
	Refusal Refusal `json:"refusal"`

	// Left is what the budget has left.
	Left Left `json:"left"`
	// Attempts is the number of attempts in this budget period so far.
	Attempts int `json:"attempts"`
	// Elapsed is the time since the first loss of this budget period.
	Elapsed time.Duration `json:"elapsed"`
	// Facts are the inputs.
	Facts Facts `json:"facts"`
}
