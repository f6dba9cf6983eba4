package sim

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// any scenario: whatever can be set is set, now and then.
func anyScenario(seed uint64) Scenario {
	r := rand.New(rand.NewPCG(seed, 7))
	some := func(d time.Duration) time.Duration { return time.Duration(r.Float64() * float64(d)) }
	maybe := func(v float64) float64 { return v * float64(r.IntN(2)) * r.Float64() }
	s := Scenario{Seed: seed, Clients: 1 + r.IntN(40), For: 2 * time.Minute, Workers: 1 + r.IntN(4)}
	s.Network = Network{
		Latency: Between(time.Millisecond+some(20*time.Millisecond), 20*time.Millisecond+some(400*time.Millisecond)),
		Away:    some(100 * time.Millisecond), Loss: maybe(0.2),
		Deaths:   Deaths{Media: maybe(100), Signaling: maybe(100), Both: maybe(100), Told: r.Float64()},
		Offline:  Absence{PerHour: maybe(100), Hints: r.IntN(2) == 0},
		NoProbes: r.IntN(4) == 0, NoRestart: r.IntN(4) == 0, NoResume: r.IntN(4) == 0,
	}
	for range 1 + r.IntN(3) {
		s.Servers = append(s.Servers, Server{
			JoinsPerSecond: 0.5 + maybe(50), Queue: r.IntN(20) - 1, Handshakes: r.IntN(2) * r.IntN(10), Overload: Overload(r.IntN(2)),
			RefuseWith: []int{0, 429, 500, 401}[r.IntN(4)], RefusalCost: maybe(0.2),
			RetryAfter: RetryAfter{Constant: some(10 * time.Second), Ticket: r.IntN(2) == 0},
		})
	}
	p := policy.Default()
	p.Budget.Elapsed = 20*time.Second + some(2*time.Minute)
	s.Client.Policy = &p
	s.Client.NoHealing = r.IntN(4) == 0
	for range r.IntN(6) {
		s.Faults = append(s.Faults, anyFault(r, len(s.Servers)))
	}
	extremes(r, &s)
	return s
}

// extremes sets, now and then, what is as much as may be or means for ever.
func extremes(r *rand.Rand, s *Scenario) {
	for i := range s.Servers {
		server := &s.Servers[i]
		server.Share = []float64{0, 3, mostShare}[r.IntN(3)]
		server.ResumeCost = []float64{0, 0.5, mostJoins, -1}[r.IntN(4)]
		server.RestartCost = []float64{0, 0.5, mostJoins, -1}[r.IntN(4)]
		server.ResumeFor = []time.Duration{0, time.Second, never, -1}[r.IntN(4)]
	}
	if r.IntN(4) == 0 {
		s.Network.Offline.For = Always(never)
	}
	if r.IntN(4) == 0 {
		s.Faults = append(s.Faults, Refusals{At: time.Minute, For: maxFor - time.Minute, RetryAfter: RetryAfter{Constant: maxFor, Ticket: r.IntN(2) == 0}})
	}
}

func anyFault(r *rand.Rand, servers int) Fault {
	at, length := time.Duration(r.IntN(100))*time.Second, time.Duration(1+r.IntN(20_000))*time.Millisecond
	server := "server-" + strconv.Itoa(1+r.IntN(servers))
	if r.IntN(3) == 0 {
		server = ""
	}
	switch r.IntN(7) {
	case 5:
		return Outage{Server: server, At: at, For: length, Silent: true, KeepSessions: r.IntN(2) == 0}
	case 0:
		return Outage{Server: server, At: at, For: length, CloseCode: []int{0, 1001, 4500}[r.IntN(3)], Answer: []int{0, 502}[r.IntN(2)], KeepSessions: r.IntN(2) == 0}
	case 1:
		return BlackHole{Server: server, At: at, For: length}
	case 2:
		return Refusals{Server: server, At: at, For: length, Status: 500}
	case 3:
		return Offline{At: at, For: length, Share: r.Float64(), Hints: r.IntN(2) == 0}
	case 4:
		return Restart{Server: server, At: at}
	}
	d := Drain{Server: server, At: at, For: length}
	if to := "server-" + strconv.Itoa(1+r.IntN(servers)); to != server {
		d.MoveTo = to
	}
	return d
}

// TestAnyScenario (G2, G7, G8, G12): whatever the scenario, sessions keep what is
// promised, nobody is lost or counted twice, and the number of workers and the length
// of the windows change nothing.
func TestAnyScenario(t *testing.T) {
	seeds := uint64(30)
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		var d diary
		s := anyScenario(seed)
		s.watch = d.watch
		result := run(t, s)
		check(t, s, &d, result)
		s.watch, s.Workers = nil, s.Workers%4+1
		p := newPlan(s)
		p.unit = p.unit*2/3 + 1
		again, err := simulate(context.Background(), p)
		require.NoError(t, err)
		assert.Equal(t, asJSON(t, result), asJSON(t, again))
		if t.Failed() {
			t.Fatalf("seed %d: %+v", seed, s)
		}
	}
}

func check(t *testing.T, s Scenario, d *diary, r *Result) {
	for _, p := range r.Series {
		assert.Equal(t, s.Clients, p.Connected+p.Unnoticed+p.Reconnecting+p.Stopped, p)
		assert.GreaterOrEqual(t, min(p.Connected, p.Unnoticed, p.Reconnecting, p.Stopped), 0, p)
	}
	attempts := each(d, func(int, time.Duration, observer.AttemptStarted, []heard) {})
	assert.Equal(t, attempts, r.Summary.Attempts.Total()+r.Summary.Pending)
	assert.Equal(t, r.Summary.GaveUp, each(d, func(int, time.Duration, observer.Stopped, []heard) {}))
	recovered := r.Summary.Recoveries
	assert.Equal(t, recovered.Healed+recovered.RestartMedia+recovered.Resume+recovered.Rejoin,
		each(d, func(int, time.Duration, observer.Recovered, []heard) {}))
	for _, f := range s.Faults {
		if o, ok := f.(Outage); ok {
			checkOutage(t, o, r)
		}
	}
	for _, list := range d.told {
		var events []observer.Event
		for _, h := range list {
			events = append(events, h.e)
		}
		sessiontest.CheckPart(t, events)
	}
}

// checkOutage: who is not there decides nothing.
func checkOutage(t *testing.T, o Outage, r *Result) {
	for _, region := range r.Regions {
		for _, p := range region.Series {
			concerns := o.Server == "" || o.Server == region.Server
			if concerns && p.At-r.Step >= o.At && p.At <= o.At+o.For {
				a := p.Attempts
				assert.Zero(t, a.Accepted+a.Refused+a.Unanswered+a.Forgotten, "%s at %s: %+v", region.Server, p.At, a)
			}
		}
	}
}
