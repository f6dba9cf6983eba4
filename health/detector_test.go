package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wire is a link in virtual time under one detector: what it is asked it answers
// after a round trip, while the layer lives in the direction that matters.
type wire struct {
	d   Detector
	now time.Duration
	// rtt is the round trip of both layers.
	rtt time.Duration
	// cadence is how often media comes in by itself; 0: never.
	cadence time.Duration
	// The directions that are dead.
	mediaIn, mediaOut, signaling bool

	next    time.Duration // of media
	answers []answer
	steps   []Step // that say something
	probes  int
	pings   int
}

type answer struct {
	at    time.Duration
	id    uint64
	probe bool
}

func newWire(rtt, cadence time.Duration, c DetectorConfig) *wire {
	w := &wire{d: NewDetector(c), now: time.Second, rtt: rtt, cadence: cadence}
	w.d.Start(w.now, true, true)
	return w
}

// run lets time pass, event by event.
func (w *wire) run(span time.Duration) *wire {
	for end := w.now + span; w.now < end; {
		due, _ := w.d.Due()
		at, what := min(due, end), "tick"
		if w.cadence > 0 && w.next <= at {
			at, what = w.next, "media"
		}
		if len(w.answers) > 0 && w.answers[0].at <= at {
			at, what = w.answers[0].at, "answer"
		}
		w.now = max(at, w.now)
		w.happens(what)
	}
	return w
}

func (w *wire) happens(what string) {
	switch what {
	case "media":
		w.next = w.now + w.cadence
		if !w.mediaIn {
			w.d.HeardMedia(w.now)
		}
	case "answer":
		a := w.answers[0]
		w.answers = w.answers[1:]
		switch {
		case a.probe && !w.mediaIn:
			w.d.Probed(a.id, w.now)
		case !a.probe && !w.signaling:
			w.d.Pong(a.id, w.now)
		}
	default:
		w.tick()
	}
}

func (w *wire) tick() {
	s := w.d.Tick(w.now)
	if s.Probe != 0 {
		w.probes++
	}
	if s.Ping != 0 {
		w.pings++
	}
	if s.Probe != 0 && !w.mediaOut {
		w.answers = append(w.answers, answer{w.now + w.rtt, s.Probe, true})
	}
	if s.Ping != 0 && !w.signaling {
		w.answers = append(w.answers, answer{w.now + w.rtt, s.Ping, false})
	}
	s.Probe, s.Ping = 0, 0
	if s != (Step{}) {
		w.steps = append(w.steps, s)
	}
}

// verdict lets time pass until there is one, and gives how long that took.
func (w *wire) verdict(t *testing.T, within time.Duration) (Layers, time.Duration) {
	t.Helper()
	for from := w.now; w.now < from+within; w.run(time.Millisecond) {
		if n := len(w.steps); n > 0 && w.steps[n-1].Dead != 0 {
			return w.steps[n-1].Dead, w.now - from
		}
	}
	require.Fail(t, "no verdict", "%+v after %s: %s", w.steps, within, w.d.Diagnose(w.now, 0))
	return 0, 0
}

// roundTrips are short, usual and the longest that the bounds hold for.
var roundTrips = []time.Duration{0, 40 * time.Millisecond, 200 * time.Millisecond, 2 * WorstOneWay}

// TestDetectorWithinBounds: each death is found with the right name within the
// bound that the configuration computes, whatever the round trip and the cadence
// of media.
func TestDetectorWithinBounds(t *testing.T) {
	bounds := Config{}.WorstCaseDetection().Probed
	for _, tt := range []struct {
		name  string
		kill  func(w *wire)
		dead  Layers
		bound time.Duration
	}{
		{"media", func(w *wire) { w.mediaIn, w.mediaOut = true, true }, Media, bounds.MediaDead},
		{"media, inbound only", func(w *wire) { w.mediaIn = true }, Media, bounds.MediaDead},
		{"signaling", func(w *wire) { w.signaling = true }, Signaling, bounds.SignalingDead},
		{"both", func(w *wire) { w.mediaIn, w.mediaOut, w.signaling = true, true, true }, Both, bounds.BothDead},
	} {
		for _, rtt := range roundTrips {
			for _, cadence := range []time.Duration{0, 20 * time.Millisecond, 400 * time.Millisecond, 2 * time.Second} {
				for phase := time.Duration(0); phase < 500*time.Millisecond; phase += 70 * time.Millisecond {
					w := newWire(rtt, cadence, DetectorConfig{}).run(70*time.Second + phase)
					require.Empty(t, w.steps, "%s: healthy", tt.name)
					tt.kill(w)
					dead, after := w.verdict(t, time.Minute)
					require.Equal(t, tt.dead, dead, "%s rtt %s cadence %s", tt.name, rtt, cadence)
					// What was on its way at the death has not arrived here, so a one-way
					// delay is left of the bound.
					require.LessOrEqual(t, after, tt.bound-WorstOneWay+rtt/2, "%s rtt %s cadence %s", tt.name, rtt, cadence)
				}
			}
		}
	}
}

// TestDetectorOneWay: bytes come in, but nothing is answered any more. That the
// other side does not hear this one is found as soon as that neither lives.
func TestDetectorOneWay(t *testing.T) {
	w := newWire(40*time.Millisecond, 20*time.Millisecond, DetectorConfig{}).run(time.Minute)
	w.mediaOut = true
	dead, after := w.verdict(t, time.Minute)
	assert.Equal(t, Media, dead)
	assert.Greater(t, after, DetectorConfig{}.withDefaults().BothSilence)
	assert.LessOrEqual(t, after, Config{}.WorstCaseDetection().Probed.OneWay)
	w.mediaOut = false
	w.run(time.Second)
	assert.True(t, w.steps[len(w.steps)-1].Healed, "an answer heals it, not the bytes that came all the time")
}

// TestDetectorHealthy: a quiet link that answers is never suspicious.
func TestDetectorHealthy(t *testing.T) {
	for _, rtt := range roundTrips {
		for _, cadence := range []time.Duration{0, 20 * time.Millisecond, 5 * time.Second} {
			w := newWire(rtt, cadence, DetectorConfig{}).run(10 * time.Minute)
			assert.Empty(t, w.steps)
			assert.LessOrEqual(t, w.probes, 2001, "a probe every 0.3 s")
			assert.LessOrEqual(t, w.pings, 601, "a ping a second")
		}
	}
}
