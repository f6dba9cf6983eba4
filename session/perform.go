package session

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// perform carries out one effect. What calls the application gets a goroutine
// of its own.
func (s *Session) perform(e *machine.Effect) {
	switch e.Kind {
	case machine.Open:
		s.open(e)
	case machine.Finish:
		s.finish()
	case machine.Settle:
		s.settle(e)
	case machine.Admit:
		s.admit(e)
	case machine.Refresh:
		s.refresh(e)
	case machine.CancelAdmit, machine.CancelRefresh:
		s.cancelTask(e.ID)
	case machine.Notify:
	default:
		if l := s.lifeOf(e.Epoch); l != nil {
			s.onLife(l, e)
		}
	}
}

// onLife carries out an effect on an epoch's link.
func (s *Session) onLife(l *life, e *machine.Effect) {
	switch e.Kind {
	case machine.CancelOpen:
		l.cancel(e.Status)
	case machine.CloseLink:
		l.closing = true
		l.cancel(status.Left) // what still asks the link something may stop
		go s.closeLink(l, e.Leave)
	case machine.Ping:
		if l.pings.begin(e.ID) {
			go s.ping(l, e.ID)
		}
	case machine.Probe:
		if l.probes.begin(e.ID) {
			go s.probe(l, e.ID)
		}
	case machine.Update:
		ctx, cancel := context.WithCancel(l.ctx)
		l.cancelUpdate = cancel
		go s.update(ctx, cancel, l, l.updating.ready(), *e)
	case machine.Restart, machine.Resume:
		s.keys.begin(e.Attempt.Number == 1, e.Attempt.Rejected)
		l.askAnew(e)
		ctx, cancel := context.WithCancel(l.ctx)
		l.cancelOp = cancel
		go s.restore(ctx, cancel, l, e.ID, attemptOf(e))
	case machine.Resync:
		ctx, cancel := context.WithCancel(l.ctx)
		l.cancelOp = cancel
		go s.resync(ctx, cancel, l, *e)
	case machine.CancelRestore, machine.CancelResync:
		l.cancelOp()
	case machine.CancelUpdate:
		l.cancelUpdate()
	case machine.CancelPromotion:
		l.cancelPromotion()
	case machine.CallPromote, machine.CallDemote:
		s.promotion(l, e.ID, e.Kind == machine.CallDemote)
	}
}

// askAnew gives up the questions to what a restart or a resume replaces. One that
// hangs there would hold up those that the new signaling, or media path, is to answer.
func (l *life) askAnew(e *machine.Effect) {
	if e.Kind == machine.Resume {
		l.pings.drop()
	}
	if e.Kind == machine.Restart || e.Attempt.RestartMedia {
		l.probes.drop()
	}
}

// open begins an epoch.
func (s *Session) open(e *machine.Effect) {
	l := s.begin(e.Epoch)
	s.epoch.Store(e.Epoch)
	s.owned.heard = l.reporter.heard
	s.keys.begin(e.Attempt.Number == 1, e.Attempt.Rejected)
	go s.connect(l, attemptOf(e), e.Attempt.FindEndpoint)
}

var (
	errNoLink  = errors.New("transport returned neither a link nor an error")
	errTooLate = errors.New("the link opened after its attempt had been given up")
)

// connect runs one Connect, after what has to precede it, and looks at what the link can do, which runs code
// of the application, too.
func (s *Session) connect(l *life, a Attempt, find bool) {
	var link Link
	var can abilities
	guard("Transport.Connect", func() (err error) {
		if err := s.prepare(l.ctx, &a, find); err != nil {
			return err
		}
		if link, err = s.cfg.transport.Connect(l.ctx, a, l.reporter); err != nil {
			link = nil
			return err
		}
		if link == nil {
			return errNoLink
		}
		can = abilitiesOf(link)
		return nil
	}, func(err error) { s.dialed(l, link, can, err) })
}

// dialed reports how a Connect ended. A link that nobody wants, because its
// attempt was given up or its abilities could not be had, is closed here, unread.
func (s *Session) dialed(l *life, link Link, can abilities, err error) {
	if err == nil && !s.adopt(l, link, can) {
		err = errTooLate
	}
	switch {
	case err == nil:
		s.post(machine.Input{Kind: machine.Opened, Epoch: l.epoch(), Abilities: can.bits()})
	case link != nil:
		s.closeQuietly(l, link, nil, func() { s.notOpened(l, err) })
	default:
		s.notOpened(l, err)
	}
}

// adopt keeps the link for the core to take or to close, unless the core is at
// its end.
func (s *Session) adopt(l *life, link Link, can abilities) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending.begun {
		return false
	}
	l.link, l.can = link, can
	return true
}

func (s *Session) notOpened(l *life, err error) {
	st := statusOf(l.ctx, err)
	s.bury(l, err)
	s.post(machine.Input{Kind: machine.OpenFailed, Epoch: l.epoch(), Status: st, Rejected: s.rejects(err)})
}

// closeLink closes a link and everything else of its epoch, once.
func (s *Session) closeLink(l *life, leave bool) {
	var leaver Leaver
	if leave {
		leaver = l.can.leaver
	}
	s.closeQuietly(l, l.link, leaver, func() {
		s.bury(l, status.Left)
		s.post(machine.Input{Kind: machine.CloseDone, Epoch: l.epoch()})
	})
}

// closeQuietly closes a link within the close grace, of which saying goodbye
// may take half. An error or a panic of Leave or Close changes nothing: the link
// is given up.
func (s *Session) closeQuietly(l *life, link Link, leaver Leaver, then func()) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), s.cfg.closeGrace)
	if leaver != nil {
		sayGoodbye(ctx, leaver, s.cfg.closeGrace/2)
	}
	guard("Link.Close", func() error { return link.Close(ctx) }, func(error) {
		cancel()
		then()
	})
}

// sayGoodbye calls Leave, and waits no longer than the time it may take.
func sayGoodbye(ctx context.Context, leaver Leaver, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	left := make(chan struct{})
	go guard("Leaver.Leave", func() error { return leaver.Leave(ctx) }, func(error) { close(left) })
	select {
	case <-left:
	case <-ctx.Done():
	}
}

// ping sends one ping.
func (s *Session) ping(l *life, id uint64) {
	s.ask(l, id, question{
		where: "Pinger.Ping", limit: s.cfg.pingLimit, turns: &l.pings, cannot: machine.CannotPing, put: l.can.pinger.Ping,
	})
}

// probe sends one media probe.
func (s *Session) probe(l *life, id uint64) {
	s.ask(l, id, question{
		where: "MediaProber.ProbeMedia", limit: s.cfg.probeLimit, turns: &l.probes, cannot: machine.CannotProbe,
		put: l.can.prober.ProbeMedia,
	})
}

// question is a call that asks the other side for an answer which comes, or does
// not, through the reporter.
type question struct {
	where  string
	limit  time.Duration
	turns  *turns
	cannot machine.Kind // what to tell the core of a missing ability
	put    func(ctx context.Context, id uint64) error
}

// ask puts one question, and then those that have waited for their turn. Only a
// panic or a missing ability is reported: the verdict is the core's, by the answer
// that comes or does not.
func (s *Session) ask(l *life, id uint64, q question) {
	ctx, cancel := context.WithTimeout(l.ctx, q.limit)
	q.turns.started(cancel)
	guard(q.where, func() error { return q.put(ctx, id) }, func(err error) {
		cancel()
		var panicked *observer.PanicError
		switch {
		case errors.As(err, &panicked):
			s.post(machine.Input{Kind: machine.Reported, Epoch: l.epoch(), Status: status.New(status.TaskFailed, err)})
		case errors.Is(err, errors.ErrUnsupported):
			s.post(machine.Input{Kind: q.cannot, Epoch: l.epoch()})
		}
		if next := q.turns.next(); next != 0 && l.ctx.Err() == nil {
			go s.ask(l, next, q) // on another goroutine: the call may have left this one
		}
	})
}

// update runs one Update.
func (s *Session) update(ctx context.Context, cancel context.CancelFunc, l *life, turn turn, e machine.Effect) {
	c := Change{Renegotiate: e.Renegotiate, ViewOnly: e.ViewOnly}
	guard("Updater.Update", func() error {
		return turn.run(ctx, func() error { return l.can.updater.Update(ctx, c) })
	}, func(err error) {
		in := s.doneInput(ctx, machine.UpdateDone, l, e.ID, err)
		cancel()
		s.post(in)
	})
}

// doneInput reports how an operation on a link ended that ran under ctx.
func (s *Session) doneInput(ctx context.Context, k machine.Kind, l *life, id uint64, err error) machine.Input {
	in := machine.Input{Kind: k, Epoch: l.epoch(), ID: id}
	if in.Unsupported = errors.Is(err, errors.ErrUnsupported); !in.Unsupported {
		in.Status = statusOf(ctx, err)
	}
	return in
}

// statusOf says what an error of the transport means that ran under ctx. The end
// of that context of ours is told in words only, so that it does not pass for
// one of the caller's.
func statusOf(ctx context.Context, err error) status.Status {
	var panicked *observer.PanicError
	if errors.As(err, &panicked) {
		return status.New(status.TaskFailed, err) // whatever it panicked with
	}
	st := unshared(policy.StatusOf(err))
	if ctx.Err() != nil && isContextError(st.Cause) {
		st.Cause = errors.New(st.Cause.Error())
	}
	return st
}

var errUnreadable = errors.New("an error that panics when it is read")

// readable stands in for an error that cannot be read, such as a typed nil.
func readable(err error) (sound error) {
	defer func() {
		if recover() != nil {
			sound = errUnreadable
		}
	}()
	examine(err)
	return err
}

// unshared copies what a transport may go on using.
func unshared(st status.Status) status.Status {
	if st.Directive != nil {
		d := *st.Directive
		st.Directive = &d
	}
	return st
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// guard calls f, and then with its error. A panic, or leaving the goroutine with
// runtime.Goexit, becomes an error too, and so does an error that panics when it
// is looked at.
func guard(where string, f func() error, then func(error)) {
	var err error = &observer.PanicError{Where: where, Value: "the goroutine was left with runtime.Goexit"}
	defer func() {
		if p := recover(); p != nil {
			err = &observer.PanicError{Where: where, Value: p, Stack: debug.Stack()}
		}
		then(err)
	}()
	err = f()
	examine(err)
}

// examine asks of an error what the session and its observers will ask, so that
// one which cannot answer, such as a typed nil, panics where that is caught.
func examine(err error) {
	if err != nil {
		_ = err.Error()
		_ = policy.StatusOf(err)
	}
}
