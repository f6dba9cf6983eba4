package sessiontest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// stalling is a link whose Unwrap takes a while, or panics.
type stalling struct {
	session.Link
	d time.Duration
}

func (s stalling) Unwrap() session.Link {
	if s.d < 0 {
		panic("boom")
	}
	pass(s.d)
	return nil
}

// wrapping hides every link behind a stalling one.
type wrapping struct {
	session.Transport
	d time.Duration
}

func (w wrapping) Connect(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
	l, err := w.Transport.Connect(ctx, a, r)
	return stalling{l, w.d}, err
}

// TestSlowUnwrap: a link whose abilities are found only after the end of the
// session is closed all the same (G11).
func TestSlowUnwrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr Transport
		s := made(t, config(wrapping{&tr, time.Minute}))
		go func() { _ = s.Start(t.Context()) }()
		settle(time.Second)
		s.Close()
		settle(time.Hour)
		tr.Parity(t)
	})
}

// TestUnwrapPanics: a panic there fails the attempt, and the link is closed.
func TestUnwrapPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr Transport
		s := made(t, config(wrapping{&tr, -1}))
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("enough"))
		defer cancel()
		err := s.Start(ctx)
		assert.ErrorIs(t, err, status.Left)
		<-s.Done()
		assert.Greater(t, len(tr.Snapshot().Opened), 1, "retried")
		tr.Parity(t)
	})
}
