package machine

import (
	"cmp"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/looplab/fsm"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Config is what a Machine runs by. All values are effective ones: the caller
// has put in the defaults.
type Config struct {
	Session        string
	Policy         policy.Policy
	Health         health.Config
	ConnectTimeout time.Duration
	CloseGrace     time.Duration
	// ReasonGrace, PresenceTimeout and PingInterval are off at 0.
	ReasonGrace     time.Duration
	PresenceTimeout time.Duration
	PingInterval    time.Duration
	// ProofTimeout is how long a recovered link may take to show that media comes
	// in; off at 0.
	ProofTimeout time.Duration
	// NoHealing gives up a link as soon as it is found dead.
	NoHealing bool
	ViewOnly  bool
	// Endpoints are where attempts go, one after the other; FindEndpoints says that
	// they are asked for when there is none left.
	Endpoints     []string
	FindEndpoints bool
	// Authorizes says that credentials are asked for. Each of these two questions of
	// an attempt may take PrepareTimeout.
	Authorizes     bool
	PrepareTimeout time.Duration
	// Limited says that attempts wait for a limiter.
	Limited bool
	// ResyncTimeout is how long the application may take to catch up before a
	// recovery counts as one; off at 0.
	ResyncTimeout time.Duration
	// DownTimeout is for how long a hint that the network is down holds without
	// being repeated.
	DownTimeout time.Duration
	// Random gives uniform values in [0,1) to the backoff.
	Random func() float64
}

// maxDeaf is how many Connects may ignore their cancelled context at once
// before the session ends rather than pile up more (G11).
const maxDeaf = 2

// Machine is the core of one session. Make it with New.
type Machine struct {
	cfg   *Config
	table fsm.Events

	now     Instant
	state   observer.State
	since   Instant // when state was entered
	seq     uint64
	epoch   uint64
	effects []Effect // of the running Handle, or of one that never returned
	timers  timers

	retries policy.Retries
	trouble *trouble // of the running outage, or of the first connect; calm: none
	outages int
	stale   uint64

	// attempt is the running or last one.
	attempt        Attempt
	attemptStarted time.Duration
	linkOpened     time.Duration // valid in phases awaiting, proving and resyncing
	endpoints      endpoints
	timeout        status.Status // of an attempt whose time is over
	// granted is the status that the scheduled attempt was decided on for; a
	// budget that ends before it begins ends the session with it.
	granted status.Status
	// op is the restart, resume or resync that is running, or was cancelled and is
	// waited for; 0: none. At most one is.
	op       uint64
	fresh    freshness
	deferred deferred
	queued   uint64       // the limiter's question that is open; 0: none
	paid     policy.Level // what for
	network  network
	// old is the operation of an earlier link or attempt that is still running
	// within its grace; the next attempt, and the end, wait for it.
	old operation
	// deaf holds the epochs whose Connect has ignored its context.
	deaf [maxDeaf]uint64
	// deafCloses holds the epochs whose Close has outlasted its grace.
	deafCloses []uint64
	// deafRestores holds those of links that a restart or a resume was left behind on.
	deafRestores []uint64
	// Until priorUntil the link, or attempt, before this epoch may still say that there
	// is nothing to come back to.
	priorUntil time.Duration
	// lostEpoch is the epoch of the link whose loss began the outage; until
	// lostUntil it may say that, too.
	lostEpoch uint64
	lostUntil time.Duration

	promotion promotion
	update    update
	ops       uint64 // the last ID given to an update or other operation

	monitor health.Monitor
	pinger  health.Pinger
	quality *quality // nil until there is something to judge
	live    liveness
	rtt     time.Duration
	heard   Heard

	ending *ending // set once, when the session begins to end

	// What is small stands together, which saves a session 256 bytes.
	phase   phase
	step    step // of the running attempt
	present bool
	// retryDue: the delay is over, the attempt waits for the old operation.
	retryDue bool
	admitted bool // the limiter has let the scheduled attempt through
	// held: the link of this epoch is open and not given up. adopted: it has been
	// connected, so that it can be restored.
	held, adopted     bool
	abilities         Abilities // of the link of this epoch
	offered           Abilities // when it opened; some may have turned out to be missing
	viewOnly          bool
	linkViewOnly      bool // what the link of this epoch was told
	withoutTransforms bool
	promoted          bool
	imaged            bool // made from an image
}

// phase refines a state: what the machine is waiting for.
type phase uint8

const (
	resting   phase = iota // idle, connected or finished: nothing
	opening                // Connect is running
	aborting               // Connect has run out of time and was cancelled; it may still say why
	awaiting               // the link is open, the attendee is not on the roster yet
	reasoning              // the link is lost, a reason may follow; it is not closed yet
	waiting                // for the delay and the old operation
	condemned              // for the delay; the link was found dead, but is untouched and may heal
	proving                // the link is open, its media path has not shown yet that it works
	holding                // for the delay; the link is kept for a recovery that is cheaper than a rejoin
	queueing               // for the limiter; the link may be kept
	restoring              // media is restarted, or the session resumed, on the link that was kept
	resyncing              // the link works, the application catches up
	leaving                // stopped: for the old operation
)

var phaseNames = [...]string{
	"resting", "opening", "aborting", "awaiting", "reasoning", "waiting", "condemned", "proving",
	"holding", "queueing", "restoring", "resyncing", "leaving",
}

func (p phase) String() string { return phaseNames[p] }

// trouble keeps the causes and the attempts of one outage.
type trouble struct {
	since    Instant
	first    status.Status
	last     status.Status
	attempts int
	// level is that of the scheduled or running attempt; recovery is what it is
	// chosen by.
	level    policy.Level
	recovery policy.Recovery
	// asked: the server has asked for the delay that is running, so that no hint
	// may shorten it.
	asked bool
	// found: endpoints have been found in this outage.
	found bool
	// rejected: the last attempt was turned away because of its credentials.
	rejected bool
	// silent is when what was lost was last heard; 0 if that is not known.
	silent time.Duration
}

// calm is the trouble of sessions that have none; never written. They share it, so
// that a connected session stays small.
var calm = new(trouble)

// calmed is what a session has instead of a trouble. One that was made from an image
// may be in a state that none gets into by itself: it shares nothing.
func (m *Machine) calmed() *trouble {
	if m.imaged {
		return new(trouble)
	}
	return calm
}

// ails gives the trouble to write to.
func (m *Machine) ails() *trouble {
	if m.trouble == calm {
		m.trouble = new(trouble)
	}
	return m.trouble
}

func (t *trouble) blame(st status.Status) {
	if t.first.IsZero() {
		t.first = st
	}
	t.last = st
}

// operation is a Connect, a restart of media or a resume that was cancelled, or a
// Close, that has not returned.
type operation struct {
	epoch   uint64 // 0: none
	connect bool
	restore bool
}

// ending keeps what Stopped will tell. It is never changed.
type ending struct {
	decision  policy.Decision // with the public code
	initiator observer.Initiator
	from      observer.State
}

// New makes the machine of a session that was not started. The config must
// not change afterwards.
func New(cfg *Config) *Machine {
	m := &Machine{
		cfg: cfg, table: transitions, state: observer.StateIdle, viewOnly: cfg.ViewOnly,
		pinger: health.NewPinger(cfg.PingInterval), trouble: calm,
	}
	if len(cfg.Health.Custom) > 0 {
		m.judges() // what is plugged in is made with the session
	}
	m.retries = policy.NewRetries(cfg.Policy.Budget, cfg.Policy.BackOff(cfg.Random))
	return m
}

// Clone gives an independent copy, apart from the backoff, the random source
// and the custom health policies, which the copies share.
func (m *Machine) Clone() *Machine {
	c := *m
	if m.trouble != calm {
		t := *m.trouble
		c.trouble = &t
	}
	if m.quality != nil {
		q := *m.quality
		c.quality = &q
	}
	c.monitor = m.monitor.Clone()
	c.live = m.live.clone()
	c.effects = slices.Clone(m.effects)
	c.deafCloses, c.deafRestores = slices.Clone(m.deafCloses), slices.Clone(m.deafRestores)
	return &c
}

// Handle takes one input and returns what is to be done, in order. A panic in
// what is plugged into the policy, or in a custom health policy, ends the
// session with RealtimeApiFailed instead of leaving Handle.
func (m *Machine) Handle(now Instant, in Input) (effects []Effect) {
	returned := false
	defer func() {
		if p := recover(); p != nil {
			m.fault(status.New(status.RealtimeApiFailed, &observer.PanicError{
				Where: cmp.Or(m.plugged(), "policy"), Value: p, Stack: debug.Stack(),
			}))
		} else if !returned {
			return // with runtime.Goexit: the next Handle gives what there is so far
		}
		effects, m.effects = m.effects, nil
	}()
	m.clock(now)
	if m.phase == leaving || m.state != observer.StateStopped {
		m.dispatch(in)
	}
	returned = true
	return nil // the deferred function gives the effects
}

// Deadline returns the monotonic time at which a Tick is due.
func (m *Machine) Deadline() (time.Duration, bool) { return m.timers.next() }

// sleepJump is how far the wall clock must run ahead of the monotonic one to
// be taken for a sleep of the machine rather than for an adjusted clock.
const sleepJump = 2 * time.Second

// clock notes the time. After a sleep the silence of the meantime proves
// nothing: the sign-of-life clock starts anew and the link is probed.
func (m *Machine) clock(now Instant) {
	last := m.now
	m.now = now
	if at, ok := m.timers.at(tStable); ok && at <= now.Mono {
		m.timers.clear(tStable) // whatever the input is: a loss must not come first
		m.retries.Renew()
	}
	if last.Wall.IsZero() {
		return
	}
	jump := now.Wall.Sub(last.Wall) - (now.Mono - last.Mono)
	m.notice(jump)
	if jump < sleepJump {
		return
	}
	if m.retries.Living() {
		m.retries.Alive(now.Mono)
	}
	if m.timers.armed(tPing) {
		m.pinger.Start(now.Mono)
		m.timers.set(tPing, now.Mono)
	}
	m.slept(jump)
}

func (m *Machine) dispatch(in Input) {
	switch in.Kind {
	case Start:
		m.start()
	case Stop:
		m.stop(in.Status)
	case Fault:
		m.fault(in.Status)
	case Reconnect:
		m.noteHeard(in.Heard)
		m.reconnect(in.Status)
	case Promote:
		m.askPromote(in.ID)
	case Demote:
		m.askDemote(in.ID)
	case Tick:
		m.noteHeard(in.Heard)
		m.tick()
	case Hinted:
		m.noteHeard(in.Heard)
		m.hinted(in.Hint)
	case Ask:
		m.asked(in)
	case Admitted:
		m.letThrough(in)
	case Refreshed:
		m.refreshed(in)
	default:
		m.fromLink(in)
	}
}

// fromLink handles what belongs to an epoch.
func (m *Machine) fromLink(in Input) {
	switch in.Kind {
	case Opened:
		m.opened(in)
		return
	case OpenFailed:
		m.openFailed(in)
		return
	case CloseDone:
		m.settle(in.Epoch)
		return
	case Prepared:
		m.prepared(in)
		return
	case Restored:
		m.heardOfRestore(in.Epoch)
	}
	if m.state == observer.StateIdle || m.phase == leaving {
		return
	}
	if in.Epoch != m.epoch {
		m.outdated(in)
		return
	}
	m.noteHeard(in.Heard)
	switch in.Kind {
	case Reported:
		m.reported(in.Status, false)
	case LinkClosed:
		m.linkClosed(in)
	case Sampled:
		if in.Sample != nil {
			m.sampled(in.Sample)
		}
	case Ponged:
		m.ponged(in.ID)
	case Present:
		m.arrived()
	case CannotPing:
		m.cannotPing()
	case Probed:
		m.probed(in.ID)
	case CannotProbe:
		m.cannotProbe()
	case Expected:
		m.expected(in.Expect)
	case Doubted:
		m.doubted(in)
	case Restored:
		m.restored(in)
	case Resynced:
		m.resynced(in)
	case UpdateDone:
		m.updateDone(in)
	case PromoteDone, DemoteDone:
		m.promotionDone(in)
	}
}

// noteHeard takes over a sign of life.
func (m *Machine) noteHeard(h Heard) {
	if h == m.heard || h.latest() == 0 {
		return
	}
	m.heard = h
	m.retries.Alive(h.latest())
	m.feed()
	m.lives()
}

// fire asks the table for a transition. A refused one changes nothing.
func (m *Machine) fire(event string) bool {
	to, ok := transition(m.table, m.state, event)
	if !ok {
		return false
	}
	m.state, m.since = to, m.now
	return true
}

// fault ends the session because code of the application panicked.
func (m *Machine) fault(st status.Status) {
	if m.state == observer.StateStopped {
		return
	}
	m.end(policy.Decision{Action: policy.Stop, Rule: policy.RuleTerminal, Status: st}, observer.ByFault)
}

// decideLoss asks the policy about what is a loss whatever its class says.
func (m *Machine) decideLoss(st status.Status) policy.Decision {
	f := policy.Facts{Phase: policy.Attached, Status: st, Lost: true, Recovery: m.recovery()}
	return policy.Decide(&m.cfg.Policy, f, &m.retries, m.now.Mono)
}

// decide asks the policy what to do about a status.
func (m *Machine) decide(p policy.Phase, st status.Status) policy.Decision {
	return policy.Decide(&m.cfg.Policy, policy.Facts{Phase: p, Status: st, Recovery: m.recovery()}, &m.retries, m.now.Mono)
}

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }

// head makes the header of the next event.
func (m *Machine) head(from observer.State) observer.Header {
	m.seq++
	return observer.Header{
		Session: m.cfg.Session, Seq: m.seq, Time: m.now.Wall, Elapsed: m.now.Mono,
		Epoch: m.epoch, From: from, To: m.state,
	}
}

// here is the header of an event that is no transition.
func (m *Machine) here() observer.Header { return m.head(m.state) }

func (m *Machine) tell(e observer.Event) { m.do(Effect{Kind: Notify, Event: e}) }

// Snapshot returns a copy of the machine's facts.
func (m *Machine) Snapshot() observer.Snapshot {
	s := observer.Snapshot{
		Session: m.cfg.Session, State: m.state, Seq: m.seq, Since: m.since.Wall, Epoch: m.epoch,
		Attempt: m.trouble.attempts, Offline: m.network.down, Promoted: m.promoted, ViewOnly: m.viewOnly,
		First: m.trouble.first, Last: m.trouble.last, Outages: m.outages, Stale: m.stale,
	}
	if m.phase == leaving {
		s.State, s.Ending = m.ending.from, true
	}
	if m.state == observer.StateStopped {
		s.First, s.Last = public(s.First), public(s.Last)
	}
	m.Vitals(&s)
	if at, ok := m.timers.at(tRetry); ok && m.between() && !m.retryDue {
		s.NextAttempt = m.now.Wall.Add(at - m.now.Mono)
	}
	return s
}

// Vitals brings those fields of a snapshot up to date that a sample or a pong
// may change without an effect.
func (m *Machine) Vitals(s *observer.Snapshot) {
	s.RTT, s.MissedPongs, s.SilentSamples = m.rtt, m.monitor.Data().MissedPongs, m.monitor.Data().NoPackets
	s.Liveness = m.live.counts
}

// public is the status as an observer may see it as an end reason: with the
// public code, and what it stands for as the cause (G7).
func public(st status.Status) status.Status {
	if st.IsZero() || st.Code.Public() == st.Code {
		return st
	}
	return status.Status{
		Code: st.Code.Public(), Layer: st.Layer, Wire: st.Wire, Shared: st.Shared, Permanent: st.Permanent,
		Directive: st.Directive, Cause: st,
	}
}

// errTimeout is the cause of a status that stands for a time limit of ours. It
// is not context.DeadlineExceeded, which would read as the caller's deadline.
func errTimeout(what string, after time.Duration) error {
	return fmt.Errorf("%s took longer than %s", what, after)
}

var (
	errUnsupported   = errors.New("the link cannot do that after all")
	errNotLetThrough = errors.New("the limiter has let no attempt through")

	errDeaf         = errors.New("two Connects ignored their cancelled context and have not returned")
	errDeafRestores = fmt.Errorf("%d restarts and resumes have not returned", maxDeafCloses)
	errDeafCloses   = fmt.Errorf("%d Closes have not returned", maxDeafCloses)
)
