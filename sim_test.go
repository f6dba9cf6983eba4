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
