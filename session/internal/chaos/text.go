package chaos

import (
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// describe writes an input and its effects in words.
func describe(at time.Duration, in *machine.Input, effects []machine.Effect) []string {
	line := fmt.Sprintf("%12s  %s e%d", at, in.Kind, in.Epoch)
	if in.ID != 0 {
		line += fmt.Sprintf(" #%d", in.ID)
	}
	if in.Status.Code != status.OK {
		line += " " + in.Status.Error()
	}
	list := []string{line}
	for i := range effects {
		list = append(list, fmt.Sprintf("%12s      → %s", "", effectText(&effects[i])))
	}
	return list
}

func effectText(e *machine.Effect) string {
	if e.Event != nil {
		return sessiontest.Format{}.Line(e.Event)
	}
	text := fmt.Sprintf("%s e%d", e.Kind, e.Epoch)
	if e.ID != 0 {
		text += fmt.Sprintf(" #%d", e.ID)
	}
	if e.Attempt.Number != 0 {
		text += fmt.Sprintf(" attempt %d %s %s %q", e.Attempt.Number, e.Attempt.Level, e.Attempt.Timeout, e.Attempt.Endpoint)
	}
	if !e.Status.IsZero() {
		text += " " + e.Status.Error()
	}
	return text
}
