package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// watched runs a shape for that long, looking each 10 ms.
func watched(shape func(w *world), lasts time.Duration, look func(w *world)) *world {
	w := still(9)
	shape(w)
	w.hold(Mute)
	w.connect(&diary{})
	for w.now < lasts {
		w.run(w.now + 10*time.Millisecond)
		look(w)
	}
	return w
}

// runs counts how often and for how long something holds.
type runs struct {
	n              int
	since, longest time.Duration
	on             bool
	all            time.Duration
}

func (r *runs) see(now time.Duration, on bool) {
	switch {
	case on && !r.on:
		r.n++
		r.since = now
	case !on && r.on:
		r.longest = max(r.longest, now-r.since)
		r.all += now - r.since
	}
	r.on = on
}

func TestBursts(t *testing.T) {
	var up, down, both runs
	watched(bursting, 4*time.Hour, func(w *world) {
		up.see(w.now, w.up.dark > 0)
		down.see(w.now, w.down.dark > 0)
		both.see(w.now, w.up.dark > 0 && w.down.dark > 0)
	})
	assert.InDelta(t, 480, up.n*3/2, 150)
	assert.InDelta(t, up.n, down.n, 100)
	assert.InDelta(t, up.n/2, both.n, 80)
	assert.LessOrEqual(t, up.longest, 1600*time.Millisecond)
	assert.InDelta(t, 0.78, up.all.Seconds()/float64(up.n), 0.1)
}

func TestRoaming(t *testing.T) {
	var gaps runs
	watched(gapping, 4*time.Hour, func(w *world) { gaps.see(w.now, w.up.dark > 0 && w.down.dark > 0) })
	assert.InDelta(t, 80, gaps.n, 25)
	assert.InDelta(t, 6, gaps.longest.Seconds(), 0.3)
}

func TestBloat(t *testing.T) {
	var full runs
	most := time.Duration(0)
	watched(bloating, 2*time.Hour, func(w *world) {
		most = max(most, w.up.queue.adds(w.now), w.down.queue.adds(w.now))
		full.see(w.now, w.up.queue.adds(w.now) > 0 || w.down.queue.adds(w.now) > 0)
	})
	assert.InDelta(t, 90, full.n, 30)
	assert.InDelta(t, 2.9, most.Seconds(), 0.2)
}

func TestStalls(t *testing.T) {
	var stalled runs
	w := watched(stalling, 6*time.Hour, func(w *world) { stalled.see(w.now, w.client.pause.on) })
	assert.Greater(t, stalled.n, 150, "with storms")
	assert.InDelta(t, 29, stalled.longest.Seconds(), 3)
	assert.False(t, w.client.pause.machine)
}

func TestPauses(t *testing.T) {
	var paused runs
	w := watched(pausing(true), 6*time.Hour, func(w *world) { paused.see(w.now, w.client.pause.on) })
	assert.InDelta(t, 85, paused.n, 30)
	assert.InDelta(t, 59, paused.longest.Seconds(), 6)
	assert.True(t, w.client.pause.machine && w.client.pause.drops)
}

func TestSleep(t *testing.T) {
	clocks := map[bool]bool{}
	for seed := range uint64(8) {
		w := newWorld(seed)
		w.hold(Mute)
		sleeping(w)
		d := &diary{}
		w.connect(d)
		w.run(time.Hour)
		assert.NotZero(t, w.asleep)
		first, last := d.calls[0].now, w.client.instant()
		assert.Equal(t, time.Hour+w.asleep, last.Wall.Sub(first.Wall))
		slept := last.Mono - first.Mono - time.Hour
		clocks[slept < time.Hour] = true
		assert.Equal(t, w.stands, slept < time.Hour)
		if w.stands {
			assert.Equal(t, woken, slept/(w.asleep/night))
		}
	}
	assert.Len(t, clocks, 2)
}

func TestSteps(t *testing.T) {
	w := still(1)
	stepping(w)
	d := &diary{}
	w.connect(d)
	seen := map[time.Duration]bool{}
	for w.now < time.Hour {
		w.run(w.now + time.Second)
		seen[w.up.delay] = true
		assert.True(t, w.up.delay >= shortestTrip/2 && w.up.delay <= longestTrip/2)
	}
	assert.InDelta(t, 60, len(seen), 25)
	assert.NotEqual(t, time.Hour, w.client.instant().Wall.Sub(d.calls[0].now.Wall))
}

func TestPolledAndLost(t *testing.T) {
	w, d := still(1), &diary{}
	deafening(w)
	w.connect(d)
	w.run(1000 * time.Second)
	assert.InDelta(t, 700, len(d.of("sample")), 40)
	assert.InDelta(t, 3500, len(d.of("heard")), 150, "of 5000 polls, and few of signaling")
	assert.Empty(t, d.of("packet"))
}
