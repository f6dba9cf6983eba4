package linkhistory

import "time"

const (
	checkEvery    = 2 * time.Second // binding requests of either side
	messagesEvery = 20 * time.Second
	slowest       = 50 * time.Millisecond // that the server is with a pong
)

// serve does what the server does by itself, and schedules the next.
func (w *world) serve(k kind) {
	switch k {
	case rtcpSent:
		if w.talker.content != NoTracks {
			w.send(&w.down, w.service, MediaDead, rtcpHeard, 0)
		}
		w.later(between(w.service, w.rtcpEvery/2, w.rtcpEvery*3/2), k)
	case checkSent:
		w.send(&w.down, w.service, MediaDead, checkHeard, 0)
		w.later(checkEvery, k)
	case messageSent:
		if w.now >= w.truth.hushedUntil {
			w.push.write(w.now, 0)
		}
		w.after(exponential(w.service, messagesEvery), k, 0)
	}
}

// later schedules what the client would not receive while it sleeps for the time
// when it may.
func (w *world) later(in time.Duration, k kind) {
	w.after(max(in, w.truth.hushedUntil-slack-w.now), k, 0)
}

// pinged takes a ping at the server.
func (w *world) pinged(id uint64) { w.after(between(w.answers, 0, slowest), pongSent, id) }

// giveUp takes a connection that an end has given up for dead.
func (w *world) giveUp(s *stream) {
	if s.abandoned {
		w.truth.dead |= SignalingDead
	}
}
