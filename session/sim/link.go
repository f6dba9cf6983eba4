package sim

import (
	"time"

	"github.com/holdfast-go/holdfast/policy"
)

// link is the connection of a client as it really is.
type link struct {
	epoch   uint32 // counts what has begun anew
	server  int16
	counted int16 // server that the client is counted at
	life    uint16
	open    bool
	flowing bool // media comes in, from a time on
	// mediaDead and signalingDead are for good, until they are renewed.
	mediaDead, signalingDead bool
	lost                     time.Duration // when signaling died
	from                     time.Duration // when media begins to come in
	media, signaling         time.Duration // when they were last heard; of media, when it stopped
}

// the layers of a death.
const (
	mediaLayer uint8 = 1 << iota
	signalingLayer
)

// connect opens a link to a server, as its attempt has succeeded.
func (c *client) connect(w *shard, server int16) {
	if old := c.link.counted; old != server {
		w.tally.rehome(old, server, c.now, c.state)
	}
	c.link = link{
		epoch: c.link.epoch, server: server, counted: server, open: true,
		life: w.plan.places[server].life(c.now), from: c.now + 2*c.delay(w, server), signaling: c.now,
	}
	c.renew(w)
}

// renew begins a link anew of which layers may have been replaced.
func (c *client) renew(w *shard) {
	c.agenda.forget()
	c.link.epoch++
	place := &w.plan.places[c.link.server]
	c.put(event{at: place.turn(c.now), kind: turned})
	c.expectDrain(w, place)
	c.expectDeath(w)
	if every := w.plan.Network.SampleEvery; every > 0 {
		c.put(event{at: after(c.now, every), kind: sampled})
	}
	if place.down(c.now) {
		c.fall(w) // while the answer was on its way
	}
}

// restored takes over what the attempt has renewed of the link.
func (c *client) restored(w *shard) {
	a := &c.attempt
	if a.level == policy.Resume {
		if old := c.link.counted; old != a.server {
			w.tally.rehome(old, a.server, c.now, c.state)
		}
		c.link.signalingDead, c.link.server, c.link.counted = false, a.server, a.server
	}
	if a.media {
		c.link.mediaDead, c.link.from = false, c.now+2*c.delay(w, a.server)
	}
	c.link.signaling = c.now
	c.renew(w)
}

// hangUp closes the link.
func (c *client) hangUp() {
	c.link.open, c.link.flowing = false, false
	c.link.epoch++
	c.agenda.forget()
}

// expectDrain enters when the server will want the client to go.
func (c *client) expectDrain(w *shard, l *place) {
	for _, d := range l.drains {
		turn := newDice(w.plan.Seed, int(c.number), uint64(d.from))
		at := d.from + time.Duration(turn.float()*float64(d.to-d.from))
		if at >= c.now {
			c.put(event{at: at, kind: drained, server: d.moveTo})
			return
		}
	}
}

// expectDeath enters when the link will die by itself.
func (c *client) expectDeath(w *shard) {
	deaths := &w.plan.Network.Deaths
	at, what := never, uint8(0)
	for _, d := range [...]struct {
		perHour float64
		layers  uint8
	}{{deaths.Media, mediaLayer}, {deaths.Signaling, signalingLayer}, {deaths.Both, mediaLayer | signalingLayer}} {
		if t := after(c.now, c.luck.wait(d.perHour)); t < at {
			at, what = t, d.layers
		}
	}
	if at != never {
		c.put(event{at: at, kind: died, what: what, server: int16(flag(c.luck.happens(deaths.Told)))})
	}
}

// die: layers of the link are dead, of which the client may be told.
func (c *client) die(w *shard, e event) {
	if e.what&signalingLayer != 0 {
		c.link.signalingDead, c.link.lost = true, c.now
	}
	c.link.mediaDead = c.link.mediaDead || e.what&mediaLayer != 0
	if e.server != 0 {
		e.server = -1
		c.mind.told(w, c, e)
	}
}

// turn: something has begun or ended at the server.
func (c *client) turn(w *shard) {
	place := &w.plan.places[c.link.server]
	c.put(event{at: place.turn(c.now), kind: turned})
	if place.down(c.now) && !c.link.signalingDead {
		c.fall(w)
	}
}

// fall: the process at the other end is gone. The client hears that a little later,
// or from the next process, which does not know the connection.
func (c *client) fall(w *shard) {
	place := &w.plan.places[c.link.server]
	outage, _ := at(place.outages, c.now)
	c.link.signalingDead, c.link.lost = true, c.now
	c.link.mediaDead = c.link.mediaDead || !outage.keeps
	heard := c.now + c.delay(w, c.link.server)
	if outage.silent {
		heard = outage.to + c.resend(w, outage.to-c.now)
	}
	c.put(event{at: heard, kind: closed, code: int16(outage.code), server: -1})
}

// reachable says whether anything gets through to the server of the link.
func (c *client) reachable(w *shard) bool {
	return c.link.open && c.awayUntil <= c.now && !w.plan.places[c.link.server].silent(c.now)
}

func (c *client) mediaWorks(w *shard) bool { return !c.link.mediaDead && c.reachable(w) }

// works says whether the link does what it is there for.
func (c *client) works(w *shard) bool { return !c.link.signalingDead && c.mediaWorks(w) }

// flow notes when media begins or stops to come in.
func (c *client) flow(w *shard) {
	works := c.mediaWorks(w)
	switch l := &c.link; {
	case works && !l.flowing:
		l.flowing, l.from = true, max(l.from, c.now+c.delay(w, l.server))
	case !works && l.flowing:
		l.flowing = false
		if c.now >= l.from {
			l.media = c.now
		}
	}
}

// mediaHeard is when media last came in; 0: never.
func (c *client) mediaHeard() time.Duration {
	if c.link.flowing && c.now >= c.link.from {
		return c.now
	}
	return c.link.media
}
