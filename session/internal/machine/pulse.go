package machine

import (
	"errors"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// sampled takes one health sample. It is evaluated once, and only while
// connected; the data are kept in every state.
func (m *Machine) sampled(s *health.Sample) {
	accepted, traffic := m.monitor.Sample(m.now.Mono, *s)
	if traffic {
		m.retries.Alive(m.now.Mono)
	}
	if !accepted || m.state != observer.StateConnected {
		return
	}
	data := m.monitor.Data()
	if healthy, changed := m.audio.Evaluate(m.now.Mono, data); changed {
		m.audioChanged(healthy, s.VideoTiles > 0)
	}
	if healthy, changed := m.reconnection.Evaluate(m.now.Mono, data); changed && !healthy {
		m.unhealthy()
	}
}

func (m *Machine) audioChanged(healthy, videoShown bool) {
	switch {
	case healthy:
		m.tell(observer.ConnectionGood{Header: m.here()})
	case videoShown:
		m.tell(observer.VideoStopSuggested{Header: m.here()})
	default:
		m.tell(observer.ConnectionPoor{Header: m.here()})
	}
}

// unhealthy asks for a reconnect on behalf of the health policy, in words.
func (m *Machine) unhealthy() {
	why := m.reconnection.Reason(m.monitor.Data())
	m.reported(status.New(status.ConnectionHealthReconnect, errors.New(why)), false)
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
	if m.reconnection.Dead(m.now.Mono, m.monitor.Data()) {
		m.unhealthy()
	}
}

// cannotPing stops pinging a link that cannot be pinged after all.
func (m *Machine) cannotPing() {
	m.abilities &^= CanPing
	m.pinger.Stop()
	m.timers.clear(tPing)
}

// ponged takes the answer to a ping; another id than the last is ignored.
func (m *Machine) ponged(id uint64) {
	rtt, ok := m.pinger.Pong(id, m.now.Mono)
	if !ok {
		return
	}
	m.rtt = rtt
	m.monitor.Pong()
	m.retries.Alive(m.now.Mono)
}
