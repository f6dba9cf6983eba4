package machine

import (
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// change is what an update within the session is to bring about.
type change struct{ renegotiate, viewOnly bool }

func (c change) none() bool { return c == change{} }

// update is the one change that is running, and what was asked meanwhile.
type update struct {
	id      uint64 // 0: none is running
	now     change
	then    change
	because status.Status
}

func (c change) with(other change) change {
	return change{renegotiate: c.renegotiate || other.renegotiate, viewOnly: c.viewOnly || other.viewOnly}
}

// deferred is what has to wait for the end of the outage, or of the first connect.
type deferred struct {
	asked       change // by the application meanwhile
	interrupted change // it was running, or waited, when the link was lost
	because     status.Status
}

// asked takes an update that the application asks for.
func (m *Machine) asked(in Input) {
	if m.state == observer.StateIdle || m.phase == leaving {
		return
	}
	c := change{renegotiate: in.Renegotiate, viewOnly: in.ViewOnly && !m.viewOnly}
	m.viewOnly = m.viewOnly || in.ViewOnly
	switch {
	case c.none():
	case m.state == observer.StateConnected:
		m.change(c, status.Status{})
	default:
		m.deferred.asked = m.deferred.asked.with(c)
	}
}

// catchUp changes the adopted link as was asked for meanwhile. What was under way
// when the link was lost is done again if the media connection was kept; a new
// one has been negotiated anyway.
func (m *Machine) catchUp(kept bool) {
	d := m.deferred
	m.deferred = deferred{}
	c, because := d.asked, status.Status{}
	if kept && !d.interrupted.none() {
		c, because = c.with(d.interrupted), d.because
	}
	if c.viewOnly = m.viewOnly && !m.linkViewOnly; c.viewOnly && !d.asked.viewOnly && because.IsZero() {
		because = status.New(status.VideoCallSwitchToViewOnly, nil)
	}
	if !c.none() {
		m.change(c, because)
	}
}

// change renegotiates or switches to view-only, one update at a time.
func (m *Machine) change(c change, because status.Status) {
	if m.abilities&CanUpdate == 0 {
		m.linkViewOnly = m.linkViewOnly || c.viewOnly // as far as it can be told
		m.tell(observer.Updated{Header: m.here(), Renegotiate: c.renegotiate, ViewOnly: c.viewOnly, Unsupported: true})
		return
	}
	if m.update.id != 0 {
		m.update.then.renegotiate = m.update.then.renegotiate || c.renegotiate
		m.update.then.viewOnly = m.update.then.viewOnly || c.viewOnly
		m.update.because = because
		return
	}
	m.ops++
	m.update = update{id: m.ops, now: c, because: because}
	m.arm(tUpdate, m.cfg.ConnectTimeout)
	m.tell(observer.Updating{Header: m.here(), Renegotiate: c.renegotiate, ViewOnly: c.viewOnly, Cause: because})
	m.do(Effect{Kind: Update, Epoch: m.epoch, ID: m.update.id, Renegotiate: c.renegotiate, ViewOnly: c.viewOnly})
}

// updateDone takes the end of the running update. One that fails has left the
// session in doubt: it is a loss.
func (m *Machine) updateDone(in Input) {
	if m.update.id == 0 || in.ID != m.update.id {
		return
	}
	done := m.update
	m.update = update{}
	m.timers.clear(tUpdate)
	if !in.Unsupported && !in.Status.IsZero() {
		m.interruptedBy(done)
		m.lose(in.Status)
		return
	}
	m.linkViewOnly = m.linkViewOnly || done.now.viewOnly
	m.tell(observer.Updated{
		Header: m.here(), Renegotiate: done.now.renegotiate, ViewOnly: done.now.viewOnly, Unsupported: in.Unsupported,
	})
	if !done.then.none() {
		m.change(done.then, done.because)
	}
}

func (m *Machine) updateTimedOut() {
	m.do(Effect{Kind: CancelUpdate, Epoch: m.epoch})
	m.interruptedBy(m.update)
	m.update = update{}
	m.lose(status.New(status.TaskFailed, errTimeout("update", m.cfg.ConnectTimeout)))
}

// interruptedBy keeps what waited for an update that has failed. That one is not
// tried again: it may well be what breaks the link.
func (m *Machine) interruptedBy(failed update) {
	m.deferred.interrupted, m.deferred.because = failed.then, failed.because
}

// dropUpdate cancels the running update; what it was to bring about is not
// forgotten.
func (m *Machine) dropUpdate() {
	if m.update.id != 0 {
		m.do(Effect{Kind: CancelUpdate, Epoch: m.epoch})
		m.deferred.interrupted = m.update.now.with(m.update.then)
		m.deferred.because = m.update.because
	}
	m.update = update{}
	m.timers.clear(tUpdate)
}

// lose takes a failed operation on the adopted link for a loss, whatever its
// code: one that is neither terminal nor a failure counts as TaskFailed.
func (m *Machine) lose(st status.Status) {
	switch {
	case m.final(st):
		m.act(m.decide(policy.Attached, st))
		return
	case !m.losing(st):
		st = status.New(status.TaskFailed, st)
	}
	m.lost(st, false)
}
