package holdfast_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sim"
)

// TestFleetRestart (NEEDS 17): ten lines tell what a restart of the server does to a
// fleet, with the settings of the application and with those of another library.
func TestFleetRestart(t *testing.T) {
	scenario := sim.Scenario{
		Clients: 200,
		Servers: []sim.Server{{JoinsPerSecond: 10}},
		Faults:  []sim.Fault{sim.Restart{At: 5 * time.Second, For: 10 * time.Second}},
		For:     time.Minute,
	}
	ours, err := sim.Run(context.Background(), scenario)
	require.NoError(t, err)
	assert.Equal(t, 30*time.Second, ours.Summary.Ideal)
	assert.Equal(t, 200, ours.Summary.Hit)
	assert.Zero(t, ours.Summary.GaveUp)
	assert.Less(t, ours.Summary.Back99, 45*time.Second)

	p := policy.Default()
	p.Budget.Elapsed = 5 * time.Second
	scenario.Client = session.Config{Policy: &p}
	short, err := sim.Run(context.Background(), scenario)
	require.NoError(t, err)
	assert.Equal(t, 200, short.Summary.GaveUp, "no budget lasts for less than the outage")

	scenario.OpenLoop = &sim.Schedule{Name: "steady", Delays: []sim.Delay{{Min: time.Second, Max: time.Second}}}
	steady, err := sim.Run(context.Background(), scenario)
	require.NoError(t, err)
	assert.Greater(t, steady.Summary.PeakRefused, ours.Summary.PeakRefused)
}

// TestFleetIsNotKeptWaiting: what spares a server in a storm does not keep clients from
// one that was gone for 5 s only, nor one that is told that its own network is back.
func TestFleetIsNotKeptWaiting(t *testing.T) {
	near := sim.Network{Latency: sim.Always(10 * time.Millisecond)}
	gone, err := sim.Run(context.Background(), sim.Scenario{
		Clients: 500, Network: near, For: 20 * time.Second, Faults: []sim.Fault{sim.Restart{At: time.Second, For: 5 * time.Second}},
	})
	require.NoError(t, err)
	assert.Less(t, gone.Summary.Back100, 5*time.Second+2*time.Second)
	assert.Less(t, gone.Summary.Back50, 5*time.Second+1200*time.Millisecond)

	alone, err := sim.Run(context.Background(), sim.Scenario{
		Clients: 20, Network: near, For: time.Minute,
		Faults: []sim.Fault{sim.Offline{At: time.Second, For: 30 * time.Second, Hints: true}},
	})
	require.NoError(t, err)
	assert.Less(t, alone.Summary.Back100, 30*time.Second+2*time.Second)
	t.Log(gone.Summary.Back50, gone.Summary.Back100, alone.Summary.Back100)
}

// TestFleetResultIsData: it survives being written and read.
func TestFleetResultIsData(t *testing.T) {
	r, err := sim.Run(context.Background(), sim.Scenario{
		Clients: 20, For: 30 * time.Second, Faults: []sim.Fault{sim.BlackHole{At: time.Second, For: 10 * time.Second}},
	})
	require.NoError(t, err)
	b, err := json.Marshal(r)
	require.NoError(t, err)
	var read sim.Result
	require.NoError(t, json.Unmarshal(b, &read))
	assert.Equal(t, *r, read)
}
