package policy

import (
	"math"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const almostOne = 1 - 1.0/(1<<53)

// fixedAt is the default with one random number for ever.
func fixedAt(random float64) *AdaptiveJitter {
	return newAdaptive(func() float64 { return random }).(*AdaptiveJitter)
}

// ends gives the ends of what the default draws the delay for c from.
func ends(c Cause) [2]time.Duration {
	return [2]time.Duration{fixedAt(0).NextFor(c), fixedAt(almostOne).NextFor(c)}
}

func TestAdaptiveJitterWindow(t *testing.T) {
	const s = time.Second
	local, shared := Cause{Reach: ReachLocal}, Cause{Reach: ReachShared}
	with := func(c Cause, change func(*Cause)) Cause { change(&c); return c }
	first := func(c Cause) Cause { return with(c, func(c *Cause) { c.First = true }) }
	light := func(c Cause) Cause { return with(c, func(c *Cause) { c.Light = true }) }
	refused := func(c Cause) Cause { return with(c, func(c *Cause) { c.Refused = true }) }
	at := func(d time.Duration, c Cause) Cause { return with(c, func(c *Cause) { c.Elapsed = d }) }
	asked := func(d time.Duration, c Cause) Cause { return with(c, func(c *Cause) { c.Asked = d }) }
	for _, tt := range []struct {
		name        string
		cause       Cause
		least, most time.Duration
	}{
		{"nothing is known", Cause{}, 0, s},
		{"first", first(Cause{}), 0, s},
		{"first, local", first(local), 0, 0},
		{"first, local and light", first(light(local)), 0, 0},
		{"first, light", first(light(Cause{})), 0, s / 4},
		{"first, shared", first(shared), 0, 5 * s},
		{"first, shared and light", first(light(shared)), 0, 5 * s},
		{"first, refused", first(refused(shared)), 0, 5 * s},
		{"first, shared, late", at(time.Hour, first(shared)), 0, 5 * s},
		{"local, later", local, 0, s},
		{"light, later", light(Cause{}), 0, s},
		{"no reach that is known", Cause{Reach: 9, First: true}, 0, s},

		{"unanswered, unknown time", shared, 10 * s / 9, 5 * s / 3},
		{"unanswered, negative time", at(-s, shared), 10 * s / 9, 5 * s / 3},
		{"unanswered, up to Long", at(5*s, shared), 10 * s / 9, 5 * s / 3},
		{"unanswered, a little more", at(6*s, shared), 4 * s / 3, 2 * s},
		{"unanswered, twice what is beyond Long", at(8*s, shared), 4 * s, 6 * s},
		{"unanswered, later", at(20*s, shared), 40 * s / 3, 20 * s},
		{"unanswered, cap", at(30*s, shared), 20 * s, 30 * s},
		{"unanswered, beyond the cap", at(math.MaxInt64, shared), 20 * s, 30 * s},

		{"refused, unknown time", refused(shared), 5 * s / 2, 5 * s},
		{"refused, later", at(10*s, refused(shared)), 5 * s, 10 * s},
		{"refused, cap", at(30*s, refused(shared)), 15 * s, 30 * s},
		{"refused, beyond the cap", at(math.MaxInt64, refused(shared)), 15 * s, 30 * s},
		{"refused alone", at(10*s, refused(Cause{})), 0, s},

		{"asked", asked(20*s, at(10*s, refused(shared))), 0, 2 * s},
		{"asked for very much", asked(math.MaxInt64, refused(shared)), 0, 30 * s},
		{"asked at first", asked(2*s, first(shared)), 0, 5 * s},
		{"asked at first for much", asked(80*s, first(shared)), 0, 8 * s},
		{"asked of one alone", asked(20*s, first(local)), 0, 2 * s},
		{"asked for less than nothing", asked(-s, refused(shared)), 5 * s / 2, 5 * s},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ends(tt.cause)
			assert.InDelta(t, tt.least, got[0], 10)
			assert.InDelta(t, tt.most, got[1], 10)
		})
	}
}

// TestAdaptiveJitterAskedAgain: a server that has asked for time, and then has no
// place, is not believed a second time.
func TestAdaptiveJitterAskedAgain(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name        string
		asked       time.Duration
		least, most time.Duration
	}{
		{"for less than planned", 2 * s, 3 * s, 8 * s},
		{"for about as much", 6 * s, 0, 4 * s},
		{"for more", 20 * s, 0, 10 * s},
		{"for very much", math.MaxInt64, 0, 30 * s},
	} {
		c := Cause{Reach: ReachShared, Refused: true, Elapsed: 10 * s, Asked: tt.asked}
		for random, want := range map[float64]time.Duration{0: tt.least, almostOne: tt.most} {
			j := fixedAt(random)
			j.NextFor(Cause{Reach: ReachShared, First: true, Asked: s}) // told to all, no promise
			once := j.NextFor(c)
			assert.LessOrEqual(t, once, min(tt.asked/10, 30*s), tt.name)
			for range 2 {
				assert.InDelta(t, want, j.NextFor(c), 10, tt.name)
			}
			j.Reset()
			assert.Equal(t, once, j.NextFor(c), "forgotten with everything else")
		}
	}
}

// TestAdaptiveJitterIsFullJitter as long as nothing is known.
func TestAdaptiveJitterIsFullJitter(t *testing.T) {
	full := &FullJitter{Short: time.Second, Long: 5 * time.Second, Random: func() float64 { return 0.7 }}
	var adaptive backoff.BackOff = fixedAt(0.7)
	for range 2 {
		for range 100 {
			assert.Equal(t, full.NextBackOff(), adaptive.NextBackOff())
		}
		full.Reset()
		adaptive.Reset()
	}
}

func TestAdaptiveJitterGrowth(t *testing.T) {
	j := fixedAt(almostOne)
	next := func(c Cause) time.Duration { return j.NextFor(c).Round(time.Millisecond) }
	for _, c := range []Cause{
		{First: true, Reach: ReachLocal}, {First: true, Reach: ReachShared}, {First: true, Light: true},
	} {
		next(c)
	}
	assert.Equal(t, time.Second, next(Cause{First: true}), "a first delay of another kind leaves the window alone")
	assert.Equal(t, 30*time.Second, next(Cause{Reach: ReachShared, Refused: true, Elapsed: time.Minute}))
	assert.Equal(t, 4*time.Second, next(Cause{Elapsed: time.Minute}), "back within Long, one doubling later")
	assert.Equal(t, 5*time.Second, next(Cause{Elapsed: time.Minute}))
	assert.Equal(t, 1667*time.Millisecond, next(Cause{Elapsed: 4 * time.Second}), "no more than a third of Long")
	assert.Equal(t, 4*time.Second, next(Cause{Elapsed: 7 * time.Second}), "no more than twice what is beyond Long")
	assert.Equal(t, 5*time.Second, next(Cause{}), "not if the time is unknown")
	j.Reset()
	assert.Equal(t, time.Second, next(Cause{}))
}

func TestAdaptiveJitterLiterally(t *testing.T) {
	one := func() float64 { return almostOne }
	long := Cause{Reach: ReachShared, Elapsed: time.Hour}
	for name, tt := range map[string]struct {
		jitter AdaptiveJitter
		cause  Cause
		want   time.Duration
	}{
		"zero value":            {AdaptiveJitter{}, long, 0},
		"zero value, asked":     {AdaptiveJitter{}, Cause{Asked: time.Hour}, 0},
		"zero value, first":     {AdaptiveJitter{}, Cause{Reach: ReachShared, First: true}, 0},
		"negative Spread":       {AdaptiveJitter{Spread: -1, Cap: 9}, Cause{Reach: ReachShared, First: true}, 0},
		"negative Short, light": {AdaptiveJitter{Short: -9}, Cause{Light: true, First: true}, 0},
		"all negative":          {AdaptiveJitter{Short: -1, Long: -1, Spread: -1, Cap: -1}, long, 0},
		"Cap forgotten":         {AdaptiveJitter{Short: 1000, Long: 5000, Spread: 5000}, long, 5000},
		"Cap below Long":        {AdaptiveJitter{Long: 5000, Cap: 7}, long, 5000},
		"all as long as can be": {AdaptiveJitter{Short: math.MaxInt64, Long: math.MaxInt64, Spread: math.MaxInt64, Cap: math.MaxInt64}, Cause{}, math.MaxInt64},
	} {
		tt.jitter.Random = one
		assert.InDelta(t, float64(tt.want), float64(tt.jitter.NextFor(tt.cause)), 1+1e-12*float64(tt.want), name)
	}
}

func TestAdaptiveJitterRandom(t *testing.T) {
	for random, want := range map[float64]time.Duration{
		-3: 0, 3: time.Second, math.Inf(1): time.Second, math.Inf(-1): 0, 0.25: time.Second / 4,
	} {
		assert.InDelta(t, want, fixedAt(random).NextBackOff(), 10)
	}
	assert.Zero(t, fixedAt(math.NaN()).NextBackOff())
	drawn := 0
	j := newAdaptive(func() float64 { drawn++; return 0 }).(CauseAware)
	for i, c := range []Cause{{}, {First: true, Reach: ReachLocal}, {Reach: ReachShared}, {Asked: time.Second}} {
		j.NextFor(c)
		assert.Equal(t, i+1, drawn, "one number for every delay")
	}
	own := newAdaptive(nil)
	assert.NotEqual(t, own.NextBackOff(), own.NextBackOff())
}

func TestReachText(t *testing.T) {
	for reach, name := range map[Reach]string{ReachUnknown: "unknown", ReachLocal: "local", ReachShared: "shared"} {
		text, err := reach.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, name, string(text))
		back := Reach(77)
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, reach, back)
	}
	assert.Zero(t, ReachUnknown)
	assert.Equal(t, "Reach(9)", Reach(9).String())
	r := ReachLocal
	assert.ErrorContains(t, r.UnmarshalText([]byte("everyone")), `"everyone"`)
	assert.Equal(t, ReachLocal, r, "kept after an error")
}

func FuzzAdaptiveJitter(f *testing.F) {
	const s = int64(time.Second)
	f.Add(s, 5*s, 5*s, 30*s, 0.5, uint8(2), uint8(0), 10*s, int64(0))
	f.Add(s, 5*s, 5*s, 30*s, 0.999, uint8(2), uint8(7), int64(math.MaxInt64), int64(math.MaxInt64))
	f.Add(int64(-1), int64(math.MinInt64), int64(-1), int64(math.MaxInt64), math.NaN(), uint8(9), uint8(4), int64(-1), int64(-1))
	f.Fuzz(func(t *testing.T, short, long, spread, top int64, random float64, reach, flags uint8, elapsed, asked int64) {
		j := &AdaptiveJitter{
			Short: time.Duration(short), Long: time.Duration(long),
			Spread: time.Duration(spread), Cap: time.Duration(top),
			Random: func() float64 { return random },
		}
		c := Cause{
			Reach: Reach(reach % 4), First: flags&1 != 0, Light: flags&2 != 0, Refused: flags&4 != 0,
			Elapsed: time.Duration(elapsed), Asked: time.Duration(asked),
		}
		most := max(j.Long, j.Cap, j.Spread, j.Short, 0)
		for range 70 {
			d := j.NextFor(c)
			require.GreaterOrEqual(t, d, time.Duration(0))
			require.LessOrEqual(t, d, most)
			if c.Reach != ReachShared && !c.First && c.Asked <= 0 {
				require.LessOrEqual(t, d, max(j.Long, 0))
			}
		}
	})
}
