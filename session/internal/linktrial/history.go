package linktrial

import (
	"math/rand/v2"
	"time"
)

// history is what happens to one link, and all that chance decides about it.
type history struct {
	r          *rand.Rand
	begin, end time.Duration
	content    Content
	undeclared bool // the client does not say what it expects
	up, down   direction

	stalls     spans // the client does not run
	drops      spans // of those: what arrives is lost
	frozen     spans // of those: the monotonic clock stands still
	jumps      []jump
	ticksFirst bool    // after a stall deadlines come before packets
	deaf       float64 // share of notes and samples that the client loses

	dead    spans         // a layer truly does not work
	death   time.Duration // it never works again from then on; 0: it does
	rebound time.Duration // from then on answers go where the request came from
}

// jump is a step of the wall clock.
type jump struct{ at, by time.Duration }

// epoch is the wall clock at the time 0.
var epoch = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// instant reads the client's clocks.
func (w *world) instant() Instant { return w.clocks(w.now) }

func (h *history) clocks(t time.Duration) Instant {
	now := Instant{Mono: t, Wall: epoch.Add(t)}
	for _, s := range h.frozen {
		if s.from >= t {
			break
		}
		now.Mono -= min(s.until, t) - s.from
	}
	for _, j := range h.jumps {
		if j.at <= t {
			now.Wall = now.Wall.Add(j.by)
		}
	}
	return now
}

// trueTime is when the monotonic clock will show a time.
func (h *history) trueTime(mono time.Duration) time.Duration {
	for _, s := range h.frozen {
		if s.from >= mono {
			break
		}
		mono += s.length()
	}
	return mono
}

// newHistory is a healthy one.
func newHistory(seed uint64, end time.Duration) *history {
	r := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	delay := between(r, time.Millisecond, 300*time.Millisecond)
	path := direction{delay: delay, jitter: between(r, 0, 3*time.Millisecond), mediaDead: never, signalingDead: never}
	return &history{
		r: r, begin: time.Second, end: end, content: Content(r.IntN(int(contents))), undeclared: r.IntN(4) == 0,
		up: path, down: path, ticksFirst: r.IntN(2) == 0,
	}
}

// loses makes single packets get lost in both directions.
func (h *history) loses(share float64) { h.up.loss, h.down.loss = share, share }

// jitters delays single packets.
func (h *history) jitters(most time.Duration) { h.up.jitter, h.down.jitter = most, most }

// bursts loses everything for up to 1.5 s about every half minute, at times twice
// in a row, in both directions together or in each for itself.
func (h *history) bursts(every time.Duration) {
	make := func() spans {
		s := scatter(h.r, h.end, every, func() time.Duration { return between(h.r, 50*time.Millisecond, 1500*time.Millisecond) })
		var pairs spans
		for _, b := range s {
			if h.r.IntN(8) == 0 {
				from := b.until + between(h.r, 50*time.Millisecond, 2*time.Second)
				pairs = append(pairs, span{from, from + between(h.r, 50*time.Millisecond, 1500*time.Millisecond)})
			}
		}
		return merge(s, pairs, 0)
	}
	h.up.gaps = make()
	h.down.gaps = h.up.gaps
	if h.r.IntN(2) == 0 {
		h.down.gaps = make()
	}
}

// deadGap is how long a gap must be for the link to be truly dead in it.
const deadGap = 4 * time.Second

// aftermath is how long after a dead gap a verdict is still about it.
const aftermath = 2 * time.Second

// roams puts gaps of both layers in the way.
func (h *history) roams(every, most time.Duration) {
	gaps := scatter(h.r, h.end, every, func() time.Duration { return between(h.r, 300*time.Millisecond, most) })
	h.up.gaps, h.down.gaps = merge(h.up.gaps, gaps, 0), merge(h.down.gaps, gaps, 0)
}

// judged marks when the link is truly dead: when no question can have been answered
// for so long, as nothing has passed in one direction or the other for more than a
// moment that is shorter than a round trip.
func (h *history) judged() {
	for _, g := range merge(h.up.gaps, h.down.gaps, h.up.delay+h.down.delay) {
		if g.length() >= deadGap {
			h.dead = append(h.dead, span{g.from, g.until + aftermath})
		}
	}
	if h.death > 0 {
		h.dead = append(h.dead, span{h.death, never})
	}
}

// bloats fills the queues, of one direction or of both.
func (h *history) bloats(every time.Duration) {
	which := h.r.IntN(3)
	for _, s := range scatter(h.r, h.end, every, func() time.Duration { return between(h.r, 5*time.Second, 30*time.Second) }) {
		q := queue{span: s, most: between(h.r, time.Second, 3*time.Second), fill: between(h.r, 2*time.Second, 8*time.Second)}
		if which != 0 {
			h.up.queues = append(h.up.queues, q)
		}
		if which != 1 {
			h.down.queues = append(h.down.queues, q)
		}
	}
}

// steps changes the delay of the path now and then, at once.
func (h *history) steps(every time.Duration) {
	for _, s := range scatter(h.r, h.end, every, func() time.Duration { return time.Second }) {
		delay := between(h.r, 10*time.Millisecond, 300*time.Millisecond)
		h.up.steps = append(h.up.steps, step{s.from, delay})
		h.down.steps = append(h.down.steps, step{s.from, delay})
	}
}

// stallsOften keeps the client from running, once for long or often for short.
func (h *history) stallsOften(every time.Duration) {
	var all spans
	for _, s := range scatter(h.r, h.end, every, func() time.Duration { return between(h.r, time.Second, 30*time.Second) }) {
		if h.r.IntN(4) > 0 {
			all = append(all, s)
			continue
		}
		t := s.from
		for range 5 + h.r.IntN(16) {
			until := t + between(h.r, 300*time.Millisecond, 3*time.Second)
			all = append(all, span{t, until})
			t = until + between(h.r, 100*time.Millisecond, 3*time.Second)
		}
	}
	h.stalls = merge(h.stalls, all, 0)
}

// pauses stops the client's machine, with its monotonic clock or without.
func (h *history) pauses(every time.Duration, drop bool) {
	s := scatter(h.r, h.end, every, func() time.Duration { return between(h.r, time.Second, 60*time.Second) })
	h.stalls = merge(h.stalls, s, 0)
	if drop {
		h.drops = s
	}
	if h.r.IntN(2) == 0 {
		h.frozen = s
	}
}

// sleeps lets eight hours pass on the wall clock, thrice in an hour. The link may
// still work after it, or not.
func (h *history) sleeps() {
	for _, s := range scatter(h.r, h.end, 20*time.Minute, func() time.Duration { return 2 * time.Second }) {
		h.stalls, h.drops = append(h.stalls, s), append(h.drops, s)
		h.frozen = append(h.frozen, span{s.from, s.until - 500*time.Millisecond})
		h.jumps = append(h.jumps, jump{s.until, 8 * time.Hour})
	}
}

// steered steps the wall clock, as a time service does.
func (h *history) steered(every time.Duration) {
	for _, s := range scatter(h.r, h.end, every, func() time.Duration { return 1 }) {
		h.jumps = append(h.jumps, jump{s.from, between(h.r, -2*time.Minute, 2*time.Minute)})
	}
}
