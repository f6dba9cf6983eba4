package sim

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestScheduleIsFollowed: attempts come when the schedule says, from nothing, until it
// ends.
func TestScheduleIsFollowed(t *testing.T) {
	s := Scenario{
		Clients: 1, For: time.Minute, Network: Network{Latency: Always(time.Millisecond)}, Step: binWidth,
		Faults: []Fault{Outage{At: time.Second, For: time.Minute}},
		OpenLoop: &Schedule{
			Delays: []Delay{{}, {Min: time.Second, Max: time.Second}, {Min: 5 * time.Second}}, MaxAttempts: 4,
		},
	}
	r := run(t, s)
	var at []float64
	for _, p := range r.Series {
		if p.Attempts.Unreachable > 0 {
			at = append(at, p.At.Seconds())
		}
	}
	assert.Equal(t, []float64{1.1, 2.1, 7.1, 12.1}, at, "0, 1, 5 and again 5 s after the end of the one before")
	assert.Equal(t, 1, r.Summary.GaveUp)
	assert.Equal(t, 4, r.Summary.Attempts.Total())
}

// TestScheduleDetects a silent death after its time, and a death that heals before
// not at all.
func TestScheduleDetects(t *testing.T) {
	s := Scenario{
		Clients: 1, For: time.Minute, Network: Network{Latency: Always(time.Millisecond)},
		Faults:   []Fault{BlackHole{At: time.Second, For: 15 * time.Second}},
		OpenLoop: &Schedule{Detect: 10 * time.Second, AttemptTimeout: 2 * time.Second},
	}
	r := run(t, s)
	assert.Equal(t, 1, r.Series[10].Unnoticed)
	assert.Equal(t, 1, r.Series[12].Reconnecting)
	assert.Equal(t, 1, r.Summary.Recoveries.Rejoin)
	assert.Equal(t, 2, r.Summary.Attempts.Lost, "11 to 13, 13 to 15; the third one gets through")
	s.OpenLoop.Detect = 20 * time.Second
	r = run(t, s)
	assert.Zero(t, r.Summary.Attempts.Total())
	assert.Equal(t, 15*time.Second, r.Summary.Back100)
}

// TestSchedulePatience: what is longer than the scenario is for ever. A client that
// does not notice does nothing, and an attempt without a limit waits for its packets,
// which are sent again until they get through.
func TestSchedulePatience(t *testing.T) {
	s := Scenario{
		Clients: 1, For: time.Minute, Network: Network{Latency: Always(time.Millisecond)},
		Faults:   []Fault{BlackHole{At: time.Second, For: 5 * time.Second}},
		OpenLoop: &Schedule{Detect: math.MaxInt64},
	}
	assert.Zero(t, run(t, s).Summary.Attempts.Total())
	s.OpenLoop = &Schedule{AttemptTimeout: math.MaxInt64, MaxElapsed: math.MaxInt64}
	r := run(t, s)
	assert.Equal(t, Attempts{Accepted: 1}, r.Summary.Attempts)
	assert.Equal(t, 1, r.Summary.Recoveries.Rejoin)
	s.OpenLoop = &Schedule{Delays: []Delay{{Min: math.MaxInt64 - 1, Max: math.MaxInt64}}}
	assert.Zero(t, run(t, s).Summary.Attempts.Total(), "an attempt that is never due")
}

func TestScheduleEndsInTime(t *testing.T) {
	s := storm(10)
	s.OpenLoop = &Schedule{
		Delay:      func(attempt int, random float64) time.Duration { return time.Duration(attempt) * time.Second },
		MaxElapsed: 12 * time.Second,
	}
	r := run(t, s)
	assert.Equal(t, 10, r.Summary.GaveUp)
	assert.Equal(t, 10*4, r.Summary.Attempts.Total(), "after 1, 3, 6 and 10 s; 15 is too late")
}

// TestScheduleWalksTheServers, as an open-loop client knows nothing better.
func TestScheduleWalksTheServers(t *testing.T) {
	s := Scenario{
		Clients: 20, For: 30 * time.Second, Servers: []Server{{Name: "a"}, {Name: "b", Share: -1}},
		Faults: []Fault{Outage{Server: "a", At: time.Second, For: 20 * time.Second}}, OpenLoop: &Schedule{},
	}
	r := run(t, s)
	assert.Equal(t, 20, r.Regions[1].Series[20].Connected)
	assert.Less(t, r.Summary.Back100, 5*time.Second)
}

// TestScheduleWithoutNetwork: a client that notices at once and never pauses tries as
// fast as it can, and gets through when it can.
func TestScheduleWithoutNetwork(t *testing.T) {
	r := run(t, Scenario{
		Clients: 2, For: 10 * time.Second, OpenLoop: &Schedule{},
		Faults: []Fault{Offline{At: time.Second, For: time.Second, Hints: true}},
	})
	assert.InDelta(t, 2000, r.Summary.Attempts.Lost, 10, "one in a millisecond")
	assert.Equal(t, 2, r.Summary.Attempts.Accepted)
	assert.Equal(t, 2, r.Summary.Recoveries.Rejoin)
}

func TestWaits(t *testing.T) {
	s := Schedule{Delays: []Delay{{Min: 1, Max: 3}, {Min: 5, Max: 4}}}
	assert.EqualValues(t, 2, s.wait(1, 0.5))
	assert.EqualValues(t, 5, s.wait(2, 0.5))
	assert.EqualValues(t, 5, s.wait(99, 0.5), "the last one is repeated")
	assert.EqualValues(t, 7, (&Schedule{Delays: []Delay{{Min: 7, Max: math.MinInt64}}}).wait(1, 0.5))
	assert.Zero(t, new(Schedule).wait(1, 0.5))
	s.Delay = func(int, float64) time.Duration { return -1 }
	assert.Zero(t, s.wait(1, 0))
}
