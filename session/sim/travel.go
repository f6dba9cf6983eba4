package sim

import (
	"time"

	"github.com/holdfast-go/holdfast/policy"
)

// How long things take, in round trips: a connection with TLS 1.3, and the answer to
// its upgrade to a WebSocket. What follows was measured with the call example: a
// join negotiates and connects media.
const (
	dialTrips        = 2 // until the request is sent
	joinTrips        = 7 // after the server has let it in
	resumeTrips      = 1
	resumeMediaTrips = 4
	restartTrips     = 2
)

// resendAfter is how long TCP waits for an acknowledgment, on top of a round trip,
// and resendFirst how long for that of its first packet (RFC 6298).
const (
	resendAfter = 200 * time.Millisecond
	resendFirst = time.Second
	resends     = 8
)

// delay is the one-way delay to a server.
func (c *client) delay(w *shard, server int16) time.Duration {
	way := w.plan.ways[c.way]
	if server != c.home {
		way += w.plan.Network.Away
	}
	return way
}

// reach is when a packet arrives that is sent at a time, and again until it gets
// through.
func (c *client) reach(w *shard, server int16, sent, again time.Duration) time.Duration {
	place, loss := &w.plan.places[server], w.plan.Network.Loss
	for range resends {
		if sent >= c.awayUntil && !place.silent(sent) && !c.nature.happens(loss) {
			return sent + c.delay(w, server)
		}
		sent, again = sent+again, 2*again
	}
	return never
}

// ping asks signaling for an answer.
func (c *client) ping(w *shard, id uint64) {
	way := c.delay(w, c.link.server)
	again := resendAfter + 2*way
	if there := c.reach(w, c.link.server, c.now, again); there != never && !c.link.signalingDead {
		c.put(event{at: c.reach(w, c.link.server, there, again), kind: ponged, id: id})
	}
}

// probe asks the media path for an answer.
func (c *client) probe(w *shard, id uint64) {
	loss := w.plan.Network.Loss
	if c.mediaWorks(w) && !c.nature.happens(loss) && !c.nature.happens(loss) {
		c.put(event{at: c.now + 2*c.delay(w, c.link.server), kind: probed, id: id})
	}
}

// request is an attempt on its way to a server.
type request struct {
	at     time.Duration // when it arrives
	client uint32
	number uint32 // of the attempt
	level  policy.Level
	server int16
	// known: it is a resume, and the server still has the session.
	known bool
	way   time.Duration // back to the client
	rest  time.Duration // until it is complete, once it was served
}

// The ends of an attempt.
const (
	accepted    uint8 = iota
	refused           // code, id: for how long, server: where to go
	forgotten         // a resume of a session that the server does not have
	unreachable       // nobody listens there
	broken            // the connection has broken
	offline           // this client has no network
)

// try begins an attempt. What becomes of it without a server's doing is known at
// once.
func (c *client) try(w *shard, r request, media bool) {
	c.attempt = attempt{number: c.attempt.number + 1, server: r.server, running: true}
	c.toll.attempts++
	w.tally.begun++
	r.client, r.number, r.way = c.number, c.attempt.number, c.delay(w, r.server)
	r.rest = c.rest(w, r, media)
	if c.awayUntil > c.now && c.hints {
		c.answer(c.now, offline)
		w.tally.count(r.server, c.now, lost)
		return
	}
	if r.level == policy.RestartMedia {
		c.send(w, r, c.now)
		return
	}
	c.dial(w, r)
}

// dial opens the connection over which the request goes.
func (c *client) dial(w *shard, r request) {
	there := c.reach(w, r.server, c.now, resendFirst)
	switch place := &w.plan.places[r.server]; {
	case there == never:
		w.tally.count(r.server, c.now, lost)
	case place.down(there):
		w.tally.count(r.server, there, dead)
		c.answer(there+r.way, unreachable)
	default:
		c.send(w, r, there+r.way+2*r.way*(dialTrips-1))
	}
}

// send sends the request.
func (c *client) send(w *shard, r request, sent time.Duration) {
	r.at = c.reach(w, r.server, sent, resendAfter+2*r.way)
	place := &w.plan.places[r.server]
	switch _, breaks := place.breaks(c.now, r.at); {
	case r.at == never, r.level == policy.RestartMedia && c.link.signalingDead:
		w.tally.count(r.server, c.now, lost)
	case breaks:
		w.tally.count(r.server, r.at, dead)
		c.answer(r.at+r.way, broken)
	default:
		r.known = r.level == policy.Resume && c.known(place, r)
		c.waits++
		w.outbox = append(w.outbox, r)
	}
}

// known says whether the server still has the client's session when a request comes.
func (c *client) known(l *place, r request) bool {
	return r.server == c.link.server && c.link.life == l.life(r.at) && l.ResumeFor > 0 &&
		(!c.link.signalingDead || r.at-c.link.lost <= l.ResumeFor)
}

// rest is how long it takes to complete an attempt that was let in.
func (c *client) rest(w *shard, r request, media bool) time.Duration {
	trips := joinTrips
	switch {
	case r.level == policy.RestartMedia:
		trips = restartTrips
	case r.level == policy.Resume && media:
		trips = resumeMediaTrips
	case r.level == policy.Resume:
		trips = resumeTrips
	}
	rest := time.Duration(trips) * 2 * r.way
	for range 2 * trips {
		if c.nature.happens(w.plan.Network.Loss) {
			rest += resendAfter + 2*r.way
		}
	}
	return rest
}

// answer enters the end of the running attempt.
func (c *client) answer(at time.Duration, how uint8) {
	c.agenda.put(event{at: at, kind: answered, epoch: c.attempt.number, what: how, server: -1})
}

// abandon gives up the running attempt. What is on its way arrives all the same.
func (c *client) abandon() { c.attempt.running = false }
