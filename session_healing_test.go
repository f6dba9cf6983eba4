package holdfast_test

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
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// condemned plays a link until it is found dead: the next attempt is half a second
// away, and the link is still open.
func condemned(t *testing.T, layers health.Layers, change func(*session.Config), before func(stage)) (stage, *sessiontest.Recorder) {
	t.Helper()
	tr := &sessiontest.Transport{Link: rejoining()}
	tr.Link.Media = packets
	rec := new(sessiontest.Recorder)
	cfg := production(tr, rec)
	if change != nil {
		change(&cfg)
	}
	st := stage{start(t, cfg), tr}
	settle(warm)
	if before != nil {
		before(st)
		synctest.Wait()
	}
	tr.Silence(1, layers)
	await(t, rec, "LinkDead")
	synctest.Wait()
	return st, rec
}

// A gap that ends before the next attempt begins costs nothing: the session is
// connected again over the same link, which nobody has touched.
func TestDeadLinkHeals(t *testing.T) {
	for _, layers := range []health.Layers{health.Media, health.Signaling, health.Both} {
		bubble(t, layers.String(), func(t *testing.T) {
			var link session.Link
			st, rec := condemned(t, layers, nil, func(st stage) { link = linkOf(t, st.s) })
			require.Equal(t, session.StateReconnecting, st.s.State())
			_, has := st.s.Link()
			assert.False(t, has, "nobody is to use it meanwhile")
			assert.NotZero(t, st.s.Snapshot().NextAttempt)
			settle(100 * ms)
			require.Equal(t, session.StateReconnecting, st.s.State(), "still dead")
			st.tr.Silence(1, 0)
			settle(250 * ms)
			require.Equal(t, session.StateConnected, st.s.State())
			assert.True(t, link == linkOf(t, st.s), "the same link")
			assert.Equal(t, []string{"LinkDead", "Reconnecting", "RetryScheduled", "LinkHealed", "Connected", "Recovered"}, tail(rec, 6))
			told, _ := sessiontest.Last[observer.LinkHealed](rec)
			assert.Equal(t, layers, told.Layers)
			assert.GreaterOrEqual(t, told.After, 100*ms)
			recovered, _ := sessiontest.Last[observer.Recovered](rec)
			assert.True(t, recovered.Outage.Healed)
			assert.Zero(t, recovered.Outage.Attempts)
			assert.Equal(t, told.After, recovered.Outage.Duration)
			assert.EqualValues(t, 1, recovered.Epoch)
			events := len(rec.Events())
			settle(time.Hour)
			assert.Len(t, rec.Events(), events, "and that is all")
			assert.Len(t, st.tr.Snapshot().Attempts(), 1, "no Connect")
			assert.Empty(t, st.tr.Snapshot().Named("Close"), "no Close")
			live := st.s.Snapshot().Liveness
			assert.EqualValues(t, 1, live.Dead)
			assert.EqualValues(t, 1, live.Healed)
			finish(t, st.s, st.tr, rec)
		})
	}
}

// tail gives the names of the last n events.
func tail(rec *sessiontest.Recorder, n int) []string {
	names := rec.Names()
	return names[max(0, len(names)-n):]
}

// A link that has healed is watched and pinged on, and may die and heal again; each
// outage is one.
func TestHealedLinkIsWatchedOn(t *testing.T) {
	bubble(t, "again and again", func(t *testing.T) {
		st, rec := condemned(t, health.Media, nil, nil)
		for range 3 {
			st.tr.Silence(1, 0)
			await(t, rec, "LinkHealed")
			pings, probes := len(st.tr.Snapshot().Named("Ping")), len(st.tr.Snapshot().Named("ProbeMedia"))
			settle(20 * sec)
			assert.Greater(t, len(st.tr.Snapshot().Named("Ping")), pings+10)
			assert.Greater(t, len(st.tr.Snapshot().Named("ProbeMedia")), probes+50)
			st.tr.Silence(1, health.Both)
			await(t, rec, "LinkDead")
		}
		settle(time.Minute)
		assert.Equal(t, session.StateConnected, st.s.State(), "over another link")
		assert.EqualValues(t, 2, st.s.Snapshot().Epoch)
		assert.Equal(t, 4, st.s.Snapshot().Outages)
		finish(t, st.s, st.tr, rec)
	})
}

// One layer that comes back does not heal a link that lost both.
func TestHalfALinkDoesNotHeal(t *testing.T) {
	for _, still := range []health.Layers{health.Media, health.Signaling} {
		bubble(t, still.String(), func(t *testing.T) {
			st, rec := condemned(t, health.Both, nil, nil)
			st.tr.Silence(1, still)
			settle(time.Minute)
			assert.Empty(t, sessiontest.Of[observer.LinkHealed](rec))
			assert.EqualValues(t, 2, st.s.Snapshot().Epoch)
			finish(t, st.s, st.tr, rec)
		})
	}
}

// Only what the detector has inferred heals, and only while nothing has touched the
// link and nothing else is the matter with it.
func TestWhatForbidsHealing(t *testing.T) {
	credentials := session.Credentials{Attendee: "a"}
	tests := map[string]struct {
		config  func(*session.Config)
		before  func(stage)   // the link dies
		between func(stage)   // it has died, and it comes back
		wait    time.Duration // in between
	}{
		"nothing, to compare": {},
		"NoHealing":           {config: func(c *session.Config) { c.NoHealing = true }},
		"a promotion": {before: func(st stage) {
			go st.s.Promote(context.Background(), credentials)
		}},
		"a promotion that is running": {before: func(st stage) {
			st.tr.Change(1, func(l *sessiontest.Link) { l.Promote = hang("primary meeting") })
			go st.s.Promote(context.Background(), credentials)
		}},
		"an update that is running": {before: func(st stage) {
			st.tr.Change(1, func(l *sessiontest.Link) { l.Update = hang("renegotiation") })
			st.tr.Report(1, status.IncompatibleSDP)
		}},
		"a reported loss": {between: func(st stage) { st.tr.Report(1, lost) }},
		"a reported need to negotiate anew": {between: func(st stage) {
			st.tr.Report(1, status.IncompatibleSDP)
		}},
		"signaling closed":          {between: func(st stage) { st.tr.Closed(1, status.LayerSignaling, nil) }},
		"media closed":              {between: func(st stage) { st.tr.Closed(1, status.LayerMedia, errors.New("ICE failed")) }},
		"a recovery by hand":        {between: func(st stage) { assert.NoError(t, st.s.Reconnect(errEnough)) }},
		"an attempt that has begun": {wait: 500 * ms},
	}
	for name, tt := range tests {
		bubble(t, name, func(t *testing.T) {
			st, rec := condemned(t, health.Media, tt.config, tt.before)
			if tt.between != nil {
				require.Empty(t, st.tr.Snapshot().Closed, "untouched")
				tt.between(st)
				synctest.Wait()
				assert.Equal(t, []uint64{1}, st.tr.Snapshot().Closed, "given up at once")
			}
			settle(tt.wait)
			st.tr.Silence(1, 0)
			settle(time.Minute)
			require.Equal(t, session.StateConnected, st.s.State())
			recovered, ok := sessiontest.Last[observer.Recovered](rec)
			require.True(t, ok)
			heals := name == "nothing, to compare"
			assert.Equal(t, heals, recovered.Outage.Healed)
			assert.Equal(t, heals, len(sessiontest.Of[observer.LinkHealed](rec)) == 1)
			assert.Equal(t, heals, len(st.tr.Snapshot().Attempts()) == 1)
			assert.Equal(t, heals, len(st.tr.Snapshot().Closed) == 0)
			assert.Equal(t, 1, st.s.Snapshot().Outages, "all of it is one outage")
			finish(t, st.s, st.tr, rec)
		})
	}
}

// Up to the last moment before the attempt a link may heal, and not a moment later
// (G1: the old link is closed before the new one opens).
func TestHealingEndsWithTheAttempt(t *testing.T) {
	for _, late := range []bool{false, true} {
		bubble(t, "late", func(t *testing.T) {
			st, rec := condemned(t, health.Media, nil, nil)
			scheduled, _ := sessiontest.Last[observer.RetryScheduled](rec)
			settle(scheduled.Decision.Delay - 1)
			if late {
				settle(1)
			}
			probed := st.tr.Snapshot().Named("ProbeMedia")
			st.tr.Silence(1, 0)
			st.tr.Probed(1, probed[len(probed)-1].ID) // the answer arrives now
			settle(time.Minute)
			assert.Equal(t, !late, len(sessiontest.Of[observer.LinkHealed](rec)) == 1)
			assert.Equal(t, late, len(st.tr.Snapshot().Attempts()) == 2)
			assert.Equal(t, 1, st.tr.Snapshot().MaxOpen, "G1")
			finish(t, st.s, st.tr, rec)
		})
	}
}

// A status that ends the session ends it while a link may heal, too; one without
// consequences changes nothing.
func TestStatusWhileALinkMayHeal(t *testing.T) {
	bubble(t, "the end", func(t *testing.T) {
		st, rec := condemned(t, health.Both, nil, nil)
		st.tr.Report(1, status.MeetingEnded)
		<-st.s.Done()
		assert.ErrorIs(t, st.s.Err(), status.MeetingEnded)
		assert.Equal(t, []string{"RetryScheduled", "Stopped"}, tail(rec, 2))
		verify(t, st.s, st.tr, rec)
	})
	bubble(t, "nothing", func(t *testing.T) {
		st, rec := condemned(t, health.Both, nil, nil)
		st.tr.Report(1, status.OK)
		st.tr.Doubt(1, status.LayerMedia, errEnough)
		st.tr.Expect(1, health.ExpectKeepalives)
		settle(100 * ms)
		require.Equal(t, session.StateReconnecting, st.s.State())
		st.tr.Silence(1, 0)
		settle(250 * ms)
		assert.Equal(t, session.StateConnected, st.s.State())
		assert.Len(t, sessiontest.Of[observer.LinkHealed](rec), 1)
		finish(t, st.s, st.tr, rec)
	})
	bubble(t, "view-only", func(t *testing.T) {
		st, rec := condemned(t, health.Both, nil, nil)
		st.tr.Report(1, status.VideoCallSwitchToViewOnly)
		st.tr.Silence(1, 0)
		settle(time.Minute)
		require.Equal(t, session.StateConnected, st.s.State())
		updates := st.tr.Snapshot().Named("Update")
		attempts := st.tr.Snapshot().Attempts()
		told := len(updates) == 1 && updates[0].Change.ViewOnly || attempts[len(attempts)-1].ViewOnly
		assert.True(t, told, "the link learns it, healed or new")
		finish(t, st.s, st.tr, rec)
	})
}

// A budget that forbids retries ends the session at the verdict; there is nothing
// to heal for (G9).
func TestDeadLinkWithoutRetries(t *testing.T) {
	bubble(t, "budget", func(t *testing.T) {
		tr := &sessiontest.Transport{Link: quiet(0)}
		var rec sessiontest.Recorder
		cfg := production(tr, &rec)
		cfg.Policy.Budget.Elapsed = 0
		s := start(t, cfg)
		settle(warm)
		tr.Silence(1, health.Both)
		<-s.Done()
		assert.ErrorIs(t, s.Err(), status.ConnectionHealthReconnect)
		assert.Equal(t, []string{"LinkDead", "Stopped"}, tail(&rec, 2))
		verify(t, s, tr, &rec)
	})
}

// Stop while a link may heal closes it, within the close grace (NEEDS 2; G3, G11).
func TestStopWhileALinkMayHeal(t *testing.T) {
	bubble(t, "stop", func(t *testing.T) {
		st, rec := condemned(t, health.Both, nil, func(st stage) {
			st.tr.Change(1, func(l *sessiontest.Link) { l.Close = sessiontest.Deaf("close") })
		})
		st.s.Stop()
		endsAfter(t, st.s, closeGrace)
		assert.ErrorIs(t, st.s.Err(), status.Left)
		assert.Equal(t, "Stopped", tail(rec, 1)[0])
		verify(t, st.s, st.tr, rec)
	})
}
