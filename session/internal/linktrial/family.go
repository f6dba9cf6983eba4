package linktrial

import "time"

// Family is a kind of history: healthy for ever, or ending with a death.
type Family struct {
	Name string
	// Death says that each history ends with one.
	Death bool
	shape func(h *history)
}

// Families lists all of them, the healthy ones first.
func Families() []Family {
	return append(healthy(), deaths()...)
}

// Find gives the family of a name.
func Find(name string) (Family, bool) {
	for _, f := range Families() {
		if f.Name == name {
			return f, true
		}
	}
	return Family{}, false
}

func healthy() []Family {
	of := func(c Content) func(*history) { return func(h *history) { h.content = c } }
	losing := func(share float64) func(*history) { return func(h *history) { h.loses(share) } }
	return []Family{
		{Name: "clean", shape: of(Talk)},
		{Name: "dtx", shape: of(DTX)},
		{Name: "mute", shape: of(Mute)},
		{Name: "alone", shape: of(Alone)},
		{Name: "receive-only", shape: of(ReceiveOnly)},
		{Name: "no-tracks", shape: of(NoTracks)},
		{Name: "loss-1", shape: losing(0.01)},
		{Name: "loss-5", shape: losing(0.05)},
		{Name: "loss-10", shape: losing(0.10)},
		{Name: "loss-30", shape: losing(0.30)},
		{Name: "bursts", shape: func(h *history) { h.bursts(30 * time.Second) }},
		{Name: "jitter", shape: func(h *history) { h.jitters(500 * time.Millisecond) }},
		{Name: "bufferbloat", shape: func(h *history) { h.bloats(time.Minute) }},
		{Name: "roaming", shape: func(h *history) { h.roams(3*time.Minute, 6*time.Second) }},
		{Name: "stalls", shape: func(h *history) { h.stallsOften(3 * time.Minute) }},
		{Name: "pause-queued", shape: func(h *history) { h.pauses(3*time.Minute, false) }},
		{Name: "pause-dropped", shape: func(h *history) { h.pauses(3*time.Minute, true) }},
		{Name: "sleep", shape: (*history).sleeps},
		{Name: "lost-samples", shape: func(h *history) { h.deaf = 0.3 }},
		{Name: "rtt-steps", shape: func(h *history) { h.steps(time.Minute); h.steered(5 * time.Minute) }},
		{Name: "everything", shape: everything},
	}
}

// everything has a moderate version of all the rest.
func everything(h *history) {
	h.loses(0.03)
	h.bursts(2 * time.Minute)
	h.roams(10*time.Minute, 6*time.Second)
	h.bloats(5 * time.Minute)
	h.stallsOften(10 * time.Minute)
	h.jitters(100 * time.Millisecond)
	h.deaf = 0.05
}

func deaths() []Family {
	return []Family{
		{Name: "media-dead", Death: true, shape: func(h *history) { h.kills(true, true, false) }},
		{Name: "inbound-dead", Death: true, shape: func(h *history) {
			h.dies()
			h.down.mediaDead, h.down.signalingDead = h.death, h.death
		}},
		{Name: "outbound-dead", Death: true, shape: func(h *history) {
			h.dies()
			h.up.mediaDead, h.up.signalingDead = h.death, h.death
		}},
		{Name: "signaling-dead", Death: true, shape: func(h *history) { h.kills(false, false, true) }},
		{Name: "both-dead", Death: true, shape: func(h *history) { h.kills(true, true, true) }},
		{Name: "nat-rebinding", Death: true, shape: func(h *history) {
			h.dies()
			h.rebound = h.death
			h.down.mediaDead, h.down.signalingDead, h.up.signalingDead = h.death, h.death, h.death
		}},
		{Name: "server-crash", Death: true, shape: func(h *history) { h.kills(true, true, true) }},
		{Name: "media-dead-stalled", Death: true, shape: func(h *history) {
			h.kills(true, true, false)
			h.stalledAtDeath()
		}},
		{Name: "both-dead-stalled", Death: true, shape: func(h *history) {
			h.kills(true, true, true)
			h.stalledAtDeath()
		}},
		{Name: "media-dead-lossy", Death: true, shape: func(h *history) { h.loses(0.05); h.kills(true, true, false) }},
		{Name: "signaling-dead-lossy", Death: true, shape: func(h *history) { h.loses(0.05); h.kills(false, false, true) }},
		{Name: "both-dead-lossy", Death: true, shape: func(h *history) { h.loses(0.05); h.kills(true, true, true) }},
	}
}

// dies sets when. The minute before it is healthy.
func (h *history) dies() {
	h.death = between(h.r, time.Minute, 2*time.Minute)
}

// kills makes layers die.
func (h *history) kills(mediaUp, mediaDown, signaling bool) {
	h.dies()
	if mediaUp {
		h.up.mediaDead = h.death
	}
	if mediaDown {
		h.down.mediaDead = h.death
	}
	if signaling {
		h.up.signalingDead, h.down.signalingDead = h.death, h.death
	}
}

// stalledAtDeath has the client come out of a stall at the moment of the death.
func (h *history) stalledAtDeath() {
	h.stalls = spans{{h.death - between(h.r, time.Second, 20*time.Second), h.death}}
}
