package health

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConfigWithDefaults(t *testing.T) {
	defaults := Config{
		Reconnection:  ReconnectionConfig{Wait: 10 * time.Second, NoPackets: 25, MissedPongs: 4, SpeakerDelay: time.Minute, SpeakerDelayEvaluations: 10},
		UnusableAudio: UnusableAudioConfig{Cooldown: time.Minute, Samples: 15, Loss: 0.5, PacketsPerSample: 50, Warnings: 2},
		SendingAudio:  SendingAudioConfig{Wait: 3 * time.Second, Samples: 2, Cooldown: time.Minute, Warnings: 2},
		VideoCPU:      VideoCPUConfig{Evaluations: 10, EncodeTime: 500 * time.Millisecond, EncodeTimePerFrame: 15 * time.Millisecond},

		VideoFrameRate:    VideoFrameRateConfig{Evaluations: 5},
		ConcurrentSenders: ConcurrentSendersConfig{Sources: 15},
		Detector:          DetectorConfig{}.withDefaults(),
	}
	assert.Equal(t, defaults, Config{}.WithDefaults())
	given := Config{
		Reconnection:  ReconnectionConfig{Wait: -1, NoPackets: 1, MissedPongs: -2, SpeakerDelay: 3, SpeakerDelayEvaluations: 4},
		UnusableAudio: UnusableAudioConfig{Cooldown: 5, Samples: 6, Loss: -7, PacketsPerSample: 8, Warnings: -9},
		SendingAudio:  SendingAudioConfig{Wait: -1, Samples: 2, Cooldown: -3, Warnings: 4},
		VideoCPU:      VideoCPUConfig{Evaluations: -1, EncodeTime: 2, EncodeTimePerFrame: -3},

		VideoFrameRate:    VideoFrameRateConfig{Evaluations: -5},
		ConcurrentSenders: ConcurrentSendersConfig{Sources: 6},

		Custom: []CustomPolicy{{Name: "own"}},
		Off:    true,
	}
	given.Detector = DetectorConfig{}.withDefaults()
	assert.Equal(t, given, given.WithDefaults())
}

func TestConfigValidate(t *testing.T) {
	const samples, loss, packets = "UnusableAudio.Samples", "UnusableAudio.Loss", "UnusableAudio.PacketsPerSample"
	tests := []struct {
		name  string
		audio UnusableAudioConfig
		want  []string // fields named, in order
	}{
		{"zero", UnusableAudioConfig{}, nil},
		{"lower limits", UnusableAudioConfig{Samples: 1, Loss: math.SmallestNonzeroFloat64, PacketsPerSample: math.SmallestNonzeroFloat64}, nil},
		{"upper limits", UnusableAudioConfig{Samples: 60, Loss: 1, PacketsPerSample: math.MaxFloat64}, nil},
		{"off", UnusableAudioConfig{Cooldown: -1, Loss: math.Inf(-1), Warnings: -1}, nil},
		{"negative samples", UnusableAudioConfig{Samples: -1}, []string{samples}},
		{"more samples than are kept", UnusableAudioConfig{Samples: 61}, []string{samples}},
		{"loss above all", UnusableAudioConfig{Loss: math.Nextafter(1, 2)}, []string{loss}},
		{"loss no number", UnusableAudioConfig{Loss: math.NaN()}, []string{loss}},
		{"negative packets", UnusableAudioConfig{PacketsPerSample: -1}, []string{packets}},
		{"endless packets", UnusableAudioConfig{PacketsPerSample: math.Inf(1)}, []string{packets}},
		{"packets no number", UnusableAudioConfig{PacketsPerSample: math.NaN()}, []string{packets}},
		{"all", UnusableAudioConfig{Samples: 99, Loss: 2, PacketsPerSample: -1}, []string{samples, loss, packets}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Config{UnusableAudio: tt.audio}.Validate()
			if len(tt.want) == 0 {
				require.NoError(t, err)
				return
			}
			joined, ok := err.(interface{ Unwrap() []error })
			require.True(t, ok, "joined")
			require.Len(t, joined.Unwrap(), len(tt.want))
			for i, field := range tt.want {
				assert.Regexp(t, "^"+field+": got ", joined.Unwrap()[i].Error())
			}
		})
	}
}

// TestConfigValidateMeaningful: every value means something, or nothing at all.
func TestConfigValidateMeaningful(t *testing.T) {
	for _, n := range []int{math.MinInt, -1, math.MaxInt} {
		d := time.Duration(n)
		c := Config{
			Reconnection:      ReconnectionConfig{Wait: d, NoPackets: n, MissedPongs: n, SpeakerDelay: d, SpeakerDelayEvaluations: n},
			SendingAudio:      SendingAudioConfig{Wait: d, Samples: n, Cooldown: d, Warnings: n},
			VideoCPU:          VideoCPUConfig{Evaluations: n, EncodeTime: d, EncodeTimePerFrame: d},
			VideoFrameRate:    VideoFrameRateConfig{Evaluations: n},
			ConcurrentSenders: ConcurrentSendersConfig{Sources: n},
		}
		assert.NoError(t, c.Validate(), n)
	}
}

func TestConfigValidateCustom(t *testing.T) {
	never := func() Policy { panic("called to validate") }
	tests := []struct {
		name   string
		custom []CustomPolicy
		want   []string
	}{
		{"two", []CustomPolicy{{Name: "a", New: never}, {Name: "b", New: never, Reconnect: true}}, nil},
		{"no name", []CustomPolicy{{New: never}}, []string{"Custom[0].Name: got none, want a name"}},
		{"no names", []CustomPolicy{{New: never}, {New: never}}, []string{
			"Custom[0].Name: got none, want a name", "Custom[1].Name: got none, want a name",
		}},
		{"a name twice", []CustomPolicy{{Name: "b", New: never}, {Name: "a", New: never}, {Name: "a", New: never}}, []string{
			"Custom[2].Name: got a, want another name than that of Custom[1]",
		}},
		{"no function", []CustomPolicy{{Name: "a", New: never}, {Name: "b"}}, []string{"Custom[1].New: got nil, want a function"}},
		{"empty", []CustomPolicy{{}}, []string{"Custom[0].Name: got none, want a name", "Custom[0].New: got nil, want a function"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Config{Custom: tt.custom}.Validate()
			if len(tt.want) == 0 {
				require.NoError(t, err)
				return
			}
			assert.EqualError(t, err, strings.Join(tt.want, "\n"))
		})
	}
}

// TestConfigValidateAll: the errors of all parts, flat, in one.
func TestConfigValidateAll(t *testing.T) {
	err := Config{UnusableAudio: UnusableAudioConfig{Samples: 61}, Custom: []CustomPolicy{{}}}.Validate()
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 3)
}
