package holdfast_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// What the application knows of its own network, and what the session makes of it.

// nudgeGap is how far apart the consequences of hints are at least.
const nudgeGap = 2 * sec

// downTimeout is the default of Config.DownTimeout.
const downTimeout = 10 * time.Minute

// better are the hints after which an attempt may be worth its while.
var better = []session.Hint{session.NetworkUp, session.NetworkChanged, session.Woke}

// delaying lets a session wait for d before each attempt.
func delaying(d time.Duration) func(*session.Config) {
	return func(c *session.Config) {
		c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return backoff.NewConstantBackOff(d) }
	}
}

// awaiting plays a session that has lost its link, the first one, and waits for half a
// minute before each attempt; what those come to rejoins say.
func awaiting(t *testing.T, l sessiontest.Link, loss error, rejoins ...sessiontest.Step) (stage, *sessiontest.Recorder) {
	t.Helper()
	st, rec := climbing(t, delaying(30*sec), l, rejoins...)
	st.tr.Report(1, loss)
	settle(5 * sec)
	require.Equal(t, session.StateReconnecting, st.s.State())
	return st, rec
}

// A hint in mid-backoff dials now, whatever kind of attempt is waited for (NEEDS 15).
func TestHintInMidBackoffDialsNow(t *testing.T) {
	for _, h := range better {
		for name, tt := range map[string]struct {
			link sessiontest.Link
			loss error
			call string
		}{
			"a rejoin":  {sessiontest.Link{}, lost, "Connect"},
			"a restart": {climber(turns(works), turns(works)), mediaLost, "RestartMedia"},
			"a resume":  {climber(turns(works), turns(works)), lost, "Resume"},
		} {
			bubble(t, string(h)+"/"+name, func(t *testing.T) {
				st, rec := awaiting(t, tt.link, tt.loss)
				before := len(st.tr.Snapshot().Named(tt.call))
				st.s.Hint(h)
				synctest.Wait()
				require.Len(t, st.tr.Snapshot().Named(tt.call), before+1, "at the same moment")
				require.Equal(t, session.StateConnected, st.s.State())
				recovered, _ := sessiontest.Last[observer.Recovered](rec)
				assert.Equal(t, 5*sec, recovered.Outage.Duration)
				told, _ := sessiontest.Last[observer.Hinted](rec)
				assert.Equal(t, h, told.Hint)
				finish(t, st.s, st.tr, rec)
			})
		}
		bubble(t, string(h)+"/the first connect", func(t *testing.T) {
			tr := sessiontest.Script(fail(nil))
			cfg := production(tr)
			delaying(30 * sec)(&cfg)
			s := newSession(t, cfg)
			answer := starting(s)
			settle(5 * sec)
			s.Hint(h)
			require.NoError(t, <-answer)
			assert.Equal(t, 5*sec, time.Since(tr.Snapshot().Calls[0].At))
			finish(t, s, tr)
		})
		bubble(t, string(h)+"/a link that might heal", func(t *testing.T) {
			st, rec := climbing(t, delaying(30*sec), quiet(0))
			st.tr.Silence(1, health.Both)
			await(t, rec, "LinkDead")
			settle(5 * sec)
			st.s.Hint(h)
			synctest.Wait()
			assert.Equal(t, []uint64{1, 2}, st.tr.Snapshot().Opened)
			assert.Equal(t, session.StateConnected, st.s.State())
			finish(t, st.s, st.tr, rec)
		})
	}
}

// Delays begin anew after a hint: what they have grown for is over (NEEDS 13, 15).
func TestHintStartsTheDelaysAnew(t *testing.T) {
	bubble(t, "anew", func(t *testing.T) {
		tr := sessiontest.Script(ok(), fail(nil).Times(6))
		var rec sessiontest.Recorder
		s := start(t, production(tr, &rec))
		tr.Report(1, lost)
		settle(9 * sec) // 0.5 + 1 + 2 + 2.5 + 2.5 s: four attempts
		require.Len(t, tr.Snapshot().Attempts(), 6)
		s.Hint(session.NetworkChanged)
		synctest.Wait()
		last, _ := sessiontest.Last[observer.RetryScheduled](&rec)
		assert.Equal(t, 9*sec, last.Elapsed)
		assert.Equal(t, jittered(0), last.Decision.Delay)
		assert.True(t, last.Decision.Facts.Recovery.Local)
		finish(t, s, tr, &rec)
	})
}

// A hint to a session that is well is answered by a look at its link, at once, and
// has no other consequence (NEEDS 15, 13).
func TestHintWhileConnected(t *testing.T) {
	for _, h := range append([]session.Hint{session.NetworkDown}, better...) {
		for name, l := range map[string]sessiontest.Link{
			"talking": talking(50 * ms), "quiet": quiet(50 * ms), "cannot probe": unprobed(50 * ms), "can do nothing": {},
		} {
			bubble(t, string(h)+"/"+name, func(t *testing.T) {
				st, rec := climbing(t, nil, l)
				settle(510 * ms) // between two questions of the detector
				pings, probes := len(st.tr.Snapshot().Named("Ping")), len(st.tr.Snapshot().Named("ProbeMedia"))
				st.s.Hint(h)
				synctest.Wait()
				calls := st.tr.Snapshot()
				assert.Equal(t, pings > 0, len(calls.Named("Ping")) > pings, "signaling is asked")
				assert.Equal(t, probes > 0, len(calls.Named("ProbeMedia")) > probes, "media is asked")
				settle(10 * time.Minute)
				assert.Equal(t, session.StateConnected, st.s.State())
				assert.Empty(t, sessiontest.Of[observer.Reconnecting](rec))
				assert.Empty(t, sessiontest.Of[observer.LinkDead](rec))
				assert.Len(t, st.tr.Snapshot().Attempts(), 1)
				finish(t, st.s, st.tr, rec)
			})
		}
	}
}

// A hint is no verdict: a link that has died with the network is found dead as any
// other, by asking, and no later (NEEDS 15, 12).
func TestHintAboutADeadLink(t *testing.T) {
	found := map[bool]time.Duration{}
	for _, hint := range []bool{false, true} {
		bubble(t, fmt.Sprintf("hint %v", hint), func(t *testing.T) {
			st, rec := climbing(t, nil, quiet(0))
			st.tr.Silence(1, health.Both)
			at := time.Now()
			if hint {
				st.s.Hint(session.NetworkChanged)
			}
			found[hint] = await(t, rec, "LinkDead").Head().Time.Sub(at)
			finish(t, st.s, st.tr, rec)
		})
	}
	assert.LessOrEqual(t, found[true], found[false])
	assert.Greater(t, found[true], 3*sec)
}

// Hints have consequences every 2 s at most, to the nanosecond: one that comes sooner
// waits for that (NEEDS 15).
func TestHintsAreRateLimited(t *testing.T) {
	bubble(t, "attempts", func(t *testing.T) {
		st, rec := awaiting(t, sessiontest.Link{}, lost, fail(nil).Times(100))
		st.s.Hint(session.NetworkUp)
		synctest.Wait()
		require.Len(t, st.tr.Snapshot().Attempts(), 2)
		for n := range 5 {
			settle(300 * ms)
			st.s.Hint(session.NetworkChanged)
			st.s.Hint(session.Woke)
			settle(nudgeGap - 300*ms - 1)
			assert.Len(t, st.tr.Snapshot().Attempts(), 2+n)
			settle(1)
			assert.Len(t, st.tr.Snapshot().Attempts(), 3+n)
		}
		settle(30*sec - 1)
		assert.Len(t, st.tr.Snapshot().Attempts(), 7, "and then it is as usual")
		settle(1)
		assert.Len(t, st.tr.Snapshot().Attempts(), 8)
		finish(t, st.s, st.tr, rec)
	})
	bubble(t, "looks at the link", func(t *testing.T) {
		asked := func(hints bool) int {
			st, rec := climbing(t, nil, quiet(0))
			began := len(st.tr.Snapshot().Named("Ping"))
			for range 1000 {
				if hints {
					st.s.Hint(session.NetworkChanged)
				}
				settle(10 * ms)
			}
			pings := len(st.tr.Snapshot().Named("Ping")) - began
			finish(t, st.s, st.tr, rec)
			return pings
		}
		assert.LessOrEqual(t, asked(true), asked(false)+6, "ten seconds")
	})
}

// A flood of hints, from everywhere at once, costs nothing: hints of a kind fold into
// one while they wait, and so do the events for an observer that is slow (NEEDS 15; G5,
// G13).
func TestFloodOfHints(t *testing.T) {
	bubble(t, "flood", func(t *testing.T) {
		tr := sessiontest.Script(ok()).Otherwise(fail(nil))
		held := make(chan struct{})
		slow := sessiontest.Recorder{Then: func(e observer.Event) {
			if e.Name() == "Hinted" {
				<-held
			}
		}}
		var prompt sessiontest.Recorder
		cfg := production(tr, &prompt, &slow)
		delaying(time.Minute)(&cfg)
		s := start(t, cfg)
		tr.Report(1, lost)
		settle(sec)
		for n := range 20_000 {
			s.Hint(better[n%len(better)])
			if n%2000 == 0 {
				settle(sec)
			}
		}
		settle(sec)
		assert.LessOrEqual(t, len(tr.Snapshot().Attempts()), 2+6, "eleven seconds")
		close(held)
		settle(sec)
		assert.LessOrEqual(t, len(slow.Events()), 1024+20)
		assert.NotEmpty(t, sessiontest.Of[observer.Missed](&slow))
		finish(t, s, tr, &prompt, &slow)
	})
}

// Before the start, at the end, and for what is no hint, nothing happens (G2).
func TestHintWithoutConsequence(t *testing.T) {
	bubble(t, "nothing", func(t *testing.T) {
		tr := sessiontest.Transport{Link: sessiontest.Link{Close: ok().After(sec)}}
		var rec sessiontest.Recorder
		s := newSession(t, production(&tr, &rec))
		hints := append([]session.Hint{session.NetworkDown, "", "no hint"}, better...)
		hint := func() {
			for _, h := range hints {
				s.Hint(h)
			}
			synctest.Wait()
		}
		hint()
		settle(time.Hour)
		assert.Empty(t, rec.Events())
		assert.Equal(t, session.StateIdle, s.State())
		require.NoError(t, s.Start(t.Context()))
		synctest.Wait()
		assert.Equal(t, []string{"Connecting", "AttemptStarted", "Connected"}, rec.Names())
		s.Hint("no hint")
		synctest.Wait()
		s.Stop()
		hint()
		<-s.Done()
		hint()
		settle(time.Hour)
		assert.Equal(t, []string{"Connecting", "AttemptStarted", "Connected", "Stopped"}, rec.Names())
		verify(t, s, &tr, &rec)
	})
	bubble(t, "never started", func(t *testing.T) {
		var tr sessiontest.Transport
		s := newSession(t, production(&tr))
		s.Hint(session.NetworkUp)
		s.Stop()
		<-s.Done()
		s.Hint(session.NetworkUp)
		verify(t, s, &tr)
	})
}

// offline is how long the network is down in the tests below.
const offline = 5 * time.Minute

// Five minutes offline spend no attempt, of a budget of ten; the moment the network is
// back there is one (NEEDS 16).
func TestOfflineSpendsNoAttempt(t *testing.T) {
	for name, tt := range map[string]struct {
		link sessiontest.Link
		loss error
		// told is when the application says that the network is down, after the loss.
		told time.Duration
	}{
		"told before":             {sessiontest.Link{}, lost, -sec},
		"told with the loss":      {sessiontest.Link{}, lost, 0},
		"told in mid-backoff":     {sessiontest.Link{}, lost, 10 * sec},
		"a restart is waited for": {climber(turns(works), turns(works)), mediaLost, 0},
		"a resume has expired":    {climber(turns(works), turns(works)), lost, 0},
	} {
		bubble(t, name, func(t *testing.T) {
			change := func(c *session.Config) {
				delaying(30 * sec)(c)
				c.Policy.Budget.Elapsed = 10 * time.Minute
			}
			st, rec := climbing(t, change, tt.link)
			if tt.told < 0 {
				st.s.Hint(session.NetworkDown)
				settle(-tt.told)
			}
			st.tr.Report(1, tt.loss)
			if tt.told >= 0 {
				settle(tt.told)
				st.s.Hint(session.NetworkDown)
			}
			settle(offline)
			assert.True(t, st.s.Snapshot().Offline)
			calls := st.tr.Snapshot()
			assert.Equal(t, 1, len(calls.Attempts())+len(calls.Named("RestartMedia"))+len(calls.Named("Resume")))
			assert.Zero(t, st.s.Snapshot().Attempt)
			st.s.Hint(session.NetworkUp)
			synctest.Wait()
			require.Equal(t, session.StateConnected, st.s.State(), "at the same moment")
			recovered, _ := sessiontest.Last[observer.Recovered](rec)
			assert.Equal(t, 1, recovered.Outage.Attempts)
			assert.Equal(t, offline+max(tt.told, 0), recovered.Outage.Duration)
			if tt.loss == lost {
				assert.Equal(t, policy.Rejoin, recovered.Outage.Level, "the server has forgotten the session after two minutes")
			}
			finish(t, st.s, st.tr, rec)
		})
	}
}

// The hard limit runs on while the network is down. The hint may be wrong, so there is
// one more chance before the end, of the length of an attempt (NEEDS 16; G9).
func TestLastChanceBeforeTheBudgetEnds(t *testing.T) {
	const budget = 5 * time.Minute
	forEver := func(c *session.Config) { c.DownTimeout = -1 }
	bubble(t, "it works", func(t *testing.T) {
		st, rec := climbing(t, forEver, sessiontest.Link{})
		st.s.Hint(session.NetworkDown)
		st.tr.Report(1, lost)
		settle(budget - connectTimeout - 1)
		assert.Len(t, st.tr.Snapshot().Attempts(), 1)
		settle(1)
		require.Equal(t, session.StateConnected, st.s.State())
		expired, _ := sessiontest.Last[observer.Hinted](rec)
		assert.True(t, expired.Expired)
		finish(t, st.s, st.tr, rec)
	})
	bubble(t, "it hangs", func(t *testing.T) {
		st, rec := climbing(t, forEver, sessiontest.Link{}, hang("TLS"))
		st.tr.Report(1, lost)
		st.s.Hint(session.NetworkDown)
		endsAfter(t, st.s, budget)
		assert.Len(t, st.tr.Snapshot().Attempts(), 2)
		stopped, _ := sessiontest.Last[observer.Stopped](rec)
		assert.Equal(t, policy.RefusedElapsed, stopped.Decision.Refusal)
		verify(t, st.s, st.tr, rec)
	})
	bubble(t, "it is refused", func(t *testing.T) {
		st, rec := climbing(t, forEver, sessiontest.Link{}, fail(nil).Times(100))
		st.tr.Report(1, lost)
		st.s.Hint(session.NetworkDown)
		endsAfter(t, st.s, budget)
		assert.Greater(t, len(st.tr.Snapshot().Attempts()), 5, "the hint has expired: it is tried as usual")
		verify(t, st.s, st.tr, rec)
	})
	bubble(t, "told just before the end", func(t *testing.T) {
		st, rec := climbing(t, delaying(time.Hour), sessiontest.Link{}, hang("TLS"))
		st.tr.Report(1, lost)
		settle(budget - sec)
		st.s.Hint(session.NetworkDown)
		endsAfter(t, st.s, sec)
		verify(t, st.s, st.tr, rec)
	})
	bubble(t, "the first connect", func(t *testing.T) {
		tr := sessiontest.Script(fail(nil)).Otherwise(hang("TLS"))
		var rec sessiontest.Recorder
		cfg := production(tr, &rec)
		forEver(&cfg)
		s := newSession(t, cfg)
		starting(s)
		synctest.Wait()
		s.Hint(session.NetworkDown)
		settle(budget - connectTimeout - 1)
		assert.Len(t, tr.Snapshot().Attempts(), 1)
		settle(1)
		assert.Len(t, tr.Snapshot().Attempts(), 2)
		endsAfter(t, s, connectTimeout)
		verify(t, s, tr, &rec)
	})
}

// A NetworkDown that nobody takes back expires, to the nanosecond; repeating it begins
// its time anew, and it may be made to hold for ever (NEEDS 16).
func TestNetworkDownExpires(t *testing.T) {
	unlimited := func(down time.Duration) func(*session.Config) {
		return func(c *session.Config) {
			c.DownTimeout = down
			c.Policy.Budget.Elapsed = policy.NoLimit
		}
	}
	for name, tt := range map[string]struct{ set, after time.Duration }{
		"by default": {0, downTimeout}, "as configured": {time.Minute, time.Minute},
	} {
		bubble(t, name, func(t *testing.T) {
			st, rec := climbing(t, unlimited(tt.set), sessiontest.Link{}, fail(nil))
			st.tr.Report(1, lost)
			st.s.Hint(session.NetworkDown)
			settle(30 * sec)
			st.s.Hint(session.NetworkDown)
			settle(tt.after - 1)
			assert.Len(t, st.tr.Snapshot().Attempts(), 1)
			assert.True(t, st.s.Snapshot().Offline)
			settle(1)
			assert.Len(t, st.tr.Snapshot().Attempts(), 2)
			assert.False(t, st.s.Snapshot().Offline)
			told := sessiontest.Of[observer.Hinted](rec)
			require.Len(t, told, 3)
			assert.Equal(t, []bool{false, false, true}, []bool{told[0].Expired, told[1].Expired, told[2].Expired})
			settle(time.Minute)
			assert.Equal(t, session.StateConnected, st.s.State())
			finish(t, st.s, st.tr, rec)
		})
	}
	bubble(t, "never", func(t *testing.T) {
		st, rec := climbing(t, unlimited(-1), sessiontest.Link{})
		st.s.Hint(session.NetworkDown)
		st.tr.Report(1, lost)
		settle(1000 * time.Hour)
		assert.Len(t, st.tr.Snapshot().Attempts(), 1)
		st.s.Hint(session.Woke)
		synctest.Wait()
		assert.Equal(t, session.StateConnected, st.s.State())
		finish(t, st.s, st.tr, rec)
	})
}

// An attempt that runs when the network goes down is left alone: it may know better
// (NEEDS 16).
func TestRunningAttemptIsLeftAlone(t *testing.T) {
	bubble(t, "runs", func(t *testing.T) {
		tr := sessiontest.Script(ok().After(5*sec), ok().After(5*sec))
		s := newSession(t, production(tr))
		answer := starting(s)
		settle(sec)
		s.Hint(session.NetworkDown)
		require.NoError(t, <-answer)
		assert.False(t, s.Snapshot().Offline, "that it works is proof")
		tr.Report(1, lost)
		settle(jittered(0) + 5*sec)
		assert.Equal(t, session.StateConnected, s.State())
		finish(t, s, tr)
	})
}

// A link that goes on to be heard refutes NetworkDown: its loss, later, does not wait
// for a network that is there (NEEDS 16).
func TestLinkOutlivesNetworkDown(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		tr := &sessiontest.Transport{Link: rejoining()}
		s := start(t, production(tr))
		settle(time.Minute)
		s.Hint(session.NetworkDown)
		settle(time.Minute)
		tr.Report(1, lost)
		settle(jittered(0))
		assert.Len(t, tr.Snapshot().Attempts(), 2)
		finish(t, s, tr)
	})
}

// A loss up to ten seconds after a change of the network is its consequence: with the
// default delays the first attempt is made at once then (NEEDS 15, 17).
func TestLossAfterAChange(t *testing.T) {
	for after, delay := range map[time.Duration]time.Duration{0: 0, 10*sec - 1: 0, 10 * sec: 500 * ms} {
		bubble(t, fmt.Sprint(after), func(t *testing.T) {
			adaptive := func(c *session.Config) { c.Policy.NewBackOff = nil }
			st, rec := climbing(t, adaptive, sessiontest.Link{})
			st.s.Hint(session.NetworkChanged)
			settle(after)
			st.tr.Report(1, lost)
			settle(delay)
			assert.Equal(t, session.StateConnected, st.s.State())
			scheduled, _ := sessiontest.Last[observer.RetryScheduled](rec)
			assert.Equal(t, delay, scheduled.Decision.Delay)
			assert.Equal(t, delay == 0, scheduled.Decision.Facts.Recovery.Local)
			finish(t, st.s, st.tr, rec)
		})
	}
}

// Stop wins while the network is down (NEEDS 1, 2; G3).
func TestStopWhileOffline(t *testing.T) {
	bubble(t, "offline", func(t *testing.T) {
		st, rec := awaiting(t, climber(turns(works), turns(works)), mediaLost)
		st.s.Hint(session.NetworkDown)
		settle(time.Minute)
		began := time.Now()
		require.ErrorIs(t, st.s.Promote(context.Background(), session.Credentials{}), session.ErrReconnecting)
		finish(t, st.s, st.tr, rec)
		assert.Zero(t, time.Since(began))
		assert.ErrorIs(t, st.s.Err(), status.Left)
		assert.Len(t, st.tr.Snapshot().Named("RestartMedia"), 0)
	})
}
