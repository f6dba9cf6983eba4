package health

import "time"

// VideoFrameRate judges whether the local video encoder has stalled: frames
// enter it and none leave. The zero value is switched off: it finds everything
// healthy.
type VideoFrameRate struct {
	limits  VideoFrameRateConfig // literal: 0 means 0
	on      bool
	stalled streak // evaluations with a stalled encoder
	health  verdict
}

// NewVideoFrameRate gives the policy with the threshold of c, zero standing for
// the default.
func NewVideoFrameRate(c VideoFrameRateConfig) VideoFrameRate {
	return VideoFrameRate{limits: c.withDefaults(), on: c.Evaluations >= 0}
}

// Evaluate judges d and says whether the verdict differs from the last one; act
// only then. It counts: call it exactly once per sample.
//
// By the reference the verdict is unhealthy when more than Evaluations in a row
// have found frames going into the encoder and none coming out; their count then
// begins again, so that the verdict is healthy at the next evaluation, whether or
// not frames flow by then.
func (p *VideoFrameRate) Evaluate(_ time.Duration, d *Data) (healthy, changed bool) {
	if !p.on {
		return true, false
	}
	stalled := d.Encoder.InputFPS > 0 && d.Encoder.EncodedFPS == 0
	return p.health.set(!p.stalled.count(stalled, p.limits.Evaluations))
}
