package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestAgentStates(t *testing.T) {
	a := agent{heard: time.Second}
	assert.False(t, a.look(6*time.Second))
	assert.True(t, a.look(7*time.Second))
	assert.Equal(t, Disconnected, a.state)
	a.heard = 8 * time.Second
	assert.True(t, a.look(9*time.Second))
	assert.Equal(t, Connected, a.state)
	assert.True(t, a.look(39*time.Second))
	assert.Equal(t, Failed, a.state)
	a.heard = 40 * time.Second
	assert.False(t, a.look(40*time.Second), "for good")
}

func TestAgentInALink(t *testing.T) {
	w, d := still(1), &diary{}
	w.connect(d)
	w.run(10 * time.Second)
	assert.Empty(t, d.of("ice"))
	w.die(0, MediaDead)
	w.run(time.Minute)
	told := d.of("ice")
	assert.Len(t, told, 2)
	start := w.client.clock.at(10 * time.Second).Mono
	assert.InDelta(t, 6, (told[0].now.Mono - start).Seconds(), 1.1)
	assert.InDelta(t, 31, (told[1].now.Mono - start).Seconds(), 1.1)
}
