package machine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// quality holds the health policies. They live as long as the session, across
// outages. The zero value finds everything healthy.
type quality struct {
	reconnection health.Reconnection
	audio        health.UnusableAudio
	sending      health.SendingAudio
	cpu          health.VideoCPU
	frames       health.VideoFrameRate
	senders      health.ConcurrentSenders
	custom       []custom
	asking       string // what is plugged in and being called, in case it panics
}

// custom is a policy of the application's own.
type custom struct {
	policy    health.Policy
	name      string
	where     string // names it in a panic and in the reason of a reconnect
	reconnect bool
}

func newQuality(c *health.Config) *quality {
	if c.Off {
		return new(quality)
	}
	return &quality{
		reconnection: health.NewReconnection(c.Reconnection),
		audio:        health.NewUnusableAudio(c.UnusableAudio),
		sending:      health.NewSendingAudio(c.SendingAudio),
		cpu:          health.NewVideoCPU(c.VideoCPU),
		frames:       health.NewVideoFrameRate(c.VideoFrameRate),
		senders:      health.NewConcurrentSenders(c.ConcurrentSenders),
		custom:       newCustom(c.Custom),
	}
}

// judges gives the policies, which are made when they are first needed: a session
// that is never given a sample does without.
func (m *Machine) judges() *quality {
	if m.quality == nil {
		m.quality = newQuality(&m.cfg.Health)
	}
	return m.quality
}

// plugged names what is plugged into the policies and being called; empty: nothing.
func (m *Machine) plugged() string {
	if m.quality == nil {
		return ""
	}
	return m.quality.asking
}

func newCustom(list []health.CustomPolicy) (made []custom) {
	for _, c := range list {
		made = append(made, custom{
			policy: c.New(), name: c.Name, where: fmt.Sprintf("health policy %q", c.Name), reconnect: c.Reconnect,
		})
	}
	return made
}

// assess asks every policy once, and then asks for a reconnect if any of them
// calls for it.
func (m *Machine) assess(videoShown bool) {
	m.judges()
	data := m.monitor.Data()
	if healthy, changed := m.quality.audio.Evaluate(m.now.Mono, data); changed {
		m.audioChanged(healthy, videoShown)
	}
	if healthy, changed := m.quality.sending.Evaluate(m.now.Mono, data); changed {
		m.sendingChanged(healthy)
	}
	m.assessVideo(data)
	if why := m.assessConnection(data); why != nil {
		m.unhealthy(strings.Join(why, "; "))
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

func (m *Machine) sendingChanged(healthy bool) {
	if healthy {
		m.tell(observer.SendingAudioRecovered{Header: m.here()})
	} else {
		m.tell(observer.SendingAudioFailed{Header: m.here()})
	}
}

// assessVideo asks the policies that know a reason to send less video.
func (m *Machine) assessVideo(data *health.Data) {
	if healthy, changed := m.quality.cpu.Evaluate(m.now.Mono, data); changed {
		m.degradeChanged(healthy, observer.DegradeCPU)
	}
	if healthy, changed := m.quality.frames.Evaluate(m.now.Mono, data); changed {
		m.degradeChanged(healthy, observer.DegradeFrameRate)
	}
	if healthy, changed := m.quality.senders.Evaluate(m.now.Mono, data); changed {
		m.degradeChanged(healthy, observer.DegradeSenders)
	}
}

func (m *Machine) degradeChanged(healthy bool, reason observer.DegradeReason) {
	if healthy {
		m.tell(observer.VideoDegradeLifted{Header: m.here(), Reason: reason})
	} else {
		m.tell(observer.VideoDegradeSuggested{Header: m.here(), Reason: reason})
	}
}

// assessConnection asks the policies that may call for a reconnect, and gives
// the words of those that do.
func (m *Machine) assessConnection(data *health.Data) (why []string) {
	m.excuse()
	if healthy, changed := m.quality.reconnection.Evaluate(m.now.Mono, data); changed && !healthy {
		why = append(why, m.quality.reconnection.Reason(data))
	}
	for i := range m.quality.custom {
		c := &m.quality.custom[i]
		healthy, changed, words := m.ask(c, data)
		if !changed {
			continue
		}
		m.tell(observer.PolicyChanged{Header: m.here(), Policy: c.name, Healthy: healthy, Reason: words})
		if !healthy && c.reconnect {
			why = append(why, c.complaint(words))
		}
	}
	return why
}

// ask evaluates a custom policy. One that panics is known by its name.
func (m *Machine) ask(c *custom, data *health.Data) (healthy, changed bool, words string) {
	m.quality.asking = c.where
	healthy, changed = c.policy.Evaluate(m.now.Mono, data)
	if r, ok := c.policy.(health.Reasoner); ok && changed {
		words = r.Reason(data)
	}
	m.quality.asking = ""
	return healthy, changed, words
}

// complaint is the reason of a reconnect that the policy calls for.
func (c *custom) complaint(words string) string {
	if words == "" {
		return c.where + " is unhealthy"
	}
	return c.where + ": " + words
}

// unhealthy asks for a reconnect on behalf of the health policies, in words.
func (m *Machine) unhealthy(why string) {
	m.reported(status.New(status.ConnectionHealthReconnect, errors.New(why)), false)
}
