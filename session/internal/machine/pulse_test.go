package machine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// delayed reports a useless speaker delay, in a sample that the monitor accepts
// or rejects.
func (r *rig) delayed(accepted bool) []Effect {
	s := &health.Sample{SpeakerDelay: health.Some(60_001)}
	if accepted {
		s.AudioPacketsReceived, s.AudioLoss = health.Some(50), health.Some(0)
	}
	return r.do(Input{Kind: Sampled, Epoch: r.m.epoch, Sample: s})
}

// TestSamplesAreEvaluatedOnce: an accepted sample counts once, a rejected one
// not at all.
func TestSamplesAreEvaluatedOnce(t *testing.T) {
	r := newRig()
	r.connectStable(0)
	for range 10 {
		assert.Empty(t, r.delayed(true))
		assert.Empty(t, r.delayed(false))
	}
	assert.Equal(t, []string{"Reconnecting", "RetryScheduled"}, names(r.delayed(true)))
	assert.Equal(t, status.ConnectionHealthReconnect, r.m.trouble.last.Code)
	assert.ErrorContains(t, r.m.trouble.last.Cause, "speaker delay above 1m0s")
}

// TestSamplesOfAnAttemptAreNotJudged: they are kept, but a link that is not
// adopted yet cannot be unhealthy.
func TestSamplesOfAnAttemptAreNotJudged(t *testing.T) {
	r := newRig()
	r.start()
	r.sample(50, true)
	for range 100 {
		assert.Empty(t, r.sample(0, false))
	}
	assert.Equal(t, "connecting/opening", place(r.m))
	assert.Equal(t, 100, r.m.Snapshot().SilentSamples)
}

// TestMissedPongsBetweenSamples: dead signaling is found by the pings alone, at
// the ping that follows the fourth one without an answer.
func TestMissedPongsBetweenSamples(t *testing.T) {
	r := newRig(func(c *Config) { c.Policy.StableAfter = 0 })
	r.start()
	r.opened(CanPing)
	connected := r.now.Mono
	for r.m.outages == 0 {
		r.tick()
	}
	assert.Equal(t, connected+4*pingInterval, r.now.Mono)
	assert.ErrorContains(t, r.m.trouble.last.Cause, "4 pings in a row without an answer")

	r = newRig(func(c *Config) { c.Policy.StableAfter = 0 })
	r.start()
	r.opened(CanPing)
	for range 50 {
		r.wait(time.Millisecond)
		r.answerPing()
		r.tick()
	}
	assert.Zero(t, r.m.outages, "answers keep it alive")
	assert.Equal(t, time.Millisecond, r.m.Snapshot().RTT)
}

// TestHealthOff: nothing is judged when judging is off.
func TestHealthOff(t *testing.T) {
	r := newRig(func(c *Config) { c.Health.Off = true })
	r.connectStable(allAbilities)
	r.sample(50, true)
	for range 100 {
		r.wait(time.Second)
		r.sample(0, false)
		if at, ok := r.m.Deadline(); ok && at <= r.now.Mono {
			r.do(Input{Kind: Tick})
		}
	}
	assert.Equal(t, "connected/resting", place(r.m))
	assert.Greater(t, r.m.Snapshot().MissedPongs, 4)
	for _, e := range r.told {
		assert.NotEqual(t, "ConnectionPoor", e.Name())
	}
}
