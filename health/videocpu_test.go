package health

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestVideoCPUThresholds judges what makes an encoder slow, on each side of each
// limit: slow ones are found at the second evaluation here.
func TestVideoCPUThresholds(t *testing.T) {
	below := math.Nextafter(500, 0)
	tests := []struct {
		name    string
		config  VideoCPUConfig
		encoder Encoder
		slow    bool
	}{
		{"no video", VideoCPUConfig{}, Encoder{}, false},
		{"both at their limits", VideoCPUConfig{}, Encoder{Time: 500, TimePerFrame: 15}, true},
		{"time below", VideoCPUConfig{}, Encoder{Time: below, TimePerFrame: 99}, false},
		{"time per frame below", VideoCPUConfig{}, Encoder{Time: 999, TimePerFrame: 14.9}, false},
		{"CPU-limited", VideoCPUConfig{}, Encoder{CPULimited: math.SmallestNonzeroFloat64}, true},
		{"CPU-limited by less than nothing", VideoCPUConfig{}, Encoder{CPULimited: -1}, false},
		{"hardware", VideoCPUConfig{}, Encoder{Hardware: true, Time: 999, TimePerFrame: 99, CPULimited: 9}, false},
		{"own time", VideoCPUConfig{EncodeTime: 1500 * time.Microsecond}, Encoder{Time: 1.5, TimePerFrame: 15}, true},
		{"own time, below", VideoCPUConfig{EncodeTime: 1500 * time.Microsecond}, Encoder{Time: 1.4, TimePerFrame: 15}, false},
		{"own time per frame", VideoCPUConfig{EncodeTimePerFrame: time.Millisecond}, Encoder{Time: 500, TimePerFrame: 1}, true},
		{"own time per frame, below", VideoCPUConfig{EncodeTimePerFrame: time.Millisecond}, Encoder{Time: 500, TimePerFrame: 0.9}, false},
		{"any time per frame", VideoCPUConfig{EncodeTimePerFrame: -1}, Encoder{Time: 500}, true},
		{"time off", VideoCPUConfig{EncodeTime: -1}, Encoder{Time: math.MaxFloat64, TimePerFrame: 99}, false},
		{"time off, CPU-limited", VideoCPUConfig{EncodeTime: -1}, Encoder{CPULimited: 1}, true},
		{"not a number", VideoCPUConfig{}, Encoder{Time: math.NaN(), TimePerFrame: math.NaN(), CPULimited: math.NaN()}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.config.Evaluations = 1
			p := NewVideoCPU(tt.config)
			want := 0
			if tt.slow {
				want = 2
			}
			assert.Equal(t, want, firstUnhealthy(&p, 9, Data{Encoder: tt.encoder}))
		})
	}
}

func TestVideoCPUCounts(t *testing.T) {
	slow := Data{Encoder: Encoder{CPULimited: 1}}
	t.Run("the eleventh in a row, and the count begins anew", func(t *testing.T) {
		p := NewVideoCPU(VideoCPUConfig{})
		assert.Equal(t, 11, firstUnhealthy(&p, 99, slow))
		assert.Equal(t, 11, firstUnhealthy(&p, 99, slow))
	})
	t.Run("healthy again at the next evaluation, slow or not", func(t *testing.T) {
		p := NewVideoCPU(VideoCPUConfig{Evaluations: 1})
		runPolicy(t, &p, []policyCase{
			{"one", 0, &slow, true, false},
			{"one too many", 0, &slow, false, true},
			{"anew", 0, &slow, true, true},
			{"one too many again", 0, &slow, false, true},
			{"not slow", 0, &Data{}, true, true},
		})
	})
	for name, d := range map[string]Data{
		"an encoder that is fast ends the row": {},
		"and so does hardware":                 {Encoder: Encoder{Hardware: true, CPULimited: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewVideoCPU(VideoCPUConfig{})
			assert.Zero(t, firstUnhealthy(&p, 10, slow))
			assert.Zero(t, firstUnhealthy(&p, 1, d))
			assert.Equal(t, 11, firstUnhealthy(&p, 99, slow))
		})
	}
	t.Run("off", func(t *testing.T) {
		p := NewVideoCPU(VideoCPUConfig{Evaluations: -1})
		assert.Zero(t, firstUnhealthy(&p, 99, slow))
	})
	t.Run("zero", func(t *testing.T) {
		var p VideoCPU
		assert.Zero(t, firstUnhealthy(&p, 99, slow))
	})
}
