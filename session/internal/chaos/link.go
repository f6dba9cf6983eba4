package chaos

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// link is the other side of one epoch, as the core's surroundings know it.
type link struct {
	opened, closed bool
	mutters        bool // pings and probes turn out not to be supported
	silent         health.Layers
	media          time.Duration // how often packets come in
	flows          time.Duration // since when
	heard          machine.Heard
	held           uint64 // the ping that is answered when signaling comes back
}

// hear notes inbound bytes.
func (l *link) hear(now time.Duration, media bool) {
	switch {
	case media && !l.silent.Has(health.Media):
		l.heard.Media = now
	case !media && !l.silent.Has(health.Signaling):
		l.heard.Signaling = now
	}
}

// hears is what was heard by now. The packets of the media are counted when
// somebody asks.
func (l *link) hears(now time.Duration) machine.Heard {
	if l.opened && !l.closed && l.media > 0 && !l.silent.Has(health.Media) {
		if n := (now - l.flows) / l.media; n > 0 {
			l.heard.Media = max(l.heard.Media, l.flows+n*l.media)
		}
	}
	return l.heard
}

// silence makes layers of a link a black hole, and lets the others come back.
func (c *core) silence(l *link, epoch uint64, layers health.Layers) {
	l.hears(c.now.Mono)
	l.flows, l.silent = c.now.Mono, layers
	if c.gone {
		l.silent = health.Both
	}
	if l.held != 0 && !l.silent.Has(health.Signaling) {
		c.queue.put(arrival{at: c.now.Mono, what: aPong, epoch: epoch, id: l.held})
		l.held = 0
	}
}

// asked sends a ping or a probe on its way.
func (c *core) asked(e *machine.Effect, what arriving, layer health.Layers) {
	l := &c.links[e.Epoch-1]
	switch {
	case l.closed:
	case l.mutters, !l.silent.Has(layer):
		c.queue.put(arrival{at: c.now.Mono + time.Duration(c.s.RTT), what: what, epoch: e.Epoch, id: e.ID})
	case what == aPong:
		l.held = e.ID // on a reliable connection it comes when that works again
	}
}

// answered takes the answer to a ping or a probe.
func (c *core) answered(a arrival) {
	l := &c.links[a.epoch-1]
	probe := a.what == aProbe
	layer := health.Signaling
	if probe {
		layer = health.Media
	}
	switch {
	case l.closed || c.ended:
	case l.mutters && probe:
		c.handle(machine.Input{Kind: machine.CannotProbe, Epoch: a.epoch})
	case l.mutters:
		c.handle(machine.Input{Kind: machine.CannotPing, Epoch: a.epoch})
	case l.silent.Has(layer):
	case probe:
		l.hear(c.now.Mono, true)
		c.handle(machine.Input{Kind: machine.Probed, Epoch: a.epoch, ID: a.id})
	default:
		l.hear(c.now.Mono, false)
		c.handle(machine.Input{Kind: machine.Ponged, Epoch: a.epoch, ID: a.id})
	}
}
