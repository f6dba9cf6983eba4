package linkhistory

import (
	"math/rand/v2"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

const (
	sampleEvery = time.Second
	pollEvery   = 200 * time.Millisecond
)

// client is the process that the watcher sits in, and its machine.
type client struct {
	w          *world
	watcher    Watcher
	packets    PacketWatcher // the watcher, if it is one
	clock      clock
	canProbe   bool
	declares   bool
	undeclared bool // there is something that it has not declared yet
	r          *rand.Rand

	linked  bool
	since   time.Duration // true time of the beginning of the link
	due     time.Duration // true time of the next timer
	timers  timers
	counter counter
	agent   agent
	pause   pause
	inbox   []arrival // what came during the pause

	polls bool    // Heard comes from polled counters
	deaf  float64 // share of Heard and Sample that gets lost
	news  [3]bool // by layer: heard since the last poll

	ticked time.Duration // monotonic time of the last tick
	ticks  int           // at that time
}

// arrival is something that has reached the client.
type arrival struct {
	id   uint64
	kind kind
}

// timers are those of the client, in monotonic time.
type timers struct {
	deadline, sample, check, agent, poll time.Duration
}

func (t *timers) next() time.Duration {
	return min(t.deadline, t.sample, t.check, t.agent, t.poll)
}

func (c *client) init(w *world, r *rand.Rand) {
	c.w, c.r, c.due = w, r, never
	c.declares = !oneIn(r, 5)
	c.clock = newClock(between(r, time.Second, 24*time.Hour))
}

func (c *client) instant() Instant { return c.clock.at(c.w.now) }

// connect begins a link.
func (c *client) connect(watcher Watcher) {
	c.watcher, c.linked, c.since = watcher, true, c.w.now
	c.packets, _ = watcher.(PacketWatcher)
	now := c.instant()
	c.counter, c.agent = counter{}, agent{heard: now.Mono}
	c.timers = timers{deadline: never, sample: now.Mono + sampleEvery, check: now.Mono, agent: now.Mono + checkEvery, poll: never}
	if c.polls {
		c.timers.poll, c.news = now.Mono+pollEvery, [3]bool{}
	}
	watcher.Connected(now, c)
	c.declare()
	c.settle()
}

// declare tells the watcher what to expect, at the end of a pause if there is one.
func (c *client) declare() {
	c.undeclared = c.pause.on
	if e := c.w.talker.content.expectation(); c.declares && c.linked && !c.pause.on {
		c.watcher.Expect(c.instant(), e)
		c.settle()
	}
}

// settle looks when the client has to do something next; call it after any call
// of the watcher.
func (c *client) settle() {
	if !c.linked || c.pause.on {
		c.due = never
		return
	}
	c.timers.deadline = never
	if at, ok := c.watcher.Deadline(); ok {
		c.timers.deadline = at
	}
	c.due = max(c.w.now, c.clock.when(c.timers.next()))
}

// take is called when something reaches the client's machine.
func (c *client) take(k kind, id uint64) {
	switch {
	case !c.pause.on:
		c.receive(k, id)
	case !c.pause.machine && (k == downSegment || k == upAck || k == upTimeout):
		c.receive(k, id) // the kernel goes on
	case !c.pause.drops || k == upTimeout:
		c.inbox = append(c.inbox, arrival{id, k})
	}
}

// receive handles what has reached the client.
func (c *client) receive(k kind, id uint64) {
	w := c.w
	switch k {
	case downSegment:
		w.push.arrive(id)
	case upAck:
		w.ping.acked(w.now, id)
	case upTimeout:
		w.ping.timeout(w.now, id)
		w.giveUp(&w.ping)
	default:
		if c.linked {
			c.notice(k, id)
			c.settle()
		}
	}
}

// notice tells the watcher of what has come in.
func (c *client) notice(k kind, id uint64) {
	now := c.instant()
	if k == messageHeard {
		c.heard(now, status.LayerSignaling)
		if id != 0 {
			c.watcher.Pong(now, id)
		}
		return
	}
	c.counter.count(k, id)
	c.agent.heard = now.Mono
	if k == rtpHeard && c.packets != nil && !c.polls {
		c.packets.Packet(now)
	}
	c.heard(now, status.LayerMedia)
	if k == answerHeard && id != 0 && c.linked {
		c.watcher.Probed(now, id)
	}
}

func (c *client) heard(now Instant, l status.Layer) {
	if c.polls {
		c.news[l] = true
		return
	}
	c.watcher.Heard(now, l)
}

// Ping implements Client.
func (c *client) Ping(id uint64) {
	if c.linked {
		c.w.ping.write(c.w.now, id)
	}
}

// Probe implements Client.
func (c *client) Probe(id uint64) {
	if c.linked && c.canProbe {
		c.request(id)
	}
}

// request sends a binding request, for consent with id 0.
func (c *client) request(id uint64) {
	c.w.send(&c.w.up, c.w.answers, MediaDead&^c.w.truth.answered, requestMet, id)
}

// CanProbe implements Client.
func (c *client) CanProbe() bool { return c.canProbe }

// Verdict implements Client.
func (c *client) Verdict(v Verdict) {
	if c.linked {
		c.w.judge(v)
	}
}
