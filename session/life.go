package session

import (
	"context"
	"sync/atomic"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// life is what one epoch holds: its context, its reporter and its link.
type life struct {
	epoch    uint64
	reporter *Reporter
	ctx      context.Context
	cancel   context.CancelCauseFunc
	pinging  atomic.Bool
	probing  atomic.Bool
	// link and can are set, under the session's lock, before Opened is posted.
	link Link
	can  abilities
	// closing: Close was or will be called; only whoever drains touches it.
	closing bool
	// These end the running update and promotion; only whoever drains touches
	// them.
	cancelUpdate, cancelPromotion context.CancelFunc
}

// begin makes the life of a new epoch.
func (s *Session) begin(epoch uint64) *life {
	l := &life{epoch: epoch, reporter: &Reporter{s: s, epoch: epoch}}
	l.ctx, l.cancel = context.WithCancelCause(context.WithoutCancel(s.values))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lives = append(s.lives, l)
	if s.latched {
		l.cancel(status.Left)
	}
	return l
}

// latch cancels the context of every life, and of every one that begins later,
// with the lock held.
func (s *Session) latch() {
	s.latched = true
	for _, l := range s.lives {
		l.cancel(status.Left)
	}
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

// abilities are the optional things that a link can do; nil: it cannot.
type abilities struct {
	pinger   Pinger
	prober   MediaProber
	updater  Updater
	promoter Promoter
	leaver   Leaver
}

func abilitiesOf(l Link) (a abilities) {
	a.pinger, _ = abilityOf[Pinger](l)
	a.prober, _ = abilityOf[MediaProber](l)
	a.updater, _ = abilityOf[Updater](l)
	a.promoter, _ = abilityOf[Promoter](l)
	a.leaver, _ = abilityOf[Leaver](l)
	return a
}

// bits are the abilities as the core knows them.
func (a abilities) bits() (bits machine.Abilities) {
	if a.pinger != nil {
		bits |= machine.CanPing
	}
	if a.prober != nil {
		bits |= machine.CanProbe
	}
	if a.updater != nil {
		bits |= machine.CanUpdate
	}
	if a.promoter != nil {
		bits |= machine.CanPromote
	}
	return bits
}
