package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// What a server asks of a client, and how far the session goes along.

// asking is a failure of signaling with which the server asks for something.
func asking(d status.Directive) status.Status {
	return status.Status{Code: lost, Layer: status.LayerSignaling, Wire: 503, Directive: &d}
}

func later(d time.Duration) status.Status { return asking(status.Directive{RetryAfter: d}) }

const (
	tenYears = 10 * 365 * 24 * time.Hour
	// What policy.Default grants.
	maxRetryAfter = 5 * time.Minute
	extension     = 10 * time.Minute
)

// adaptive has a session use the delays of the default policy, half of each window.
func adaptive(c *session.Config) { c.Policy.NewBackOff = nil }

// A server that asks for time gets it, with a jitter on top, up to a limit; one that
// asks for none, or less, gets what it would have got without asking (NEEDS 18; G13).
func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		asked           time.Duration
		plain, adaptive time.Duration // with each backoff
	}{
		{0, 500 * ms, 2500 * ms},
		{-1, 500 * ms, 2500 * ms},
		{-tenYears, 500 * ms, 2500 * ms},
		{math.MinInt64, 500 * ms, 2500 * ms},
		{1, 1 + 500*ms, 1 + 2500*ms},
		{2 * sec, 2*sec + 500*ms, 2*sec + 2500*ms},
		{30 * sec, 30*sec + 500*ms, 30*sec + 2500*ms},
		{maxRetryAfter, maxRetryAfter + 500*ms, maxRetryAfter + 15*sec},
		{maxRetryAfter + 1, maxRetryAfter + 500*ms, maxRetryAfter + 15*sec},
		{tenYears, maxRetryAfter + 500*ms, maxRetryAfter + 15*sec},
		{math.MaxInt64, maxRetryAfter + 500*ms, maxRetryAfter + 15*sec},
	} {
		for name, change := range map[string]func(*session.Config){"plain": nil, "adaptive": adaptive} {
			want := map[string]time.Duration{"plain": tt.plain, "adaptive": tt.adaptive}[name]
			bubble(t, fmt.Sprintf("%v/%s", tt.asked, name), func(t *testing.T) {
				st, rec := climbing(t, change, sessiontest.Link{})
				st.tr.Report(1, later(tt.asked))
				settle(want - 1)
				assert.Len(t, st.tr.Snapshot().Attempts(), 1)
				settle(1)
				assert.Len(t, st.tr.Snapshot().Attempts(), 2)
				assert.Equal(t, session.StateConnected, st.s.State())
				finish(t, st.s, st.tr, rec)
			})
		}
	}
}

// It is obeyed wherever it is said (NEEDS 18).
func TestRetryAfterFromAnywhere(t *testing.T) {
	const asked = 40 * sec
	for name, tt := range map[string]struct {
		link sessiontest.Link
		loss status.Status
		tell func(stage) // after the loss; nil: the loss says it
		// The call that tells it, and its number; empty: none does.
		steps []sessiontest.Step
		calls int // before it
		delay time.Duration
	}{
		"the loss":                   {loss: later(asked), calls: 1, delay: 500 * ms},
		"the end of a layer":         {tell: func(st stage) { st.tr.Closed(1, status.LayerSignaling, later(asked)) }, calls: 1, delay: 500 * ms},
		"a reason that follows":      {tell: reasonFollows(asked), calls: 1, delay: 500 * ms},
		"a failed attempt":           {loss: asking(status.Directive{}), steps: []sessiontest.Step{fail(later(asked))}, calls: 2, delay: sec},
		"an error around it":         {loss: asking(status.Directive{}), steps: []sessiontest.Step{fail(fmt.Errorf("join: %w", later(asked)))}, calls: 2, delay: sec},
		"a report during an attempt": {loss: asking(status.Directive{}), steps: []sessiontest.Step{reportsInside(later(asked))}, calls: 2, delay: sec},
		"a refused restart": {
			link: climber(turns(failsWith(errors.Join(session.ErrRefused, later(asked)))), sessiontest.Step{}),
			loss: mediaLost, calls: 2, delay: sec,
		},
	} {
		bubble(t, name, func(t *testing.T) {
			st, rec := climbing(t, nil, tt.link, tt.steps...)
			if tt.tell != nil {
				tt.tell(st)
			} else {
				st.tr.Report(1, tt.loss)
			}
			synctest.Wait()
			for len(attempted(st.tr)) < tt.calls {
				settle(50 * ms)
			}
			settle(asked + tt.delay - 1)
			assert.Len(t, attempted(st.tr), tt.calls)
			settle(1)
			assert.Len(t, attempted(st.tr), tt.calls+1)
			settle(sec)
			assert.Equal(t, session.StateConnected, st.s.State())
			finish(t, st.s, st.tr, rec)
		})
	}
}

// attempted are the calls of attempts, of any level.
func attempted(tr *sessiontest.Transport) (calls []sessiontest.Call) {
	for _, c := range tr.Snapshot().Calls {
		if c.Attempt.Number > 0 {
			calls = append(calls, c)
		}
	}
	return calls
}

// reportsInside is a Connect in which st is reported, and that then hangs.
func reportsInside(st status.Status) sessiontest.Step {
	return sessiontest.Func(func(ctx context.Context, _ session.Attempt, r *session.Reporter) error {
		r.Status(st)
		<-ctx.Done()
		return ctx.Err()
	})
}

// reasonFollows closes signaling without a reason, and tells it a moment later.
func reasonFollows(asked time.Duration) func(stage) {
	return func(st stage) {
		st.tr.Closed(1, status.LayerSignaling, nil)
		settle(100 * ms)
		st.tr.Report(1, later(asked))
	}
}

// No hint shortens what a server has asked for, nor does being offline (NEEDS 15, 18).
func TestNoHintShortensRetryAfter(t *testing.T) {
	bubble(t, "hints", func(t *testing.T) {
		st, rec := climbing(t, nil, sessiontest.Link{})
		st.tr.Report(1, later(time.Minute))
		for range 60 {
			settle(sec)
			for _, h := range append([]session.Hint{session.NetworkDown}, better...) {
				st.s.Hint(h)
			}
			synctest.Wait()
			assert.Len(t, st.tr.Snapshot().Attempts(), 1)
		}
		settle(500 * ms)
		assert.Equal(t, session.StateConnected, st.s.State())
		finish(t, st.s, st.tr, rec)
	})
	bubble(t, "only the delay that was asked for", func(t *testing.T) {
		st, rec := climbing(t, delaying(30*sec), sessiontest.Link{}, fail(nil), fail(nil))
		st.tr.Report(1, later(time.Minute))
		settle(90 * sec)
		require.Len(t, st.tr.Snapshot().Attempts(), 2)
		st.s.Hint(session.NetworkUp)
		synctest.Wait()
		assert.Len(t, st.tr.Snapshot().Attempts(), 3, "the next one is our own again")
		finish(t, st.s, st.tr, rec)
	})
}

// A server that puts a client off extends its budget, within limits, so that following
// it does not end the session; one that puts it off for ever does (NEEDS 18, 4; G9).
func TestRetryAfterExtendsTheBudget(t *testing.T) {
	const budget = 5 * time.Minute
	putsOff := fail(later(tenYears))
	for _, tt := range []struct {
		name   string
		change func(*session.Config)
		ends   time.Duration
	}{
		{"by default", nil, budget + extension},
		{"by less", func(c *session.Config) { c.Policy.Budget.Extension = time.Minute }, budget + time.Minute},
		{"by nothing", func(c *session.Config) { c.Policy.Budget.Extension = 0 }, budget},
		{"not asked for", func(c *session.Config) { c.Policy.MaxRetryAfter = 0 }, budget},
		{"with the default delays", adaptive, budget + extension},
	} {
		bubble(t, tt.name, func(t *testing.T) {
			tr := sessiontest.Script(ok()).Otherwise(putsOff)
			var rec sessiontest.Recorder
			cfg := production(tr, &rec)
			if tt.change != nil {
				tt.change(&cfg)
			}
			s := start(t, cfg)
			settle(time.Minute)
			tr.Report(1, lost)
			endsAfter(t, s, tt.ends)
			stopped, _ := sessiontest.Last[observer.Stopped](&rec)
			assert.Equal(t, policy.RefusedElapsed, stopped.Decision.Refusal)
			assert.Equal(t, observer.ByPolicy, stopped.Initiator)
			verify(t, s, tr, &rec)
		})
	}
	bubble(t, "without a limit", func(t *testing.T) {
		tr := sessiontest.Script(ok()).Otherwise(putsOff)
		cfg := production(tr)
		cfg.Policy.Budget.Extension = policy.NoLimit
		s := start(t, cfg)
		tr.Report(1, lost)
		settle(100 * 24 * time.Hour)
		assert.False(t, ended(s))
		assert.InDelta(t, 100*24*12, len(tr.Snapshot().Attempts()), 500, "every five minutes")
		finish(t, s, tr)
	})
	bubble(t, "the next outage has all of it again", func(t *testing.T) {
		tr := sessiontest.Script(ok(), fail(later(maxRetryAfter)), fail(later(maxRetryAfter)), ok()).Otherwise(putsOff)
		s := start(t, production(tr))
		tr.Report(1, lost)
		settle(20 * time.Minute)
		require.Equal(t, session.StateConnected, s.State())
		tr.Report(sessiontest.Newest, lost)
		endsAfter(t, s, budget+extension)
		verify(t, s, tr)
	})
}

// A server may say how to come back, and that goes before what the damage calls for,
// but not beyond what the link can do (NEEDS 18, 21).
func TestServerSaysHow(t *testing.T) {
	resume := status.Directive{Recovery: status.RecoverByResume}
	rejoin := status.Directive{Recovery: status.RecoverByRejoin}
	at := func(d status.Directive, to string) status.Directive { d.Endpoint = to; return d }
	with := func(st status.Status, d status.Directive) status.Status { st.Directive = &d; return st }
	able := climber(turns(works), turns(works))
	for _, tt := range []struct {
		name string
		link sessiontest.Link
		loss status.Status
		want []string // the attempts: level and endpoint
	}{
		{"resume, though nobody knows what is dead", able, with(someLost, resume), []string{"resume a"}},
		{"resume, though only media is dead", able, with(mediaLost, resume), []string{"resume a"}},
		{"resume, but the link cannot", climber(turns(works), sessiontest.Step{}), with(mediaLost, resume), []string{"rejoin a"}},
		{"resume, but that is refused", climber(turns(works), turns(refuses)), with(someLost, resume), []string{"resume a", "rejoin a"}},
		{"resume elsewhere", able, with(someLost, at(resume, "x")), []string{"resume x"}},
		{"rejoin, though only media is dead", able, with(mediaLost, rejoin), []string{"rejoin a"}},
		{"rejoin elsewhere", able, with(mediaLost, at(rejoin, "x")), []string{"rejoin x"}},
		{"move", able, with(mediaLost, at(status.Directive{}, "x")), []string{"rejoin x"}},
		{"nothing", able, with(mediaLost, status.Directive{}), []string{"restart-media a"}},
		{
			"resume, after a restart that failed", climber(turns(failsWith(with(someLost, rejoin))), turns(works)),
			mediaLost,
			[]string{"restart-media a", "rejoin a"},
		},
	} {
		bubble(t, tt.name, func(t *testing.T) {
			st, rec := climbing(t, func(c *session.Config) { c.Endpoints = []string{"a", "b"} }, tt.link)
			st.tr.Report(1, tt.loss)
			settle(2 * sec)
			require.Equal(t, session.StateConnected, st.s.State())
			var got []string
			for _, c := range attempted(st.tr)[1:] {
				got = append(got, c.Attempt.Level.String()+" "+c.Attempt.Endpoint)
			}
			assert.Equal(t, tt.want, got)
			finish(t, st.s, st.tr, rec)
		})
	}
}

// A session that is sent somewhere else goes there first, and back to its own list if
// that is dead. Where it has been sent to, and was taken, is its place from then on
// (NEEDS 18, 19).
func TestServerSendsElsewhere(t *testing.T) {
	moves := func(to string) status.Status { return asking(status.Directive{Endpoint: to}) }
	down := fail(status.AudioServiceUnavailable)
	for _, tt := range []struct {
		name  string
		steps []sessiontest.Step // the first link is at a
		want  []string           // of two outages
	}{
		{"it works", nil, []string{"a", "x", "x"}},
		{"it is dead", []sessiontest.Step{down}, []string{"a", "x", "a", "a"}},
		{"it is dead, and so is the first", []sessiontest.Step{down, down}, []string{"a", "x", "a", "b", "b"}},
		{"it sends on", []sessiontest.Step{fail(moves("y"))}, []string{"a", "x", "y", "y"}},
		{"in a circle", []sessiontest.Step{fail(moves("y")), fail(moves("x")), fail(moves("y"))}, []string{"a", "x", "y", "x", "y", "y"}},
		{"it dies in the second outage", []sessiontest.Step{ok(), down}, []string{"a", "x", "x", "a"}},
	} {
		bubble(t, tt.name, func(t *testing.T) {
			tr := sessiontest.Script(ok()).Then(tt.steps...)
			var rec sessiontest.Recorder
			cfg := production(tr, &rec)
			cfg.Endpoints = []string{"a", "b"}
			s := start(t, cfg)
			tr.Report(1, moves("x"))
			settle(time.Minute)
			require.Equal(t, session.StateConnected, s.State())
			tr.Report(sessiontest.Newest, lost)
			settle(time.Minute)
			assert.Equal(t, tt.want, dialled(tr))
			finish(t, s, tr, &rec)
		})
	}
	bubble(t, "a redirect in the first connect, without endpoints", func(t *testing.T) {
		tr := sessiontest.Script(fail(moves("x")))
		s := start(t, production(tr))
		assert.Equal(t, []string{"", "x"}, dialled(tr))
		finish(t, s, tr)
	})
	bubble(t, "the source is not asked", func(t *testing.T) {
		g := &guide{answers: []func(context.Context) ([]string, error){found("a")}}
		st, rec := climbing(t, func(c *session.Config) { c.EndpointSource = g }, sessiontest.Link{}, down)
		st.tr.Report(1, moves("x"))
		settle(time.Minute)
		assert.Equal(t, []string{"a", "x", "a"}, dialled(st.tr))
		assert.Equal(t, []int{1, 2}, g.numbers(), "until the session has to find its own way")
		finish(t, st.s, st.tr, rec)
	})
}

// "Never come back" is final, whatever code says so and whoever hears it (NEEDS 5, 18;
// G8).
func TestPermanent(t *testing.T) {
	banned := errors.New("banned")
	permanent := status.Status{Code: lost, Permanent: true, Cause: banned}
	for name, tt := range map[string]struct {
		link  sessiontest.Link
		loss  error
		steps []sessiontest.Step
	}{
		"a status":               {loss: permanent},
		"with a directive":       {loss: status.Status{Code: lost, Permanent: true, Cause: banned, Directive: &status.Directive{RetryAfter: sec}}},
		"an error":               {loss: backoff.Permanent(banned)},
		"a rejoin":               {loss: lost, steps: []sessiontest.Step{fail(backoff.Permanent(banned))}},
		"a restart":              {loss: mediaLost, link: climber(turns(failsWith(backoff.Permanent(banned))), turns(works))},
		"a resume":               {loss: lost, link: climber(turns(works), turns(failsWith(fmt.Errorf("resume: %w", permanent))))},
		"a refused resume":       {loss: lost, link: climber(turns(works), turns(failsWith(errors.Join(session.ErrRefused, permanent))))},
		"a report in an attempt": {loss: lost, steps: []sessiontest.Step{reportsInside(permanent)}},
	} {
		bubble(t, name, func(t *testing.T) {
			st, rec := climbing(t, nil, tt.link, tt.steps...)
			st.tr.Report(1, tt.loss)
			settle(sec)
			require.True(t, ended(st.s))
			assert.ErrorIs(t, st.s.Err(), banned)
			stopped, _ := sessiontest.Last[observer.Stopped](rec)
			assert.Equal(t, observer.ByStatus, stopped.Initiator)
			assert.Equal(t, policy.RuleTerminal, stopped.Decision.Rule)
			verify(t, st.s, st.tr, rec)
		})
	}
}
