package machine

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session/internal/image"
)

// stateForm says what of a machine belongs to its state. What is skipped comes with
// the config, and so does what is plugged in, of which only our own backoff has a
// state that is known here.
var stateForm = &image.Form{
	Skip: []string{
		"machine.Machine.cfg", "machine.Machine.table", "machine.Machine.effects",
		"machine.Machine.imaged",
		"machine.custom.name", "machine.custom.where", "machine.custom.reconnect",
		"policy.Retries.budget", "policy.AdaptiveJitter.Short", "policy.AdaptiveJitter.Long",
		"policy.AdaptiveJitter.Spread", "policy.AdaptiveJitter.Cap", "policy.AdaptiveJitter.Random",
		"health.Pinger.interval", "health.Detector.limits", "health.Reconnection.limits",
		"health.UnusableAudio.limits", "health.SendingAudio.limits", "health.VideoCPU.limits",
		"health.VideoFrameRate.limits", "health.ConcurrentSenders.limits",
	},
	Kept:      []string{"policy.Retries.backOff", "machine.custom.policy"},
	Known:     []reflect.Type{reflect.TypeFor[*policy.AdaptiveJitter]()},
	Endpoints: []string{"machine.Attempt.Endpoint", "machine.endpoints.found", "machine.endpoints.move"},
	Words:     []string{"machine.quality.asking"},
}

// configForm is that of a config. Functions are not written.
var configForm = &image.Form{
	Endpoints: []string{"machine.Config.Endpoints"},
	Words:     []string{"machine.Config.Session", "health.CustomPolicy.Name"},
}

// Layout differs between versions of this package whose machines remember different
// things, so that one cannot read the image of the other.
func Layout() string { return layout() }

var layout = sync.OnceValue(func() string { return stateForm.Layout(reflect.TypeFor[Machine]()) })

// errBetween: effects wait for the next input, as code that is plugged in has left
// the goroutine.
var errBetween = errors.New("machine: in the middle of an input")

// Image writes all that the machine remembers, but for what is plugged in: Restore
// makes a machine of it that goes on in the same way.
func (m *Machine) Image(hide image.Scrub) ([]byte, error) {
	if len(m.effects) > 0 {
		return nil, errBetween
	}
	plain := *m
	if reflect.ValueOf(m.trouble).Elem().IsZero() {
		plain.trouble = nil
	}
	return stateForm.Encode(&plain, hide)
}

// Restore makes a machine from the image of one with the same config. A bad image
// gives an error, or a machine that Handle may panic on.
func Restore(cfg *Config, data []byte) (*Machine, error) {
	m := New(cfg)
	m.trouble = nil
	m.judges()
	d := health.NewDetector(cfg.Health.Detector)
	m.live.detector = &d
	if err := stateForm.Decode(data, m); err != nil {
		return nil, err
	}
	if m.imaged = true; m.trouble == nil {
		m.trouble = m.calmed()
	}
	if n := len(cfg.Health.Custom); n > 0 && (m.quality == nil || len(m.quality.custom) != n) {
		return nil, errors.New("the custom health policies are not those of the config")
	}
	return m, nil
}

// Image writes the config without its functions.
func (c *Config) Image(hide image.Scrub) ([]byte, error) { return configForm.Encode(c, hide) }

// ReadConfig reads what Image wrote, and checks what a session's config would have
// been checked for. Functions are missing.
func ReadConfig(data []byte) (*Config, error) {
	c := new(Config)
	if err := configForm.Decode(data, c); err != nil {
		return nil, err
	}
	h := c.Health
	h.Custom = nil // without their functions they would not pass
	return c, errors.Join(c.Policy.Validate(), h.Validate(), c.validate())
}

func (c *Config) validate() error {
	for _, f := range []struct {
		name string
		d    time.Duration
	}{
		{"ConnectTimeout", c.ConnectTimeout},
		{"CloseGrace", c.CloseGrace},
		{"PrepareTimeout", c.PrepareTimeout},
		{"DownTimeout", c.DownTimeout},
		{"PingInterval", cmp.Or(c.PingInterval, time.Millisecond)},
	} {
		if f.d <= 0 || f.name == "PingInterval" && f.d < time.Millisecond {
			return fmt.Errorf("%s is %s", f.name, f.d)
		}
	}
	return nil
}

// Scrubbed is the input as it may be written.
func (in Input) Scrubbed(hide image.Scrub) Input {
	in.Status = image.Hidden(in.Status, hide)
	if in.Ready != nil && hide.Endpoint != nil {
		ready := *in.Ready
		ready.Endpoints = make([]string, len(in.Ready.Endpoints))
		for i, e := range in.Ready.Endpoints {
			ready.Endpoints[i] = hide.Endpoint(e)
		}
		in.Ready = &ready
	}
	return in
}
