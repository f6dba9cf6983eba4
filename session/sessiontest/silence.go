package sessiontest

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Silence makes layers of an epoch's link a black hole from now on, and lets the
// others come back:
//
//	tr.Silence(sessiontest.Newest, health.Media)     // media is dead, signaling works
//	tr.Silence(sessiontest.Newest, health.Both)      // both are dead
//	tr.Silence(sessiontest.Newest, 0)                // everything works again
//
// Nothing comes in from a silent layer: no answer, no packet of Link.Media, nothing
// of Transport.Alive. Calls on the link go on to work, as writes to a dead
// connection do, and what Transport reports otherwise still arrives. When signaling
// comes back, as a reliable connection would, the answers to the pings of the
// meantime come at once; media probes of the meantime are lost.
func (t *Transport) Silence(epoch uint64, layers health.Layers) {
	t.mu.Lock()
	l := t.life(epoch)
	l.silent = layers
	var held []uint64
	if !layers.Has(health.Signaling) {
		held, l.held = l.held, nil
	}
	t.mu.Unlock()
	for _, id := range held {
		l.pong(t, id)
	}
}

// hears reports whether something may come in on a layer of the link.
func (l *life) hears(layers health.Layers) bool { return !l.closed && l.silent&layers == 0 }

// maxHeld is how many pings wait for signaling to come back.
const maxHeld = 64

// pong reports the answer to a ping, unless the link is closed by then. A silent
// one answers when it comes back.
func (l *life) pong(t *Transport, id uint64) {
	t.mu.Lock()
	hears := l.hears(health.Signaling)
	if !hears && !l.closed && len(l.held) < maxHeld {
		l.held = append(l.held, id)
	}
	t.mu.Unlock()
	if hears {
		l.reporter.Pong(id)
	}
}

// probed reports the answer to a media probe, if it gets through.
func (l *life) probed(t *Transport, id uint64) {
	if t.hears(l, health.Media) {
		l.reporter.Probed(id)
	}
}

func (t *Transport) hears(l *life, layers health.Layers) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return l.hears(layers)
}

// flow begins to let media packets come in, if the link is to have any, with the
// lock held.
func (l *life) flow(t *Transport) {
	if l.opened && !l.closed && !l.flowing && l.can.Media > 0 {
		l.flowing = true
		time.AfterFunc(l.can.Media, func() { l.packet(t) })
	}
}

// packet lets one media packet come in, and the next one later.
func (l *life) packet(t *Transport) {
	t.mu.Lock()
	l.flowing = false
	comes := l.can.Media > 0 && l.hears(health.Media)
	l.flow(t)
	t.mu.Unlock()
	if comes {
		l.reporter.Alive(status.LayerMedia)
	}
}

// layersOf is a layer as the detector names it.
func layersOf(l status.Layer) health.Layers {
	switch l {
	case status.LayerMedia:
		return health.Media
	case status.LayerSignaling:
		return health.Signaling
	}
	return 0
}
