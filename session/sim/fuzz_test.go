package sim

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy"
)

// These are numbers that somebody may give by mistake, or to mean "for ever".
var (
	oddSpans = [...]time.Duration{
		0, 1, time.Microsecond, time.Millisecond, time.Minute, 365 * 24 * time.Hour, -1, math.MinInt64, math.MaxInt64 - 1, math.MaxInt64,
	}
	oddNumbers = [...]float64{
		0, 1, 0.001, 1000, 1e-12, 1e9, -1, math.NaN(), math.Inf(1), math.Inf(-1), 1e300, 5e-324, math.MaxFloat64,
	}
	oddCounts = [...]int{0, 1, 7, -1, math.MinInt, math.MaxInt}
)

// numbers are drawn from bytes: one for each, a usual one or an odd one. They end with
// usual ones.
type numbers struct {
	bytes []byte
	odds  []int // of each that was drawn, how many odd ones there are
}

// drawn is the next number: for a byte of 0 the usual one.
func drawn[T any](n *numbers, usual T, odd []T) T {
	i := len(n.odds)
	n.odds = append(n.odds, len(odd))
	if i >= len(n.bytes) || n.bytes[i] == 0 {
		return usual
	}
	return odd[int(n.bytes[i]-1)%len(odd)]
}

func (n *numbers) span(usual time.Duration) time.Duration { return drawn(n, usual, oddSpans[:]) }
func (n *numbers) number(usual float64) float64           { return drawn(n, usual, oddNumbers[:]) }
func (n *numbers) count(usual int) int                    { return drawn(n, usual, oddCounts[:]) }

// oddScenario is a small one in which any number may be odd.
func oddScenario(n *numbers, openLoop bool) Scenario {
	s := Scenario{
		Clients: 3, For: n.span(20 * time.Second), Step: n.span(0), Workers: n.count(2),
		Network: Network{
			Latency: Between(n.span(20*time.Millisecond), n.span(40*time.Millisecond)), Away: n.span(time.Millisecond), Loss: n.number(0.01),
			Deaths:      Deaths{Media: n.number(50), Signaling: n.number(50), Both: n.number(50), Told: n.number(0.5)},
			Offline:     Absence{PerHour: n.number(50), For: Between(n.span(time.Second), n.span(2*time.Second)), Hints: n.count(0) != 0},
			SampleEvery: n.span(0),
		},
		Faults: oddFaults(n),
	}
	for range 2 {
		s.Servers = append(s.Servers, Server{
			Share: n.number(0), JoinsPerSecond: n.number(2), Queue: n.count(0), Handshakes: n.count(0), Overload: Overload(n.count(0)),
			RefuseWith: n.count(0), RetryAfter: RetryAfter{Constant: n.span(0), Ticket: n.count(0) != 0},
			ResumeCost: n.number(0), RestartCost: n.number(0), RefusalCost: n.number(0.1), ResumeFor: n.span(0),
		})
	}
	if openLoop {
		s.OpenLoop = oddSchedule(n)
	} else {
		oddSettings(n, &s)
	}
	return s
}

func oddFaults(n *numbers) []Fault {
	return []Fault{
		&Outage{At: n.span(time.Second), For: n.span(time.Second), CloseCode: n.count(0), Silent: n.count(0) != 0},
		Restart{Server: "server-1", At: n.span(2 * time.Second), For: n.span(time.Second)},
		BlackHole{Server: "server-2", At: n.span(4 * time.Second), For: n.span(time.Second)},
		Refusals{
			At: n.span(6 * time.Second), For: n.span(time.Second), Status: n.count(0),
			RetryAfter: RetryAfter{Constant: n.span(0), Ticket: n.count(0) != 0},
		},
		Drain{Server: "server-1", MoveTo: "server-2", At: n.span(8 * time.Second), For: n.span(time.Second)},
		&Offline{At: n.span(10 * time.Second), For: n.span(time.Second), Share: n.number(0.5), Hints: n.count(0) != 0},
	}
}

func oddSchedule(n *numbers) *Schedule {
	s := &Schedule{
		Detect: n.span(time.Second), MaxAttempts: n.count(0), MaxElapsed: n.span(0), AttemptTimeout: n.span(0),
		Delays: []Delay{{Min: n.span(time.Second), Max: n.span(2 * time.Second)}},
	}
	if wait := n.span(0); wait != 0 {
		s.Delay = func(int, float64) time.Duration { return wait }
	}
	return s
}

func oddSettings(n *numbers, s *Scenario) {
	p := policy.Default()
	p.Budget.Elapsed, p.MaxRetryAfter, p.StableAfter = n.span(p.Budget.Elapsed), n.span(p.MaxRetryAfter), n.span(p.StableAfter)
	p.Ladder.RestartMedia.Timeout, p.Ladder.RestartMedia.Attempts = n.span(time.Second), n.count(1)
	if n.count(0) != 0 {
		p.NewBackOff = func(func() float64) backoff.BackOff { return &backoff.ZeroBackOff{} }
	}
	s.Client.Policy = &p
	s.Client.PingInterval, s.Client.ReasonGrace, s.Client.ProofTimeout = n.span(0), n.span(0), n.span(0)
	s.Client.ConnectTimeout, s.Client.PresenceTimeout, s.Client.DownTimeout = n.span(0), n.span(0), n.span(0)
	s.Client.Health.Detector.CleanFor = n.span(0)
}

// FuzzScenario: whatever is accepted runs to its end, or until the context ends, and
// has a result that makes sense. To begin with each number is odd alone.
func FuzzScenario(f *testing.F) {
	for _, openLoop := range []bool{false, true} {
		all := numbers{}
		require.NoError(f, oddScenario(&all, openLoop).Validate(), "with the usual ones")
		for i, odds := range all.odds {
			for odd := range odds {
				f.Add(openLoop, append(make([]byte, i), byte(odd+1)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, openLoop bool, bytes []byte) {
		s := oddScenario(&numbers{bytes: bytes}, openLoop)
		if s.Validate() != nil || s.Effective().For > 10*time.Minute {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		r, err := Run(ctx, s)
		if err == nil {
			checkSense(t, s, r)
			return
		}
		require.ErrorIs(t, err, errNotConnected)
	})
}

// checkSense: nobody is in two places, and nothing takes less than no time.
func checkSense(t *testing.T, s Scenario, r *Result) {
	for _, p := range r.Series {
		assert.Equal(t, s.Clients, p.Connected+p.Unnoticed+p.Reconnecting+p.Stopped, p)
		assert.GreaterOrEqual(t, min(p.Connected, p.Unnoticed, p.Reconnecting, p.Stopped), 0, p)
		assert.True(t, 0 <= p.At && p.At <= r.For, p.At)
	}
	sum := r.Summary
	assert.True(t, 0 <= sum.Begin && sum.Begin < r.For, "begins after %s", sum.Begin)
	assert.True(t, 0 < sum.Outage && sum.Outage <= maxFor, "lasts for %s", sum.Outage)
	assert.GreaterOrEqual(t, sum.Ideal, sum.Outage)
	for _, back := range []time.Duration{sum.Back50, sum.Back90, sum.Back99, sum.Back100, sum.Last} {
		assert.True(t, back == Never || 0 <= back && back <= r.For, "back after %s", back)
	}
	assert.True(t, 0 <= sum.Hit && sum.Hit <= s.Clients, "%d were hit", sum.Hit)
	assert.True(t, 0 <= sum.GaveUp && sum.GaveUp <= s.Clients, "%d gave up", sum.GaveUp)
	assert.True(t, 0 <= sum.Pending && sum.Attempts.Total() >= 0, "%d are pending", sum.Pending)
	for _, v := range []float64{sum.RefusalsPerPlace, sum.AttemptsPerClient} {
		assert.True(t, v >= 0 && !math.IsInf(v, 1), v)
	}
}
