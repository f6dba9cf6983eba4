package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestBenefitAtTheEdge: bytes are worth something until media is silent for as long
// as raises the alert.
func TestBenefitAtTheEdge(t *testing.T) {
	d := NewDetector(DetectorConfig{})
	assert.Equal(t, oneWayBenefit, d.benefit(silences{media: d.alertAfter() - 1}))
	assert.Zero(t, d.benefit(silences{media: d.alertAfter()}))
}

// TestHealedNeedsWhatWasDead: of both layers, or of the one that was found dead, and
// from the very time of the verdict on.
func TestHealedNeedsWhatWasDead(t *testing.T) {
	const verdict = time.Minute
	for _, tt := range []struct {
		dead             Layers
		media, signaling time.Duration // after the verdict
		want             bool
	}{
		{Media, -1, 0, false},
		{Media, 0, -1, true},
		{Signaling, 0, -1, false},
		{Signaling, -1, 0, true},
		{Both, -1, -1, false},
		{Both, 0, -1, false},
		{Both, -1, 0, false},
		{Both, 0, 0, true},
	} {
		d := Detector{dead: tt.dead, deadAt: verdict, mediaFrom: verdict + tt.media, signalingFrom: verdict + tt.signaling}
		assert.Equal(t, tt.want, d.healed(), "%+v", tt)
	}
}

// asked is a detector in use of a link with those abilities, over which media has
// come in, or a probe was answered.
func asked(canPing, canProbe bool) *Detector {
	d := NewDetector(DetectorConfig{})
	d.Start(time.Second, canPing, canProbe)
	d.Expect(time.Second, ExpectMedia)
	d.HeardMedia(2 * time.Second)
	if s := d.Tick(2 * time.Second); s.Probe != 0 {
		d.Probed(s.Probe, 2*time.Second)
	}
	return &d
}

// TestBothDeadAtTheEdge: neither layer has answered for as long as each has to be
// silent, and not for a nanosecond less.
func TestBothDeadAtTheEdge(t *testing.T) {
	limits := DetectorConfig{}.withDefaults()
	pinged := limits.BothSilence - limits.PingIdle
	for _, tt := range []struct {
		name            string
		canPing, probes bool
		media, ping     time.Duration // less than it takes
		want            bool
	}{
		{"quiet", true, false, 0, 0, true},
		{"quiet, media too short", true, false, 1, 0, false},
		{"quiet, ping too young", true, false, 0, 1, false},
		{"probed", true, true, 0, 0, true},
		{"probed, media too short", true, true, 1, 0, false},
		{"probed, ping too young", true, true, 0, 1, false},
		{"cannot ping", false, true, 0, 0, false},
	} {
		d := asked(tt.canPing, tt.probes)
		media := d.quietSilence()
		if tt.probes {
			media = d.bothSilence()
		}
		media -= tt.media
		gone := silences{media: media, answer: media, ping: pinged - tt.ping}
		assert.Equal(t, tt.want, d.bothDead(gone), tt.name)
	}
}

// TestSuspiciousAtTheEdge: a layer is suspicious from the very time on at which it has
// been silent for long enough, and media raises the alert before that.
func TestSuspiciousAtTheEdge(t *testing.T) {
	limits := DetectorConfig{}.withDefaults()
	const now = time.Hour
	for _, tt := range []struct {
		name                string
		media, answer, ping time.Duration // how long they are silent
		usual               time.Duration // round trip of a ping
		suspicious          Layers
		alert               bool
	}{
		{"nothing", 0, 0, 0, 0, 0, false},
		{"media, almost an alert", limits.Suspicion*6/10 - 1, limits.Suspicion*6/10 - 1, 0, 0, 0, false},
		{"media, an alert", limits.Suspicion * 6 / 10, 0, 0, 0, 0, true},
		{"answers, an alert", 0, limits.Suspicion * 6 / 10, 0, 0, 0, true},
		{"media, almost", limits.Suspicion - 1, limits.Suspicion - 1, 0, 0, 0, true},
		{"media", limits.Suspicion, 0, 0, 0, Media, true},
		{"answers", 0, limits.Suspicion, 0, 0, Media, true},
		{"a ping, almost", 0, 0, limits.Suspicion - 1, 0, 0, false},
		{"a ping", 0, 0, limits.Suspicion, 0, Signaling, true},
		{"a ping of a long path, almost", 0, 0, slow(time.Second) - 1, time.Second, 0, false},
		{"a ping of a long path", 0, 0, slow(time.Second), time.Second, Signaling, true},
		{"both", limits.Suspicion, limits.Suspicion, limits.Suspicion, 0, Both, true},
	} {
		d := asked(true, true)
		d.mediaFrom, d.answeredFrom, d.path.ping = now-tt.media, now-tt.answer, tt.usual
		d.ping = question{sent: now - tt.ping, waiting: true}
		assert.Equal(t, tt.suspicious, d.suspicious(now), tt.name)
		assert.Equal(t, tt.alert, d.alert(now), tt.name)
	}
}

// TestAlertLasts while anything is doubted, suspected or dead.
func TestAlertLasts(t *testing.T) {
	for name, change := range map[string]func(d *Detector){
		"doubted":   func(d *Detector) { d.doubt = Media },
		"suspected": func(d *Detector) { d.suspected = Media },
		"dead":      func(d *Detector) { d.dead = Media },
	} {
		d := asked(true, true)
		assert.False(t, d.alert(2*time.Second), name)
		change(d)
		assert.True(t, d.alert(2*time.Second), name)
	}
}

// TestMediaDeadAtTheEdge: whatever the link can do, media is dead from the very time
// on at which it has been silent for long enough.
func TestMediaDeadAtTheEdge(t *testing.T) {
	limits := DetectorConfig{}.withDefaults()
	both := limits.bothSilence(0)
	bytes := func(gone *silences) { gone.media = 0 }
	for _, tt := range []struct {
		name              string
		canPing, canProbe bool
		quick             bool // signaling has answered quickly
		change            func(gone *silences)
		takes             time.Duration
	}{
		{"probes", false, true, false, bytes, both},
		{"nothing to ask", false, false, false, nil, limits.QuietMediaSilence + limits.BothSilence},
		{"pings", true, false, true, nil, limits.QuietMediaSilence},
		{"pings and probes", true, true, true, nil, limits.MediaSilence},
		{"pings and probes, bytes come in", true, true, true, bytes, both + oneWayBenefit},
		{"pings and probes, a slow pong", true, true, false, nil, slowMedia},
	} {
		for _, early := range []time.Duration{0, 1} {
			d := asked(tt.canPing, tt.canProbe)
			d.path.probe, d.unanswered = 0, 100
			d.pong.sent = d.mediaFrom + 1
			if tt.quick {
				d.mediaVouched, d.answersVouched = d.mediaFrom+1, d.answeredFrom+1
			}
			gone := silences{media: tt.takes - early, answer: tt.takes - early}
			if tt.change != nil {
				tt.change(&gone)
			}
			assert.Equal(t, early == 0, d.mediaDead(time.Hour, gone), "%s, %d ns early", tt.name, early)
		}
	}
}

// TestSlowPongAtTheEdge: a slow pong says that signaling lives if its ping was sent
// after the last byte of media.
func TestSlowPongAtTheEdge(t *testing.T) {
	d := asked(true, true)
	for later, want := range map[time.Duration]bool{-1: false, 0: false, 1: true} {
		d.pong.sent = d.mediaFrom + later
		assert.Equal(t, want, d.mediaDead(time.Hour, silences{media: slowMedia}), later)
	}
}

// TestConfirmedAtTheEdge: the quick pong came after the silence had begun, and a media
// probe's round trip and cadence have passed since.
func TestConfirmedAtTheEdge(t *testing.T) {
	const from = time.Minute
	d := NewDetector(DetectorConfig{})
	d.path.probe = usual
	for _, tt := range []struct {
		vouched, early time.Duration
		want           bool
	}{{1, 0, true}, {1, 1, false}, {0, 0, false}, {-1, 0, false}, {time.Second, 0, true}, {time.Second, 1, false}} {
		vouched := from + tt.vouched
		now := vouched + usual + d.limits.ProbeFast - tt.early
		assert.Equal(t, tt.want, d.confirmed(now, from, vouched), "%+v", tt)
	}
}

// TestSignalingDeadAtTheEdge: signaling is dead from the very time on at which a ping is
// old enough, unless media is silent for as long as raises the alert.
func TestSignalingDeadAtTheEdge(t *testing.T) {
	limits := DetectorConfig{}.withDefaults()
	alert := asked(true, true).alertAfter()
	for _, tt := range []struct {
		name string
		gone silences
		want bool
	}{
		{"nothing is asked", silences{}, false},
		{"almost", silences{signaling: limits.SignalingSilence - 1}, false},
		{"old enough", silences{signaling: limits.SignalingSilence}, true},
		{"media flows so far", silences{signaling: time.Hour, media: alert - 1, answer: alert - 1}, true},
		{"no media", silences{signaling: time.Hour, media: alert}, false},
		{"no answers", silences{signaling: time.Hour, answer: alert}, false},
	} {
		d := asked(true, true)
		assert.Equal(t, tt.want, d.signalingDead(time.Hour, tt.gone), tt.name)
		d.CannotPing()
		assert.False(t, d.signalingDead(time.Hour, tt.gone), "%s, but it cannot ping", tt.name)
	}
}

// TestSignalingSilence: how much a ping has to age depends on what is known of the path.
func TestSignalingSilence(t *testing.T) {
	limits := DetectorConfig{}.withDefaults()
	const now, pause = time.Hour, 5 * time.Second
	dirty := func(d *Detector) { d.path.soil(now) }
	paused := func(d *Detector) { d.path.paused(now, pause) }
	for _, tt := range []struct {
		name   string
		probes bool
		change func(d *Detector)
		want   time.Duration
	}{
		{"probed, clean", true, func(*Detector) {}, limits.SignalingSilence},
		{"probed, dirty", true, dirty, leastPatience},
		{"probed, after a pause", true, paused, limits.SignalingSilence + 2*pause},
		{"quiet, clean when it was asked", false, func(d *Detector) { d.path.soil(now); d.ping.sent = now + limits.CleanFor }, aloneSilence},
		{"quiet, dirty when it was asked", false, func(d *Detector) { d.path.soil(now); d.ping.sent = now + limits.CleanFor - 1 }, leastPatience},
		{"quiet, after a pause", false, paused, leastPatience},
	} {
		d := asked(true, tt.probes)
		tt.change(d)
		assert.Equal(t, tt.want, d.signalingSilence(now), tt.name)
	}
}

// TestPingDueAtTheEdge: a silence of media asks signaling when it raises the alert, and
// once more when it is suspicious; a ping that was sent at that very time is that ping.
func TestPingDueAtTheEdge(t *testing.T) {
	limits := DetectorConfig{}.withDefaults()
	const from = time.Minute
	d := asked(true, true)
	d.mediaFrom, d.answeredFrom = from, from
	alert, suspicious := from+d.alertAfter(), from+d.suspiciousAfter()
	for _, tt := range []struct {
		sent, want time.Duration
	}{
		{alert - 1, alert}, {alert, suspicious}, {suspicious - 1, suspicious}, {suspicious, suspicious + limits.PingIdle},
	} {
		d.ping = question{id: firstPing, sent: tt.sent}
		assert.Equal(t, tt.want, d.pingDue(), "sent at %s", tt.sent)
		assert.Zero(t, d.pingNow(tt.want-1), "sent at %s", tt.sent)
		then := *d
		assert.NotZero(t, then.pingNow(tt.want), "sent at %s", tt.sent)
	}
}

// TestQuietSilence: two and a half times the longest gap, if that is more than the setting.
func TestQuietSilence(t *testing.T) {
	d := NewDetector(DetectorConfig{QuietMediaSilence: 6 * time.Second})
	for longest, want := range map[time.Duration]time.Duration{
		0: 6 * time.Second, 2400 * ms: 6 * time.Second, 2400*ms + 2: 6*time.Second + 5, 4 * time.Second: 10 * time.Second,
	} {
		d.longest = longest
		assert.Equal(t, want, d.quietSilence(), longest)
	}
}

// TestDiagnoseTheEdgeOfASilence: a pong belongs to a silence if its ping was sent after
// that had begun, on either way of media.
func TestDiagnoseTheEdgeOfASilence(t *testing.T) {
	const from = time.Minute
	for _, tt := range []struct {
		media, answer, later time.Duration
		want                 time.Duration
	}{
		{0, 0, 0, 0}, {0, 0, 1, usual}, {0, time.Second, 1, usual}, {time.Second, 0, 1, usual}, {1, 1, 1, 0},
	} {
		d := asked(true, true)
		d.mediaFrom, d.answeredFrom = from+tt.media, from+tt.answer
		d.pong = question{sent: from + tt.later, rtt: usual}
		assert.Equal(t, tt.want, d.Diagnose(2*from, 0).RTT, "%+v", tt)
	}
}

// TestBothSilenceOfThePath: half a round trip of the slower layer is added, up to what is
// believed of a path.
func TestBothSilenceOfThePath(t *testing.T) {
	d := NewDetector(DetectorConfig{})
	for _, tt := range []struct{ probe, ping, oneWay time.Duration }{
		{0, 0, 0},
		{200 * ms, 0, 100 * ms},
		{200 * ms, 600 * ms, 300 * ms},
		{2*longestWay - 2, 0, longestWay - 1},
		{2 * longestWay, 0, longestWay},
		{0, time.Hour, longestWay},
	} {
		d.path.probe, d.path.ping = tt.probe, tt.ping
		assert.Equal(t, d.limits.bothSilence(0)+tt.oneWay, d.bothSilence(), "%+v", tt)
	}
}

// TestBothDeadThoughBytesComeIn: that takes what they are worth longer.
func TestBothDeadThoughBytesComeIn(t *testing.T) {
	d := asked(true, true)
	takes := d.bothSilence() + oneWayBenefit
	assert.False(t, d.bothDead(silences{answer: takes - 1, ping: time.Hour}))
	assert.True(t, d.bothDead(silences{answer: takes, ping: time.Hour}))
}

// TestSuspectTellsWhatIsNew: each layer once, and how long it all lasts from the beginning
// of the first silence.
func TestSuspectTellsWhatIsNew(t *testing.T) {
	const began = time.Minute
	d := asked(true, true)
	d.mediaFrom, d.answeredFrom = began, began
	d.ping = question{sent: began + time.Second, waiting: true}
	suspect := func(now time.Duration) (s Step) {
		d.suspect(now, &s)
		return s
	}
	assert.Equal(t, Step{}, suspect(began+time.Second-1))
	assert.Equal(t, Step{Suspected: Media}, suspect(began+time.Second))
	assert.Equal(t, Step{}, suspect(began+2*time.Second-1))
	assert.Equal(t, Step{Suspected: Signaling}, suspect(began+2*time.Second))
	d.mediaFrom, d.answeredFrom = began+3*time.Second, began+3*time.Second
	assert.Equal(t, Step{}, suspect(began+3*time.Second), "one of two")
	assert.Equal(t, 3*time.Second, d.Suspicion(began+3*time.Second), "of what is over, too")
	assert.Equal(t, Step{}, suspect(began+4*time.Second), "media again, but that was told")
	d.mediaFrom, d.answeredFrom = began+4*time.Second, began+4*time.Second
	d.ping.waiting = false
	assert.Equal(t, Step{Cleared: true}, suspect(began+4*time.Second))
	assert.Equal(t, Step{}, suspect(began+4*time.Second), "it is told once")
}

// TestSlowPongsAreLosses only where no probe tells what is lost, and once it is known what
// is slow there.
func TestSlowPongsAreLosses(t *testing.T) {
	for _, tt := range []struct {
		probes bool
		usual  time.Duration
		lost   bool
	}{{false, 0, false}, {false, usual, true}, {true, usual, false}, {true, 0, false}} {
		d := asked(true, tt.probes)
		d.path.ping = tt.usual
		d.ping = question{id: firstPing + 1, sent: 2 * time.Second, waiting: true}
		_, ok := d.Pong(firstPing+1, 2*time.Second+slow(usual)+1)
		assert.True(t, ok)
		assert.Equal(t, tt.lost, d.path.loss > 0, "%+v", tt)
	}
}
