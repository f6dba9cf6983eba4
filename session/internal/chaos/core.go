package chaos

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// Core is what a script is played to: a machine.Machine, or one that was broken on
// purpose.
type Core interface {
	Handle(now machine.Instant, in machine.Input) []machine.Effect
	Deadline() (time.Duration, bool)
}

// NewCore makes a Core. The config must not be changed.
type NewCore func(cfg *machine.Config) Core

// Sound makes the core that sessions run by.
func Sound(cfg *machine.Config) Core { return machine.New(cfg) }

// Trace is what was seen of one life of a core.
type Trace struct {
	Broken *Violation
	Events []observer.Event
	Inputs int
	// Burdens are what the second observer of a session has come to.
	Burdens []string
	// Inputs counts what the core was handed, or the calls of a session. Effects has a
	// line for each input and each effect, if that was asked for.
	Effects []string
}

// core plays a script to a core in virtual time, on one goroutine: it is the
// transport, the server, the network and the application, and the runtime around
// the core as well.
type core struct {
	script  *Script
	s       *Settings
	core    Core
	twin    Core // nil: there is none
	witness *witness
	cover   *Coverage
	trace   Trace
	log     bool

	now    machine.Instant
	dice   dice // of the order of what happens at the same moment
	queue  queue
	calls  []call
	cursor map[Call]int
	links  []link // by epoch, from 1
	keys   keys
	bytes  uint64 // total of the samples
	ids    uint64 // of the application's promotions
	gone   bool
	well   bool
	joined bool // it was connected once
	ended  bool // Finish
}

// origin is the wall clock when the session was made.
var origin = time.Date(2030, time.January, 2, 3, 4, 5, 0, time.UTC)

const (
	// birth is how old the session is when the script begins.
	birth = time.Millisecond
	// maxInputs is more than any life takes that comes to an end.
	maxInputs = 60_000
	// patience is for how long a session may go on that has no budget.
	patience = time.Minute
)

// PlayCore plays a script to a core and holds that to the guarantees. Coverage may
// be nil. With log what goes in and comes out is kept in words.
func PlayCore(s *Script, make NewCore, cover *Coverage, log bool) Trace {
	c := &core{
		script: s, s: &s.Settings, core: s.core(make), cover: cover, log: log, dice: dice(s.Seed),
		now: machine.Instant{Mono: birth, Wall: origin}, cursor: map[Call]int{},
	}
	if s.Seed%twins == 0 {
		c.twin = s.core(make)
	}
	c.witness = newWitness(c.s, s.Settings.machine(nil))
	for i := range s.Steps {
		c.queue.put(arrival{at: birth + time.Duration(s.Steps[i].At), what: aStep, index: i})
	}
	c.queue.put(arrival{at: birth + s.last() + rest, what: aEnd})
	c.play()
	c.trace.Broken = c.verdict()
	return c.trace
}

// core makes a core for a script, with a jitter of its own.
func (s *Script) core(make NewCore) Core {
	random := dice(s.Seed ^ 0x5eed)
	return make(s.Settings.machine(random.float))
}

func (c *core) play() {
	defer c.caught()
	for c.witness.broken == nil {
		if c.trace.Inputs >= maxInputs {
			c.witness.breaks(ruleBounded, "%d inputs, and no end", maxInputs)
			return
		}
		deadline, armed := c.core.Deadline()
		next, ok := c.queue.peek()
		switch {
		case armed && (!ok || deadline < next || deadline == next && c.dice.one(2)):
			c.until(deadline)
			c.handle(machine.Input{Kind: machine.Tick})
		case ok:
			a := c.queue.take()
			c.until(a.at)
			c.arrives(a)
		default:
			return
		}
	}
}

// caught takes a panic of the core for what it is: a fault.
func (c *core) caught() {
	if p := recover(); p != nil {
		c.witness.broken = &Violation{Rule: ruleDefined, At: c.now.Mono, Text: fmt.Sprintf("%v\n%s", p, debug.Stack())}
	}
}

// CheckCore is PlayCore for tests: what it finds is also what the checks of package
// sessiontest find in the events.
func CheckCore(s *Script, make NewCore) Trace { return checkCore(s, make, nil) }

func checkCore(s *Script, make NewCore, cover *Coverage) Trace {
	t := PlayCore(s, make, cover, false)
	if t.Broken == nil {
		t.Broken = checkEvents(t.Events)
	}
	return t
}

// verdict is what was broken in the whole life.
func (c *core) verdict() *Violation {
	w := c.witness
	switch {
	case w.broken != nil:
	case !w.finished:
		w.breaks(ruleSilence, "the session has not ended, in %s", w.state)
	default:
		for i := range c.links {
			if l := &c.links[i]; l.opened && !l.closed {
				w.breaks(ruleClosed, "the link of epoch %d was never closed", i+1)
			}
		}
	}
	return w.broken
}

// until lets time pass on both clocks, if the moment has not passed already.
func (c *core) until(at time.Duration) {
	if d := at - c.now.Mono; d > 0 {
		c.now.Mono += d
		c.now.Wall = c.now.Wall.Add(d)
	}
}

// handle hands an input to the core, holds what comes out to the guarantees, and
// does it.
func (c *core) handle(in machine.Input) {
	if newest := uint64(len(c.links)); newest > 0 && (in.Epoch == 0 || in.Epoch == newest) {
		in.Heard = c.links[newest-1].hears(c.now.Mono)
	}
	due, armed := c.core.Deadline()
	c.witness.takes(c.now, &in, due, armed)
	effects := c.core.Handle(c.now, in)
	due, armed = c.core.Deadline()
	c.note(&in, effects)
	c.compare(&in, effects)
	c.witness.gives(effects, due, armed)
	for i := range effects {
		c.perform(&effects[i])
	}
}

// note keeps what went in and came out.
func (c *core) note(in *machine.Input, effects []machine.Effect) {
	c.trace.Inputs++
	for i := range effects {
		if e := effects[i].Event; e != nil {
			c.trace.Events = append(c.trace.Events, e)
			_, connected := e.(observer.Connected)
			c.joined = c.joined || connected
		}
	}
	if c.cover != nil {
		c.cover.handled(in, effects)
	}
	if c.log {
		c.trace.Effects = append(c.trace.Effects, describe(c.now.Mono, in, effects)...)
	}
}

// arrives does what was due.
func (c *core) arrives(a arrival) {
	switch a.what {
	case aStep:
		c.step(a.index)
	case aCall:
		if call := &c.calls[a.index]; !call.done && call.turn == a.id {
			c.complete(a.index)
		}
	case aPong, aProbe:
		c.answered(a)
	case aSample:
		c.sample(a)
	case aFlap:
		c.flap(a)
	case aPresent:
		if !c.ended {
			c.handle(machine.Input{Kind: machine.Present, Epoch: a.epoch})
		}
	case anEcho:
		c.handle(closed(a.epoch, status.LayerSignaling, status.Status{}))
	case aReturn:
		c.silence(&c.links[a.epoch-1], a.epoch, 0)
	case aEnd:
		c.end()
	case aBound:
		if !c.ended {
			c.witness.now = c.now
			c.witness.breaks(ruleEnds, "the server has been gone for %s", c.now.Mono-birth-c.script.last()-rest)
		}
	case aStop:
		if !c.ended {
			c.handle(machine.Input{Kind: machine.Stop, Status: status.New(status.Left, nil)})
		}
	}
}

// step does a step of the script.
func (c *core) step(i int) {
	s := &c.script.Steps[i]
	if c.ended && s.Do != Report && s.Do != Close {
		return
	}
	switch s.Do {
	case Start:
		c.handle(machine.Input{Kind: machine.Start})
	case Stop:
		c.handle(machine.Input{Kind: machine.Stop, Status: status.New(status.Left, nil)})
	case StopWith:
		c.handle(machine.Input{Kind: machine.Stop, Status: status.New(status.Left, errReason)})
	case Cancel:
		if c.script.runs() || !c.joined {
			c.handle(machine.Input{Kind: machine.Stop, Status: status.New(status.Left, errReason)})
		}
	case Subscribe, Block: // there is nobody to tell
	case Flap:
		c.flap(arrival{what: aFlap, index: i, id: uint64(min(s.Times, flaps))})
	case Fault:
		c.handle(machine.Input{Kind: machine.Fault, Status: status.New(status.RealtimeApiFailed, errPanic)})
	case Sleep:
		c.now.Wall = c.now.Wall.Add(time.Duration(s.For))
	case Stall:
		c.until(c.now.Mono + time.Duration(s.For))
	case Hint:
		c.handle(machine.Input{Kind: machine.Hinted, Hint: s.Hint})
	case Update:
		c.handle(machine.Input{Kind: machine.Ask, Renegotiate: s.Renegotiate, ViewOnly: s.ViewOnly})
	case Promote, Demote:
		c.ids++
		c.handle(machine.Input{Kind: map[Deed]machine.Kind{Promote: machine.Promote, Demote: machine.Demote}[s.Do], ID: c.ids})
	case Reconnect:
		c.handle(machine.Input{Kind: machine.Reconnect, Status: status.Status{
			Code: status.ConnectionHealthReconnect, Layer: status.LayerClient, Cause: errReason,
		}})
	default:
		if epoch := len(c.links) - s.Back; epoch > 0 {
			c.onLink(i, uint64(epoch))
		}
	}
}

// onLink does a step that concerns a link.
func (c *core) onLink(i int, epoch uint64) {
	s, l := &c.script.Steps[i], &c.links[epoch-1]
	switch s.Do {
	case Report:
		c.handle(machine.Input{Kind: machine.Reported, Epoch: epoch, Status: s.Status})
	case Close:
		c.handle(closed(epoch, s.Layer, s.Status))
	case Doubt:
		c.handle(machine.Input{Kind: machine.Doubted, Epoch: epoch, Layer: s.Layer, Status: status.Status{Layer: s.Layer, Cause: errReason}})
	case Samples:
		c.sample(arrival{what: aSample, index: i, epoch: epoch, id: uint64(s.Times)})
	case Hear:
		l.hear(c.now.Mono, s.Layer == status.LayerMedia)
	case Declare:
		c.handle(machine.Input{Kind: machine.Expected, Epoch: epoch, Expect: s.Expect})
	case Present:
		c.handle(machine.Input{Kind: machine.Present, Epoch: epoch})
	case StrayPong:
		c.handle(machine.Input{Kind: machine.Ponged, Epoch: epoch, ID: 1 << 40})
	case Silence:
		c.silence(l, epoch, s.Layers)
		if s.For > 0 {
			c.queue.put(arrival{at: c.now.Mono + time.Duration(s.For), what: aReturn, epoch: epoch})
		}
	case CannotPing:
		l.mutters = true
	}
}

// flaps is how often a link flaps here at the most: there is nobody to whom that
// would be too much to hear.
const flaps = 3

// flap takes the newest link away, and the next one a while later.
func (c *core) flap(a arrival) {
	newest := uint64(len(c.links))
	if c.ended || a.id == 0 || newest == 0 {
		return
	}
	c.handle(closed(newest, status.LayerSignaling, flap))
	a.at, a.id = c.now.Mono+time.Duration(c.script.Steps[a.index].For), a.id-1
	c.queue.put(a)
}

// closed is the end of a layer as the runtime reports it.
func closed(epoch uint64, layer status.Layer, st status.Status) machine.Input {
	bare := st.IsZero()
	if st.Layer == status.LayerUnknown {
		st.Layer = layer
	}
	return machine.Input{Kind: machine.LinkClosed, Epoch: epoch, Layer: layer, Status: st, Bare: bare}
}

// sample reports one health sample, and the next one a second later.
func (c *core) sample(a arrival) {
	if c.ended {
		return
	}
	if c.script.Steps[a.index].Flowing {
		c.bytes += 4000
	}
	sample := sampleOf(&c.script.Steps[a.index], c.bytes)
	c.handle(machine.Input{Kind: machine.Sampled, Epoch: a.epoch, Sample: &sample})
	if a.id > 1 {
		a.at, a.id = c.now.Mono+time.Second, a.id-1
		c.queue.put(a)
	}
}

// sampleOf is a sample of a second in which media flows, or does not.
func sampleOf(s *Step, bytes uint64) health.Sample {
	sample := health.Sample{
		AudioPacketsReceived: health.Some(0), AudioLoss: health.Some(0), AudioPacketsSent: health.Some(50), BytesReceived: bytes,
	}
	if s.Flowing {
		sample.AudioPacketsReceived = health.Some(50)
	}
	return sample
}

// end is what happens after the last step.
func (c *core) end() {
	switch c.script.End {
	case Leaves:
		c.arrives(arrival{what: aStop})
		return
	case Well:
		c.recovers()
		return
	}
	c.gone = true
	vanished := c.script.End == Vanished
	limit, bound := c.s.endsWithin()
	if vanished {
		limit += unnoticed
	}
	if bound = bound && c.witness.state != observer.StateIdle; bound {
		c.queue.put(arrival{at: c.now.Mono + limit, what: aBound})
	} else {
		c.queue.put(arrival{at: c.now.Mono + patience, what: aStop})
	}
	for i := range c.links {
		c.links[i].silent, c.links[i].held = health.Both, 0
	}
	if newest := len(c.links); !vanished && newest > 0 && c.links[newest-1].opened {
		c.handle(closed(uint64(newest), status.LayerSignaling, status.Status{}))
	}
}

// recovers has everything work from now on.
func (c *core) recovers() {
	c.well, c.witness.well = true, c.now.Mono
	for i := range c.links {
		c.links[i].mutters = false
		c.silence(&c.links[i], uint64(i+1), 0)
	}
	c.queue.put(arrival{at: c.now.Mono + patience, what: aStop})
}

// unnoticed is how long a link that falls silent may pass for one that works, at the
// most: signaling that dies on a path which loses every packet is found last.
var unnoticed = watched.WorstCaseDetection().BadPathMost + time.Minute

// endsWithin is how long a session may outlive its server.
func (s *Settings) endsWithin() (time.Duration, bool) {
	spare := time.Duration(3*s.CloseGrace + s.ReasonGrace + s.PrepareTimeout)
	if s.Elapsed == 0 { // which leaves the first attempt its time
		spare += time.Duration(s.ConnectTimeout + 2*s.PrepareTimeout + s.PresenceTimeout)
	}
	if s.Elapsed >= 0 && s.Extension >= 0 {
		return time.Duration(s.Elapsed+s.Extension) + spare, true
	}
	if s.Attempts >= 0 && !s.Limiter && s.DownTimeout > 0 {
		return 12 * time.Hour, true
	}
	return 0, false
}
