package health

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConfigWithDefaults(t *testing.T) {
	defaults := Config{
		Reconnection:  ReconnectionConfig{Wait: 10 * time.Second, NoPackets: 25, MissedPongs: 4, SpeakerDelay: time.Minute, SpeakerDelayEvaluations: 10},
		UnusableAudio: UnusableAudioConfig{Cooldown: time.Minute, Samples: 15, Loss: 0.5, PacketsPerSample: 50, Warnings: 2},
	}
	assert.Equal(t, defaults, Config{}.WithDefaults())
	given := Config{
		Reconnection:  ReconnectionConfig{Wait: -1, NoPackets: 1, MissedPongs: -2, SpeakerDelay: 3, SpeakerDelayEvaluations: 4},
		UnusableAudio: UnusableAudioConfig{Cooldown: 5, Samples: 6, Loss: -7, PacketsPerSample: 8, Warnings: -9},
		Off:           true,
	}
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

func TestConfigValidateReconnection(t *testing.T) {
	c := Config{Reconnection: ReconnectionConfig{Wait: start, NoPackets: math.MinInt, MissedPongs: math.MaxInt, SpeakerDelay: end, SpeakerDelayEvaluations: -1}}
	assert.NoError(t, c.Validate(), "every value means something")
}
