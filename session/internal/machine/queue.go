package machine

import (
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
)

// enqueue asks the limiter for the attempt that is due. It is waited for to the
// end of the budget.
func (m *Machine) enqueue() {
	m.phase = queueing
	m.ops++
	m.queued = m.ops
	if end, limited := m.retries.Deadline(); limited && m.cfg.Policy.Budget.Elapsed != 0 {
		m.timers.set(tRetry, end)
	}
	m.paid = m.trouble.level
	m.tell(observer.AttemptQueued{Header: m.here(), Level: m.trouble.level})
	m.do(Effect{Kind: Admit, ID: m.queued, Attempt: Attempt{Level: m.trouble.level}})
}

// letThrough takes the limiter's answer.
func (m *Machine) letThrough(in Input) {
	if m.queued == 0 || in.ID != m.queued {
		return
	}
	m.queued, m.phase = 0, m.waitingPhase()
	if in.Status.IsZero() {
		m.admitted, m.retryDue = true, true
		m.proceed()
		return
	}
	m.retries.Attempt() // a limiter that fails must not be asked for ever
	m.ails().blame(m.told(in.Status))
	m.judge(m.decide(policy.Failed, in.Status), in.Status)
}

// waitingPhase is the phase in which the next attempt is waited for.
func (m *Machine) waitingPhase() phase {
	if m.held {
		return holding
	}
	return waiting
}

// leaveQueue gives the question up.
func (m *Machine) leaveQueue() {
	if m.queued != 0 {
		m.do(Effect{Kind: CancelAdmit, ID: m.queued})
		m.queued = 0
	}
}
