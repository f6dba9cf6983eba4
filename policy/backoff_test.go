package policy

import (
	"math"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// backoffCase is one case of backoff.json.
type backoffCase struct {
	ID             int
	Type           string
	FixedWaitMs    float64
	ShortBackoffMs float64
	LongBackoffMs  float64
	Limit          int
	Ops            []struct {
		Op            string
		Random        float64
		DelayMs       float64
		LimitExceeded bool
	}
}

// delayMs is the formula of the reference for call k since a reset.
func (c backoffCase) delayMs(random float64, k int) float64 {
	window := min(max(c.LongBackoffMs, 0), max(c.ShortBackoffMs, 0)*math.Pow(2, float64(k)))
	return random*window + max(c.FixedWaitMs, 0)
}

// TestVectorsBackoff replays the recorded delays. Divergence 7.11, limited: in
// the reference a reset leaves the count of the limited backoff as it was, ours
// restores it. So where the recording has the limit error although fewer than
// limit calls were made since the last reset, ours must give the ordinary delay.
func TestVectorsBackoff(t *testing.T) {
	var file struct{ Cases []backoffCase }
	readVectors(t, "backoff.json", &file)
	require.NotEmpty(t, file.Cases)
	var total tally
	for _, c := range file.Cases {
		total.add(replayBackoff(t, c))
	}
	require.Positive(t, total.calls)
	t.Logf("%d cases, %d calls, of which divergence 7.11 (limited): %d calls in %d cases",
		len(file.Cases), total.calls, total.divergentCalls, total.divergentCases)
}

type tally struct{ calls, divergentCalls, divergentCases int }

func (a *tally) add(b tally) {
	a.calls += b.calls
	a.divergentCalls += b.divergentCalls
	if b.divergentCalls > 0 {
		a.divergentCases++
	}
}

func replayBackoff(t *testing.T, c backoffCase) (n tally) {
	t.Helper()
	var random float64
	drawn := 0
	var bo backoff.BackOff = &FullJitter{
		Fixed: millis(c.FixedWaitMs), Short: millis(c.ShortBackoffMs), Long: millis(c.LongBackoffMs),
		Random: func() float64 { drawn++; return random },
	}
	if c.Type == "limited" {
		bo = Limited(bo, c.Limit)
	}
	k := 0 // calls since the last reset
	for i, op := range c.Ops {
		if op.Op == "reset" {
			bo.Reset()
			k = 0
			continue
		}
		require.Equal(t, "next", op.Op)
		n.calls++
		random, drawn = op.Random, 0
		switch {
		case !op.LimitExceeded:
			sameDelay(t, op.DelayMs, bo.NextBackOff(), "case %d, op %d", c.ID, i)
			require.Equal(t, 1, drawn, "case %d, op %d: random numbers", c.ID, i)
		case k < c.Limit:
			n.divergentCalls++
			random = 0.5
			got := bo.NextBackOff()
			require.NotEqual(t, backoff.Stop, got, "case %d, op %d: as the reference", c.ID, i)
			sameDelay(t, c.delayMs(random, k), got, "case %d, op %d", c.ID, i)
		default:
			require.Equal(t, backoff.Stop, bo.NextBackOff(), "case %d, op %d", c.ID, i)
			require.Zero(t, drawn, "case %d, op %d: random numbers", c.ID, i)
		}
		k++
	}
	return n
}

// TestFullJitterStaysFinite is divergence 7.11, NaN: with a short backoff of 0 the
// reference has no number to give after 1,024 calls.
func TestFullJitterStaysFinite(t *testing.T) {
	for _, short := range []time.Duration{0, 1, time.Second, math.MaxInt64} {
		for _, long := range []time.Duration{0, 5 * time.Second, math.MaxInt64} {
			j := &FullJitter{Fixed: time.Second, Short: short, Long: long, Random: func() float64 { return 0.5 }}
			var last time.Duration
			for range 1100 {
				last = j.NextBackOff()
				require.GreaterOrEqual(t, last, time.Second)
			}
			want := time.Second
			if short > 0 {
				want += long / 2
			}
			assert.InDelta(t, float64(want), float64(last), 1e-9*float64(want), "short %d, long %d", short, long)
		}
	}
}

func TestFullJitterWindow(t *testing.T) {
	tests := []struct {
		name               string
		fixed, short, long time.Duration
		random             float64
		want               []time.Duration
	}{
		{"doubles up to long", 0, 1000, 5000, 0.5, []time.Duration{500, 1000, 2000, 2500, 2500}},
		{"long that is no power of two", 0, 3, 7, 0.99, []time.Duration{2, 5, 6, 6}},
		{"short beyond long", 0, 10, 4, 0.5, []time.Duration{2, 2}},
		{"fixed is added", 100, 10, 40, 0.5, []time.Duration{105, 110, 120, 120}},
		{"smallest number", 7, 1000, 5000, 0, []time.Duration{7, 7}},
		{"negative counts as 0", -5, -1, 1000, 0.9, []time.Duration{0, 0}},
		{"negative long", 5, 1000, -1, 0.9, []time.Duration{5, 5}},
		{"random too small", 1, 1000, 5000, -3, []time.Duration{1}},
		{"random too large", 0, 1000, 5000, 3, []time.Duration{999}},
		{"random is no number", 1, 1000, 5000, math.NaN(), []time.Duration{1}},
		{"random infinite", 0, 1000, 5000, math.Inf(1), []time.Duration{999}},
		{"sum beyond the range", math.MaxInt64, math.MaxInt64, math.MaxInt64, 0.9, []time.Duration{math.MaxInt64}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := &FullJitter{Fixed: tt.fixed, Short: tt.short, Long: tt.long, Random: func() float64 { return tt.random }}
			for range 2 { // a Reset starts over
				for k, want := range tt.want {
					assert.Equal(t, want, j.NextBackOff(), "call %d", k)
				}
				j.Reset()
			}
		})
	}
}

func TestFullJitterOwnRandom(t *testing.T) {
	j := &FullJitter{Fixed: time.Minute, Short: time.Second, Long: time.Second}
	different := map[time.Duration]bool{}
	for range 100 {
		d := j.NextBackOff()
		require.GreaterOrEqual(t, d, time.Minute)
		require.Less(t, d, time.Minute+time.Second)
		different[d] = true
	}
	assert.Greater(t, len(different), 50)
}

func TestLimited(t *testing.T) {
	for _, limit := range []int{-7, 0, 1, 3} {
		inner := &FullJitter{Short: 1000, Long: 8000, Random: func() float64 { return 0.5 }}
		bo := Limited(inner, limit)
		for range 2 {
			for k := range limit {
				assert.Equal(t, time.Duration(500<<k), bo.NextBackOff())
			}
			assert.Equal(t, backoff.Stop, bo.NextBackOff())
			assert.Equal(t, backoff.Stop, bo.NextBackOff())
			bo.Reset()
		}
	}
}

func FuzzFullJitter(f *testing.F) {
	f.Add(int64(0), int64(time.Second), int64(5*time.Second), 0.5, uint16(4))
	f.Add(int64(-1), int64(0), int64(math.MaxInt64), 0.999, uint16(1100))
	f.Add(int64(math.MaxInt64), int64(math.MinInt64), int64(1), math.Inf(-1), uint16(63))
	f.Fuzz(func(t *testing.T, fixed, short, long int64, random float64, calls uint16) {
		j := &FullJitter{
			Fixed: time.Duration(fixed), Short: time.Duration(short), Long: time.Duration(long),
			Random: func() float64 { return random },
		}
		least := max(j.Fixed, 0)
		before := least
		for range calls % 2048 {
			d := j.NextBackOff()
			require.GreaterOrEqual(t, d, before, "the window never shrinks")
			require.LessOrEqual(t, d-least, max(j.Long, 0))
			before = d
		}
		j.Reset()
		first := j.NextBackOff()
		require.LessOrEqual(t, first-least, max(j.Short, 0))
	})
}
