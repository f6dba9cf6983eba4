package session

import (
	"context"
	"sync"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// life is what one epoch holds: its context, its reporter and its link.
type life struct {
	reporter *Reporter
	ctx      context.Context
	cancel   context.CancelCauseFunc
	pings    turns
	probes   turns
	// link and can are set, under the session's lock, before Opened is posted.
	link Link
	can  abilities
	// closing: Close was or will be called; only whoever drains touches it.
	closing bool
	// These end the running update and promotion; only whoever drains touches
	// them.
	cancelUpdate, cancelPromotion context.CancelFunc
	cancelOp                      context.CancelFunc // the running restart, resume or resync
	// A link that is restored may still be at work on a call that was cancelled with
	// the connection; the next one of its kind waits for that.
	updating, promoting turn
}

func (l *life) epoch() uint64 { return l.reporter.epoch }

// turn lets calls of one kind run one after the other. The zero value is for nobody
// to wait at yet: see its ready.
type turn chan struct{}

// ready makes a turn on first use.
func (t *turn) ready() turn {
	if *t == nil {
		*t = make(turn, 1)
	}
	return *t
}

// run calls f when it is its turn, unless the context ends first.
func (t turn) run(ctx context.Context, f func() error) error {
	select {
	case t <- struct{}{}:
		defer func() { <-t }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin makes the life of a new epoch.
func (s *Session) begin(epoch uint64) *life {
	l := &life{reporter: &Reporter{s: s, epoch: epoch}}
	l.ctx, l.cancel = context.WithCancelCause(context.WithoutCancel(s.values))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lives = append(s.lives, l)
	if s.latched {
		l.cancel(status.Left)
	}
	return l
}

// latch cancels the context of every life and task, and of every one that begins later,
// with the lock held.
func (s *Session) latch() {
	s.latched = true
	for _, l := range s.lives {
		l.cancel(status.Left)
	}
	for _, cancel := range s.tasks {
		cancel()
	}
}

// life finds an epoch's life, with the lock held.
func (s *Session) life(epoch uint64) *life {
	for _, l := range s.lives {
		if l.epoch() == epoch {
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
	pinger    Pinger
	prober    MediaProber
	restarter MediaRestarter
	resumer   Resumer
	updater   Updater
	promoter  Promoter
	leaver    Leaver
}

func abilitiesOf(l Link) (a abilities) {
	a.pinger, _ = abilityOf[Pinger](l)
	a.prober, _ = abilityOf[MediaProber](l)
	a.restarter, _ = abilityOf[MediaRestarter](l)
	a.resumer, _ = abilityOf[Resumer](l)
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
	if a.restarter != nil {
		bits |= machine.CanRestart
	}
	if a.resumer != nil {
		bits |= machine.CanResume
	}
	if a.updater != nil {
		bits |= machine.CanUpdate
	}
	if a.promoter != nil {
		bits |= machine.CanPromote
	}
	return bits
}

// turns lets the questions of one kind to a link be put one after the other. While
// one is being put, the newest two others wait: the one of the pinger and the one
// of the detector, each of which would take a missing answer for a bad sign.
type turns struct {
	mu      sync.Mutex
	busy    bool
	dropped bool               // the one that is being put is not to begin
	waiting [2]uint64          // ids, the older one first; 0: none
	cancel  context.CancelFunc // of the one that is being put; nil: it has not begun
}

// begin reports whether the question may be put now; otherwise it waits.
func (t *turns) begin(id uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.busy {
		t.busy = true
		return true
	}
	t.waiting = [2]uint64{t.waiting[1], id}
	return false
}

// started notes how the question that is being put can be given up.
func (t *turns) started(cancel context.CancelFunc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancel = cancel; t.dropped {
		cancel()
	}
}

// drop gives up what is asked: it was meant for what is being replaced, and may hang
// in it.
func (t *turns) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = [2]uint64{}
	if t.dropped = t.busy; t.cancel != nil {
		t.cancel()
	}
}

// next gives the question whose turn it is after one was put, 0 if none waits.
func (t *turns) next() (id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancel, t.dropped = nil, false
	for i, w := range t.waiting {
		if w != 0 {
			t.waiting[i] = 0
			return w
		}
	}
	t.busy = false
	return 0
}
