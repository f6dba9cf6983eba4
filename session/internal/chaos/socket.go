package chaos

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// socket is the link of one epoch without abilities. What it can do besides is
// wrapped around it, because a type cannot lose a method.
type socket struct {
	v     *server
	epoch uint64
	r     *session.Reporter

	// The server's lock guards these.
	opened  bool
	closes  int
	silent  health.Layers
	held    uint64 // the ping that is answered when signaling comes back
	mutters bool   // pings and probes turn out not to be supported
	asking  [2]int // pings and probes that run
}

// Close closes the link. The session calls it.
func (s *socket) Close(ctx context.Context) error {
	answer, call := s.v.begin(ctx, ToClose, s.epoch)
	defer s.v.end(call)
	s.v.mu.Lock()
	if s.closes++; s.closes > 1 {
		s.v.breaks(ruleClosed, "the link of epoch %d is closed again", s.epoch)
	}
	s.v.mu.Unlock()
	if s.v.s.Echo {
		s.r.Closed(status.LayerSignaling, nil)
	}
	return s.v.play(ctx, &answer)
}

// call is one call on the open link.
func (s *socket) call(ctx context.Context, to Call) error {
	answer, call := s.v.begin(ctx, to, s.epoch)
	defer s.v.end(call)
	s.mustBeOpen(ctx, string(to))
	return s.v.play(ctx, &answer)
}

// mustBeOpen checks that nothing is asked of a link that is closed.
func (s *socket) mustBeOpen(ctx context.Context, what string) {
	s.v.mu.Lock()
	defer s.v.mu.Unlock()
	if ctx.Err() == nil && (!s.opened || s.closes > 0) {
		s.v.breaks(ruleClosed, "%s on the link of epoch %d, which is closed", what, s.epoch)
	}
}

// hears reports whether something can come in on a layer.
func (s *socket) hears(l health.Layers) bool {
	s.v.mu.Lock()
	defer s.v.mu.Unlock()
	return s.opened && s.closes == 0 && !s.silent.Has(l)
}

// question is a ping, 0, or a probe, 1.
func (s *socket) question(ctx context.Context, kind int, id uint64, layer health.Layers, answer func(uint64)) error {
	s.mustBeOpen(ctx, "a ping or probe")
	s.v.mu.Lock()
	if s.asking[kind]++; s.asking[kind] > 1 {
		s.v.breaks(ruleOneCall, "two pings, or probes, at a time")
	}
	mutters := s.mutters
	if kind == 0 && s.silent.Has(layer) {
		s.held = id
	}
	s.v.mu.Unlock()
	defer func() {
		s.v.mu.Lock()
		s.asking[kind]--
		s.v.mu.Unlock()
	}()
	switch {
	case mutters:
		return errors.ErrUnsupported
	case !s.hears(layer):
	case s.v.s.RTT == 0:
		answer(id)
	default:
		time.AfterFunc(time.Duration(s.v.s.RTT), func() {
			if s.hears(layer) {
				answer(id)
			}
		})
	}
	return nil
}

// silence makes layers a black hole, and lets the others come back.
func (s *socket) silence(l health.Layers) {
	s.v.mu.Lock()
	if s.silent = l; s.v.gone {
		s.silent = health.Both
	}
	held := s.held
	if !s.silent.Has(health.Signaling) {
		s.held = 0
	}
	s.v.mu.Unlock()
	if held != 0 && s.hears(health.Signaling) {
		s.r.Pong(held)
	}
}

// flows lets a packet come in every so often, until the link is closed.
func (s *socket) flows(every time.Duration) {
	time.AfterFunc(every, func() {
		if s.hears(health.Media) {
			s.r.Alive(status.LayerMedia)
		}
		s.v.mu.Lock()
		open := s.closes == 0 && !s.v.done
		s.v.mu.Unlock()
		if open {
			s.flows(every)
		}
	})
}

// able wraps a socket in what it can do.
func able(s *socket, can machine.Abilities) (l session.Link) {
	l = leaver{wrapper{s, s}}
	for ability, wrap := range map[machine.Abilities]func(wrapper) session.Link{
		machine.CanPing: func(w wrapper) session.Link { return pinger{w} }, machine.CanProbe: func(w wrapper) session.Link { return prober{w} },
		machine.CanUpdate: func(w wrapper) session.Link { return updater{w} }, machine.CanPromote: func(w wrapper) session.Link { return promoter{w} },
		machine.CanRestart: func(w wrapper) session.Link { return restarter{w} }, machine.CanResume: func(w wrapper) session.Link { return resumer{w} },
	} {
		if can&ability != 0 {
			l = wrap(wrapper{s, l})
		}
	}
	return l
}

type wrapper struct {
	*socket
	inner session.Link
}

// Unwrap leads to the other abilities.
func (w wrapper) Unwrap() session.Link { return w.inner }

type pinger struct{ wrapper }

// Ping sends a ping.
func (p pinger) Ping(ctx context.Context, id uint64) error {
	return p.question(ctx, 0, id, health.Signaling, p.r.Pong)
}

type prober struct{ wrapper }

// ProbeMedia sends a probe.
func (p prober) ProbeMedia(ctx context.Context, id uint64) error {
	return p.question(ctx, 1, id, health.Media, p.r.Probed)
}

type updater struct{ wrapper }

// Update changes the link.
func (u updater) Update(ctx context.Context, _ session.Change) error { return u.call(ctx, ToUpdate) }

type promoter struct{ wrapper }

// Promote takes part in a primary meeting.
func (p promoter) Promote(ctx context.Context, _ session.Credentials) error {
	return p.call(ctx, ToPromote)
}

// Demote leaves it.
func (p promoter) Demote(ctx context.Context) error { return p.call(ctx, ToDemote) }

type leaver struct{ wrapper }

// Leave says goodbye.
func (l leaver) Leave(ctx context.Context) error { return l.call(ctx, ToLeave) }

type restarter struct{ wrapper }

// RestartMedia renews the media path.
func (r restarter) RestartMedia(ctx context.Context, a session.Attempt) error {
	return r.restore(ctx, ToRestart, &a)
}

type resumer struct{ wrapper }

// Resume takes the session up over new signaling.
func (r resumer) Resume(ctx context.Context, a session.Attempt) error {
	return r.restore(ctx, ToResume, &a)
}

func (s *socket) restore(ctx context.Context, to Call, a *session.Attempt) error {
	if ctx.Err() == nil {
		s.v.mu.Lock()
		s.v.attempts(a)
		s.v.mu.Unlock()
	}
	err := s.call(ctx, to)
	if err != nil {
		s.v.rejects(ctx, a.Credentials, err)
	}
	return err
}
