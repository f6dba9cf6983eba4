package machine

import (
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

var backHints = []observer.Hint{observer.NetworkUp, observer.NetworkChanged, observer.Woke}

func down(d time.Duration) func(*Config) { return func(c *Config) { c.DownTimeout = d } }

// waitingFor is between two attempts, the second of which is so far away.
func waitingFor(d time.Duration, changes ...func(*Config)) *rig {
	r := kept(0, append(changes, delay(d))...)
	r.report(status.AudioInternalServerError)
	r.settleOld()
	return r
}

// TestOffline: five minutes without a network spend no attempt of a budget of ten;
// the first one comes when the network does.
func TestOffline(t *testing.T) {
	r := waitingFor(time.Second, budget(10*time.Minute), down(10*time.Minute))
	r.hint(observer.NetworkDown)
	assert.True(t, r.m.Snapshot().Offline)
	r.pass(5*time.Minute, 0)
	assert.Zero(t, r.m.retries.Attempts())
	assert.True(t, r.m.Snapshot().NextAttempt.IsZero(), "nobody knows when")
	assert.Len(t, find(r.hint(observer.NetworkUp), Open), 1)
	assert.False(t, r.m.Snapshot().Offline)
	left, _ := r.m.retries.Deadline()
	assert.Equal(t, 5*time.Minute, left-r.now.Mono, "the budget of time runs on")
}

// TestOfflineInAnAttempt: a running one goes on, the next one waits.
func TestOfflineInAnAttempt(t *testing.T) {
	r := kept(restorable)
	r.loseLayer(status.LayerMedia)
	r.next()
	assert.Equal(t, []string{"Hinted"}, names(r.hint(observer.NetworkDown)))
	r.restoreFailed(status.TaskFailed)
	r.pass(downTimeout-1, 0)
	assert.Equal(t, 1, r.m.retries.Attempts())
	assert.Equal(t, "reconnecting/holding", place(r.m), "what is kept is kept")
	r.tick()
	assert.Equal(t, 2, r.m.retries.Attempts())
}

// TestOfflineExpires: a hint that nobody takes back holds for so long, from when it
// was last given.
func TestOfflineExpires(t *testing.T) {
	r := waitingFor(time.Second)
	r.hint(observer.NetworkDown)
	r.pass(downTimeout-time.Second, 0)
	r.hint(observer.NetworkDown)
	r.told = nil
	r.pass(downTimeout-1, 0)
	assert.Empty(t, r.told)
	r.tick()
	assert.Equal(t, []string{"Hinted", "AttemptStarted"}, r.toldNames())
	assert.True(t, r.told[0].(observer.Hinted).Expired)
}

// TestOfflineLastChance: a hint may be wrong, so that it is not what ends a session:
// one attempt with all of its time comes before the end of the budget.
func TestOfflineLastChance(t *testing.T) {
	for name, c := range map[string]struct {
		budget time.Duration
		at     time.Duration // since the loss
	}{
		"in time":                         {40 * time.Second, 40*time.Second - connectTimeout},
		"the hint comes too late for it":  {10 * time.Second, time.Second},
		"just in time":                    {connectTimeout, time.Second},
		"it would have expired before it": {5 * time.Minute, downTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			r := waitingFor(time.Second, budget(c.budget))
			lost := r.now.Mono
			r.hint(observer.NetworkDown)
			r.until("AttemptStarted", 0)
			assert.Equal(t, c.at, r.now.Mono-lost)
			assert.Equal(t, min(connectTimeout, c.budget-c.at), r.m.attempt.Timeout)
			for r.m.state != observer.StateStopped {
				if r.tick(); r.m.phase == aborting {
					r.openFailed(status.TaskFailed)
				}
			}
			assert.Equal(t, policy.RefusedElapsed, r.end(t).Decision.Refusal)
		})
	}
}

// TestOfflineWithoutALimit: where there is no end of a budget, an attempt whose delay is
// over waits for as long as the hint holds, and then it comes.
func TestOfflineWithoutALimit(t *testing.T) {
	r := waitingFor(time.Second, budget(policy.NoLimit))
	r.hint(observer.NetworkDown)
	at := r.now.Mono + downTimeout
	r.tick()
	require.True(t, r.m.retryDue)
	due, _ := r.m.Deadline()
	require.Equal(t, at, due, "nothing but the end of the hint is waited for")
	r.tick()
	assert.Equal(t, "reconnecting/opening", place(r.m))
}

// TestOfflineWhileConnected: a connection that comes about refutes the hint, and so
// does one that goes on to be heard; the next outage does not wait for a network that
// is there.
func TestOfflineWhileConnected(t *testing.T) {
	r := kept(restorable, budget(25*time.Second))
	r.loseLayer(status.LayerMedia)
	r.next()
	given := r.now.Mono
	r.hint(observer.NetworkDown)
	at, _ := r.m.timers.at(tOffline)
	require.Equal(t, given+25*time.Second-retryDelay-connectTimeout, at, "the last chance")
	r.restored()
	assert.False(t, r.m.timers.armed(tOffline))
	assert.False(t, r.m.Snapshot().Offline)

	for _, heard := range []time.Duration{nudgeGap, nudgeGap + 1} {
		r = kept(restorable, budget(25*time.Second))
		r.hint(observer.NetworkDown)
		r.wait(heard)
		r.do(Input{Kind: Sampled, Epoch: r.m.epoch, Heard: Heard{Signaling: r.now.Mono}})
		assert.True(t, r.m.Snapshot().Offline, "it is connected: nothing waits for the network")
		r.loseLayer(status.LayerMedia)
		assert.Equal(t, heard <= nudgeGap, r.m.Snapshot().Offline, "%s", heard)
	}
}

// TestOfflineCondemned: a dead link is left alone as long as there is no network,
// and may heal.
func TestOfflineCondemned(t *testing.T) {
	r := newRig(detecting)
	r.calm(askable | restorable)
	r.until("LinkDead", health.Signaling)
	r.hint(observer.NetworkDown)
	r.pass(10*retryDelay, health.Signaling)
	require.Equal(t, "reconnecting/condemned", place(r.m))
	r.until("LinkHealed", health.Both)
	assert.Equal(t, "connected/resting", place(r.m))
	assert.Zero(t, r.count[Restart])

	r = newRig(detecting)
	r.calm(askable | restorable)
	r.until("LinkDead", health.Signaling)
	r.hint(observer.NetworkDown)
	r.pass(10*retryDelay, health.Signaling)
	r.hint(observer.NetworkUp)
	assert.Equal(t, "reconnecting/restoring", place(r.m))
}

// TestHintShortens: what says that something has changed has the next attempt come
// at once, with the first delay of the backoff to follow; but not when the server
// asked for the time.
func TestHintShortens(t *testing.T) {
	for _, h := range backHints {
		resets := &growing{}
		r := kept(0, func(c *Config) { c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return resets } })
		r.report(status.AudioInternalServerError)
		r.settleOld()
		before := resets.resets
		assert.Empty(t, find(r.hint(h), Open), "by the next tick")
		at, _ := r.m.Deadline()
		assert.Equal(t, r.now.Mono, at, string(h))
		assert.Equal(t, before+1, resets.resets, string(h))
		assert.Len(t, find(r.tick(), Open), 1, string(h))

		r = kept(0)
		r.directed(status.Directive{RetryAfter: 20 * time.Second})
		due, _ := r.m.timers.at(tRetry)
		require.Equal(t, 20*time.Second+retryDelay, due-r.now.Mono)
		r.wait(time.Second)
		r.hint(h)
		now, _ := r.m.timers.at(tRetry)
		assert.Equal(t, due, now, string(h))

		for ask, most := range map[time.Duration]time.Duration{0: time.Minute, 20 * time.Second: 0} {
			r = kept(0, func(c *Config) { c.Policy.MaxRetryAfter = most })
			r.directed(status.Directive{RetryAfter: ask})
			due, _ = r.m.timers.at(tRetry)
			r.hint(h)
			now, _ = r.m.timers.at(tRetry)
			assert.Less(t, now, due, "%s: the server has not asked for time, or is not given any", h)
		}
	}
}

// TestHintsAreLimited: they have consequences every 2 s at most.
func TestHintsAreLimited(t *testing.T) {
	r := waitingFor(time.Minute)
	r.hint(observer.NetworkUp)
	begun := r.now.Mono
	var opens []time.Duration
	for r.now.Mono < begun+10*time.Second {
		r.tick()
		if r.m.phase == opening {
			opens = append(opens, r.now.Mono-begun)
			r.openFailed(status.TaskFailed)
		}
		r.wait(100 * time.Millisecond)
		r.hint(observer.NetworkChanged)
		r.hint(observer.Woke)
	}
	assert.Equal(t, []time.Duration{0, 2 * time.Second, 4 * time.Second, 6 * time.Second, 8 * time.Second, 10 * time.Second}, opens)
}

// TestHintWhenTheDelayIsShort: no attempt comes later for a hint.
func TestHintWhenTheDelayIsShort(t *testing.T) {
	r := waitingFor(time.Second)
	r.hint(observer.NetworkUp)
	r.tick()
	r.openFailed(status.TaskFailed)
	due, _ := r.m.timers.at(tRetry)
	r.hint(observer.NetworkUp)
	now, _ := r.m.timers.at(tRetry)
	assert.Equal(t, due, now, "1 s is less than 2 s")
}

// TestHintLooks: while connected, both layers are asked for a sign of life, once in
// 2 s.
func TestHintLooks(t *testing.T) {
	for _, h := range append(backHints, observer.NetworkDown) {
		r := newRig(detecting)
		r.calm(askable)
		r.told = nil
		effects := r.hint(h)
		assert.Len(t, find(effects, Ping), 1, string(h))
		assert.Len(t, find(effects, Probe), 1, string(h))
		r.wait(nudgeGap - 1)
		assert.Empty(t, find(r.hint(h), Probe), string(h))

		r = newRig()
		r.connectStable(allAbilities)
		assert.Len(t, find(r.hint(h), Ping), 1, "by the pinger: %s", h)
		r.answerPing()
		r.wait(nudgeGap - 1)
		assert.Empty(t, find(r.hint(h), Ping), string(h))
		r.wait(1)
		assert.Len(t, find(r.hint(h), Ping), 1, string(h))
	}
}

// TestHintLooksOnce: a ping that is out already is the look, and is not forgiven
// for it.
func TestHintLooksOnce(t *testing.T) {
	r := newRig()
	r.connectStable(allAbilities)
	r.tick()
	missed := r.m.Snapshot().MissedPongs
	for range 10 {
		r.pass(3*time.Second, 0)
		r.hint(observer.NetworkChanged)
	}
	assert.Equal(t, missed+3, r.m.Snapshot().MissedPongs, "one every 10 s")
}

// TestHintMakesItLocal: for ten seconds after a change of the network a loss is
// taken for its consequence, which the backoff is told.
func TestHintMakesItLocal(t *testing.T) {
	for after, local := range map[time.Duration]bool{0: true, localFor - 1: true, localFor: false} {
		r := kept(restorable)
		r.hint(observer.NetworkChanged)
		r.wait(after)
		r.loseLayer(status.LayerMedia)
		e, ok := event[observer.RetryScheduled](r.last)
		require.True(t, ok)
		assert.Equal(t, local, e.Decision.Facts.Recovery.Local, after.String())
	}
	r := kept(restorable)
	r.loseLayer(status.LayerMedia)
	r.hint(observer.NetworkUp)
	r.tick()
	r.wait(time.Minute)
	r.restoreFailed(status.TaskFailed)
	e, _ := event[observer.RetryScheduled](r.last)
	assert.True(t, e.Decision.Facts.Recovery.Local, "for the whole outage that it has begun in")
}

// TestAsleepAndThen: whatever comes first after a sleep finds it taken into account.
func TestAsleepAndThen(t *testing.T) {
	r := kept(restorable)
	r.sleep(time.Hour, time.Second)
	r.loseLayer(status.LayerMedia)
	e, _ := event[observer.RetryScheduled](r.last)
	assert.True(t, e.Decision.Facts.Recovery.Local, "a loss is its consequence")

	r = kept(0)
	r.report(status.AudioInternalServerError)
	r.next()
	r.hint(observer.NetworkDown)
	r.sleep(time.Hour, time.Second)
	r.openFailed(status.TaskFailed)
	at, _ := r.m.Deadline()
	assert.Equal(t, r.now.Mono, at)
	assert.Equal(t, []string{"Hinted"}, names(r.tick()), "the hint is old")

	r = waitingFor(time.Minute)
	r.sleep(time.Hour, time.Second)
	r.do(Input{Kind: Tick})
	r.wait(connectTimeout - 1)
	require.Greater(t, connectTimeout-1, localFor)
	r.openFailed(status.TaskFailed)
	e, _ = event[observer.RetryScheduled](r.last)
	assert.True(t, e.Decision.Facts.Recovery.Local, "an outage that was slept through is local to its end")
}

// TestNothingIsLocal before anything has changed.
func TestNothingIsLocal(t *testing.T) {
	r := newRig(unsettled)
	r.start()
	r.opened(0)
	r.loseLayer(status.LayerMedia)
	require.Less(t, r.now.Mono, localFor)
	e, _ := event[observer.RetryScheduled](r.last)
	assert.False(t, e.Decision.Facts.Recovery.Local)
}

// TestOfflineWithoutAnOutage: a hint that is given while connected holds its time,
// though the budget of the last outage still counts.
func TestOfflineWithoutAnOutage(t *testing.T) {
	r := kept(restorable, budget(20*time.Second))
	r.loseLayer(status.LayerMedia)
	r.next()
	r.restored()
	r.hint(observer.NetworkDown)
	at, _ := r.m.timers.at(tOffline)
	assert.Equal(t, r.now.Mono+downTimeout, at)
}

// TestLostInASleep: a loss that is noticed within a minute of waking may be as old
// as the sleep, so that it may be too late for a resume.
func TestLostInASleep(t *testing.T) {
	for after, level := range map[time.Duration]policy.Level{
		0: policy.Rejoin, time.Minute - 1: policy.Rejoin, time.Minute: policy.Resume,
	} {
		r := kept(restorable)
		r.sleep(time.Hour, 0)
		r.do(Input{Kind: Tick})
		r.wait(after)
		r.loseLayer(status.LayerSignaling)
		r.next()
		assert.Equal(t, level, r.m.attempt.Level, after.String())
	}
}

// TestHintOfNothing: where there is nothing to do, and for what is no hint.
func TestHintOfNothing(t *testing.T) {
	r := newRig()
	assert.Empty(t, r.hint(observer.NetworkDown), "not started")
	r.start()
	assert.Equal(t, 1, r.count[Open])
	assert.Empty(t, r.hint("unheard-of"))
	assert.Equal(t, []string{"Hinted"}, names(r.hint(observer.NetworkUp)))
	r.stop()
	assert.Empty(t, r.hint(observer.NetworkUp), "leaving")
}

// TestAsleep: whoever has slept for a night is back within one attempt of waking:
// the delay is over, what was asked for is over, what was known of the network is
// old, and it is too late for a resume.
func TestAsleep(t *testing.T) {
	const night = 8 * time.Hour
	for name, c := range map[string]struct {
		drive func() *rig
		level policy.Level
	}{
		"waiting": {func() *rig { return waitingFor(time.Minute) }, policy.Rejoin},
		"holding for a resume": {func() *rig {
			r := kept(restorable, delay(time.Minute))
			r.loseLayer(status.LayerSignaling)
			return r
		}, policy.Rejoin},
		"holding for a restart": {func() *rig {
			r := kept(restorable, delay(time.Minute))
			r.loseLayer(status.LayerMedia)
			return r
		}, policy.RestartMedia},
		"as the server has asked": {func() *rig {
			r := kept(0)
			r.directed(status.Directive{RetryAfter: 4 * time.Minute})
			return r
		}, policy.Rejoin},
		"offline": {func() *rig {
			r := waitingFor(time.Second)
			r.hint(observer.NetworkDown)
			r.tick()
			return r
		}, policy.Rejoin},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.drive()
			r.settleOld()
			woken := r.now.Mono + time.Second
			r.sleep(night, time.Second)
			r.do(Input{Kind: Tick})
			r.settleOld()
			assert.Equal(t, 1, r.m.retries.Attempts())
			assert.Equal(t, c.level, r.m.attempt.Level)
			assert.Equal(t, woken, r.now.Mono)
			assert.False(t, r.m.Snapshot().Offline)
		})
	}
	t.Run("for less than the server has asked for", func(t *testing.T) {
		r := kept(0)
		r.directed(status.Directive{RetryAfter: 4 * time.Minute})
		due, _ := r.m.timers.at(tRetry)
		r.sleep(time.Minute, time.Second)
		r.do(Input{Kind: Tick})
		now, _ := r.m.timers.at(tRetry)
		assert.Equal(t, due, now)
	})
	t.Run("for just as long", func(t *testing.T) {
		r := kept(0)
		r.directed(status.Directive{RetryAfter: 4 * time.Minute})
		due, _ := r.m.timers.at(tRetry)
		r.sleep(due-r.now.Mono, 0)
		r.do(Input{Kind: Tick})
		r.settleOld()
		assert.Equal(t, "reconnecting/opening", place(r.m))
	})
	t.Run("with a link that was just found dead", func(t *testing.T) {
		r := newRig(detecting)
		r.calm(askable | restorable)
		r.until("LinkDead", health.Signaling)
		due, _ := r.m.timers.at(tRetry)
		r.sleep(night, 0)
		r.do(Input{Kind: Tick})
		now, _ := r.m.timers.at(tRetry)
		assert.Equal(t, due, now, "it may heal")
	})
	t.Run("after the end", func(t *testing.T) {
		r := waitingFor(time.Second)
		r.hint(observer.NetworkDown)
		r.stop()
		r.sleep(night, time.Second)
		assert.Empty(t, r.do(Input{Kind: Tick}))
		_, armed := r.m.Deadline()
		assert.False(t, armed)
	})
}

// TestAsleepJustBeforeTheEnd: what was to happen before the sleep happens before
// what is due after it.
func TestAsleepJustBeforeTheEnd(t *testing.T) {
	r := waitingFor(time.Second, budget(20*time.Second))
	r.wait(time.Second)
	r.do(Input{Kind: Tick})
	r.openFailed(status.TaskFailed)
	end, _ := r.m.retries.Deadline()
	r.wait(end - time.Second - r.now.Mono)
	r.hint(observer.NetworkDown)
	r.told = nil
	r.sleep(8*time.Hour, time.Second)
	r.do(Input{Kind: Tick})
	require.NotEmpty(t, r.told)
	assert.Equal(t, "Hinted", r.told[0].Name(), "the hint does not end the session")
}

// TestSnapshotNextAttempt: the time is told while it is known.
func TestSnapshotNextAttempt(t *testing.T) {
	r := kept(restorable, limited)
	r.loseLayer(status.LayerMedia)
	assert.Equal(t, r.now.Wall.Add(retryDelay), r.m.Snapshot().NextAttempt)
	r.tick()
	assert.True(t, r.m.Snapshot().NextAttempt.IsZero(), "the limiter knows")
	r.admit()
	assert.True(t, r.m.Snapshot().NextAttempt.IsZero(), "it runs")

	r = waitingFor(time.Second, budget(time.Minute), down(10*time.Minute))
	r.hint(observer.NetworkDown)
	r.tick()
	require.True(t, r.m.retryDue)
	require.True(t, r.m.timers.armed(tRetry), "for the end of the budget")
	assert.True(t, r.m.Snapshot().NextAttempt.IsZero(), "it comes with the network")
}
