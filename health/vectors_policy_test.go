package health

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// policySettings are the recorded settings that the policies read.
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
	NoAudioSent             int     `json:"sendingAudioFailureSamplesToConsider"`
	SendingWaitMs           float64 `json:"sendingAudioFailureInitialWaitTimeMs"`
	SlowEvaluations         int     `json:"consecutiveHighEncodeCpuThreshold"`
	EncodeMs                float64 `json:"highEncodeCpuMsThreshold"`
	EncodeMsPerFrame        float64 `json:"highEncodeCpuMsPerFrameThreshold"`
	StalledEvaluations      int     `json:"consecutiveVideoEncodingFailureThreshold"`
	Sources                 int     `json:"concurrentVideoSendersThreshold"`
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

// sendingAudio: by the reference a number of reports up to 0 counts as 1.
func (s policySettings) sendingAudio() SendingAudioConfig {
	return SendingAudioConfig{
		Wait: milliseconds(s.SendingWaitMs), Samples: max(s.NoAudioSent, 1),
		Cooldown: milliseconds(s.CooldownMs), Warnings: s.Warnings,
	}
}

func (s policySettings) videoCPU() VideoCPUConfig {
	return VideoCPUConfig{
		Evaluations: s.SlowEvaluations, EncodeTime: milliseconds(s.EncodeMs), EncodeTimePerFrame: milliseconds(s.EncodeMsPerFrame),
	}
}

func (s policySettings) videoFrameRate() VideoFrameRateConfig {
	return VideoFrameRateConfig{Evaluations: s.StalledEvaluations}
}

func (s policySettings) concurrentSenders() ConcurrentSendersConfig {
	return ConcurrentSendersConfig{Sources: s.Sources}
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
		NoAudioSent       int       `json:"consecutiveStatsWithNoAudioPacketsSent"`
		Hardware          bool      `json:"isVideoEncoderHardware"`
		EncodeTime        float64   `json:"videoEncodingTimeInMs"`
		EncodeTimeFrame   float64   `json:"videoEncodingTimePerFrameInMs"`
		CPULimited        float64   `json:"cpuLimitationDuration"`
		InputFPS          float64   `json:"videoInputFps"`
		EncodedFPS        float64   `json:"videoEncodeFps"`
		ContentShare      bool      `json:"isContentShare"`
		Sources           int       `json:"numberOfPublishedVideoSources"`
	} `json:"data"`
	Health  *int `json:"health"`
	Current int  `json:"current"`
}

func (s *policyStep) data(c *clock) *Data {
	d := &Data{
		ConnectionStart: c.moment(s.Data.ConnectionStartMs), NoPackets: s.Data.NoPackets,
		MissedPongs: s.Data.MissedPongs, SpeakerDelay: s.Data.SpeakerDelay, NoAudioSent: s.Data.NoAudioSent,
		ContentShare: s.Data.ContentShare, PublishedVideoSources: s.Data.Sources,
		Encoder: Encoder{
			Hardware: s.Data.Hardware, Time: s.Data.EncodeTime, TimePerFrame: s.Data.EncodeTimeFrame,
			CPULimited: s.Data.CPULimited, InputFPS: s.Data.InputFPS, EncodedFPS: s.Data.EncodedFPS,
		},
	}
	for i := len(s.Data.Received) - 1; i >= 0; i-- { // recorded newest first
		d.AudioReceived.Push(s.Data.Received[i])
	}
	return d
}

// replayPolicy replays every trace of a file with the policy that build makes of
// a trace's settings. Nothing may differ: 7.11 (thresholds shared by instances)
// does not show with one instance at a time.
func replayPolicy(t *testing.T, file, policy string, build func(policySettings) Policy, checkDefaults func(policySettings)) {
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

func replayPolicyTrace(t *testing.T, trace *policyTrace, initial int, p Policy) {
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
	replayPolicy(t, "health_reconnection.json", "reconnection", func(s policySettings) Policy {
		p := NewReconnection(s.reconnection())
		p.limits = s.reconnection() // a recorded 0 means 0, not the default
		p.health.unhealthy = s.InitialHealth == 0
		return &p
	}, func(defaults policySettings) {
		require.Equal(t, defaults.reconnection(), Config{}.WithDefaults().Reconnection)
	})
}

func TestVectorsHealthUnusableAudio(t *testing.T) {
	replayPolicy(t, "health_unusable_audio.json", "unusable_audio", func(s policySettings) Policy {
		p := NewUnusableAudio(s.unusableAudio())
		p.limits = s.unusableAudio() // a recorded 0 means 0, not the default
		p.health.unhealthy = s.InitialHealth == 0
		return &p
	}, func(defaults policySettings) {
		require.Equal(t, defaults.unusableAudio(), Config{}.WithDefaults().UnusableAudio)
	})
}

func TestVectorsHealthSendingAudio(t *testing.T) {
	replayPolicy(t, "health_sending_audio.json", "sending_audio", func(s policySettings) Policy {
		p := NewSendingAudio(s.sendingAudio())
		p.limits = s.sendingAudio() // a recorded 0 means 0, not the default
		p.health.unhealthy = s.InitialHealth == 0
		return &p
	}, func(defaults policySettings) {
		require.Equal(t, defaults.sendingAudio(), Config{}.WithDefaults().SendingAudio)
	})
}

func TestVectorsHealthVideoCPU(t *testing.T) {
	replayPolicy(t, "health_video_cpu.json", "video_cpu", func(s policySettings) Policy {
		p := NewVideoCPU(s.videoCPU())
		p.limits = s.videoCPU() // a recorded 0 means 0, not the default
		p.health.unhealthy = s.InitialHealth == 0
		return &p
	}, func(defaults policySettings) {
		require.Equal(t, defaults.videoCPU(), Config{}.WithDefaults().VideoCPU)
	})
}

func TestVectorsHealthVideoFrameRate(t *testing.T) {
	replayPolicy(t, "health_video_framerate.json", "video_framerate", func(s policySettings) Policy {
		p := NewVideoFrameRate(s.videoFrameRate())
		p.limits = s.videoFrameRate() // a recorded 0 means 0, not the default
		p.health.unhealthy = s.InitialHealth == 0
		return &p
	}, func(defaults policySettings) {
		require.Equal(t, defaults.videoFrameRate(), Config{}.WithDefaults().VideoFrameRate)
	})
}

func TestVectorsHealthConcurrentSenders(t *testing.T) {
	replayPolicy(t, "health_concurrent_senders.json", "concurrent_senders", func(s policySettings) Policy {
		p := NewConcurrentSenders(s.concurrentSenders())
		p.limits = s.concurrentSenders() // a recorded 0 means 0, not the default
		p.health.unhealthy = s.InitialHealth == 0
		return &p
	}, func(defaults policySettings) {
		require.Equal(t, defaults.concurrentSenders(), Config{}.WithDefaults().ConcurrentSenders)
	})
}
