package health

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestVideoFrameRateStalled judges what makes an encoder a stalled one: those
// are found at the second evaluation here.
func TestVideoFrameRateStalled(t *testing.T) {
	tests := []struct {
		name    string
		encoder Encoder
		stalled bool
	}{
		{"no video", Encoder{}, false},
		{"in and out", Encoder{InputFPS: 30, EncodedFPS: 30}, false},
		{"in, few out", Encoder{InputFPS: 30, EncodedFPS: math.SmallestNonzeroFloat64}, false},
		{"in, none out", Encoder{InputFPS: 30}, true},
		{"few in, none out", Encoder{InputFPS: math.SmallestNonzeroFloat64}, true},
		{"hardware is no excuse", Encoder{Hardware: true, InputFPS: 30}, true},
		{"less than none in", Encoder{InputFPS: -1}, false},
		{"not a number", Encoder{InputFPS: math.NaN(), EncodedFPS: math.NaN()}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewVideoFrameRate(VideoFrameRateConfig{Evaluations: 1})
			want := 0
			if tt.stalled {
				want = 2
			}
			assert.Equal(t, want, firstUnhealthy(&p, 9, Data{Encoder: tt.encoder}))
		})
	}
}

func TestVideoFrameRateCounts(t *testing.T) {
	stalled := Data{Encoder: Encoder{InputFPS: 30}}
	t.Run("the sixth in a row, and the count begins anew", func(t *testing.T) {
		p := NewVideoFrameRate(VideoFrameRateConfig{})
		assert.Equal(t, 6, firstUnhealthy(&p, 99, stalled))
		assert.Equal(t, 6, firstUnhealthy(&p, 99, stalled))
	})
	t.Run("healthy again at the next evaluation, stalled or not", func(t *testing.T) {
		p := NewVideoFrameRate(VideoFrameRateConfig{Evaluations: 1})
		runPolicy(t, &p, []policyCase{
			{"one", 0, &stalled, true, false},
			{"one too many", 0, &stalled, false, true},
			{"anew", 0, &stalled, true, true},
		})
	})
	t.Run("in a row", func(t *testing.T) {
		p := NewVideoFrameRate(VideoFrameRateConfig{})
		assert.Zero(t, firstUnhealthy(&p, 5, stalled))
		assert.Zero(t, firstUnhealthy(&p, 1, Data{}))
		assert.Equal(t, 6, firstUnhealthy(&p, 99, stalled))
	})
	t.Run("off", func(t *testing.T) {
		p := NewVideoFrameRate(VideoFrameRateConfig{Evaluations: -1})
		assert.Zero(t, firstUnhealthy(&p, 99, stalled))
	})
	t.Run("zero", func(t *testing.T) {
		var p VideoFrameRate
		assert.Zero(t, firstUnhealthy(&p, 99, stalled))
	})
}
