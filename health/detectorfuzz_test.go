package health

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// detectorConfig gives settings of any size, or few that go together.
func (b *tape) detectorConfig() DetectorConfig {
	c := DetectorConfig{Off: b.byte() == 1}
	for _, field := range []*time.Duration{
		&c.ProbeEvery, &c.ProbeFast, &c.ProbeTimeout, &c.PingIdle, &c.Suspicion, &c.MediaSilence,
		&c.QuietMediaSilence, &c.SignalingSilence, &c.BothSilence, &c.CleanFor, &c.LateTick,
	} {
		if b.byte()%4 == 0 {
			*field = b.time(0)
		}
	}
	return c
}

// fuzzed is a detector to which anything happens, and what must hold of it.
type fuzzed struct {
	d           Detector
	now         time.Duration
	probe, ping uint64 // the last ids
	dead        Layers
	suspected   Layers
}

// step performs one operation with any arguments.
func (f *fuzzed) step(t *testing.T, b *tape) {
	op := b.byte()
	f.now = b.time(f.now)
	switch op % 16 {
	case 0, 1, 2, 3:
		f.tick(t)
	case 4:
		f.d.Start(f.now, b.bool(), b.bool())
		f.dead, f.suspected = 0, 0
	case 5:
		f.d.Probed(b.id(f.probe), f.now)
	case 6:
		rtt, _ := f.d.Pong(b.id(f.ping), f.now)
		require.GreaterOrEqual(t, rtt, time.Duration(0))
	case 7:
		f.d.HeardMedia(f.now)
	case 8:
		f.d.HeardSignaling(f.now)
	case 9:
		f.d.Expect(f.now, Expectation(b.byte()))
	case 10:
		f.d.Doubt(f.now, Layers(b.byte()))
	case 11:
		f.d.CannotProbe()
	case 12:
		f.d.CannotPing()
	case 13:
		f.d.Revive(f.now)
		f.dead, f.suspected = 0, 0
	case 14:
		f.d.Void(f.now, b.time(0))
	case 15:
		if b.byte() == 0 {
			f.d.Stop()
		}
		require.GreaterOrEqual(t, f.d.Notice(f.now), time.Duration(0))
	}
}

// id gives the last id, one near it, or any.
func (b *tape) id(last uint64) uint64 {
	switch n := b.byte(); {
	case n < 128:
		return last
	case n < 200:
		return last - uint64(n%64)
	}
	return b.uint64()
}

func (f *fuzzed) tick(t *testing.T) {
	_, on := f.d.Due()
	s := f.d.Tick(f.now)
	if !on {
		require.Equal(t, Step{}, s)
		return
	}
	due, on := f.d.Due()
	require.True(t, on)
	require.True(t, due > f.now || f.now == math.MaxInt64, "a tick that leaves something due")
	require.LessOrEqual(t, due, later(f.now, max(idleTick, f.d.limits.ProbeFast)))
	f.asked(t, s)
	f.found(t, s)
}

// asked: no id is used twice.
func (f *fuzzed) asked(t *testing.T, s Step) {
	if s.Probe != 0 {
		require.Greater(t, s.Probe, f.probe)
		f.probe = s.Probe
	}
	if s.Ping != 0 {
		require.Greater(t, s.Ping, max(f.ping, firstPing))
		f.ping = s.Ping
	}
}

// found: suspicions are told once each and cleared together, the verdict is given
// once, of what was suspected, and only what is dead heals.
func (f *fuzzed) found(t *testing.T, s Step) {
	require.Zero(t, s.Suspected&f.suspected, "suspected twice")
	require.Zero(t, (s.Suspected|s.Dead)&^Both)
	require.False(t, s.Cleared && f.suspected == 0, "cleared without a suspicion")
	require.False(t, s.Cleared && s.Dead != 0)
	require.False(t, s.Dead != 0 && f.dead != 0, "a second verdict")
	require.False(t, s.Healed && f.dead == 0, "healed without a verdict")
	require.GreaterOrEqual(t, s.Voided, time.Duration(0))
	f.dead |= s.Dead
	if f.suspected |= s.Suspected; s.Cleared || f.d.suspected == 0 {
		f.suspected = 0
	}
	g := f.d.Diagnose(f.now, f.suspected|s.Dead)
	require.NotEmpty(t, g.String())
	require.True(t, g.MediaSilence >= 0 && g.UnansweredFor >= 0 && g.PingAge >= 0 && g.RTT >= 0 && g.Unanswered >= 0)
	require.GreaterOrEqual(t, f.d.Suspicion(f.now), time.Duration(0))
}

// FuzzDetector has anything happen to a detector, at any time: no panic, nothing
// told that contradicts what was told before, the next tick soon, and the same
// outcome for a copy.
func FuzzDetector(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("0 whatever may come in, in any order; and clocks that run backwards, too"))
	f.Add([]byte{0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 10, 1, 1, 0, 1, 5, 0, 0, 0, 30, 0, 1, 0, 1, 0, 1, 0, 1, 10, 1, 3, 14, 1, 9, 13, 1, 0, 1})
	f.Add([]byte{1, 0, 0, 202, 4, 202, 1, 1, 0, 200, 0, 201, 5, 201, 255, 6, 202, 255, 0, 203, 7, 203, 8, 203, 15, 203, 1, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		b := tape(in)
		var c DetectorConfig
		if b.bool() {
			c = b.detectorConfig()
		}
		run := fuzzed{d: NewDetector(c)}
		_ = Config{Detector: c}.WorstCaseDetection()
		run.d.Start(b.time(0), b.bool(), b.bool())
		for len(b) > 0 {
			twin, rest := run, b
			run.step(t, &b)
			twin.step(t, &rest)
			require.True(t, reflect.DeepEqual(run, twin), "a copy went another way")
		}
	})
}

// FuzzDetectorHealthy has every question answered within a round trip, in any
// order, with ticks on time, and all else that may come in besides: such a link is
// never found dead, nor is this machine found to have paused.
func FuzzDetectorHealthy(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte("a link may be slow and quick in turns, doubted, quiet and busy, and yet live"))
	f.Fuzz(func(t *testing.T, in []byte) {
		b := tape(in)
		w := newWire(0, 0, DetectorConfig{})
		w.d.Start(w.now, b.bool(), true)
		for steps := 0; len(b) > 0 || steps < 100; steps++ {
			w.rtt = 2 * WorstOneWay * time.Duration(b.byte()) / math.MaxUint8
			switch b.byte() % 16 {
			case 0:
				w.d.Doubt(w.now, Layers(b.byte()))
			case 1:
				w.d.HeardMedia(w.now)
			case 2:
				w.d.HeardSignaling(w.now)
			case 3:
				w.d.Expect(w.now, Expectation(b.byte()%5))
			}
			w.nextEvent()
		}
		for _, s := range w.steps {
			require.Zero(t, s.Dead, "%+v", w.steps)
			require.Zero(t, s.Voided)
		}
	})
}

// nextEvent goes on to the next answer or tick; answers overtake each other.
func (w *wire) nextEvent() {
	first := -1
	due, _ := w.d.Due()
	for i, a := range w.answers {
		if a.at <= due {
			first, due = i, a.at
		}
	}
	w.now = max(w.now, due)
	if first < 0 {
		w.tick()
		return
	}
	a := w.answers[first]
	w.answers = append(w.answers[:first], w.answers[first+1:]...)
	if a.probe {
		w.d.Probed(a.id, w.now)
	} else {
		w.d.Pong(a.id, w.now)
	}
}

// steadyDetector is in the middle of a call where everything is answered.
type steadyDetector struct {
	d   Detector
	now time.Duration
}

// beat is one tick with the answers to what it has asked, and media that comes in.
func (s *steadyDetector) beat() Step {
	s.now, _ = s.d.Due()
	step := s.d.Tick(s.now)
	s.now += 20 * ms
	if step.Probe != 0 {
		s.d.Probed(step.Probe, s.now)
	}
	if step.Ping != 0 {
		s.d.Pong(step.Ping, s.now)
	}
	s.d.HeardMedia(s.now)
	s.d.HeardSignaling(s.now)
	return step
}

func newSteadyDetector() *steadyDetector {
	s := &steadyDetector{d: NewDetector(DetectorConfig{})}
	s.d.Start(time.Second, true, true)
	for range 1000 {
		s.beat()
	}
	return s
}

// BenchmarkDetectorTick is the whole cost of one look at a link: about four times a
// second in a calm call.
func BenchmarkDetectorTick(b *testing.B) {
	s := newSteadyDetector()
	b.ReportAllocs()
	for b.Loop() {
		if step := s.beat(); step.Dead != 0 {
			b.Fatal("dead")
		}
	}
}

func TestDetectorDoesNotAllocate(t *testing.T) {
	s := newSteadyDetector()
	assert.Zero(t, testing.AllocsPerRun(1000, func() { s.beat() }))
	assert.Zero(t, testing.AllocsPerRun(100, func() { // a silence up to its verdict and after it
		s.now, _ = s.d.Due()
		s.d.Tick(s.now)
	}))
}
