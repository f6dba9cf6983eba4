package session_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// world is what both models of vectors_model_test.go and
// vectors_recorded_test.go live in: simulated time, the scripted server, one
// socket, and a log of what observers are told.
type world struct {
	options   vectorOptions
	now       time.Duration
	alarms    []*alarm
	created   int
	behaviour behaviour
	gathering *status.Code
	socket    bool
	counts    map[string]int
	told      []toldCall
	retried   bool
	notes     []string // the rules of divergence that the run has touched, in order
}

func newWorld(o vectorOptions) world {
	return world{options: o, behaviour: newBehaviour(), counts: map[string]int{}}
}

// alarm is something that happens later, unless it is called off.
type alarm struct {
	at    time.Duration
	order int
	ring  func()
	off   bool
}

func (a *alarm) cancel() {
	if a != nil {
		a.off = true
	}
}

func (a *alarm) pending() bool { return a != nil && !a.off }

func (w *world) after(d time.Duration, ring func()) *alarm {
	w.created++
	a := &alarm{at: w.now + d, order: w.created, ring: ring}
	w.alarms = append(w.alarms, a)
	return a
}

// wait passes time. Of alarms at the same instant the older one rings first.
func (w *world) wait(d time.Duration) {
	end := w.now + d
	for {
		next := w.next(end)
		if next == nil {
			break
		}
		w.now, next.off = next.at, true
		next.ring()
	}
	w.now = end
}

func (w *world) next(end time.Duration) *alarm {
	w.alarms = slices.DeleteFunc(w.alarms, func(a *alarm) bool { return a.off })
	var first *alarm
	for _, a := range w.alarms {
		if a.at <= end && (first == nil || a.at < first.at || a.at == first.at && a.order < first.order) {
			first = a
		}
	}
	return first
}

func (w *world) tell(name string) { w.told = append(w.told, toldCall{name, w.now}) }

// note writes down that a rule of divergence applies.
func (w *world) note(rule string) {
	if !slices.Contains(w.notes, rule) {
		w.notes = append(w.notes, rule)
	}
}

func (w *world) happened(what string) { w.counts[what]++ }

// mark forgets what was told; the rules that were touched still shape what follows.
func (w *world) mark() {
	w.told, w.retried = nil, false
	clear(w.counts)
}

func (w *world) count(what string) (int, error) {
	switch what {
	case "joinSent", "subscribeSent", "socketFailed", "leaveSent", judgedStatus, "retryRequested":
		return w.counts[what], nil
	}
	return 0, fmt.Errorf("the models do not count %q", what)
}

func (w *world) setServer(changes map[string]string) error { return w.behaviour.set(changes) }

func (w *world) failGathering(code *status.Code) { w.gathering = code }

func (w *world) outcome(stopped, connected bool) outcome {
	o := outcome{Stopped: stopped, Connected: connected, Retried: w.retried}
	for _, c := range w.told {
		o.Callbacks = append(o.Callbacks, c.name)
	}
	return o
}

// dial is the handshake of one attempt with the scripted server.
type dial struct {
	w    *world
	at   stage
	step *alarm
	up   func()
	fail func(status.Code)
}

// stage is how far a handshake is.
type stage int

const (
	stageOpening   stage = iota // the socket
	stageJoining                // until the answer to the join
	stageIndexing               // until the index
	stageGathering              // candidates
	stageSubscribing
	stageOver
)

func (w *world) dial(up func(), fail func(status.Code)) *dial {
	return &dial{w: w, up: up, fail: fail}
}

func (d *dial) then(after time.Duration, do func()) { d.step = d.w.after(after, do) }

func (d *dial) open() {
	d.at = stageOpening
	switch d.w.behaviour.open {
	case "hang":
	case "fail":
		d.then(hop, func() {
			d.w.happened("socketFailed")
			d.end()
			d.fail(status.TaskFailed)
		})
	default:
		d.then(hop, d.join)
	}
}

func (d *dial) join() {
	d.at, d.w.socket = stageJoining, true
	d.w.happened("joinSent")
	if d.w.behaviour.join == "ok" {
		d.answered()
	}
}

// answered goes on once the join is answered. Nothing happens unless it is
// outstanding.
func (d *dial) answered() {
	if d == nil || d.at != stageJoining || !d.w.socket {
		return
	}
	d.at = stageIndexing
	d.then(2*hop, d.gather)
}

// refused is the join being answered with something that is not followed by
// an index: the handshake hangs.
func (d *dial) refused() { d.at = stageIndexing }

func (d *dial) gather() {
	d.at = stageGathering
	if d.w.behaviour.ice != "never" {
		d.then(gatherHops*hop, d.subscribe)
	}
}

func (d *dial) subscribe() {
	d.at = stageSubscribing
	d.w.happened("subscribeSent")
	if d.w.behaviour.subscribe == "ok" {
		d.then(subscribeHops*hop, func() {
			d.end()
			d.up()
		})
	}
}

// end gives the handshake up, or is its end.
func (d *dial) end() {
	if d != nil {
		d.step.cancel()
		d.at = stageOver
	}
}

// running reports whether there is a handshake that has not ended.
func (d *dial) running() bool { return d != nil && d.at != stageOver }

// cancelled is the code that a handshake fails with when its time is over.
func (d *dial) cancelled() status.Code {
	switch {
	case d.at != stageGathering:
		return status.TaskFailed
	case d.w.gathering == nil:
		return status.ICEGatheringTimeoutWorkaround
	case *d.w.gathering == status.OK:
		return status.TaskFailed // no reason to fail, so no code
	}
	return *d.w.gathering
}

// vitals are the health policies of a connection that is up, with the samples
// and pongs that the scripted server gives.
type vitals struct {
	w       *world
	dead    func()
	alive   func()
	lazy    bool // missed pongs are judged with the next sample only
	monitor health.Monitor
	lost    health.Reconnection
	audio   health.UnusableAudio
	media   scriptMedia
	waiting bool // for a pong
	tick    *alarm
	ping    *alarm
}

func newVitals(w *world, dead, alive func()) *vitals {
	return &vitals{
		w: w, dead: dead, alive: alive,
		lost:  health.NewReconnection(health.ReconnectionConfig{}),
		audio: health.NewUnusableAudio(health.UnusableAudioConfig{}),
	}
}

// start begins to watch a new connection.
func (v *vitals) start() {
	v.stop()
	v.monitor.Reset(v.w.now)
	v.monitor.Start(v.w.now)
	v.waiting, v.media = false, scriptMedia{}
	v.tick = v.w.after(sampleEvery, v.sample)
	v.send()
}

func (v *vitals) stop() {
	v.tick.cancel()
	v.ping.cancel()
}

// silence ends the pings, whose count is forgotten.
func (v *vitals) silence() {
	v.ping.cancel()
	v.waiting = false
	v.monitor.Pong()
}

func (v *vitals) send() {
	v.ping = v.w.after(pingEvery, v.send)
	if v.waiting {
		v.monitor.MissedPong()
	}
	unanswered := v.waiting
	v.waiting = true
	if v.w.socket && v.w.behaviour.pong == "ok" {
		v.w.after(hop, v.pong)
	}
	if unanswered && !v.lazy && v.lost.Dead(v.w.now, v.monitor.Data()) {
		v.dead()
	}
}

func (v *vitals) pong() {
	v.waiting = false
	v.monitor.Pong()
	v.alive()
}

func (v *vitals) sample() {
	v.tick = v.w.after(sampleEvery, v.sample)
	accepted, traffic := v.monitor.Sample(v.w.now, v.media.next(v.w.behaviour.media))
	if traffic {
		v.alive()
	}
	if !accepted {
		return
	}
	data := v.monitor.Data()
	if good, changed := v.audio.Evaluate(v.w.now, data); changed {
		v.w.tell(map[bool]string{true: didGood, false: didPoor}[good])
	}
	if healthy, changed := v.lost.Evaluate(v.w.now, data); changed && !healthy {
		v.dead()
	}
}
