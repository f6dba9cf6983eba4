package sim

import (
	"time"

	"github.com/holdfast-go/holdfast/policy"
)

// client is one member of the fleet: its network, its link as it really is, and the
// mind that makes something of what it sees of that. It is only touched by the shard
// that it belongs to and, while that rests, by the gates.
type client struct {
	mind   mind
	agenda agenda
	now    time.Duration
	queued int64 // window of the wheel; -1: none
	slot   uint32
	number uint32 // in the fleet
	state  State
	held   bool // believes that it is connected
	ended  bool // has given up, or was told to
	way    uint8
	home   int16
	hints  bool // the system knows that the network is away
	// waits is how many of its requests are still to be decided on.
	waits uint32
	// awayUntil is when its own network is back; in the past: it is there.
	awayUntil time.Duration
	nature    dice // where it is, and which packets get lost
	luck      dice // what happens to its links and its network
	jitter    dice // what it decides by
	link      link
	attempt   attempt
	toll      toll
}

// toll is what the faults have cost a client.
type toll struct {
	hit      bool // it was connected when one of them took that away
	out      bool // and it is not back yet
	back     time.Duration
	attempts uint32
}

// attempt is the running one, or the last.
type attempt struct {
	number  uint32
	server  int16
	level   policy.Level
	media   bool // it renews media, too
	running bool
	fated   bool          // it is counted, or will be by the server
	dialed  time.Duration // when its connection was opened
}

// mind is what a client decides with.
type mind interface {
	// next is when it wants to be called.
	next() time.Duration
	tick(w *shard, c *client)
	// ended tells how the running attempt has ended.
	ended(w *shard, c *client, e event)
	// told tells of the end of layers of the link, in the words of the other side.
	told(w *shard, c *client, e event)
	// felt tells whether the link works, of which a real client would know nothing.
	felt(c *client, works bool)
	// hinted tells that the system has noticed that the network is away, or back.
	hinted(w *shard, c *client, away bool)
	ponged(w *shard, c *client, id uint64)
	probed(w *shard, c *client, id uint64)
	sampled(w *shard, c *client)
}

// run lets the client live until a time, and on to a later one as long as it needs
// nothing that others have an influence on. It returns when it has something to do
// next; never, if it has come to its end, or is cut short.
func (c *client) run(w *shard, until, alone time.Duration) (next time.Duration) {
	for !c.ended && !w.cut.Load() {
		tick, event := c.mind.next(), c.agenda.next()
		next = min(tick, event)
		if next >= until && (c.waits > 0 || next >= alone) {
			return next
		}
		c.now = max(next, c.now)
		if tick < event {
			c.mind.tick(w, c)
		} else if e := c.agenda.take(); c.concerns(e) {
			c.meet(w, e)
		}
		c.settle(w)
	}
	return never
}

// concerns says whether an event is not of the past.
func (c *client) concerns(e event) bool {
	switch e.kind {
	case answered, dials, asks:
		return c.attempt.running && e.epoch == c.attempt.number
	case wentAway, cameBack, disturbed:
		return true
	}
	return c.link.open && e.epoch == c.link.epoch
}

func (c *client) meet(w *shard, e event) {
	switch e.kind {
	case answered, closed, ponged:
		c.receive(w, e)
	case dials:
		c.dial(w, e)
	case asks:
		c.ask(w, e)
	case probed:
		if c.mediaWorks(w) {
			c.mind.probed(w, c, e.id)
		}
	case sampled:
		c.put(event{at: after(c.now, w.plan.Network.SampleEvery), kind: sampled})
		c.mind.sampled(w, c)
	case died:
		c.die(w, e)
	case turned:
		c.turn(w)
	case drained:
		c.put(event{at: c.now + c.delay(w, c.link.server), kind: closed, code: 1001, server: e.server})
	case wentAway, disturbed:
		c.leave(w, e)
	case cameBack:
		c.comeBack(w)
	}
}

// receive takes what comes over a connection, which waits while nothing gets through.
func (c *client) receive(w *shard, e event) {
	if until := c.cut(w, e); until > c.now {
		e.at = after(until, c.resend(w, until-c.now))
		c.agenda.put(e)
		return
	}
	switch e.kind {
	case answered:
		c.attempt.running = false
		c.mind.ended(w, c, e)
	case closed:
		c.link.signalingDead, c.link.lost = true, c.now
		c.mind.told(w, c, e)
	case ponged:
		if !c.link.signalingDead {
			c.link.signaling = c.now
			c.mind.ponged(w, c, e.id)
		}
	}
}

// cut is until when the way that an event comes from is cut, if it is.
func (c *client) cut(w *shard, e event) time.Duration {
	server := c.link.server
	if e.kind == answered {
		if e.what == offline {
			return 0 // the system says so itself
		}
		server = c.attempt.server
	}
	hole, _ := at(w.plan.places[server].holes, c.now)
	return max(c.awayUntil, hole.to)
}

// resend is how long after a gap the next copy of a packet arrives that is sent again
// at growing intervals.
func (c *client) resend(w *shard, gap time.Duration) time.Duration {
	trip := 2 * c.delay(w, c.home)
	next := resendAfter + trip
	for next < gap {
		next *= 2
	}
	return next - gap + trip
}

// put enters an event of the link.
func (c *client) put(e event) {
	e.epoch = c.link.epoch
	c.agenda.put(e)
}

// leave: the client's network goes away.
func (c *client) leave(w *shard, e event) {
	if e.kind == disturbed {
		absence := &w.plan.Network.Offline
		length := min(max(absence.For(c.luck.float()), 0), maxFor) // which no scenario outlasts
		e.id, e.what = uint64(length), flag(absence.Hints)
	}
	c.awayUntil = max(c.awayUntil, after(c.now, time.Duration(e.id)))
	c.agenda.put(event{at: c.awayUntil, kind: cameBack})
	if e.what != 0 {
		c.hints = true
		c.mind.hinted(w, c, true)
	}
	if e.kind == disturbed {
		c.agenda.put(event{at: after(c.awayUntil, c.luck.wait(w.plan.Network.Offline.PerHour)), kind: disturbed})
	}
}

// comeBack: it is there again, unless something longer has begun meanwhile.
func (c *client) comeBack(w *shard) {
	if c.now < c.awayUntil {
		return
	}
	if c.hints {
		c.hints = false
		c.mind.hinted(w, c, false)
	}
}

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// settle works out where the client stands, and counts it there.
func (c *client) settle(w *shard) {
	c.flow(w)
	works := c.works(w)
	c.mind.felt(c, works)
	state := Reconnecting
	switch {
	case c.ended:
		state = Stopped
	case c.held && works:
		state = Connected
	case c.held:
		state = Unnoticed
	}
	if state == c.state {
		return
	}
	w.tally.move(c.link.counted, c.now, c.state, state)
	if c.account(w, state); w.plan.moved != nil {
		w.plan.moved(int(c.number), c.now-preroll, c.state, state)
	}
	c.state = state
}

// account notes what the faults have cost.
func (c *client) account(w *shard, state State) {
	switch t := &c.toll; {
	case state == Connected && t.out:
		t.out, t.back = false, c.now
	case c.state == Connected && w.plan.from <= c.now && c.now <= w.plan.until:
		t.hit, t.out = true, true
	}
}
