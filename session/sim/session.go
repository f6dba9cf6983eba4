package sim

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// ours is the mind of a session: the core that ships, and around it what package
// session does with its effects.
type ours struct {
	core *machine.Machine
	// offset is how far its clock is ahead.
	offset time.Duration
	epoch  uint64 // of the core's link
	op     uint64 // the restart or resume that is running
	bytes  uint64 // of media that have come in
}

// next is the core's deadline.
func (o *ours) next() time.Duration {
	at, ok := o.core.Deadline()
	if !ok {
		return never
	}
	return max(at-o.offset, 0)
}

func (o *ours) tick(w *shard, c *client) { o.handle(w, c, machine.Input{Kind: machine.Tick}) }

// began is where the wall clocks of the sessions begin.
var began = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// handle gives an input to the core, does what it asks for, and then what that has
// led to at once.
func (o *ours) handle(w *shard, c *client, in machine.Input) {
	w.current = c
	w.inbox = append(w.inbox[:0], in)
	for i := 0; i < len(w.inbox); i++ {
		in := &w.inbox[i]
		if in.Epoch == 0 || in.Epoch == o.epoch {
			in.Heard = o.heard(c)
		}
		mono := c.now + o.offset
		o.core.Lend(w.effects)
		w.effects = o.core.Handle(machine.Instant{Mono: mono, Wall: began.Add(mono)}, *in)
		for j := range w.effects {
			o.perform(w, c, &w.effects[j])
		}
	}
}

// heard is when bytes last came in, on the core's clock.
func (o *ours) heard(c *client) (h machine.Heard) {
	if o.epoch == 0 {
		return h
	}
	if at := c.mediaHeard(); at > 0 {
		h.Media = at + o.offset
	}
	if c.link.signaling > 0 {
		h.Signaling = c.link.signaling + o.offset
	}
	return h
}

func (o *ours) perform(w *shard, c *client, e *machine.Effect) {
	switch e.Kind {
	case machine.Notify:
		o.notice(w, c, e.Event)
	case machine.Ping:
		c.ping(w, e.ID)
	case machine.Probe:
		c.probe(w, e.ID)
	case machine.Open:
		o.epoch = e.Epoch
		c.link.media, c.link.signaling = 0, 0
		c.try(w, policy.Rejoin, o.server(w, c, e), true)
	case machine.Restart:
		o.op = e.ID
		c.try(w, policy.RestartMedia, c.link.server, true)
	case machine.Resume:
		o.op = e.ID
		c.try(w, policy.Resume, o.server(w, c, e), e.Attempt.RestartMedia)
	default:
		o.end(w, c, e)
	}
}

// end does what ends something.
func (o *ours) end(w *shard, c *client, e *machine.Effect) {
	cancelled := status.New(status.TaskFailed, errCancelled)
	switch e.Kind {
	case machine.CancelOpen:
		c.abandon(w)
		o.post(w, machine.Input{Kind: machine.OpenFailed, Epoch: e.Epoch, Status: cancelled})
	case machine.CancelRestore:
		c.abandon(w)
		o.post(w, machine.Input{Kind: machine.Restored, Epoch: e.Epoch, ID: e.ID, Status: cancelled})
	case machine.CloseLink:
		c.hangUp()
		o.post(w, machine.Input{Kind: machine.CloseDone, Epoch: e.Epoch})
	case machine.Finish:
		c.ended, c.held = true, false
	}
}

func (o *ours) post(w *shard, in machine.Input) { w.inbox = append(w.inbox, in) }

// server is where an attempt goes.
func (o *ours) server(w *shard, c *client, e *machine.Effect) int16 {
	if place, known := w.plan.names[e.Attempt.Endpoint]; known {
		return place
	}
	return c.home
}

// notice takes what observers hear.
func (o *ours) notice(w *shard, c *client, e observer.Event) {
	switch e := e.(type) {
	case observer.Connected:
		c.held = true
	case observer.Reconnecting:
		c.held = false
	case observer.Recovered:
		w.recovered(e.Outage.Level)
	}
	if w.plan.watch != nil {
		w.plan.watch(int(c.number), c.now-preroll, e)
	}
}

// ended tells the core how an attempt has ended.
func (o *ours) ended(w *shard, c *client, e event) {
	if e.what == accepted {
		o.succeed(w, c)
		return
	}
	in := machine.Input{Kind: machine.OpenFailed, Epoch: o.epoch, Status: w.plan.failure(e)}
	if c.attempt.level < policy.Rejoin {
		in.Kind, in.ID, in.Refused = machine.Restored, o.op, e.what == forgotten
	}
	in.Rejected = e.what == refused && (e.code == 401 || e.code == 403)
	o.handle(w, c, in)
}

func (o *ours) succeed(w *shard, c *client) {
	if c.attempt.level < policy.Rejoin {
		c.restored(w)
		c.flow(w)
		o.handle(w, c, machine.Input{Kind: machine.Restored, Epoch: o.epoch, ID: o.op})
		return
	}
	c.connect(w, c.attempt.server)
	c.flow(w)
	o.bytes = 0
	o.handle(w, c, machine.Input{Kind: machine.Opened, Epoch: o.epoch, Abilities: w.plan.abilities()})
	o.handle(w, c, machine.Input{Kind: machine.Expected, Epoch: o.epoch, Expect: health.ExpectMedia})
	if w.plan.Client.PresenceTimeout > 0 {
		o.handle(w, c, machine.Input{Kind: machine.Present, Epoch: o.epoch})
	}
}

// told tells the core what the link has said about its end.
func (o *ours) told(w *shard, c *client, e event) {
	if e.kind == closed {
		st, bare := stretch{code: int(e.code)}.goodbye()
		st.Directive = w.plan.directive(e)
		o.handle(w, c, machine.Input{Kind: machine.LinkClosed, Epoch: o.epoch, Layer: status.LayerSignaling, Status: st, Bare: bare})
		return
	}
	for _, d := range [...]struct {
		layer uint8
		name  status.Layer
	}{{mediaLayer, status.LayerMedia}, {signalingLayer, status.LayerSignaling}} {
		if e.what&d.layer != 0 {
			o.handle(w, c, machine.Input{
				Kind: machine.LinkClosed, Epoch: o.epoch, Layer: d.name, Status: status.Status{Layer: d.name}, Bare: true,
			})
		}
	}
}

func (o *ours) felt(*client, bool) {}

func (o *ours) hinted(w *shard, c *client, away bool) {
	hint := observer.NetworkUp
	if away {
		hint = observer.NetworkDown
	}
	o.handle(w, c, machine.Input{Kind: machine.Hinted, Hint: hint})
}

func (o *ours) ponged(w *shard, c *client, id uint64) {
	o.handle(w, c, machine.Input{Kind: machine.Ponged, Epoch: o.epoch, ID: id})
}

func (o *ours) probed(w *shard, c *client, id uint64) {
	o.handle(w, c, machine.Input{Kind: machine.Probed, Epoch: o.epoch, ID: id})
}

// sampled reports what the media layer of an audio call would.
func (o *ours) sampled(w *shard, c *client) {
	const packets, size = 50, 160
	w.sample = health.Sample{AudioPacketsReceived: health.Some(0), AudioLoss: health.Some(0), AudioPacketsSent: health.Some(packets)}
	if c.mediaWorks(w) {
		o.bytes += packets * size
		w.sample.AudioPacketsReceived, w.sample.AudioLoss = health.Some(packets), health.Some(100*w.plan.Network.Loss)
	}
	w.sample.BytesReceived = o.bytes
	o.handle(w, c, machine.Input{Kind: machine.Sampled, Epoch: o.epoch, Sample: &w.sample})
}
