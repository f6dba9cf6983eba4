package linktrial

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
)

// world is one history as it runs.
type world struct {
	*history
	watcher Watcher
	probing bool

	now     time.Duration
	queue   events
	seq     uint64
	link    uint32
	streams [2]stream

	packets, expected, bytes, stun uint64 // counted by the client
	rtpEvery                       time.Duration
	spurtUntil                     time.Duration
	tick                           time.Duration // that is scheduled; never: none
	ticks                          uint64        // id of that event; older ones are void
	closed                         bool          // a verdict was given; another link follows
	verdict                        func(health.Layers)
}

// Content is what a call carries.
type Content uint8

// The contents.
const (
	Talk        Content = iota // packets all the time
	DTX                        // pauses in which a packet of comfort noise comes now and then
	Mute                       // reports and consent checks only
	Alone                      // the same: nobody else is there
	ReceiveOnly                // as Talk; the client sends nothing
	NoTracks                   // consent checks only
	contents
)

// expectation is what a client declares of a content.
func (c Content) expectation() health.Expectation {
	if c == Talk || c == ReceiveOnly {
		return health.ExpectMedia
	}
	return health.ExpectKeepalives
}

const (
	rtpSpacing   = 20 * time.Millisecond
	noiseSpacing = 400 * time.Millisecond
	checkEvery   = 2 * time.Second // Pion's consent checks
	rtcpEvery    = 5 * time.Second // RFC 3550 section 6.2
	appEvery     = 20 * time.Second
	reconnects   = time.Second
	packetBytes  = 160
)

func newWorld(h *history, probing bool, watcher Watcher, verdict func(health.Layers)) *world {
	w := &world{history: h, watcher: watcher, probing: probing, verdict: verdict, queue: make(events, 0, 64)}
	w.now = h.begin
	w.connect()
	return w
}

// run lets the history happen until a time.
func (w *world) run(until time.Duration) {
	for len(w.queue) > 0 && w.queue[0].at < until {
		e := w.queue.pop()
		if e.link != w.link || w.asleep(&e) {
			continue
		}
		w.now = e.at
		w.happens(&e)
		w.arm()
	}
	w.now = until
}

// asleep puts off what happens at a client that does not run, or drops it.
func (w *world) asleep(e *event) bool {
	switch {
	case e.kind == mediaAtClient, e.kind == packetAtClient, e.kind == sampleDue:
	case e.kind == segmentArrives && e.id == downstream:
	default:
		return false
	}
	s, ok := w.stalls.at(e.at)
	if !ok {
		return false
	}
	if w.drops.cover(e.at) && (e.kind == mediaAtClient || e.kind == packetAtClient) {
		return true
	}
	e.at = s.until
	w.queue.push(*e)
	return true
}

// connect begins a new link.
func (w *world) connect() {
	w.link++
	w.closed, w.tick = false, never
	w.streams = [2]stream{}
	w.bytes, w.stun, w.packets, w.expected = 0, 0, 0, 0
	if w.content != NoTracks {
		w.schedule(event{at: w.now + between(w.r, 0, rtcpEvery), kind: rtcpSent})
	}
	switch w.content {
	case Talk, DTX, ReceiveOnly:
		w.rtpEvery = rtpSpacing
		w.schedule(event{at: w.now + between(w.r, 0, rtpSpacing), kind: rtpSent})
	}
	w.schedule(event{at: w.now, kind: clientChecks})
	w.schedule(event{at: w.now + between(w.r, 0, checkEvery), kind: serverChecks})
	w.schedule(event{at: w.now + exponential(w.r, appEvery), kind: appMessage})
	w.schedule(event{at: w.now + time.Second, kind: sampleDue})
	w.watcher.Connected(w.instant(), w)
	e := w.content.expectation()
	if w.undeclared {
		e = health.ExpectUnknown
	}
	w.watcher.Expect(w.instant(), e)
	w.arm()
}

func (w *world) schedule(e event) {
	w.seq++
	e.seq, e.link = w.seq, w.link
	w.queue.push(e)
}

// arm schedules the watcher's tick. One that falls into a stall comes at its end,
// before or after everything else.
func (w *world) arm() {
	at, ok := w.watcher.Deadline()
	if !ok {
		return
	}
	due, rank := max(w.trueTime(at), w.now), int8(0)
	if s, stalled := w.stalls.at(due); stalled {
		due, rank = s.until, 1
		if w.ticksFirst {
			rank = -1
		}
	}
	if due != w.tick {
		w.tick = due
		w.ticks++
		w.schedule(event{at: due, kind: tickDue, id: w.ticks, rank: rank})
	}
}

// happens makes an event happen.
func (w *world) happens(e *event) {
	switch e.kind {
	case rtpSent:
		w.sendPacket()
	case rtcpSent:
		w.sendMedia(0)
		w.schedule(event{at: w.now + between(w.r, rtcpEvery/2, rtcpEvery*3/2), kind: rtcpSent})
	case serverChecks:
		w.sendMedia(0)
		w.schedule(event{at: w.now + checkEvery, kind: serverChecks})
	case clientChecks:
		w.ask(0)
		w.schedule(event{at: w.now + checkEvery, kind: clientChecks})
	case probeAtServer:
		w.sendMedia(e.id + 1)
	case mediaAtClient, packetAtClient:
		w.mediaArrived(e)
	case segmentArrives:
		w.arrived(int(e.id))
	case segmentLost:
		w.transmit(int(e.id))
	case appMessage:
		w.say(downstream, message{kind: app})
		w.schedule(event{at: w.now + exponential(w.r, appEvery), kind: appMessage})
	case sampleDue:
		w.sample()
	case tickDue:
		if e.id != w.ticks {
			return
		}
		w.tick = never
		if due, ok := w.watcher.Deadline(); ok && w.instant().Mono >= due {
			w.watcher.Tick(w.instant())
		}
	case reconnect:
		w.connect()
	}
}

// sendPacket sends audio, in spurts where there are pauses.
func (w *world) sendPacket() {
	if w.content == DTX && w.now >= w.spurtUntil {
		w.spurtUntil = w.now + between(w.r, time.Second, 10*time.Second)
		w.rtpEvery = rtpSpacing + noiseSpacing - w.rtpEvery
	}
	w.expected++
	if at, ok := w.down.pass(w.r, w.now, w.down.mediaDead); ok {
		w.schedule(event{at: at, kind: packetAtClient})
	}
	w.schedule(event{at: w.now + w.rtpEvery, kind: rtpSent})
}

// sendMedia sends something else down: an answer, with its id + 1, or not.
func (w *world) sendMedia(id uint64) {
	dead := w.down.mediaDead
	if id > 0 && w.rebound > 0 {
		dead = never // it goes where the request came from
	}
	if at, ok := w.down.pass(w.r, w.now, dead); ok {
		w.schedule(event{at: at, kind: mediaAtClient, id: id})
	}
}

// ask sends a request up.
func (w *world) ask(id uint64) {
	if at, ok := w.up.pass(w.r, w.now, w.up.mediaDead); ok {
		w.schedule(event{at: at + between(w.r, 0, time.Millisecond), kind: probeAtServer, id: id})
	}
}

func (w *world) mediaArrived(e *event) {
	w.bytes += packetBytes
	if e.id > 0 {
		w.stun++
	}
	if e.kind == packetAtClient {
		w.packets++
	}
	if w.deaf > 0 && w.r.Float64() < w.deaf {
		return
	}
	w.watcher.HeardMedia(w.instant(), e.kind == packetAtClient)
	if e.id > 1 {
		w.watcher.Probed(w.instant(), e.id-1)
	}
}

// sample reports the second that is over.
func (w *world) sample() {
	w.schedule(event{at: w.now + time.Second, kind: sampleDue})
	loss := 0.0
	if w.expected > w.packets {
		loss = 100 * float64(w.expected-w.packets) / float64(w.expected)
	}
	s := health.Sample{
		AudioPacketsReceived: health.Some(float64(w.packets)), AudioLoss: health.Some(loss),
		BytesReceived: w.bytes, STUNMessages: w.stun,
	}
	w.packets, w.expected = 0, 0
	if !(w.deaf > 0 && w.r.Float64() < w.deaf) {
		w.watcher.Sample(w.instant(), &s)
	}
}

// CanProbe, Ping, Probe and Verdict are what the watcher can do.
func (w *world) CanProbe() bool { return w.probing }

// Ping sends a ping.
func (w *world) Ping(id uint64) { w.say(upstream, message{ping, id}) }

// Probe sends a media probe; ids of watchers begin at 1.
func (w *world) Probe(id uint64) {
	if w.probing {
		w.ask(id)
	}
}

// Verdict gives the link up: a new one follows. Until then it may still be watched.
func (w *world) Verdict(dead health.Layers) {
	if w.closed {
		return
	}
	w.closed = true
	w.verdict(dead)
	w.schedule(event{at: w.now + reconnects, kind: reconnect})
}

var _ Client = (*world)(nil)
