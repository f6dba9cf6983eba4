package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/session/sim"
)

//go:embed schedules.json
var schedulesJSON []byte

// library is the schedule by which another library reconnects. Times are in ms.
type library struct {
	Name       string `json:"name"`
	Repository string `json:"repository"`
	Commit     string `json:"commit"`
	Source     string `json:"source"`
	Formula    string `json:"formula"`
	Jitter     string `json:"jitter"`
	// Base, Min and Max are the waits before each attempt; nil: there is no such
	// attempt.
	Base []*float64 `json:"base"`
	Min  []*float64 `json:"min"`
	Max  []*float64 `json:"max"`
	// MaxAttempts and MaxElapsed end it; nil: never.
	MaxAttempts *int     `json:"max_attempts"`
	MaxElapsed  *float64 `json:"max_elapsed_ms"`
	// Detection and AttemptTimeout are the library's own settings. Detect is what
	// comes of the former, nil: it does not notice; Limit of the latter, nil: none.
	Detection      map[string]any `json:"detection_ms"`
	Detect         *float64       `json:"worst_case_detection_ms"`
	AttemptTimeout map[string]any `json:"attempt_timeout_ms"`
	Limit          *float64       `json:"limit_ms"`
	// ByDefault says that it reconnects without being asked to.
	ByDefault bool `json:"by_default"`
}

// study is all that is known of other libraries.
type study struct {
	Unit      string    `json:"unit"`
	Note      string    `json:"note"`
	LimitNote string    `json:"limit_note"`
	Systems   []library `json:"systems"`
	// LeftOut are those without a schedule.
	LeftOut []struct {
		Name string `json:"name"`
		Why  string `json:"why"`
	} `json:"left_out"`
}

// readStudy reads the schedules.
func readStudy(data []byte) (s study, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return study{}, fmt.Errorf("schedules.json: %w", err)
	}
	if s.Unit != "ms" {
		return study{}, fmt.Errorf("schedules.json: the unit is %q: it must be ms", s.Unit)
	}
	for i := range s.Systems {
		if err := s.Systems[i].validate(); err != nil {
			return study{}, fmt.Errorf("schedules.json: %s: %w", s.Systems[i].Name, err)
		}
	}
	return s, nil
}

func (l *library) validate() error {
	if len(l.Base) == 0 || len(l.Min) != len(l.Base) || len(l.Max) != len(l.Base) {
		return errors.New("base, min and max must be equally long")
	}
	attempts := l.attempts()
	if attempts == 0 {
		return errors.New("it has no attempt: such a one belongs to left_out")
	}
	for i := range l.Base {
		if exists := i < attempts; (l.Base[i] != nil) != exists || (l.Min[i] != nil) != exists || (l.Max[i] != nil) != exists {
			return fmt.Errorf("attempt %d is in one of base, min and max and not in the others", i+1)
		}
		if i < attempts && !(0 <= *l.Min[i] && *l.Min[i] <= *l.Max[i]) {
			return fmt.Errorf("the waits before attempt %d go from %v to %v", i+1, *l.Min[i], *l.Max[i])
		}
	}
	if most := l.MaxAttempts; attempts < len(l.Base) && (most == nil || *most != attempts) {
		return fmt.Errorf("there are %d waits: max_attempts must say so", attempts)
	}
	return nil
}

// attempts is how many have a wait of their own.
func (l *library) attempts() (n int) {
	for n < len(l.Base) && l.Base[n] != nil {
		n++
	}
	return n
}

// unnoticed stands for the time that a library without keepalives takes to find a
// silent server: longer than any scenario.
const unnoticed = 1000 * time.Hour

// schedule is that of a client which uses the library.
func (l *library) schedule() *sim.Schedule {
	s := &sim.Schedule{Name: l.Name, Detect: unnoticed, Delay: l.delay}
	if l.Detect != nil {
		s.Detect = ms(*l.Detect)
	}
	if l.MaxAttempts != nil {
		s.MaxAttempts = *l.MaxAttempts
	}
	if l.MaxElapsed != nil {
		s.MaxElapsed = ms(*l.MaxElapsed)
	}
	if l.Limit != nil {
		s.AttemptTimeout = ms(*l.Limit)
	}
	return s
}

// delay is the wait before an attempt, counted from 1.
func (l *library) delay(attempt int, random float64) time.Duration {
	if f, ok := formulas[l.Name]; ok && attempt >= f.from {
		return ms(f.delay(attempt, random))
	}
	i := min(attempt, l.attempts()) - 1
	return ms(*l.Min[i] + random*(*l.Max[i]-*l.Min[i]))
}

func ms(v float64) time.Duration { return time.Duration(v * float64(time.Millisecond)) }
