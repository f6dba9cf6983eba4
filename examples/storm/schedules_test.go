package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func known(t *testing.T) study {
	t.Helper()
	s, err := readStudy(schedulesJSON)
	require.NoError(t, err)
	return s
}

func libraryOf(t *testing.T, name string) *library {
	t.Helper()
	s := known(t)
	for i := range s.Systems {
		if s.Systems[i].Name == name {
			return &s.Systems[i]
		}
	}
	t.Fatalf("there is no library %q", name)
	return nil
}

// nearly: the table has whole milliseconds, and a random number never is 1.
func nearly(t *testing.T, want float64, got time.Duration, args ...any) {
	t.Helper()
	assert.InDelta(t, want, float64(got)/1e6, 1.01, args...)
}

// TestDelaysAreThoseOfTheTable: every wait of every library is between the least and
// the most of the data, and reaches both.
func TestDelaysAreThoseOfTheTable(t *testing.T) {
	for _, l := range known(t).Systems {
		for i := range l.attempts() {
			least, most := time.Hour, time.Duration(0)
			for r := range 10_000 {
				d := l.delay(i+1, float64(r)/10_000)
				least, most = min(least, d), max(most, d)
			}
			assert.InDelta(t, *l.Min[i], least.Seconds()*1000, 1+*l.Max[i]/500, "%s, attempt %d, least", l.Name, i+1)
			assert.InDelta(t, *l.Max[i], most.Seconds()*1000, 1+*l.Max[i]/500, "%s, attempt %d, most", l.Name, i+1)
			if l.Jitter != "bernoulli_sign" { // whose middle is no possible wait
				nearly(t, *l.Base[i], l.delay(i+1, 0.5), "%s, attempt %d, middle", l.Name, i+1)
			}
		}
	}
}

// TestFirstDelays by the numbers that the sources have.
func TestFirstDelays(t *testing.T) {
	for name, waits := range map[string][][2]float64{ // ms
		"centrifuge-go":                {{200, 400}, {200, 800}, {200, 1600}, {200, 3200}},
		"nats.go":                      {{2000, 2100}, {2000, 2100}, {2000, 2100}},
		"amazon-chime-sdk-js":          {{0, 1000}, {0, 2000}, {0, 4000}, {0, 5000}, {0, 5000}},
		"livekit-server-sdk-go":        {{0, 0}, {0, 0}, {300, 300}, {1200, 1200}},
		"lib-jitsi-meet (XMPP resume)": {{1500, 3000}, {3000, 9000}, {4500, 27000}},
		"grpc-go":                      {{0, 0}, {1000, 1000}, {1280, 1920}},
		"ably-js":                      {{0, 0}, {16000, 20000}, {20000, 25000}, {24000, 30000}},
	} {
		l := libraryOf(t, name)
		for i, w := range waits {
			nearly(t, w[0], l.delay(i+1, 0), "%s, attempt %d", name, i+1)
			nearly(t, w[1], l.delay(i+1, 0.99999), "%s, attempt %d", name, i+1)
		}
	}
}

// TestBeyondTheTable: the last wait is repeated, or the formula goes on.
func TestBeyondTheTable(t *testing.T) {
	for _, tt := range []struct {
		name        string
		attempt     int
		least, most float64 // ms
	}{
		{"nats.go", 40, 2000, 2100},
		{"phoenix.js", 100, 5000, 5000},
		{"grpc-go", 13, 96_000, 144_000},
		{"ably-js", 20, 30_000, 30_000},
		{"twilio-video-js", 14, 1558, 10_000},
		{"socket.io-client", 5000, 5000, 5000},
		{"centrifuge-go", 5000, 200, 20_000},
		{"centrifuge-js", 5000, 500, 20_000},
	} {
		least, most := time.Hour, time.Duration(0)
		l := libraryOf(t, tt.name)
		for r := range 1000 {
			d := l.delay(tt.attempt, float64(r)/1000)
			least, most = min(least, d), max(most, d)
		}
		assert.InDelta(t, tt.least, least.Seconds()*1000, 1+tt.most/500, tt.name)
		assert.InDelta(t, tt.most, most.Seconds()*1000, 1+tt.most/500, tt.name)
	}
}

// TestJitterIsDrawnBeforeTheLimit: of centrifuge-go's seventh wait, 22 % are 20 s
// exactly, and of the tenth 90 %.
func TestJitterIsDrawnBeforeTheLimit(t *testing.T) {
	l := libraryOf(t, "centrifuge-go")
	for attempt, share := range map[int]float64{6: 0, 7: 0.22, 8: 0.61, 10: 0.90, 12: 0.98} {
		n := 0
		for r := range 10_000 {
			if l.delay(attempt, float64(r)/10_000) == 20*time.Second {
				n++
			}
		}
		assert.InDelta(t, share, float64(n)/10_000, 0.01, "attempt %d", attempt)
	}
}

// TestSchedules: what else a client has of its library.
func TestSchedules(t *testing.T) {
	nats := libraryOf(t, "nats.go").schedule()
	assert.Equal(t, 60, nats.MaxAttempts)
	assert.Equal(t, 6*time.Minute, nats.Detect)
	assert.Equal(t, 5*time.Second, nats.AttemptTimeout)
	chime := libraryOf(t, "amazon-chime-sdk-js").schedule()
	assert.Equal(t, 2*time.Minute, chime.MaxElapsed)
	assert.Zero(t, chime.MaxAttempts)
	phoenix := libraryOf(t, "phoenix.js").schedule()
	assert.Zero(t, phoenix.AttemptTimeout, "the simulator's default")
	assert.Equal(t, unnoticed, libraryOf(t, "grpc-go").schedule().Detect)
}

// TestProvenance: of each library is known where its numbers are from.
func TestProvenance(t *testing.T) {
	s := known(t)
	assert.Len(t, s.Systems, 16)
	for _, l := range s.Systems {
		assert.Regexp(t, `^github\.com/[\w.-]+/[\w.-]+$`, l.Repository, l.Name)
		assert.Regexp(t, `^[0-9a-f]{7,}$`, l.Commit, l.Name)
		assert.NotEmpty(t, l.Source, l.Name)
		assert.NotEmpty(t, l.Formula, l.Name)
		assert.NotEmpty(t, l.Jitter, l.Name)
	}
	for name := range formulas {
		libraryOf(t, name)
	}
}

func TestReadStudyErrors(t *testing.T) {
	for data, want := range map[string]string{
		`{`:                          "schedules.json: unexpected EOF",
		`{"unit": "s"}`:              `the unit is "s": it must be ms`,
		`{"unit": "ms", "extra": 1}`: `unknown field "extra"`,
		`{"unit": "ms", "systems": [{"name": "a"}]}`:                                                                 "a: base, min and max must be equally long",
		`{"unit": "ms", "systems": [{"name": "a", "base": [null], "min": [null], "max": [null]}]}`:                   "a: it has no attempt",
		`{"unit": "ms", "systems": [{"name": "a", "base": [1, 1], "min": [1, null], "max": [1, 1]}]}`:                "a: attempt 2 is in one of",
		`{"unit": "ms", "systems": [{"name": "a", "base": [1], "min": [2], "max": [1]}]}`:                            "a: the waits before attempt 1 go from 2 to 1",
		`{"unit": "ms", "systems": [{"name": "a", "base": [1, null], "min": [1, null], "max": [1, null]}]}`:          "a: there are 1 waits: max_attempts must say so",
		`{"unit": "ms", "systems": [{"name": "a", "base": [1, null, 1], "min": [1, null, 1], "max": [1, null, 1]}]}`: "a: attempt 3 is in one of",
	} {
		_, err := readStudy([]byte(data))
		require.Error(t, err, data)
		assert.Contains(t, err.Error(), want, data)
	}
}
