package sessiontest

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session"
)

// pass lets d go by, in a bubble at once.
func pass(d time.Duration) { <-time.NewTimer(d).C }

// settle lets d go by and everything in the bubble come to rest.
func settle(d time.Duration) {
	pass(d)
	synctest.Wait()
}

// fakeTB collects what a check complains of.
type fakeTB struct {
	testing.TB
	errors []string
}

func (f *fakeTB) Helper()           {}
func (f *fakeTB) Error(args ...any) { f.errors = append(f.errors, fmt.Sprint(args...)) }

// config is one of production, but for the jitter, which is not random and does not
// depend on the cause.
func config(tr session.Transport, observers ...observer.Observer) session.Config {
	p := policy.Default()
	p.NewBackOff = policy.Reference().NewBackOff
	return session.Config{
		Name: "test", Transport: tr, Observers: observers, Policy: &p, Random: func() float64 { return 0.5 },
	}
}

// begin makes a session and starts it, which must work.
func begin(t *testing.T, cfg session.Config) *session.Session {
	t.Helper()
	s := made(t, cfg)
	require.NoError(t, s.Start(t.Context()))
	return s
}

func made(t *testing.T, cfg session.Config) *session.Session {
	t.Helper()
	s, err := session.New(cfg)
	require.NoError(t, err)
	return s
}

// rejoining is a Link that can do all but to restart its media or to resume its
// session.
func rejoining() Link {
	l := Able()
	l.RestartMedia, l.Resume = Step{}, Step{}
	return l
}
