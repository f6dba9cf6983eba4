package linkhistory

import "time"

// pause is a time in which the client does not run.
type pause struct {
	on            bool
	machine       bool          // its kernel does not either
	drops         bool          // what arrives gets lost
	deadlineFirst bool          // at the end timers come before what has arrived
	lags          time.Duration // so much the monotonic clock falls behind
	from, until   time.Duration
}

// begin pauses the client, unless it is paused already.
func (c *client) begin(p pause) {
	if c.pause.on {
		return
	}
	p.on, p.from = true, c.w.now
	c.pause = p
	c.due = never
	c.w.events.push(event{at: p.until, kind: clientResumes})
}

// resume ends the pause and lets the client catch up.
func (c *client) resume() {
	c.pause.on = false
	c.clock.lag(c.pause.lags)
	if c.linked && c.pause.deadlineFirst {
		c.wake()
	}
	if c.undeclared {
		c.declare()
	}
	for _, a := range c.inbox {
		c.receive(a.kind, a.id)
	}
	c.inbox = c.inbox[:0]
	c.settle()
}
