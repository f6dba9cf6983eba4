package sim

import (
	"errors"
	"fmt"
	"time"
)

// Schedule is an open-loop client: it tries again after fixed or random delays,
// whatever it is told, always from nothing, until it is connected or gives up. Other
// libraries are compared by theirs.
type Schedule struct {
	// Name is for the reader of the result.
	Name string
	// Detect is how long a link is dead before the client knows, unless it is told.
	// Longer than the scenario: it does not notice.
	Detect time.Duration
	// Delays are the waits before the first attempt, counted from when the loss is
	// known, before the second one, counted from the end of the first, and so on. The
	// last one is repeated. Without any, every attempt comes at once.
	Delays []Delay
	// Delay gives them instead, if it is set: for attempts counted from 1, and with a
	// random number in [0,1). It is called by several goroutines at once.
	Delay func(attempt int, random float64) time.Duration
	// MaxAttempts ends the session when so many have failed in a row; 0: no limit.
	MaxAttempts int
	// MaxElapsed ends it when an attempt has failed, or is due, that long after the
	// loss is known; 0: no limit.
	MaxElapsed time.Duration
	// AttemptTimeout is how long one attempt may take, at least 1 ms; 0: 15 s.
	AttemptTimeout time.Duration
}

// Delay is a random time, spread evenly from Min to Max; Max below Min counts as Min.
type Delay struct{ Min, Max time.Duration }

// wait is the delay before the attempt, counted from 1.
func (s *Schedule) wait(attempt int, random float64) time.Duration {
	if s.Delay != nil {
		return max(s.Delay(attempt, random), 0)
	}
	if len(s.Delays) == 0 {
		return 0
	}
	d := s.Delays[min(attempt, len(s.Delays))-1]
	return spread(d.Min, d.Max, random)
}

func (s *Schedule) timeout() time.Duration {
	if s.AttemptTimeout == 0 {
		return 15 * time.Second
	}
	return s.AttemptTimeout
}

func (s *Schedule) validate() error {
	errs := []error{
		notNegative("OpenLoop.Detect", s.Detect), notNegative("OpenLoop.MaxElapsed", s.MaxElapsed),
	}
	if s.AttemptTimeout != 0 && s.AttemptTimeout < time.Millisecond {
		errs = append(errs, fmt.Errorf("sim: OpenLoop.AttemptTimeout is %s: it must be at least 1 ms, or 0 for 15 s", s.AttemptTimeout))
	}
	if s.MaxAttempts < 0 {
		errs = append(errs, fmt.Errorf("sim: OpenLoop.MaxAttempts is %d: it must not be negative; 0 is no limit", s.MaxAttempts))
	}
	for i, d := range s.Delays {
		errs = append(errs, notNegative(fmt.Sprintf("OpenLoop.Delays[%d].Min", i), d.Min))
	}
	return errors.Join(errs...)
}
