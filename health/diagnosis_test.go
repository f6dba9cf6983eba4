package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDiagnosisString(t *testing.T) {
	const s = time.Second
	for want, d := range map[string]Diagnosis{
		"media flows; signaling is not asked yet":                   {},
		"media flows; signaling answered in 12 ms":                  {RTT: 12*time.Millisecond + 400*time.Microsecond, MediaSilence: 499 * time.Millisecond},
		"media flows; signaling answered in less than 1 ms":         {RTT: time.Millisecond - 1},
		"media flows; signaling answered in 1 ms":                   {RTT: time.Millisecond},
		"media flows; signaling has not answered for 3.6 s":         {PingAge: 3620 * time.Millisecond, RTT: s},
		"media flows; signaling cannot be asked":                    {SignalingUnknown: true, PingAge: s},
		"no inbound media for 0.5 s; signaling is not asked yet":    {MediaSilence: 500 * time.Millisecond},
		"no inbound media for 2.6 s; signaling answered in 1000 ms": {MediaSilence: 2600 * time.Millisecond, RTT: s, Unanswered: 1, UnansweredFor: 499 * time.Millisecond},
		"no inbound media for 2.6 s (20 probes unanswered for 2.7 s); signaling has not answered for 2.0 s": {
			MediaSilence: 2600 * time.Millisecond, Unanswered: 20, UnansweredFor: 2700 * time.Millisecond, PingAge: 2 * s,
		},
		"media comes in, but nothing is answered (5 probes unanswered for 0.5 s); signaling is not asked yet": {
			MediaSilence: 499 * time.Millisecond, Unanswered: 5, UnansweredFor: 500 * time.Millisecond,
		},
		"media comes in, but nothing is answered (40 probes unanswered for 4.5 s); signaling cannot be asked": {
			Unanswered: 40, UnansweredFor: 4500 * time.Millisecond, SignalingUnknown: true,
		},
	} {
		assert.Equal(t, want, d.String())
	}
}

// TestDiagnoseSaysWhatWasFound: the numbers of each death are those of its silence.
func TestDiagnoseSaysWhatWasFound(t *testing.T) {
	const rtt = 40 * time.Millisecond
	w := newWire(rtt, 0, DetectorConfig{}).run(70 * time.Second)
	g := w.d.Diagnose(w.now, 0)
	assert.Less(t, g.MediaSilence, w.d.limits.ProbeEvery+rtt+1)
	assert.LessOrEqual(t, g.UnansweredFor, g.MediaSilence)
	assert.LessOrEqual(t, g.Unanswered, 1)
	assert.False(t, g.SignalingUnknown || g.Doubt)

	died := w.now
	w.mediaIn = true
	_, _ = w.verdict(t, time.Minute)
	g = w.d.Diagnose(w.now, Media)
	assert.Equal(t, Media, g.Layers)
	assert.InDelta(t, (w.now - died).Seconds(), g.MediaSilence.Seconds(), (w.d.limits.ProbeEvery + rtt).Seconds())
	assert.Equal(t, g.MediaSilence, g.UnansweredFor)
	assert.Equal(t, rtt, g.RTT, "of a ping of that silence")
	assert.Less(t, g.PingAge, w.d.limits.Suspicion, "signaling lives")
	assert.GreaterOrEqual(t, g.Unanswered, int(g.UnansweredFor/w.d.limits.ProbeEvery))
	assert.LessOrEqual(t, g.Unanswered, int(g.UnansweredFor/w.d.limits.ProbeFast)+1)
}

// TestDiagnoseAfterRevival: what was unanswered before is not told again.
func TestDiagnoseAfterRevival(t *testing.T) {
	w := newWire(40*time.Millisecond, 20*time.Millisecond, DetectorConfig{}).run(70 * time.Second)
	w.mediaIn, w.mediaOut = true, true
	_, _ = w.verdict(t, time.Minute)
	w.d.HeardMedia(w.now)
	w.d.Revive(w.now)
	w.run(w.d.limits.Suspicion + w.d.limits.ProbeFast)
	g := w.d.Diagnose(w.now, Media)
	assert.LessOrEqual(t, g.Unanswered, int(g.UnansweredFor/w.d.limits.ProbeFast)+1)
}

// TestDiagnoseWithoutProbes: a pong from before the silence says nothing.
func TestDiagnoseWithoutProbes(t *testing.T) {
	w := newWire(40*time.Millisecond, 20*time.Millisecond, DetectorConfig{})
	w.d.Start(w.now, true, false)
	w.d.Expect(w.now, ExpectMedia)
	w.run(70 * time.Second)
	w.mediaIn, w.signaling = true, true
	w.answers = nil
	w.run(100 * time.Millisecond)
	g := w.d.Diagnose(w.now, 0)
	assert.Zero(t, g.RTT)
	assert.Zero(t, g.Unanswered)
	assert.Zero(t, g.UnansweredFor)
	assert.Positive(t, g.MediaSilence)
}

func TestLayers(t *testing.T) {
	for l, name := range map[Layers]string{0: "none", Media: "media", Signaling: "signaling", Both: "both"} {
		text, err := l.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, name, string(text))
		back := Layers(99)
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, l, back)
	}
	assert.Equal(t, "Layers(4)", Layers(4).String())
	var l Layers
	assert.ErrorContains(t, l.UnmarshalText([]byte("half")), "half")
	assert.True(t, Both.Has(Media) && Both.Has(Both) && Media.Has(0))
	assert.False(t, Media.Has(Both) || Signaling.Has(Media))
}
