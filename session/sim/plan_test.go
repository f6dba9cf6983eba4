package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestPlanKnowsTheFaults(t *testing.T) {
	s := time.Second
	p := newPlan(Scenario{
		Clients: 10, Servers: []Server{{Name: "a", JoinsPerSecond: 3}, {Name: "b", JoinsPerSecond: 4, Share: 3}},
		Faults: []Fault{
			Outage{Server: "a", At: 10 * s, For: 5 * s},
			&Outage{Server: "a", At: 30 * s, For: s, KeepSessions: true},
			BlackHole{At: 20 * s, For: 2 * s},
			Drain{At: 40 * s, For: s, MoveTo: "b"},
			Offline{At: s, For: s, Share: 0.25},
		},
	})
	a, b := &p.places[0], &p.places[1]
	assert.True(t, a.down(preroll+10*s))
	assert.False(t, a.down(preroll+15*s))
	assert.False(t, b.down(preroll+10*s))
	assert.True(t, a.silent(preroll+21*s) && b.silent(preroll+21*s))
	var turns []time.Duration
	for at := a.turn(0); at != never; at = a.turn(at) {
		turns = append(turns, at-preroll)
	}
	assert.Equal(t, []time.Duration{10 * s, 15 * s, 20 * s, 22 * s, 30 * s, 31 * s}, turns)
	assert.EqualValues(t, 0, a.life(0))
	assert.EqualValues(t, 1, a.life(preroll+40*s), "the second one keeps the sessions")
	o, ok := a.breaks(preroll, preroll+99*s)
	assert.True(t, ok)
	assert.Equal(t, preroll+10*s, o.from)
	_, ok = a.breaks(preroll+10*s, preroll+20*s)
	assert.False(t, ok)
	assert.EqualValues(t, 1, a.drains[0].moveTo)
	assert.EqualValues(t, -1, b.drains[0].moveTo, "nobody is moved to where he is")
	assert.Equal(t, 3, p.absent[0].clients)
	assert.Equal(t, preroll+s, p.from)
	assert.Equal(t, preroll+41*s, p.until)
	assert.EqualValues(t, 7, p.whole())
	assert.EqualValues(t, 0, p.home(0.24))
	assert.EqualValues(t, 1, p.home(0.26))
	assert.EqualValues(t, 1, p.home(1))
}

func TestPlanMeasuresTheWays(t *testing.T) {
	p := newPlan(Scenario{Clients: 1, Network: Network{Latency: Always(0)}})
	assert.Equal(t, []time.Duration{time.Millisecond}, p.ways, "it takes some time at least")
	p = newPlan(Scenario{Clients: 1})
	assert.Len(t, p.ways, 64)
	assert.Equal(t, p.ways[0], p.unit)
	assert.Zero(t, newPlan(Scenario{Servers: []Server{{JoinsPerSecond: 3}, {}}}).whole(), "one has no limit")
}
