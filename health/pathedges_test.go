package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAfterPause: an answer may take twice the pause longer, as long as the pause is
// all that was wrong with the path. Each row breaks one of the conditions, or just
// does not.
func TestAfterPause(t *testing.T) {
	limits := DetectorConfig{}.withDefaults()
	const pause = 7 * time.Second
	soiled := time.Hour
	awake := soiled + mostTimeout/2
	over := soiled + limits.CleanFor
	for name, tt := range map[string]struct {
		path func(p *path)
		now  time.Duration
		want time.Duration // 0: not only a pause
	}{
		"no pause":                {func(*path) {}, awake, 0},
		"a pause":                 {func(p *path) { p.paused(awake, pause) }, awake, 2 * pause},
		"and an answer":           {func(p *path) { p.paused(awake, pause); p.resumed() }, awake, 0},
		"dirty before it":         {func(p *path) { p.soil(soiled); p.paused(awake, pause) }, over - 1, 0},
		"dirty long before it":    {func(p *path) { p.soil(soiled); p.paused(awake, pause) }, over, 2 * pause},
		"dirty since":             {func(p *path) { p.paused(awake, pause); p.soil(awake + pause + 1) }, awake + pause + 1, 0},
		"dirty while it holds up": {func(p *path) { p.paused(awake, pause); p.soil(awake + pause) }, awake + pause, 2 * pause},
	} {
		t.Run(name, func(t *testing.T) {
			var p path
			tt.path(&p)
			longer, ok := p.afterPause(tt.now, &limits)
			assert.Equal(t, tt.want, longer)
			assert.Equal(t, tt.want > 0, ok)
		})
	}
}

// TestPathAnswersCountOnce: an answer that comes again, or after its probe was counted
// as lost, is a sign of life, but its round trip says nothing of the path.
func TestPathAnswersCountOnce(t *testing.T) {
	const late = time.Minute // would soil the path
	for name, lost := range map[string]int{"again": 0, "just lost": 1, "lost, and the next one too": 2} {
		t.Run(name, func(t *testing.T) {
			p, now := trodden(10, 20*ms)
			id := p.send(now)
			if lost == 0 {
				p.answer(id, now+20*ms)
			}
			for range lost - 1 {
				p.send(now)
			}
			if lost > 0 {
				now += time.Second
				p.expire(now, time.Second)
				require.Equal(t, p.last, p.settled)
			}
			before := p
			assert.True(t, p.answer(id, now+late))
			assert.Equal(t, before, p)
		})
	}
}

// TestPathRemembersAFullRing: the oldest probe gives way to the first one that finds
// no place, not before.
func TestPathRemembersAFullRing(t *testing.T) {
	p, now := trodden(100, 20*ms)
	before := p.settled
	for range probeRing - (p.last - p.settled) {
		p.send(now)
	}
	assert.Equal(t, before, p.settled)
	assert.Zero(t, p.loss)
	p.send(now)
	assert.Equal(t, before+1, p.settled)
}

// TestPathGapAtTheEdge: a lost probe is of the gap before it if it was sent at most a
// slow round trip after the first one of that, and nothing else has soiled the path.
func TestPathGapAtTheEdge(t *testing.T) {
	const first, rtt = time.Minute, 40 * ms
	for name, tt := range map[string]struct {
		sent time.Duration
		soil bool
		same bool
	}{
		"at once":               {first, false, true},
		"a slow round trip":     {first + slow(rtt), false, true},
		"one ns more":           {first + slow(rtt) + 1, false, false},
		"at once, but it is":    {first, true, false},
		"much later, and it is": {2 * first, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := path{quality: quality{probe: rtt}}
			lose := func(sent, now time.Duration) {
				before := p.dirty
				p.soil(now)
				p.widen(sent, before)
			}
			lose(first, first+time.Second)
			began := p.gap
			require.Equal(t, first, began.from)
			if tt.soil {
				p.soil(2 * first)
			}
			before := p.dirty
			lose(tt.sent, 4*first)
			assert.Equal(t, At(4*first), p.gap.marked)
			if tt.same {
				assert.Equal(t, []any{began.from, began.before}, []any{p.gap.from, p.gap.before})
				return
			}
			assert.Equal(t, []any{tt.sent, before}, []any{p.gap.from, p.gap.before})
		})
	}
}

// TestCleanButAtTheEdge: a path on which one gap was all that went wrong counts as
// clean from the very time on at which each condition comes true: the path is old enough,
// what soiled it before the gap is long over, and the gap reaches into the silence.
func TestCleanButAtTheEdge(t *testing.T) {
	limits := DetectorConfig{}.withDefaults()
	const rtt = 40 * ms
	now := time.Hour
	from := now - 2*time.Second // of the silence
	for name, tt := range map[string]struct {
		change func(p *path)
		want   bool
	}{
		"all just in time":        {func(*path) {}, true},
		"never soiled":            {func(p *path) { p.dirty, p.gap.marked = Moment{}, Moment{} }, false},
		"soiled by more":          {func(p *path) { p.dirty = At(now) }, false},
		"a new path":              {func(p *path) { p.since = At(now - limits.CleanFor/6 + 1) }, false},
		"dirty before":            {func(p *path) { p.gap.before = At(now - limits.CleanFor + 1) }, false},
		"never dirty before":      {func(p *path) { p.gap.before = Moment{} }, true},
		"lost before the silence": {func(p *path) { p.gap.from-- }, false},
		"lost later":              {func(p *path) { p.gap.from++ }, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := path{quality: quality{
				since: At(now - limits.CleanFor/6), probe: rtt, dirty: At(now - time.Second),
				gap: gap{from: from - slow(rtt), before: At(now - limits.CleanFor), marked: At(now - time.Second)},
			}}
			tt.change(&p)
			assert.Equal(t, tt.want, p.cleanBut(now, from, &limits))
		})
	}
}

// TestCleanAtTheEdge: both waits end at their very time.
func TestCleanAtTheEdge(t *testing.T) {
	limits := DetectorConfig{}.withDefaults()
	now := time.Hour
	for _, tt := range []struct {
		young, dirty time.Duration // too much
		want         bool
	}{{0, 0, true}, {1, 0, false}, {0, 1, false}} {
		p := path{quality: quality{since: At(now - limits.CleanFor/6 + tt.young), dirty: At(now - limits.CleanFor + tt.dirty)}}
		assert.Equal(t, tt.want, p.clean(now, &limits), "%+v", tt)
	}
	assert.True(t, (&path{}).clean(now, &limits), "of which nothing is known")
}

// TestResumedWithoutAPause: an answer without a pause before it takes nothing back, even
// if something was lost at the very time until which an older pause had held answers up.
func TestResumedWithoutAPause(t *testing.T) {
	var p path
	p.paused(time.Second, 5*time.Second)
	p.resumed()
	assert.True(t, p.dirty.IsZero(), "the path is what it was")
	p.soil(6 * time.Second)
	p.resumed()
	assert.Equal(t, At(6*time.Second), p.dirty)
}
