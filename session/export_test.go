package session

import (
	"time"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// SetLastActive makes the last sign of life that r has noted, on both layers,
// as old as ago. It counts from the next report through r on, as Alive does.
func SetLastActive(r *Reporter, ago time.Duration) {
	at := int64(time.Since(r.s.birth) - ago)
	r.signaling.Store(at)
	r.media.Store(at)
}

// Trace lets f see every input of a session that was not started, and what it
// led to. It is called by whoever drains.
func Trace(s *Session, f func(machine.Instant, machine.Input, []machine.Effect)) {
	s.rec = &recording{trace: f}
}

// Core is what a session hands to its core for a config.
func Core(c Config) *machine.Config { return c.Effective().machine() }

// ClassOf is what the session makes of a code.
func ClassOf(s *Session, c status.Code) policy.Class { return s.classes().Of(c) }
