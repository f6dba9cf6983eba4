package chaos

import (
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// complaints collects what a check complains of.
type complaints struct {
	testing.TB
	list []string
}

// Helper does nothing.
func (*complaints) Helper() {}

// Error keeps what is complained of.
func (c *complaints) Error(args ...any) { c.list = append(c.list, fmt.Sprint(args...)) }

// checkEvents holds all events of a session against what package sessiontest says of
// them.
func checkEvents(events []observer.Event) *Violation {
	var c complaints
	sessiontest.CheckEvents(&c, events)
	return c.violation(events)
}

// violation is the first complaint.
func (c *complaints) violation(events []observer.Event) *Violation {
	if len(c.list) == 0 {
		return nil
	}
	v := &Violation{Rule: ruleEvents, Text: c.list[0]}
	if len(events) > 0 {
		v.At = events[len(events)-1].Head().Elapsed
	}
	return v
}
