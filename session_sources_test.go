package holdfast_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// Where attempts get their credentials and their endpoints from.

// prepareTimeout is the default of Config.PrepareTimeout.
const prepareTimeout = 10 * sec

// issuer is a source of credentials that gives another token each time, and keeps
// what it was asked.
type issuer struct {
	// gives is asked in place of that, if it is set. n counts the questions from 1.
	gives func(ctx context.Context, n int, r session.CredentialRequest) (session.Credentials, error)

	mu            sync.Mutex
	asked         []session.CredentialRequest
	at            []time.Time
	running, most int
}

func (i *issuer) Credentials(ctx context.Context, r session.CredentialRequest) (session.Credentials, error) {
	n := i.begin(r)
	defer i.end()
	if i.gives != nil {
		return i.gives(ctx, n, r)
	}
	return ticket(n), nil
}

func (i *issuer) begin(r session.CredentialRequest) (n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked, i.at = append(i.asked, r), append(i.at, time.Now())
	i.running++
	i.most = max(i.most, i.running)
	return len(i.asked)
}

func (i *issuer) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running--
}

// requests is what the source was asked so far.
func (i *issuer) requests() []session.CredentialRequest {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.asked)
}

func ticket(n int) session.Credentials {
	return session.Credentials{Attendee: "a", Token: fmt.Sprintf("token-%d", n)}
}

// expiring is a token that is good for so long.
func expiring(n int, d time.Duration) session.Credentials {
	c := ticket(n)
	c.Expires = time.Now().Add(d)
	return c
}

// sent are the tokens that a transport was given with its calls, in order.
func sent(tr *sessiontest.Transport) (tokens []string) {
	for _, c := range tr.Snapshot().Calls {
		if c.Name == "Connect" || c.Name == "Resume" || c.Name == "RestartMedia" {
			tokens = append(tokens, c.Attempt.Credentials.Token)
		}
	}
	return tokens
}

// authorized is production with a source of credentials.
func authorized(tr session.Transport, from session.CredentialSource, observers ...observer.Observer) session.Config {
	cfg := production(tr, observers...)
	cfg.Credentials = from
	return cfg
}

var (
	unauthorized = fmt.Errorf("join: %w", session.ErrUnauthorized)
	rejected     = status.AudioAuthenticationRejected
)

// Each attempt that opens or resumes gets credentials of its own, from a source that
// is told what for; a restart of media needs none (NEEDS 7).
func TestCredentialsForEachAttempt(t *testing.T) {
	bubble(t, "attempts", func(t *testing.T) {
		var source issuer
		tr := first(climber(turns(fails), turns(fails)), fail(status.AudioServiceUnavailable))
		s := start(t, authorized(tr, &source))
		settle(time.Minute)
		tr.Report(1, mediaLost)
		settle(time.Minute)
		require.Equal(t, session.StateConnected, s.State())
		assert.Equal(t, []string{"token-1", "", "token-2", "token-3", "token-4", "token-5"}, sent(tr))
		var levels []policy.Level
		var causes []status.Code
		for _, r := range source.requests() {
			levels, causes = append(levels, r.Level), append(causes, r.Cause.Code)
			assert.Zero(t, r.Rejected)
			assert.False(t, r.Ahead)
		}
		assert.Equal(t, []policy.Level{policy.Rejoin, policy.Resume, policy.Resume, policy.Rejoin, policy.Rejoin}, levels)
		assert.Equal(t, []status.Code{status.OK, status.TaskFailed, status.TaskFailed, status.TaskFailed, status.AudioServiceUnavailable}, causes)
		assert.Equal(t, 1, source.most)
		finish(t, s, tr)
	})
}

// A token that the server has rejected is never sent again; the source is told which
// one it was, and why there is another attempt (NEEDS 7).
func TestRejectedTokenIsNotSentTwice(t *testing.T) {
	for name, rejection := range map[string]error{"by ErrUnauthorized": unauthorized, "by a status": rejected} {
		bubble(t, name, func(t *testing.T) {
			var source issuer
			tr := sessiontest.Script(fail(rejection).Times(3))
			var rec sessiontest.Recorder
			s := start(t, authorized(tr, &source, &rec))
			assert.Equal(t, []string{"token-1", "token-2", "token-3", "token-4"}, sent(tr))
			for i, r := range source.requests()[1:] {
				assert.Equal(t, ticket(i+1), r.Rejected, "the last one that was rejected")
				assert.ErrorIs(t, r.Cause, rejection)
			}
			var delays []time.Duration
			for _, e := range sessiontest.Of[observer.RetryScheduled](&rec) {
				delays = append(delays, e.Decision.Delay)
			}
			assert.Equal(t, []time.Duration{jittered(0), jittered(1), jittered(2)}, delays, "they back off")
			settle(time.Minute)
			tr.Report(sessiontest.Newest, lost)
			settle(sec)
			last := source.requests()
			assert.Zero(t, last[len(last)-1].Rejected, "nothing was rejected in this outage")
			finish(t, s, tr, &rec)
		})
	}
}

// A source that gives a rejected token all the same is not followed: the attempt has
// failed without it. It is told of the rejection for as long as the outage lasts,
// though its own failures, or others, come between (NEEDS 7).
func TestSourceThatInsists(t *testing.T) {
	bubble(t, "a cache that was not told", func(t *testing.T) {
		cache := ticket(1)
		source := issuer{gives: func(_ context.Context, n int, r session.CredentialRequest) (session.Credentials, error) {
			switch {
			case n == 2:
				return session.Credentials{}, errors.New("the token service is down")
			case r.Rejected == cache:
				cache = ticket(2)
			}
			return cache, nil
		}}
		tr := sessiontest.Script(fail(unauthorized))
		s := start(t, authorized(tr, &source))
		assert.Equal(t, []string{"token-1", "token-2"}, sent(tr))
		assert.Equal(t, ticket(1), source.requests()[1].Rejected)
		assert.Equal(t, ticket(1), source.requests()[2].Rejected)
		finish(t, s, tr)
	})
	bubble(t, "another outage, the same token", func(t *testing.T) {
		cache := ticket(1)
		source := issuer{gives: func(_ context.Context, n int, r session.CredentialRequest) (session.Credentials, error) {
			switch {
			case n == 2:
				return ticket(2), nil // once; the cache has not learned
			case n > 2 && r.Rejected == cache:
				cache = ticket(3)
			}
			return cache, nil
		}}
		tr := sessiontest.Script(fail(unauthorized))
		var rec sessiontest.Recorder
		s := start(t, authorized(tr, &source, &rec))
		settle(time.Minute)
		tr.Report(sessiontest.Newest, lost)
		settle(time.Minute)
		assert.Equal(t, []string{"token-1", "token-2", "token-3"}, sent(tr))
		failed, _ := sessiontest.Last[observer.AttemptFailed](&rec)
		assert.ErrorContains(t, failed.Status, "rejected")
		finish(t, s, tr, &rec)
	})
	bubble(t, "for ever", func(t *testing.T) {
		source := issuer{gives: func(context.Context, int, session.CredentialRequest) (session.Credentials, error) {
			return ticket(1), nil
		}}
		tr := sessiontest.Script(fail(unauthorized))
		s := newSession(t, authorized(tr, &source))
		starting(s)
		endsAfter(t, s, jittered(0)+jittered(1)+jittered(2)+jittered(3))
		assert.ErrorIs(t, s.Err(), status.AudioAuthenticationRejected, "and not the end of the budget")
		assert.Equal(t, []string{"token-1"}, sent(tr))
		assert.Len(t, source.requests(), policy.Default().Budget.Rejections)
		verify(t, s, tr)
	})
}

// "Unauthorized" from the source is final at once, in any attempt (NEEDS 7).
func TestSourceSaysUnauthorized(t *testing.T) {
	for _, outage := range []bool{false, true} {
		bubble(t, fmt.Sprintf("outage %v", outage), func(t *testing.T) {
			source := issuer{gives: func(_ context.Context, n int, _ session.CredentialRequest) (session.Credentials, error) {
				if outage && n == 1 {
					return ticket(n), nil
				}
				return session.Credentials{}, fmt.Errorf("the account is closed: %w", session.ErrUnauthorized)
			}}
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			s := newSession(t, authorized(&tr, &source, &rec))
			starting(s)
			settle(time.Minute)
			if outage {
				tr.Report(1, lost)
				settle(500 * ms)
			}
			require.True(t, ended(s))
			assert.ErrorIs(t, s.Err(), rejected)
			assert.ErrorIs(t, s.Err(), session.ErrUnauthorized)
			stopped, _ := sessiontest.Last[observer.Stopped](&rec)
			assert.Equal(t, observer.ByStatus, stopped.Initiator)
			assert.Len(t, source.requests(), map[bool]int{false: 1, true: 2}[outage])
			verify(t, s, &tr, &rec)
		})
	}
}

// The rolling restart of an auth backend answers 401 to what is good. A session
// survives that, with a source and without, up to Budget.Rejections; a status that is
// final by its code, and cannot be mended by other credentials, is final at once
// (NEEDS 7, 5).
func TestRejections(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answer  error
		source  bool
		times   int
		limit   int // Budget.Rejections
		attempt int // attempts made
		ends    bool
	}{
		{"twice, without a source", unauthorized, false, 2, 5, 3, false},
		{"twice, with a source", unauthorized, true, 2, 5, 3, false},
		{"twice by status, with a source", rejected, true, 2, 5, 3, false},
		{"by status, without a source", rejected, false, 1, 5, 1, true},
		{"four times", unauthorized, false, 4, 5, 5, false},
		{"five times, without a source", unauthorized, false, 5, 5, 5, true},
		{"five times, with a source", unauthorized, true, 5, 5, 5, true},
		{"five times by status, with a source", rejected, true, 5, 5, 5, true},
		{"none is allowed", unauthorized, true, 1, 0, 1, true},
		{"any number is", unauthorized, false, 20, -1, 21, false},
	} {
		for _, outage := range []bool{false, true} {
			bubble(t, fmt.Sprintf("%s/outage %v", tt.name, outage), func(t *testing.T) {
				var tr sessiontest.Transport
				var rec sessiontest.Recorder
				cfg := production(&tr, &rec)
				cfg.Policy.Budget.Rejections = tt.limit
				if tt.source {
					cfg.Credentials = new(issuer)
				}
				before := 0
				if outage {
					tr.Then(ok())
					before = 1
				}
				tr.Then(fail(tt.answer).Times(tt.times))
				s := newSession(t, cfg)
				starting(s)
				settle(time.Minute)
				if outage {
					tr.Report(1, lost)
					settle(time.Minute)
				}
				assert.Len(t, tr.Snapshot().Attempts(), before+tt.attempt)
				require.Equal(t, tt.ends, ended(s))
				if tt.ends {
					assert.ErrorIs(t, s.Err(), rejected)
					assert.ErrorIs(t, s.Err(), tt.answer)
					stopped, _ := sessiontest.Last[observer.Stopped](&rec)
					assert.Equal(t, observer.ByStatus, stopped.Initiator)
					assert.Equal(t, policy.RuleTerminal, stopped.Decision.Rule)
				} else {
					assert.Equal(t, session.StateConnected, s.State())
				}
				finish(t, s, &tr, &rec)
			})
		}
	}
}

// A rejection that is reported during an attempt, and one of a resume, count like
// that of a Connect (NEEDS 7).
func TestRejectionElsewhere(t *testing.T) {
	bubble(t, "reported", func(t *testing.T) {
		var source issuer
		tr := sessiontest.Script(ok().After(10 * sec))
		s := newSession(t, authorized(tr, &source))
		starting(s)
		settle(sec)
		tr.Report(1, rejected)
		settle(sec)
		require.Equal(t, session.StateConnected, s.State())
		assert.Equal(t, []string{"token-1", "token-2"}, sent(tr))
		assert.Equal(t, ticket(1), source.requests()[1].Rejected)
		finish(t, s, tr)
	})
	bubble(t, "of a resume", func(t *testing.T) {
		var source issuer
		st, rec := climbing(t, func(c *session.Config) { c.Credentials = &source }, climber(turns(works), turns(failsWith(unauthorized), works)))
		st.tr.Report(1, lost)
		settle(time.Minute)
		require.Equal(t, session.StateConnected, st.s.State())
		assert.Equal(t, []string{"token-1", "token-2", "token-3"}, sent(st.tr))
		assert.Equal(t, ticket(2), source.requests()[2].Rejected)
		recovered, _ := sessiontest.Last[observer.Recovered](rec)
		assert.Equal(t, policy.Resume, recovered.Outage.Level)
		finish(t, st.s, st.tr, rec)
	})
	bubble(t, "while connected", func(t *testing.T) {
		var tr sessiontest.Transport
		s := start(t, authorized(&tr, new(issuer)))
		tr.Report(1, rejected)
		settle(0)
		require.True(t, ended(s), "the server has thrown it out")
		assert.ErrorIs(t, s.Err(), rejected)
		verify(t, s, &tr)
	})
}

// A source that fails makes the attempt fail, which is retried, to the end of the
// budget; the transport is not called (NEEDS 7, 4).
func TestSourceThatFails(t *testing.T) {
	down := errors.New("the token service is down")
	for name, give := range map[string]func() error{
		"an error":      func() error { return down },
		"a bare status": func() error { return status.New(status.AudioServiceUnavailable, down) },
		"panics":        func() error { panic(down) },
	} {
		bubble(t, name, func(t *testing.T) {
			source := issuer{gives: func(context.Context, int, session.CredentialRequest) (session.Credentials, error) {
				return session.Credentials{}, give()
			}}
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			s := newSession(t, authorized(&tr, &source, &rec))
			starting(s)
			endsAfter(t, s, 5*time.Minute)
			failed, _ := sessiontest.Last[observer.AttemptFailed](&rec)
			assert.ErrorIs(t, failed.Status, down)
			assert.Empty(t, tr.Snapshot().Calls)
			delays := sessiontest.Of[observer.RetryScheduled](&rec)
			assert.Equal(t, 2500*ms, delays[5].Decision.Delay, "it backs off")
			assert.ErrorIs(t, s.Err(), down)
			verify(t, s, &tr, &rec)
		})
	}
	bubble(t, "leaves", func(t *testing.T) {
		source := issuer{gives: func(_ context.Context, n int, _ session.CredentialRequest) (session.Credentials, error) {
			if n == 1 {
				runtime.Goexit()
			}
			return ticket(n), nil
		}}
		var tr sessiontest.Transport
		s := start(t, authorized(&tr, &source))
		assert.Equal(t, []string{"token-2"}, sent(&tr))
		finish(t, s, &tr)
	})
}

// A slow source has a time limit of its own, on top of that of the attempt, and is
// cancelled by Stop at once (NEEDS 7, 31; G3).
func TestSlowSource(t *testing.T) {
	slow := func(d time.Duration) *issuer {
		return &issuer{gives: func(ctx context.Context, n int, _ session.CredentialRequest) (session.Credentials, error) {
			select {
			case <-time.NewTimer(d).C:
				return ticket(n), nil
			case <-ctx.Done():
				return session.Credentials{}, context.Cause(ctx)
			}
		}}
	}
	bubble(t, "in time, and a slow attempt after it", func(t *testing.T) {
		tr := sessiontest.Script(ok().After(connectTimeout - 1))
		s := newSession(t, authorized(tr, slow(prepareTimeout-1)))
		began := time.Now()
		require.NoError(t, s.Start(t.Context()))
		assert.Equal(t, prepareTimeout+connectTimeout-2, time.Since(began))
		finish(t, s, tr)
	})
	bubble(t, "too slow", func(t *testing.T) {
		var tr sessiontest.Transport
		var rec sessiontest.Recorder
		s := newSession(t, authorized(&tr, slow(time.Hour), &rec))
		starting(s)
		settle(prepareTimeout - 1)
		assert.Empty(t, sessiontest.Of[observer.AttemptFailed](&rec))
		settle(1)
		failed, ok := sessiontest.Last[observer.AttemptFailed](&rec)
		require.True(t, ok)
		assert.ErrorContains(t, failed.Status, "fetching credentials took longer than 10s")
		assert.NotErrorIs(t, failed.Status, context.Canceled)
		assert.Empty(t, tr.Snapshot().Calls)
		finish(t, s, &tr, &rec)
	})
	bubble(t, "stopped", func(t *testing.T) {
		var tr sessiontest.Transport
		s := newSession(t, authorized(&tr, slow(time.Hour)))
		answer := starting(s)
		settle(sec)
		began := time.Now()
		s.Stop()
		assert.ErrorIs(t, <-answer, status.Left)
		<-s.Done()
		assert.Zero(t, time.Since(began))
		assert.Empty(t, tr.Snapshot().Calls)
		verify(t, s, &tr)
	})
}

// A deaf source is asked one question at a time: later attempts fail at their time
// limit without asking, until it has answered. Deaf or not, Stop ends the session
// within the close grace (NEEDS 7; G3, G11).
func TestDeafSource(t *testing.T) {
	bubble(t, "deaf", func(t *testing.T) {
		answers := make(chan struct{})
		source := issuer{gives: func(_ context.Context, n int, _ session.CredentialRequest) (session.Credentials, error) {
			if n == 1 {
				<-answers
			}
			return ticket(n), nil
		}}
		var tr sessiontest.Transport
		var rec sessiontest.Recorder
		s := newSession(t, authorized(&tr, &source, &rec))
		starting(s)
		settle(time.Minute)
		assert.Len(t, source.requests(), 1)
		failed := sessiontest.Of[observer.AttemptFailed](&rec)
		require.Len(t, failed, 5)
		assert.Equal(t, prepareTimeout+closeGrace, failed[0].After)
		for _, f := range failed[1:] {
			assert.Equal(t, prepareTimeout, f.After)
			assert.ErrorContains(t, f.Status, "an earlier question to the credential source has not returned")
		}
		close(answers)
		settle(time.Minute)
		require.Equal(t, session.StateConnected, s.State())
		assert.Equal(t, []string{"token-2"}, sent(&tr), "the late answer is dropped")
		assert.Equal(t, 1, source.most)
		finish(t, s, &tr, &rec)
	})
	bubble(t, "stopped", func(t *testing.T) {
		answers := make(chan struct{})
		source := issuer{gives: func(context.Context, int, session.CredentialRequest) (session.Credentials, error) {
			<-answers
			return ticket(1), nil
		}}
		var tr sessiontest.Transport
		s := newSession(t, authorized(&tr, &source))
		starting(s)
		settle(sec)
		s.Stop()
		endsAfter(t, s, closeGrace)
		close(answers)
		synctest.Wait()
		assert.Len(t, tr.Snapshot().Calls, 0, "what comes late opens nothing")
		verify(t, s, &tr)
	})
}

// Credentials that are known to expire are used again, without asking, as long as
// they do for an attempt; a nanosecond less, and others are fetched (NEEDS 7).
func TestExpiringCredentials(t *testing.T) {
	for _, tt := range []struct {
		left  time.Duration // when the attempt begins
		again bool
	}{{connectTimeout, true}, {connectTimeout - 1, false}} {
		bubble(t, tt.left.String(), func(t *testing.T) {
			source := issuer{gives: func(_ context.Context, n int, r session.CredentialRequest) (session.Credentials, error) {
				if r.Ahead {
					return session.Credentials{}, errors.New("not yet")
				}
				return expiring(n, time.Hour), nil
			}}
			var tr sessiontest.Transport
			s := start(t, authorized(&tr, &source))
			settle(time.Hour - tt.left - 500*ms)
			tr.Report(1, lost)
			settle(500 * ms)
			require.Equal(t, session.StateConnected, s.State())
			assert.Equal(t, tt.again, sent(&tr)[0] == sent(&tr)[1])
			finish(t, s, &tr)
		})
	}
	bubble(t, "rejected before", func(t *testing.T) {
		source := issuer{gives: func(_ context.Context, n int, _ session.CredentialRequest) (session.Credentials, error) {
			return expiring(n, time.Hour), nil
		}}
		tr := sessiontest.Script(fail(unauthorized))
		s := start(t, authorized(tr, &source))
		assert.Equal(t, []string{"token-1", "token-2"}, sent(tr))
		finish(t, s, tr)
	})
	bubble(t, "expired already", func(t *testing.T) {
		source := issuer{gives: func(_ context.Context, n int, _ session.CredentialRequest) (session.Credentials, error) {
			return expiring(n, -time.Hour), nil
		}}
		var tr sessiontest.Transport
		s := start(t, authorized(&tr, &source))
		settle(time.Hour)
		assert.Equal(t, session.StateConnected, s.State(), "the server knows best")
		assert.LessOrEqual(t, len(source.requests()), 2, "and there is nothing to be gained by asking")
		finish(t, s, &tr)
	})
}

// While all is well credentials are renewed ahead of need: when nine tenths of their
// time are over, or half a minute before its end, but not before half of it. The new
// ones serve the next attempt, which need not ask (NEEDS 7).
func TestRefreshAheadOfNeed(t *testing.T) {
	for _, tt := range []struct{ life, after time.Duration }{
		{10 * time.Hour, 9 * time.Hour}, {10 * time.Minute, 9 * time.Minute}, {3 * time.Minute, 150 * sec}, {40 * sec, 20 * sec},
	} {
		bubble(t, tt.life.String(), func(t *testing.T) {
			source := issuer{gives: func(_ context.Context, n int, _ session.CredentialRequest) (session.Credentials, error) {
				return expiring(n, tt.life), nil
			}}
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			s := start(t, authorized(&tr, &source, &rec))
			settle(tt.after - 1)
			assert.Len(t, source.requests(), 1)
			settle(1)
			require.Len(t, source.requests(), 2)
			assert.Equal(t, session.CredentialRequest{Ahead: true}, source.requests()[1])
			told, ok := sessiontest.Last[observer.CredentialsRefreshed](&rec)
			require.True(t, ok)
			assert.Equal(t, tt.life, told.ExpireIn)
			assert.Zero(t, told.Status)
			tr.Report(1, lost)
			settle(sec)
			assert.Equal(t, []string{"token-1", "token-2"}, sent(&tr))
			assert.Len(t, source.requests(), 2)
			settle(10 * tt.life)
			assert.Equal(t, session.StateConnected, s.State())
			assert.InDelta(t, 10*tt.life/tt.after, len(source.requests())-2, 2, "and so on")
			finish(t, s, &tr, &rec)
		})
	}
}

// A renewal that fails, hangs or panics does the connection no harm; it is tried
// again until the end of the old ones, and not after it (NEEDS 7, 31).
func TestRefreshFails(t *testing.T) {
	down := errors.New("the token service is down")
	for name, give := range map[string]func(context.Context) error{
		"fails":        func(context.Context) error { return down },
		"unauthorized": func(context.Context) error { return session.ErrUnauthorized },
		"panics":       func(context.Context) error { panic(down) },
		"leaves":       func(context.Context) error { runtime.Goexit(); return nil },
		"hangs":        func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		bubble(t, name, func(t *testing.T) {
			source := issuer{gives: func(ctx context.Context, n int, r session.CredentialRequest) (session.Credentials, error) {
				if r.Ahead {
					return session.Credentials{}, give(ctx)
				}
				return expiring(n, 10*time.Minute), nil
			}}
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			s := start(t, authorized(&tr, &source, &rec))
			settle(time.Hour)
			require.Equal(t, session.StateConnected, s.State())
			told := sessiontest.Of[observer.CredentialsRefreshed](&rec)
			assert.Greater(t, len(told), 2, "it is tried again")
			assert.Less(t, len(told), 40)
			for _, e := range told {
				assert.NotZero(t, e.Status.Code)
				assert.LessOrEqual(t, e.Elapsed, 10*time.Minute+prepareTimeout)
			}
			tr.Report(1, lost)
			settle(time.Minute)
			asked := source.requests()
			assert.Equal(t, session.StateConnected, s.State())
			assert.False(t, asked[len(asked)-1].Ahead, "the attempt asks for itself")
			finish(t, s, &tr, &rec)
		})
	}
	bubble(t, "is deaf, when the link is lost", func(t *testing.T) {
		answers := make(chan struct{})
		source := issuer{gives: func(_ context.Context, n int, r session.CredentialRequest) (session.Credentials, error) {
			if r.Ahead {
				<-answers
			}
			return expiring(n, time.Minute), nil
		}}
		var tr sessiontest.Transport
		s := start(t, authorized(&tr, &source))
		settle(31 * sec)
		require.Len(t, source.requests(), 2)
		tr.Report(1, lost)
		settle(20 * sec)
		assert.Equal(t, 1, source.most, "one question at a time")
		close(answers)
		settle(time.Minute)
		assert.Equal(t, session.StateConnected, s.State())
		finish(t, s, &tr)
	})
	bubble(t, "hangs, when the session stops", func(t *testing.T) {
		source := issuer{gives: func(ctx context.Context, n int, r session.CredentialRequest) (session.Credentials, error) {
			if r.Ahead {
				<-ctx.Done()
			}
			return expiring(n, time.Minute), nil
		}}
		var tr sessiontest.Transport
		var rec sessiontest.Recorder
		s := start(t, authorized(&tr, &source, &rec))
		settle(31 * sec)
		began := time.Now()
		finish(t, s, &tr, &rec)
		assert.Zero(t, time.Since(began))
		assert.Empty(t, sessiontest.Of[observer.CredentialsRefreshed](&rec))
	})
}

// Tokens are secrets: no event, no log line, no error shows one, nor does printing
// what a transport or a source is given (NEEDS 7).
func TestTokensAreNeverShown(t *testing.T) {
	bubble(t, "everything", func(t *testing.T) {
		const secret = "token-"
		var log bytes.Buffer
		source := issuer{gives: func(_ context.Context, n int, r session.CredentialRequest) (session.Credentials, error) {
			noSecret(t, secret, r)
			if n == 3 {
				return session.Credentials{}, errors.New("the token service is down")
			}
			return expiring(n, time.Minute), nil
		}}
		shows := sessiontest.Func(func(_ context.Context, a session.Attempt, _ *session.Reporter) error {
			require.Contains(t, a.Credentials.Token, secret)
			noSecret(t, secret, a)
			return nil
		})
		tr := sessiontest.Script(fail(unauthorized), shows.With(sessiontest.Able()), fail(unauthorized).Times(5))
		var rec sessiontest.Recorder
		handler := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
		s := start(t, authorized(tr, &source, &rec, observer.Log{Logger: slog.New(handler)}))
		require.NoError(t, s.Promote(t.Context(), session.Credentials{Token: secret}))
		settle(time.Minute)
		tr.Report(2, someLost)
		<-s.Done()
		synctest.Wait()
		for _, e := range rec.Events() {
			noSecret(t, secret, e)
		}
		assert.NotContains(t, log.String(), secret)
		assert.Contains(t, log.String(), "msg=stopped")
		noSecret(t, secret, s.Err())
		noSecret(t, secret, s.Snapshot())
		verify(t, s, tr, &rec)
	})
}

// noSecret checks that no way of printing v shows the secret.
func noSecret(t *testing.T, secret string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	var line bytes.Buffer
	slog.New(slog.NewTextHandler(&line, nil)).Info("shown", "v", v)
	for _, text := range []string{string(b), line.String(), fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%s", v)} {
		assert.False(t, strings.Contains(text, secret), "%T: %s", v, text)
	}
}

// dialled are the endpoints that a transport was sent to, by calls that open or resume.
func dialled(tr *sessiontest.Transport) (endpoints []string) {
	for _, a := range tr.Snapshot().Attempts() {
		endpoints = append(endpoints, a.Endpoint)
	}
	return endpoints
}

// A dead endpoint is tried once, then the next one; the one that worked is where the
// next outage begins, and after the last comes the first again (NEEDS 19).
func TestEndpoints(t *testing.T) {
	down := fail(status.AudioServiceUnavailable)
	bubble(t, "a list", func(t *testing.T) {
		tr := sessiontest.Script(down, ok(), down, ok(), down.Times(4), ok())
		var rec sessiontest.Recorder
		cfg := production(tr, &rec)
		cfg.Endpoints = []string{"a", "b", "c"}
		s := start(t, cfg)
		for range 2 {
			settle(time.Minute)
			tr.Report(sessiontest.Newest, lost)
		}
		settle(time.Minute)
		assert.Equal(t, []string{"a", "b", "b", "c", "c", "a", "b", "c", "a"}, dialled(tr))
		var told []string
		for _, e := range sessiontest.Of[observer.AttemptStarted](&rec) {
			told = append(told, e.Endpoint)
		}
		assert.Equal(t, dialled(tr), told)
		finish(t, s, tr, &rec)
	})
	bubble(t, "a list that changes afterwards", func(t *testing.T) {
		tr := sessiontest.Script(down)
		cfg := production(tr)
		list := []string{"a", "b"}
		cfg.Endpoints = list
		s := newSession(t, cfg)
		list[0], list[1] = "x", "y"
		starting(s)
		settle(sec)
		assert.Equal(t, []string{"a", "b"}, dialled(tr))
		finish(t, s, tr)
	})
	bubble(t, "rejected credentials are not the endpoint's fault", func(t *testing.T) {
		tr := sessiontest.Script(fail(unauthorized), down, ok())
		cfg := authorized(tr, new(issuer))
		cfg.Endpoints = []string{"a", "b"}
		s := start(t, cfg)
		assert.Equal(t, []string{"a", "a", "b"}, dialled(tr))
		finish(t, s, tr)
	})
	bubble(t, "nor is a source that fails", func(t *testing.T) {
		tr := sessiontest.Script(down, ok())
		cfg := authorized(tr, &issuer{gives: func(_ context.Context, n int, _ session.CredentialRequest) (session.Credentials, error) {
			if n == 1 {
				return session.Credentials{}, errEnough
			}
			return ticket(n), nil
		}})
		cfg.Endpoints = []string{"a", "b"}
		s := start(t, cfg)
		assert.Equal(t, []string{"a", "b"}, dialled(tr))
		finish(t, s, tr)
	})
	bubble(t, "a restart and a resume stay where the link is", func(t *testing.T) {
		tr := sessiontest.Script(down, ok().With(climber(turns(fails), turns(refuses))))
		cfg := production(tr)
		cfg.Endpoints = []string{"a", "b"}
		s := start(t, cfg)
		settle(time.Minute)
		tr.Report(2, mediaLost)
		settle(sec)
		for _, name := range []string{"RestartMedia", "Resume"} {
			calls := tr.Snapshot().Named(name)
			require.Len(t, calls, 1)
			assert.Equal(t, "b", calls[0].Attempt.Endpoint)
		}
		assert.Equal(t, []string{"a", "b", "b"}, dialled(tr))
		finish(t, s, tr)
	})
}

// guide is a source of endpoints that gives one answer after the other; the last one
// serves all further questions.
type guide struct {
	answers []func(ctx context.Context) ([]string, error)

	mu    sync.Mutex
	asked []session.EndpointRequest
}

func (g *guide) Endpoints(ctx context.Context, r session.EndpointRequest) ([]string, error) {
	g.mu.Lock()
	g.asked = append(g.asked, r)
	answer := g.answers[min(len(g.asked), len(g.answers))-1]
	g.mu.Unlock()
	return answer(ctx)
}

func (g *guide) numbers() (numbers []int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.asked {
		numbers = append(numbers, r.Number)
	}
	return numbers
}

func found(list ...string) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) { return list, nil }
}

// A source of endpoints is asked once in an outage, and again only when all that it
// gave have failed (NEEDS 19).
func TestEndpointSource(t *testing.T) {
	down := fail(status.AudioServiceUnavailable)
	bubble(t, "asked", func(t *testing.T) {
		g := &guide{answers: []func(context.Context) ([]string, error){found("a", "b"), found("c", "d"), found("e", "f")}}
		tr := sessiontest.Script(down.Times(3), ok(), down, ok(), ok())
		var rec sessiontest.Recorder
		cfg := production(tr, &rec)
		cfg.EndpointSource = g
		s := start(t, cfg)
		assert.Equal(t, []string{"a", "b", "c", "d"}, dialled(tr))
		assert.Equal(t, []int{1, 3}, g.numbers())
		for range 2 {
			settle(time.Minute)
			tr.Report(sessiontest.Newest, lost)
		}
		settle(time.Minute)
		assert.Equal(t, []string{"a", "b", "c", "d", "e", "f", "e"}, dialled(tr))
		assert.Equal(t, []int{1, 3, 1, 1}, g.numbers())
		assert.Equal(t, lost, g.asked[2].Cause.Code)
		var told []string
		for _, e := range sessiontest.Of[observer.EndpointsFound](&rec) {
			told = append(told, strings.Join(e.Endpoints, ","))
		}
		assert.Equal(t, []string{"a,b", "c,d", "e,f", "e,f"}, told)
		finish(t, s, tr, &rec)
	})
	bubble(t, "not for a restart, but for the join after it", func(t *testing.T) {
		g := &guide{answers: []func(context.Context) ([]string, error){found("a"), found("b")}}
		st, rec := climbing(t, func(c *session.Config) { c.EndpointSource = g }, climber(turns(works, fails), turns(refuses)))
		st.tr.Report(1, mediaLost)
		settle(time.Minute)
		assert.Equal(t, []int{1}, g.numbers())
		st.tr.Report(1, mediaLost)
		settle(time.Minute)
		assert.Equal(t, []string{"a", "b"}, dialled(st.tr), "what it gave an hour ago may be gone")
		finish(t, st.s, st.tr, rec)
	})
}

// A source of endpoints that finds nothing, fails, panics or hangs makes the attempt
// fail by name, and is asked again (NEEDS 19, 31).
func TestEndpointSourceFails(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(context.Context) ([]string, error)
		after  time.Duration
		words  string
	}{
		"finds nothing":         {found(), 0, "finding endpoints: the endpoint source found none"},
		"finds an empty string": {found("a", ""), 0, "finding endpoints: the endpoint source found none"},
		"fails":                 {func(context.Context) ([]string, error) { return []string{"x"}, errEnough }, 0, "finding endpoints: " + errEnough.Error()},
		"panics":                {func(context.Context) ([]string, error) { panic("DNS") }, 0, "DNS"},
		"leaves":                {func(context.Context) ([]string, error) { runtime.Goexit(); return nil, nil }, 0, "runtime.Goexit"},
		"hangs":                 {func(ctx context.Context) ([]string, error) { <-ctx.Done(); return nil, ctx.Err() }, prepareTimeout, "finding endpoints took longer than 10s"},
	} {
		bubble(t, name, func(t *testing.T) {
			g := &guide{answers: []func(context.Context) ([]string, error){tt.answer, found("a")}}
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			cfg := authorized(&tr, new(issuer), &rec)
			cfg.EndpointSource = g
			s := newSession(t, cfg)
			starting(s)
			if tt.after > 0 {
				settle(tt.after - 1)
				assert.Empty(t, sessiontest.Of[observer.AttemptFailed](&rec))
				settle(1)
			}
			synctest.Wait()
			failed, ok := sessiontest.Last[observer.AttemptFailed](&rec)
			require.True(t, ok)
			assert.ErrorContains(t, failed.Status, tt.words)
			assert.Equal(t, status.TaskFailed, failed.Status.Code)
			settle(500*ms - 1)
			assert.Empty(t, tr.Snapshot().Calls)
			settle(1)
			assert.Equal(t, []string{"a"}, dialled(&tr))
			assert.Equal(t, []int{1, 2}, g.numbers())
			finish(t, s, &tr, &rec)
		})
	}
	bubble(t, "deaf", func(t *testing.T) {
		answers := make(chan struct{})
		g := &guide{answers: []func(context.Context) ([]string, error){func(context.Context) ([]string, error) {
			<-answers
			return []string{"late"}, nil
		}, found("a")}}
		var tr sessiontest.Transport
		cfg := production(&tr)
		cfg.EndpointSource = g
		s := newSession(t, cfg)
		starting(s)
		settle(prepareTimeout + closeGrace + 500*ms)
		assert.Equal(t, []string{"a"}, dialled(&tr))
		close(answers)
		settle(time.Minute)
		assert.Equal(t, []string{"a"}, dialled(&tr), "the late answer opens nothing")
		finish(t, s, &tr)
	})
}

// What a source says of itself is not what the server says of the credentials, nor
// what a link can do (NEEDS 7).
func TestSourceSpeaksForItself(t *testing.T) {
	for name, err := range map[string]error{
		"unsupported": fmt.Errorf("getrandom: %w", errors.ErrUnsupported),
		"refused":     fmt.Errorf("token service: %w", session.ErrRefused),
	} {
		bubble(t, name, func(t *testing.T) {
			source := issuer{gives: func(_ context.Context, n int, _ session.CredentialRequest) (session.Credentials, error) {
				if n == 2 {
					return session.Credentials{}, err
				}
				return ticket(1), nil
			}}
			tr := &sessiontest.Transport{Link: sessiontest.Able()}
			var rec sessiontest.Recorder
			s := start(t, authorized(tr, &source, &rec))
			settle(time.Minute)
			tr.Report(sessiontest.Newest, lost)
			settle(time.Minute)
			recovered, _ := sessiontest.Last[observer.Recovered](&rec)
			assert.Equal(t, policy.Resume, recovered.Outage.Level)
			assert.Equal(t, 2, recovered.Outage.Attempts, "the failed one counts, and the level stays")
			finish(t, s, tr, &rec)
		})
	}
	bubble(t, "endpoints", func(t *testing.T) {
		source := issuer{gives: func(context.Context, int, session.CredentialRequest) (session.Credentials, error) {
			return ticket(1), nil
		}}
		asked := 0
		var tr sessiontest.Transport
		var rec sessiontest.Recorder
		cfg := authorized(&tr, &source, &rec)
		cfg.EndpointSource = session.EndpointFunc(func(context.Context, session.EndpointRequest) ([]string, error) {
			if asked++; asked == 1 {
				return nil, fmt.Errorf("directory: %w", session.ErrUnauthorized)
			}
			return []string{"a"}, nil
		})
		s := start(t, cfg)
		assert.Equal(t, []string{"token-1"}, sent(&tr), "the server has not rejected it")
		finish(t, s, &tr, &rec)
	})
}

// A source that is no function is a mistake in the config.
func TestSourceThatIsNil(t *testing.T) {
	cfg := production(&sessiontest.Transport{})
	cfg.Credentials, cfg.EndpointSource = session.CredentialFunc(nil), session.EndpointFunc(nil)
	_, err := session.New(cfg)
	assert.ErrorContains(t, err, "Config.Credentials is a nil CredentialFunc")
	assert.ErrorContains(t, err, "Config.EndpointSource is a nil EndpointFunc")
}

// No verb of fmt shows a token, but for %w and %p, which do not ask what they are given.
func TestTokenUnderEveryVerb(t *testing.T) {
	c := session.Credentials{Attendee: "a", Token: "secret"}
	for verb := 'A'; verb <= 'z'; verb++ {
		if verb == 'w' || verb == 'p' {
			continue
		}
		for _, flag := range []string{"", "+", "#", "#+", "10.3"} {
			assert.NotContains(t, fmt.Sprintf("%"+flag+string(verb), c), "sec", "%s%c", flag, verb)
			assert.NotContains(t, fmt.Sprintf("%"+flag+string(verb), session.Attempt{Credentials: c}), "sec", "%s%c", flag, verb)
		}
	}
}
