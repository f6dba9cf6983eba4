package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy"
)

// oneClient is a client that is connected from the beginning of a scenario on.
func oneClient(t *testing.T, s Scenario) (*shard, *client) {
	t.Helper()
	s.Clients, s.OpenLoop, s.Network.Latency = 1, &Schedule{}, Always(10*time.Millisecond)
	e := newEngine(newPlan(s))
	e.populate(nil)
	w, c := e.client(0)
	c.run(w, preroll, preroll)
	require.Equal(t, Connected, c.state)
	return w, c
}

// TestEndOfALink: with the process both layers are gone, for good; with signaling
// alone media goes on.
func TestEndOfALink(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		w, c := oneClient(t, Scenario{Faults: []Fault{Outage{At: time.Second, For: time.Second, KeepSessions: keeps}}})
		c.now = preroll + time.Second
		c.turn(w)
		assert.False(t, c.works(w))
		c.now += time.Minute
		assert.False(t, c.works(w))
		assert.Equal(t, keeps, c.mediaWorks(w))
	}
}

// TestHeardMedia is what a client can know of it.
func TestHeardMedia(t *testing.T) {
	w, c := oneClient(t, Scenario{Faults: []Fault{BlackHole{At: time.Second, For: time.Second}}})
	c.connect(w, 0)
	c.flow(w)
	assert.Zero(t, c.mediaHeard(), "the first packet is on its way")
	c.now = preroll + 500*time.Millisecond
	assert.Equal(t, c.now, c.mediaHeard())
	c.now = preroll + time.Second
	c.flow(w)
	c.now += 500 * time.Millisecond
	assert.Equal(t, preroll+time.Second, c.mediaHeard())
	c.now = preroll + 2*time.Second
	c.flow(w)
	assert.Equal(t, preroll+time.Second, c.mediaHeard(), "it is on its way again")
	c.now += 10 * time.Millisecond
	assert.Equal(t, c.now, c.mediaHeard())
}

// TestRestartOfMediaNeedsTheServer: what is sent to one that is gone gets no answer,
// and is counted as lost when it is given up.
func TestRestartOfMediaNeedsTheServer(t *testing.T) {
	w, c := oneClient(t, Scenario{Faults: []Fault{Outage{At: time.Second, For: time.Second}}})
	for at, arrives := range map[time.Duration]bool{time.Second - 11*time.Millisecond: true, time.Second - 10*time.Millisecond: false} {
		c.now, w.outbox = preroll+at, nil
		c.attempt = attempt{number: 7, level: policy.RestartMedia, media: true, running: true}
		c.ask(w, event{kind: asks})
		assert.Equal(t, arrives, len(w.outbox) == 1)
		assert.Equal(t, arrives, c.attempt.fated)
		before := w.tally.attempts[w.tally.bin(0, c.now)*int(fates)+int(lost)]
		c.abandon(w)
		after := w.tally.attempts[w.tally.bin(0, c.now)*int(fates)+int(lost)]
		assert.Equal(t, arrives, before == after)
	}
}
