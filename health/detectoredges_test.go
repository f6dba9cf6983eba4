package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// quietLink is a detector of a link that was opened at that time and can neither be
// pinged nor probed, but says what should come in.
func quietLink(at time.Duration) *Detector {
	d := NewDetector(DetectorConfig{})
	d.Start(at, false, false)
	d.Expect(at, ExpectMedia)
	return &d
}

// TestHeardMediaAtTheEdge: a byte counts from the instant on at which the link was
// opened, and time 0 means that there was none.
func TestHeardMediaAtTheEdge(t *testing.T) {
	for _, tt := range []struct {
		opened, at time.Duration
		counts     bool
	}{
		{time.Second, time.Second - 1, false}, {time.Second, time.Second, true}, {0, 0, false}, {0, 1, true}, {-1, -1, false},
	} {
		d := quietLink(tt.opened)
		d.HeardMedia(tt.at)
		assert.Equal(t, tt.counts, d.Heard(), "opened at %s, a byte at %s", tt.opened, tt.at)
	}
}

// TestDoubtIsOlderThanTheByte: where a layer cannot be asked, only what comes in
// after the doubt ends it.
func TestDoubtIsOlderThanTheByte(t *testing.T) {
	for name, heard := range map[string]func(d *Detector, at time.Duration){
		"media": (*Detector).HeardMedia, "signaling": (*Detector).HeardSignaling,
	} {
		d := quietLink(time.Second)
		d.Doubt(2*time.Second, Both)
		heard(d, 2*time.Second)
		assert.Equal(t, Both, d.doubt, name)
		heard(d, 2*time.Second+1)
		assert.NotEqual(t, Both, d.doubt, name)
	}
}

// TestGapMemory: the longest gap counts half after five minutes without one that was
// longer; one that is as long does not renew it.
func TestGapMemory(t *testing.T) {
	const gap = 4 * time.Second
	start := time.Second
	d := quietLink(start)
	at := start
	bytes := func(until, every time.Duration) {
		for at+every <= until {
			at += every
			d.HeardMedia(at)
		}
	}
	bytes(start+gap, gap)
	noted := at
	bytes(noted+3*time.Minute, time.Second)
	bytes(at+gap, gap) // as long
	bytes(noted+gapMemory-time.Second, time.Second)
	require.Equal(t, gap, d.longest)
	d.HeardMedia(noted + gapMemory - 1)
	assert.Equal(t, gap, d.longest)
	d.HeardMedia(noted + gapMemory)
	assert.Equal(t, gap/2, d.longest)
	bytes(noted+2*gapMemory-1, time.Second)
	assert.Equal(t, gap/2, d.longest, "it was halved five minutes ago")
	d.HeardMedia(noted + 2*gapMemory)
	assert.Equal(t, gap/4, d.longest)
}

// TestPongAtTheEdge: an answer as slow as may be is quick, and no sign of a loss.
func TestPongAtTheEdge(t *testing.T) {
	for _, tt := range []struct {
		late  time.Duration
		quick bool
	}{{0, true}, {1, false}} {
		d := NewDetector(DetectorConfig{PingIdle: time.Second})
		d.Start(time.Second, true, false)
		now := time.Second
		answer := func(rtt time.Duration) {
			for s := d.Tick(now); s.Ping == 0; s = d.Tick(now) {
				now, _ = d.Due()
			}
			now += rtt
			_, ok := d.Pong(d.ping.id, now)
			require.True(t, ok)
		}
		answer(usual)
		require.Equal(t, usual, d.path.ping)
		answer(slow(usual) + tt.late)
		assert.Equal(t, tt.quick, d.pong.quick, "%s late", tt.late)
		assert.Equal(t, tt.quick, d.path.loss == 0, "%s late", tt.late)
	}
}

// TestStandardBounds states the bounds of the default settings in numbers.
func TestStandardBounds(t *testing.T) {
	assert.Equal(t, WorstCase{
		Probed:     Bounds{MediaDead: 3 * time.Second, SignalingDead: 5 * time.Second, BothDead: 5 * time.Second, OneWay: 6800 * ms},
		Unprobed:   Bounds{MediaDead: 6400 * ms, SignalingDead: 13400 * ms, BothDead: 6400 * ms},
		AfterPause: 100 * ms, BadPathLeast: 31400 * ms, BadPathMost: 15*time.Minute + 1400*ms,
	}, Config{}.WorstCaseDetection())
}

// TestProbeEveryAtTheEdge: two probes have to fit into what is suspicious.
func TestProbeEveryAtTheEdge(t *testing.T) {
	half := DetectorConfig{}.withDefaults().Suspicion / 2
	assert.NoError(t, DetectorConfig{ProbeEvery: half}.validate())
	assert.ErrorContains(t, DetectorConfig{ProbeEvery: half + 1}.validate(), "Detector.ProbeEvery")
}

// TestPatience: 10 % of the packets lost both ways are 5.1 % one way, six losses in a
// row are one in 1e7, and seven timeouts of 0.325 s, doubled each time, are 127 of it.
func TestPatience(t *testing.T) {
	p := path{quality: quality{ping: 100 * ms, loss: 0.1}}
	assert.InDelta(t, 0.325*127, p.patience().Seconds(), 1e-6)
	p.pause = 10 * time.Second
	assert.InDelta(t, 0.325*127+20, p.patience().Seconds(), 1e-6)
}

// TestImprobable: seven probes in a row are improbable where one in twenty is lost,
// besides those whose answer cannot be there yet.
func TestImprobable(t *testing.T) {
	d := NewDetector(DetectorConfig{})
	for unanswered, want := range map[int]bool{6: false, 7: true, 11: true} {
		d.unanswered = unanswered
		assert.Equal(t, want, d.improbable(), unanswered)
	}
	d.path.probe = 500 * ms // five are on their way
	for unanswered, want := range map[int]bool{11: false, 12: true} {
		d.unanswered = unanswered
		assert.Equal(t, want, d.improbable(), unanswered)
	}
}

// TestResumedKeepsLaterDirt: an answer ends what a pause has held up, not what was
// lost since.
func TestResumedKeepsLaterDirt(t *testing.T) {
	var p path
	p.paused(time.Second, 5*time.Second)
	assert.Equal(t, At(6*time.Second), p.dirty)
	p.soil(7 * time.Second)
	p.resumed()
	assert.Equal(t, At(7*time.Second), p.dirty)
	p.resumed()
	assert.Equal(t, At(7*time.Second), p.dirty)
}

// TestHealedAtTheVerdict: what comes in at the very time of the verdict heals it.
func TestHealedAtTheVerdict(t *testing.T) {
	w := clean(0) // only answers come in
	w.mediaIn, w.mediaOut = true, true
	_, _ = w.verdict(t, time.Minute)
	w.d.HeardMedia(w.d.deadAt - 1)
	assert.False(t, w.d.healed())
	w.d.HeardMedia(w.d.deadAt)
	assert.True(t, w.d.healed())

	w = clean(20 * ms)
	w.mediaOut = true
	_, _ = w.verdict(t, time.Minute)
	assert.False(t, w.d.healed(), "bytes come in all the time")
	w.d.Probed(w.d.path.last, w.d.deadAt)
	assert.True(t, w.d.healed())
}

// TestVouchAtTheEdge: a quick pong counts whose ping was sent when the alert was
// raised, or later, and only the first one of a silence.
func TestVouchAtTheEdge(t *testing.T) {
	const from = time.Minute
	for _, tt := range []struct {
		early, vouched time.Duration
		counts         bool
	}{{0, 0, true}, {1, 0, false}, {0, from, true}, {0, from + 1, false}} {
		d := NewDetector(DetectorConfig{})
		d.Start(time.Second, true, true)
		d.mediaFrom, d.mediaVouched = from, tt.vouched
		sent := from + d.alertAfter() - tt.early
		d.ping = question{id: firstPing + 1, sent: sent, waiting: true}
		_, ok := d.Pong(firstPing+1, sent+usual)
		require.True(t, ok)
		assert.Equal(t, tt.counts, d.mediaVouched == sent+usual, "%+v", tt)
	}
}
