package health

import "time"

// SendingAudio judges whether outbound audio has stopped: the client has
// something to send, and nothing leaves. The zero value is switched off: it
// finds everything healthy. It is meant to live as long as the session, across
// reconnects, so that its limit on warnings holds for all of it.
type SendingAudio struct {
	limits SendingAudioConfig // literal: 0 means 0; Samples negative: off
	on     bool
	warned warnings
	health verdict
}

// NewSendingAudio gives the policy with the thresholds of c, zero fields
// standing for the defaults.
func NewSendingAudio(c SendingAudioConfig) SendingAudio {
	return SendingAudio{limits: c.withDefaults(), on: c.Samples >= 0}
}

// Evaluate judges d and says whether the verdict differs from the last one; act
// only then. Call it exactly once per sample.
//
// By the reference a connection is healthy within Wait of its start, and as soon
// as fewer than Samples reports in a row have told of no packet sent. Otherwise
// sending has failed, except that within Cooldown of a warning the verdict is
// held. Each change to failed is a warning, and those above Warnings are given as
// healthy.
func (p *SendingAudio) Evaluate(now time.Duration, d *Data) (healthy, changed bool) {
	if !p.on {
		return true, false
	}
	return p.health.set(p.judge(now, d))
}

func (p *SendingAudio) judge(now time.Duration, d *Data) bool {
	if d.ConnectionStart.within(now, p.limits.Wait) || d.NoAudioSent < p.limits.Samples {
		return true
	}
	if p.warned.cooling(now, p.limits.Cooldown) {
		return !p.health.unhealthy
	}
	return !p.health.unhealthy && !p.warned.give(now, p.limits.Warnings)
}
