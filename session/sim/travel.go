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
// and resendFirst how long for that of its first packet (RFC 6298), twice as long
// each time; after so many it gives up.
const (
	resendAfter = 200 * time.Millisecond
	resendFirst = time.Second
	resends     = 12
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

// try begins an attempt.
func (c *client) try(w *shard, level policy.Level, server int16, media bool) {
	c.attempt = attempt{number: c.attempt.number + 1, level: level, server: server, media: media, running: true}
	c.toll.attempts++
	w.tally.begun++
	switch {
	case c.awayUntil > c.now && c.hints:
		c.meets(w, c.now, lost)
		c.answer(c.now+time.Millisecond, offline, 0) // it takes some time at least
	case level == policy.RestartMedia:
		c.send(asks, c.now, 0)
	default:
		c.send(dials, c.now, 0)
	}
}

// send enters when a packet of the attempt is sent, for the first time or again. One
// that was given up sends nothing any more.
func (c *client) send(kind happening, at time.Duration, times uint8) {
	c.agenda.put(event{at: at, kind: kind, epoch: c.attempt.number, what: times})
}

// passes says whether a packet that is sent now gets through. If not, it is sent again
// later.
func (c *client) passes(w *shard, e event, again time.Duration) bool {
	place := &w.plan.places[c.attempt.server]
	if c.now >= c.awayUntil && !place.silent(c.now) && !c.nature.happens(w.plan.Network.Loss) {
		return true
	}
	if e.what < resends {
		c.send(e.kind, c.now+again<<e.what, e.what+1)
	}
	return false
}

// dial sends the first packet of a connection.
func (c *client) dial(w *shard, e event) {
	if !c.passes(w, e, resendFirst) {
		return
	}
	way := c.delay(w, c.attempt.server)
	there := c.now + way
	if outage, down := at(w.plan.places[c.attempt.server].outages, there); down && outage.answer == 0 {
		c.meets(w, there, dead)
		c.answer(there+way, unreachable, 0)
		return
	}
	c.attempt.dialed = c.now
	c.send(asks, c.now+2*way*dialTrips, 0)
}

// ask sends the request, over the new connection or the one that is there.
func (c *client) ask(w *shard, e event) {
	a, way := &c.attempt, c.delay(w, c.attempt.server)
	inside := a.level == policy.RestartMedia
	if inside && c.link.signalingDead || !c.passes(w, e, resendAfter+2*way) {
		return
	}
	place, there := &w.plan.places[a.server], c.now+way
	outage, down := at(place.outages, there)
	end, breaks := place.breaks(a.dialed, there)
	switch {
	case inside && down: // of which it will hear
	case breaks && end.silent: // nobody says so
	case down && outage.answer != 0:
		c.meets(w, there, dead)
		c.answer(there+way, refused, outage.answer)
	case breaks && !inside:
		c.meets(w, there, dead)
		c.answer(there+way, broken, 0)
	default:
		c.request(w, place, there)
	}
}

// request puts the request on its way to the server, which decides about it.
func (c *client) request(w *shard, l *place, there time.Duration) {
	a, way := &c.attempt, c.delay(w, c.attempt.server)
	c.waits++
	a.fated = true
	w.outbox = append(w.outbox, request{
		at: there, client: c.number, number: a.number, level: a.level, server: a.server,
		known: a.level == policy.Resume && c.known(l, there), way: way, rest: c.rest(w, way),
	})
}

// meets counts the fate of the running attempt, if it is not a server's doing.
func (c *client) meets(w *shard, at time.Duration, f fate) {
	c.attempt.fated = true
	w.tally.count(c.attempt.server, at, f)
}

// known says whether the server still has the client's session when a request comes.
func (c *client) known(l *place, at time.Duration) bool {
	return c.attempt.server == c.link.server && c.link.life == l.life(at) && l.ResumeFor > 0 &&
		(!c.link.signalingDead || at-c.link.lost <= l.ResumeFor)
}

// rest is how long it takes to complete the attempt once it was let in.
func (c *client) rest(w *shard, way time.Duration) time.Duration {
	trips := joinTrips
	switch a := &c.attempt; {
	case a.level == policy.RestartMedia:
		trips = restartTrips
	case a.level == policy.Resume && a.media:
		trips = resumeMediaTrips
	case a.level == policy.Resume:
		trips = resumeTrips
	}
	rest := time.Duration(trips) * 2 * way
	for range 2 * trips {
		if c.nature.happens(w.plan.Network.Loss) {
			rest += resendAfter + 2*way
		}
	}
	return rest
}

// answer enters the end of the running attempt.
func (c *client) answer(at time.Duration, how uint8, code int) {
	c.agenda.put(event{at: at, kind: answered, epoch: c.attempt.number, what: how, code: int16(code), server: -1})
}

// abandon gives up the running attempt. A request that is on its way arrives all the
// same.
func (c *client) abandon(w *shard) {
	if c.attempt.running && !c.attempt.fated {
		c.meets(w, c.now, lost)
	}
	c.attempt.running = false
}
