package health

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Config says how health is judged. The zero value judges as the reference
// does; the package documentation has a table of defaults and of what negative
// values mean.
type Config struct {
	// Reconnection says when only a reconnect can help.
	Reconnection ReconnectionConfig
	// UnusableAudio says when inbound audio cannot be followed.
	UnusableAudio UnusableAudioConfig
	// SendingAudio says when outbound audio has stopped.
	SendingAudio SendingAudioConfig
	// VideoCPU says when the processor is too slow for the local video.
	VideoCPU VideoCPUConfig
	// VideoFrameRate says when the local video encoder has stalled.
	VideoFrameRate VideoFrameRateConfig
	// ConcurrentSenders says when too many participants send video.
	ConcurrentSenders ConcurrentSendersConfig
	// Detector finds dead links by itself, within seconds; what it judges the
	// conditions of Reconnection for missing packets and pongs need not.
	Detector DetectorConfig
	// Custom adds policies of the application's own, in the order in which they are
	// asked.
	Custom []CustomPolicy
	// Off switches all judging off; the other fields are then unused, but still
	// validated.
	Off bool
}

// ReconnectionConfig holds the thresholds of Reconnection. Zero fields stand
// for the defaults, negative ones switch their rule off.
type ReconnectionConfig struct {
	// Wait is how long after its start a connection is left alone. Default 10 s;
	// negative: not at all.
	Wait time.Duration
	// NoPackets is the number of reports in a row without traffic that proves the
	// connection dead. Default 25; negative: never.
	NoPackets int
	// MissedPongs is the number of unanswered pings in a row that proves the
	// connection dead. Default 4; negative: never.
	MissedPongs int
	// SpeakerDelay is the delay before playing above which audio is useless. Default
	// 60 s; negative: no delay is.
	SpeakerDelay time.Duration
	// SpeakerDelayEvaluations is how many evaluations in a row may find such a delay;
	// the next one is one too many. Default 10; negative: none may.
	SpeakerDelayEvaluations int
}

// UnusableAudioConfig holds the thresholds of UnusableAudio. Zero fields stand
// for the defaults.
type UnusableAudioConfig struct {
	// Cooldown is how long after a warning the verdict is held. Default 60 s;
	// negative: not at all.
	Cooldown time.Duration
	// Samples is how many of the newest reports are judged together, 1 to
	// WindowSize. Default 15.
	Samples int
	// Loss is the share of the expected packets, up to 1, whose absence makes audio
	// unusable. Default 0.5; negative: the policy is off.
	Loss float64
	// PacketsPerSample is how many packets a second are expected. Default 50.
	PacketsPerSample float64
	// Warnings is how many warnings are given at most. Default 2; negative: no limit.
	Warnings int
}

// SendingAudioConfig holds the thresholds of SendingAudio. Zero fields stand for
// the defaults.
type SendingAudioConfig struct {
	// Wait is how long after its start a connection is left alone. Default 3 s;
	// negative: not at all.
	Wait time.Duration
	// Samples is the number of reports in a row without an audio packet sent that
	// proves a failure. Default 2; negative: the policy is off.
	Samples int
	// Cooldown is how long after a warning no other is given. Default 60 s; negative:
	// not at all.
	Cooldown time.Duration
	// Warnings is how many warnings are given at most. Default 2; negative: no limit.
	Warnings int
}

// VideoCPUConfig holds the thresholds of VideoCPU. Zero fields stand for the
// defaults.
type VideoCPUConfig struct {
	// Evaluations is how many evaluations in a row may find a slow encoder; the next
	// one is one too many. Default 10; negative: the policy is off.
	Evaluations int
	// EncodeTime is the time spent encoding in a second from which on an encoder is
	// slow, if it takes EncodeTimePerFrame as well. Default 500 ms; negative: no time
	// is, and only what the CPU limited counts.
	EncodeTime time.Duration
	// EncodeTimePerFrame is the least time for a frame that goes with EncodeTime.
	// Default 15 ms; negative: any.
	EncodeTimePerFrame time.Duration
}

// VideoFrameRateConfig holds the threshold of VideoFrameRate. Zero stands for
// the default.
type VideoFrameRateConfig struct {
	// Evaluations is how many evaluations in a row may find a stalled encoder; the
	// next one is one too many. Default 5; negative: the policy is off.
	Evaluations int
}

// ConcurrentSendersConfig holds the threshold of ConcurrentSenders. Zero stands
// for the default.
type ConcurrentSendersConfig struct {
	// Sources is how many published video sources are not too many yet. Default 15;
	// negative: the policy is off.
	Sources int
}

// WithDefaults gives the configuration with its zero fields replaced by their
// defaults. It does not validate.
func (c Config) WithDefaults() Config {
	c.Reconnection = c.Reconnection.withDefaults()
	c.UnusableAudio = c.UnusableAudio.withDefaults()
	c.SendingAudio = c.SendingAudio.withDefaults()
	c.VideoCPU = c.VideoCPU.withDefaults()
	c.VideoFrameRate = c.VideoFrameRate.withDefaults()
	c.ConcurrentSenders = c.ConcurrentSenders.withDefaults()
	c.Detector = c.Detector.withDefaults()
	return c
}

func (c ReconnectionConfig) withDefaults() ReconnectionConfig {
	return ReconnectionConfig{
		Wait:                    cmp.Or(c.Wait, 10*time.Second),
		NoPackets:               cmp.Or(c.NoPackets, 25),
		MissedPongs:             cmp.Or(c.MissedPongs, 4),
		SpeakerDelay:            cmp.Or(c.SpeakerDelay, 60*time.Second),
		SpeakerDelayEvaluations: cmp.Or(c.SpeakerDelayEvaluations, 10),
	}
}

func (c UnusableAudioConfig) withDefaults() UnusableAudioConfig {
	return UnusableAudioConfig{
		Cooldown:         cmp.Or(c.Cooldown, 60*time.Second),
		Samples:          cmp.Or(c.Samples, 15),
		Loss:             cmp.Or(c.Loss, 0.5),
		PacketsPerSample: cmp.Or(c.PacketsPerSample, 50),
		Warnings:         cmp.Or(c.Warnings, 2),
	}
}

func (c SendingAudioConfig) withDefaults() SendingAudioConfig {
	return SendingAudioConfig{
		Wait:     cmp.Or(c.Wait, 3*time.Second),
		Samples:  cmp.Or(c.Samples, 2),
		Cooldown: cmp.Or(c.Cooldown, 60*time.Second),
		Warnings: cmp.Or(c.Warnings, 2),
	}
}

func (c VideoCPUConfig) withDefaults() VideoCPUConfig {
	return VideoCPUConfig{
		Evaluations:        cmp.Or(c.Evaluations, 10),
		EncodeTime:         cmp.Or(c.EncodeTime, 500*time.Millisecond),
		EncodeTimePerFrame: cmp.Or(c.EncodeTimePerFrame, 15*time.Millisecond),
	}
}

func (c VideoFrameRateConfig) withDefaults() VideoFrameRateConfig {
	return VideoFrameRateConfig{Evaluations: cmp.Or(c.Evaluations, 5)}
}

func (c ConcurrentSendersConfig) withDefaults() ConcurrentSendersConfig {
	return ConcurrentSendersConfig{Sources: cmp.Or(c.Sources, 15)}
}

// Validate checks every field and joins (errors.Join) one error for each that
// is out of range, beginning with the field's name. Nil means that all are fine.
// Every value has a meaning in the other built-in policies, so only UnusableAudio
// and Custom can fail.
func (c Config) Validate() error {
	return errors.Join(append(append(c.UnusableAudio.problems(), problems(c.Custom)...), c.Detector.validate())...)
}

// problems gives an error for each field that is out of range, nil for the others.
func (c UnusableAudioConfig) problems() []error {
	c = c.withDefaults()
	return []error{
		check(c.Samples >= 1 && c.Samples <= WindowSize, "UnusableAudio.Samples", c.Samples, "a number from 1 to 60, or 0 for the default"),
		check(c.Loss <= 1, "UnusableAudio.Loss", c.Loss, "a share up to 1, 0 for the default, or negative for off"),
		check(c.PacketsPerSample > 0 && isFinite(c.PacketsPerSample), "UnusableAudio.PacketsPerSample", c.PacketsPerSample, "a positive number, or 0 for the default"),
	}
}

func check(ok bool, field string, got any, want string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%s: got %v, want %s", field, got, want)
}
