package machine

import (
	"errors"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// quality holds the health policies. They live as long as the session, across
// outages. The zero value finds everything healthy.
type quality struct {
	reconnection health.Reconnection
	audio        health.UnusableAudio
	asking       string // what is plugged in and being called, in case it panics
}

func newQuality(c *health.Config) quality {
	if c.Off {
		return quality{}
	}
	return quality{
		reconnection: health.NewReconnection(c.Reconnection),
		audio:        health.NewUnusableAudio(c.UnusableAudio),
	}
}

// assess asks every policy once.
func (m *Machine) assess(videoShown bool) {
	data := m.monitor.Data()
	if healthy, changed := m.quality.audio.Evaluate(m.now.Mono, data); changed {
		m.audioChanged(healthy, videoShown)
	}
	if healthy, changed := m.quality.reconnection.Evaluate(m.now.Mono, data); changed && !healthy {
		m.unhealthy(m.quality.reconnection.Reason(data))
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

// unhealthy asks for a reconnect on behalf of the health policies, in words.
func (m *Machine) unhealthy(why string) {
	m.reported(status.New(status.ConnectionHealthReconnect, errors.New(why)), false)
}
