package health

import "time"

// VideoCPU judges whether the processor is too slow to encode the local video
// in software. The zero value is switched off: it finds everything healthy.
type VideoCPU struct {
	limits VideoCPUConfig // literal: 0 means 0
	on     bool
	slow   streak // evaluations with a slow encoder
	health verdict
}

// NewVideoCPU gives the policy with the thresholds of c, zero fields standing
// for the defaults.
func NewVideoCPU(c VideoCPUConfig) VideoCPU {
	return VideoCPU{limits: c.withDefaults(), on: c.Evaluations >= 0}
}

// Evaluate judges d and says whether the verdict differs from the last one; act
// only then. It counts: call it exactly once per sample.
//
// By the reference an encoder is slow when it is software and either takes both
// EncodeTime in a second and EncodeTimePerFrame, each at least, or was limited
// by the processor at all. The verdict is unhealthy when more than Evaluations in
// a row have found it slow; their count then begins again, so that the verdict is
// healthy at the next evaluation, whether or not the encoder has caught up.
func (p *VideoCPU) Evaluate(_ time.Duration, d *Data) (healthy, changed bool) {
	if !p.on {
		return true, false
	}
	return p.health.set(!p.slow.count(p.slowEncoder(&d.Encoder), p.limits.Evaluations))
}

func (p *VideoCPU) slowEncoder(e *Encoder) bool {
	return !e.Hardware && (e.CPULimited > 0 || p.slowEncoding(e))
}

func (p *VideoCPU) slowEncoding(e *Encoder) bool {
	return p.limits.EncodeTime >= 0 &&
		e.Time >= inMilliseconds(p.limits.EncodeTime) && e.TimePerFrame >= inMilliseconds(p.limits.EncodeTimePerFrame)
}
