package sessiontest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/session"
)

// Call is one call of the session to its Transport or to one of its links.
type Call struct {
	// Epoch is the attempt's, or the link's.
	Epoch uint64
	// Name is Connect, Ping, ProbeMedia, RestartMedia, Resume, Update, Promote, Demote, Leave or Close.
	Name string
	// At is when it began.
	At time.Time
	// Phase is the name that its step was given with In, Hang or Deaf.
	Phase string
	// Canceled says that its context had ended before it began.
	Canceled bool
	// Attempt is what a Connect, RestartMedia or Resume was asked for, ID a Ping's or a ProbeMedia's id,
	// Change what an Update was asked for, Credentials those of a Promote.
	Attempt     session.Attempt
	ID          uint64
	Change      session.Change
	Credentials session.Credentials
}

// String names the call, its epoch and its phase.
func (c Call) String() string {
	text := fmt.Sprintf("%s of epoch %d", c.Name, c.Epoch)
	if c.Phase != "" {
		text += fmt.Sprintf(" in %q", c.Phase)
	}
	return text
}

// ledger keeps account of calls and links. Its owner guards it.
type ledger struct {
	// calls, opens and closes only ever grow, so that snapshots may share them.
	calls         []Call
	opens, closes []uint64
	open          []uint64
	maxOpen       int
	running       []*running
	broken        []string      // rules of session.Transport that were broken
	changed       chan struct{} // closed at the next change; nil: nobody waits
}

// running is a call that has not returned.
type running struct {
	Call
	ctx context.Context
}

func (l *ledger) begin(ctx context.Context, c Call) *running {
	c.At, c.Canceled = time.Now(), ctx.Err() != nil
	r := &running{c, ctx}
	l.calls = append(l.calls, c)
	l.running = append(l.running, r)
	if c.Name == "Close" {
		l.closes = append(l.closes, c.Epoch)
	}
	l.wake()
	return r
}

func (l *ledger) end(r *running) {
	l.running = without(l.running, r)
	if r.Name == "Close" {
		l.open = without(l.open, r.Epoch)
	}
	l.wake()
}

func (l *ledger) opened(epoch uint64) {
	l.opens = append(l.opens, epoch)
	l.open = append(l.open, epoch)
	l.maxOpen = max(l.maxOpen, len(l.open))
	l.wake()
}

// connecting holds a new attempt against the rules: epochs grow, and an
// attempt begins only when the one before it has returned or was cancelled.
func (l *ledger) connecting(ctx context.Context, a session.Attempt, newest uint64) {
	if a.Epoch <= newest {
		l.broken = append(l.broken, fmt.Sprintf("Connect with epoch %d after epoch %d: epochs must grow; a Transport serves one session", a.Epoch, newest))
	}
	for _, r := range l.running {
		if r.Name == "Connect" && r.ctx.Err() == nil && ctx.Err() == nil {
			l.broken = append(l.broken, fmt.Sprintf("Connect of epoch %d while the %v was running, not cancelled", a.Epoch, r.Call))
		}
	}
}

func (l *ledger) wake() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// wait returns a channel that is closed at the next change.
func (l *ledger) wait() <-chan struct{} {
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// without removes the first x.
func without[E comparable](list []E, x E) []E {
	if i := slices.Index(list, x); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
