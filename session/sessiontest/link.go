package sessiontest

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/session"
)

// Link says what the session's calls on one open link do. An ability with a
// zero Step is missing: the session does not find it. The zero Link can only be
// closed.
type Link struct {
	// Ping makes the link a session.Pinger. OK answers each ping by
	// Reporter.Pong, OK().After(d) answers it later, Nothing never does.
	Ping Step
	// Probe makes the link a session.MediaProber. Like a Ping it is answered by OK,
	// later by OK().After(d), never by Nothing, and refused by
	// Fail(errors.ErrUnsupported).
	Probe Step
	// Expect is what the link declares with Reporter.Expect when it opens; zero
	// declares nothing.
	Expect health.Expectation
	// Media is how often media packets come in while the link is open, each of them
	// a Reporter.Alive; 0: none.
	Media time.Duration
	// RestartMedia makes the link a session.MediaRestarter, Resume a session.Resumer.
	// A Func step is called with the attempt that is being made.
	RestartMedia Step
	Resume       Step
	// Update makes the link a session.Updater.
	Update Step
	// Promote makes the link a session.Promoter. Demote is its other half and
	// succeeds at once if it is zero; alone it makes no Promoter.
	Promote Step
	Demote  Step
	// Leave makes the link a session.Leaver.
	Leave Step
	// Close is what Close does; zero closes at once. The link counts as closed
	// however its Close ends.
	Close Step
}

// Able returns a Link that has every ability, and each of them works at once.
func Able() Link {
	return Link{
		Ping: OK(), Probe: OK(), RestartMedia: OK(), Resume: OK(), Update: OK(), Promote: OK(), Demote: OK(), Leave: OK(),
	}
}

// EpochOf returns the epoch of a link that a Transport has opened, of one
// inside a wrapper too, and 0 for any other link.
func EpochOf(l session.Link) uint64 {
	for l != nil {
		if ours, ok := l.(interface{ openedIn() uint64 }); ok {
			return ours.openedIn()
		}
		wrapper, wraps := l.(interface{ Unwrap() session.Link })
		if !wraps {
			break
		}
		l = wrapper.Unwrap()
	}
	return 0
}

// link is an open link without abilities. Each ability is a wrapper around it,
// because a type cannot lose a method: a link that cannot ping must have none.
type link struct {
	t    *Transport
	life *life
}

// Close plays the step of Link.Close.
func (l *link) Close(ctx context.Context) error {
	return l.play(ctx, Call{Name: "Close"}, func(can *Link) Step { return can.Close.or(OK()) })
}

func (l *link) openedIn() uint64 { return l.life.attempt.Epoch }

// play is one call on the link.
func (l *link) play(ctx context.Context, c Call, pick func(*Link) Step) error {
	step, running := l.t.beginOn(ctx, l.life, c, pick)
	defer l.t.end(running)
	a := c.Attempt
	if a.Level == 0 {
		a = l.life.attempt
	}
	return step.play(ctx, l.life, a)
}

// able wraps a link in the abilities that it has.
func able(base *link, can *Link) session.Link {
	var l session.Link = base
	if can.Ping.isSet() {
		l = pinger{wrapper{base, l}}
	}
	if can.Probe.isSet() {
		l = prober{wrapper{base, l}}
	}
	if can.RestartMedia.isSet() {
		l = restarter{wrapper{base, l}}
	}
	if can.Resume.isSet() {
		l = resumer{wrapper{base, l}}
	}
	if can.Update.isSet() {
		l = updater{wrapper{base, l}}
	}
	if can.Promote.isSet() {
		l = promoter{wrapper{base, l}}
	}
	if can.Leave.isSet() {
		l = leaver{wrapper{base, l}}
	}
	return l
}

type wrapper struct {
	*link
	inner session.Link
}

// Unwrap leads to the other abilities.
func (w wrapper) Unwrap() session.Link { return w.inner }

// missing stands for an ability that Change has taken away.
func missing() Step { return Fail(errors.ErrUnsupported) }

type pinger struct{ wrapper }

// Ping plays the step of Link.Ping and answers if the step succeeds.
func (p pinger) Ping(ctx context.Context, id uint64) error {
	return p.ask(ctx, Call{Name: "Ping", ID: id}, func(can *Link) Step { return can.Ping }, p.life.pong)
}

type prober struct{ wrapper }

// ProbeMedia plays the step of Link.Probe and answers if the step succeeds.
func (p prober) ProbeMedia(ctx context.Context, id uint64) error {
	return p.ask(ctx, Call{Name: "ProbeMedia", ID: id}, func(can *Link) Step { return can.Probe }, p.life.probed)
}

// ask is a call that is answered apart from its return: if its step succeeds,
// after what the step takes.
func (l *link) ask(ctx context.Context, c Call, pick func(*Link) Step, answer func(*Transport, uint64)) error {
	var answers bool
	var delay time.Duration
	err := l.play(ctx, c, func(can *Link) Step {
		step := pick(can).or(missing())
		answers = step.does == succeeds
		if answers && step.until == atOnce {
			delay, step.after = step.after, 0
		}
		return step
	})
	switch {
	case err != nil || !answers:
	case delay > 0:
		time.AfterFunc(delay, func() { answer(l.t, c.ID) })
	default:
		answer(l.t, c.ID)
	}
	return err
}

type restarter struct{ wrapper }

// RestartMedia plays the step of Link.RestartMedia.
func (r restarter) RestartMedia(ctx context.Context, a session.Attempt) error {
	return r.play(ctx, Call{Name: "RestartMedia", Attempt: a}, func(can *Link) Step { return can.RestartMedia.or(missing()) })
}

type resumer struct{ wrapper }

// Resume plays the step of Link.Resume.
func (r resumer) Resume(ctx context.Context, a session.Attempt) error {
	return r.play(ctx, Call{Name: "Resume", Attempt: a}, func(can *Link) Step { return can.Resume.or(missing()) })
}

type updater struct{ wrapper }

// Update plays the step of Link.Update.
func (u updater) Update(ctx context.Context, change session.Change) error {
	return u.play(ctx, Call{Name: "Update", Change: change}, func(can *Link) Step { return can.Update.or(missing()) })
}

type promoter struct{ wrapper }

// Promote plays the step of Link.Promote.
func (p promoter) Promote(ctx context.Context, c session.Credentials) error {
	return p.play(ctx, Call{Name: "Promote", Credentials: c}, func(can *Link) Step { return can.Promote.or(missing()) })
}

// Demote plays the step of Link.Demote.
func (p promoter) Demote(ctx context.Context) error {
	return p.play(ctx, Call{Name: "Demote"}, func(can *Link) Step { return can.Demote.or(OK()) })
}

type leaver struct{ wrapper }

// Leave plays the step of Link.Leave.
func (l leaver) Leave(ctx context.Context) error {
	return l.play(ctx, Call{Name: "Leave"}, func(can *Link) Step { return can.Leave.or(missing()) })
}
