package main

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/examples/internal/callkit/fakenet"
	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// fromEnv reads a number, so that the nightly script can ask for more.
func fromEnv(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// death is a way for a link to die.
type death struct {
	name  string
	dead  health.Layers
	bound time.Duration
	kill  func(h *hour)
}

var worst = health.Config{}.WorstCaseDetection().Probed

// deaths are those of the real stacks. A server that has crashed with its machine
// is the same as both.
var deaths = []death{
	{"media", health.Media, worst.MediaDead, func(h *hour) { h.net.BlackHole(fakenet.BothWays) }},
	{"media-inbound", health.Media, worst.MediaDead, func(h *hour) { h.net.BlackHole(fakenet.ToClient) }},
	{"media-outbound", health.Media, worst.OneWay, func(h *hour) { h.net.BlackHole(fakenet.ToServer) }},
	{"signaling", health.Signaling, worst.SignalingDead, func(h *hour) { h.proxy.Freeze() }},
	{"both", health.Both, worst.BothDead, func(h *hour) { h.net.BlackHole(fakenet.BothWays); h.proxy.Freeze() }},
	{"both-outbound", health.Both, worst.OneWay, func(h *hour) { h.net.BlackHole(fakenet.ToServer); h.proxy.Freeze() }},
	// A NAT that has forgotten its mappings: what the server sends goes nowhere, but
	// requests over a new mapping are answered.
	{"nat-rebinding", health.Signaling, worst.SignalingDead, func(h *hour) {
		h.media.Inbound(callkit.Impairment{Drop: true, Only: func(b []byte) bool { return !callkit.IsSTUN(b) }})
		h.proxy.Freeze()
	}},
}

func (h *hour) repair() {
	h.net.Heal(fakenet.BothWays)
	h.media.Heal()
	h.proxy.Heal()
}

const (
	// deathsPerCall is how often one call dies; then another one begins, over another
	// path.
	deathsPerCall = 10
	// healthyFor is how long it lives at least before that: the path must count as
	// clean again.
	healthyFor = 65 * time.Second
)

// TestDetectDeaths kills real calls, hundreds of times if HOLDFAST_SEEDS says so:
// whatever dies is found within the computed bound, and named rightly (NEEDS 12).
func TestDetectDeaths(t *testing.T) {
	seeds := fromEnv("HOLDFAST_SEEDS", 2*deathsPerCall)
	for _, d := range deaths {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			var took []time.Duration
			for first := 0; first < seeds; first += deathsPerCall {
				synctest.Test(t, func(t *testing.T) { took = append(took, dyingCall(t, d, uint64(first))...) })
			}
			slices.Sort(took)
			require.NotEmpty(t, took)
			t.Logf("%s, %d deaths: p50 %s, worst %s, bound %s", d.name, len(took), took[len(took)/2], took[len(took)-1], d.bound)
		})
	}
}

// dyingCall has a call die again and again.
func dyingCall(t *testing.T, d death, seed uint64) (took []time.Duration) {
	r := rand.New(rand.NewPCG(seed, 3))
	delay := time.Duration(r.IntN(300)) * time.Millisecond
	h := newHourOn(t, delay, hourPacket, losses(seed))
	h.server.Silence(attendee, r.IntN(2) == 0)
	require.NoError(t, h.s.Start(t.Context()))
	at := time.Duration(0)
	for range deathsPerCall {
		at = time.Since(h.began) + healthyFor + time.Duration(r.IntN(5000))*time.Millisecond
		h.until(at)
		require.Equal(t, session.StateConnected, h.s.State())
		before := len(sessiontest.Of[observer.LinkDead](&h.rec))
		require.Equal(t, len(took), before, "found dead while alive: seed %d, one way %s", seed, delay)
		d.kill(h)
		h.until(at + d.bound + 10*time.Second)
		found := sessiontest.Of[observer.LinkDead](&h.rec)
		require.Len(t, found, before+1, "seed %d, one way %s: %s", seed, delay, h.rec.Text())
		after := found[before].Elapsed - at
		assert.LessOrEqual(t, after, d.bound, "seed %d, one way %s: %s", seed, delay, found[before].Diagnosis)
		assert.Equal(t, d.dead, found[before].Diagnosis.Layers, "seed %d, one way %s: %s", seed, delay, found[before].Diagnosis)
		took = append(took, after)
		h.repair()
		h.back(t)
	}
	h.close()
	h.rec.Check(t)
	return took
}

// losses decides about packets, for the many goroutines that send them.
func losses(seed uint64) func() float64 {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 5))
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Float64()
	}
}

// back waits until the session is connected again.
func (h *hour) back(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, h.s.WaitConnected(ctx))
}

// healthy is what a link lives through without being dead.
type healthy struct {
	name    string
	pace    time.Duration
	silent  bool
	weather func(h *hour, r *rand.Rand) // each second
}

var healthies = []healthy{
	{name: "talk", pace: 20 * time.Millisecond},
	{name: "quiet", pace: hourPacket, silent: true},
	{name: "noise", pace: 400 * time.Millisecond},
	{name: "loss", pace: hourPacket, weather: func(h *hour, r *rand.Rand) {
		if r.IntN(60) == 0 {
			loss := callkit.Impairment{Loss: 0.01 + 0.29*r.Float64()}
			h.media.Inbound(loss)
			h.media.Outbound(loss)
		}
	}},
	{name: "delays", pace: hourPacket, weather: func(h *hour, r *rand.Rand) {
		h.media.Outbound(callkit.Impairment{Delay: time.Duration(r.IntN(300)) * time.Millisecond})
	}},
	{name: "gaps", pace: hourPacket, weather: func(h *hour, r *rand.Rand) {
		if r.IntN(60) > 0 {
			return
		}
		h.net.BlackHole(fakenet.BothWays)
		h.proxy.Freeze()
		<-time.NewTimer(time.Duration(300+r.IntN(3600)) * time.Millisecond).C
		h.repair()
	}},
}

// TestHealthyHours: calls that are merely quiet, or have a bad path, are never
// found dead. HOLDFAST_HOURS is how many simulated hours there are in all.
func TestHealthyHours(t *testing.T) {
	hours := fromEnv("HOLDFAST_HOURS", 10)
	for i, c := range healthies {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			span := time.Duration(hours) * time.Hour * 9 / 50 // talk costs as much as all others
			if c.pace == 20*time.Millisecond {
				span = time.Duration(hours) * time.Hour / 10
			}
			begin := time.Now()
			synctest.Test(t, func(t *testing.T) { healthyCall(t, c, span, uint64(i)) })
			t.Logf("%s in %s", span, time.Since(begin).Round(time.Second))
		})
	}
}

func healthyCall(t *testing.T, c healthy, span time.Duration, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 4))
	h := newHourOn(t, time.Duration(5+r.IntN(100))*time.Millisecond, c.pace, losses(seed))
	h.server.Silence(attendee, c.silent)
	require.NoError(t, h.s.Start(t.Context()))
	for time.Since(h.began) < span {
		if c.weather != nil {
			c.weather(h, r)
		}
		<-time.NewTimer(time.Second).C
	}
	h.repair()
	dead := sessiontest.Of[observer.Reconnecting](&h.rec)
	assert.Empty(t, dead, "%s, seed %d", c.name, seed)
	h.close()
	h.rec.Check(t)
	counts := h.s.Snapshot().Liveness
	t.Logf("suspected %d times, cleared %d times", counts.Suspected, counts.Cleared)
}
