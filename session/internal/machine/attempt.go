package machine

import (
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// authority is for how long after the start of the next attempt the link
// before it may still end the session, with the codes of authoritative.
const authority = 2 * time.Second

func (m *Machine) start() {
	from := m.state
	if !m.fire(evStart) {
		return
	}
	m.tell(observer.Connecting{Header: m.head(from)})
	m.trouble = &trouble{since: m.now, level: policy.Rejoin}
	m.retries.Begin(m.now.Mono)
	m.phase, m.retryDue = waiting, true
	m.proceed()
}

// begin begins the attempt that is due, unless the budget has ended meanwhile
// (G9). What the outage has learned since it was decided on may call for more.
func (m *Machine) begin() {
	level := max(m.trouble.level, m.cfg.Policy.Ladder.LevelFor(m.granted, m.recovery()))
	if level == policy.Rejoin && m.held {
		m.trouble.level = level
		m.release(false)
		m.phase = waiting
		return // to be called again when that is closed
	}
	if m.admitted && level > m.paid {
		m.trouble.level, m.admitted = level, false
		m.enqueue() // it costs more than was asked for
		return
	}
	m.retryDue, m.admitted = false, false
	timeout := m.clipped(m.cfg.Policy.Ladder.Limit(level, m.cfg.ConnectTimeout))
	if timeout <= 0 {
		m.budgetOver()
		return
	}
	m.attemptStarted = m.now.Mono
	if level == policy.Rejoin {
		m.open(timeout)
	} else {
		m.restore(level, timeout)
	}
}

// open begins an epoch.
func (m *Machine) open(timeout time.Duration) {
	m.priorUntil = later(m.now.Mono, authority)
	if m.adopted {
		m.lostEpoch, m.lostUntil = m.epoch, m.priorUntil
	}
	m.epoch++
	m.phase, m.present, m.adopted, m.abilities, m.heard = opening, false, false, 0, Heard{}
	m.live.expect, m.live.doubt = health.ExpectUnknown, status.Status{}
	endpoint, find := m.endpoint()
	m.attempting(Attempt{Level: policy.Rejoin, Endpoint: endpoint, FindEndpoint: find, Timeout: timeout})
	m.linkViewOnly = m.viewOnly
	m.do(Effect{Kind: Open, Epoch: m.epoch, Attempt: m.attempt})
}

// attempting counts an attempt, gives it its time, and tells of it.
func (m *Machine) attempting(a Attempt) {
	m.trouble.attempts++
	m.retries.Attempt()
	a.Number, a.Cause = m.trouble.attempts, m.trouble.last
	a.ViewOnly, a.WithoutTransforms = m.viewOnly, m.withoutTransforms
	a.Rejected, m.trouble.rejected = m.trouble.rejected, false
	m.attempt, m.trouble.level = a, a.Level
	m.prepare()
	m.tell(observer.AttemptStarted{
		Header: m.here(), Number: a.Number, Level: a.Level, Endpoint: a.Endpoint, Cause: a.Cause,
		ViewOnly: a.ViewOnly, WithoutTransforms: a.WithoutTransforms, Timeout: a.Timeout,
	})
}

// clipped shortens a time limit of an attempt so that it does not outlast the
// budget; nothing is left from its end on. A budget of nothing forbids retries
// but leaves the first attempt its time.
func (m *Machine) clipped(limit time.Duration) time.Duration {
	end, limited := m.retries.Deadline()
	if !limited || m.cfg.Policy.Budget.Elapsed == 0 {
		return limit
	}
	return max(min(limit, end-m.now.Mono), 0)
}

// opened takes a link that Connect has returned. One that comes too late is
// closed.
func (m *Machine) opened(in Input) {
	if in.Epoch != m.epoch || m.phase != opening {
		m.openedLate(in.Epoch)
		return
	}
	m.timers.clear(tConnect)
	m.held, m.abilities, m.offered = true, in.Abilities, in.Abilities
	m.trouble.recovery.Rejections = 0
	if m.cfg.PresenceTimeout > 0 && !m.present {
		m.phase, m.linkOpened = awaiting, m.now.Mono
		m.arm(tPresence, m.clipped(m.cfg.PresenceTimeout))
		return
	}
	m.ready()
}

// openedLate closes a link that nobody waits for any more. The session goes on
// waiting for it as it did for the Connect.
func (m *Machine) openedLate(epoch uint64) {
	m.do(Effect{Kind: CloseLink, Epoch: epoch})
	if m.phase == aborting && epoch == m.epoch && m.op == 0 {
		m.await(operation{epoch: epoch})
		m.failed(m.timeout)
		return
	}
	switch {
	case m.old.epoch != epoch || epoch == 0:
		m.heardOf(epoch)
	case m.phase == leaving:
		m.old.connect = false // the end is not put off (G3)
	default:
		m.await(operation{epoch: epoch})
	}
}

// openFailed takes the error of a Connect.
func (m *Machine) openFailed(in Input) {
	switch {
	case in.Epoch == m.epoch && m.phase == opening:
		m.timers.clear(tConnect)
		m.rejected(in.Rejected)
		m.failed(in.Status)
	case in.Epoch == m.epoch && m.phase == aborting && m.op == 0:
		m.timers.clear(tGrace)
		m.old = operation{}
		m.rejected(in.Rejected)
		m.failed(m.named(in.Status))
	case in.Epoch == m.epoch && m.phase == waiting && m.final(in.Status) && !m.renewable(in.Status):
		// The attempt was ended by something else; its Connect knows better.
		m.timers.clear(tGrace)
		m.old = operation{}
		m.heardOf(in.Epoch)
		m.reportedWaiting(in.Status, false)
	default:
		if in.Rejected && in.Epoch == m.epoch && m.phase == waiting {
			m.trouble.rejected = true // what has ended the attempt did not know that
		}
		m.settle(in.Epoch)
	}
}

// named is the status of an attempt that ran out of time: the one that the
// transport gave when it was cancelled, if that says more than the timeout.
func (m *Machine) named(st status.Status) status.Status {
	if st.Code != status.TaskFailed || st.Permanent {
		if st.Directive == nil {
			st.Directive = m.timeout.Directive // of the report that ended it
		}
		return st
	}
	if st.Cause != nil && m.timeout.Cause != nil {
		m.timeout.Cause = joinText(m.timeout.Cause, st.Cause)
	}
	return m.timeout
}

// connectTimedOut cancels the attempt and gives it the close grace to say in
// which step it hung.
func (m *Machine) connectTimedOut() {
	m.timeout = status.New(status.TaskFailed, m.step.timedOut(m))
	if m.phase == restoring {
		m.abort()
		return
	}
	m.phase = aborting
	m.do(Effect{Kind: CancelOpen, Epoch: m.epoch, Status: m.timeout})
	m.await(operation{epoch: m.epoch, connect: true})
}

// arrived notes that the attendee is on the roster.
func (m *Machine) arrived() {
	m.present = true
	if m.phase == awaiting {
		m.timers.clear(tPresence)
		m.ready()
	}
}

func (m *Machine) absent() {
	m.giveUp()
	waited := min(m.cfg.PresenceTimeout, m.now.Mono-m.linkOpened) // less if the budget ended first
	m.failed(status.New(status.NoAttendeePresent, errTimeout("waiting for the attendee's presence", waited)))
}

// establish adopts the link of this epoch.
func (m *Machine) establish() {
	from, event := m.state, evEstablish
	if from == observer.StateReconnecting {
		event = evRecover
	}
	if !m.fire(event) {
		return
	}
	m.phase, m.adopted, m.retryDue, m.admitted = resting, true, false, false
	m.networkBack() // here is the proof
	outage := m.summary()
	m.tell(observer.Connected{
		Header: m.head(from), Attempts: outage.Attempts, After: outage.Duration, ViewOnly: m.viewOnly,
	})
	if from == observer.StateReconnecting {
		m.tell(observer.Recovered{Header: m.here(), Outage: outage})
	}
	m.settleIn(from)
	m.catchUp(outage.MediaKept)
}

// settleIn starts what runs while connected.
func (m *Machine) settleIn(from observer.State) {
	if m.cfg.Policy.StableAfter > 0 {
		m.arm(tStable, m.cfg.Policy.StableAfter)
	} else {
		m.retries.Reset()
	}
	if from == observer.StateConnecting {
		m.retries.Restart() // the first connect has a budget of its own
	}
	m.trouble = m.calmed()
	m.live.doubt = status.Status{}
	m.timers.clear(tProof)
	m.monitor.Start(m.now.Mono)
	m.monitor.SetStart(m.now.Mono)
	if m.abilities&CanPing != 0 {
		m.pinger.Start(m.now.Mono)
		m.ping()
	}
	if m.watching() {
		m.live.detector.Revive(m.now.Mono)
		m.detect()
	} else {
		m.watch()
	}
	m.keepFresh()
	m.lastChance() // is not needed any more
}

func (m *Machine) summary() observer.Outage {
	o := observer.Outage{
		Since: m.trouble.since.Wall, Duration: m.now.Mono - m.trouble.since.Mono,
		Attempts: m.trouble.attempts, Level: m.attempt.Level, First: m.trouble.first, Last: m.trouble.last,
	}
	if o.Healed = o.Attempts == 0; o.Healed {
		o.Level = 0
	}
	o.SessionKept = o.Level < policy.Rejoin
	o.MediaKept = o.SessionKept
	o.Gap = o.Duration
	if m.trouble.silent > 0 {
		o.Gap = m.now.Mono - m.trouble.silent
	}
	return o
}

// failed ends the attempt and decides what comes next. Its link is gone, or kept
// for another one.
func (m *Machine) failed(st status.Status) { m.failedAs(st, failing{}) }

// failing says how an attempt has failed, if not just so. Each of these leaves its
// level for good.
type failing struct {
	refused     bool // by the server
	unsupported bool // the link cannot do it after all
	silent      bool // it seemed to work, and no media came
}

// failedAs is failed for a level that was refused, or that the link cannot do
// after all.
func (m *Machine) failedAs(st status.Status, f failing) {
	m.phase = waiting
	m.leaveEndpoint()
	m.trouble.recovery.At, m.trouble.recovery.Refused = m.attempt.Level, f != failing{}
	told := m.told(st)
	m.trouble.blame(told)
	m.tell(observer.AttemptFailed{
		Header: m.here(), Number: m.attempt.Number, Status: told, After: m.now.Mono - m.attemptStarted,
		Refused: f.refused, Unsupported: f.unsupported,
	})
	d := m.decide(policy.Failed, st)
	m.trouble.recovery.At, m.trouble.recovery.Refused, m.trouble.recovery.Rejected = 0, false, false
	m.judge(d, st)
}

// told is a failure as observers hear of it.
func (m *Machine) told(st status.Status) status.Status {
	st = m.cfg.Policy.Classes.Failed(st)
	if st.Code.Told() == status.ToldDemote { // a permanent one: they are told in Demoted only (G7)
		st = public(st)
	}
	return st
}

// renewable reports whether a status rejects credentials, and others may be had.
func (m *Machine) renewable(st status.Status) bool {
	return st.Code == status.AudioAuthenticationRejected && !st.Permanent && m.cfg.Authorizes
}

// rejected notes whether an attempt was turned away because of its credentials. A
// failure of another kind says nothing about them, and ends no row of those that were.
func (m *Machine) rejected(yes bool) {
	m.trouble.recovery.Rejected, m.trouble.rejected = yes, yes
	if yes {
		m.trouble.recovery.Rejections++
	}
}

// giveUp lets go of what a running attempt holds. A link that can be restored is
// kept until it is decided what comes next.
func (m *Machine) giveUp() {
	if m.adopted {
		m.suspend()
	} else {
		m.release(false)
	}
}

// judge carries out the decision about a loss or a failed attempt, which st is.
func (m *Machine) judge(d policy.Decision, st status.Status) {
	m.ails().last = d.Status
	if d.Action != policy.Retry {
		m.end(d, initiatorOf(d))
		return
	}
	m.letGo(d.Level)
	m.retry(d, st)
}

// letGo keeps the link for a level that needs it, and closes it otherwise.
func (m *Machine) letGo(level policy.Level) {
	if level < policy.Rejoin {
		m.suspend()
	} else {
		m.release(false)
	}
}

// retry waits for the delay, but not beyond the end of the budget, where the
// session stops.
func (m *Machine) retry(d policy.Decision, st status.Status) {
	m.phase, m.granted, m.retryDue = m.waitingPhase(), d.Status, false
	m.plan(d)
	m.withoutTransforms = m.withoutTransforms || d.WithoutTransforms
	m.tell(observer.RetryScheduled{Header: m.here(), Decision: d})
	if d.ViewOnly {
		m.switchToViewOnly(st)
	}
	at := later(m.now.Mono, d.Delay)
	if end, limited := m.retries.Deadline(); limited {
		at = min(at, end)
	}
	m.timers.set(tRetry, at)
	m.lastChance()
}

// plan notes what was decided about the next attempt. An outage never goes down
// the ladder again by itself.
func (m *Machine) plan(d policy.Decision) {
	t := m.ails()
	t.level, t.recovery.Floor = d.Level, max(t.recovery.Floor, d.Level)
	t.recovery.Damage = d.Facts.Recovery.Damage | policy.DamageOf(d.Facts.Status)
	if dir := d.Facts.Status.Directive; dir != nil {
		t.asked = dir.RetryAfter > 0 && m.cfg.Policy.MaxRetryAfter > 0
		m.move(dir.Endpoint)
	} else {
		t.asked = false
	}
}

// recovery is what a decision about the outage is grounded on.
func (m *Machine) recovery() policy.Recovery {
	r := m.trouble.recovery
	restorable := m.held && m.adopted
	r.CanRestartMedia = restorable && m.abilities&CanRestart != 0
	r.CanResume = restorable && m.abilities&CanResume != 0
	r.Local = r.Local || m.network.local(m.now.Mono)
	r.Renewable = m.cfg.Authorizes
	lost := m.now.Mono
	if m.state == observer.StateReconnecting {
		r.Age = m.now.Wall.Sub(m.trouble.since.Wall)
		lost = m.trouble.since.Mono
	}
	r.Age += m.network.asleep(lost)
	return r
}

// between reports whether an attempt is being waited for.
func (m *Machine) between() bool {
	return m.phase == waiting || m.phase == holding || m.phase == condemned
}

// retryOver: the delay is over. While the network is down the attempt waits on, to
// the end of the budget.
func (m *Machine) retryOver() {
	switch {
	case m.phase == queueing, m.retryDue:
		m.budgetOver()
		return
	}
	m.retryDue = true
	m.proceed()
	if end, limited := m.retries.Deadline(); limited && m.retryDue && m.network.down {
		m.timers.set(tRetry, max(end, later(m.now.Mono, 1)))
	}
}

// proceed does what had to wait for the old operation, the network, or the
// limiter.
func (m *Machine) proceed() {
	switch {
	case m.phase == leaving:
		if m.old.epoch == 0 {
			m.finish()
		}
		return
	case !m.between() || !m.retryDue || m.network.down || m.old.epoch != 0:
		return
	}
	if m.touch(); m.old.epoch != 0 {
		return
	}
	m.timers.clear(tRetry)
	switch {
	case m.admitted || !m.cfg.Limited:
		m.begin()
	case m.clipped(1) <= 0:
		m.budgetOver()
	default:
		m.enqueue()
	}
}

// budgetOver ends the session at the moment when the budget forbids the
// attempt that was scheduled.
func (m *Machine) budgetOver() {
	if m.granted.IsZero() { // not even the first attempt has begun
		m.granted = status.New(status.TaskFailed, errNotLetThrough)
		m.ails().blame(m.granted)
	}
	d := m.decideLoss(m.granted) // which may call the status final: it was not when it came
	d.Action, d.Rule, d.Refusal = policy.Stop, policy.RuleBudget, m.retries.Refuse(m.now.Mono)
	m.end(d, observer.ByPolicy)
}

// release gives up what the running attempt or the link holds, and waits for it
// within the close grace.
func (m *Machine) release(leave bool) {
	m.suspend()
	switch {
	case m.phase == opening:
		m.do(Effect{Kind: CancelOpen, Epoch: m.epoch, Status: status.New(status.TaskFailed, nil)})
		m.await(operation{epoch: m.epoch, connect: true})
	case m.held:
		m.held, m.op = false, 0
		m.do(Effect{Kind: CloseLink, Epoch: m.epoch, Leave: leave})
		m.await(operation{epoch: m.epoch})
	}
}

// suspend ends all that runs on the link, or before it opens, and leaves the link
// alone.
func (m *Machine) suspend() {
	m.timers.clear(tConnect, tPresence, tReason, tStable, tPing, tUpdate, tProof, tResync)
	m.unwatch()
	m.pinger.Stop()
	m.monitor.Stop()
	m.dropUpdate()
	switch m.phase {
	case restoring:
		m.do(Effect{Kind: CancelRestore, Epoch: m.epoch, ID: m.op, Status: status.New(status.TaskFailed, nil)})
		m.op = 0
	case resyncing:
		m.do(Effect{Kind: CancelResync, Epoch: m.epoch, ID: m.op})
		m.op = 0
	}
}

// await gives an operation that goes on in the background the close grace.
func (m *Machine) await(op operation) {
	m.old = op
	m.arm(tGrace, m.cfg.CloseGrace)
}

// settle notes that an operation of an epoch has returned.
func (m *Machine) settle(epoch uint64) {
	if m.old.epoch != epoch || m.old.restore {
		m.heardOf(epoch)
		return
	}
	m.old = operation{}
	m.timers.clear(tGrace)
	m.proceed()
}

// graceOver stops waiting for the old operation.
func (m *Machine) graceOver() {
	op := m.old
	m.old = operation{}
	if m.tooDeaf(op) {
		return
	}
	switch {
	case op.restore:
		m.op = 0
		m.abilities &^= CanRestart | CanResume // the link is taken, nothing else can run on it
		m.failed(m.timeout)
	case m.phase == aborting:
		m.failed(m.timeout)
	default:
		m.proceed()
	}
}

// tooDeaf ends the session if too many calls hang.
func (m *Machine) tooDeaf(op operation) bool {
	var why error
	switch {
	case m.phase == leaving:
		return false
	case op.restore && m.isDeafRestore(op.epoch):
		why = errDeafRestores
	case op.restore:
		return false
	case op.connect && m.isDeaf(op.epoch):
		why = errDeaf
	case !op.connect && m.isDeafClose(op.epoch):
		why = errDeafCloses
	default:
		return false
	}
	st := status.New(status.TaskFailed, why)
	m.ails().blame(st)
	m.end(policy.Decision{Action: policy.Stop, Rule: policy.RuleTerminal, Status: st}, observer.ByFault)
	return true
}

// maxDeafCloses is how many Closes may hang at once before the session ends
// rather than pile up more. It is larger than maxDeaf: a hanging Close holds up
// nothing.
const maxDeafCloses = 16

// isDeafClose remembers that the Close of an epoch hangs, and reports whether
// these are now too many.
func (m *Machine) isDeafClose(epoch uint64) bool {
	m.deafCloses = append(m.deafCloses, epoch)
	return len(m.deafCloses) >= maxDeafCloses
}

// isDeafRestore remembers that a restart or a resume on the link of an epoch hangs,
// and reports whether these are now too many. They hold up as little as Closes do.
func (m *Machine) isDeafRestore(epoch uint64) bool {
	m.deafRestores = append(m.deafRestores, epoch)
	return len(m.deafRestores) >= maxDeafCloses
}

// heardOfRestore notes that one has returned after all.
func (m *Machine) heardOfRestore(epoch uint64) {
	m.deafRestores = slices.DeleteFunc(m.deafRestores, func(e uint64) bool { return e == epoch })
}

// isDeaf remembers that the Connect of an epoch ignores its context, and
// reports whether these are now too many.
func (m *Machine) isDeaf(epoch uint64) bool {
	for i, e := range m.deaf {
		if e == 0 {
			m.deaf[i] = epoch
			return i == maxDeaf-1
		}
	}
	return true
}

// heardOf notes that a deaf Connect, or a hanging Close, has returned after all.
func (m *Machine) heardOf(epoch uint64) {
	m.deafCloses = slices.DeleteFunc(m.deafCloses, func(e uint64) bool { return e == epoch })
	for i, e := range m.deaf {
		if e == epoch && e != 0 {
			copy(m.deaf[i:], m.deaf[i+1:])
			m.deaf[maxDeaf-1] = 0
			return
		}
	}
}
