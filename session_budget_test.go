package holdfast_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// A server that is dead ends the session at the computed moment, in the first
// connect as in an outage, and not a nanosecond before (NEEDS 3, 4, 30; G9).
func TestDeadServerEndsOnTime(t *testing.T) {
	at := func(delays int) (d time.Duration) {
		for k := range delays {
			d += jittered(k)
		}
		return d
	}
	refused := fail(status.AudioServiceUnavailable)
	const unavailable, timedOut = status.AudioServiceUnavailable, status.TaskFailed
	type end struct {
		after time.Duration // from the start, from the loss
		code  status.Code   // of the last attempt
	}
	tests := []struct {
		name          string
		dead          sessiontest.Step
		policy        func(*policy.Policy)
		first, outage end
		refusal       policy.Refusal
	}{
		{
			"refuses at once", refused, nil,
			end{5 * time.Minute, unavailable},
			end{5 * time.Minute, unavailable},
			policy.RefusedElapsed,
		},
		{"refuses slowly", refused.After(3 * sec), nil, // the last attempt of a first connect is cut short
			end{5 * time.Minute, timedOut}, end{5 * time.Minute, unavailable}, policy.RefusedElapsed},
		{
			"hangs", hang("TLS"), nil,
			end{5 * time.Minute, timedOut},
			end{5 * time.Minute, timedOut},
			policy.RefusedElapsed,
		},
		{
			"the reference's budget", refused, func(p *policy.Policy) { *p = policy.Reference() },
			end{2 * time.Minute, unavailable},
			end{2 * time.Minute, unavailable},
			policy.RefusedElapsed,
		},
		{
			"four attempts", refused, func(p *policy.Policy) { p.Budget.Attempts = 4 },
			end{at(3), unavailable},
			end{at(4), unavailable},
			policy.RefusedAttempts,
		},
		{"a backoff that gives up", refused, func(p *policy.Policy) {
			p.NewBackOff = func(random func() float64) backoff.BackOff {
				return policy.Limited(&policy.FullJitter{Short: sec, Long: 5 * sec, Random: random}, 3)
			}
		}, end{at(3), unavailable}, end{at(3), unavailable}, policy.RefusedBackoff},
		{
			"no second try", refused, func(p *policy.Policy) { p.Budget.Elapsed = 0 },
			end{0, unavailable},
			end{0, lost},
			policy.RefusedElapsed,
		},
	}
	for _, tt := range tests {
		for when, want := range map[string]end{"first connect": tt.first, "outage": tt.outage} {
			bubble(t, tt.name+"/"+when, func(t *testing.T) {
				tr := new(sessiontest.Transport).Otherwise(tt.dead)
				var rec sessiontest.Recorder
				cfg := production(tr, &rec)
				if tt.policy != nil {
					tt.policy(cfg.Policy)
				}
				s := newSession(t, cfg)
				if when == "outage" {
					tr.Then(ok())
					require.NoError(t, s.Start(t.Context()))
					advance(time.Hour)
					tr.Report(1, lost)
				} else {
					starting(s)
				}
				if want.after > 0 {
					endsAfter(t, s, want.after)
				}
				<-s.Done()
				stopped, _ := sessiontest.Last[observer.Stopped](&rec)
				assert.Equal(t, want.code.String(), stopped.Status.Code.String(), "the last status")
				assert.Equal(t, observer.ByPolicy, stopped.Initiator)
				assert.Equal(t, tt.refusal, stopped.Decision.Refusal)
				assert.NotErrorIs(t, s.Err(), status.AudioJoinedFromAnotherDevice)
				verify(t, s, tr, &rec)
			})
		}
	}
}

// The limit on silence counts from the last sign of life, not from the loss. It
// is asked when a retry is decided on, here after each refusal (NEEDS 4).
func TestSilenceEndsOnTime(t *testing.T) {
	bubble(t, "idle", func(t *testing.T) {
		tr := sessiontest.Script(ok()).Otherwise(fail(status.AudioServiceUnavailable))
		var rec sessiontest.Recorder
		cfg := production(tr, &rec)
		cfg.Policy.Budget = policy.Budget{Elapsed: policy.NoLimit, Idle: 30 * sec, Attempts: policy.NoLimit}
		s := start(t, cfg)
		advance(time.Hour)
		tr.Alive(1, status.LayerMedia)
		advance(10 * sec)
		tr.Report(1, lost)
		var decided time.Duration
		for k := 0; decided < 20*sec; k++ {
			decided += jittered(k)
		}
		endsAfter(t, s, decided)
		stopped, _ := sessiontest.Last[observer.Stopped](&rec)
		assert.Equal(t, policy.RefusedIdle, stopped.Decision.Refusal)
		verify(t, s, tr, &rec)
	})
}

// A server that accepts and drops again sees growing delays, and an end: neither
// backoff nor budget begins anew before the link was stable (NEEDS 10, 4).
func TestFlappingServer(t *testing.T) {
	bubble(t, "flapping", func(t *testing.T) {
		const holds = sec
		var tr sessiontest.Transport
		var rec sessiontest.Recorder
		s := start(t, production(&tr, &rec))
		advance(time.Minute)
		tr.Report(1, lost) // the budget begins
		began := time.Now()
		go func() {
			for {
				if _, err := rec.Wait(context.Background(), "Recovered"); err != nil {
					return
				}
				advance(holds)
				tr.Report(sessiontest.Newest, lost)
			}
		}()
		var want time.Duration // the end, by the rules
		attempts := 0
		for k := 0; ; k++ {
			if want += jittered(k); want >= 5*time.Minute {
				want = 5 * time.Minute
				break
			}
			attempts++
			if want += holds; want >= 5*time.Minute {
				break
			}
		}
		endsAfter(t, s, want-time.Since(began))
		var delays []time.Duration
		for _, e := range sessiontest.Of[observer.RetryScheduled](&rec) {
			delays = append(delays, e.Decision.Delay)
		}
		assert.Equal(t, []time.Duration{500 * ms, sec, 2 * sec, 2500 * ms, 2500 * ms}, delays[:5])
		assert.Len(t, tr.Snapshot().Attempts(), 1+attempts)
		assert.ErrorIs(t, s.Err(), lost)
		verify(t, s, &tr, &rec)
	})
}

// A link that has held for the stable period is as good as new; one that has
// held a moment less is not (NEEDS 10).
func TestStablePeriod(t *testing.T) {
	for _, tt := range []struct {
		holds time.Duration
		next  time.Duration
	}{{10*sec - 1, sec}, {10 * sec, 500 * ms}} {
		bubble(t, tt.holds.String(), func(t *testing.T) {
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			s := start(t, production(&tr, &rec))
			advance(time.Minute)
			tr.Report(1, lost)
			require.NoError(t, s.WaitConnected(t.Context()))
			settle(tt.holds)
			tr.Report(2, lost)
			synctest.Wait()
			last, _ := sessiontest.Last[observer.RetryScheduled](&rec)
			assert.Equal(t, tt.next, last.Decision.Delay)
			finish(t, s, &tr, &rec)
		})
	}
}

// Ten hours connected do not count against the budget, whatever the backoff: the
// clock starts at the loss (NEEDS 32, 38).
func TestTenHourSessionStillRetries(t *testing.T) {
	for name, newBackOff := range map[string]func(func() float64) backoff.BackOff{
		"full jitter": nil,
		"one with a clock of its own": func(func() float64) backoff.BackOff {
			return backoff.NewExponentialBackOff() // gives up 15 minutes after its reset
		},
	} {
		bubble(t, name, func(t *testing.T) {
			tr := sessiontest.Script(ok(), fail(nil).Times(3))
			tr.Link = sessiontest.Link{Ping: ok()}
			var rec sessiontest.Recorder
			cfg := production(tr, &rec)
			cfg.Policy.NewBackOff = newBackOff
			s := start(t, cfg)
			for hour := range 10 {
				advance(time.Hour)
				tr.Sample(1, health.Sample{BytesReceived: uint64(hour + 1), AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0)})
			}
			require.Equal(t, session.StateConnected, s.State())
			assert.GreaterOrEqual(t, len(tr.Snapshot().Named("Ping")), 3600)
			tr.Closed(1, status.LayerSignaling, nil)
			settle(time.Minute)
			require.Equal(t, session.StateConnected, s.State())
			recovered, _ := sessiontest.Last[observer.Recovered](&rec)
			assert.Equal(t, 4, recovered.Outage.Attempts)
			finish(t, s, tr, &rec)
		})
	}
}

// A server that is up late is not a recovery (NEEDS 30), and the first connect
// has a budget of its own.
func TestServerIsUpLate(t *testing.T) {
	bubble(t, "late", func(t *testing.T) {
		tr := sessiontest.Script(fail(status.SignalingInternalServerError).Times(100))
		var rec sessiontest.Recorder
		s := newSession(t, production(tr, &rec))
		answer := starting(s)
		settle(4*time.Minute + 10*sec)
		require.NoError(t, <-answer)
		connected, _ := sessiontest.Last[observer.Connected](&rec)
		assert.Equal(t, 101, connected.Attempts)
		assert.Empty(t, sessiontest.Of[observer.Recovered](&rec))
		assert.Empty(t, sessiontest.Of[observer.Reconnecting](&rec))
		assert.Len(t, sessiontest.Of[observer.Connecting](&rec), 1)
		tr.Then(fail(nil).Times(60)).Report(sessiontest.Newest, lost)
		settle(3 * time.Minute)
		assert.Equal(t, session.StateConnected, s.State(), "the outage has its own five minutes")
		finish(t, s, tr, &rec)
	})
}
