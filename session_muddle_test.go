package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// Whatever goes wrong with whatever an attempt may need, and whatever the application
// and the network do meanwhile, a session whose server is gone for good ends by itself,
// once, and keeps to the guarantees until then (NEEDS 3, 36; G1, G2, G9, G11, G12).
func TestNeverStuckWithEverything(t *testing.T) {
	ends := map[observer.Initiator]int{}
	for seed := range uint64(200) {
		bubble(t, fmt.Sprint(seed), func(t *testing.T) { ends[muddle(t, rand.New(&shared{src: rand.NewPCG(seed, 21)}))]++ })
		if t.Failed() {
			return
		}
	}
	t.Log(ends)
	assert.Greater(t, ends[observer.ByPolicy], 50)
}

// shared is a source of random numbers for several goroutines.
type shared struct {
	mu  sync.Mutex
	src rand.Source
}

func (s *shared) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.src.Uint64()
}

// muddle plays one such life and tells who has ended it.
func muddle(t *testing.T, r *rand.Rand) observer.Initiator {
	var tr sessiontest.Transport
	for range 12 {
		tr.Then(anyStep(r).With(anyLink(r)))
	}
	tr.Otherwise(fail(status.AudioServiceUnavailable).After(time.Duration(r.IntN(3)) * sec))
	var rec sessiontest.Recorder
	cfg := production(&tr, &rec)
	if r.IntN(2) == 0 {
		adaptive(&cfg)
	}
	anySurroundings(r, &cfg)
	s := newSession(t, cfg)
	starting(s)
	for range 40 {
		settle(time.Duration(r.IntN(8000)) * ms)
		anything(r, stage{s, &tr})
	}
	for n := 0; !ended(s) && n < 300; n++ { // nothing works any more
		tr.Then(fail(nil).Times(100))
		if len(tr.Snapshot().Attempts()) > 0 {
			tr.Change(sessiontest.Newest, func(l *sessiontest.Link) { l.RestartMedia, l.Resume = sessiontest.Step{}, sessiontest.Step{} })
			tr.Report(sessiontest.Newest, lost)
		}
		settle(10 * sec)
	}
	assert.True(t, ended(s), "%v", s.State())
	settle(time.Hour) // for what is deaf
	verify(t, s, &tr, &rec)
	stopped, _ := sessiontest.Last[observer.Stopped](&rec)
	if t.Failed() {
		t.Log(rec.Text())
	}
	return stopped.Initiator
}

func anyLink(r *rand.Rand) sessiontest.Link {
	l := sessiontest.Link{
		Ping: anyStep(r), Update: anyStep(r), Promote: anyStep(r), Close: anyStep(r), RestartMedia: anyRestore(r), Resume: anyRestore(r),
	}
	if r.IntN(2) == 0 {
		l.Probe = anyStep(r)
	}
	return l
}

func anyRestore(r *rand.Rand) sessiontest.Step {
	steps := []sessiontest.Step{
		{},
		ok(), ok().After(sec), fail(nil), fail(session.ErrRefused), fail(errors.ErrUnsupported), fail(session.ErrUnauthorized),
		fail(later(3 * sec)), fail(asking(status.Directive{Recovery: status.RecoverByRejoin})), hang("SDP"), ok().AtCancel(),
		ok().AtCancel().After(5 * sec), sessiontest.Panic("SDP"), sessiontest.Exit(), sessiontest.Nothing(),
	}
	return steps[r.IntN(len(steps))]
}

// anySurroundings are sources, a limiter and a hook that work, fail, hang and panic.
func anySurroundings(r *rand.Rand, c *session.Config) {
	if r.IntN(2) == 0 {
		c.Credentials = session.CredentialFunc(func(ctx context.Context, _ session.CredentialRequest) (session.Credentials, error) {
			err := anyWait(r)(ctx)
			return expiring(r.IntN(5), time.Duration(r.IntN(100))*sec), err
		})
	}
	if r.IntN(2) == 0 {
		c.EndpointSource = session.EndpointFunc(func(ctx context.Context, _ session.EndpointRequest) ([]string, error) {
			err := anyWait(r)(ctx)
			return []string{"a", "b", "c"}[r.IntN(3):], err
		})
	}
	if r.IntN(2) == 0 {
		c.Limiter = &gate{wait: func(ctx context.Context, _ int) error { return anyWait(r)(ctx) }}
	}
	if r.IntN(2) == 0 {
		c.Resync = func(ctx context.Context, _ session.Resync) error { return anyWait(r)(ctx) }
	}
}

// anyWait is what a call of the application's does; most of the time it works.
func anyWait(r *rand.Rand) func(context.Context) error {
	switch r.IntN(14) {
	case 0:
		return func(context.Context) error { return errEnough }
	case 1:
		return func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	case 2:
		return func(context.Context) error { panic("any") }
	case 3:
		return func(context.Context) error { advance(40 * sec); return nil } // deaf
	case 4, 5:
		return func(context.Context) error { advance(sec); return nil }
	}
	return func(context.Context) error { return nil }
}

// anything happens.
func anything(r *rand.Rand, st stage) {
	if !st.has(1) || r.IntN(3) == 0 {
		hints := append([]session.Hint{session.NetworkDown}, better...)
		st.s.Hint(hints[r.IntN(len(hints))])
		return
	}
	losses := []error{mediaLost, bothLost, lost, someLost, later(5 * sec), status.FromSignaling(503), status.FromWebSocketClose(1006, status.Attached)}
	switch r.IntN(8) {
	case 0:
		st.tr.Closed(sessiontest.Newest, status.Layer(r.IntN(4)), nil)
	case 1:
		_ = st.s.Reconnect(errEnough)
	case 2:
		go st.s.Promote(context.Background(), session.Credentials{})
	case 3:
		st.tr.Silence(sessiontest.Newest, health.Layers(r.IntN(4)))
	case 4:
		_ = st.s.Update(session.Change{Renegotiate: true, ViewOnly: r.IntN(4) == 0})
	default:
		st.tr.Report(sessiontest.Newest, losses[r.IntN(len(losses))])
	}
}
