package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

type ping struct {
	id           uint64
	send, missed bool
}

func tick(p *Pinger, now time.Duration) ping {
	id, send, missed := p.Tick(now)
	return ping{id, send, missed}
}

func due(t *testing.T, p *Pinger, want time.Duration) {
	t.Helper()
	at, ok := p.Due()
	assert.True(t, ok)
	assert.Equal(t, want, at)
}

func TestPinger(t *testing.T) {
	p := NewPinger(10 * second)
	_, ok := p.Due()
	assert.False(t, ok, "not started")
	assert.Equal(t, ping{}, tick(&p, 0))

	p.Start(5 * second)
	due(t, &p, 5*second)
	assert.Equal(t, ping{}, tick(&p, 5*second-1))
	assert.Equal(t, ping{id: 1, send: true}, tick(&p, 5*second))
	due(t, &p, 15*second)
	rtt, ok := p.Pong(1, 5*second+80)
	assert.True(t, ok)
	assert.Equal(t, time.Duration(80), rtt)

	assert.Equal(t, ping{}, tick(&p, 15*second-1))
	assert.Equal(t, ping{id: 2, send: true}, tick(&p, 15*second), "answered: no miss")
	assert.Equal(t, ping{id: 3, send: true, missed: true}, tick(&p, 25*second))
	assert.Equal(t, ping{id: 4, send: true, missed: true}, tick(&p, 35*second))
}

func TestPingerPongs(t *testing.T) {
	p := NewPinger(second)
	_, ok := p.Pong(0, 0)
	assert.False(t, ok, "nothing sent, and no ping has id 0")
	p.Start(0)
	tick(&p, 0)
	tick(&p, second)
	for _, id := range []uint64{0, 1, 3} {
		_, ok = p.Pong(id, second)
		assert.False(t, ok, "id %d is not the last ping's", id)
	}
	assert.Equal(t, ping{id: 3, send: true, missed: true}, tick(&p, 2*second), "other ids answer nothing")
	_, ok = p.Pong(3, 2*second)
	assert.True(t, ok)
	_, ok = p.Pong(3, 2*second)
	assert.False(t, ok, "second answer")
}

func TestPingerLateTick(t *testing.T) {
	p := NewPinger(10 * second)
	p.Start(0)
	assert.True(t, tick(&p, 3600*second).send)
	due(t, &p, 3610*second)
	assert.False(t, tick(&p, 3600*second).send, "no burst")
}

func TestPingerRestart(t *testing.T) {
	p := NewPinger(10 * second)
	p.Start(0)
	tick(&p, 0)
	p.Stop()
	_, ok := p.Due()
	assert.False(t, ok)
	assert.Equal(t, ping{}, tick(&p, end))
	_, ok = p.Pong(1, 1)
	assert.False(t, ok, "stopped")

	p.Start(second)
	assert.Equal(t, ping{id: 2, send: true}, tick(&p, second), "ids go on, nothing missed")
	p.Start(2 * second)
	_, ok = p.Pong(2, 2*second)
	assert.False(t, ok, "of the time before the restart")
	assert.Equal(t, ping{id: 3, send: true}, tick(&p, 2*second))
}

func TestPingerOff(t *testing.T) {
	for _, interval := range []time.Duration{0, -1, start} {
		p := NewPinger(interval)
		p.Start(0)
		_, ok := p.Due()
		assert.False(t, ok)
		assert.Equal(t, ping{}, tick(&p, end))
	}
}

func TestPingerOddClocks(t *testing.T) {
	p := NewPinger(end)
	p.Start(start)
	assert.True(t, tick(&p, end).send)
	due(t, &p, end)
	rtt, ok := p.Pong(1, start)
	assert.True(t, ok)
	assert.Zero(t, rtt, "backwards")
}
