package sim

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// heard is an event with its time in the scenario.
type heard struct {
	at time.Duration
	e  observer.Event
}

// diary keeps what clients have told, in order.
type diary struct {
	mu   sync.Mutex
	told map[int][]heard
}

func (d *diary) watch(client int, at time.Duration, e observer.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.told == nil {
		d.told = map[int][]heard{}
	}
	d.told[client] = append(d.told[client], heard{at, e})
}

// each calls f with every event and the ones after it.
func each[E observer.Event](d *diary, f func(client int, at time.Duration, e E, then []heard)) (n int) {
	for client, list := range d.told {
		for i, h := range list {
			if e, ok := h.e.(E); ok {
				n++
				f(client, h.at, e, list[i+1:])
			}
		}
	}
	return n
}

// weather is everything at once.
func weather(clients int) Scenario {
	return Scenario{
		Seed: 3, Clients: clients, For: 3 * time.Minute,
		Network: Network{
			Latency: Between(5*time.Millisecond, 200*time.Millisecond), Loss: 0.02, Away: 40 * time.Millisecond,
			Deaths:  Deaths{Media: 60, Signaling: 60, Both: 60, Told: 0.5},
			Offline: Absence{PerHour: 60, Hints: true},
		},
		Servers: []Server{
			{Name: "a", JoinsPerSecond: 10, Queue: 5, RetryAfter: RetryAfter{Constant: 3 * time.Second}},
			{Name: "b", JoinsPerSecond: 4, Queue: 2, Handshakes: 4, Overload: Drop, Share: 2},
			{Name: "c", JoinsPerSecond: 5, RetryAfter: RetryAfter{Ticket: true}, RefusalCost: 0.1},
		},
		Faults: []Fault{
			Offline{At: 2 * time.Second, For: 4600 * time.Millisecond},
			Outage{Server: "a", At: 10 * time.Second, For: 20 * time.Second},
			BlackHole{Server: "b", At: 20 * time.Second, For: 15 * time.Second},
			Refusals{Server: "c", At: 25 * time.Second, For: 10 * time.Second},
			Drain{Server: "c", At: 60 * time.Second, For: 20 * time.Second, MoveTo: "a"},
			Restart{Server: "a", At: 90 * time.Second, KeepSessions: true},
			Offline{At: 100 * time.Second, For: 8 * time.Second, Share: 0.3},
			Drain{Server: "b", At: 120 * time.Second, For: 10 * time.Second},
		},
	}
}

// TestGuarantees (G2, G7, G8, G12): what every session tells holds what is promised,
// whatever happens around it.
func TestGuarantees(t *testing.T) {
	var d diary
	s := weather(200)
	s.Workers, s.watch = 3, d.watch
	p := policy.Default()
	p.Budget.Elapsed = 20 * time.Second
	s.Client.Policy = &p
	r := run(t, s)
	attempts := each(&d, func(int, time.Duration, observer.AttemptStarted, []heard) {})
	assert.Equal(t, attempts, r.Summary.Attempts.Total()+r.Summary.Pending, "each attempt has one fate")
	stopped := each(&d, func(_ int, _ time.Duration, _ observer.Stopped, then []heard) {
		assert.Empty(t, then, "silence after Stopped (G2)")
	})
	assert.Equal(t, r.Summary.GaveUp, stopped)
	for _, list := range d.told {
		var events []observer.Event
		for _, h := range list {
			events = append(events, h.e)
		}
		sessiontest.CheckPart(t, events)
	}
	assert.Len(t, d.told, 200)
	recovered := r.Summary.Recoveries
	for name, n := range map[string]int{
		"healed": recovered.Healed, "restarts": recovered.RestartMedia, "resumes": recovered.Resume, "rejoins": recovered.Rejoin,
		"accepted": r.Summary.Attempts.Accepted, "refused": r.Summary.Attempts.Refused, "unanswered": r.Summary.Attempts.Unanswered,
		"forgotten": r.Summary.Attempts.Forgotten, "unreachable": r.Summary.Attempts.Unreachable, "lost": r.Summary.Attempts.Lost,
		"gave up": stopped,
	} {
		assert.Positive(t, n, "the weather must have some: %s", name)
	}
}

// TestRetryAfterIsRespected: nobody who was asked to wait comes before that.
func TestRetryAfterIsRespected(t *testing.T) {
	const asked = 7 * time.Second
	var d diary
	s := storm(200)
	s.Servers[0].RetryAfter.Constant, s.watch = asked, d.watch
	r := run(t, s)
	refusals := each(&d, func(_ int, at time.Duration, e observer.AttemptFailed, then []heard) {
		if e.Status.Wire != 503 {
			return
		}
		require.NotNil(t, e.Status.Directive)
		for _, h := range then {
			if _, ok := h.e.(observer.AttemptStarted); ok {
				assert.GreaterOrEqual(t, h.at-at, asked)
				break
			}
		}
	})
	assert.Positive(t, refusals)
	assert.Positive(t, r.Summary.Attempts.Refused)
}

// TestDrainMovesClients to the other server, one after the other.
func TestDrainMovesClients(t *testing.T) {
	s := Scenario{
		Clients: 200, For: 100 * time.Second, Servers: []Server{{Name: "old"}, {Name: "new", Share: -1}},
		Faults: []Fault{Drain{Server: "old", At: 10 * time.Second, For: time.Minute, MoveTo: "new"}},
	}
	r := run(t, s)
	was, is := r.Regions[0].Series, r.Regions[1].Series
	assert.Equal(t, 200, was[10].Connected)
	assert.InDelta(t, 100, was[40].Connected, 25, "half of them after half of the time")
	assert.Zero(t, was[100].Connected)
	assert.Equal(t, 200, is[100].Connected)
	assert.Equal(t, 200, r.Summary.Hit)
	assert.LessOrEqual(t, r.Summary.PeakAttempts, 20, "they do not come all at once")
}

// TestDeathsAreFoundInTime: by the detector, within its bounds (health.WorstCase).
func TestDeathsAreFoundInTime(t *testing.T) {
	bounds := health.Config{}.WorstCaseDetection().Probed
	for _, tt := range []struct {
		name   string
		deaths Deaths
		bound  time.Duration
	}{
		{"media", Deaths{Media: 60}, bounds.MediaDead},
		{"signaling", Deaths{Signaling: 60}, bounds.SignalingDead},
		{"both", Deaths{Both: 60}, bounds.BothDead},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			since, found := map[int]time.Duration{}, []time.Duration(nil)
			s := Scenario{Clients: 100, For: time.Minute, Network: Network{Deaths: tt.deaths, Latency: Between(time.Millisecond, 300*time.Millisecond)}}
			s.moved = func(client int, at time.Duration, from, to State) {
				mu.Lock()
				defer mu.Unlock()
				if to == Unnoticed {
					since[client] = at
				} else if from == Unnoticed {
					found = append(found, at-since[client])
				}
			}
			run(t, s)
			require.Greater(t, len(found), 50)
			for _, after := range found {
				assert.Positive(t, after)
				assert.LessOrEqual(t, after, tt.bound)
			}
		})
	}
}

// TestSilentOutage: nobody is told that the server is gone, and everybody finds out.
func TestSilentOutage(t *testing.T) {
	var d diary
	s := Scenario{
		Clients: 50, For: time.Minute, Faults: []Fault{Outage{At: 5 * time.Second, For: 12 * time.Second, Silent: true}}, watch: d.watch,
	}
	r := run(t, s)
	found := each(&d, func(_ int, at time.Duration, _ observer.LinkDead, _ []heard) {
		assert.LessOrEqual(t, at, 5*time.Second+health.Config{}.WorstCaseDetection().Probed.BothDead)
	})
	assert.Equal(t, 50, found)
	assert.Zero(t, r.Summary.Attempts.Unreachable)
	assert.Equal(t, 50, r.Summary.Recoveries.Rejoin, "the sessions are gone")
	s.Faults, s.watch, s.Network.Latency = []Fault{Outage{At: 5 * time.Second, For: time.Second, Silent: true}}, nil, Always(20*time.Millisecond)
	r = run(t, s)
	assert.Equal(t, 50, r.Series[7].Unnoticed+r.Series[7].Reconnecting)
	assert.Less(t, r.Summary.Back100, 4*time.Second, "told when it is back, before they have found out")
}

// TestBudgetEnds (G9): who finds no server gives up when the budget says so, and tries
// no more.
func TestBudgetEnds(t *testing.T) {
	var d diary
	s := Scenario{Clients: 20, For: 7 * time.Minute, Faults: []Fault{Outage{At: 10 * time.Second, For: 6 * time.Minute}}, watch: d.watch}
	r := run(t, s)
	assert.Equal(t, 20, r.Summary.GaveUp)
	assert.Equal(t, Never, r.Summary.Back50)
	assert.Zero(t, r.Summary.Last)
	stopped := each(&d, func(_ int, at time.Duration, e observer.Stopped, _ []heard) {
		assert.InDelta(t, 310, at.Seconds(), 0.5)
		assert.Equal(t, policy.RuleBudget, e.Decision.Rule)
	})
	assert.Equal(t, 20, stopped)
	last := r.Series[len(r.Series)-1]
	assert.Equal(t, 20, last.Stopped)
	for _, p := range r.Series[312:] {
		assert.Zero(t, p.Attempts.Total())
	}
}

// TestNetworkIsBack: a client that is told that its own network is back has its
// session back at once.
func TestNetworkIsBack(t *testing.T) {
	for seed := range uint64(20) {
		s := Scenario{
			Seed: seed, Clients: 1, For: time.Minute,
			Faults: []Fault{Offline{At: 5 * time.Second, For: 30 * time.Second, Hints: true}},
		}
		r := run(t, s)
		assert.Less(t, r.Summary.Back100, 32*time.Second)
		assert.GreaterOrEqual(t, r.Summary.Back100, 30*time.Second)
	}
}

// TestLinksComeBack: what was only a gap of the network costs no attempt.
func TestLinksComeBack(t *testing.T) {
	r := run(t, Scenario{Clients: 50, For: time.Minute, Faults: []Fault{Offline{At: 5 * time.Second, For: 2 * time.Second}}})
	assert.Equal(t, 50, r.Summary.Hit)
	assert.Zero(t, r.Summary.Attempts.Total())
	assert.Equal(t, 2*time.Second, r.Summary.Back100)
}

// TestSettingsHold: what the application sets is what is simulated.
func TestSettingsHold(t *testing.T) {
	s := storm(50)
	p := policy.Reference()
	s.Client = session.Config{Policy: &p, PresenceTimeout: time.Second, PingInterval: -1, Health: health.Config{Off: true}}
	s.Network = Network{NoProbes: true, NoRestart: true, NoResume: true, SampleEvery: -1}
	r := run(t, s)
	assert.Zero(t, r.Summary.Recoveries.Resume)
	assert.Equal(t, 50, r.Summary.Recoveries.Rejoin)
	assert.Zero(t, r.Summary.GaveUp)
}

// TestSessionsOutlastTheProcess: where they are kept a resume is enough.
func TestSessionsOutlastTheProcess(t *testing.T) {
	s := Scenario{Clients: 30, For: time.Minute, Faults: []Fault{Restart{At: 5 * time.Second, For: time.Second, KeepSessions: true}}}
	r := run(t, s)
	assert.Positive(t, r.Summary.Recoveries.Resume)
	assert.Zero(t, r.Summary.Attempts.Forgotten)
	s.Faults = []Fault{Restart{At: 5 * time.Second, For: time.Second}}
	r = run(t, s)
	assert.Zero(t, r.Summary.Recoveries.Resume)
	assert.Positive(t, r.Summary.Attempts.Forgotten, "whoever asks hears that it is unknown")
	assert.Equal(t, 30, r.Summary.Recoveries.Rejoin)
	s.Faults = []Fault{Restart{At: 5 * time.Second, For: time.Second, KeepSessions: true}}
	s.Servers = []Server{{ResumeFor: time.Millisecond}}
	r = run(t, s)
	assert.Zero(t, r.Summary.Recoveries.Resume, "they are kept, but not for so long")
	assert.Positive(t, r.Summary.Attempts.Forgotten)
}
