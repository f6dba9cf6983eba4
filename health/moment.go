package health

import (
	"math"
	"time"
)

// Moment is a time on the caller's monotonic clock, or never. The zero value is
// never, which At(0) is not: a clock may well begin at 0.
type Moment struct {
	at  time.Duration // 0 while never
	set bool
}

// At gives the moment t.
func At(t time.Duration) Moment { return Moment{at: t, set: true} }

// Get gives the time and whether there is one; never gives 0, false.
func (m Moment) Get() (time.Duration, bool) { return m.at, m.set }

// IsZero says whether the moment is never.
func (m Moment) IsZero() bool { return !m.set }

// String gives the time as a duration since the clock's origin, or "never".
func (m Moment) String() string {
	if !m.set {
		return "never"
	}
	return m.at.String()
}

// within says whether now lies before m + d, strictly (reference). Never is not
// within anything, and a negative d is a rule that is switched off.
func (m Moment) within(now, d time.Duration) bool {
	return m.set && d >= 0 && now < later(m.at, d)
}

// later adds d >= 0 to t and stays at the end of time instead of wrapping.
func later(t, d time.Duration) time.Duration {
	if t > math.MaxInt64-d {
		return math.MaxInt64
	}
	return t + d
}

// between gives the time from one instant to another: 0 if the clock ran
// backwards, the longest duration if the true one does not fit.
func between(from, to time.Duration) time.Duration {
	switch d := to - from; {
	case to <= from:
		return 0
	case d < 0:
		return math.MaxInt64
	default:
		return d
	}
}

// inMilliseconds gives d in the unit of the media figures.
func inMilliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
