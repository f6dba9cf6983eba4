package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// nursery is where sessions grow up to be copied: one for each home and way that the
// fleet has, which has been connected to a sound server for a while, so that what a
// session knows of its path is there when the scenario begins.
type nursery struct {
	engine *engine
	ways   int
	number map[int]int // of the one for a home and a way
	grown  []grown     // by number
}

// grown is a session that can be copied, as it was at some time.
type grown struct {
	mind   ours // with no core: not yet
	link   link
	agenda agenda
	now    time.Duration
	born   time.Duration
}

var errNotConnected = errors.New("sim: with these settings a session does not connect to a server that has no faults: see Client, Network.Latency and Network.Loss")

// patience is for how long sessions that are not connected when they should be are
// waited for.
const patience = 5 * time.Minute

// grow simulates them.
func grow(ctx context.Context, p *plan) (*nursery, error) {
	n := &nursery{ways: len(p.ways), number: map[int]int{}}
	var kinds []client
	for i := range p.Clients {
		c := client{nature: newDice(p.Seed, i, forNature)}
		if p.place(&c); n.enter(&c) {
			kinds = append(kinds, c)
		}
	}
	n.engine = newEngine(newPlan(p.sound(len(kinds))))
	n.grown = make([]grown, len(kinds))
	for i := range kinds {
		w, c := n.engine.client(i)
		n.engine.setUp(c, i)
		c.home, c.way = kinds[i].home, kinds[i].way
		n.plant(w, c)
	}
	return n, n.raise(ctx)
}

func (n *nursery) kind(c *client) int { return int(c.home)*n.ways + int(c.way) }

// enter notes a client that is the first of its kind.
func (n *nursery) enter(c *client) bool {
	if _, known := n.number[n.kind(c)]; known {
		return false
	}
	n.number[n.kind(c)] = len(n.number)
	return true
}

// of gives the one that a client is like.
func (n *nursery) of(c *client) *grown { return &n.grown[n.number[n.kind(c)]] }

// sound is the scenario without anything that goes wrong, but for lost packets.
func (p *plan) sound(clients int) Scenario {
	s := p.Scenario
	s.Clients, s.Faults, s.Network.Deaths, s.Network.Offline.PerHour = clients, nil, Deaths{}, 0
	s.Progress, s.watch, s.moved, s.For = nil, nil, nil, childhood(p)+patience
	s.Servers = nil
	for _, server := range p.Servers {
		s.Servers = append(s.Servers, Server{Name: server.Name})
	}
	return s
}

// childhood is long enough for the connection to be stable and its path clean.
func childhood(p *plan) time.Duration {
	c := p.Client.Effective()
	return min(after(max(c.Health.Detector.CleanFor, c.Policy.StableAfter, 0), 30*time.Second), time.Hour)
}

// plant begins the life of a session.
func (n *nursery) plant(w *shard, c *client) {
	c.now = n.engine.now()
	c.link = link{epoch: c.link.epoch, counted: c.home}
	c.state, c.held, c.ended = Reconnecting, false, false
	n.grown[c.number].born = c.now
	o := &ours{core: machine.New(w.configs[c.home])}
	c.mind = o
	o.handle(w, c, machine.Input{Kind: machine.Start})
	w.enqueue(c, c.now)
}

// raise lets them live until all have a connection that is worth a copy.
func (n *nursery) raise(ctx context.Context) error {
	defer n.engine.heed(ctx)()
	const check = 5 * time.Second
	for until := preroll + childhood(n.engine.plan); until <= n.engine.plan.end; until += check {
		if err := n.engine.run(ctx, until, func(time.Duration) {}); err != nil {
			return err
		}
		if n.graduate() {
			return nil
		}
	}
	return n.failed()
}

// failed names the one that is nearest of those that never connect.
func (n *nursery) failed() error {
	nearest := never
	for i := range n.grown {
		if w, c := n.engine.client(i); n.grown[i].mind.core == nil {
			nearest = min(nearest, c.delay(w, c.home))
		}
	}
	return fmt.Errorf("%w (%s one way, for example)", errNotConnected, nearest)
}

// graduate keeps those that are connected, and reports whether that is everyone. Who
// has given up begins anew, and may be younger in the end.
func (n *nursery) graduate() bool {
	all, age := true, childhood(n.engine.plan)
	if n.engine.now() > preroll+2*age {
		age = 0
	}
	for i := range n.grown {
		w, c := n.engine.client(i)
		g := &n.grown[i]
		switch {
		case g.mind.core != nil:
		case c.ended:
			n.plant(w, c)
		case c.state == Connected && c.waits == 0 && n.engine.now()-g.born >= age:
			g.mind, g.link, g.now = *c.mind.(*ours), c.link, c.now
			g.mind.core, g.agenda = g.mind.core.Clone(), append(agenda(nil), c.agenda...)
		}
		all = all && g.mind.core != nil
	}
	return all
}

// copyTo gives a client the session that has grown up on a path like its own, with
// clocks that are set to the client's.
func (g *grown) copyTo(w *shard, c *client) {
	o, shift := g.mind, c.now-g.now
	o.offset -= shift
	w.current = c
	o.core = o.core.Fork(w.configs[c.home])
	c.mind = &o
	c.link.flowing, c.link.from, c.link.signaling = true, g.link.from+shift, g.link.signaling+shift
	for _, e := range g.agenda {
		if e.kind == ponged || e.kind == probed { // under way
			e.at += shift
			c.put(e)
		}
	}
}
