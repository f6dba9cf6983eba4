package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// usual are the round trip and the cadence of media of most of these tests.
const usual = 40 * ms

// clean is a wire on a clean path, with everything answered.
func clean(cadence time.Duration) *wire {
	return newWire(usual, cadence, DetectorConfig{}).run(DetectorConfig{}.withDefaults().CleanFor + 10*time.Second)
}

// tally is which steps there were.
type tally struct {
	suspected, dead         Layers
	cleared, healed, voided int
}

func (w *wire) tally() (n tally) {
	for _, s := range w.steps {
		n.suspected |= s.Suspected
		n.dead |= s.Dead
		n.cleared += one(s.Cleared)
		n.healed += one(s.Healed)
		n.voided += one(s.Voided > 0)
	}
	return n
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// TestSuspicionClears: a silence that ends in time is suspected and cleared, once
// each, and the suspicion lasts from the beginning of the silence.
func TestSuspicionClears(t *testing.T) {
	for name, layer := range map[string]Layers{"media": Media, "signaling": Signaling} {
		t.Run(name, func(t *testing.T) {
			w := clean(20 * ms)
			began := w.now
			dead := func(is bool) {
				if layer == Media {
					w.mediaIn = is
				} else {
					w.signaling = is
				}
			}
			dead(true)
			w.run(w.d.limits.PingIdle + w.d.limits.Suspicion + w.d.limits.ProbeEvery)
			assert.Positive(t, w.d.Suspicion(w.now))
			assert.LessOrEqual(t, w.d.Suspicion(w.now), w.now-began+20*ms+usual)
			dead(false)
			if layer == Signaling {
				w.d.Pong(w.d.ping.id, w.now)
			}
			w.run(w.d.limits.Suspicion)
			seen := w.tally()
			assert.Equal(t, layer, seen.suspected)
			assert.Zero(t, seen.dead)
			assert.Equal(t, 1, seen.cleared)
			assert.Zero(t, w.d.Suspicion(w.now))
		})
	}
}

// TestQuickPong: media that is silent is found dead early only if signaling answers
// as fast as usual: a slow answer says that the whole path is slow.
func TestQuickPong(t *testing.T) {
	quick, slowly := clean(20*ms), clean(20*ms)
	slowly.rtt = slow(usual) + heldUp
	for _, w := range []*wire{quick, slowly} {
		w.mediaIn, w.mediaOut = true, true
	}
	dead, after := quick.verdict(t, time.Minute)
	assert.Equal(t, Media, dead)
	late, muchLater := slowly.verdict(t, time.Minute)
	assert.Equal(t, Media, late, "found all the same, as signaling answers")
	assert.Greater(t, muchLater, after)
}

// heldUp is more than an answer may be late on a usual path.
const heldUp = 200 * ms

// TestBothNeedsAnUnansweredPing: media that is silent while signaling answers is
// never the death of both, however seldom signaling is pinged.
func TestBothNeedsAnUnansweredPing(t *testing.T) {
	standard := DetectorConfig{}.withDefaults()
	for _, idle := range []time.Duration{standard.PingIdle, standard.BothSilence, 3 * standard.BothSilence} {
		w := newWire(usual, 20*ms, DetectorConfig{PingIdle: idle}).run(70 * time.Second)
		w.mediaIn, w.mediaOut, w.rtt = true, true, slow(usual)+heldUp
		dead, _ := w.verdict(t, time.Minute)
		assert.Equal(t, Media, dead, idle)
	}
}

// TestVoid: after a pause every silence counts anew, both layers are asked at once,
// and what was suspicious is cleared.
func TestVoid(t *testing.T) {
	pauses := map[string]func(w *wire){
		"a late tick": func(w *wire) {
			due, _ := w.d.Due()
			w.now = due + w.d.limits.LateTick + 1
		},
		"a sleep": func(w *wire) { w.d.Void(w.now, time.Hour) },
	}
	for name, pause := range pauses {
		t.Run(name, func(t *testing.T) {
			w := clean(0)
			w.mediaIn, w.mediaOut, w.signaling = true, true, true
			w.run(3 * time.Second)
			seen := w.tally()
			require.Equal(t, Both, seen.suspected)
			pause(w)
			awake, probes, pings := w.now, w.probes, w.pings
			w.tick()
			assert.Equal(t, []int{probes + 1, pings + 1}, []int{w.probes, w.pings}, "both are asked at once")
			seen = w.tally()
			assert.Zero(t, seen.dead)
			assert.Equal(t, 1, seen.cleared)
			assert.Zero(t, w.d.silences(awake).media)
			_, _ = w.verdict(t, time.Minute)
			assert.Greater(t, w.now-awake, w.d.limits.BothSilence)
		})
	}
	t.Run("just in time", func(t *testing.T) {
		w := clean(0)
		due, _ := w.d.Due()
		assert.Zero(t, w.d.Notice(due+w.d.limits.LateTick))
		assert.Equal(t, w.d.limits.LateTick+1, w.d.Notice(due+w.d.limits.LateTick+1))
		assert.Zero(t, w.d.Notice(due+w.d.limits.LateTick+1), "it is told once")
	})
	t.Run("the dead stay dead", func(t *testing.T) {
		w := clean(0)
		w.mediaIn, w.mediaOut, w.signaling = true, true, true
		_, _ = w.verdict(t, time.Minute)
		w.d.Void(w.now, time.Hour)
		w.d.Expect(w.now, ExpectMedia)
		w.run(time.Minute)
		seen := w.tally()
		assert.Zero(t, seen.healed)
	})
	t.Run("again and again", func(t *testing.T) {
		w := clean(0)
		for range 100 { // a storm of stalls on a live link
			due, _ := w.d.Due()
			w.now = due + w.d.limits.LateTick + 1
			w.tick()
			w.run(300 * ms)
		}
		seen := w.tally()
		assert.Zero(t, seen.dead)
		assert.Equal(t, 100, seen.voided)
	})
}

// TestHealsByWhatWasDead: a verdict is given once, and taken back, once the link is
// heard again on every dead layer, as often as it is asked.
func TestHealsByWhatWasDead(t *testing.T) {
	w := clean(0)
	w.mediaIn, w.mediaOut, w.signaling = true, true, true
	_, _ = w.verdict(t, time.Minute)
	w.run(time.Minute)
	n := 0
	for _, s := range w.steps {
		if s.Dead != 0 {
			n++
		}
	}
	require.Equal(t, 1, n, "one verdict")
	w.mediaIn, w.mediaOut = false, false
	w.run(time.Second)
	seen := w.tally()
	require.Zero(t, seen.healed, "one of two")
	w.signaling = false
	w.d.HeardSignaling(w.now)
	w.run(w.d.limits.ProbeFast)
	seen = w.tally()
	require.Positive(t, seen.healed)

	w.d.Revive(w.now)
	w.steps = nil
	w.run(time.Minute)
	assert.Empty(t, w.steps, "and lives on")
	w.mediaIn, w.mediaOut, w.signaling = true, true, true
	dead, _ := w.verdict(t, time.Minute)
	assert.Equal(t, Both, dead, "to be found dead again")
}

// TestReviveForgetsSuspicions: whoever was not to hear of them hears of them then.
func TestReviveForgetsSuspicions(t *testing.T) {
	w := clean(0)
	w.signaling = true
	w.run(w.d.limits.PingIdle + 2*w.d.limits.Suspicion)
	seen := w.tally()
	require.Equal(t, Signaling, seen.suspected)
	w.steps = nil
	w.d.Revive(w.now)
	assert.Zero(t, w.d.Suspicion(w.now))
	w.run(w.d.limits.PingIdle + 2*w.d.limits.Suspicion)
	seen = w.tally()
	assert.Equal(t, Signaling, seen.suspected)
	assert.Zero(t, seen.cleared)
}

// TestDoubt: doubts are suspicious at once, ask at once, and pass with the answer,
// or with a byte where nothing can be asked.
func TestDoubt(t *testing.T) {
	w := clean(0)
	probes, pings := w.probes, w.pings
	w.d.Doubt(w.now, Both)
	w.tick()
	assert.Equal(t, []int{probes + 1, pings + 1}, []int{w.probes, w.pings})
	require.Len(t, w.steps, 1)
	assert.Equal(t, Both, w.steps[0].Suspected)
	assert.True(t, w.d.Diagnose(w.now, Both).Doubt)
	w.run(usual + 2*w.d.limits.ProbeFast)
	assert.True(t, w.steps[len(w.steps)-1].Cleared)
	assert.False(t, w.d.Diagnose(w.now, 0).Doubt)

	d := NewDetector(DetectorConfig{})
	d.Start(time.Second, false, false)
	d.Doubt(2*time.Second, Both|4)
	assert.Equal(t, Both, d.Tick(2*time.Second).Suspected)
	d.HeardMedia(2 * time.Second)
	d.HeardSignaling(2 * time.Second)
	assert.False(t, d.Tick(2*time.Second).Cleared, "it came in before the doubt")
	d.HeardMedia(3 * time.Second)
	assert.False(t, d.Tick(3*time.Second).Cleared, "one of two")
	d.HeardSignaling(3 * time.Second)
	assert.True(t, d.Tick(3*time.Second).Cleared)

	w = clean(20 * ms)
	w.d.Doubt(w.now, Media)
	w.mediaOut = true
	w.run(w.d.limits.Suspicion)
	seen := w.tally()
	assert.Zero(t, seen.cleared, "bytes that come in are no answer")
}

// TestDoubtsAreNoVerdict: a link that answers can be doubted for ever.
func TestDoubtsAreNoVerdict(t *testing.T) {
	w := clean(0)
	for range 1000 {
		w.d.Doubt(w.now, Both)
		w.run(100 * ms)
	}
	seen := w.tally()
	assert.Zero(t, seen.dead)
}

// TestJudges: only what can be asked, or is known to come in, can be found dead.
func TestJudges(t *testing.T) {
	start := func(canPing, canProbe bool, drive ...func(d *Detector)) Layers {
		d := NewDetector(DetectorConfig{})
		d.Start(time.Second, canPing, canProbe)
		d.Tick(time.Second)
		for _, f := range drive {
			f(&d)
		}
		return d.Judges()
	}
	answered := func(d *Detector) { d.Probed(1, 2*time.Second) }
	heard := func(d *Detector) { d.HeardMedia(2 * time.Second) }
	expects := func(e Expectation) func(d *Detector) { return func(d *Detector) { d.Expect(2*time.Second, e) } }
	for _, c := range []struct {
		name string
		want Layers
		got  Layers
	}{
		{"nothing", 0, start(false, false)},
		{"pings", Signaling, start(true, false)},
		{"probes that were never answered", 0, start(false, true)},
		{"probes", Media, start(false, true, answered)},
		{"both", Both, start(true, true, answered)},
		{"an expectation before anything came in", 0, start(false, false, expects(ExpectMedia))},
		{"an expectation", Media, start(false, false, heard, expects(ExpectKeepalives))},
		{"nothing expected", 0, start(false, false, heard, expects(ExpectNothing))},
		{"not expected any more", Signaling, start(true, false, heard, expects(ExpectMedia), expects(ExpectUnknown))},
		{"cannot probe after all", Signaling, start(true, true, answered, (*Detector).CannotProbe)},
		{"cannot ping after all", Media, start(true, true, answered, (*Detector).CannotPing)},
		{"stopped", 0, start(true, true, answered, (*Detector).Stop)},
	} {
		assert.Equal(t, c.want, c.got, c.name)
	}
	assert.Zero(t, (&Detector{}).Judges(), "switched off")
}

// TestWithoutAbilities: a link that turns out not to have them is asked no more, and
// what waits for an answer is no evidence.
func TestWithoutAbilities(t *testing.T) {
	w := clean(0)
	w.signaling = true
	w.run(2 * time.Second)
	w.d.CannotPing()
	w.d.CannotProbe()
	probes, pings := w.probes, w.pings
	w.mediaIn, w.mediaOut = true, true
	w.run(10 * time.Minute)
	assert.Equal(t, []int{probes, pings}, []int{w.probes, w.pings})
	seen := w.tally()
	assert.Zero(t, seen.dead)
	assert.True(t, w.d.Diagnose(w.now, 0).SignalingUnknown)
}

// TestNotAnswers: what was never asked over this link is no answer.
func TestNotAnswers(t *testing.T) {
	d := NewDetector(DetectorConfig{})
	assert.False(t, d.Probed(1, 0), "not running")
	d.Start(time.Second, true, true)
	s := d.Tick(time.Second)
	require.NotZero(t, s.Probe)
	for _, id := range []uint64{0, s.Probe + 1, 1 << 63} {
		assert.False(t, d.Probed(id, time.Second), id)
	}
	now := time.Second
	for s.Ping == 0 {
		now, _ = d.Due()
		s = d.Tick(now)
	}
	assert.Greater(t, s.Ping, uint64(firstPing), "out of the way of a Pinger's")
	for _, id := range []uint64{0, 1, s.Ping - 1, s.Ping + 1} {
		_, ok := d.Pong(id, now)
		assert.False(t, ok, id)
	}
	rtt, ok := d.Pong(s.Ping, now+usual)
	assert.True(t, ok)
	assert.Equal(t, usual, rtt)
	_, ok = d.Pong(s.Ping, now+usual)
	assert.False(t, ok, "twice")

	last := s.Ping
	d.Start(now, true, true)
	assert.False(t, d.Probed(1, now), "of the link before")
	for s.Ping == 0 || s.Ping == last {
		now, _ = d.Due()
		s = d.Tick(now)
	}
	assert.Equal(t, last+1, s.Ping, "no ID is used twice")
}

// TestExpect: where no probe speaks, silence counts from when something was
// expected, and no more once nothing is.
func TestExpect(t *testing.T) {
	quiet := func(e Expectation) *wire {
		w := newWire(usual, 20*ms, DetectorConfig{})
		w.d.Expect(w.now, e)
		w.d.Start(w.now, true, false)
		return w.run(time.Minute)
	}
	limits := DetectorConfig{}.withDefaults()
	t.Run("silence", func(t *testing.T) {
		w := quiet(ExpectMedia)
		w.mediaIn = true
		dead, after := w.verdict(t, time.Minute)
		assert.Equal(t, Media, dead)
		assert.GreaterOrEqual(t, after, limits.QuietMediaSilence-20*ms)
	})
	t.Run("declared when it is silent already", func(t *testing.T) {
		w := quiet(ExpectNothing)
		w.mediaIn = true
		w.run(time.Hour)
		require.Empty(t, w.steps)
		w.d.Expect(w.now, ExpectMedia)
		_, after := w.verdict(t, time.Minute)
		assert.GreaterOrEqual(t, after, limits.QuietMediaSilence)
	})
	t.Run("withdrawn", func(t *testing.T) {
		w := quiet(ExpectMedia)
		w.mediaIn = true
		w.run(limits.QuietMediaSilence - limits.Suspicion)
		w.d.Expect(w.now, ExpectNothing)
		w.run(time.Hour)
		seen := w.tally()
		assert.Equal(t, Media, seen.suspected)
		assert.Zero(t, seen.dead)
		assert.Equal(t, 1, seen.cleared)
	})
	t.Run("gaps that were lived through", func(t *testing.T) {
		gap := limits.QuietMediaSilence - limits.Suspicion
		w := quiet(ExpectKeepalives)
		w.mediaIn = true
		w.run(gap)
		w.mediaIn = false
		w.run(time.Second)
		w.mediaIn = true
		_, after := w.verdict(t, time.Hour)
		assert.Greater(t, after, limits.QuietMediaSilence, "silence is usual here")
	})
}

// TestDetectorStopped: nothing is due, asked or found.
func TestDetectorStopped(t *testing.T) {
	w := clean(0)
	w.d.Stop()
	for _, d := range []*Detector{{}, &w.d} {
		assert.False(t, d.Running())
		_, due := d.Due()
		assert.False(t, due)
		d.Doubt(w.now, Both)
		d.HeardMedia(w.now)
		d.HeardSignaling(w.now)
		d.Revive(w.now)
		d.Void(w.now, time.Hour)
		assert.Zero(t, d.Notice(w.now+time.Hour))
		assert.Equal(t, Step{}, d.Tick(w.now+time.Hour))
		assert.False(t, d.Probed(1, w.now))
		_, ok := d.Pong(firstPing+1, w.now)
		assert.False(t, ok)
		assert.Zero(t, d.Judges())
	}
	off := NewDetector(DetectorConfig{Off: true})
	off.Start(0, true, true)
	assert.False(t, off.Running())
}

// TestWorstCaseDetection: what is off has no bounds, and each bound follows the
// setting that it depends on.
func TestWorstCaseDetection(t *testing.T) {
	standard := Config{}.WorstCaseDetection()
	assert.Zero(t, Config{Off: true}.WorstCaseDetection())
	assert.Zero(t, Config{Detector: DetectorConfig{Off: true}}.WorstCaseDetection())
	for _, b := range []Bounds{standard.Probed, standard.Unprobed} {
		assert.Positive(t, b.MediaDead)
		assert.Positive(t, b.SignalingDead)
		assert.Positive(t, b.BothDead)
	}
	assert.Less(t, standard.Probed.MediaDead, standard.Unprobed.MediaDead)
	assert.Less(t, standard.BadPathLeast, standard.BadPathMost)
	assert.Positive(t, standard.AfterPause)

	unprobed := Config{Detector: DetectorConfig{ProbeEvery: -1}}.WorstCaseDetection()
	assert.Zero(t, unprobed.Probed)
	assert.Equal(t, standard.Unprobed, unprobed.Unprobed)
	unpinged := Config{Detector: DetectorConfig{PingIdle: -1}}.WorstCaseDetection()
	assert.Zero(t, unpinged.Probed.SignalingDead)
	assert.Zero(t, unpinged.Unprobed.SignalingDead)
	assert.Zero(t, unpinged.BadPathLeast)
	assert.Greater(t, unpinged.Probed.MediaDead, standard.Probed.MediaDead)
	assert.Greater(t, unpinged.Unprobed.MediaDead, standard.Unprobed.MediaDead)

	limits := DetectorConfig{}.withDefaults()
	longer := func(change func(c *DetectorConfig)) WorstCase {
		c := limits
		change(&c)
		return Config{Detector: c}.WorstCaseDetection()
	}
	const more = time.Second
	assert.Equal(t, standard.Probed.MediaDead+more, longer(func(c *DetectorConfig) { c.MediaSilence += more }).Probed.MediaDead)
	assert.Equal(t, standard.Probed.SignalingDead+more, longer(func(c *DetectorConfig) { c.SignalingSilence += more }).Probed.SignalingDead)
	assert.Equal(t, standard.Probed.SignalingDead+more, longer(func(c *DetectorConfig) { c.PingIdle += more }).Probed.SignalingDead)
	assert.Equal(t, standard.Probed.BothDead+more, longer(func(c *DetectorConfig) { c.BothSilence += more }).Probed.BothDead)
	assert.Equal(t, standard.Unprobed.MediaDead+more, longer(func(c *DetectorConfig) { c.QuietMediaSilence += more }).Unprobed.MediaDead)
}

// TestReviveForgetsDoubts of what has come back, and of nothing else.
func TestReviveForgetsDoubts(t *testing.T) {
	for doubted, left := range map[Layers]bool{Media: false, Signaling: true} {
		w := clean(20 * ms)
		w.mediaIn, w.mediaOut = true, true
		_, _ = w.verdict(t, time.Minute)
		w.d.Doubt(w.now, doubted)
		w.d.HeardMedia(w.now)
		w.d.Revive(w.now)
		assert.Equal(t, left, w.d.Diagnose(w.now, 0).Doubt, doubted.String())
	}
}

// TestProbesThatNobodyAnswers say nothing of the path: signaling is found dead as fast
// as on a link that cannot probe at all.
func TestProbesThatNobodyAnswers(t *testing.T) {
	for _, before := range []time.Duration{100 * ms, 2 * time.Second, time.Minute} {
		w := newWire(usual, 0, DetectorConfig{})
		w.mediaOut = true
		w.run(before)
		assert.Empty(t, w.steps, "nothing is suspected")
		w.signaling = true
		dead, after := w.verdict(t, time.Minute)
		assert.Equal(t, Signaling, dead)
		late := WorstOneWay + w.d.limits.ProbeFast
		if before < w.d.limits.CleanFor/6 {
			assert.LessOrEqual(t, after, leastPatience+w.d.limits.PingIdle+late, "a path that is not known yet")
			continue
		}
		assert.LessOrEqual(t, after, aloneSilence+w.d.limits.PingIdle+late)
	}
}
