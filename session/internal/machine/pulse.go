package machine

import (
	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
)

// sampled takes one health sample. It is assessed once, and only while connected;
// the data are kept in every state.
func (m *Machine) sampled(s *health.Sample) {
	accepted, traffic := m.monitor.Sample(m.now.Mono, *s)
	if traffic {
		m.retries.Alive(m.now.Mono)
	}
	if accepted && m.state == observer.StateConnected {
		m.assess(s.VideoTiles > 0)
	}
	if traffic && m.watching() && m.heard.Media == 0 {
		m.live.detector.HeardMedia(m.now.Mono) // the best there is on a link that does not note its packets
		m.lives()
	}
}

// ping sends the next ping and judges the one before it.
func (m *Machine) ping() {
	id, send, missed := m.pinger.Tick(m.now.Mono)
	if due, ok := m.pinger.Due(); ok {
		m.timers.set(tPing, due)
	}
	if send {
		m.do(Effect{Kind: Ping, Epoch: m.epoch, ID: id})
	}
	if !missed {
		return
	}
	m.monitor.MissedPong()
	m.excuse()
	if data, q := m.monitor.Data(), m.judges(); q.reconnection.Dead(m.now.Mono, data) {
		m.unhealthy(q.reconnection.Reason(data))
	}
}

// cannotPing stops pinging a link that cannot be pinged after all.
func (m *Machine) cannotPing() {
	m.abilities &^= CanPing
	m.pinger.Stop()
	m.timers.clear(tPing)
	if m.watching() {
		m.live.detector.CannotPing()
	}
}

// excuse leaves to the detector what it judges better; and where the link has
// declared that nothing need come in, that nothing does is no sign at all.
func (m *Machine) excuse() {
	var excused health.Layers
	if m.watching() {
		excused = m.live.detector.Judges()
	}
	if m.live.expect == health.ExpectNothing {
		excused |= health.Media
	}
	m.judges().reconnection.Excuse(excused)
}

// ponged takes the answer to a ping of the pinger or of the detector; another id
// than their last is ignored.
func (m *Machine) ponged(id uint64) {
	rtt, ok := m.pinger.Pong(id, m.now.Mono)
	if !ok && m.watching() {
		rtt, ok = m.live.detector.Pong(id, m.now.Mono)
	}
	if !ok {
		return
	}
	if m.watching() {
		m.live.detector.HeardSignaling(m.now.Mono)
	}
	m.rtt = rtt
	m.monitor.Pong()
	m.retries.Alive(m.now.Mono)
	m.lives()
}
