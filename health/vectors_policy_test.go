package health

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// policySettings are the recorded settings that the two policies read.
type policySettings struct {
	InitialHealth           int     `json:"initialHealth"`
	NoPackets               int     `json:"connectionUnhealthyThreshold"`
	WaitMs                  float64 `json:"connectionWaitTimeMs"`
	MissedPongs             int     `json:"missedPongsUpperThreshold"`
	SpeakerDelayMs          float64 `json:"maximumAudioDelayMs"`
	SpeakerDelayEvaluations int     `json:"maximumAudioDelayDataPoints"`
	CooldownMs              float64 `json:"cooldownTimeMs"`
	Samples                 int     `json:"pastSamplesToConsider"`
	Loss                    float64 `json:"fractionalLoss"`
	PacketsPerSample        float64 `json:"packetsExpected"`
	Warnings                int     `json:"maximumTimesToWarn"`
}

func (s policySettings) reconnection() ReconnectionConfig {
	return ReconnectionConfig{
		Wait: milliseconds(s.WaitMs), NoPackets: s.NoPackets, MissedPongs: s.MissedPongs,
		SpeakerDelay: milliseconds(s.SpeakerDelayMs), SpeakerDelayEvaluations: s.SpeakerDelayEvaluations,
	}
}

func (s policySettings) unusableAudio() UnusableAudioConfig {
	return UnusableAudioConfig{
		Cooldown: milliseconds(s.CooldownMs), Samples: s.Samples, Loss: s.Loss,
		PacketsPerSample: s.PacketsPerSample, Warnings: s.Warnings,
	}
}

type policyTrace struct {
	ID      int             `json:"id"`
	Label   string          `json:"label"`
	Config  json.RawMessage `json:"config"`
	StartMs float64         `json:"startMs"`
	Steps   []policyStep    `json:"steps"`
}

type policyStep struct {
	AdvanceMs float64 `json:"advanceMs"`
	Data      struct {
		ConnectionStartMs float64   `json:"connectionStartTimestampMs"`
		NoPackets         int       `json:"consecutiveStatsWithNoPackets"`
		MissedPongs       int       `json:"consecutiveMissedPongs"`
		SpeakerDelay      float64   `json:"audioSpeakerDelayMs"`
		Received          []float64 `json:"packetsReceivedInLastMinute"`
	} `json:"data"`
	Health  *int `json:"health"`
	Current int  `json:"current"`
}

func (s *policyStep) data(c *clock) *Data {
	d := &Data{
		ConnectionStart: c.moment(s.Data.ConnectionStartMs), NoPackets: s.Data.NoPackets,
		MissedPongs: s.Data.MissedPongs, SpeakerDelay: s.Data.SpeakerDelay,
	}
	for i := len(s.Data.Received) - 1; i >= 0; i-- { // recorded newest first
		d.AudioReceived.Push(s.Data.Received[i])
	}
	return d
}

type evaluator interface {
	Evaluate(now time.Duration, d *Data) (healthy, changed bool)
}

// replayPolicy replays every trace of a file with the policy that build makes of
// a trace's settings. Nothing may differ: 7.11 (thresholds shared by instances)
// does not show with one instance at a time.
func replayPolicy(t *testing.T, file, policy string, build func(policySettings) evaluator, checkDefaults func(policySettings)) {
	var recorded struct {
		Policy   string          `json:"policy"`
		Defaults json.RawMessage `json:"defaults"`
		Traces   []policyTrace   `json:"traces"`
	}
	readVectors(t, file, &recorded)
	require.Equal(t, policy, recorded.Policy)
	var defaults policySettings
	require.NoError(t, json.Unmarshal(recorded.Defaults, &defaults))
	checkDefaults(defaults)

	steps := 0
	for _, trace := range recorded.Traces {
		settings := defaults
		require.NoError(t, json.Unmarshal(trace.Config, &settings))
		replayPolicyTrace(t, &trace, settings.InitialHealth, build(settings))
		steps += len(trace.Steps)
	}
	require.NotZero(t, steps, "no case")
	t.Logf("%s: compared %d evaluations in %d traces", policy, steps, len(recorded.Traces))
}

func replayPolicyTrace(t *testing.T, trace *policyTrace, initial int, p evaluator) {
	c := newClock(trace.StartMs)
	before := initial
	for i := range trace.Steps {
		s := &trace.Steps[i]
		c.advance(s.AdvanceMs)
		healthy, changed := p.Evaluate(c.now, s.data(c))
		where := []any{"trace %d (%s) step %d", trace.ID, trace.Label, i}
		require.Equal(t, s.Current, number(healthy), where...)
		require.Equal(t, s.Health != nil, changed, where...)
		if s.Health != nil {
			require.Equal(t, *s.Health, number(healthy), where...)
		}
		require.Equal(t, before != s.Current, changed, where...)
		before = s.Current
	}
}

func number(healthy bool) int {
	if healthy {
		return 1
	}
	return 0
}

func TestVectorsHealthReconnection(t *testing.T) {
	replayPolicy(t, "health_reconnection.json", "reconnection", func(s policySettings) evaluator {
		p := NewReconnection(s.reconnection())
		p.limits = s.reconnection() // a recorded 0 means 0, not the default
		p.health.unhealthy = s.InitialHealth == 0
		return &p
	}, func(defaults policySettings) {
		require.Equal(t, defaults.reconnection(), Config{}.WithDefaults().Reconnection)
	})
}

func TestVectorsHealthUnusableAudio(t *testing.T) {
	replayPolicy(t, "health_unusable_audio.json", "unusable_audio", func(s policySettings) evaluator {
		p := NewUnusableAudio(s.unusableAudio())
		p.limits = s.unusableAudio() // a recorded 0 means 0, not the default
		p.health.unhealthy = s.InitialHealth == 0
		return &p
	}, func(defaults policySettings) {
		require.Equal(t, defaults.unusableAudio(), Config{}.WithDefaults().UnusableAudio)
	})
}
