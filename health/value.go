package health

import (
	"encoding/json"
	"math"
	"strconv"
)

// Value is a number that may be absent, such as a metric that a media stack
// does not offer. The zero value is absent.
type Value struct {
	v   float64 // finite always; 0 while absent
	set bool
}

// Some gives a present value. NaN and the infinities are no measurements: they
// give an absent one (for NaN that is what the reference does, too).
func Some(v float64) Value {
	if !isFinite(v) {
		return Value{}
	}
	return Value{v: v, set: true}
}

// Get gives the number and whether there is one; an absent value gives 0, false.
// The number is always finite.
func (v Value) Get() (float64, bool) { return v.v, v.set }

// IsZero says whether the value is absent. It makes the JSON option omitzero
// leave out absent values but keep a present 0.
func (v Value) IsZero() bool { return !v.set }

// String gives the number in its shortest form, or "absent".
func (v Value) String() string {
	if !v.set {
		return "absent"
	}
	return strconv.FormatFloat(v.v, 'g', -1, 64)
}

// MarshalJSON writes the number, or null if it is absent. It never fails.
func (v Value) MarshalJSON() ([]byte, error) {
	if !v.set {
		return []byte("null"), nil
	}
	return json.Marshal(v.v)
}

// UnmarshalJSON reads what MarshalJSON writes. Anything but null and a number
// is an error and leaves the value as it was.
func (v *Value) UnmarshalJSON(b []byte) error {
	var p *float64
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	if p == nil {
		*v = Value{}
		return nil
	}
	*v = Some(*p)
	return nil
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// finite replaces what is no number by 0, so that no sum or comparison further
// on is poisoned.
func finite(v float64) float64 {
	if !isFinite(v) {
		return 0
	}
	return v
}
