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
	m.trouble = trouble{since: m.now}
	m.retries.Begin(m.now.Mono)
	m.open()
}

// open begins an attempt, unless the budget has ended meanwhile (G9).
func (m *Machine) open() {
	timeout := m.clipped(m.cfg.ConnectTimeout)
	if timeout <= 0 {
		m.budgetOver()
		return
	}
	if m.trouble.attempts == 0 {
		m.lostEpoch, m.lostUntil = m.epoch, later(m.now.Mono, authority)
	}
	m.epoch++
	m.phase, m.retryDue, m.present, m.abilities, m.heard = opening, false, false, 0, Heard{}
	m.live.expect, m.live.doubt = health.ExpectUnknown, status.Status{}
	m.trouble.attempts++
	m.retries.Attempt()
	m.attemptStarted = m.now.Mono
	m.attempt = Attempt{
		Number: m.trouble.attempts, Level: policy.Rejoin, Cause: m.trouble.last,
		ViewOnly: m.viewOnly, WithoutTransforms: m.withoutTransforms, Timeout: timeout,
	}
	m.arm(tConnect, timeout)
	m.tell(observer.AttemptStarted{
		Header: m.here(), Number: m.attempt.Number, Level: m.attempt.Level, Cause: m.attempt.Cause,
		ViewOnly: m.viewOnly, WithoutTransforms: m.withoutTransforms, Timeout: timeout,
	})
	m.do(Effect{Kind: Open, Epoch: m.epoch, Attempt: m.attempt})
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
	m.abilities = in.Abilities
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
	if m.phase == aborting && epoch == m.epoch {
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
		m.failed(in.Status)
	case in.Epoch == m.epoch && m.phase == aborting:
		m.timers.clear(tGrace)
		m.old = operation{}
		m.failed(m.named(in.Status))
	case in.Epoch == m.epoch && m.phase == waiting && m.final(in.Status):
		// The attempt was ended by something else; its Connect knows better.
		m.timers.clear(tGrace)
		m.old = operation{}
		m.heardOf(in.Epoch)
		m.reportedWaiting(in.Status, false)
	default:
		m.settle(in.Epoch)
	}
}

// named is the status of an attempt that ran out of time: the one that the
// transport gave when it was cancelled, if that says more than the timeout.
func (m *Machine) named(st status.Status) status.Status {
	if st.Code != status.TaskFailed || st.Permanent {
		return st
	}
	if st.Cause != nil {
		m.timeout.Cause = joinText(m.timeout.Cause, st.Cause)
	}
	return m.timeout
}

// connectTimedOut cancels the attempt and gives it the close grace to say in
// which step it hung.
func (m *Machine) connectTimedOut() {
	m.timeout = status.New(status.TaskFailed, errTimeout("connect", m.attempt.Timeout))
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
	m.release(false)
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
	m.phase = resting
	outage := m.summary()
	m.tell(observer.Connected{
		Header: m.head(from), Attempts: outage.Attempts, After: outage.Duration, ViewOnly: m.viewOnly,
	})
	if from == observer.StateReconnecting {
		m.tell(observer.Recovered{Header: m.here(), Outage: outage})
	}
	m.settleIn(from)
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
	m.trouble = trouble{}
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
	if m.viewOnly && !m.attempt.ViewOnly {
		m.change(change{viewOnly: true}, status.New(status.VideoCallSwitchToViewOnly, nil))
	}
}

func (m *Machine) summary() observer.Outage {
	o := observer.Outage{
		Since: m.trouble.since.Wall, Duration: m.now.Mono - m.trouble.since.Mono,
		Attempts: m.trouble.attempts, Level: m.attempt.Level, First: m.trouble.first, Last: m.trouble.last,
	}
	if o.Healed = o.Attempts == 0; o.Healed {
		o.Level = 0
	}
	return o
}

// failed ends the attempt, whose link is gone, and decides what comes next.
func (m *Machine) failed(st status.Status) {
	m.phase = waiting
	told := m.cfg.Policy.Classes.Failed(st)
	if told.Code.Told() == status.ToldDemote { // a permanent one: they are told in Demoted only (G7)
		told = public(told)
	}
	m.trouble.blame(told)
	m.tell(observer.AttemptFailed{
		Header: m.here(), Number: m.attempt.Number, Status: told, After: m.now.Mono - m.attemptStarted,
	})
	m.judge(m.decide(policy.Failed, st), st)
}

// judge carries out the decision about a loss or a failed attempt, which st is.
func (m *Machine) judge(d policy.Decision, st status.Status) {
	m.trouble.last = d.Status
	if d.Action != policy.Retry {
		m.end(d, initiatorOf(d))
		return
	}
	m.retry(d, st)
}

// retry waits for the delay, but not beyond the end of the budget, where the
// session stops.
func (m *Machine) retry(d policy.Decision, st status.Status) {
	m.phase, m.granted = waiting, d.Status
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
}

// proceed does what had to wait for the old operation.
func (m *Machine) proceed() {
	switch {
	case m.old.epoch != 0:
	case m.phase == leaving:
		m.finish()
	case m.phase == waiting && m.retryDue:
		m.open()
	}
}

// budgetOver ends the session at the moment when the budget forbids the
// attempt that was scheduled.
func (m *Machine) budgetOver() {
	d := m.decideLoss(m.granted)
	d.Action = policy.Stop
	m.end(d, observer.ByPolicy)
}

// release gives up what the running attempt or the link holds, and waits for
// it within the close grace.
func (m *Machine) release(leave bool) {
	m.timers.clear(tConnect, tPresence, tReason, tStable, tPing, tUpdate, tProof)
	m.unwatch()
	m.pinger.Stop()
	m.monitor.Stop()
	m.dropUpdate()
	switch {
	case m.phase == opening:
		m.do(Effect{Kind: CancelOpen, Epoch: m.epoch, Status: status.New(status.TaskFailed, nil)})
		m.await(operation{epoch: m.epoch, connect: true})
	case m.phase == awaiting, m.phase == proving, m.phase == reasoning, m.phase == condemned, m.state == observer.StateConnected:
		m.do(Effect{Kind: CloseLink, Epoch: m.epoch, Leave: leave})
		m.await(operation{epoch: m.epoch})
	}
}

// await gives an operation that goes on in the background the close grace.
func (m *Machine) await(op operation) {
	m.old = op
	m.arm(tGrace, m.cfg.CloseGrace)
}

// settle notes that an operation of an epoch has returned.
func (m *Machine) settle(epoch uint64) {
	if m.old.epoch != epoch {
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
	if m.phase == aborting {
		m.failed(m.timeout)
		return
	}
	m.proceed()
}

// tooDeaf ends the session if too many calls hang.
func (m *Machine) tooDeaf(op operation) bool {
	var why error
	switch {
	case m.phase == leaving:
		return false
	case op.connect && m.isDeaf(op.epoch):
		why = errDeaf
	case !op.connect && m.isDeafClose(op.epoch):
		why = errDeafCloses
	default:
		return false
	}
	st := status.New(status.TaskFailed, why)
	m.trouble.blame(st)
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
