package machine

import (
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// TestNeed32TheBudgetStartsAtTheLoss: a session that was connected for ten
// hours has all of its budget (NEEDS 32).
func TestNeed32TheBudgetStartsAtTheLoss(t *testing.T) {
	r := newRig()
	r.connectStable(0)
	r.wait(10 * time.Hour)
	r.lose()
	retry, ok := r.told[len(r.told)-1].(observer.RetryScheduled)
	require.True(t, ok)
	assert.Equal(t, elapsedBudget, retry.Decision.Left.Elapsed)
	lost := r.now.Mono
	for r.m.state != observer.StateStopped {
		r.tick()
		r.openFailed(status.TaskFailed)
	}
	assert.Equal(t, lost+elapsedBudget, r.now.Mono)
}

// TestNeed10StablePeriod: the budget and the backoff start anew only when the
// connection has been stable (NEEDS 10).
func TestNeed10StablePeriod(t *testing.T) {
	delays := &growing{}
	r := newRig(func(c *Config) { c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return delays } })
	r.start()
	r.opened(0)
	r.tick() // stable
	r.lose()
	resets := delays.resets
	r.tick()
	r.opened(0)
	end, ok := r.m.retries.Deadline()
	require.True(t, ok, "the clock of the outage runs on")

	r.justBefore(t, stableAfter)
	early := &rig{m: r.m.Clone(), now: r.now}
	early.wait(-1)
	early.report(status.AudioInternalServerError)
	still, _ := early.m.retries.Deadline()
	assert.Equal(t, end, still, "1 ns too early: the outage before goes on")
	assert.Equal(t, resets, delays.resets)

	late := &rig{m: r.m.Clone(), now: r.now}
	late.report(status.AudioInternalServerError)
	fresh, _ := late.m.retries.Deadline()
	assert.Equal(t, r.now.Mono+elapsedBudget, fresh, "a loss at that time that comes before the tick")

	resets = delays.resets
	r.do(Input{Kind: Tick})
	assert.Equal(t, resets+1, delays.resets)
	assert.Zero(t, r.m.retries.Attempts())
	_, ok = r.m.retries.Deadline()
	assert.False(t, ok)
}

// growing is a backoff whose delays grow by a second each.
type growing struct{ calls, resets int }

func (g *growing) NextBackOff() time.Duration {
	g.calls++
	return time.Duration(g.calls) * time.Second
}

func (g *growing) Reset() { g.calls = 0; g.resets++ }

// TestNeed10FlappingEnds: a server that accepts and drops sees growing delays,
// and an end when the budget is over (NEEDS 10).
func TestNeed10FlappingEnds(t *testing.T) {
	delays := &growing{}
	r := newRig(func(c *Config) { c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return delays } })
	r.start()
	r.opened(0)
	r.wait(time.Second)
	first := r.now.Mono
	var seen []time.Duration
	for r.m.state != observer.StateStopped {
		r.lose()
		if retry, ok := r.told[len(r.told)-1].(observer.RetryScheduled); ok {
			seen = append(seen, retry.Decision.Delay)
		}
		r.tick()
		if r.m.phase == opening {
			r.opened(0)
			r.wait(time.Second)
		}
	}
	require.Greater(t, len(seen), 10)
	for i := 1; i < len(seen); i++ {
		require.Equal(t, seen[i-1]+time.Second, seen[i], "the delays grow")
	}
	e := r.end(t)
	assert.Equal(t, policy.RefusedElapsed, e.Decision.Refusal)
	assert.GreaterOrEqual(t, r.now.Mono, first+elapsedBudget, "G9: not before the budget")
	assert.LessOrEqual(t, r.now.Mono, first+elapsedBudget+time.Second)
}

// TestNeed9LateSuccess: a link that opens after its attempt was given up is
// closed, and being displaced by it does no harm (NEEDS 9).
func TestNeed9LateSuccess(t *testing.T) {
	r := newRig()
	r.start()
	r.tick() // out of time
	r.tick() // deaf
	r.tick() // the next attempt
	r.opened(0)
	late := r.do(Input{Kind: Opened, Epoch: 1})
	require.Len(t, late, 1)
	assert.Equal(t, CloseLink, late[0].Kind)
	assert.Equal(t, uint64(1), late[0].Epoch)
	assert.Empty(t, r.do(Input{Kind: Reported, Epoch: 1, Status: status.New(status.AudioJoinedFromAnotherDevice, nil)}))
	assert.Equal(t, "connected/resting", place(r.m))
}

// A sleep voids the silence, and the link is asked (NEEDS 13).
func TestNeed13Sleep(t *testing.T) {
	t.Run("the link is probed at once, and nothing is missed", func(t *testing.T) {
		r := newRig()
		r.connectStable(allAbilities)
		r.tick() // a ping that the sleep leaves unanswered
		r.wait(time.Second)
		r.sleep(8*time.Hour, time.Second)
		r.do(Input{Kind: Present, Epoch: r.m.epoch}) // whatever comes first
		at, ok := r.m.Deadline()
		require.True(t, ok)
		assert.Equal(t, r.now.Mono, at)
		assert.Len(t, find(r.tick(), Ping), 1)
		assert.Zero(t, r.m.Snapshot().MissedPongs)
		assert.Equal(t, "connected/resting", place(r.m))
	})
	t.Run("by the tick itself", func(t *testing.T) {
		r := newRig()
		r.connectStable(allAbilities)
		r.sleep(8*time.Hour, time.Second)
		assert.Len(t, find(r.do(Input{Kind: Tick}), Ping), 1)
	})
	t.Run("the clock of the silence starts anew", func(t *testing.T) {
		for wall, refused := range map[time.Duration]bool{
			8 * time.Hour:                   false,
			time.Second + 2*time.Second:     false,
			time.Second + 2*time.Second - 1: true, // an adjusted clock, not a sleep
			-8 * time.Hour:                  true,
		} {
			r := newRig(idle(10 * time.Second))
			r.connectStable(0)
			r.do(Input{Kind: Sampled, Epoch: r.m.epoch, Heard: Heard{Media: r.now.Mono}})
			r.wait(9 * time.Second)
			r.do(Input{Kind: Tick})
			r.sleep(wall, time.Second)
			r.lose()
			assert.Equal(t, refused, r.m.state == observer.StateStopped, "%s on the wall, 1s in truth", wall)
		}
	})
}

// Waiting for presence has a time limit of its own (NEEDS 31).
func TestNeed31PresenceTimeout(t *testing.T) {
	r := newRig(presence)
	r.start()
	r.opened(0)
	assert.Equal(t, "connecting/awaiting", place(r.m))
	r.justBefore(t, presenceTimeout)
	r.do(Input{Kind: Tick})
	failed, ok := event[observer.AttemptFailed](r.last)
	require.True(t, ok)
	assert.Equal(t, status.NoAttendeePresent, failed.Status.Code)
	require.Len(t, find(r.last, CloseLink), 1)
	assert.Equal(t, "connecting/waiting", place(r.m), "it is retried")

	r = newRig(presence)
	r.start()
	r.opened(0)
	r.wait(presenceTimeout - 1)
	assert.Equal(t, []string{"Connected"}, names(r.do(Input{Kind: Present, Epoch: r.m.epoch})))
}

func TestNeed31UpdateTimeout(t *testing.T) {
	r := newRig(func(c *Config) { c.PingInterval = 0 })
	r.connectStable(CanUpdate)
	update := find(r.report(status.IncompatibleSDP), Update)
	require.Len(t, update, 1)
	r.justBefore(t, connectTimeout)
	effects := r.do(Input{Kind: Tick})
	require.Len(t, find(effects, CancelUpdate), 1)
	lost, ok := event[observer.Reconnecting](effects)
	require.True(t, ok, "a change in doubt is a loss")
	assert.ErrorContains(t, lost.Cause.Cause, "update took longer than 15s")
	assert.Empty(t, r.do(Input{Kind: UpdateDone, Epoch: update[0].Epoch, ID: update[0].ID}), "too late")
}

func TestNeed31PromotionTimeout(t *testing.T) {
	timedOut := func(t *testing.T, ask Kind) *rig {
		r := newRig(func(c *Config) { c.PingInterval = 0 })
		r.connectStable(CanPromote)
		if ask == Demote {
			r.promote(1)
			r.promoteDone(1)
		}
		r.do(Input{Kind: ask, ID: opID})
		r.justBefore(t, connectTimeout)
		effects := r.do(Input{Kind: Tick})
		assert.Len(t, find(effects, CancelPromotion), 1)
		answers := find(effects, Settle)
		require.Len(t, answers, 1)
		assert.Equal(t, uint64(opID), answers[0].ID)
		assert.Equal(t, Failed, answers[0].Outcome)
		assert.ErrorContains(t, answers[0].Status.Cause, "promotion took longer than 15s")
		assert.Equal(t, "connected/resting", place(r.m), "the connection is fine")
		again := r.promote(opID + 1)
		require.Len(t, again, 1)
		assert.Equal(t, Busy, again[0].Outcome, "the call still runs")
		return r
	}
	t.Run("acknowledged too late", func(t *testing.T) {
		r := timedOut(t, Promote)
		effects := r.promoteDone(opID)
		assert.Equal(t, []string{"Promoted"}, names(effects), "the server counts it as promoted")
		assert.Empty(t, find(effects, Settle), "the application was answered")
		assert.Len(t, find(r.promote(opID+2), CallPromote), 1, "and may ask again")
	})
	t.Run("failed too late", func(t *testing.T) {
		r := timedOut(t, Promote)
		assert.Empty(t, r.do(Input{Kind: PromoteDone, Epoch: r.m.epoch, ID: opID, Status: status.New(status.TaskFailed, nil)}))
		assert.Len(t, find(r.promote(opID+2), CallPromote), 1, "the application may ask again")
	})
	t.Run("the link is lost first", func(t *testing.T) {
		r := timedOut(t, Promote)
		effects := r.report(status.AudioInternalServerError)
		assert.Empty(t, find(effects, Settle), "the application was answered")
		assert.Equal(t, []string{"Reconnecting", "RetryScheduled"}, names(effects), "it was never promoted")
	})
	t.Run("a demotion", func(t *testing.T) {
		r := timedOut(t, Demote)
		assert.False(t, r.m.Snapshot().Promoted, "it counts as left")
		r.told = nil
		r.do(Input{Kind: DemoteDone, Epoch: r.m.epoch, ID: opID})
		assert.Empty(t, r.told, "and is told once")
	})
}

// TestNeed28OneAttemptForManyFailures: a thousand failures at once are one
// outage with one attempt (NEEDS 28).
func TestNeed28OneAttemptForManyFailures(t *testing.T) {
	r := newRig()
	r.connectStable(0)
	for i := range 1000 {
		r.report([]status.Code{status.AudioInternalServerError, status.SignalingChannelClosedUnexpectedly, unknownCode}[i%3])
	}
	r.closeDone()
	assert.Equal(t, 1, r.m.Snapshot().Outages)
	assert.Len(t, find(r.tick(), Open), 1)
	assert.Equal(t, connectTimeout, func() time.Duration { at, _ := r.m.Deadline(); return at - r.now.Mono }())
}

// TestNeed6TheKickWins: an authoritative cause beats the noise that follows it,
// and the noise before it.
func TestNeed6TheKickWins(t *testing.T) {
	r := newRig()
	r.connectStable(0)
	r.report(status.AudioAttendeeRemoved)
	r.closedBare(status.LayerSignaling)
	r.closeDone()
	assert.Equal(t, status.AudioAttendeeRemoved, r.end(t).Status.Code)

	r = newRig()
	r.connectStable(0)
	r.closedBare(status.LayerSignaling)
	r.report(status.AudioAttendeeRemoved)
	r.closeDone()
	assert.Equal(t, status.AudioAttendeeRemoved, r.end(t).Status.Code)
	assert.Equal(t, status.SignalingChannelClosedUnexpectedly, r.end(t).First.Code)
}
