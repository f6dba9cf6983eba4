package session

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// attemptOf translates an attempt of the core.
func attemptOf(e *machine.Effect) Attempt {
	return Attempt{
		Epoch: e.Epoch, Number: e.Attempt.Number, Level: e.Attempt.Level, Cause: e.Attempt.Cause,
		Endpoint: e.Attempt.Endpoint, RestartMedia: e.Attempt.RestartMedia,
		ViewOnly: e.Attempt.ViewOnly, NoTransforms: e.Attempt.WithoutTransforms, Timeout: e.Attempt.Timeout,
	}
}

// prepare finds out what an attempt needs and the core does not know. An answer that
// comes when the attempt was given up already opens nothing. The error is unprepared.
func (s *Session) prepare(ctx context.Context, a *Attempt, find bool) error {
	if err := s.ready(ctx, a, find); err != nil {
		return unprepared{err}
	}
	return nil
}

func (s *Session) ready(ctx context.Context, a *Attempt, find bool) error {
	if find {
		if err := s.findEndpoint(ctx, a); err != nil {
			return err
		}
	}
	if s.cfg.sources.credentials == nil || a.Level == policy.RestartMedia {
		return nil
	}
	c, err := s.credentials(ctx, CredentialRequest{Level: a.Level, Cause: a.Cause})
	if err != nil {
		return err
	}
	a.Credentials = c
	s.post(machine.Input{
		Kind: machine.Prepared, Epoch: a.Epoch, Ready: &machine.Ready{Authorized: true, ExpireIn: expireIn(c)},
	})
	return nil
}

var errNoEndpoints = errors.New("the endpoint source found none")

// findEndpoint asks for endpoints and takes the first one.
func (s *Session) findEndpoint(ctx context.Context, a *Attempt) (err error) {
	var list []string
	guard("EndpointSource", func() (err error) {
		list, err = s.cfg.sources.endpoints.Endpoints(ctx, EndpointRequest{Number: a.Number, Cause: a.Cause})
		return err
	}, func(e error) { err = e })
	switch {
	case err != nil:
	case ctx.Err() != nil:
		err = ctx.Err()
	case len(list) == 0 || slices.Contains(list, ""):
		err = errNoEndpoints
	}
	if err != nil {
		return fmt.Errorf("finding endpoints: %w", err)
	}
	list = slices.Clone(list) // the source may go on using it
	a.Endpoint = list[0]
	s.post(machine.Input{Kind: machine.Prepared, Epoch: a.Epoch, Ready: &machine.Ready{Endpoints: list}})
	return nil
}

// rejects reports whether an attempt failed because of its credentials.
func (s *Session) rejects(err error) bool {
	var u unprepared
	if errors.As(err, &u) {
		return errors.Is(err, errSameCredentials)
	}
	if errors.Is(err, ErrUnauthorized) {
		return true
	}
	code, _ := status.CodeOf(err)
	return code == status.AudioAuthenticationRejected && s.cfg.sources.credentials != nil
}

// task runs f, which belongs to no link, until its context is cancelled by the
// core or because the session ends.
func (s *Session) task(id uint64, where string, f func(context.Context) error, then func(ctx context.Context, err error)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.values))
	s.mu.Lock()
	if s.tasks == nil {
		s.tasks = make(map[uint64]context.CancelFunc)
	}
	s.tasks[id] = cancel
	if s.latched {
		cancel()
	}
	s.mu.Unlock()
	go guard(where, func() error { return f(ctx) }, func(err error) {
		then(ctx, err)
		s.cancelTask(id)
	})
}

func (s *Session) cancelTask(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.tasks[id]; cancel != nil {
		cancel()
		delete(s.tasks, id)
	}
	if len(s.tasks) == 0 {
		s.tasks = nil
	}
}

// admit asks the limiter for an attempt.
func (s *Session) admit(e *machine.Effect) {
	id, limiter, level := e.ID, s.cfg.sources.limiter, e.Attempt.Level
	s.task(id, "Limiter.WaitN", func(ctx context.Context) error {
		return limiter.WaitN(ctx, cost(limiter, level))
	}, func(ctx context.Context, err error) {
		s.post(machine.Input{Kind: machine.Admitted, ID: id, Status: statusOf(ctx, err)})
	})
}

// refresh renews credentials ahead of need.
func (s *Session) refresh(e *machine.Effect) {
	id, in := e.ID, machine.Input{Kind: machine.Refreshed, ID: e.ID}
	s.task(id, "CredentialSource", func(ctx context.Context) error {
		c, err := s.credentials(ctx, CredentialRequest{Ahead: true})
		in.Ready = &machine.Ready{Authorized: err == nil, ExpireIn: expireIn(c)}
		return err
	}, func(ctx context.Context, err error) {
		in.Status = statusOf(ctx, err)
		s.post(in)
	})
}

// restore runs a restart of media or a resume on the link.
func (s *Session) restore(ctx context.Context, cancel context.CancelFunc, l *life, id uint64, a Attempt) {
	where, restore := "Resumer.Resume", func() error { return l.can.resumer.Resume(ctx, a) }
	if a.Level == policy.RestartMedia {
		where, restore = "MediaRestarter.RestartMedia", func() error { return l.can.restarter.RestartMedia(ctx, a) }
	}
	guard(where, func() error {
		if err := s.prepare(ctx, &a, false); err != nil {
			return err
		}
		return restore()
	}, func(err error) {
		in := s.restoredInput(ctx, l, id, err)
		cancel()
		s.post(in)
	})
}

// restoredInput reports how a restart or resume ended.
func (s *Session) restoredInput(ctx context.Context, l *life, id uint64, err error) machine.Input {
	var u unprepared
	if errors.As(err, &u) {
		return machine.Input{
			Kind: machine.Restored, Epoch: l.epoch(), ID: id, Status: statusOf(ctx, err), Rejected: s.rejects(err),
		}
	}
	in := s.doneInput(ctx, machine.Restored, l, id, err)
	in.Refused, in.Rejected = refuses(err), s.rejects(err)
	return in
}

// refuses reports whether the server will not have that level.
func refuses(err error) bool {
	if errors.Is(err, ErrRefused) {
		return true
	}
	st, ok := status.From(err)
	return ok && st.Directive != nil && st.Directive.Recovery == status.RecoverByRejoin
}

// resync lets the application catch up.
func (s *Session) resync(ctx context.Context, cancel context.CancelFunc, l *life, e machine.Effect) {
	guard("Config.Resync", func() error {
		return s.cfg.sources.resync(ctx, Resync{Link: l.link, Outage: *e.Outage})
	}, func(err error) {
		in := machine.Input{Kind: machine.Resynced, Epoch: l.epoch(), ID: e.ID, Status: statusOf(ctx, err)}
		cancel()
		s.post(in)
	})
}
