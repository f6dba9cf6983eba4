package policy

// Refusal says why no further attempt is allowed. Its text form is stable.
type Refusal int

const (
	// RefusedNot: not refused. The zero value.
	RefusedNot Refusal = iota
	// RefusedDisabled: Retries.Disable was called in this budget period.
	RefusedDisabled
	// RefusedElapsed: the time since the loss uses up Budget.Elapsed.
	RefusedElapsed
	// RefusedIdle: the time since the last sign of life uses up Budget.Idle.
	RefusedIdle
	// RefusedAttempts: the attempts so far use up Budget.Attempts.
	RefusedAttempts
	// RefusedBackoff: the backoff returned backoff.Stop.
	RefusedBackoff
)

var refusalTexts = texts{"not", "disabled", "elapsed", "idle", "attempts", "backoff"}

// String gives what ran out in one word, "not" if nothing did; an undefined value
// shows its number.
func (r Refusal) String() string { return refusalTexts.format("Refusal", int(r)) }

// MarshalText gives what String gives and never fails.
func (r Refusal) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the text of a defined refusal; the error names anything else.
func (r *Refusal) UnmarshalText(text []byte) error {
	v, err := refusalTexts.parse("refusal", text)
	if err == nil {
		*r = Refusal(v)
	}
	return err
}
