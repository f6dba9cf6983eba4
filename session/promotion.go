package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// promotion is a Promote or Demote that the application waits for.
type promotion struct {
	ctx         context.Context
	credentials Credentials
	answer      chan error
}

// Promote asks the server to take the session into its primary meeting, and
// returns when that is acknowledged. The promotion ends with the connection, at the
// latest: observers are told Demoted then, also if the server has kept the session
// and may count it as promoted still; whoever wants that promotes it again. The
// error is ErrReconnecting, another ErrNotConnected, ErrBusy, ErrStopped,
// errors.ErrUnsupported if the link is no Promoter, the cause of ctx, or what the
// link's Promote returned, as a status. A promotion that outlasts ctx or the connect
// timeout may still be granted: observers are told Promoted then, and until the call
// has returned another one is ErrBusy.
func (s *Session) Promote(ctx context.Context, c Credentials) error {
	s.keepSecret(c.Token)
	return s.askPromotion(machine.Promote, promotion{ctx: ctx, credentials: c, answer: make(chan error, 1)})
}

// Demote leaves the promotion; without one it does nothing. The errors are
// those of Promote. The session counts as demoted even if the link's Demote
// failed.
func (s *Session) Demote(ctx context.Context) error {
	return s.askPromotion(machine.Demote, promotion{ctx: ctx, answer: make(chan error, 1)})
}

func (s *Session) askPromotion(k machine.Kind, p promotion) error {
	id, ok := s.enlist(&p)
	if !ok {
		return ErrStopped
	}
	s.post(machine.Input{Kind: k, ID: id})
	return awaitPromotion(p)
}

// enlist keeps a promotion until it is answered, unless the session ends.
func (s *Session) enlist(p *promotion) (id uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.atItsEnd() {
		return 0, false
	}
	if s.pending == nil {
		s.pending = make(map[uint64]*promotion)
	}
	id = s.ops.Add(1)
	s.pending[id] = p
	return id, true
}

// atItsEnd reports whether the session ends or has ended, with the lock held.
func (s *Session) atItsEnd() bool { return s.err != nil || s.snap.Ending || s.stopping.Load() }

// refusePromotions answers those that the core will not answer any more, with
// the lock held.
func (s *Session) refusePromotions() {
	for _, p := range s.pending {
		p.answer <- ErrStopped
	}
	s.pending = nil
}

func awaitPromotion(p promotion) error {
	select {
	case err := <-p.answer:
		if err != nil && p.ctx.Err() != nil {
			return context.Cause(p.ctx) // that is why it failed
		}
		return err
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
}

// promotion starts one Promote or Demote on a link.
func (s *Session) promotion(l *life, id uint64, demote bool) {
	s.mu.Lock()
	p := s.pending[id]
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(l.ctx)
	l.cancelPromotion = cancel
	turn := l.promoting.ready()
	done, call := machine.PromoteDone, func() error { return l.can.promoter.Promote(ctx, p.credentials) }
	if demote {
		done, call = machine.DemoteDone, func() error { return l.can.promoter.Demote(ctx) }
	}
	go s.callPromoter(ctx, cancel, l, p, id, done, func() error { return turn.run(ctx, call) })
}

// callPromoter runs one call, which ends with the context of whoever asked, and
// with the link.
func (s *Session) callPromoter(
	ctx context.Context, cancel context.CancelFunc, l *life, p *promotion, id uint64, done machine.Kind, call func() error,
) {
	release := context.AfterFunc(p.ctx, cancel)
	guard("Promoter", call, func(err error) {
		in := s.doneInput(ctx, done, l, id, err)
		release()
		cancel()
		s.post(in)
	})
}

// settle answers a Promote or Demote.
func (s *Session) settle(e *machine.Effect) {
	s.mu.Lock()
	p := s.pending[e.ID]
	delete(s.pending, e.ID)
	over, absent := s.atItsEnd(), s.notConnected()
	s.mu.Unlock()
	switch {
	case p == nil:
	case over && (e.Outcome == machine.Lost || e.Outcome == machine.NotConnected):
		p.answer <- ErrStopped
	case e.Outcome == machine.NotConnected:
		p.answer <- absent
	default:
		p.answer <- answerOf(e)
	}
}

// answerOf translates an outcome.
func answerOf(e *machine.Effect) error {
	switch e.Outcome {
	case machine.Done:
		return nil
	case machine.Unsupported:
		return fmt.Errorf("session: the link cannot be promoted: %w", errors.ErrUnsupported)
	case machine.Busy:
		return ErrBusy
	case machine.Lost:
		return fmt.Errorf("%w: the connection was lost meanwhile", ErrNotConnected)
	}
	return fmt.Errorf("session: promotion: %w", statusError(e.Status))
}

func statusError(st status.Status) error {
	if st.IsZero() {
		return status.TaskFailed
	}
	return st
}
