package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/holdfast-go/holdfast/session"
)

// play is the body of a call: it waits as the step says and does what it says.
func (s Step) play(ctx context.Context, of *life, a session.Attempt) error {
	if err := s.pause(ctx, of.released); err != nil {
		return err
	}
	switch s.does {
	case fails:
		return s.failure(ctx, s.err)
	case panics:
		panic(s.value)
	case exits:
		runtime.Goexit()
	}
	if s.run != nil {
		if err := s.run(ctx, a, of.reporter); err != nil {
			return s.failure(ctx, err)
		}
	}
	return nil
}

// pause waits for the moment of the outcome. It fails if a polite step's
// context has ended before. A release ends every wait.
func (s Step) pause(ctx context.Context, release <-chan struct{}) error {
	over := ctx.Done()
	switch s.until {
	case canceled:
		select {
		case <-over:
		case <-release:
		}
		over = nil
	case released:
		<-release
		over = nil
	}
	if s.after > 0 {
		latency(s.after, over, release)
	}
	if over != nil && ctx.Err() != nil {
		return s.failure(ctx, nil)
	}
	return nil
}

// latency waits for d, or until one of the channels is closed.
func latency(d time.Duration, over, release <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-over:
	case <-release:
	}
}

// errFailed is what a step fails with that was given no error.
var errFailed = errors.New("sessiontest: failed as scripted")

// failure is the step's error: the given one, or the context's, or else one
// that says nothing, with the phase in front.
func (s Step) failure(ctx context.Context, err error) error {
	if err == nil {
		err = errFailed
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	if s.phase == "" {
		return err
	}
	return fmt.Errorf("%s: %w", s.phase, err)
}
