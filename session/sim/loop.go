package sim

import (
	"time"

	"github.com/holdfast-go/holdfast/policy"
)

// loop is the mind of an open-loop client.
type loop struct {
	plan    *Schedule
	stage   stage
	due     time.Duration // the end of the stage, or when the death of the link is noticed
	lost    time.Duration // when the loss was known
	attempt int           // attempts since then
}

// stage is what an open-loop client is at.
type stage uint8

const (
	attached stage = iota
	pausing
	trying
	over
)

func (l *loop) next() time.Duration { return l.due }

func (l *loop) tick(w *shard, c *client) {
	switch l.stage {
	case attached:
		l.lose(w, c)
	case pausing:
		l.try(w, c)
	case trying:
		c.abandon(w)
		l.fail(w, c)
	}
}

// lose takes the link for lost.
func (l *loop) lose(w *shard, c *client) {
	c.held = false
	c.hangUp()
	l.lost, l.attempt = c.now, 0
	l.pause(w, c)
}

func (l *loop) pause(w *shard, c *client) {
	s := l.plan
	if s.MaxAttempts > 0 && l.attempt >= s.MaxAttempts || s.MaxElapsed > 0 && c.now-l.lost >= s.MaxElapsed {
		l.giveUp(c)
		return
	}
	l.stage, l.due = pausing, after(c.now, s.wait(l.attempt+1, c.jitter.float()))
	if l.due == c.now {
		l.try(w, c)
	}
}

func (l *loop) giveUp(c *client) { l.stage, l.due, c.ended = over, never, true }

func (l *loop) try(w *shard, c *client) {
	if s := l.plan; s.MaxElapsed > 0 && c.now-l.lost >= s.MaxElapsed {
		l.giveUp(c)
		return
	}
	l.attempt++
	l.stage, l.due = trying, after(c.now, l.plan.timeout())
	c.try(w, policy.Rejoin, l.server(w, c), true)
}

// server is the home at first, and then the others in turn.
func (l *loop) server(w *shard, c *client) int16 {
	return int16((int(c.home) + l.attempt - 1) % len(w.plan.places))
}

func (l *loop) fail(w *shard, c *client) { l.pause(w, c) }

func (l *loop) ended(w *shard, c *client, e event) {
	if e.what != accepted {
		l.fail(w, c)
		return
	}
	l.stage, l.due = attached, never
	c.held = true
	c.connect(w, c.attempt.server)
	w.recovered(policy.Rejoin)
}

func (l *loop) told(w *shard, c *client, _ event) {
	if l.stage == attached {
		l.lose(w, c)
	}
}

// felt begins or ends the time that it takes to notice.
func (l *loop) felt(c *client, works bool) {
	switch {
	case l.stage != attached:
	case works:
		l.due = never
	case l.due == never:
		l.due = after(c.now, l.plan.Detect)
	}
}

func (l *loop) hinted(*shard, *client, bool)   {}
func (l *loop) ponged(*shard, *client, uint64) {}
func (l *loop) probed(*shard, *client, uint64) {}
func (l *loop) sampled(*shard, *client)        {}
