package health

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

const ms = time.Millisecond

// trodden is a path over which so many probes went, each answered after rtt.
func trodden(n int, rtt time.Duration) (p path, now time.Duration) {
	p = p.reopened(0)
	for range n {
		now += 100 * ms
		p.answer(p.send(now), now+rtt)
		p.expire(now, time.Second)
	}
	return p, now
}

// TestPathAnswers: an answer counts as life if its probe went over this link, even
// if it comes twice or too late.
func TestPathAnswers(t *testing.T) {
	p, now := trodden(10, 20*ms)
	for id, life := range map[uint64]bool{0: false, 1: true, 10: true, 11: false, 1 << 63: false} {
		assert.Equal(t, life, p.answer(id, now), id)
	}
	p = p.reopened(now)
	assert.False(t, p.answer(10, now), "a probe of the link before")
	id := p.send(now)
	assert.Equal(t, uint64(11), id, "no ID is used twice")
	assert.True(t, p.answer(id, now))
	for range 3 * probeRing {
		now += 100 * ms
		p.send(now)
	}
	assert.True(t, p.answer(id, now), "however late")
}

// TestPathLoss: what is not answered in time is lost, once; the loss is averaged,
// and a lost probe soils the path.
func TestPathLoss(t *testing.T) {
	limits := DetectorConfig{}.withDefaults()
	p, now := trodden(1000, 20*ms)
	now += time.Minute
	assert.Zero(t, p.loss)
	assert.True(t, p.clean(now, &limits))
	lost := p.send(now)
	p.expire(now+limits.ProbeTimeout-1, limits.ProbeTimeout)
	assert.Zero(t, p.loss, "there is time left")
	now += limits.ProbeTimeout
	p.expire(now, limits.ProbeTimeout)
	once := p.loss
	assert.Positive(t, once)
	assert.False(t, p.clean(now+limits.CleanFor-1, &limits))
	assert.True(t, p.clean(now+limits.CleanFor, &limits))
	p.answer(lost, now)
	p.expire(now+time.Hour, limits.ProbeTimeout)
	assert.Equal(t, once, p.loss)

	for range 10_000 { // every second one
		p.answer(p.send(now), now)
		p.send(now)
		now += 2 * limits.ProbeTimeout
		p.expire(now, limits.ProbeTimeout)
	}
	assert.InDelta(t, 0.5, p.loss, 0.01)
}

// TestPathRing: probes that are too many to be remembered give way, as lost ones
// or as answered ones.
func TestPathRing(t *testing.T) {
	var p path
	for range 10 * probeRing {
		p.answer(p.send(0), 0)
	}
	assert.Zero(t, p.loss)
	for range 10 * probeRing {
		p.send(0)
	}
	assert.InDelta(t, 1, p.loss, 0.2)
	assert.LessOrEqual(t, p.last-p.settled, uint64(probeRing))
}

// TestPathSlowAnswers: an answer that was held up soils the path; the usual round
// trip follows a path that has become longer, and one that has become shorter at
// once.
func TestPathSlowAnswers(t *testing.T) {
	limits := DetectorConfig{}.withDefaults()
	p, now := trodden(1000, 20*ms)
	now += limits.CleanFor
	assert.Equal(t, 20*ms, p.probe)
	p.answer(p.send(now), now+slow(20*ms))
	assert.True(t, p.clean(now, &limits), "as long as usual")
	p.answer(p.send(now), now+slow(20*ms)+50*ms)
	assert.False(t, p.clean(now+slow(20*ms)+50*ms, &limits))
	for range 1000 {
		p.answer(p.send(now), now+200*ms)
	}
	assert.Equal(t, 200*ms, p.probe)
	p.answer(p.send(now), now+5*ms)
	assert.Equal(t, 5*ms, p.probe)
	p.answer(p.send(now), now-time.Hour)
	assert.Positive(t, p.probe, "a clock that runs backwards is no round trip")
}

// TestPathUnlikely: the lossier a path, the more unanswered probes in a row it
// takes; without any there is never a verdict.
func TestPathUnlikely(t *testing.T) {
	takes := func(loss float64) int {
		for n := 1; n < 10_000; n++ {
			if q := (quality{loss: loss}); q.unlikely(n) {
				assert.False(t, q.unlikely(n-1))
				return n
			}
		}
		return 10_000
	}
	last := 0
	for _, loss := range []float64{0, 0.05, 0.1, 0.3, 0.6, 0.9, 1} {
		n := takes(loss)
		assert.GreaterOrEqual(t, n, last, loss)
		last = n
	}
	assert.Greater(t, takes(0.3), takes(0))
	assert.Less(t, takes(1), 10_000, "at last it is")
	for _, n := range []int{0, -1, -1000} {
		assert.False(t, (&quality{}).unlikely(n), n)
	}
}

// TestPathPatience: it grows with loss and round trip, within its bounds.
func TestPathPatience(t *testing.T) {
	last := time.Duration(0)
	for _, loss := range []float64{0, 0.1, 0.2, 0.3, 0.5, 0.8, 1} {
		p := path{quality: quality{loss: loss, probe: 100 * ms}}
		assert.GreaterOrEqual(t, p.patience(), last, loss)
		last = p.patience()
		assert.GreaterOrEqual(t, last, leastPatience)
		assert.LessOrEqual(t, last, mostPatience)
	}
	assert.Equal(t, mostPatience, last)
	long := path{quality: quality{loss: 0.3, ping: 2 * time.Second}}
	short := path{quality: quality{loss: 0.3, ping: 20 * ms}}
	assert.Greater(t, long.patience(), short.patience())
}

// TestPathReopened: quality is the network's, what waits is the link's.
func TestPathReopened(t *testing.T) {
	p, now := trodden(1000, 20*ms)
	for range 10 {
		p.send(now)
	}
	before := p.quality
	p = p.reopened(now)
	p.expire(now+time.Hour, time.Second)
	assert.Equal(t, before, p.quality, "what waits is not lost, it went with the link")
}

// TestPathGap: what silences signaling may take the probes with it that are on their
// way. The path counts as clean but for them, unless more is lost, or was lost
// before.
func TestPathGap(t *testing.T) {
	limits := DetectorConfig{}.withDefaults()
	const rtt = 300 * ms
	fresh := func(lost ...time.Duration) (p path, now time.Duration) {
		p, now = trodden(1000, rtt)
		began := now
		for i := range 40 { // of four seconds
			now += 100 * ms
			if id := p.send(now); !slices.Contains(lost, time.Duration(i)*100*ms) {
				p.answer(id, now+rtt)
			}
		}
		now += limits.ProbeTimeout
		p.expire(now, limits.ProbeTimeout)
		return p, began
	}
	for name, tt := range map[string]struct {
		lost []time.Duration
		from time.Duration // the silence of signaling, after the first of these
		want bool
	}{
		"one":                  {[]time.Duration{500 * ms}, 0, true},
		"a round trip of them": {[]time.Duration{500 * ms, 600 * ms, 700 * ms, 800 * ms}, 0, true},
		"on its way":           {[]time.Duration{500 * ms}, time.Second, true},
		"long before":          {[]time.Duration{0}, 2 * time.Second, false},
		"and one later":        {[]time.Duration{500 * ms, 2 * time.Second}, 0, false},
		"two gaps":             {[]time.Duration{0, 1500 * ms}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			p, began := fresh(tt.lost...)
			now := began + 6*time.Second
			assert.False(t, p.clean(now, &limits))
			assert.Equal(t, tt.want, p.cleanBut(now, began+100*ms+tt.from, &limits))
		})
	}
	p, began := fresh()
	assert.False(t, p.cleanBut(began+6*time.Second, began, &limits), "nothing was lost: clean is asked")
	p, began = fresh(500 * ms)
	p.paused(began+6*time.Second, time.Second)
	assert.False(t, p.cleanBut(began+7*time.Second, began, &limits), "a pause is something else")
}
