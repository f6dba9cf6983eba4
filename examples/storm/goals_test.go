package main

import (
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The goals are for this many clients. They hold exactly from here on.
const goalClients = 100_000

// goalFor is until 1.5 times the ideal of 80 s: who is not back by then has missed all
// goals.
const goalFor = calm + 120*time.Second

// TestStormGoals: a fleet whose server restarts, is gone for 30 s and then needs 50 s for
// all, is back soon after that, with default settings, and the server is not overrun. There
// are 10,000 clients, or HOLDFAST_CLIENTS.
func TestStormGoals(t *testing.T) {
	n, ours := goalSize(t), report{}
	// By chance the most of any second is above its mean, by three standard deviations at
	// most of a number of that size. In a fleet of full size that has to be within the goal.
	chance := 0.0
	if n < goalClients {
		chance = 3 * math.Sqrt(2/(float64(n)/50))
	}
	for _, tt := range []struct {
		overload       string
		ratio, refused float64
	}{
		{"refuse", 1.15, 2 + chance},
		{"retry-after", 1.05, math.Inf(1)}, // each has to be told once
		{"drop", 1.5, math.Inf(1)},
	} {
		t.Run(tt.overload, func(t *testing.T) {
			r := goal(t, n, "ours", tt.overload)
			x := r.Results[0]
			ratio, ok := x.ratio()
			t.Logf("%s: 99 %% back after %.3f × the ideal, at most %.2f × the capacity refused, %.2f GiB",
				clients(n), ratio, r.refused(x), peakMemory(t))
			assert.True(t, ok, "99 % are not back in time")
			assert.LessOrEqual(t, ratio, tt.ratio)
			assert.LessOrEqual(t, r.refused(x), tt.refused)
			assert.Zero(t, x.Fleet.Summary.GaveUp)
			assert.Equal(t, 80*time.Second, x.Ideal)
			assert.Less(t, peakMemory(t), 8.0, "GiB, also for a million clients")
			if tt.overload == "refuse" {
				ours = r
			}
		})
	}
	t.Run("peers", func(t *testing.T) {
		if ours.Results == nil { // it is run alone
			ours = goal(t, n, "ours", "refuse")
		}
		nobodyIsBetter(t, n, ours)
	})
}

// nobodyIsBetter: no schedule of another library has its clients back as soon as ours
// without having more of them refused.
func nobodyIsBetter(t *testing.T, n int, ours report) {
	t.Helper()
	ratio, _ := ours.Results[0].ratio()
	var peers []string
	for _, l := range known(t).Systems {
		peers = append(peers, l.Name)
	}
	r := goal(t, n, strings.Join(peers, ","), "refuse")
	for _, peer := range r.Results {
		its, back := peer.ratio()
		better := back && its <= ratio && r.refused(peer) <= ours.refused(ours.Results[0])
		assert.False(t, better, "%s: %.3f × the ideal, %.2f × the capacity refused", peer.Policy, its, r.refused(peer))
	}
}

// goal simulates the storm that the goals are for.
func goal(t *testing.T, clients int, policies, overload string) report {
	t.Helper()
	return simulated(t, "-clients", strconv.Itoa(clients), "-for", goalFor.String(), "-policy", policies, "-overload", overload)
}

// goalSize is how many clients there are to be.
func goalSize(t *testing.T) int {
	t.Helper()
	text := os.Getenv("HOLDFAST_CLIENTS")
	if text == "" {
		return 10_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "HOLDFAST_CLIENTS")
	return n
}

// peakMemory is the most that this process has had in memory, in GiB; 0 where the system
// does not tell.
func peakMemory(t *testing.T) float64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	_, peak, found := strings.Cut(string(status), "VmHWM:")
	if err != nil || !found {
		return 0
	}
	kib, err := strconv.Atoi(strings.Fields(peak)[0])
	require.NoError(t, err)
	return float64(kib) / (1 << 20)
}
