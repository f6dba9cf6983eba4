package sessiontest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session"
)

// abilityCall is a call of an ability.
type abilityCall struct {
	name string
	call func(ctx context.Context) error
}

func namesOfCalls(calls []abilityCall) string {
	var names []string
	for _, c := range calls {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

// restoring is the attempt of a restart or a resume on the link.
func (s *subject) restoring(level policy.Level, media bool) session.Attempt {
	a := s.attempt
	a.Level, a.RestartMedia = level, media
	if level == policy.RestartMedia {
		a.Credentials = session.Credentials{} // as in a session
	}
	return a
}

// asking are the calls that only ask.
func (s *subject) asking() (calls []abilityCall) {
	if p, ok := abilityOf[session.Pinger](s.has()); ok {
		calls = append(calls, abilityCall{"Ping", s.numbered(p.Ping)})
	}
	if p, ok := abilityOf[session.MediaProber](s.has()); ok {
		calls = append(calls, abilityCall{"ProbeMedia", s.numbered(p.ProbeMedia)})
	}
	return calls
}

// numbered gives a question its id. It is called from the trial's goroutine.
func (s *subject) numbered(ask func(context.Context, uint64) error) func(context.Context) error {
	id := s.trial.id()
	return func(ctx context.Context) error { return ask(ctx, id) }
}

// askBoth asks, and waits no longer than Quiet for the calls to return, and not at all
// for the answers.
func (s *subject) askBoth() {
	ctx, cancel := context.WithTimeout(context.Background(), s.trial.Quiet)
	defer cancel()
	for _, c := range s.asking() {
		s.trial.within(s.trial.Quiet, func() error { return c.call(ctx) })
	}
}

// changing are the calls that change the link and may run together.
func (s *subject) changing() (calls []abilityCall) {
	if u, ok := abilityOf[session.Updater](s.has()); ok {
		calls = append(calls, abilityCall{"Update", func(ctx context.Context) error {
			return u.Update(ctx, session.Change{Renegotiate: true})
		}})
	}
	if p, ok := abilityOf[session.Promoter](s.has()); ok {
		calls = append(calls, abilityCall{"Promote", func(ctx context.Context) error {
			return p.Promote(ctx, s.trial.Promotion)
		}})
	}
	return calls
}

// restores are the calls of which only one runs at a time.
func (s *subject) restores() (calls []abilityCall) {
	if r, ok := abilityOf[session.MediaRestarter](s.has()); ok {
		calls = append(calls, abilityCall{"RestartMedia", func(ctx context.Context) error {
			return r.RestartMedia(ctx, s.restoring(policy.RestartMedia, false))
		}})
	}
	if r, ok := abilityOf[session.Resumer](s.has()); ok {
		calls = append(calls, abilityCall{"Resume", func(ctx context.Context) error {
			return r.Resume(ctx, s.restoring(policy.Resume, false))
		}})
	}
	return calls
}

// leaving is the goodbye.
func (s *subject) leaving() (calls []abilityCall) {
	if l, ok := abilityOf[session.Leaver](s.has()); ok {
		calls = append(calls, abilityCall{"Leave", l.Leave})
	}
	return calls
}

// companies are the calls that may run at the same time.
func (s *subject) companies() (list [][]abilityCall) {
	if calls := append(s.asking(), s.changing()...); len(calls) > 0 {
		list = append(list, calls)
	}
	for _, r := range s.restores() {
		list = append(list, append(s.asking(), r))
	}
	if calls := s.leaving(); len(calls) > 0 {
		list = append(list, calls)
	}
	return list
}

// every is each call that the link can take, alone.
func (s *subject) every() []abilityCall {
	calls := append(s.asking(), s.changing()...)
	return append(append(calls, s.restores()...), s.leaving()...)
}

// make makes a call with a context that lasts, and ends it once the call has
// returned, as a session does.
func (s *subject) make(c abilityCall) result {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	running := start(func() error { return c.call(ctx) })
	o := running.wait(s.trial.Patience)
	if !o.returned {
		cancel()
		running.wait(slack(s.trial.Grace))
	}
	return o
}

// called finds a call by its name.
func (s *subject) called(name string) (abilityCall, bool) {
	for _, c := range s.every() {
		if c.name == name {
			return c, true
		}
	}
	return abilityCall{}, false
}

// unsupported says that an result means that the link has not got the ability.
func (o result) unsupported() bool { return o.returned && errors.Is(o.err, errors.ErrUnsupported) }

// resume resumes the link, if it can.
func (s *subject) resume(media bool) (o result, tried bool) {
	r, ok := abilityOf[session.Resumer](s.has())
	if !ok {
		return o, false
	}
	o = s.make(abilityCall{"Resume", func(ctx context.Context) error {
		return r.Resume(ctx, s.restoring(policy.Resume, media))
	}})
	return o, !o.unsupported()
}

// shortWhile lets what was begun get going.
const shortWhile = time.Millisecond

// settle lets time pass.
func (t *trial) settle(d time.Duration) { time.Sleep(d) }

// hush listens for Quiet, or until something happens that must not.
func (t *trial) hush(something func() bool) { holds(t.Quiet, something) }

func never() bool { return false }
