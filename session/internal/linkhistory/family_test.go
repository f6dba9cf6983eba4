package linkhistory

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFamiliesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Families() {
		found, ok := Find(f.Name)
		require.True(t, ok)
		assert.Equal(t, f.Deadly, found.Deadly)
		assert.False(t, seen[f.Name], f.Name)
		seen[f.Name] = true
	}
	assert.Len(t, seen, 31)
	_, ok := Find("unheard of")
	assert.False(t, ok)
}

func TestOracleIsNeverWrong(t *testing.T) {
	for _, f := range healthy() {
		s := f.Run(3, 1.5, true, newOracle)
		assert.Zero(t, s.FalseTotal, "%s %v", f.Name, s.False)
		assert.InDelta(t, 1.5, s.Hours, 1e-9, f.Name)
		assert.Nil(t, s.Variants)
	}
}

// TestSameSeedSameScore covers every family, and Replay.
func TestSameSeedSameScore(t *testing.T) {
	for _, f := range Families() {
		amount := 1.0
		if f.Deadly {
			amount = 5
		}
		one, two := f.Run(5, amount, true, Silence), f.Run(5, amount, true, Silence)
		assert.Equal(t, one, two, f.Name)
		if len(one.False) > 0 {
			again := f.Replay(one.False[0].Seed, true, Silence())
			require.NotEmpty(t, again.False, f.Name)
			assert.Equal(t, one.False[0], again.False[0], f.Name)
		}
	}
}

// TestHistoryDoesNotDependOnTheDetector compares when packets and reports reach
// a detector that does nothing and one that asks all the time.
func TestHistoryDoesNotDependOnTheDetector(t *testing.T) {
	for _, f := range healthy() {
		packets := func(onTick func(d *diary, now Instant)) (at []Instant) {
			d := &diary{ticks: looks, onTick: onTick}
			f.Run(2, 0.1, true, func() Watcher { return d })
			for _, c := range append(d.of("packet"), d.of("expect")...) {
				at = append(at, c.now)
			}
			return at
		}
		id := uint64(0)
		assert.Equal(t, packets(nil), packets(func(d *diary, _ Instant) {
			id++
			d.c.Ping(id)
			d.c.Probe(id)
		}), f.Name)
	}
}

func TestContentsAreWhatTheySay(t *testing.T) {
	for _, name := range []string{"clean", "dtx", "mute", "alone", "receive-only", "no-tracks"} {
		f, _ := Find(name)
		d := &diary{ticks: 0}
		f.Run(4, 0.05, false, func() Watcher { return d })
		seconds := 180.0
		want := map[string]float64{"clean": 50, "receive-only": 50}[name] * seconds
		if name != "dtx" {
			assert.InDelta(t, want, float64(len(d.of("packet"))), 30, name)
		}
		heard := len(d.of("heard")) - len(d.of("packet"))
		assert.Greater(t, heard, int(seconds), "consent both ways: %s", name)
		for _, c := range d.of("expect") {
			assert.Contains(t, []Expectation{Media, Keepalives, Nothing}, c.e)
		}
		assert.False(t, d.c.CanProbe())
	}
}
