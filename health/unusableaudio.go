package health

import (
	"errors"
	"time"
)

// UnusableAudio judges whether so little of the expected audio arrives that it
// cannot be followed. The zero value is switched off: it finds everything
// healthy. It is meant to live as long as the session, across reconnects, so
// that its limit on warnings holds for all of it.
type UnusableAudio struct {
	limits UnusableAudioConfig // literal: 0 means 0; Loss and Warnings negative: off
	on     bool
	warned warnings
	health verdict
}

// NewUnusableAudio gives the policy with the thresholds of c, zero fields
// standing for the defaults. With fields that Config.Validate refuses it does not
// fail, but finds everything healthy.
func NewUnusableAudio(c UnusableAudioConfig) UnusableAudio {
	return UnusableAudio{limits: c.withDefaults(), on: c.Loss >= 0 && errors.Join(c.problems()...) == nil}
}

// Evaluate judges d and says whether the verdict differs from the last one; act
// only then. Call it exactly once per sample.
//
// By the reference, within Cooldown of a warning the verdict is held, so that a
// recovery shows only after it. Otherwise audio is unusable when, of the packets
// expected over the newest Samples reports, at least the share Loss is missing;
// with fewer reports it is healthy. Each change to unusable is a warning, and
// those above Warnings are given as healthy.
func (p *UnusableAudio) Evaluate(now time.Duration, d *Data) (healthy, changed bool) {
	if !p.on || p.warned.cooling(now, p.limits.Cooldown) {
		return !p.health.unhealthy, false
	}
	return p.health.set(p.judge(now, d))
}

func (p *UnusableAudio) judge(now time.Duration, d *Data) bool {
	if !p.unusable(d) {
		return true
	}
	return !p.health.unhealthy && !p.warned.give(now, p.limits.Warnings)
}

func (p *UnusableAudio) unusable(d *Data) bool {
	n := p.limits.Samples
	if d.AudioReceived.Len() < n {
		return false
	}
	expected := float64(n) * p.limits.PacketsPerSample
	loss := 1 - d.AudioReceived.Sum(n)/expected
	return min(max(loss, 0), 1) >= p.limits.Loss
}
