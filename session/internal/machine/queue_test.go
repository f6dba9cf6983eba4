package machine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

func (r *rig) notAdmitted(st status.Status) []Effect {
	return r.do(Input{Kind: Admitted, ID: r.m.queued, Status: st})
}

// TestLimiter: every attempt is asked for when it is due, by its level, and begins
// when it is let through; one admission is one attempt.
func TestLimiter(t *testing.T) {
	r := newRig(limited)
	assert.Equal(t, []string{"Connecting", "AttemptQueued"}, names(r.start()))
	r.wait(time.Minute)
	assert.Equal(t, []string{"AttemptStarted"}, names(r.admit()))
	r.opened(restorable)
	for r.m.timers.armed(tStable) {
		r.tick()
		r.answerPing()
	}
	r.told = nil
	r.loseLayer(status.LayerMedia)
	for _, level := range []policy.Level{policy.RestartMedia, policy.Resume, policy.Resume, policy.Rejoin, policy.Rejoin} {
		r.queue()
		asked := find(r.last, Admit)
		require.Len(t, asked, 1)
		assert.Equal(t, level, asked[0].Attempt.Level)
		e, ok := event[observer.AttemptQueued](r.last)
		require.True(t, ok)
		assert.Equal(t, level, e.Level)
		r.wait(time.Second)
		assert.Empty(t, r.do(Input{Kind: Admitted, ID: asked[0].ID + 1}), "another's")
		began := r.m.retries.Attempts()
		r.admit()
		require.Equal(t, began+1, r.m.retries.Attempts())
		assert.Empty(t, r.do(Input{Kind: Admitted, ID: asked[0].ID}), "twice")
		if r.m.phase == restoring {
			r.restoreFailed(status.TaskFailed)
		} else {
			r.openFailed(status.TaskFailed)
		}
	}
	assert.Equal(t, 5+1, r.count[Admit])
}

// TestLimiterKeepsTheLink: while it is waited for, what is lost besides counts for
// the level of the attempt, which is asked for then: it costs more.
func TestLimiterKeepsTheLink(t *testing.T) {
	r := kept(restorable, limited)
	r.loseLayer(status.LayerMedia)
	r.tick()
	r.closedBare(status.LayerSignaling)
	require.Equal(t, "reconnecting/queueing", place(r.m))
	again := find(r.admit(), Admit)
	require.Len(t, again, 1)
	assert.Equal(t, policy.Resume, again[0].Attempt.Level)
	r.admit()
	assert.Equal(t, policy.Resume, r.m.attempt.Level)

	r = kept(CanRestart, limited)
	r.loseLayer(status.LayerMedia)
	r.tick()
	r.closedBare(status.LayerSignaling)
	assert.Len(t, find(r.admit(), CloseLink), 1)
	assert.Len(t, find(r.closeDone(), Admit), 1)
	assert.Len(t, find(r.admit(), Open), 1)
	assert.Equal(t, 3, r.count[Admit])
}

// TestLimiterFails: that is like an attempt that has failed: the backoff says when it
// is asked again, and it counts.
func TestLimiterFails(t *testing.T) {
	r := kept(restorable, limited, grow, attempts(3))
	r.loseLayer(status.LayerMedia)
	r.tick()
	for i := range 2 {
		e, ok := event[observer.RetryScheduled](r.notAdmitted(status.New(status.TaskFailed, errProbe)))
		require.True(t, ok)
		assert.Equal(t, policy.RestartMedia, e.Decision.Level)
		assert.Equal(t, time.Duration(i+2)*time.Second, e.Decision.Delay)
		assert.Equal(t, "reconnecting/holding", place(r.m))
		r.justBefore(t, e.Decision.Delay)
		require.Len(t, find(r.do(Input{Kind: Tick}), Admit), 1, "asked again, and not the end")
	}
	r.notAdmitted(status.New(status.TaskFailed, errProbe))
	assert.Equal(t, policy.RefusedAttempts, r.m.ending.decision.Refusal)
	assert.Zero(t, r.count[Restart])
}

// TestLimiterFailsWith whatever: a code that says nothing about failing is TaskFailed,
// what is final is final, what asks for time is heard.
func TestLimiterFailsWith(t *testing.T) {
	for _, c := range append(status.All(), unknownCode) {
		if c == status.OK {
			continue
		}
		r := newRig(limited)
		r.start()
		r.notAdmitted(status.New(c, nil))
		if c.Terminal() {
			assert.Equal(t, c.Public(), r.end(t).Status.Code)
			continue
		}
		e := only[observer.RetryScheduled](t, r)
		assert.Equal(t, e.Decision.Status.Code, r.m.Snapshot().First.Code, "it is the first cause")
		assert.NotEqual(t, status.ToldDemote, e.Decision.Status.Code.Told(), c.String())
		r.admit()
		r.tick()
		r.admit()
		r.opened(0)
		assert.Equal(t, "connected/resting", place(r.m), c.String())
	}
	r := newRig(limited)
	r.start()
	r.notAdmitted(status.Status{Code: status.TaskFailed, Directive: &status.Directive{RetryAfter: 5 * time.Second}})
	assert.Equal(t, 5*time.Second+retryDelay, only[observer.RetryScheduled](t, r).Decision.Delay)
}

// TestLimiterNeverAnswers: it is waited for to the end of the budget, and the session
// says why it ends; without a budget for ever.
func TestLimiterNeverAnswers(t *testing.T) {
	r := newRig(limited)
	r.start()
	r.justBefore(t, elapsedBudget)
	assert.Len(t, find(r.do(Input{Kind: Tick}), CancelAdmit), 1)
	assert.ErrorIs(t, r.end(t).Status, errNotLetThrough)
	assert.Equal(t, policy.RefusedElapsed, r.end(t).Decision.Refusal)

	r = kept(0, limited)
	r.report(status.AudioInternalServerError)
	r.queue()
	r.onlyTime()
	assert.Equal(t, status.AudioInternalServerError, r.end(t).Status.Code)

	for _, unlimited := range []time.Duration{0, policy.NoLimit} {
		r = newRig(limited, budget(unlimited))
		r.start()
		_, armed := r.m.Deadline()
		assert.False(t, armed, "a budget of nothing leaves the first attempt its time")
		r.wait(time.Hour)
		assert.Len(t, find(r.admit(), Open), 1)
	}
}

// queue goes on to where the limiter is asked.
func (r *rig) queue() {
	for r.m.phase != queueing {
		r.goOn()
	}
}

// TestLimiterIsNotAskedInVain: at the end of the budget there is nothing to ask for.
func TestLimiterIsNotAskedInVain(t *testing.T) {
	r := kept(0, limited, budget(retryDelay))
	r.report(status.AudioInternalServerError)
	r.settleOld()
	r.tick()
	assert.Equal(t, policy.RefusedElapsed, r.end(t).Decision.Refusal)
	assert.Equal(t, 1, r.count[Admit])
}

// TestLimiterAndTheNetwork: without a network nothing is asked for; what is let
// through waits for the network.
func TestLimiterAndTheNetwork(t *testing.T) {
	r := kept(0, limited)
	r.report(status.AudioInternalServerError)
	r.settleOld()
	r.hint(observer.NetworkDown)
	r.tick()
	assert.Equal(t, 1, r.count[Admit])
	r.hint(observer.NetworkUp)
	assert.Equal(t, 2, r.count[Admit])
	r.hint(observer.NetworkDown)
	assert.Empty(t, find(r.admit(), Open))
	assert.Len(t, find(r.hint(observer.NetworkUp), Open), 1)
	assert.Equal(t, 2, r.count[Admit], "it had been let through")
}

// TestLimiterIsLeft: whatever ends the session while it is asked takes the question
// back; a late answer does nothing.
func TestLimiterIsLeft(t *testing.T) {
	r := kept(restorable, limited)
	r.loseLayer(status.LayerMedia)
	r.tick()
	id := r.m.queued
	effects := r.stop()
	require.Len(t, find(effects, CancelAdmit), 1)
	assert.Equal(t, id, find(effects, CancelAdmit)[0].ID)
	assert.Len(t, find(effects, CloseLink), 1)
	assert.Empty(t, r.do(Input{Kind: Admitted, ID: id}))
	r.closeDone()
	assert.Equal(t, "stopped/resting", place(r.m))
}
