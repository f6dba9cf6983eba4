package holdfast_test

import (
	"errors"
	"strings"
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

// proofTimeout is the default of Config.ProofTimeout.
const proofTimeout = 3 * sec

// recovering plays a session that has lost its first link and has just opened the
// next one, which is l.
func recovering(t *testing.T, l sessiontest.Link, change func(*session.Config)) (stage, *sessiontest.Recorder) {
	t.Helper()
	tr := sessiontest.Script(ok(), ok().With(l))
	rec := new(sessiontest.Recorder)
	cfg := production(tr, rec)
	if change != nil {
		change(&cfg)
	}
	s := start(t, cfg)
	settle(warm)
	tr.Report(1, lost)
	settle(500 * ms)
	require.Equal(t, []uint64{1, 2}, tr.Snapshot().Opened)
	return stage{s, tr}, rec
}

// A recovery over which no media comes is none: the attempt fails at the proof
// timeout, to the nanosecond, and the next one is made (NEEDS 22, 31).
func TestSilentRecoveryFails(t *testing.T) {
	for name, l := range map[string]sessiontest.Link{
		"probes are not answered":    {Probe: sessiontest.Nothing()},
		"probes fail":                {Probe: fail(errors.New("no route"))},
		"probes hang":                {Probe: hang("probe")},
		"media is expected":          {Expect: health.ExpectMedia},
		"keepalives are expected":    {Expect: health.ExpectKeepalives},
		"signaling works, media not": {Ping: ok(), Probe: sessiontest.Nothing(), Expect: health.ExpectMedia},
	} {
		bubble(t, name, func(t *testing.T) {
			st, rec := recovering(t, l, nil)
			settle(proofTimeout - 1)
			assert.Equal(t, session.StateReconnecting, st.s.State())
			assert.Empty(t, sessiontest.Of[observer.AttemptFailed](rec))
			_, has := st.s.Link()
			assert.False(t, has)
			settle(1)
			failed, ok := sessiontest.Last[observer.AttemptFailed](rec)
			require.True(t, ok)
			assert.Equal(t, status.ConnectionHealthReconnect, failed.Status.Code)
			assert.Equal(t, status.LayerMedia, failed.Status.Layer)
			assert.ErrorContains(t, failed.Status, "3s")
			assert.Equal(t, proofTimeout, failed.After)
			assert.Equal(t, []uint64{1, 2}, st.tr.Snapshot().Closed)
			assert.EqualValues(t, 1, st.s.Snapshot().Liveness.Unproven)
			settle(time.Minute)
			require.Equal(t, session.StateConnected, st.s.State(), "the next link has nothing to prove")
			recovered, _ := sessiontest.Last[observer.Recovered](rec)
			assert.Equal(t, 2, recovered.Outage.Attempts)
			assert.Equal(t, status.ConnectionHealthReconnect, recovered.Outage.Last.Code)
			assert.Empty(t, sessiontest.Of[observer.LinkSuspected](rec), "it was never adopted")
			finish(t, st.s, st.tr, rec)
		})
	}
}

// Whatever comes in over the new media path within the time is the proof (NEEDS 22).
func TestMediaIsProven(t *testing.T) {
	bytes := func(n uint64) health.Sample {
		return health.Sample{BytesReceived: n, AudioPacketsReceived: health.Some(1), AudioLoss: health.Some(0)}
	}
	tests := map[string]struct {
		link  sessiontest.Link
		prove func(stage) // two seconds later; nil: the link does
		after time.Duration
		late  time.Duration // how much later it may be seen
	}{
		"an answer":               {link: quiet(0)},
		"a late answer":           {link: quiet(1200 * ms), after: 1200 * ms},
		"a packet":                {link: unprobed(0), after: packets, late: 50 * ms},
		"a keepalive":             {link: keptAlive(0), after: keepalives, late: 50 * ms},
		"a packet, reported late": {sessiontest.Link{Probe: sessiontest.Nothing()}, func(st stage) { st.tr.Alive(2, status.LayerMedia) }, 2 * sec, 50 * ms},
		"bytes in a sample": {sessiontest.Link{Expect: health.ExpectMedia}, func(st stage) {
			st.tr.Sample(2, bytes(1000))
		}, 2 * sec, 50 * ms},
		"at the last moment": {link: quiet(proofTimeout - 1), after: proofTimeout - 1},
	}
	for name, tt := range tests {
		bubble(t, name, func(t *testing.T) {
			st, rec := recovering(t, tt.link, nil)
			if tt.prove != nil {
				settle(2 * sec)
				tt.prove(st)
			}
			settle(proofTimeout)
			require.Equal(t, session.StateConnected, st.s.State())
			assert.Contains(t, strings.Join(rec.Names(), " "), "AttemptStarted MediaProven Connected Recovered")
			proven, _ := sessiontest.Last[observer.MediaProven](rec)
			assert.GreaterOrEqual(t, proven.After, tt.after)
			assert.LessOrEqual(t, proven.After, tt.after+tt.late)
			assert.EqualValues(t, 1, st.s.Snapshot().Liveness.Proven)
			finish(t, st.s, st.tr, rec)
		})
	}
}

// Who cannot show anything is not asked, nor is anybody when that is off (NEEDS 22).
func TestNoProofIsAsked(t *testing.T) {
	silent := sessiontest.Link{Ping: ok(), Probe: sessiontest.Nothing(), Expect: health.ExpectMedia}
	tests := map[string]struct {
		link   sessiontest.Link
		config func(*session.Config)
	}{
		"a link without abilities":       {},
		"a link that only pings":         {link: sessiontest.Link{Ping: ok()}},
		"nothing is expected":            {link: sessiontest.Link{Ping: ok(), Expect: health.ExpectNothing}},
		"cannot probe after all":         {link: sessiontest.Link{Probe: fail(errors.ErrUnsupported)}},
		"switched off":                   {link: silent, config: func(c *session.Config) { c.ProofTimeout = -1 }},
		"switched off with the detector": {link: silent, config: func(c *session.Config) { c.Health.Detector.Off = true }},
		"switched off with health":       {link: silent, config: func(c *session.Config) { c.Health.Off = true }},
		"probes are switched off": {link: sessiontest.Link{Probe: sessiontest.Nothing()}, config: func(c *session.Config) {
			c.Health.Detector.ProbeEvery = -1
		}},
	}
	for name, tt := range tests {
		bubble(t, name, func(t *testing.T) {
			st, rec := recovering(t, tt.link, tt.config)
			assert.Equal(t, session.StateConnected, st.s.State())
			assert.Empty(t, sessiontest.Of[observer.MediaProven](rec))
			connected, _ := sessiontest.Last[observer.Connected](rec)
			assert.Equal(t, 500*ms, connected.After, "at once")
			finish(t, st.s, st.tr, rec)
		})
	}
}

// The first connect is not asked: media may not flow before the session says that it
// is connected. What is missing then is noticed as on any link.
func TestFirstConnectNeedsNoProof(t *testing.T) {
	bubble(t, "first", func(t *testing.T) {
		tr := &sessiontest.Transport{Link: sessiontest.Link{Ping: ok(), Probe: sessiontest.Nothing(), Expect: health.ExpectMedia}}
		var rec sessiontest.Recorder
		s := start(t, production(tr, &rec))
		connected, _ := sessiontest.Last[observer.Connected](&rec)
		assert.Zero(t, connected.After)
		settle(time.Minute)
		assert.Empty(t, sessiontest.Of[observer.MediaProven](&rec))
		finish(t, s, tr, &rec)
	})
}

// A link that no longer expects anything has nothing to prove any more.
func TestProofIsNoLongerNeeded(t *testing.T) {
	bubble(t, "expects nothing", func(t *testing.T) {
		st, rec := recovering(t, sessiontest.Link{Expect: health.ExpectMedia}, nil)
		settle(sec)
		require.Equal(t, session.StateReconnecting, st.s.State())
		st.tr.Expect(2, health.ExpectNothing)
		assert.Equal(t, session.StateConnected, st.s.State())
		settle(0)
		assert.Empty(t, sessiontest.Of[observer.MediaProven](rec))
		finish(t, st.s, st.tr, rec)
	})
}

// A failure that is reported while the proof is awaited fails the attempt at once,
// and an end ends the session.
func TestReportsWhileProofIsAwaited(t *testing.T) {
	silent := sessiontest.Link{Probe: sessiontest.Nothing()}
	for name, report := range map[string]func(stage){
		"a failure":      func(st stage) { st.tr.Report(2, lost) },
		"a closed layer": func(st stage) { st.tr.Closed(2, status.LayerMedia, nil) },
	} {
		bubble(t, name, func(t *testing.T) {
			st, rec := recovering(t, silent, nil)
			settle(sec)
			report(st)
			settle(0)
			assert.Len(t, sessiontest.Of[observer.AttemptFailed](rec), 1)
			assert.Equal(t, []uint64{1, 2}, st.tr.Snapshot().Closed)
			settle(time.Minute)
			assert.Equal(t, session.StateConnected, st.s.State())
			assert.Zero(t, st.s.Snapshot().Liveness.Unproven)
			finish(t, st.s, st.tr, rec)
		})
	}
	bubble(t, "an end", func(t *testing.T) {
		st, rec := recovering(t, silent, nil)
		st.tr.Report(2, status.MeetingEnded)
		<-st.s.Done()
		assert.ErrorIs(t, st.s.Err(), status.MeetingEnded)
		verify(t, st.s, st.tr, rec)
	})
}

// The proof does not outlast the budget (G9).
func TestProofEndsWithTheBudget(t *testing.T) {
	bubble(t, "budget", func(t *testing.T) {
		st, rec := recovering(t, sessiontest.Link{Probe: sessiontest.Nothing()}, func(c *session.Config) {
			c.Policy.Budget.Elapsed = 2 * sec
		})
		endsAfter(t, st.s, 1500*ms)
		assert.ErrorIs(t, st.s.Err(), status.ConnectionHealthReconnect)
		verify(t, st.s, st.tr, rec)
	})
}

// What was heard from the lost link proves nothing about the next one (G10).
func TestOldLinkProvesNothing(t *testing.T) {
	bubble(t, "old", func(t *testing.T) {
		st, rec := recovering(t, sessiontest.Link{Probe: sessiontest.Nothing()}, nil)
		stale := st.s.Snapshot().Stale
		for id := range uint64(100) {
			st.tr.Probed(1, id)
			st.tr.Alive(1, status.LayerMedia)
			st.tr.Expect(1, health.ExpectNothing)
		}
		settle(proofTimeout - 1)
		assert.Equal(t, session.StateReconnecting, st.s.State())
		assert.Equal(t, stale+300, st.s.Snapshot().Stale, "they are counted")
		settle(1)
		assert.Len(t, sessiontest.Of[observer.AttemptFailed](rec), 1)
		finish(t, st.s, st.tr, rec)
	})
}
