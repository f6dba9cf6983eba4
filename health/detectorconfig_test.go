package health

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Settings that do not work, alone or together, are named (NEEDS 41).
func TestDetectorConfigValidate(t *testing.T) {
	standard := DetectorConfig{}.withDefaults()
	for name, c := range map[string]struct {
		c    DetectorConfig
		want []string // fields named, in order
	}{
		"zero":            {DetectorConfig{}, nil},
		"the defaults":    {standard, nil},
		"all that is off": {DetectorConfig{ProbeEvery: -1, PingIdle: math.MinInt64}, nil},
		"least intervals": {DetectorConfig{
			ProbeEvery: leastInterval, ProbeFast: leastInterval, ProbeTimeout: leastInterval, PingIdle: leastInterval,
		}, nil},
		"busy loops": {DetectorConfig{
			ProbeEvery: leastInterval - 1, PingIdle: 1, ProbeFast: leastInterval - 1, ProbeTimeout: 1,
		}, []string{"ProbeEvery", "PingIdle", "ProbeFast", "ProbeTimeout"}},
		"negative where that means nothing": {DetectorConfig{
			ProbeFast: -1, ProbeTimeout: -1, Suspicion: -1, CleanFor: -1, LateTick: -1,
		}, []string{"ProbeEvery", "ProbeFast", "ProbeTimeout", "Suspicion", "CleanFor", "LateTick"}},
		"verdicts as early as suspicions": {DetectorConfig{
			MediaSilence: standard.Suspicion, QuietMediaSilence: standard.Suspicion,
			SignalingSilence: standard.Suspicion, BothSilence: standard.Suspicion,
		}, []string{"MediaSilence", "QuietMediaSilence", "SignalingSilence", "BothSilence"}},
		"verdicts earlier than suspicions": {DetectorConfig{
			MediaSilence: standard.Suspicion - 1, QuietMediaSilence: standard.Suspicion / 2, SignalingSilence: -1, BothSilence: 1,
		}, []string{"MediaSilence", "QuietMediaSilence", "SignalingSilence", "BothSilence"}},
		"verdicts just after suspicions": {DetectorConfig{
			MediaSilence: standard.Suspicion + 1, QuietMediaSilence: standard.Suspicion + 1,
			SignalingSilence: standard.Suspicion + 1, BothSilence: standard.Suspicion + 1,
		}, nil},
		"suspicions later than verdicts": {DetectorConfig{Suspicion: time.Hour}, []string{
			"MediaSilence", "QuietMediaSilence", "SignalingSilence", "BothSilence",
		}},
		"for ever": {DetectorConfig{
			ProbeFast: math.MaxInt64, ProbeTimeout: math.MaxInt64, PingIdle: math.MaxInt64, MediaSilence: math.MaxInt64,
			QuietMediaSilence: math.MaxInt64, SignalingSilence: math.MaxInt64, BothSilence: math.MaxInt64,
			CleanFor: math.MaxInt64, LateTick: math.MaxInt64,
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := Config{Detector: c.c}.Validate()
			d := NewDetector(c.c)
			d.Start(0, true, true)
			assert.Equal(t, len(c.want) == 0, d.Running(), "a detector whose settings are refused stays off")
			if len(c.want) == 0 {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			lines := strings.Split(err.Error(), "\n")
			require.Len(t, lines, len(c.want), "%s", err)
			for i, field := range c.want {
				assert.Regexp(t, "^Detector."+field+": got ", lines[i])
			}
		})
	}
}

func TestDetectorConfigWithDefaults(t *testing.T) {
	given := DetectorConfig{
		Off: true, ProbeEvery: 1, ProbeFast: 2, ProbeTimeout: 3, PingIdle: -4, Suspicion: 5, MediaSilence: 6,
		QuietMediaSilence: 7, SignalingSilence: 8, BothSilence: 9, CleanFor: 10, LateTick: 11,
	}
	assert.Equal(t, given, given.withDefaults())
	standard := DetectorConfig{}.withDefaults()
	assert.Equal(t, standard, standard.withDefaults())
	assert.NoError(t, standard.validate())
	assert.Equal(t, 24*time.Hour, DetectorConfig{CleanFor: math.MaxInt64}.withDefaults().CleanFor)
}

// TestDetectorOfLongSpans: settings that mean never do not turn into at once.
func TestDetectorOfLongSpans(t *testing.T) {
	never := DetectorConfig{
		MediaSilence: math.MaxInt64, QuietMediaSilence: math.MaxInt64, SignalingSilence: math.MaxInt64, BothSilence: math.MaxInt64,
	}
	for _, canPing := range []bool{false, true} {
		w := newWire(40*time.Millisecond, 20*time.Millisecond, never)
		w.d.Expect(w.now, ExpectMedia)
		w.d.Start(w.now, canPing, true)
		w.run(time.Minute)
		w.d.CannotProbe()
		w.mediaIn, w.mediaOut, w.signaling = true, true, true
		w.run(time.Hour)
		for _, s := range w.steps {
			assert.Zero(t, s.Dead, "canPing: %t", canPing)
		}
	}
	worst := Config{Detector: never}.WorstCaseDetection()
	for _, bound := range []time.Duration{worst.Probed.MediaDead, worst.Probed.SignalingDead, worst.Probed.BothDead, worst.Unprobed.MediaDead} {
		assert.GreaterOrEqual(t, bound, 24*time.Hour)
	}
}
