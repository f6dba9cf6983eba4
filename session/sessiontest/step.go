package sessiontest

import (
	"context"
	"time"

	"github.com/holdfast-go/holdfast/session"
)

// Step says what one call of the session to its transport, or to a link, does:
// an outcome, and when it comes. It is made by one of the functions OK, Fail,
// Nothing, Panic, Exit, Func, Hang and Deaf and refined by its methods, which
// return a changed copy.
//
// Unless AtCancel or AtRelease says otherwise a step is polite: if the context
// ends first, or has ended when the call begins, the call returns that error
// at once in place of the outcome.
//
// The zero Step succeeds at once in a script. In a Link it stands for an
// ability that is missing.
type Step struct {
	does  outcome
	err   error // of fails; nil: an error that only names the phase
	value any   // of panics
	run   func(context.Context, session.Attempt, *session.Reporter) error
	until until
	after time.Duration
	phase string
	times int   // 0: once
	link  *Link // nil: Transport.Link
}

type outcome uint8

const (
	unset outcome = iota
	succeeds
	fails
	nothing
	panics
	exits
)

// until says what a step waits for before After begins.
type until uint8

const (
	atOnce until = iota
	canceled
	released
)

// OK succeeds: Connect opens a link, a Ping or a Probe is answered.
func OK() Step { return Step{does: succeeds} }

// Fail fails with err: a status.Code, a status.Status or any other error. The
// error is returned as it is, or wrapped with the name of the phase if there is
// one. nil stands for an error that says nothing else.
func Fail(err error) Step { return Step{does: fails, err: err} }

// Nothing returns as if all were well, but nothing has happened: Connect
// returns neither a link nor an error, a Ping or a Probe gets no answer.
func Nothing() Step { return Step{does: nothing} }

// Panic panics with v.
func Panic(v any) Step { return Step{does: panics, value: v} }

// Exit leaves the call's goroutine with runtime.Goexit, as a failed assertion
// in a transport would.
func Exit() Step { return Step{does: exits} }

// Func runs f and does what its error says: nil is OK, others are Fail. The
// attempt and the reporter are those that Connect got, on a link's calls too, but
// for RestartMedia and Resume, which have attempts of their own.
func Func(f func(ctx context.Context, a session.Attempt, r *session.Reporter) error) Step {
	return Step{does: succeeds, run: f}
}

// Hang hangs in a phase until the context ends, and fails with an error that
// names the phase.
func Hang(phase string) Step { return Fail(nil).In(phase).AtCancel() }

// Deaf hangs in a phase, deaf to its context, until Transport.Release, and
// fails then with an error that names the phase.
func Deaf(phase string) Step { return Fail(nil).In(phase).AtRelease() }

// After lets the outcome take d, or until the context ends if that is sooner;
// with AtCancel d runs from there, and the context no longer counts. The answer
// to a Ping or a Probe comes that much later, while the call itself returns at
// once. A release ends the wait; with AtRelease d means nothing.
func (s Step) After(d time.Duration) Step {
	s.after = d
	return s
}

// AtCancel lets the outcome come only when the context has ended, and whatever
// that means: OK().AtCancel() opens a link that nobody wants any more, and
// Fail(code).AtCancel() names the step that hung by a code.
func (s Step) AtCancel() Step {
	s.until = canceled
	return s
}

// AtRelease lets the outcome come only when Transport.Release says so, deaf to
// the context.
func (s Step) AtRelease() Step {
	s.until = released
	return s
}

// In names the phase in which the step happens: it is part of the step's error
// and of Call, and WaitHanging waits for it.
func (s Step) In(phase string) Step {
	s.phase = phase
	return s
}

// Times lets the step serve n attempts in a row instead of one; n below 1 is
// taken for 1. It counts in a script alone: elsewhere a step serves every call.
func (s Step) Times(n int) Step {
	s.times = n
	return s
}

// With says what the link can do that the step opens, in place of
// Transport.Link.
func (s Step) With(l Link) Step {
	s.link = &l
	return s
}

// isSet tells a made step from the zero one.
func (s Step) isSet() bool { return s.does != unset }

// or returns the step, or another one in place of the zero step.
func (s Step) or(other Step) Step {
	if s.isSet() {
		return s
	}
	return other
}
