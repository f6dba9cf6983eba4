package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// during pauses a client from 10 s to 20 s and gives its watcher after that, and
// what it was told at the resume.
func during(p pause) (w *world, d *diary, then []call) {
	w, d = still(1), &diary{ticks: 100 * time.Millisecond}
	w.stands = p.lags > 0
	w.connect(d)
	w.run(10 * time.Second)
	p.until = 20 * time.Second
	w.client.begin(p)
	w.client.begin(pause{until: 15 * time.Second}) // no second one
	before := len(d.calls)
	w.run(20*time.Second + time.Nanosecond)
	for _, c := range d.calls[before:] {
		if c.now == w.client.clock.at(20*time.Second) {
			then = append(then, c)
		}
	}
	return w, d, then
}

func TestStallDeliversAtTheResume(t *testing.T) {
	for _, first := range []bool{true, false} {
		w, d, then := during(pause{deadlineFirst: first})
		require.NotEmpty(t, then)
		assert.Equal(t, d.calls[len(d.calls)-len(then):], then, "nothing was told during the pause")
		own := map[bool]string{true: "ice", false: "packet"}[first]
		assert.Equal(t, own, then[0].name)
		last := map[bool]string{true: "heard", false: "tick"}[first]
		assert.Equal(t, last, then[len(then)-1].name)
		packets := 0
		for _, c := range then {
			if c.name == "packet" {
				packets++
			}
		}
		assert.InDelta(t, 500, packets, 2)
		assert.Equal(t, 500, int(w.now/packetEvery)-packets)
	}
}

func TestPauseDrops(t *testing.T) {
	_, d, then := during(pause{machine: true, drops: true})
	for _, c := range then {
		assert.NotEqual(t, "packet", c.name)
	}
	assert.InDelta(t, 500, len(d.of("packet")), 4)
}

func TestPauseHoldsTheMonotonicClock(t *testing.T) {
	for _, lags := range []time.Duration{0, 10 * time.Second} {
		w, d, _ := during(pause{machine: true, lags: lags})
		first, last := d.calls[0].now, w.client.instant()
		assert.Equal(t, 20*time.Second-lags, (last.Mono - first.Mono).Truncate(time.Second))
		assert.Equal(t, 20*time.Second, last.Wall.Sub(first.Wall).Truncate(time.Second))
		w.run(21 * time.Second)
		assert.Greater(t, len(d.of("tick")), 100, "timers go on")
	}
}

// TestPausedMachine checks that its connection recovers by retransmission, and that
// what a mere stall delays is acknowledged by the kernel.
func TestPausedMachine(t *testing.T) {
	for _, p := range []pause{{}, {machine: true}, {machine: true, drops: true}} {
		w, d := still(1), &diary{}
		w.connect(d)
		w.run(time.Second)
		p.until = 6 * time.Second
		w.client.begin(p)
		w.push.write(w.now, 0)
		w.run(3 * time.Second)
		assert.Equal(t, p.machine, len(w.push.segments) > 0)
		w.run(15 * time.Second)
		assert.Empty(t, w.push.segments)
		assert.NotEmpty(t, d.of("heard"))
	}
}

func TestNothingIsDeclaredDuringAPause(t *testing.T) {
	w, d := still(1), &diary{}
	w.connect(d)
	w.run(time.Second)
	w.client.begin(pause{until: 5 * time.Second})
	w.run(2 * time.Second)
	w.hold(Mute)
	w.run(10 * time.Second)
	told := d.of("expect")
	require.Len(t, told, 2)
	assert.Equal(t, w.client.clock.at(5*time.Second), told[1].now)
	assert.Equal(t, Keepalives, told[1].e)
}
