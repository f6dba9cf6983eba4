package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// Sessions that share a limit on their attempts.

// bucket is a token bucket: it holds up to burst tokens, and gets rate more each
// second. Whoever waits has its place in the line.
type bucket struct {
	rate, burst int

	mu     sync.Mutex
	filled time.Time     // when it was last looked at
	owed   time.Duration // until what is promised has come in; negative: what is there
}

// Burst is the most that may be asked for at once.
func (b *bucket) Burst() int { return b.burst }

func (b *bucket) worth(n int) time.Duration { return time.Duration(n) * sec / time.Duration(b.rate) }

// WaitN waits for n tokens, or until the context ends.
func (b *bucket) WaitN(ctx context.Context, n int) error {
	if n > b.burst {
		return fmt.Errorf("%d tokens of %d", n, b.burst)
	}
	wait := b.reserve(n)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		b.reserve(-n)
		return ctx.Err()
	}
}

// reserve takes n tokens, and tells how long it takes until they are there.
func (b *bucket) reserve(n int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.filled.IsZero() {
		b.owed = -b.worth(b.burst)
	} else {
		b.owed = max(b.owed-now.Sub(b.filled), -b.worth(b.burst))
	}
	b.filled = now
	b.owed += b.worth(n)
	return b.owed
}

// tokens is what an attempt costs.
var tokens = map[policy.Level]int{policy.RestartMedia: 1, policy.Resume: 2, policy.Rejoin: 4}

// A thousand sessions of one process that lose their links at the same moment never
// exceed the rate that they share, and all of them come back. To restart media is the
// cheapest, to join anew the dearest, so that they are back that much sooner (NEEDS 39,
// 17).
func TestThousandSessionsShareALimit(t *testing.T) {
	const sessions, rate, burst = 1000, 100, 20
	for name, tt := range map[string]struct {
		loss  error
		level policy.Level
	}{"restart": {mediaLost, policy.RestartMedia}, "resume": {lost, policy.Resume}, "rejoin": {someLost, policy.Rejoin}} {
		bubble(t, name, func(t *testing.T) {
			limit := &bucket{rate: rate, burst: burst}
			all := make([]*session.Session, sessions)
			trs := make([]*sessiontest.Transport, sessions)
			for i := range all {
				trs[i] = &sessiontest.Transport{Link: sessiontest.Link{RestartMedia: ok(), Resume: ok()}}
				cfg := production(trs[i])
				cfg.Limiter = limit
				all[i] = newSession(t, cfg)
				starting(all[i])
			}
			joined := sec * sessions * 4 / rate
			settle(joined)
			for i, s := range all {
				require.Equal(t, session.StateConnected, s.State())
				trs[i].Report(1, tt.loss)
			}
			settle(500*ms + sec*time.Duration(sessions*tokens[tt.level]-burst)/rate - 1)
			assert.Equal(t, 1, waiting(all), "the last one")
			settle(1)
			var spent []spending
			for i, s := range all {
				require.Equal(t, session.StateConnected, s.State())
				spent = append(spent, spendings(trs[i])...)
				finish(t, s, trs[i])
			}
			assert.InDelta(t, 0, excess(spent, rate, burst), 1e-6, "the rate was used, and not exceeded")
		})
	}
}

// waiting counts the sessions that are not connected.
func waiting(all []*session.Session) (n int) {
	for _, s := range all {
		if s.State() != session.StateConnected {
			n++
		}
	}
	return n
}

// spending is what an attempt has cost, and when.
type spending struct {
	at     time.Time
	tokens int
}

func spendings(tr *sessiontest.Transport) (out []spending) {
	for _, c := range attempted(tr) {
		out = append(out, spending{c.At, tokens[c.Attempt.Level]})
	}
	return out
}

// excess tells by how much what was spent, in any span of time, has exceeded what a
// bucket gives in it: its content and what comes in.
func excess(spent []spending, rate, burst float64) float64 {
	slices.SortFunc(spent, func(a, b spending) int { return a.at.Compare(b.at) })
	content, at, least := burst, spent[0].at, burst
	for _, s := range spent {
		content = min(burst, content+rate*s.at.Sub(at).Seconds()) - float64(s.tokens)
		at, least = s.at, min(least, content)
	}
	return -least
}

// gate is a limiter that notes what it was asked for and lets through what wait says.
type gate struct {
	burst int
	wait  func(ctx context.Context, n int) error // n counts the questions from 1

	mu    sync.Mutex
	asked []int
}

func (g *gate) Burst() int { return g.burst }

func (g *gate) WaitN(ctx context.Context, n int) error {
	g.mu.Lock()
	g.asked = append(g.asked, n)
	count := len(g.asked)
	g.mu.Unlock()
	if g.wait != nil {
		return g.wait(ctx, count)
	}
	return nil
}

func (g *gate) questions() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.asked)
}

// limited is production with a limiter.
func limited(l session.Limiter) func(*session.Config) {
	return func(c *session.Config) { c.Limiter = l }
}

// Each attempt asks for what it costs, but for no more than the limiter can ever give
// (NEEDS 39).
func TestCostOfAttempts(t *testing.T) {
	for burst, want := range map[int][]int{
		0: {4, 1, 2, 2, 4, 4}, 100: {4, 1, 2, 2, 4, 4}, 4: {4, 1, 2, 2, 4, 4}, 3: {3, 1, 2, 2, 3, 3}, 1: {1, 1, 1, 1, 1, 1}, -1: {4, 1, 2, 2, 4, 4},
	} {
		bubble(t, fmt.Sprint(burst), func(t *testing.T) {
			g := &gate{burst: burst}
			st, rec := climbing(t, limited(g), climber(turns(fails), turns(fails)), fail(nil))
			st.tr.Report(1, mediaLost)
			settle(time.Minute)
			assert.Equal(t, want, g.questions())
			var queued []policy.Level
			for _, e := range sessiontest.Of[observer.AttemptQueued](rec) {
				queued = append(queued, e.Level)
			}
			assert.Equal(t, []policy.Level{policy.Rejoin, policy.RestartMedia, policy.Resume, policy.Resume, policy.Rejoin, policy.Rejoin}, queued)
			finish(t, st.s, st.tr, rec)
		})
	}
	bubble(t, "no Burst method", func(t *testing.T) {
		st, rec := climbing(t, limited(open{}), sessiontest.Link{})
		st.tr.Report(1, lost)
		settle(sec)
		assert.Equal(t, session.StateConnected, st.s.State())
		finish(t, st.s, st.tr, rec)
	})
}

// waits lets the first questions through, and the others when their context ends.
func waits(through int) *gate {
	return &gate{wait: func(ctx context.Context, n int) error {
		if n > through {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}}
}

// A session that waits for its turn is stopped at once, and holds no place (NEEDS 39,
// 1; G3, G8).
func TestStopInTheQueue(t *testing.T) {
	for name, through := range map[string]int{"the first connect": 0, "an outage": 1} {
		bubble(t, name, func(t *testing.T) {
			g := waits(through)
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			cfg := production(&tr, &rec)
			cfg.Limiter = g
			s := newSession(t, cfg)
			starting(s)
			settle(sec)
			if through > 0 {
				tr.Report(1, lost)
				settle(sec)
			}
			require.Len(t, g.questions(), through+1)
			began := time.Now()
			require.NoError(t, s.Close())
			assert.Zero(t, time.Since(began))
			assert.ErrorIs(t, s.Err(), status.Left)
			assert.Len(t, tr.Snapshot().Attempts(), through)
			verify(t, s, &tr, &rec)
		})
	}
}

// The wait counts against the budget, which ends it, to the nanosecond (NEEDS 39, 4;
// G9).
func TestBudgetEndsInTheQueue(t *testing.T) {
	for name, through := range map[string]int{"the first connect": 0, "an outage": 1} {
		for kind, deaf := range map[string]bool{"polite": false, "deaf": true} {
			bubble(t, name+"/"+kind, func(t *testing.T) {
				g := waits(through)
				returns := make(chan struct{})
				if deaf {
					polite := g.wait
					g.wait = func(ctx context.Context, n int) error {
						if n > through {
							<-returns
							return nil
						}
						return polite(ctx, n)
					}
				}
				var tr sessiontest.Transport
				var rec sessiontest.Recorder
				cfg := production(&tr, &rec)
				cfg.Limiter = g
				s := newSession(t, cfg)
				starting(s)
				if through > 0 {
					settle(time.Minute)
					tr.Report(1, lost)
				}
				endsAfter(t, s, 5*time.Minute)
				stopped, _ := sessiontest.Last[observer.Stopped](&rec)
				assert.Equal(t, observer.ByPolicy, stopped.Initiator)
				assert.Equal(t, policy.RefusedElapsed, stopped.Decision.Refusal)
				assert.Equal(t, []status.Code{status.TaskFailed, lost}[through], stopped.Status.Code)
				close(returns)
				settle(time.Minute)
				assert.Len(t, tr.Snapshot().Attempts(), through)
				verify(t, s, &tr, &rec)
			})
		}
	}
}

// A limiter that fails, panics or leaves makes the attempt fail, and is asked again
// after a delay; one that says that it is over is believed (NEEDS 39).
func TestLimiterFails(t *testing.T) {
	for name, refuse := range map[string]func() error{
		"fails":                 func() error { return errors.New("would exceed the deadline") },
		"fails with a status":   func() error { return status.AudioServiceUnavailable },
		"panics":                func() error { panic("limiter") },
		"leaves":                func() error { runtime.Goexit(); return nil },
		"says it is cancelled":  func() error { return context.Canceled },
		"wraps an unauthorized": func() error { return session.ErrUnauthorized },
	} {
		bubble(t, name, func(t *testing.T) {
			g := &gate{wait: func(_ context.Context, n int) error {
				if n == 2 || n == 3 {
					return refuse()
				}
				return nil
			}}
			st, rec := climbing(t, limited(g), climber(turns(works), turns(works)))
			st.tr.Report(1, mediaLost)
			settle(500*ms + sec + 2*sec - 1)
			assert.Empty(t, st.tr.Snapshot().Named("RestartMedia"))
			settle(1)
			assert.Len(t, st.tr.Snapshot().Named("RestartMedia"), 1, "nothing else was wrong with it")
			assert.Equal(t, session.StateConnected, st.s.State())
			recovered, _ := sessiontest.Last[observer.Recovered](rec)
			assert.Equal(t, 1, recovered.Outage.Attempts, "none was made before")
			finish(t, st.s, st.tr, rec)
		})
	}
	bubble(t, "over", func(t *testing.T) {
		g := &gate{wait: func(context.Context, int) error { return status.MeetingEnded }}
		var tr sessiontest.Transport
		cfg := production(&tr)
		cfg.Limiter = g
		s := newSession(t, cfg)
		assert.ErrorIs(t, s.Start(t.Context()), status.MeetingEnded)
		finish(t, s, &tr)
	})
}

// What happens while a session waits for its turn is taken into account: an end ends
// it, a further loss raises the level, the network may go down and come back, and the
// turn that it has got is kept (NEEDS 16, 39).
func TestInTheQueue(t *testing.T) {
	slowly := func() *gate {
		return &gate{wait: func(ctx context.Context, n int) error {
			if n == 1 {
				return nil
			}
			select {
			case <-time.NewTimer(10 * sec).C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
	}
	for name, tt := range map[string]struct {
		happens func(stage)
		then    func(stage)
		call    string
		calls   int // of the limiter
	}{
		"nothing": {call: "RestartMedia", calls: 2},
		"signaling dies, too": { // and a resume costs more
			func(st stage) { st.tr.Report(1, lost) }, func(stage) { settle(10 * sec) }, "Resume", 3,
		},
		"a hint": {happens: func(st stage) { st.s.Hint(session.NetworkUp) }, call: "RestartMedia", calls: 2},
		"the network is down": {
			func(st stage) { st.s.Hint(session.NetworkDown) },
			func(st stage) {
				settle(20 * sec)
				require.Empty(t, st.tr.Snapshot().Named("RestartMedia"))
				st.s.Hint(session.NetworkUp)
			}, "RestartMedia", 2,
		},
	} {
		bubble(t, name, func(t *testing.T) {
			g := slowly()
			st, rec := climbing(t, limited(g), climber(turns(works), turns(works)))
			st.tr.Report(1, mediaLost)
			settle(sec)
			if tt.happens != nil {
				tt.happens(st)
			}
			settle(9500*ms - 1)
			assert.Empty(t, st.tr.Snapshot().Named(tt.call))
			settle(1)
			if tt.then != nil {
				tt.then(st)
				synctest.Wait()
			}
			assert.Len(t, st.tr.Snapshot().Named(tt.call), 1)
			assert.Equal(t, session.StateConnected, st.s.State())
			assert.Len(t, g.questions(), tt.calls)
			finish(t, st.s, st.tr, rec)
		})
	}
	bubble(t, "an end", func(t *testing.T) {
		st, rec := climbing(t, limited(slowly()), climber(turns(works), turns(works)))
		st.tr.Report(1, mediaLost)
		settle(sec)
		st.tr.Report(1, status.MeetingEnded)
		settle(0)
		assert.ErrorIs(t, st.s.Err(), status.MeetingEnded)
		verify(t, st.s, st.tr, rec)
	})
	bubble(t, "a link that might heal is given up for it", func(t *testing.T) {
		st, rec := climbing(t, limited(slowly()), quiet(0))
		st.tr.Silence(1, health.Media)
		await(t, rec, "LinkDead")
		settle(sec)
		st.tr.Silence(1, 0)
		settle(time.Minute)
		assert.EqualValues(t, 2, sessiontest.EpochOf(linkOf(t, st.s)))
		finish(t, st.s, st.tr, rec)
	})
}
