package machine

import "github.com/holdfast-go/holdfast/policy"

// Fork gives an independent machine that goes on from where a connected one is, by
// a config of its own, which may differ in Random only. Unlike a Clone it shares
// nothing: its backoff and its custom health policies are new, and so are its
// accounts of retries, as those of a connection that is stable.
func (m *Machine) Fork(cfg *Config) *Machine {
	c := m.Clone()
	c.cfg = cfg
	c.retries = policy.NewRetries(cfg.Policy.Budget, cfg.Policy.BackOff(cfg.Random))
	c.retries.Alive(m.heard.latest())
	if c.quality != nil {
		c.quality.custom = newCustom(cfg.Health.Custom)
	}
	return c
}

// Lend gives the machine room for the effects of its next Handle, which would make
// some otherwise. What that returns is part of it.
func (m *Machine) Lend(room []Effect) { m.effects = room[:0] }
