package machine

import (
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// step is what an attempt is at.
type step uint8

const (
	connecting  step = iota // the transport is at work
	finding                 // endpoints are asked for
	authorizing             // credentials are asked for
)

// timedOut says what has taken too long.
func (s step) timedOut(m *Machine) error {
	switch s {
	case finding:
		return errTimeout("finding endpoints", m.cfg.PrepareTimeout)
	case authorizing:
		return errTimeout("fetching credentials", m.cfg.PrepareTimeout)
	}
	return errTimeout(levelNames[m.attempt.Level], m.attempt.Timeout)
}

var levelNames = map[policy.Level]string{
	policy.Rejoin: "connect", policy.RestartMedia: "restarting media", policy.Resume: "resuming",
}

// prepare begins the first step of the attempt.
func (m *Machine) prepare() {
	switch {
	case m.attempt.FindEndpoint:
		m.step = finding
	case m.cfg.Authorizes && m.attempt.Level > policy.RestartMedia:
		m.cancelRefresh()
		m.step = authorizing
	default:
		m.step = connecting
	}
	m.armStep()
}

func (m *Machine) armStep() {
	limit := m.attempt.Timeout
	if m.step != connecting {
		limit = m.cfg.PrepareTimeout
	}
	m.arm(tConnect, m.clipped(limit))
}

// prepared takes the answer to a question of the running attempt, and gives the
// next step its time.
func (m *Machine) prepared(in Input) {
	running := m.phase == opening || m.phase == restoring
	if in.Epoch != m.epoch || !running || in.Ready == nil {
		return
	}
	switch {
	case m.step == finding && len(in.Ready.Endpoints) > 0:
		m.found(in.Ready.Endpoints)
		m.step = connecting
		if m.cfg.Authorizes {
			m.cancelRefresh()
			m.step = authorizing
		}
	case m.step == authorizing && in.Ready.Authorized:
		m.fresh.note(m.now.Mono, in.Ready.ExpireIn)
		m.step = connecting
	default:
		return
	}
	m.armStep()
}

// endpoints is where attempts go.
type endpoints struct {
	found  []string // by asking; never written
	cursor int      // counts those that were tried in vain
	move   string   // where the server has sent this session; empty: nowhere
}

func (m *Machine) list() []string {
	if m.cfg.FindEndpoints {
		return m.endpoints.found
	}
	return m.cfg.Endpoints
}

// endpoint chooses one for a rejoin, or says that they have to be asked for: in
// each outage anew, and when none is left.
func (m *Machine) endpoint() (at string, find bool) {
	e, list := &m.endpoints, m.list()
	switch {
	case e.move != "":
		return e.move, false
	case m.cfg.FindEndpoints && (!m.trouble.found || e.cursor >= len(list)):
		return "", true
	case len(list) == 0:
		return "", false
	}
	return list[e.cursor%len(list)], false
}

// resumeAt is where a session is resumed: where the server sent it, or else where
// it is.
func (m *Machine) resumeAt() string {
	if m.endpoints.move != "" {
		return m.endpoints.move
	}
	return m.attempt.Endpoint
}

func (m *Machine) found(list []string) {
	m.endpoints.found, m.endpoints.cursor, m.trouble.found = list, 0, true
	m.attempt.Endpoint = list[0]
	m.tell(observer.EndpointsFound{Header: m.here(), Endpoints: slices.Clone(list)}) // observers may do as they like
}

// move notes where the server sends this session.
func (m *Machine) move(to string) {
	if to != "" {
		m.endpoints.move = to
	}
}

// leaveEndpoint turns to the next endpoint after a rejoin that got as far as to
// try one, and failed.
func (m *Machine) leaveEndpoint() {
	e := &m.endpoints
	switch {
	case m.step != connecting || m.attempt.Level != policy.Rejoin || m.trouble.recovery.Rejected:
	case e.move != "":
		e.move = ""
	case len(m.list()) > 0:
		e.cursor++
		if !m.cfg.FindEndpoints {
			e.cursor %= len(m.list())
		}
	}
}

// freshness is how long the credentials at hand will do.
type freshness struct {
	until time.Duration // on the monotonic clock; 0: not known
	id    uint64        // of the running refresh; 0: none
}

func (f *freshness) note(now, expireIn time.Duration) {
	f.until = 0
	if expireIn > 0 {
		f.until = later(now, expireIn)
	}
}

// keepFresh sees to it that credentials which expire are renewed ahead of need,
// while there is nothing else to do: when nine tenths of what is left have passed,
// but no later than half a minute before the end.
func (m *Machine) keepFresh() {
	if m.fresh.id != 0 {
		return // the timer is the end of its time
	}
	m.timers.clear(tRefresh)
	if m.fresh.until == 0 || m.state != observer.StateConnected {
		return
	}
	left := m.fresh.until - m.now.Mono
	if left <= 0 {
		return
	}
	m.arm(tRefresh, max(left-max(left/10, aheadOfExpiry), left/2, retryRefresh))
}

const (
	aheadOfExpiry = 30 * time.Second
	retryRefresh  = time.Second
)

// refresh asks for credentials ahead of need.
func (m *Machine) refresh() {
	if m.fresh.id != 0 {
		m.cancelRefresh()
		m.tell(observer.CredentialsRefreshed{
			Header: m.here(), Status: status.New(status.TaskFailed, errTimeout("fetching credentials", m.cfg.PrepareTimeout)),
		})
		m.keepFresh()
		return
	}
	m.ops++
	m.fresh.id = m.ops
	m.arm(tRefresh, m.cfg.PrepareTimeout)
	m.do(Effect{Kind: Refresh, ID: m.fresh.id})
}

// refreshed takes the answer. Without one it is asked again, as long as there is
// time.
func (m *Machine) refreshed(in Input) {
	if m.fresh.id == 0 || in.ID != m.fresh.id {
		return
	}
	m.fresh.id = 0
	told := observer.CredentialsRefreshed{Header: m.here(), Status: in.Status}
	if in.Status.IsZero() && in.Ready != nil {
		m.fresh.note(m.now.Mono, in.Ready.ExpireIn)
		told.ExpireIn = in.Ready.ExpireIn
	}
	m.tell(told)
	m.keepFresh()
}

// cancelRefresh gives up the running refresh: an attempt asks for itself.
func (m *Machine) cancelRefresh() {
	m.timers.clear(tRefresh)
	if m.fresh.id != 0 {
		m.do(Effect{Kind: CancelRefresh, ID: m.fresh.id})
		m.fresh.id = 0
	}
}
