package health

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSendingAudioThresholds(t *testing.T) {
	old := At(0)
	tests := []struct {
		name    string
		config  SendingAudioConfig
		now     time.Duration
		data    Data
		healthy bool
	}{
		{"nothing wrong", SendingAudioConfig{}, 3 * second, Data{ConnectionStart: old}, true},
		{"1 report", SendingAudioConfig{}, 3 * second, Data{ConnectionStart: old, NoAudioSent: 1}, true},
		{"2 reports", SendingAudioConfig{}, 3 * second, Data{ConnectionStart: old, NoAudioSent: 2}, false},
		{"last instant of the wait", SendingAudioConfig{}, 3*second - 1, Data{ConnectionStart: old, NoAudioSent: 99}, true},
		{"clock before the start", SendingAudioConfig{}, -second, Data{ConnectionStart: old, NoAudioSent: 99}, true},
		{"never started", SendingAudioConfig{}, 0, Data{NoAudioSent: 2}, false},
		{"own limit, below", SendingAudioConfig{Samples: 5}, 3 * second, Data{ConnectionStart: old, NoAudioSent: 4}, true},
		{"own limit", SendingAudioConfig{Samples: 5}, 3 * second, Data{ConnectionStart: old, NoAudioSent: 5}, false},
		{"own wait, within", SendingAudioConfig{Wait: second}, second - 1, Data{ConnectionStart: old, NoAudioSent: 2}, true},
		{"own wait, over", SendingAudioConfig{Wait: second}, second, Data{ConnectionStart: old, NoAudioSent: 2}, false},
		{"no wait", SendingAudioConfig{Wait: -1}, 0, Data{ConnectionStart: old, NoAudioSent: 2}, false},
		{"off", SendingAudioConfig{Samples: -1}, 3 * second, Data{ConnectionStart: old, NoAudioSent: math.MaxInt}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewSendingAudio(tt.config)
			healthy, changed := p.Evaluate(tt.now, &tt.data)
			assert.Equal(t, tt.healthy, healthy)
			assert.Equal(t, !tt.healthy, changed, "it begins healthy")
		})
	}
}

func TestSendingAudioCooldown(t *testing.T) {
	bad, fine := &Data{NoAudioSent: 2}, &Data{NoAudioSent: 1}
	p := NewSendingAudio(SendingAudioConfig{})
	runPolicy(t, &p, []policyCase{
		{"first warning, at time 0", 0, bad, false, true},
		{"held", 1, bad, false, false},
		{"recovery shows at once", 2, fine, true, true},
		{"the next failure does not", 3, bad, true, false},
		{"nor at the end of the cooldown", 60*second - 1, bad, true, false},
		{"second warning", 60 * second, bad, false, true},
		{"staying bad is no warning", 120 * second, bad, false, false},
		{"recovery", 121 * second, fine, true, true},
		{"one warning too many", 122 * second, bad, true, false},
		{"and more", 999 * second, bad, true, false},
	})
	p = NewSendingAudio(SendingAudioConfig{Cooldown: -1})
	runPolicy(t, &p, []policyCase{
		{"warning", 0, bad, false, true},
		{"recovery", 0, fine, true, true},
		{"no cooldown", 0, bad, false, true},
	})
}

// TestSendingAudioWait: within the wait of a new connection all is well.
func TestSendingAudioWait(t *testing.T) {
	p := NewSendingAudio(SendingAudioConfig{})
	runPolicy(t, &p, []policyCase{
		{"failed", 0, &Data{NoAudioSent: 2}, false, true},
		{"a new connection", 9 * second, &Data{ConnectionStart: At(9 * second), NoAudioSent: 2}, true, true},
		{"its wait is over, but not the cooldown", 12 * second, &Data{ConnectionStart: At(9 * second), NoAudioSent: 2}, true, false},
	})
}

func TestSendingAudioWarnings(t *testing.T) {
	tests := []struct{ limit, want int }{{0, 2}, {1, 1}, {2, 2}, {5, 5}, {-1, 20}}
	for _, tt := range tests {
		p := NewSendingAudio(SendingAudioConfig{Warnings: tt.limit})
		got := 0
		for i := range 20 {
			if _, changed := p.Evaluate(time.Duration(i)*time.Minute, &Data{NoAudioSent: 2}); changed {
				got++
			}
			healthy, _ := p.Evaluate(time.Duration(i)*time.Minute, &Data{})
			assert.True(t, healthy)
		}
		assert.Equal(t, tt.want, got, "limit %d", tt.limit)
	}
}

func TestSendingAudioZero(t *testing.T) {
	var p SendingAudio
	runPolicy(t, &p, []policyCase{{"off", 0, &Data{NoAudioSent: 99}, true, false}})
}

func TestSendingAudioCopy(t *testing.T) {
	p := NewSendingAudio(SendingAudioConfig{Warnings: 1})
	c := p
	for _, each := range []*SendingAudio{&p, &c} {
		_, changed := each.Evaluate(0, &Data{NoAudioSent: 2})
		assert.True(t, changed)
	}
}
