package sim

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// storm is a server that is gone for half a minute and refuses what is too much.
func storm(clients int) Scenario {
	return Scenario{
		Seed: 1, Clients: clients, For: 2 * time.Minute,
		Servers: []Server{{JoinsPerSecond: float64(clients) / 50}},
		Faults:  []Fault{Outage{At: 5 * time.Second, For: 30 * time.Second}},
	}
}

func run(t testing.TB, s Scenario) *Result {
	t.Helper()
	r, err := Run(context.Background(), s)
	require.NoError(t, err)
	return r
}

func asJSON(t testing.TB, r *Result) string {
	t.Helper()
	b, err := json.Marshal(r)
	require.NoError(t, err)
	return string(b)
}

// TestSameSeedSameResult on any number of workers; another seed has another one.
func TestSameSeedSameResult(t *testing.T) {
	s := storm(100)
	s.Network = Network{Loss: 0.02, Deaths: Deaths{Media: 20, Signaling: 20, Both: 20, Told: 0.5}, Offline: Absence{PerHour: 20, Hints: true}}
	s.Servers = append(s.Servers, Server{JoinsPerSecond: 3, RetryAfter: RetryAfter{Ticket: true}})
	s.Workers = 1
	one := asJSON(t, run(t, s))
	for _, workers := range []int{1, 2, 7, 100} {
		s.Workers = workers
		assert.Equal(t, one, asJSON(t, run(t, s)), "%d workers", workers)
	}
	s.Seed = 2
	assert.NotEqual(t, one, asJSON(t, run(t, s)))
}

// TestEveryoneIsSomewhere: each client is in one state, each attempt has one fate.
func TestEveryoneIsSomewhere(t *testing.T) {
	s := storm(300)
	s.Network = Network{Loss: 0.02, Deaths: Deaths{Both: 30}, Offline: Absence{PerHour: 30}}
	r := run(t, s)
	for _, p := range r.Series {
		assert.Equal(t, 300, p.Connected+p.Unnoticed+p.Reconnecting+p.Stopped, p)
		assert.GreaterOrEqual(t, min(p.Connected, p.Unnoticed, p.Reconnecting, p.Stopped), 0)
	}
	assert.Positive(t, r.Summary.Attempts.Total())
	assert.Len(t, r.Series, 121)
}

// TestOneThingAtATime: what is changed in one place does not reshuffle another. With
// another network and other clients the links die at the same times.
func TestOneThingAtATime(t *testing.T) {
	deaths := func(change func(s *Scenario)) (first map[int]time.Duration) {
		var mu sync.Mutex
		first = map[int]time.Duration{}
		s := Scenario{Clients: 50, For: time.Minute, Network: Network{Deaths: Deaths{Both: 60}}}
		change(&s)
		s.moved = func(client int, at time.Duration, _, to State) {
			mu.Lock()
			defer mu.Unlock()
			if _, known := first[client]; !known && to == Unnoticed {
				first[client] = at
			}
		}
		run(t, s)
		return first
	}
	want := deaths(func(*Scenario) {})
	assert.Greater(t, len(want), 25)
	assert.Equal(t, want, deaths(func(s *Scenario) { s.Network.Loss = 0.01 }))
	assert.Equal(t, want, deaths(func(s *Scenario) { s.OpenLoop = &Schedule{Detect: 5 * time.Second} }))
	assert.Equal(t, want, deaths(func(s *Scenario) { s.Client.PingInterval = -1; s.Servers = []Server{{JoinsPerSecond: 1}} }))
	more := deaths(func(s *Scenario) { s.Clients = 100 })
	for client, at := range want {
		assert.Equal(t, at, more[client])
	}
}

// TestHitByFaults: what happens at other times is not held against them.
func TestHitByFaults(t *testing.T) {
	s := Scenario{Clients: 50, For: time.Minute, Network: Network{Deaths: Deaths{Both: 60}}}
	s.Faults = []Fault{Refusals{At: 10 * time.Second, For: time.Second}}
	r := run(t, s)
	assert.Greater(t, r.Summary.Recoveries.Rejoin+r.Summary.Recoveries.Resume, 25)
	assert.Less(t, r.Summary.Hit, 5)
	assert.Equal(t, 10*time.Second, r.Summary.Begin)
	assert.Equal(t, time.Second, r.Summary.Outage)
}
