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

// justBefore ticks 1 ns before the deadline, where nothing may happen, and goes
// on to the deadline without ticking there.
func (r *rig) justBefore(t *testing.T, want time.Duration) {
	t.Helper()
	at, ok := r.m.Deadline()
	require.True(t, ok, "nothing is due")
	require.Equal(t, want, at-r.now.Mono, "the deadline")
	r.wait(want - 1)
	before := place(r.m)
	require.Empty(t, r.do(Input{Kind: Tick}), "1 ns too early")
	require.Equal(t, before, place(r.m), "1 ns too early")
	r.wait(1)
}

// onlyTime lets ticks come at every deadline until nothing is due.
func (r *rig) onlyTime() {
	for range 10_000 {
		if _, ok := r.m.Deadline(); !ok {
			return
		}
		r.tick()
	}
}

// end returns the event that ended the session, which must be the last one.
func (r *rig) end(t *testing.T) observer.Stopped {
	t.Helper()
	require.NotEmpty(t, r.told)
	e, ok := r.told[len(r.told)-1].(observer.Stopped)
	require.True(t, ok, "the last event is %s", r.told[len(r.told)-1].Name())
	return e
}

func TestG9ConnectTimeout(t *testing.T) {
	r := newRig()
	r.start()
	r.justBefore(t, connectTimeout)
	effects := r.do(Input{Kind: Tick})
	require.Len(t, find(effects, CancelOpen), 1)
	assert.Equal(t, "connecting/aborting", place(r.m), "it may still say where it hung")

	r.justBefore(t, closeGrace)
	failed, ok := event[observer.AttemptFailed](r.do(Input{Kind: Tick}))
	require.True(t, ok)
	assert.Equal(t, status.TaskFailed, failed.Status.Code)
	assert.ErrorContains(t, failed.Status.Cause, "connect took longer than 15s")
	assert.Equal(t, connectTimeout+closeGrace, failed.After)
}

func TestG9HardDeadlineClipsTheAttempt(t *testing.T) {
	r := newRig(budget(10 * time.Second))
	r.start()
	r.failAttempt()
	started, ok := event[observer.AttemptStarted](r.last)
	require.True(t, ok)
	assert.Equal(t, 9*time.Second, started.Timeout)
	assert.Equal(t, 9*time.Second, find(r.last, Open)[0].Attempt.Timeout)
	r.justBefore(t, 9*time.Second)
	r.onlyTime()
	assert.Equal(t, time.Second+10*time.Second+closeGrace, r.now.Mono, "the end of the budget, and the grace of the last attempt")
	e := r.end(t)
	assert.Equal(t, observer.ByPolicy, e.Initiator)
	assert.Equal(t, policy.RefusedElapsed, e.Decision.Refusal)
	assert.Equal(t, status.TaskFailed, e.Status.Code)
}

func TestG9HardDeadlineClipsThePresence(t *testing.T) {
	r := newRig(presence, budget(3*time.Second))
	r.start()
	r.opened(0)
	r.justBefore(t, 3*time.Second)
	effects := r.do(Input{Kind: Tick})
	require.Len(t, find(effects, CloseLink), 1)
	r.closeDone()
	assert.Equal(t, status.NoAttendeePresent, r.end(t).Status.Code)
	assert.Equal(t, observer.ByPolicy, r.end(t).Initiator)
}

func TestG9NoAttemptAtTheEndOfTheBudget(t *testing.T) {
	for name, c := range map[string]struct {
		delay time.Duration
		opens bool
	}{
		"1 ns before it": {10*time.Second - 1, true},
		"at it":          {10 * time.Second, false},
		"after it":       {10*time.Second + 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(budget(10*time.Second), func(cfg *Config) { cfg.Policy.NewBackOff = steadily(c.delay) })
			r.start()
			r.openFailed(status.AudioInternalServerError)
			at, ok := r.m.Deadline()
			require.True(t, ok)
			assert.Equal(t, min(c.delay, 10*time.Second), at-r.now.Mono, "never waiting beyond the end, never giving up before it")
			effects := r.tick()
			require.Equal(t, c.opens, len(find(effects, Open)) == 1)
			if c.opens {
				assert.Equal(t, time.Duration(1), find(effects, Open)[0].Attempt.Timeout)
				return
			}
			e := r.end(t)
			assert.Equal(t, policy.RuleBudget, e.Decision.Rule)
			assert.Equal(t, status.AudioInternalServerError, e.Status.Code, "the last attempt's code")
			assert.Equal(t, 10*time.Second, e.Elapsed-time.Second)
		})
	}
}

func TestG9BudgetOfNothing(t *testing.T) {
	r := newRig(budget(0))
	r.start()
	assert.Equal(t, connectTimeout, find(r.last, Open)[0].Attempt.Timeout, "the first attempt has its time")
	r.opened(0)
	r.lose()
	assert.Equal(t, status.SignalingInternalServerError, r.end(t).Status.Code, "and no other follows")
}

// A budget that is over before the next attempt is named as the reason, also when
// what that attempt was for would be final by itself.
func TestG9EndOfTheBudgetIsNamed(t *testing.T) {
	r := newRig(authorizes, budget(10*time.Second), func(cfg *Config) { cfg.Policy.NewBackOff = steadily(time.Hour) })
	r.start()
	r.do(Input{Kind: Prepared, Epoch: r.m.epoch, Ready: &Ready{Authorized: true}})
	r.do(Input{Kind: OpenFailed, Epoch: r.m.epoch, Status: status.New(status.AudioAuthenticationRejected, nil), Rejected: true})
	r.justBefore(t, 10*time.Second)
	r.do(Input{Kind: Tick})
	e := r.end(t)
	assert.Equal(t, observer.ByPolicy, e.Initiator)
	assert.Equal(t, policy.RuleBudget, e.Decision.Rule)
	assert.Equal(t, policy.RefusedElapsed, e.Decision.Refusal)
	assert.Equal(t, status.AudioAuthenticationRejected, e.Status.Code, "the last attempt's code")
}

func TestG10ReasonGrace(t *testing.T) {
	lost := func() *rig {
		r := newRig()
		r.connectStable(0)
		assert.Equal(t, []string{"Reconnecting"}, names(r.report(status.SignalingChannelClosedUnexpectedly)))
		assert.Empty(t, find(r.last, CloseLink), "the link may still tell the reason")
		return r
	}
	t.Run("no reason", func(t *testing.T) {
		r := lost()
		r.justBefore(t, reasonGrace)
		effects := r.do(Input{Kind: Tick})
		require.Len(t, find(effects, CloseLink), 1)
		assert.Equal(t, []string{"RetryScheduled"}, names(effects))
	})
	t.Run("the reason is final", func(t *testing.T) {
		r := lost()
		r.wait(reasonGrace - 1)
		require.Len(t, find(r.report(status.AudioJoinedFromAnotherDevice), CloseLink), 1)
		r.closeDone()
		assert.Equal(t, status.AudioJoinedFromAnotherDevice, r.end(t).Status.Code)
		assert.Equal(t, status.SignalingChannelClosedUnexpectedly, r.end(t).First.Code)
	})
	t.Run("the reason is a failure", func(t *testing.T) {
		r := lost()
		r.wait(time.Millisecond)
		retry, ok := event[observer.RetryScheduled](r.report(status.AudioInternalServerError))
		require.True(t, ok, "there is nothing more to wait for")
		assert.Equal(t, status.AudioInternalServerError, retry.Decision.Status.Code)
	})
	t.Run("another layer closes without a reason", func(t *testing.T) {
		r := lost()
		r.wait(time.Millisecond)
		require.Empty(t, r.closedBare(status.LayerMedia))
		r.justBefore(t, reasonGrace-time.Millisecond)
	})
}

// TestG10LostLinkUntilTheNextAttempt: until the next attempt starts, every
// terminal status of the lost link still ends the session.
func TestG10LostLinkUntilTheNextAttempt(t *testing.T) {
	for _, c := range status.All() {
		if !c.Terminal() {
			continue
		}
		r := newRig()
		r.connectStable(0)
		r.lose()
		r.wait(retryDelay - 1)
		r.report(c)
		assert.Equal(t, c.Public(), r.end(t).Status.Code, c.String())
		assert.Equal(t, observer.ByStatus, r.end(t).Initiator)
		assert.ErrorIs(t, r.end(t).Status, c)
	}
}

// TestG10CancelledConnect: what a Connect returns after its attempt was given
// up ends the session if it is final, until the next attempt starts.
func TestG10CancelledConnect(t *testing.T) {
	for name, giveUp := range map[string]func(r *rig){
		"out of time":               func(r *rig) { r.tick() },
		"deaf":                      func(r *rig) { r.tick(); r.tick() },
		"a failure was reported":    func(r *rig) { r.report(status.AudioInternalServerError) },
		"the retry waits for it":    func(r *rig) { r.report(status.AudioInternalServerError); r.tick() },
		"its signaling went before": func(r *rig) { r.closedBare(status.LayerSignaling) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			r.start()
			giveUp(r)
			failed := &rig{m: r.m.Clone(), now: r.now}
			failed.openFailed(status.AudioInternalServerError)
			assert.Equal(t, observer.StateConnecting, failed.m.state, "a failure is retried")
			r.openFailed(status.MeetingEnded)
			assert.Equal(t, status.MeetingEnded, r.end(t).Status.Code)
			assert.Equal(t, observer.ByStatus, r.end(t).Initiator)
		})
	}
}

// TestG10LostLinkAfterTheNextAttempt: for two seconds the lost link may still
// say that there is nothing to come back to, and nothing else.
func TestG10LostLinkAfterTheNextAttempt(t *testing.T) {
	authoritative := map[status.Code]bool{
		status.MeetingEnded: true, status.TURNCredentialsForbidden: true, status.AudioAttendeeRemoved: true,
	}
	for _, connectedAgain := range []bool{false, true} {
		for _, after := range []time.Duration{0, 2*time.Second - 1, 2 * time.Second} {
			for _, c := range append(status.All(), unknownCode) {
				r := newRig()
				r.connectStable(0)
				r.reattempt()
				if connectedAgain {
					r.opened(0)
				}
				r.wait(after)
				r.do(Input{Kind: Reported, Epoch: r.m.epoch - 1, Status: status.New(c, nil)})
				ends := authoritative[c] && after < 2*time.Second
				assert.Equal(t, ends, r.m.state == observer.StateStopped, "%s after %s, connected again: %t", c, after, connectedAgain)
				assert.Equal(t, uint64(1), r.m.Snapshot().Stale)
			}
		}
	}
}

func TestG11DeafConnects(t *testing.T) {
	deafOnce := func() *rig {
		r := newRig()
		r.start()
		r.report(status.AudioInternalServerError)
		require.Len(t, find(r.last, CancelOpen), 1)
		r.tick() // the retry is due, and waits
		assert.Equal(t, "connecting/waiting", place(r.m))
		r.justBefore(t, closeGrace-retryDelay)
		require.Len(t, find(r.do(Input{Kind: Tick}), Open), 1, "one deaf Connect is left behind")
		return r
	}
	t.Run("two end the session", func(t *testing.T) {
		r := deafOnce()
		r.justBefore(t, connectTimeout)
		r.do(Input{Kind: Tick})
		r.justBefore(t, closeGrace)
		r.do(Input{Kind: Tick})
		e := r.end(t)
		assert.Equal(t, status.TaskFailed, e.Status.Code)
		assert.Equal(t, observer.ByFault, e.Initiator)
		assert.ErrorIs(t, e.Status, errDeaf)
		assert.Equal(t, Finish, r.last[len(r.last)-1].Kind)
	})
	t.Run("one that returns after all makes room", func(t *testing.T) {
		r := deafOnce()
		r.do(Input{Kind: OpenFailed, Epoch: 1, Status: status.New(status.TaskFailed, nil)})
		r.tick()
		r.tick()
		assert.Equal(t, "connecting/waiting", place(r.m))
		assert.Len(t, find(r.tick(), Open), 1)
	})
	t.Run("they need not follow each other", func(t *testing.T) {
		r := deafOnce()
		r.failAttempt()
		r.opened(0)
		r.lose()
		r.tick()
		r.tick()
		r.tick()
		assert.ErrorIs(t, r.end(t).Status, errDeaf)
	})
}

// TestG11HangingCloses: links whose Close never returns do not pile up for
// ever, though every recovery succeeds.
func TestG11HangingCloses(t *testing.T) {
	outage := func(r *rig) {
		r.report(status.AudioInternalServerError)
		for r.m.phase != opening && r.m.state != observer.StateStopped {
			r.tick() // the delay, and the close grace
		}
		if r.m.phase == opening {
			r.opened(0)
		}
	}
	t.Run("too many end the session", func(t *testing.T) {
		r := newRig(budget(policy.NoLimit))
		r.connectStable(0)
		for range maxDeafCloses - 1 {
			outage(r)
			require.Equal(t, "connected/resting", place(r.m))
		}
		outage(r)
		e := r.end(t)
		assert.Equal(t, status.TaskFailed, e.Status.Code)
		assert.ErrorIs(t, e.Status, errDeafCloses)
		assert.Equal(t, observer.ByFault, e.Initiator)
	})
	t.Run("one that returns after all makes room", func(t *testing.T) {
		r := newRig(budget(policy.NoLimit))
		r.connectStable(0)
		for range 3 * maxDeafCloses {
			outage(r)
			require.Equal(t, "connected/resting", place(r.m))
			r.do(Input{Kind: CloseDone, Epoch: r.m.epoch - 1})
		}
		assert.Empty(t, r.m.deafCloses)
	})
}

// TestG3StopEndsInTime: wherever a session is, Stop ends it within the close
// grace even if nothing that runs ever returns, and what runs is told to end.
func TestG3StopEndsInTime(t *testing.T) {
	for _, s := range situations {
		r := s.arrive(transitions)
		asked := r.now.Mono
		if r.m.state == observer.StateStopped && r.m.phase == resting {
			continue
		}
		r.stop()
		r.onlyTime()
		assert.LessOrEqual(t, r.now.Mono-asked, closeGrace, s.name)
		assert.Equal(t, observer.StateStopped, r.end(t).To, s.name)
		assert.Equal(t, "stopped/resting", place(r.m), s.name)
	}
}

// TestG2SilenceAfterTheEnd: one Stopped, and nothing whatever comes after it.
func TestG2SilenceAfterTheEnd(t *testing.T) {
	for _, s := range situations {
		r := s.arrive(transitions)
		list := probes(r.m)
		r.stop()
		r.onlyTime()
		stops := 0
		for _, e := range r.told {
			if _, is := e.(observer.Stopped); is {
				stops++
			}
		}
		require.Equal(t, 1, stops, s.name)
		for _, p := range list {
			r.wait(p.wait)
			require.Empty(t, r.do(p.in), "%s: %s %s", s.name, p.kind, p.variant)
		}
		_, armed := r.m.Deadline()
		assert.False(t, armed, s.name)
	}
}

// TestG8NothingOpensAfterATerminalStatus: wherever the status arrives.
func TestG8NothingOpensAfterATerminalStatus(t *testing.T) {
	for _, s := range situations {
		for _, c := range status.All() {
			r := s.arrive(transitions)
			if !c.Terminal() || r.m.state == observer.StateIdle || r.m.state == observer.StateStopped {
				continue
			}
			if c == status.AudioAuthenticationRejected && r.m.cfg.Authorizes {
				continue // others may be had
			}
			opens := len(find(r.report(c), Open))
			require.Equal(t, observer.StateStopped, r.m.state, "%s: %s", s.name, c)
			for range 10 {
				opens += len(find(r.tick(), Open))
				opens += len(find(r.openFailed(status.TaskFailed), Open))
				opens += len(find(r.closeDone(), Open))
			}
			assert.Zero(t, opens, "%s: %s", s.name, c)
			assert.Equal(t, c.Public(), r.end(t).Status.Code, s.name)
		}
	}
}
