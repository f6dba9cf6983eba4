package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/session"
)

// subject is one attempt to connect, and the link that came of it.
type subject struct {
	*witness
	trial   *trial
	attempt session.Attempt
	cancel  context.CancelFunc // ends Connect's context
	call    *call
	closed  bool // by the rule

	mu        sync.Mutex // guards what follows
	link      session.Link
	hollow    bool // the link was a nil pointer
	abandoned bool // whatever comes now is closed at once
}

// connect begins an attempt with a context that cancel ends.
func (t *trial) connect(ctx context.Context, cancel context.CancelFunc, a session.Attempt) *subject {
	s := &subject{witness: newWitness(), trial: t, attempt: a, cancel: cancel}
	r := session.NewReporter(s.witness)
	s.call = start(func() error {
		link, err := t.Transport.Connect(ctx, a, r)
		if err != nil {
			s.mark()
		}
		return s.take(link, err)
	})
	t.subjects = append(t.subjects, s)
	return s
}

// begin begins the next attempt.
func (t *trial) begin() *subject {
	ctx, cancel := context.WithCancel(context.Background())
	return t.connect(ctx, cancel, t.attempt())
}

// take keeps the link, or closes it if it comes too late.
func (s *subject) take(link session.Link, err error) error {
	s.mu.Lock()
	s.hollow = isHollow(link)
	if s.hollow {
		link = nil
	}
	s.link = link
	late := s.abandoned && link != nil
	s.mu.Unlock()
	if late {
		ctx, cancel := context.WithTimeout(context.Background(), s.trial.Grace)
		defer cancel()
		_ = link.Close(ctx)
	}
	return err
}

// isHollow says that there is nothing in an interface that is not nil.
func isHollow(link session.Link) bool {
	v := reflect.ValueOf(link)
	return link != nil && v.Kind() == reflect.Pointer && v.IsNil()
}

// has gives the link, nil if there is none.
func (s *subject) has() session.Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link
}

// opened says that the attempt has succeeded as it should.
func (s *subject) opened(o result) bool { return o.returned && o.err == nil && s.has() != nil }

// open connects and gives a link that the rule can go on with.
func (t *trial) open() *subject {
	t.tb.Helper()
	s := t.begin()
	if o := s.call.wait(t.Patience); !s.opened(o) {
		t.cannot("Connect %v", o)
	}
	return s
}

// close closes the link, if there is one, within the grace.
func (s *subject) close() result {
	ctx, cancel := context.WithTimeout(context.Background(), s.trial.Grace)
	defer cancel()
	return s.closeIn(ctx)
}

// shut closes the link where Close is not what the rule is about. It ends the rule if
// the link does not close: each one that follows would cost the grace again.
func (s *subject) shut() {
	s.trial.tb.Helper()
	if o := s.close(); !o.returned {
		s.trial.cannot("Close %v: see rule close-bounded", o)
	}
}

// closeIn closes the link under a context, and notes what was reported afterwards.
func (s *subject) closeIn(ctx context.Context) result {
	s.closed = true
	s.cancel()
	s.mu.Lock()
	s.abandoned = true
	link := s.link
	s.mu.Unlock()
	if link == nil {
		return result{returned: true}
	}
	return s.trial.within(slack(s.trial.Grace), func() error {
		err := link.Close(ctx)
		s.mark()
		return err
	})
}

// abilityOf finds an ability of a link as a session does, through wrappers.
func abilityOf[A any](l session.Link) (ability A, ok bool) {
	for range 16 {
		if ability, ok = l.(A); ok {
			return ability, true
		}
		wrapper, wraps := l.(interface{ Unwrap() session.Link })
		if !wraps {
			return ability, false
		}
		l = wrapper.Unwrap()
	}
	return ability, false
}

// abilities are those that the session would find.
func (s *subject) abilities() (found Ability) {
	l := s.has()
	note := func(a Ability, ok bool) {
		if ok {
			found |= a
		}
	}
	_, ok := abilityOf[session.Pinger](l)
	note(CanPing, ok)
	_, ok = abilityOf[session.MediaProber](l)
	note(CanProbe, ok)
	_, ok = abilityOf[session.MediaRestarter](l)
	note(CanRestartMedia, ok)
	_, ok = abilityOf[session.Resumer](l)
	note(CanResume, ok)
	_, ok = abilityOf[session.Updater](l)
	note(CanUpdate, ok)
	_, ok = abilityOf[session.Promoter](l)
	note(CanPromote, ok)
	_, ok = abilityOf[session.Leaver](l)
	note(CanLeave, ok)
	return found
}

// pulse asks the layers for a sign of life and gives those that have answered. It does
// not ask one that the link cannot ask.
func (s *subject) pulse(layers health.Layers) (answered health.Layers) {
	if p, ok := abilityOf[session.Pinger](s.has()); ok && layers.Has(health.Signaling) && s.answers(p.Ping, s.ponged) {
		answered |= health.Signaling
	}
	if p, ok := abilityOf[session.MediaProber](s.has()); ok && layers.Has(health.Media) && s.answers(p.ProbeMedia, s.probed) {
		answered |= health.Media
	}
	return answered
}

// tries is how often a layer is asked before it counts as silent: a packet may be
// lost.
const tries = 4

// answers asks until an answer comes.
func (s *subject) answers(ask func(context.Context, uint64) error, has func(id uint64) bool) bool {
	for range tries {
		id, o := s.ask(ask)
		if errors.Is(o.err, errors.ErrUnsupported) {
			return false
		}
		if holds(s.trial.Patience/tries, func() bool { return has(id) }) {
			return true
		}
	}
	return false
}

// ask puts one question, with a context that ends when it must.
func (s *subject) ask(ask func(context.Context, uint64) error) (id uint64, o result) {
	id = s.trial.id()
	ctx, cancel := context.WithTimeout(context.Background(), s.trial.Patience)
	defer cancel()
	return id, s.trial.within(slack(s.trial.Patience), func() error { return ask(ctx, id) })
}

// harmed says what is wrong with a link of which these layers have answered before;
// "": nothing. Losses that were reported before do not count.
func (s *subject) harmed(before health.Layers, losses int) string {
	if before == 0 {
		pass := s.trial.Quiet
		holds(pass, func() bool { return s.losses() > losses })
	}
	after := s.pulse(before)
	switch {
	case s.losses() > losses:
		return "the link has reported " + s.lastLoss()
	case after != before:
		return fmt.Sprintf("the link does not answer any more: %v", before&^after)
	}
	return ""
}
