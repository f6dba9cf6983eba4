package machine

import (
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// The limits that the tests run by. No two of them are equal where a mix-up
// would then go unnoticed.
const (
	connectTimeout  = 15 * time.Second
	closeGrace      = 2 * time.Second
	reasonGrace     = 250 * time.Millisecond
	presenceTimeout = 5 * time.Second
	pingInterval    = 10 * time.Second
	stableAfter     = 12 * time.Second
	retryDelay      = time.Second
	elapsedBudget   = 5 * time.Minute
	proofTimeout    = 3 * time.Second
	prepareTimeout  = 8 * time.Second
	resyncTimeout   = 7 * time.Second
	downTimeout     = 50 * time.Second
	restartTimeout  = 4 * time.Second
	resumeTimeout   = 9 * time.Second
	resumeWindow    = 90 * time.Second
)

// unknownCode stands for all codes that the reference does not know.
const unknownCode = status.Code(99)

const (
	allAbilities = CanPing | CanUpdate | CanPromote
	// askable are those of a link that the detector can ask.
	askable = CanPing | CanProbe
	// restorable are those of a link that can do everything but answer the detector.
	restorable = allAbilities | CanRestart | CanResume
)

// origin is the wall clock at the monotonic time 0.
var origin = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// steady is a backoff without memory, so that copies of a machine may share it.
type steady time.Duration

func (s steady) NextBackOff() time.Duration { return time.Duration(s) }
func (s steady) Reset()                     {}

func steadily(d time.Duration) func(func() float64) backoff.BackOff {
	return func(func() float64) backoff.BackOff { return steady(d) }
}

// testConfig has every limit switched on but the wait for presence, which
// would stand between every test and its connection, and the detector, whose
// pings would stand between every two inputs: see detecting.
func testConfig() *Config {
	p := policy.Default()
	p.StableAfter = stableAfter
	p.Budget.Elapsed = elapsedBudget
	p.NewBackOff = steadily(retryDelay)
	p.Ladder = policy.Ladder{
		RestartMedia: policy.Rung{Timeout: restartTimeout, Attempts: 1},
		Resume:       policy.Rung{Timeout: resumeTimeout, Attempts: 2, Window: resumeWindow},
	}
	h := health.Config{}.WithDefaults()
	h.Detector.Off = true
	return &Config{
		Policy: p, Health: h, ConnectTimeout: connectTimeout, CloseGrace: closeGrace,
		ReasonGrace: reasonGrace, PingInterval: pingInterval, PrepareTimeout: prepareTimeout, DownTimeout: downTimeout,
		Random: func() float64 { return 0.5 },
	}
}

// The sources and hooks of a session, which are off in testConfig.

func limited(c *Config)    { c.Limited = true }
func catchesUp(c *Config)  { c.ResyncTimeout = resyncTimeout }
func authorizes(c *Config) { c.Authorizes = true }
func finds(c *Config)      { c.FindEndpoints = true }

func endpointsAt(list ...string) func(*Config) { return func(c *Config) { c.Endpoints = list } }

// rig drives one machine along a clock.
type rig struct {
	m   *Machine
	now Instant
	// last holds the effects of the latest input.
	last []Effect
	// told holds every event so far.
	told []observer.Event
	// count has how many effects of each kind there were so far.
	count [effectEnd]int
	// bytes is the running total of the health samples.
	bytes uint64
	// record, unless it is nil, gets every input.
	record func(record)
	// owed are the pings of this link that were not answered yet.
	owed []Effect
}

// newRig starts the clock at one second, so that 0 is no time that occurs.
func newRig(changes ...func(*Config)) *rig {
	cfg := testConfig()
	for _, change := range changes {
		change(cfg)
	}
	return &rig{m: New(cfg), now: instant(time.Second)}
}

func instant(mono time.Duration) Instant { return Instant{Mono: mono, Wall: origin.Add(mono)} }

// wait lets time pass on both clocks; nothing is handled.
func (r *rig) wait(d time.Duration) {
	r.now.Mono += d
	r.now.Wall = r.now.Wall.Add(d)
}

// sleep lets time pass as a machine does that sleeps: on the wall clock.
func (r *rig) sleep(wall, mono time.Duration) {
	r.now.Mono += mono
	r.now.Wall = r.now.Wall.Add(wall)
}

// do handles one input now.
func (r *rig) do(in Input) []Effect {
	if in.Heard == (Heard{}) {
		in.Heard = r.m.heard // every report comes with what was heard so far
	}
	if r.record != nil {
		r.record(record{r.now, in})
	}
	r.last = r.m.Handle(r.now, in)
	for _, e := range r.last {
		r.count[e.Kind]++
		switch e.Kind {
		case Ping:
			r.owed = append(r.owed, e)
		case Open:
			r.owed = nil
		}
		if e.Event != nil {
			r.told = append(r.told, e.Event)
		}
	}
	return r.last
}

// tick handles a Tick at the machine's deadline, or now if that has passed.
// Without a deadline it does nothing.
func (r *rig) tick() []Effect {
	at, ok := r.m.Deadline()
	if !ok {
		return nil
	}
	if at > r.now.Mono {
		r.wait(at - r.now.Mono)
	}
	return r.do(Input{Kind: Tick})
}

// The inputs, for the epoch that runs.

func (r *rig) start() []Effect { return r.do(Input{Kind: Start}) }

func (r *rig) stop() []Effect { return r.do(Input{Kind: Stop, Status: status.New(status.Left, nil)}) }

func (r *rig) opened(a Abilities) []Effect {
	return r.do(Input{Kind: Opened, Epoch: r.m.epoch, Abilities: a})
}

func (r *rig) openFailed(c status.Code) []Effect {
	return r.do(Input{Kind: OpenFailed, Epoch: r.m.epoch, Status: status.New(c, nil)})
}

func (r *rig) report(c status.Code) []Effect {
	return r.do(Input{Kind: Reported, Epoch: r.m.epoch, Status: status.New(c, nil)})
}

func (r *rig) closedBare(l status.Layer) []Effect {
	return r.do(Input{Kind: LinkClosed, Epoch: r.m.epoch, Layer: l, Bare: true, Status: status.Status{Layer: l}})
}

func (r *rig) closeDone() []Effect { return r.do(Input{Kind: CloseDone, Epoch: r.m.epoch}) }

func (r *rig) promote(id uint64) []Effect { return r.do(Input{Kind: Promote, ID: id}) }

func (r *rig) promoteDone(id uint64) []Effect {
	return r.do(Input{Kind: PromoteDone, Epoch: r.m.epoch, ID: id})
}

// The ways to longer stretches of a life.

// failAttempt ends the running attempt and begins the next one.
func (r *rig) failAttempt() {
	r.openFailed(status.TaskFailed)
	r.tick()
}

// thirdAttempt has two failed attempts behind it, so that there are epochs
// before the current one and before that, and none of them is 0.
func (r *rig) thirdAttempt() {
	r.start()
	r.failAttempt()
	r.failAttempt()
}

func (r *rig) connect(a Abilities) {
	r.thirdAttempt()
	r.opened(a)
}

// connectStable connects and waits until the connection counts as stable.
func (r *rig) connectStable(a Abilities) {
	r.connect(a)
	r.answerPing()
	for r.m.timers.armed(tStable) {
		r.tick()
		r.answerPing()
	}
}

// answerPing answers the ping that was just sent, if one was.
func (r *rig) answerPing() {
	for _, e := range r.last {
		if e.Kind == Ping {
			r.owed = nil
			r.do(Input{Kind: Ponged, Epoch: e.Epoch, ID: e.ID})
			return
		}
	}
}

// lose loses the link and has its close done.
func (r *rig) lose() {
	r.report(status.SignalingInternalServerError)
	r.closeDone()
}

// reattempt begins the first attempt of an outage.
func (r *rig) reattempt() {
	r.lose()
	r.tick()
}

// find returns the effects of one kind.
func find(effects []Effect, k EffectKind) (found []Effect) {
	for _, e := range effects {
		if e.Kind == k {
			found = append(found, e)
		}
	}
	return found
}

// event returns the only event of type E among effects; false if there is none
// or more than one.
func event[E observer.Event](effects []Effect) (found E, ok bool) {
	n := 0
	for _, e := range effects {
		if v, is := e.Event.(E); is {
			found = v
			n++
		}
	}
	return found, n == 1
}

// names lists the events by name, in order.
func names(effects []Effect) (list []string) {
	for _, e := range effects {
		if e.Event != nil {
			list = append(list, e.Event.Name())
		}
	}
	return list
}

// classCodes has one code of every class, and those that are special in theirs.
var classCodes = []status.Code{
	status.OK, status.MeetingEnded, status.AudioJoinedFromAnotherDevice, status.VideoCallAtSourceCapacity,
	status.AudioInternalServerError, status.SignalingChannelClosedUnexpectedly, status.IncompatibleSDP,
	status.VideoCallSwitchToViewOnly, status.AudioVideoWasRemovedFromPrimaryMeeting,
	status.AudioVideoDisconnectedWhilePromoted, status.AudioDisconnectAudio,
	status.EncodedTransformManagerFailed, unknownCode,
}

var errProbe = errors.New("probe")
