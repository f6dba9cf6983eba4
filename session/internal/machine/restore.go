package machine

import (
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// restore begins an attempt on the link that was kept: a restart of its media, or
// a resume of its session over new signaling.
func (m *Machine) restore(level policy.Level, timeout time.Duration) {
	m.phase = restoring
	m.ops++
	m.op = m.ops
	kind, endpoint, r := Restart, m.attempt.Endpoint, &m.trouble.recovery
	if level == policy.Resume {
		kind, endpoint = Resume, m.resumeAt()
		r.Resumes++
	} else {
		r.Restarts++
	}
	m.attempting(Attempt{
		Level: level, Endpoint: endpoint, RestartMedia: m.mediaInDoubt(), Timeout: timeout,
	})
	m.do(Effect{Kind: kind, Epoch: m.epoch, ID: m.op, Attempt: m.attempt})
}

// mediaInDoubt reports whether a resume has to restart media as well: if it is known
// to be dead, or if signaling was only found dead. A loss that nobody has told of
// may be that of a NAT's mappings, and then the server's media goes nowhere although
// every probe is answered, over a new one.
func (m *Machine) mediaInDoubt() bool {
	return m.trouble.recovery.Damage&policy.MediaDead != 0 || m.trouble.first.Code == status.ConnectionHealthReconnect
}

// restored takes the end of the running restart or resume, or of the cancelled
// one that is waited for.
func (m *Machine) restored(in Input) {
	if m.op == 0 || in.ID != m.op || m.phase != restoring && m.phase != aborting {
		return
	}
	m.op = 0
	m.timers.clear(tConnect)
	if m.phase == aborting {
		m.timers.clear(tGrace)
		m.old = operation{}
		if !m.renewable(m.timeout) { // that has been counted
			m.rejected(in.Rejected)
		}
		m.failedAs(m.named(failureOf(in.Status)), failing{refused: in.Refused})
		return
	}
	switch {
	case in.Unsupported:
		m.forgo()
	case !in.Status.IsZero():
		m.rejected(in.Rejected)
		m.failedAs(in.Status, failing{refused: in.Refused})
	default:
		m.trouble.recovery.Rejections = 0
		m.abilities = m.offered // what a restart has changed may make them work again
		m.ready()
	}
}

// failureOf is the status of a cancelled operation, which may have succeeded
// after all.
func failureOf(st status.Status) status.Status {
	if st.IsZero() {
		return status.New(status.TaskFailed, nil)
	}
	return st
}

// forgo takes back an attempt that the link cannot make after all.
func (m *Machine) forgo() {
	m.trouble.attempts--
	m.retries.Refund()
	m.failedAs(status.New(status.TaskFailed, errUnsupported), failing{unsupported: true})
}

// abort cancels the running restart or resume, with m.timeout as the reason, and
// gives it the close grace: nothing else may run on the link meanwhile.
func (m *Machine) abort() {
	m.timers.clear(tConnect)
	m.phase = aborting
	m.do(Effect{Kind: CancelRestore, Epoch: m.epoch, ID: m.op, Status: m.timeout})
	m.await(operation{epoch: m.epoch, restore: true})
}

// mends reports whether the running restart or resume is there to mend what a
// status complains of. That of the old media path is no news in a restart, nor
// is that of the old signaling in a resume.
func (m *Machine) mends(st status.Status) bool {
	damage := policy.DamageOf(st)
	return m.phase == restoring && damage != 0 && damage&^m.mended() == 0
}

// mended is what the running restart or resume replaces.
func (m *Machine) mended() policy.Damage {
	switch {
	case m.attempt.Level == policy.RestartMedia:
		return policy.MediaDead
	case m.attempt.RestartMedia:
		return policy.MediaDead | policy.SignalingDead
	}
	return policy.SignalingDead
}

// attemptLost ends the running attempt because of what its link reports.
func (m *Machine) attemptLost(st status.Status) {
	if m.phase == restoring {
		m.trouble.recovery.Damage |= policy.DamageOf(st)
		m.timeout = st
		m.abort()
		return
	}
	m.giveUp()
	m.failed(st)
}

// raise takes a further loss into account while the next attempt is waited for:
// what was to be kept may be gone as well, or the server may not want it back.
func (m *Machine) raise(st status.Status) {
	t := m.trouble
	t.recovery.Damage |= policy.DamageOf(st)
	rejoin := m.heed(st.Directive)
	m.postpone(st)
	switch {
	case rejoin:
		t.level = policy.Rejoin
	case policy.DamageOf(st) != 0:
		t.level = max(t.level, m.cfg.Policy.Ladder.LevelFor(status.Status{}, m.recovery()))
	}
	if t.level == policy.Rejoin && m.phase == holding {
		m.release(false)
		m.phase = waiting
	}
}

// postpone puts off the attempt that is waited for, if the server asks for time.
func (m *Machine) postpone(st status.Status) {
	if !m.between() {
		return
	}
	wait := policy.Wait(&m.cfg.Policy, st, &m.retries, m.now.Mono)
	if wait <= 0 {
		return
	}
	at := later(m.now.Mono, wait)
	if due, ok := m.timers.at(tRetry); ok && !m.retryDue {
		at = max(at, due)
	}
	if end, limited := m.retries.Deadline(); limited {
		at = min(at, end)
	}
	m.trouble.asked, m.retryDue = true, false
	m.timers.set(tRetry, at)
}

// heed takes a wish of the server about the attempt that is waited for, and reports
// whether it is to begin from nothing.
func (m *Machine) heed(d *status.Directive) bool {
	if d == nil {
		return false
	}
	m.move(d.Endpoint)
	return d.Recovery == status.RecoverByRejoin || d.Endpoint != "" && d.Recovery == status.RecoverAnyhow
}

// adopt lets the application catch up before the recovery counts as one.
func (m *Machine) adopt() {
	if m.state != observer.StateReconnecting || m.cfg.ResyncTimeout <= 0 {
		m.establish()
		return
	}
	m.timers.clear(tProof)
	m.phase = resyncing
	m.ops++
	m.op = m.ops
	m.arm(tResync, m.clipped(m.cfg.ResyncTimeout))
	outage := m.summary()
	m.tell(observer.Resyncing{Header: m.here(), Outage: outage})
	m.do(Effect{Kind: Resync, Epoch: m.epoch, ID: m.op, Outage: &outage})
}

// resynced takes the end of that.
func (m *Machine) resynced(in Input) {
	if m.phase != resyncing || in.ID != m.op {
		return
	}
	m.op = 0
	m.timers.clear(tResync)
	if in.Status.IsZero() {
		m.establish()
		return
	}
	m.failed(in.Status)
}

func (m *Machine) resyncTimedOut() {
	waited := m.now.Mono - m.linkOpened
	m.giveUp()
	m.failed(status.New(status.TaskFailed, errTimeout("resync", min(m.cfg.ResyncTimeout, waited))))
}
