package sim

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// Purposes of random streams. They are of no importance but for being different.
const (
	forNature uint64 = iota + 1
	forJitter
)

// nursery is where sessions grow up to be copied: each way and each home has one, which
// has been connected to a sound server for a while, so that what a session knows of
// its path is there when the scenario begins.
type nursery struct {
	engine *engine
	ways   int
	now    time.Duration
}

var errNotConnected = errors.New("sim: with these settings no session stays connected to a server that has no faults: see Client and Network.Loss")

// grow simulates them.
func grow(ctx context.Context, p *plan) (*nursery, error) {
	s := p.Scenario
	s.Clients, s.Faults, s.Network.Deaths, s.Network.Offline.PerHour = len(p.ways)*len(p.places), nil, Deaths{}, 0
	s.Progress, s.watch, s.moved, s.For = nil, nil, nil, childhood(p)
	s.Servers = nil
	for _, server := range p.Servers {
		s.Servers = append(s.Servers, Server{Name: server.Name, Share: server.Share})
	}
	n := &nursery{ways: len(p.ways)}
	n.engine = newEngine(newPlan(s))
	for i := range s.Clients {
		n.plant(i)
	}
	n.now = n.engine.plan.end
	if err := n.engine.run(ctx, n.now, func(time.Duration) {}); err != nil {
		return nil, err
	}
	return n, n.check()
}

// childhood is long enough for the connection to be stable and its path clean.
func childhood(p *plan) time.Duration {
	c := p.Client.Effective()
	clean := c.Health.Detector.CleanFor
	return min(max(clean, c.Policy.StableAfter, 0)+30*time.Second, time.Hour)
}

// plant begins the life of a session.
func (n *nursery) plant(number int) {
	w, c := n.engine.client(number)
	n.engine.setUp(c, number)
	c.home, c.way = n.engine.plan.common, uint8(number%n.ways)
	if c.home < 0 {
		c.home = int16(number / n.ways)
	}
	c.link.counted, c.state, c.held = c.home, Reconnecting, false
	o := &ours{core: machine.New(w.configs[c.home])}
	c.mind = o
	o.handle(w, c, machine.Input{Kind: machine.Start})
	w.enqueue(c, c.now)
}

// check makes sure that there is a sound one for every home; it takes the place of
// those that are not.
func (n *nursery) check() error {
	total := n.engine.plan.Clients
	for first := 0; first < total; first += n.ways {
		sound := -1
		for i := first; i < first+n.ways; i++ {
			if _, c := n.engine.client(i); c.state == Connected {
				sound = i
			}
		}
		if sound < 0 {
			return errNotConnected
		}
		_, good := n.engine.client(sound)
		for i := first; i < first+n.ways; i++ {
			if _, c := n.engine.client(i); c.state != Connected {
				c.mind, c.agenda, c.link = good.mind, good.agenda, good.link
			}
		}
	}
	return nil
}

// setUp gives a client what it needs before it has a mind.
func (e *engine) setUp(c *client, number int) {
	*c = client{
		number: uint32(number), slot: uint32(number % e.per), queued: -1,
		nature: newDice(e.plan.Seed, number, forNature), jitter: newDice(e.plan.Seed, number, forJitter),
	}
}

// populate makes the fleet as it is when the scenario begins.
func (e *engine) populate(n *nursery) {
	var wg sync.WaitGroup
	for i, w := range e.shards {
		wg.Go(func() {
			for slot := range w.clients {
				e.settleIn(n, w, &w.clients[slot], i*e.per+slot)
			}
		})
	}
	wg.Wait()
}

// settleIn makes one client. Its clock is up to a second ahead of the others'.
func (e *engine) settleIn(n *nursery, w *shard, c *client, number int) {
	e.setUp(c, number)
	c.home = e.plan.home(c.nature.float())
	c.way = uint8(c.nature.float() * float64(len(e.plan.ways)))
	c.now = time.Duration(c.nature.float() * float64(preroll))
	c.held, c.state = true, Connected
	c.link = link{server: c.home, counted: c.home, open: true}
	w.tally.enter(c.home, Connected)
	if c.renew(w); n != nil {
		n.copyTo(w, c)
	} else {
		c.mind = &loop{plan: e.plan.OpenLoop, due: never}
	}
	e.plan.expectAbsences(c)
	w.enqueue(c, c.now)
}

// copyTo gives a client the session that has grown up on a path like its own.
func (n *nursery) copyTo(w *shard, c *client) {
	_, grown := n.engine.client(int(c.home)*n.ways + int(c.way))
	o := *grown.mind.(*ours)
	shift := c.now - n.now
	o.offset -= shift
	w.current = c
	o.core = o.core.Fork(w.configs[c.home])
	c.mind = &o
	c.link.flowing, c.link.from, c.link.signaling = true, grown.link.from+shift, grown.link.signaling+shift
	for _, e := range grown.agenda {
		if e.kind == ponged || e.kind == probed { // under way
			e.at += shift
			c.put(e)
		}
	}
}

// home is the server for a share of the clients.
func (p *plan) home(at float64) int16 {
	if p.common >= 0 {
		return p.common
	}
	all := 0.0
	for i := range p.places {
		all += max(p.places[i].Share, 0)
	}
	at *= all
	last := int16(0)
	for i := range p.places {
		if s := max(p.places[i].Share, 0); s > 0 {
			last = int16(i)
			if at -= s; at < 0 {
				break
			}
		}
	}
	return last
}

// expectAbsences enters when a client's network will go away.
func (p *plan) expectAbsences(c *client) {
	for _, a := range p.absent {
		if int(c.number) < a.clients {
			c.agenda.put(event{at: a.from, kind: wentAway, id: uint64(a.length), what: flag(a.hints)})
		}
	}
	c.agenda.put(event{at: after(c.now, c.nature.wait(p.Network.Offline.PerHour)), kind: disturbed})
}
