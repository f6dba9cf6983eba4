package health

import "time"

// ConcurrentSenders judges whether so many participants send video that this
// client should send less of its own. The zero value is switched off: it finds
// everything healthy.
type ConcurrentSenders struct {
	limits ConcurrentSendersConfig // literal: 0 means 0
	on     bool
	health verdict
}

// NewConcurrentSenders gives the policy with the threshold of c, zero standing
// for the default.
func NewConcurrentSenders(c ConcurrentSendersConfig) ConcurrentSenders {
	return ConcurrentSenders{limits: c.withDefaults(), on: c.Sources >= 0}
}

// Evaluate judges d and says whether the verdict differs from the last one; act
// only then.
//
// By the reference the verdict is unhealthy while more than Sources video sources
// are published, unless this session shares content.
func (p *ConcurrentSenders) Evaluate(_ time.Duration, d *Data) (healthy, changed bool) {
	if !p.on {
		return true, false
	}
	return p.health.set(d.ContentShare || d.PublishedVideoSources <= p.limits.Sources)
}
