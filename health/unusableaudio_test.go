package health

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// received gives data whose last n reports had v packets each, after older ones
// that were perfect.
func received(n int, v float64) *Data {
	var d Data
	for range WindowSize {
		d.AudioReceived.Push(50)
	}
	for range n {
		d.AudioReceived.Push(v)
	}
	return &d
}

// only gives data with n reports of v packets and none before.
func only(n int, v float64) *Data {
	var d Data
	for range n {
		d.AudioReceived.Push(v)
	}
	return &d
}

func TestUnusableAudioThresholds(t *testing.T) {
	tests := []struct {
		name    string
		config  UnusableAudioConfig
		data    *Data
		healthy bool
	}{
		{"empty", UnusableAudioConfig{}, &Data{}, true},
		{"14 reports", UnusableAudioConfig{}, only(14, 0), true},
		{"15 reports", UnusableAudioConfig{}, only(15, 0), false},
		{"half missing", UnusableAudioConfig{}, received(15, 25), false},
		{"just less than half missing", UnusableAudioConfig{}, received(15, 25.001), true},
		{"7 of 15 empty", UnusableAudioConfig{}, received(7, 0), true},
		{"8 of 15 empty", UnusableAudioConfig{}, received(8, 0), false},
		{"more than expected", UnusableAudioConfig{}, received(15, 1e9), true},
		{"far more than expected in one", UnusableAudioConfig{}, received(15, math.MaxFloat64), true},
		{"all missing, limit 1", UnusableAudioConfig{Loss: 1}, received(15, 0), false},
		{"one packet, limit 1", UnusableAudioConfig{Loss: 1}, received(15, 0.1), true},
		{"own samples, fewer", UnusableAudioConfig{Samples: 3}, only(2, 0), true},
		{"own samples", UnusableAudioConfig{Samples: 3}, only(3, 0), false},
		{"whole window, not full", UnusableAudioConfig{Samples: 60}, only(59, 0), true},
		{"whole window", UnusableAudioConfig{Samples: 60}, only(60, 0), false},
		{"own packets", UnusableAudioConfig{PacketsPerSample: 10}, received(15, 5), false},
		{"own packets, one more", UnusableAudioConfig{PacketsPerSample: 10}, received(15, 5.001), true},
		{"off", UnusableAudioConfig{Loss: -1}, only(60, 0), true},
		{"refused samples", UnusableAudioConfig{Samples: -1}, only(60, 0), true},
		{"refused loss", UnusableAudioConfig{Loss: math.NaN()}, only(60, 0), true},
		{"refused packets, negative", UnusableAudioConfig{PacketsPerSample: -1}, only(60, 0), true},
		{"refused packets, endless", UnusableAudioConfig{PacketsPerSample: math.Inf(1)}, only(60, 0), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewUnusableAudio(tt.config)
			healthy, changed := p.Evaluate(0, tt.data)
			assert.Equal(t, tt.healthy, healthy)
			assert.Equal(t, !tt.healthy, changed, "it begins healthy")
		})
	}
}

func TestUnusableAudioCooldown(t *testing.T) {
	bad, fine := only(15, 0), only(15, 50)
	p := NewUnusableAudio(UnusableAudioConfig{})
	runPolicy(t, &p, []policyCase{
		{"first warning, at time 0", 0, bad, false, true},
		{"recovery is held", 60*second - 1, fine, false, false},
		{"recovery after the cooldown", 60 * second, fine, true, true},
		{"a recovery starts no cooldown", 60*second + 1, bad, false, true},
		{"held", 120 * second, fine, false, false},
		{"staying bad after it is no warning", 120*second + 1, bad, false, false},
		{"so it starts no cooldown", 120*second + 2, fine, true, true},
	})
	p = NewUnusableAudio(UnusableAudioConfig{Cooldown: -1})
	runPolicy(t, &p, []policyCase{
		{"warning", 0, bad, false, true},
		{"no cooldown", 0, fine, true, true},
		{"nor with a clock that runs backwards", -second, bad, false, true},
		{"no cooldown either", -2 * second, fine, true, true},
	})
}

func TestUnusableAudioWarnings(t *testing.T) {
	bad, fine := only(15, 0), only(15, 50)
	tests := []struct{ limit, want int }{{0, 2}, {1, 1}, {2, 2}, {5, 5}, {-1, 20}}
	for _, tt := range tests {
		p := NewUnusableAudio(UnusableAudioConfig{Warnings: tt.limit})
		got := 0
		for i := range 20 {
			if _, changed := p.Evaluate(time.Duration(2*i)*time.Minute, bad); changed {
				got++
			}
			healthy, _ := p.Evaluate(time.Duration(2*i+1)*time.Minute, fine)
			assert.True(t, healthy)
		}
		assert.Equal(t, tt.want, got, "limit %d", tt.limit)
	}
}

func TestUnusableAudioZero(t *testing.T) {
	var p UnusableAudio
	runPolicy(t, &p, []policyCase{{"off", 0, only(60, 0), true, false}})
}

func TestUnusableAudioCopy(t *testing.T) {
	p := NewUnusableAudio(UnusableAudioConfig{})
	c := p
	p.Evaluate(0, only(15, 0))
	_, changed := c.Evaluate(0, only(15, 0))
	assert.True(t, changed)
}
