package session

import (
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// Reporter is where a link tells its session what it learns. Its methods may
// be called from any goroutine and never block. It dies with its epoch: what
// it reports after the next attempt has begun is dropped and counted, except
// that for 2 s MeetingEnded, TURNCredentialsForbidden and AudioAttendeeRemoved
// still end the session. The zero value, and nil, drop everything.
type Reporter struct {
	s     *Session
	epoch uint64
	to    Reports // gets the reports of a Reporter without a session; nil: nobody
	// heard holds when bytes last came in, in nanoseconds since the session
	// was made: signaling and media.
	signaling, media atomic.Int64
}

// Status reports a status from the signaling or the media layer. Codes without
// consequences, such as status.OK, do nothing.
func (r *Reporter) Status(st status.Status) {
	if r.elsewhere() {
		r.to.Status(st)
		return
	}
	st = unshared(st)
	r.report(machine.Input{Kind: machine.Reported, Status: st})
}

// Closed reports that a layer of the link is gone, with the error that told
// so, if there was one. A status code in the error decides; without one
// signaling counts as SignalingChannelClosedUnexpectedly, media as
// ConnectionHealthReconnect, and the reason grace applies.
func (r *Reporter) Closed(layer status.Layer, err error) {
	if r.elsewhere() {
		r.to.Closed(layer, err)
		return
	}
	r.report(closed(layer, err))
}

func closed(layer status.Layer, err error) machine.Input {
	st := unshared(policy.StatusOf(err))
	_, coded := status.CodeOf(err)
	if !coded && !st.Permanent {
		st = status.Status{Cause: err} // the core puts in the code that stands for the layer
	}
	if st.Layer == status.LayerUnknown {
		st.Layer = layer
	}
	return machine.Input{Kind: machine.LinkClosed, Layer: layer, Status: st, Bare: !coded && !st.Permanent}
}

// Present reports that the attendee is on the roster. It matters only when
// Config.PresenceTimeout is set.
func (r *Reporter) Present() {
	if r.elsewhere() {
		r.to.Present()
		return
	}
	r.report(machine.Input{Kind: machine.Present})
}

// Pong reports the answer to the ping with this id.
func (r *Reporter) Pong(id uint64) {
	if r.elsewhere() {
		r.to.Pong(id)
		return
	}
	if r.live() {
		r.note(status.LayerSignaling)
		r.s.postPong(r.epoch, id)
	}
}

// Probed reports the answer to the media probe with this id.
func (r *Reporter) Probed(id uint64) {
	if r.elsewhere() {
		r.to.Probed(id)
		return
	}
	if r.live() {
		r.note(status.LayerMedia)
		r.s.postProbed(r.epoch, id)
	}
}

// Expect declares what should come in on the media path from now on; it holds
// for this link until the next call. The newest call counts. A link that never
// calls it has declared health.ExpectUnknown.
func (r *Reporter) Expect(e health.Expectation) {
	if r.elsewhere() {
		r.to.Expect(e)
		return
	}
	if r.live() {
		r.s.postExpected(r.epoch, e)
	}
}

// Doubt reports bad evidence about a layer that is no verdict, such as the ICE
// state "disconnected": the session does not act on it, but looks at the link at
// once instead of waiting for the silence to show. Why is for events and logs.
func (r *Reporter) Doubt(layer status.Layer, why error) {
	if r.elsewhere() {
		r.to.Doubt(layer, why)
		return
	}
	r.report(machine.Input{Kind: machine.Doubted, Layer: layer, Status: status.Status{Layer: layer, Cause: why}})
}

// Sample reports one health sample, about once a second. If samples come
// faster than they are judged, the newest one counts.
func (r *Reporter) Sample(hs health.Sample) {
	if r.elsewhere() {
		r.to.Sample(hs)
		return
	}
	if r.live() {
		r.s.postSample(r.epoch, &hs)
	}
}

// Alive reports inbound bytes on a layer: a sign of life. It costs little
// enough for every packet.
func (r *Reporter) Alive(layer status.Layer) {
	if r.elsewhere() {
		r.to.Alive(layer)
		return
	}
	if r.live() {
		r.note(layer)
	}
}

// elsewhere says that the reports go to another place than a session.
func (r *Reporter) elsewhere() bool { return r != nil && r.to != nil }

// note notes inbound bytes of now.
func (r *Reporter) note(layer status.Layer) {
	now := int64(time.Since(r.s.birth))
	if layer == status.LayerMedia {
		r.media.Store(now)
	} else {
		r.signaling.Store(now)
	}
}

// live reports whether the epoch is still the session's, and counts if not.
func (r *Reporter) live() bool {
	if r == nil || r.s == nil {
		return false
	}
	if r.epoch == r.s.epoch.Load() {
		return true
	}
	r.s.stale.Add(1)
	return false
}

func (r *Reporter) report(in machine.Input) {
	if r == nil || r.s == nil {
		return
	}
	in.Epoch = r.epoch
	r.s.post(in)
}

func (r *Reporter) heard() machine.Heard {
	return machine.Heard{
		Signaling: time.Duration(r.signaling.Load()), Media: time.Duration(r.media.Load()),
	}
}
