package holdfast_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// broken is a limiter that fails once it has let some through.
type broken struct{ lets, asked int }

func (b *broken) WaitN(context.Context, int) error {
	if b.asked++; b.asked > b.lets {
		return errors.New("the limiter is broken")
	}
	return nil
}

// A limiter that fails is asked no faster than a server that fails, also right after
// a hint, and uses up the attempts (NEEDS 4, 39).
func TestLimiterThatFails(t *testing.T) {
	bubble(t, "after a hint", func(t *testing.T) {
		var tr sessiontest.Transport
		limiter := &broken{lets: 1}
		s := start(t, session.Config{Transport: &tr, Limiter: limiter})
		settle(time.Minute)
		s.Hint(session.NetworkChanged)
		settle(time.Second)
		tr.Report(sessiontest.Newest, lost)
		settle(10 * sec)
		assert.Less(t, limiter.asked, 30)
		finish(t, s, &tr)
	})
	bubble(t, "for ever", func(t *testing.T) {
		var tr sessiontest.Transport
		limiter := &broken{}
		cfg := production(&tr)
		cfg.Limiter, cfg.Policy.Budget = limiter, policy.Budget{Elapsed: policy.NoLimit, Idle: policy.NoLimit, Attempts: 5}
		s := newSession(t, cfg)
		starting(s)
		settle(time.Hour)
		assert.True(t, ended(s))
		assert.Equal(t, 5, limiter.asked)
	})
}

// Hints do not talk a session out of sparing a server that refuses: one brings one
// attempt, and a flapping interface one every two seconds (NEEDS 15, 17).
func TestHintsAgainstARefusingServer(t *testing.T) {
	refusal := status.Status{Code: status.SignalingInternalServerError, Wire: 503, Shared: true}
	attempts := func(t *testing.T, every time.Duration, hints int) int {
		tr := sessiontest.Script(ok()).Otherwise(fail(refusal))
		cfg := session.Config{Transport: tr, Random: func() float64 { return 0.5 }}
		s := start(t, cfg)
		settle(time.Minute)
		tr.Report(sessiontest.Newest, refusal)
		for range hints {
			settle(every)
			s.Hint(session.NetworkChanged)
		}
		settle(4*time.Minute - time.Duration(hints)*every)
		n := len(tr.Snapshot().Attempts()) - 1
		finish(t, s, tr)
		return n
	}
	bubble(t, "none", func(t *testing.T) { assert.Less(t, attempts(t, 0, 0), 20) })
	bubble(t, "one", func(t *testing.T) { assert.Less(t, attempts(t, 100*ms, 1), 22) })
	bubble(t, "flapping", func(t *testing.T) { assert.LessOrEqual(t, attempts(t, 50*ms, 4*60*20), 4*60/2+5) })
}

// What an observer does to the endpoints that it is told of changes nothing.
func TestEndpointsAreTheSessions(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		tr := sessiontest.Script(fail(nil), ok())
		cfg := production(tr, observer.Func(func(e observer.Event) {
			if found, ok := e.(observer.EndpointsFound); ok {
				found.Endpoints[1] = "evil"
			}
		}))
		cfg.EndpointSource = session.EndpointFunc(func(context.Context, session.EndpointRequest) ([]string, error) {
			return []string{"a", "b"}, nil
		})
		s := start(t, cfg)
		assert.Equal(t, "b", tr.Snapshot().Attempts()[1].Endpoint)
		finish(t, s, tr)
	})
}

// typedNil is an error that panics when it is asked.
type typedNil struct{ text string }

func (e *typedNil) Error() string { return e.text }

// A reason that cannot be read does not spread into logs and errors.
func TestUnreadableReason(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		var tr sessiontest.Transport
		var rec sessiontest.Recorder
		s := start(t, production(&tr, &rec, observer.Log{Logger: slog.New(slog.DiscardHandler)}))
		require.NoError(t, s.Reconnect((*typedNil)(nil)))
		settle(time.Minute)
		s.StopWith((*typedNil)(nil))
		require.NoError(t, s.Wait(t.Context()))
		assert.ErrorContains(t, s.Err(), "an error that panics when it is read")
		verify(t, s, &tr, &rec)
	})
}

// What a server asks for counts also if it comes when the next attempt is scheduled
// already, as when ICE has failed before signaling says why (NEEDS 18).
func TestDirectiveWhileWaiting(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		tr := &sessiontest.Transport{Link: rejoining()}
		cfg := production(tr)
		cfg.Endpoints = []string{"a", "b"}
		s := start(t, cfg)
		settle(time.Minute)
		tr.Report(1, status.AudioInternalServerError)
		settle(50 * ms)
		tr.Report(1, status.Status{
			Code: status.SignalingInternalServerError, Wire: 1013, Shared: true,
			Directive: &status.Directive{RetryAfter: time.Minute, Endpoint: "c"},
		})
		s.Hint(session.NetworkChanged)
		settle(time.Minute - 1)
		assert.Len(t, tr.Snapshot().Attempts(), 1)
		settle(30 * sec)
		require.Len(t, tr.Snapshot().Attempts(), 2)
		assert.Equal(t, "c", tr.Snapshot().Attempts()[1].Endpoint)
		finish(t, s, tr)
	})
}
