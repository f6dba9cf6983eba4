package sessiontest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// What a probe's step comes to: a link that has answered some can be found dead, one
// that never has cannot.
func TestProbe(t *testing.T) {
	tests := []struct {
		name   string
		probe  Step
		probed bool // all the time
		proves bool // answers came
	}{
		{"answered", OK(), true, true},
		{"answered late", OK().After(400 * time.Millisecond), true, true},
		{"answered too late", OK().After(2 * time.Second), true, true},
		{"ignored", Nothing(), true, false},
		{"fails", Fail(errors.New("broken pipe")), true, false},
		{"hangs", Hang("probe"), true, false},
		{"refused", Fail(errors.ErrUnsupported), false, false},
		{"missing", Step{}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := Transport{Link: Link{Probe: tt.probe}}
				var rec Recorder
				s := begin(t, config(&tr, &rec))
				settle(time.Minute)
				require.Equal(t, session.StateConnected, s.State())
				assert.Equal(t, tt.probed, len(tr.Snapshot().Named("ProbeMedia")) > 30)
				tr.Silence(Newest, health.Media)
				settle(time.Minute)
				assert.Equal(t, tt.proves, len(Of[observer.LinkDead](&rec)) > 0)
				require.NoError(t, s.Close())
				rec.Check(t)
				tr.Parity(t)
			})
		})
	}
}

// await waits for the next event of a name, for no longer than ten minutes: a link
// that is pinged for ever would let a test run for ever.
func await(t *testing.T, rec *Recorder, name, why string) observer.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	e, err := rec.Wait(ctx, name)
	require.NoError(t, err, why)
	return e
}

// A silent layer is found dead, and no other.
func TestSilence(t *testing.T) {
	for _, layers := range []health.Layers{health.Media, health.Signaling, health.Both} {
		t.Run(layers.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := Transport{Link: rejoining()}
				tr.Link.Media = 20 * time.Millisecond
				var rec Recorder
				cfg := config(&tr, &rec)
				cfg.Random = func() float64 { return 0.999 }
				s := begin(t, cfg)
				settle(2 * time.Minute)
				assert.Empty(t, Of[observer.LinkSuspected](&rec))
				tr.Silence(Newest, layers)
				dead := await(t, &rec, "LinkDead", "")
				assert.Equal(t, layers, dead.(observer.LinkDead).Diagnosis.Layers)
				tr.Silence(Newest, 0)
				healed := await(t, &rec, "LinkHealed", "")
				assert.LessOrEqual(t, healed.Head().Elapsed-dead.Head().Elapsed, 200*time.Millisecond)
				settle(time.Minute)
				assert.Equal(t, []uint64{1}, tr.Snapshot().Open, "it is the same link")
				require.NoError(t, s.Close())
				rec.Check(t)
				tr.Parity(t)
			})
		})
	}
}

// Pings into a black hole are answered when it ends, media probes never.
func TestSilenceHoldsPingsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Transport{Link: Link{Ping: OK().After(100 * time.Millisecond)}}
		cfg := config(&tr)
		cfg.Health.Detector.Off = true
		s := begin(t, cfg)
		settle(15 * time.Second)
		require.Equal(t, 100*time.Millisecond, s.Snapshot().RTT)
		tr.Silence(Newest, health.Signaling)
		settle(7 * time.Second)
		require.Equal(t, 100*time.Millisecond, s.Snapshot().RTT)
		tr.Silence(Newest, health.Media)
		synctest.Wait()
		assert.Equal(t, 2*time.Second, s.Snapshot().RTT, "asked at 20 s, answered at 22 s")
		require.NoError(t, s.Close())
		tr.Parity(t)
	})
}

// Packets come in while the link is open and media is not silent; they are the
// bytes that a link without probes is judged by.
func TestMediaFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Transport{Link: Link{Ping: OK(), Media: 20 * time.Millisecond, Expect: health.ExpectMedia}}
		var rec Recorder
		s := begin(t, config(&tr, &rec))
		settle(10 * time.Minute)
		require.Empty(t, Of[observer.LinkSuspected](&rec))
		tr.Silence(Newest, health.Media)
		tr.Alive(Newest, status.LayerMedia)
		await(t, &rec, "LinkDead", "the silence swallows what Alive reports, too")
		await(t, &rec, "MediaProven", "the next link has what the first had")
		tr.Change(Newest, func(l *Link) { l.Media = 0 })
		await(t, &rec, "LinkDead", "nothing flows any more")
		await(t, &rec, "Recovered", "")
		stale := s.Snapshot().Stale
		settle(time.Minute)
		assert.Equal(t, stale, s.Snapshot().Stale, "a closed link notes no packets")
		require.NoError(t, s.Close())
		rec.Check(t)
		tr.Parity(t)
	})
}

// What is said on behalf of a link arrives.
func TestExpectAndDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Transport{Link: Link{Ping: OK()}}
		var rec Recorder
		s := begin(t, config(&tr, &rec))
		settle(time.Minute)
		disconnected := errors.New("ICE disconnected")
		tr.Doubt(Newest, status.LayerSignaling, disconnected)
		settle(time.Second)
		suspected, ok := Last[observer.LinkSuspected](&rec)
		require.True(t, ok)
		assert.ErrorIs(t, suspected.Doubt, disconnected)
		assert.Equal(t, health.Signaling, suspected.Diagnosis.Layers)
		assert.Len(t, Of[observer.LinkCleared](&rec), 1)
		tr.Expect(Newest, health.ExpectMedia)
		tr.Alive(Newest, status.LayerMedia)
		await(t, &rec, "LinkDead", "media was to come in")
		require.NoError(t, s.Close())
		rec.Check(t)
		tr.Parity(t)
	})
}

// An answer given by hand counts like the step's.
func TestProbedByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Script(OK(), OK().With(Link{Probe: Nothing().In("probe")}))
		var rec Recorder
		s := begin(t, config(tr, &rec))
		tr.Report(Newest, status.TaskFailed)
		require.NoError(t, tr.WaitOpened(t.Context(), 2))
		settle(time.Second)
		require.Equal(t, session.StateReconnecting, s.State(), "nothing has come in yet")
		probes := tr.Snapshot().Named("ProbeMedia")
		require.NotEmpty(t, probes)
		assert.Equal(t, `ProbeMedia of epoch 2 in "probe"`, probes[0].String())
		tr.Probed(2, probes[0].ID)
		synctest.Wait()
		assert.Equal(t, session.StateConnected, s.State())
		require.NoError(t, s.Close())
		rec.Check(t)
		tr.Parity(t)
	})
}
