package machine

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
)

const (
	// nudgeGap is the least time between two attempts, or looks at the link, that
	// hints bring about.
	nudgeGap = 2 * time.Second
	// localFor is for how long after a change of the network a loss is taken for
	// its consequence.
	localFor = 10 * time.Second
)

// network is what the application knows of it, by its hints.
type network struct {
	down    bool
	until   time.Duration // when that expires, unless a last chance is taken before
	changed time.Duration // when it last changed; 0: never
	nudged  time.Duration // when a hint last had, or will have, its consequence; 0: never
	said    time.Duration // when it was last said that it is down
	slept   time.Duration // for how long this machine was last asleep
	woke    time.Duration // and until when
}

// asleep is what a sleep that has ended shortly before a loss adds to its age: the
// link may have been gone for all of it.
func (n network) asleep(lost time.Duration) time.Duration {
	if n.slept > 0 && n.woke <= lost && lost-n.woke < time.Minute {
		return n.slept
	}
	return 0
}

// refuted takes a NetworkDown back that the link has outlived.
func (m *Machine) refuted() {
	if m.network.down && m.heard.latest() > later(m.network.said, nudgeGap) {
		m.networkBack()
	}
}

// local reports whether a loss now is a consequence of what happened here.
func (n network) local(now time.Duration) bool {
	return n.changed > 0 && now-n.changed < localFor
}

// hinted takes a hint.
func (m *Machine) hinted(h observer.Hint) {
	if m.state == observer.StateIdle || m.phase == leaving || !h.Known() {
		return
	}
	m.tell(observer.Hinted{Header: m.here(), Hint: h})
	if h == observer.NetworkDown {
		m.network.down, m.network.until, m.network.said = true, later(m.now.Mono, m.cfg.DownTimeout), m.now.Mono
		m.lastChance()
		m.lookAt()
		return
	}
	m.networkBack()
	m.hurry()
}

// networkBack takes a NetworkDown back.
func (m *Machine) networkBack() {
	m.network.down = false
	m.timers.clear(tOffline)
}

// lastChance has a NetworkDown end in time for one more attempt before the budget
// does: the hint may be wrong, and it must not be what ends the session.
func (m *Machine) lastChance() {
	if !m.network.down {
		return
	}
	at := m.network.until
	if end, limited := m.retries.Deadline(); limited && m.state != observer.StateConnected {
		at = min(at, end-m.cfg.ConnectTimeout)
	}
	m.timers.set(tOffline, max(m.now.Mono, at))
}

// downExpired: nobody has said that the network is back; it is tried all the same.
func (m *Machine) downExpired() {
	m.network.down = false
	m.tell(observer.Hinted{Header: m.here(), Hint: observer.NetworkDown, Expired: true})
	m.proceed()
}

// slept has an attempt that was waited for during a sleep come at once: what its
// delay was for is long over, and so is what the server has asked for, if the sleep
// was longer. A link that may still heal is given the delay.
func (m *Machine) slept(sleep time.Duration) {
	if m.state == observer.StateStopped {
		return
	}
	m.network.slept, m.network.woke = sleep, m.now.Mono
	m.network.changed = m.now.Mono
	if at, ok := m.timers.at(tOffline); ok { // what was known of it before is old
		m.network.until = min(m.network.until, m.now.Mono)
		m.timers.set(tOffline, min(at, m.now.Mono))
	}
	if m.phase != waiting && m.phase != holding {
		return
	}
	m.trouble.recovery.Local = true
	if due, ok := m.timers.at(tRetry); ok && due-m.now.Mono <= sleep {
		m.trouble.asked = false
	}
	m.collapse()
}

// hurry acts on a hint that something has changed: it looks at a link, and has the
// next attempt come at once, unless the server asked for time.
func (m *Machine) hurry() {
	m.network.changed = m.now.Mono
	switch {
	case m.state == observer.StateConnected:
		m.lookAt()
	case m.between():
		m.trouble.recovery.Local = true
		m.collapse()
	}
}

// collapse ends the running delay.
func (m *Machine) collapse() {
	due, ok := m.timers.at(tRetry)
	if m.retryDue || !ok {
		m.proceed()
		return
	}
	if at := m.nudge(); !m.trouble.asked && at < due {
		m.retries.Calm()
		m.timers.set(tRetry, at)
		m.network.nudged = at
	}
}

// nudge is when a hint may have its consequence.
func (m *Machine) nudge() time.Duration {
	if m.network.nudged == 0 {
		return m.now.Mono
	}
	return max(m.now.Mono, later(m.network.nudged, nudgeGap))
}

// lookAt asks both layers of the link for a sign of life.
func (m *Machine) lookAt() {
	if m.state != observer.StateConnected || m.nudge() > m.now.Mono {
		return
	}
	m.network.nudged = m.now.Mono
	if m.watching() {
		m.live.detector.Doubt(m.now.Mono, health.Both)
		m.detect()
	} else if m.timers.armed(tPing) && !m.unanswered() {
		m.pinger.Start(m.now.Mono)
		m.ping()
	}
}

// unanswered reports whether a ping is out: then its answer is the sign of life.
func (m *Machine) unanswered() bool {
	p := m.pinger
	due, _ := p.Due()
	_, _, missed := p.Tick(due)
	return missed
}
