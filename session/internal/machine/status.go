package machine

import (
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// policyPhase is where a reported status meets the session.
func (m *Machine) policyPhase() policy.Phase {
	switch m.phase {
	case opening, awaiting, proving, restoring, resyncing:
		return policy.Attempting
	case resting:
		return policy.Attached
	}
	return policy.Waiting
}

// reported judges a status of the current epoch. bare says that the loss came
// without a reason.
func (m *Machine) reported(st status.Status, bare bool) {
	switch m.policyPhase() {
	case policy.Attached:
		m.reportedAttached(st, bare || st.Unexplained())
	case policy.Attempting:
		m.reportedAttempting(st)
	default:
		m.reportedWaiting(st, bare || st.Unexplained())
	}
}

// reportedAttached judges a status of the adopted link. The clock of the
// budget starts at the loss, not at the first attempt.
func (m *Machine) reportedAttached(st status.Status, bare bool) {
	if !m.losing(st) {
		m.act(m.decide(policy.Attached, st))
		return
	}
	m.lost(st, bare)
}

// lost takes the adopted link for lost.
func (m *Machine) lost(st status.Status, bare bool) {
	m.retries.Begin(m.now.Mono)
	if bare && m.cfg.ReasonGrace > 0 {
		m.interrupt(st)
		m.phase = reasoning
		m.arm(tReason, m.cfg.ReasonGrace)
		return
	}
	d := m.decideLoss(st)
	if d.Action == policy.Retry {
		m.letGo(d.Level)
		m.interrupt(st)
		m.retry(d, st)
		return
	}
	m.ails().blame(d.Status)
	m.act(d)
}

// losing reports whether a status on an adopted link is a loss.
func (m *Machine) losing(st status.Status) bool {
	if st.Permanent {
		return false
	}
	class := m.cfg.Policy.Classes.Of(st.Code)
	return class == policy.Failure || class == policy.WithoutTransforms
}

// interrupt leaves connected. A promotion ends with the connection and is told
// first.
func (m *Machine) interrupt(st status.Status) {
	m.demoteOnLoss()
	m.dropUpdate()
	from := m.state
	if !m.fire(evInterrupt) {
		return
	}
	m.timers.clear(tStable, tPing)
	m.keepFresh()
	if m.phase != condemned {
		m.unwatch()
	}
	m.outages++
	m.refuted()
	m.trouble = &trouble{since: m.now, level: policy.Rejoin, silent: m.lastHeard(st)}
	m.trouble.blame(st)
	m.trouble.recovery.Damage = policy.DamageOf(st)
	m.monitor.Reset(m.now.Mono)
	m.tell(observer.Reconnecting{Header: m.head(from), Cause: st})
}

// lastHeard is when what a verdict calls dead was last heard; 0 if that is not
// known.
func (m *Machine) lastHeard(st status.Status) time.Duration {
	if st.Code != status.ConnectionHealthReconnect {
		return 0 // lost at once
	}
	switch policy.DamageOf(st) {
	case policy.MediaDead:
		return m.heard.Media
	case policy.SignalingDead:
		return m.heard.Signaling
	}
	return min(m.heard.Media, m.heard.Signaling)
}

// reasoned goes on with a reason. One that says nothing about the layers leaves
// nothing to build on.
func (m *Machine) reasoned(st status.Status) {
	m.timers.clear(tReason)
	if policy.DamageOf(st) == 0 {
		m.trouble.recovery.Floor = policy.Rejoin
	}
	m.reasonOver()
}

// reasonOver goes on without a reason.
func (m *Machine) reasonOver() {
	m.judge(m.decideLoss(m.trouble.last), m.trouble.last)
}

// reportedAttempting judges a status that comes while an attempt runs. A
// failure ends the attempt at once instead of waiting out its time.
func (m *Machine) reportedAttempting(st status.Status) {
	if m.renewable(st) {
		m.rejected(true)
		m.attemptLost(st)
		return
	}
	if !m.losing(st) || m.cfg.Policy.Classes.Of(st.Code) == policy.WithoutTransforms {
		m.act(m.decide(policy.Attempting, st))
		return
	}
	if !m.mends(st) {
		m.attemptLost(st)
	}
}

// reportedWaiting judges a status of a link or attempt that is already lost. A
// failure adds to the causes; one that names the reason ends the wait for it.
func (m *Machine) reportedWaiting(st status.Status, bare bool) {
	d := m.decide(policy.Waiting, st)
	if m.disturbing(st) {
		m.touch()
	}
	if d.Action == policy.Fold {
		m.trouble.blame(st)
		m.raise(st)
		if m.phase == reasoning && !bare {
			m.reasoned(st)
		}
		return
	}
	m.act(d)
}

// disturbing reports whether a status says that the link it came from is not
// what it was, so that it must not heal: on an adopted link it is a loss, or asks
// for a change of which the lost one will not hear.
func (m *Machine) disturbing(st status.Status) bool {
	return m.losing(st) || m.cfg.Policy.Classes.Of(st.Code) == policy.Renegotiation && !st.Permanent
}

// act carries out a decision that is not a retry.
func (m *Machine) act(d policy.Decision) {
	switch d.Action {
	case policy.Stop:
		t := m.ails()
		if t.last = d.Status; t.first.IsZero() {
			t.first = d.Status
		}
		m.end(d, initiatorOf(d))
	case policy.Renegotiate:
		m.change(change{renegotiate: true}, d.Status)
	case policy.SwitchToViewOnly:
		m.switchToViewOnly(d.Status)
		if m.state == observer.StateConnected {
			m.change(change{viewOnly: true}, d.Status)
		}
	case policy.Demote:
		m.promoted = false
		m.tell(observer.Demoted{Header: m.here(), Status: d.Status, Initiator: observer.ByStatus})
	}
}

func (m *Machine) switchToViewOnly(st status.Status) {
	m.viewOnly = true
	m.tell(observer.VideoSendUnavailable{Header: m.here(), Status: st})
}

// linkClosed takes the end of a layer for a loss, whatever code came with it. A
// layer that ends once the session has given the link up says nothing new,
// unless it says that there is nothing to come back to.
func (m *Machine) linkClosed(in Input) {
	st := in.Status
	final := m.final(st)
	switch {
	case in.Bare:
		st = status.Status{Code: closedCode(in.Layer), Layer: in.Layer, Cause: st.Cause}
	case !final && !m.losing(st):
		st = status.Status{Code: closedCode(in.Layer), Layer: in.Layer, Directive: st.Directive, Cause: st}
	}
	bare := in.Bare || st.Unexplained()
	switch {
	case final:
		m.reported(st, bare)
	case m.policyPhase() == policy.Attempting:
		if !in.Bare {
			st = in.Status // also a code that would leave the attempt alone if it were only reported
		}
		if end := damaged(st, in.Layer); !m.mends(end) {
			m.trouble.recovery.Damage |= policy.DamageOf(end)
			m.attemptLost(st)
		}
	case m.policyPhase() == policy.Attached:
		m.lost(st, bare)
	case m.held:
		m.reportedWaiting(st, bare)
	}
}

// damaged is a status that is read as the end of a layer, whatever its code.
func damaged(st status.Status, l status.Layer) status.Status {
	if policy.DamageOf(st) == 0 {
		return status.Status{Code: closedCode(l), Layer: l}
	}
	return st
}

// final reports whether a status ends the session.
func (m *Machine) final(st status.Status) bool {
	return st.Permanent || m.cfg.Policy.Classes.Of(st.Code) == policy.Terminal
}

// closedCode stands for the end of a layer that gave no code.
func closedCode(l status.Layer) status.Code {
	switch l {
	case status.LayerSignaling:
		return status.SignalingChannelClosedUnexpectedly
	case status.LayerMedia:
		return status.ConnectionHealthReconnect
	}
	return status.TaskFailed
}

// outdated judges a report of an older epoch: it changes nothing, except that
// for a moment after the next attempt has begun the lost link may still say
// why the session must end (G10).
func (m *Machine) outdated(in Input) {
	m.stale++
	if in.Kind != Reported && in.Kind != LinkClosed || !authoritative(in.Status.Code) || !m.heeded(in.Epoch) {
		return
	}
	if d := m.decide(policy.Waiting, in.Status); d.Action == policy.Stop {
		m.act(d)
	}
}

// heeded reports whether a link of the past is lost for so short a time that it
// is still listened to: the one before this attempt, or the one whose loss began
// the outage.
func (m *Machine) heeded(epoch uint64) bool {
	switch {
	case epoch == 0:
		return false
	case epoch+1 == m.epoch && m.now.Mono < m.priorUntil:
		return true
	}
	return epoch == m.lostEpoch && m.now.Mono < m.lostUntil
}

// authoritative codes say that there is nothing to come back to. Joined from
// another device is not among them: the displacing session may be this one.
func authoritative(c status.Code) bool {
	return c == status.MeetingEnded || c == status.TURNCredentialsForbidden || c == status.AudioAttendeeRemoved
}

// reconnect recovers by hand. While an outage runs there is nothing to add, but
// that the application does not want to wait for the link to heal.
func (m *Machine) reconnect(st status.Status) {
	m.touch()
	if m.state == observer.StateConnected {
		m.reportedAttached(st, false)
	}
}

func initiatorOf(d policy.Decision) observer.Initiator {
	switch d.Rule {
	case policy.RuleStop:
		return observer.ByApplication
	case policy.RuleTerminal:
		return observer.ByStatus
	}
	return observer.ByPolicy
}

// joinText joins two causes by their text, so that the context errors in what
// a cancelled transport returns do not pass for the caller's.
func joinText(a, b error) error { return errors.New(a.Error() + ": " + b.Error()) }
