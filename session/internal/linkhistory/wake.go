package linkhistory

import "github.com/holdfast-go/holdfast/policy/status"

// wake fires the timers of the client that are due, each once however late it is:
// that of the watcher last.
func (c *client) wake() {
	now := c.instant()
	if c.timers.check <= now.Mono {
		c.timers.check = now.Mono + checkEvery
		c.request(0)
	}
	if c.timers.agent <= now.Mono {
		c.timers.agent = now.Mono + checkEvery
		c.tellICE(now)
	}
	c.report(now)
	if c.linked && c.timers.deadline <= now.Mono {
		c.tick(now)
	}
	c.settle()
}

// stubborn is how many ticks at the same time are a watcher's mistake.
const stubborn = 1000

func (c *client) tick(now Instant) {
	if now.Mono > c.ticked {
		c.ticked, c.ticks = now.Mono, 0
	}
	if c.ticks++; c.ticks > stubborn {
		panic("linkhistory: the deadline of the watcher does not move")
	}
	c.watcher.Tick(now)
}

// report polls and samples the counters when it is time to.
func (c *client) report(now Instant) {
	if c.linked && c.timers.poll <= now.Mono {
		c.timers.poll = now.Mono + pollEvery
		c.poll(now)
	}
	if c.linked && c.timers.sample <= now.Mono {
		c.timers.sample = now.Mono + sampleEvery
		if s := c.counter.report(now.Mono, c.w.talker.content); !c.loses() {
			c.watcher.Sample(now, s)
		}
	}
}

func (c *client) loses() bool { return c.deaf > 0 && c.r.Float64() < c.deaf }

// poll tells what was heard since the last time.
func (c *client) poll(now Instant) {
	for l := status.LayerSignaling; l <= status.LayerMedia; l++ {
		if c.news[l] && c.linked && !c.loses() {
			c.watcher.Heard(now, l)
		}
		c.news[l] = false
	}
}

func (c *client) tellICE(now Instant) {
	if c.agent.look(now.Mono) && c.linked {
		c.watcher.ICE(now, c.agent.state)
	}
}
