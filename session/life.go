package session

import (
	"context"
	"sync/atomic"

	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// life is what one epoch holds: its context, its reporter and its link.
type life struct {
	epoch    uint64
	reporter *Reporter
	ctx      context.Context
	cancel   context.CancelCauseFunc
	link     Link // set under the session's lock before Opened is posted
	pinging  atomic.Bool
	// cancelUpdate ends the running update; only whoever drains touches it.
	cancelUpdate context.CancelFunc
}

// begin makes the life of a new epoch.
func (s *Session) begin(epoch uint64) *life {
	l := &life{epoch: epoch, reporter: &Reporter{s: s, epoch: epoch}}
	l.ctx, l.cancel = context.WithCancelCause(attemptContext{s.base, s.values})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lives = append(s.lives, l)
	return l
}

// life finds an epoch's life, with the lock held.
func (s *Session) life(epoch uint64) *life {
	for _, l := range s.lives {
		if l.epoch == epoch {
			return l
		}
	}
	return nil
}

// lifeOf finds an epoch's life.
func (s *Session) lifeOf(epoch uint64) *life {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life(epoch)
}

// bury ends a life that holds nothing any more.
func (s *Session) bury(l *life, cause error) {
	l.cancel(cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.lives {
		if other == l {
			s.lives = append(s.lives[:i:i], s.lives[i+1:]...)
			return
		}
	}
}

// attemptContext ends with the session and has the values of Start's context.
type attemptContext struct {
	context.Context
	values context.Context
}

// Value looks in the session's own context first, where package context finds
// what it needs to pass on the cancellation without a goroutine.
func (c attemptContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil || c.values == nil {
		return v
	}
	return c.values.Value(key)
}

// abilities lists what a link can do.
func abilities(l Link) (a machine.Abilities) {
	if _, ok := abilityOf[Pinger](l); ok {
		a |= machine.CanPing
	}
	if _, ok := abilityOf[Updater](l); ok {
		a |= machine.CanUpdate
	}
	if _, ok := abilityOf[Promoter](l); ok {
		a |= machine.CanPromote
	}
	return a
}
