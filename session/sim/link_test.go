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

// TestSilentEnd: a client hears of it from the process that comes after, and an attempt
// under way not at all.
func TestSilentEnd(t *testing.T) {
	w, c := oneClient(t, Scenario{Faults: []Fault{Outage{At: time.Second, For: time.Second, Silent: true}}})
	c.attempt = attempt{number: 7, level: policy.Rejoin, running: true, dialed: preroll + time.Second/2}
	c.now = preroll + time.Second - 5*time.Millisecond
	c.ask(w, event{kind: asks})
	assert.Empty(t, w.outbox)
	assert.False(t, c.attempt.fated)
	for _, e := range c.agenda {
		assert.NotEqual(t, answered, e.kind)
	}
	c.now = preroll + time.Second
	c.turn(w)
	for _, e := range c.agenda {
		if e.kind == closed {
			assert.Greater(t, e.at, preroll+2*time.Second)
		}
	}
	assert.Contains(t, kinds(c.agenda), closed)
}

// TestAbsenceForEver: who stays away for longer than the scenario lasts is not back,
// and nothing that was sent to him arrives.
func TestAbsenceForEver(t *testing.T) {
	for _, length := range []time.Duration{maxFor, never} {
		r := run(t, Scenario{
			Clients: 50, For: 2 * time.Minute,
			Network: Network{Latency: Always(300 * time.Millisecond), Offline: Absence{PerHour: 1000, For: Always(length)}},
		})
		end := r.Series[len(r.Series)-1]
		assert.Equal(t, 50, end.Reconnecting)
		assert.Zero(t, r.Summary.Attempts.Accepted)
	}
}

// TestNoRequestIsLostCountOf, however many are on their way at once: a long way and a
// short time limit make hundreds.
func TestNoRequestIsLostCountOf(t *testing.T) {
	w, c := oneClient(t, Scenario{})
	for range 1000 {
		c.request(w, &w.plan.places[0], c.now)
	}
	assert.EqualValues(t, 1000, c.waits)
}

func kinds(a agenda) (list []happening) {
	for _, e := range a {
		list = append(list, e.kind)
	}
	return list
}

// TestNothingIsHeardInAHole: what was sent before is sent again, and comes when the
// hole is over and the next copy is due.
func TestNothingIsHeardInAHole(t *testing.T) {
	w, c := oneClient(t, Scenario{Faults: []Fault{BlackHole{At: time.Second, For: time.Second}}})
	c.attempt = attempt{number: 7, running: true}
	c.now = preroll + 1500*time.Millisecond
	c.receive(w, event{at: c.now, kind: answered, epoch: 7, what: refused})
	assert.True(t, c.attempt.running)
	for _, e := range c.agenda {
		if e.kind == answered {
			// The hole is over after 500 ms; copies come after 220, 440 and 880 ms.
			assert.Equal(t, preroll+2380*time.Millisecond+20*time.Millisecond, e.at)
		}
	}
	assert.Contains(t, kinds(c.agenda), answered)
}
