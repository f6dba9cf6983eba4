package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTimersOfTheClient(t *testing.T) {
	w, d := still(1), &diary{ticks: looks}
	w.connect(d)
	w.run(10*time.Second + 1)
	assert.Len(t, d.of("sample"), 10)
	assert.Len(t, d.of("tick"), 100)
	for i, c := range d.of("tick") {
		assert.Equal(t, d.calls[0].now.Mono+time.Duration(i+1)*looks, c.now.Mono)
	}
	stun := d.of("sample")[9].s.STUNMessages
	assert.InDelta(t, 10, float64(stun), 1.1, "consent of either side")
}

func TestStubbornDeadline(t *testing.T) {
	w, d := still(1), &diary{ticks: looks}
	d.onTick = func(d *diary, now Instant) { d.deadline = now.Mono }
	w.connect(d)
	assert.Panics(t, func() { w.run(time.Second) })
}

func TestPingsAndProbes(t *testing.T) {
	w, d := still(1), &diary{ticks: time.Second}
	w.client.canProbe = true
	var asked []time.Duration
	d.onTick = func(d *diary, now Instant) {
		asked = append(asked, now.Mono)
		d.c.Ping(uint64(len(asked)))
		d.c.Probe(uint64(len(asked)))
	}
	w.connect(d)
	w.run(5*time.Second + 500*time.Millisecond)
	assert.Len(t, d.of("pong"), 5)
	for i, c := range d.of("probed") {
		assert.Equal(t, uint64(i+1), c.id)
		assert.Equal(t, 100*time.Millisecond, c.now.Mono-asked[i])
		pong := d.of("pong")[i]
		assert.Equal(t, uint64(i+1), pong.id)
		assert.InDelta(t, 125, float64((pong.now.Mono - asked[i]).Milliseconds()), 26)
	}
}
