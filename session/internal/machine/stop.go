package machine

import (
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// stop ends the session because the application says so.
func (m *Machine) stop(st status.Status) {
	if m.state == observer.StateStopped {
		return
	}
	d := policy.Decide(&m.cfg.Policy, policy.Facts{StopAsked: true, Status: st}, &m.retries, m.now.Mono)
	d.Status.Cause = st.Cause
	m.end(d, initiatorOf(d))
}

// end leaves every state but stopped: it gives up what is open, waits for that
// within the close grace, and then tells Stopped.
func (m *Machine) end(d policy.Decision, by observer.Initiator) {
	if m.state == observer.StateStopped {
		return
	}
	m.demoteOnLoss()
	m.leaveQueue()
	m.cancelRefresh()
	m.release(by == observer.ByApplication)
	from := m.state
	if !m.fire(evStop) {
		return
	}
	d.Status = public(d.Status)
	m.ending = &ending{decision: d, initiator: by, from: from}
	grace, armed := m.timers.at(tGrace)
	m.timers.clearAll()
	if armed {
		m.timers.set(tGrace, grace)
	}
	m.phase = leaving
	m.proceed()
}

// finish tells Stopped; nothing follows it (G2).
func (m *Machine) finish() {
	m.phase = resting
	m.timers.clearAll()
	m.tell(observer.Stopped{
		Header: m.head(m.ending.from), Status: m.ending.decision.Status, Initiator: m.ending.initiator,
		Decision: m.ending.decision, First: public(m.trouble.first), Last: public(m.trouble.last),
		Attempts: m.trouble.attempts,
	})
	m.do(Effect{Kind: Finish})
}

// demoteOnLoss ends a promotion with the connection it belonged to, once.
func (m *Machine) demoteOnLoss() {
	m.dropPromotion()
	if !m.promoted {
		return
	}
	m.promoted = false
	m.tell(observer.Demoted{
		Header: m.here(), Status: status.New(status.AudioVideoDisconnectedWhilePromoted, nil), Initiator: observer.ByLoss,
	})
}
