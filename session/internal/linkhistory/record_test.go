package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// says gives a watcher that says v at those times after the first link began.
func says(v Verdict, at ...time.Duration) *diary {
	var start time.Duration
	d := &diary{ticks: looks}
	d.onTick = func(d *diary, now Instant) {
		if start == 0 {
			start = d.calls[0].now.Mono
		}
		if len(at) > 0 && now.Mono-start >= at[0] {
			at = at[1:]
			d.c.Verdict(v)
			d.c.Verdict(v) // the link is gone already
			d.c.Ping(1)
			d.c.Probe(1)
		}
	}
	return d
}

func TestFalseVerdicts(t *testing.T) {
	w, d := still(7), says(BothDead, 10*time.Second, 20*time.Second)
	w.connect(d)
	w.run(30 * time.Second)
	require.Len(t, w.record.false, 2)
	f := w.record.false[1]
	assert.Equal(t, []any{uint64(7), BothDead}, []any{f.Seed, f.Verdict})
	assert.InDelta(t, 20, f.At.Seconds(), 0.11)
	assert.Contains(t, f.Context, "talk")
	links := d.of("connected")
	require.Len(t, links, 3)
	assert.InDelta(t, 11, (links[1].now.Mono - links[0].now.Mono).Seconds(), 0.11)
	assert.Len(t, d.of("expect"), 3)
	for _, c := range d.calls {
		gone := c.now.Mono - links[0].now.Mono
		assert.False(t, gone > 10200*time.Millisecond && gone < 11*time.Second, "%v", c)
	}
}

func TestDeadlyGapsExcuse(t *testing.T) {
	for _, longest := range []time.Duration{shortestGap, 20 * deadlyGap} {
		w := still(1)
		gaps := &roaming{mean: time.Hour, longest: longest}
		w.befall(10*time.Second, gaps)
		w.connect(says(BothDead, 14*time.Second))
		w.run(13 * time.Second)
		deadly := w.truth.excusedUntil-excuse-w.truth.excusedFrom >= deadlyGap
		w.run(15 * time.Second)
		assert.Equal(t, deadly, len(w.record.false) == 0)
		assert.Equal(t, longest > deadlyGap, deadly)
	}
}

func TestReconnectWaitsForThePath(t *testing.T) {
	w, d := still(1), says(BothDead, 10*time.Second)
	w.connect(d)
	w.run(5 * time.Second)
	w.darken([]*way{&w.up})
	w.run(15 * time.Second)
	require.Len(t, d.of("connected"), 1)
	w.lighten([]*way{&w.up})
	w.run(16 * time.Second)
	require.Len(t, d.of("connected"), 2)
}

func TestVerdictsOnADeath(t *testing.T) {
	tests := []struct {
		name     string
		died     Verdict
		said     Verdict
		at       time.Duration
		detected bool
		wrong    int
	}{
		{"right", MediaDead, MediaDead, 75 * time.Second, true, 0},
		{"more than is dead", MediaDead, BothDead, 75 * time.Second, true, 0},
		{"the other layer", MediaDead, SignalingDead, 75 * time.Second, false, 1},
		{"before", MediaDead, MediaDead, 65 * time.Second, false, 1},
		{"long before", MediaDead, MediaDead, 5 * time.Second, false, 1},
		{"never", MediaDead, MediaDead, time.Hour, false, 0},
	}
	for _, tt := range tests {
		w := still(1)
		w.befall(70*time.Second, &death{up: tt.died, down: tt.died})
		w.connect(says(tt.said, tt.at))
		w.run(never)
		assert.Equal(t, tt.detected, w.record.detected, tt.name)
		assert.Len(t, w.record.false, tt.wrong, tt.name)
		if tt.detected {
			assert.InDelta(t, 5, w.record.took.Seconds(), 0.11, tt.name)
		} else if tt.name != "the other layer" {
			assert.Equal(t, w.truth.at+patience, w.now, tt.name)
		}
	}
}
