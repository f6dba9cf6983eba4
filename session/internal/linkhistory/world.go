package linkhistory

import (
	"math/rand/v2"
	"time"
)

// world is one history: a server, the path, and a client with its watcher.
type world struct {
	now    time.Duration // true time
	end    time.Duration
	events events
	epoch  uint32 // of the link

	up, down  way
	talker    talker
	flight    flight
	rtcpEvery time.Duration
	ping      stream // up: pings
	push      stream // down: messages and pongs
	weathers  []weather
	client    client
	stands    bool          // the monotonic clock of the client stands still while its machine does
	asleep    time.Duration // in all
	truth     truth
	record    record

	fate    *rand.Rand // what is the same for every detector: weather
	voice   *rand.Rand // the way of RTP
	service *rand.Rand // what the server does by itself, and its way
	answers *rand.Rand // what depends on what the detector does
}

// newWorld makes the world of a seed, with a quiet path.
func newWorld(seed uint64) *world {
	w := &world{
		fate: source(seed, 1), voice: source(seed, 2), service: source(seed, 3), answers: source(seed, 4),
	}
	w.record.seed = seed
	w.talker.r = source(seed, 5)
	w.up.delay = scaled(w.fate, time.Millisecond, 300*time.Millisecond)
	w.down.delay = w.up.delay
	w.rtcpEvery = between(w.fate, time.Second, 5*time.Second)
	w.join(&w.ping, upSegment, &w.up, &w.down)
	w.join(&w.push, downSegment, &w.down, &w.up)
	w.ping.deliver = w.pinged
	w.push.deliver = func(payload uint64) { w.client.take(messageHeard, payload) }
	w.client.init(w, source(seed, 6))
	w.truth.excusedUntil = -1
	w.plant()
	return w
}

// plant schedules what the server does by itself.
func (w *world) plant() {
	w.after(between(w.service, 0, w.rtcpEvery), rtcpSent, 0)
	w.after(between(w.service, 0, checkEvery), checkSent, 0)
	w.after(exponential(w.service, messagesEvery), messageSent, 0)
}

// after schedules an event of the present link.
func (w *world) after(d time.Duration, k kind, id uint64) {
	w.events.push(event{at: w.now + d, kind: k, id: id, epoch: w.epoch})
}

// send puts something on a way; if it passes, it is an event when it arrives.
func (w *world) send(on *way, r *rand.Rand, layer Verdict, k kind, id uint64) {
	if on.dead&layer != 0 {
		return
	}
	if at, ok := on.pass(r, w.now); ok {
		w.events.push(event{at: at, kind: k, id: id, epoch: w.epoch})
	}
}

// join gives a stream its ways; first is the first of its three kinds of events.
func (w *world) join(s *stream, first kind, data, acks *way) {
	s.transmit = func(seq uint64) { w.send(data, w.answers, SignalingDead, first, seq) }
	s.acknowledge = func(upTo uint64) { w.send(acks, w.answers, SignalingDead, first+1, upTo) }
	s.setTimer = func(in time.Duration, timer uint64) { w.after(in, first+2, timer) }
}

// run lets awake time pass until end, or until the trial is over.
func (w *world) run(end time.Duration) {
	for w.end = end; w.step(); {
	}
}

// step lets the next thing happen, false if there is none.
func (w *world) step() bool {
	sent, heard, other := w.talker.due, w.flight.next(), w.events.next()
	next := min(sent, heard, other, w.client.due)
	if next >= w.end {
		w.now = w.end
		return false
	}
	w.now = next
	switch next {
	case heard:
		w.client.take(rtpHeard, w.flight.pop().number)
	case sent:
		w.speak()
	case other:
		w.handle(w.events.pop())
	default:
		w.client.wake()
	}
	return true
}

// speak sends an RTP packet.
func (w *world) speak() {
	number := w.talker.next()
	if w.down.dead&MediaDead != 0 {
		return
	}
	if at, ok := w.down.pass(w.voice, w.now); ok {
		w.flight.push(packet{at, number})
	}
}

// handle lets an event happen, unless it belongs to a link that is gone.
func (w *world) handle(e event) {
	switch e.kind {
	case weatherTurns:
		w.turn(e.id)
	case clientResumes:
		w.client.resume()
	case rtcpSent, checkSent, messageSent:
		w.serve(e.kind)
	default:
		if e.epoch == w.epoch {
			w.handleOfLink(e)
		}
	}
}

func (w *world) handleOfLink(e event) {
	switch e.kind {
	case reconnects:
		w.reconnect()
	case requestMet:
		w.send(&w.down, w.answers, MediaDead&^w.truth.answered, answerHeard, e.id)
	case pongSent:
		w.push.write(w.now, e.id)
	case upSegment:
		w.ping.arrive(e.id)
	case downAck:
		w.push.acked(w.now, e.id)
	case downTimeout:
		w.push.timeout(w.now, e.id)
		w.giveUp(&w.push)
	default:
		w.client.take(e.kind, e.id)
	}
}
