package sim

import (
	"sync"
	"time"
)

// Purposes of random streams. They are of no importance but for being different.
const (
	forNature uint64 = iota + 1
	forLuck
	forJitter
)

// mostly is how many events an agenda mostly has.
const mostly = 5

// setUp gives a client what it needs before it has a mind.
func (e *engine) setUp(c *client, number int) {
	*c = client{
		number: uint32(number), slot: uint32(number % e.per), queued: -1,
		nature: newDice(e.plan.Seed, number, forNature), luck: newDice(e.plan.Seed, number, forLuck),
		jitter: newDice(e.plan.Seed, number, forJitter),
		agenda: make(agenda, 0, mostly),
	}
}

// populate makes the fleet as it is when the scenario begins.
func (e *engine) populate(n *nursery) {
	var wg sync.WaitGroup
	for i, w := range e.shards {
		wg.Go(func() {
			for slot := 0; slot < len(w.clients) && !w.cut.Load(); slot++ {
				e.settleIn(n, w, &w.clients[slot], i*e.per+slot)
			}
		})
	}
	wg.Wait()
}

// settleIn makes one client. Its clock is up to a second ahead of the others'.
func (e *engine) settleIn(n *nursery, w *shard, c *client, number int) {
	e.setUp(c, number)
	e.plan.place(c)
	c.held, c.state = true, Connected
	c.link = link{server: c.home, counted: c.home, open: true}
	w.tally.enter(c.home, Connected)
	if c.renew(w); n != nil {
		n.of(c).copyTo(w, c)
	} else {
		c.mind = &loop{plan: e.plan.OpenLoop, due: never}
	}
	e.plan.expectAbsences(c)
	w.enqueue(c, c.now)
}

// place says where a client is at home, how far from it, and when its life begins.
func (p *plan) place(c *client) {
	c.home = p.home(c.nature.float())
	c.way = uint8(c.nature.float() * float64(len(p.ways)))
	c.now = time.Duration(c.nature.float() * float64(preroll))
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
	c.agenda.put(event{at: after(c.now, c.luck.wait(p.Network.Offline.PerHour)), kind: disturbed})
}
