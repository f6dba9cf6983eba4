package holdfast_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// packets is how often media packets come in while somebody talks, and keepalives
// how often an ICE agent lets something come in when nobody does.
const (
	packets    = 20 * ms
	keepalives = 2 * sec
)

// The links that the detector sees, by what they can do and what comes in. Their
// answers take the round trip.
func talking(rtt time.Duration) sessiontest.Link {
	return sessiontest.Link{Ping: ok().After(rtt), Probe: ok().After(rtt), Media: packets, Expect: health.ExpectMedia}
}

func quiet(rtt time.Duration) sessiontest.Link {
	return sessiontest.Link{Ping: ok().After(rtt), Probe: ok().After(rtt)}
}

func unprobed(rtt time.Duration) sessiontest.Link {
	return sessiontest.Link{Ping: ok().After(rtt), Media: packets, Expect: health.ExpectMedia}
}

func keptAlive(rtt time.Duration) sessiontest.Link {
	return sessiontest.Link{Ping: ok().After(rtt), Media: keepalives, Expect: health.ExpectKeepalives}
}

func unpinged(rtt time.Duration) sessiontest.Link {
	return sessiontest.Link{Probe: ok().After(rtt), Media: packets}
}

func unasked(time.Duration) sessiontest.Link {
	return sessiontest.Link{Media: packets, Expect: health.ExpectMedia}
}

// warm is for how long a path is used before something happens to it, so that it
// counts as clean.
const warm = 100 * sec

// death is the verdict on a link that dies, and how long after its death it came.
type death struct {
	after  time.Duration
	layers health.Layers
	cause  status.Status
}

// dies plays a link whose layers fall silent so long after it has become warm, and
// tells what is found within a minute. Nothing may be suspected before.
func dies(t *testing.T, l sessiontest.Link, layers health.Layers, phase time.Duration) (d death, found bool) {
	tr := &sessiontest.Transport{Link: l}
	var rec sessiontest.Recorder
	s := start(t, production(tr, &rec))
	settle(warm + phase)
	assert.Empty(t, sessiontest.Of[observer.LinkSuspected](&rec), "a false alarm")
	tr.Silence(1, layers)
	settle(time.Minute)
	if dead := sessiontest.Of[observer.LinkDead](&rec); len(dead) > 0 {
		lost := sessiontest.Of[observer.Reconnecting](&rec)[0]
		assert.Equal(t, dead[0].Elapsed, lost.Elapsed, "it is acted on at once")
		d, found = death{dead[0].Elapsed - warm - phase, dead[0].Diagnosis.Layers, lost.Cause}, true
	}
	finish(t, s, tr, &rec)
	return d, found
}

// await waits for the next event of a name, for no longer than ten minutes: links
// that are pinged for ever would let a test run for ever.
func await(t *testing.T, rec *sessiontest.Recorder, name string) observer.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	e, err := rec.Wait(ctx, name)
	require.NoError(t, err)
	return e
}

// A dead link is found within the bounds that WorstCaseDetection computes, whenever
// it dies and however long the path is, and what has died is named (NEEDS 12).
func TestDeadLinkIsFoundInTime(t *testing.T) {
	asked := health.Config{}.WorstCaseDetection()
	unable := health.Config{Detector: health.DetectorConfig{PingIdle: -1}}.WorstCaseDetection()
	tests := []struct {
		name   string
		link   func(time.Duration) sessiontest.Link
		bounds health.Bounds
	}{
		{"talking", talking, asked.Probed},
		{"quiet", quiet, asked.Probed},
		{"cannot probe", unprobed, asked.Unprobed},
		{"cannot probe, kept alive", keptAlive, asked.Unprobed},
		{"cannot ping", unpinged, unable.Probed},
		{"can do neither", unasked, unable.Unprobed},
	}
	for _, tt := range tests {
		for layers, bound := range map[health.Layers]time.Duration{
			health.Media: tt.bounds.MediaDead, health.Signaling: tt.bounds.SignalingDead, health.Both: tt.bounds.BothDead,
		} {
			bubbles := 0
			for _, rtt := range []time.Duration{0, 80 * ms, 2 * health.WorstOneWay} {
				step := 385 * ms
				if testing.Short() {
					step *= 3
				}
				for phase := time.Duration(0); phase < 2*sec; phase += step {
					bubble(t, tt.name+"/"+layers.String(), func(t *testing.T) {
						d, found := dies(t, tt.link(rtt), layers, phase)
						require.Equal(t, bound > 0, found, "%+v", d)
						assert.LessOrEqual(t, d.after, bound, "phase %v, round trip %v", phase, rtt)
					})
					bubbles++
				}
			}
			require.Positive(t, bubbles)
		}
	}
}

// The verdict comes at the computed instant, not a nanosecond before, names the
// layers, says why with numbers, and is a loss like any other (NEEDS 12, 34).
func TestDeadLinkIsFoundExactly(t *testing.T) {
	tests := []struct {
		name   string
		link   sessiontest.Link
		silent health.Layers
		after  time.Duration
		dead   health.Layers
		layer  status.Layer
		words  []string
	}{
		{
			"media", talking(50 * ms), health.Media, 2600 * ms, health.Media, status.LayerMedia,
			[]string{"no inbound media for 2.6 s", "probes unanswered", "signaling answered in 50 ms"},
		},
		{
			"signaling", talking(0), health.Signaling, sec + 3600*ms, health.Signaling, status.LayerSignaling,
			[]string{"media flows", "signaling has not answered for 3.6 s"},
		},
		{
			"both", talking(0), health.Both, 4300 * ms, health.Both, status.LayerUnknown,
			[]string{"no inbound media for 4.3 s", "signaling has not answered"},
		},
		{
			"media, without probes", unprobed(50 * ms), health.Media, 6 * sec, health.Media, status.LayerMedia,
			[]string{"no inbound media for 6.0 s", "signaling answered in 50 ms"},
		},
		{
			"media, without pings", unasked(0), health.Media, 10 * sec, health.Media, status.LayerMedia,
			[]string{"no inbound media for 10.0 s", "signaling cannot be asked"},
		},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			tr := &sessiontest.Transport{Link: tt.link}
			var rec sessiontest.Recorder
			s := start(t, production(tr, &rec))
			settle(warm)
			tr.Silence(1, tt.silent)
			settle(tt.after - 1)
			assert.Equal(t, session.StateConnected, s.State())
			assert.NotEmpty(t, sessiontest.Of[observer.LinkSuspected](&rec), "suspected before")
			assert.Empty(t, sessiontest.Of[observer.LinkDead](&rec))
			settle(1)
			require.Equal(t, session.StateReconnecting, s.State())
			dead, _ := sessiontest.Last[observer.LinkDead](&rec)
			assert.Equal(t, tt.dead, dead.Diagnosis.Layers)
			lost, _ := sessiontest.Last[observer.Reconnecting](&rec)
			assert.Equal(t, status.ConnectionHealthReconnect, lost.Cause.Code)
			assert.Equal(t, tt.layer, lost.Cause.Layer)
			for _, w := range tt.words {
				assert.ErrorContains(t, lost.Cause, w)
			}
			settle(time.Minute)
			assert.Equal(t, session.StateConnected, s.State())
			live := s.Snapshot().Liveness
			assert.EqualValues(t, 1, live.Dead)
			assert.Equal(t, len(sessiontest.Of[observer.LinkSuspected](&rec)), int(live.Suspected))
			assert.Zero(t, live.Healed)
			finish(t, s, tr, &rec)
		})
	}
}

// call is how a quiet call looks from here: what its link does, what it tells
// later, and what a sample shows each second.
type call struct {
	name   string
	link   sessiontest.Link
	change func(stage) // after a minute; nil: none
	sample func(*health.Sample)
}

// quietCalls are all calls in which little or nothing comes in although nothing is
// wrong.
func quietCalls() []call {
	stunOnly := func(hs *health.Sample) { hs.STUNMessages++ }
	nothing := func(*health.Sample) {}
	mute := func(st stage) {
		st.tr.Change(1, func(l *sessiontest.Link) { l.Media = 0 })
	}
	muteUnprobed := func(st stage) {
		st.tr.Expect(1, health.ExpectKeepalives)
		st.tr.Change(1, func(l *sessiontest.Link) { l.Media = keepalives })
	}
	alone := func(st stage) {
		st.tr.Expect(1, health.ExpectNothing)
		mute(st)
	}
	return []call{
		{"mute", talking(50 * ms), mute, stunOnly},
		{"mute, link cannot probe", unprobed(50 * ms), muteUnprobed, stunOnly},
		{"DTX", sessiontest.Link{Ping: ok().After(50 * ms), Probe: ok().After(50 * ms), Media: 400 * ms, Expect: health.ExpectMedia}, nil, stunOnly},
		{"DTX, link cannot probe", sessiontest.Link{Ping: ok().After(50 * ms), Media: 400 * ms, Expect: health.ExpectMedia}, nil, stunOnly},
		{"alone", talking(50 * ms), alone, nothing},
		{"alone, link cannot probe", unprobed(50 * ms), alone, nothing},
		{"alone, link can do nothing", unasked(0), alone, nothing},
		{"no tracks", quiet(50 * ms), nil, stunOnly},
		{"no tracks, link cannot probe", sessiontest.Link{Ping: ok()}, nil, stunOnly},
		{"no tracks, link can do nothing", sessiontest.Link{}, nil, stunOnly},
		{"unplugged microphone", talking(50 * ms), nil, func(hs *health.Sample) {
			hs.BytesReceived += 4000
			hs.AudioPacketsSent = health.Some(0)
		}},
	}
}

// Ten minutes of each quiet call raise no alarm and lead to no recovery (NEEDS 11).
func TestQuietCallIsNotDead(t *testing.T) {
	for _, c := range quietCalls() {
		bubble(t, c.name, func(t *testing.T) {
			tr := &sessiontest.Transport{Link: c.link}
			var rec sessiontest.Recorder
			s := start(t, production(tr, &rec))
			hs := health.Sample{AudioPacketsReceived: health.Some(0), AudioLoss: health.Some(0), AudioPacketsSent: health.Some(50)}
			for second := range 660 {
				if second == 60 && c.change != nil {
					c.change(stage{s, tr})
				}
				settle(sec)
				c.sample(&hs)
				tr.Sample(1, hs)
			}
			assert.Empty(t, sessiontest.Of[observer.Reconnecting](&rec), "G9")
			assert.Empty(t, sessiontest.Of[observer.LinkSuspected](&rec))
			assert.Zero(t, s.Snapshot().Liveness)
			assert.EqualValues(t, 1, s.Snapshot().Epoch)
			finish(t, s, tr, &rec)
		})
	}
}

// The detector switched off leaves dead links to the policies: it neither probes
// nor pings, and suspects nothing (7.14).
func TestDetectorOff(t *testing.T) {
	for name, off := range map[string]func(*session.Config){
		"detector":    func(c *session.Config) { c.Health.Detector.Off = true },
		"health":      func(c *session.Config) { c.Health.Off = true },
		"ping, probe": func(c *session.Config) { c.PingInterval, c.Health.Detector.ProbeEvery = -1, -1 },
	} {
		bubble(t, name, func(t *testing.T) {
			tr := &sessiontest.Transport{Link: quiet(0)}
			var rec sessiontest.Recorder
			cfg := production(tr, &rec)
			off(&cfg)
			s := start(t, cfg)
			settle(25 * sec)
			assert.Empty(t, tr.Snapshot().Named("ProbeMedia"))
			assert.LessOrEqual(t, len(tr.Snapshot().Named("Ping")), 3)
			tr.Silence(1, health.Both)
			tr.Doubt(1, status.LayerMedia, errEnough)
			settle(10 * sec)
			assert.Equal(t, session.StateConnected, s.State())
			assert.Zero(t, s.Snapshot().Liveness)
			finish(t, s, tr, &rec)
		})
	}
}

var errICE = errors.New("ICE state: disconnected")

// ICE "disconnected" that passes is looked into and leads to nothing; "failed" is
// the end of the layer, at once (NEEDS 20).
func TestDisconnectedIsNotFailed(t *testing.T) {
	gaps := map[string]struct {
		link   sessiontest.Link
		silent health.Layers // for the 3 s
	}{
		"nothing is lost":           {talking(50 * ms), 0},
		"a roaming gap":             {talking(50 * ms), health.Both},
		"media gap, cannot probe":   {unprobed(50 * ms), health.Media},
		"roaming gap, cannot probe": {unprobed(50 * ms), health.Both},
		"media gap, cannot be seen": {sessiontest.Link{Ping: ok()}, health.Media},
		"cannot be asked":           {unasked(0), health.Media},
	}
	for name, gap := range gaps {
		bubble(t, name, func(t *testing.T) {
			tr := &sessiontest.Transport{Link: gap.link}
			var rec sessiontest.Recorder
			s := start(t, production(tr, &rec))
			settle(warm)
			tr.Silence(1, gap.silent)
			tr.Doubt(1, status.LayerMedia, errICE)
			settle(3 * sec)
			suspected := sessiontest.Of[observer.LinkSuspected](&rec)
			require.NotEmpty(t, suspected)
			assert.Equal(t, warm, suspected[0].Elapsed, "it is looked into at once")
			assert.ErrorIs(t, suspected[0].Doubt, errICE)
			assert.True(t, suspected[0].Diagnosis.Doubt)
			tr.Silence(1, 0)
			tr.Alive(1, status.LayerMedia)
			settle(time.Minute)
			assert.Empty(t, sessiontest.Of[observer.LinkDead](&rec))
			assert.Len(t, sessiontest.Of[observer.LinkCleared](&rec), 1, "it passes")
			assert.Empty(t, sessiontest.Of[observer.Reconnecting](&rec))
			finish(t, s, tr, &rec)
		})
	}
	bubble(t, "failed", func(t *testing.T) {
		tr := &sessiontest.Transport{Link: talking(50 * ms)}
		var rec sessiontest.Recorder
		cfg := production(tr, &rec)
		cfg.ReasonGrace = -1 // the application's own layer, which gives no reason
		s := start(t, cfg)
		settle(warm)
		tr.Closed(1, status.LayerMedia, errors.New("ICE state: failed"))
		assert.Equal(t, session.StateReconnecting, s.State(), "at once")
		settle(time.Minute)
		recovered, ok := sessiontest.Last[observer.Recovered](&rec)
		require.True(t, ok)
		assert.Equal(t, status.LayerMedia, recovered.Outage.First.Layer)
		assert.False(t, recovered.Outage.Healed)
		assert.EqualValues(t, 2, s.Snapshot().Epoch)
		finish(t, s, tr, &rec)
	})
}

// A doubt hastens the verdict on what is really dead.
func TestDoubtHastens(t *testing.T) {
	found := map[bool]time.Duration{}
	for _, doubted := range []bool{false, true} {
		bubble(t, "doubt", func(t *testing.T) {
			tr := &sessiontest.Transport{Link: talking(0)}
			var rec sessiontest.Recorder
			s := start(t, production(tr, &rec))
			settle(warm)
			tr.Silence(1, health.Signaling)
			if doubted {
				tr.Doubt(1, status.LayerSignaling, errEnough)
			}
			settle(time.Minute)
			dead, ok := sessiontest.Last[observer.LinkDead](&rec)
			require.True(t, ok)
			found[doubted] = dead.Elapsed
			finish(t, s, tr, &rec)
		})
	}
	assert.Equal(t, found[false]-900*ms, found[true], "the ping goes out as soon as it may")
}
