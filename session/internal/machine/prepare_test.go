package machine

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// wentTo tells where the attempts so far went; a ? stands for one that had to ask.
func (r *rig) wentTo() (list []string) {
	for _, e := range r.told {
		switch e := e.(type) {
		case observer.AttemptStarted:
			list = append(list, map[bool]string{true: "?"}[e.Endpoint == ""]+e.Endpoint)
		case observer.EndpointsFound:
			list[len(list)-1] += e.Endpoints[0]
		}
	}
	return list
}

// TestEndpointsInTurn: an endpoint that has failed is left for the next one, and the
// one that worked is where the next outage begins.
func TestEndpointsInTurn(t *testing.T) {
	r := newRig(endpointsAt("a", "b", "c"))
	r.start()
	for range 4 {
		r.failAttempt()
	}
	r.opened(0)
	r.pass(stableAfter, health.Both)
	r.reattempt()
	r.failAttempt()
	assert.Equal(t, []string{"a", "b", "c", "a", "b", "b", "c"}, r.wentTo())
}

// TestEndpointsLeft: only an attempt that got as far as to try an endpoint, and
// failed there, leaves it.
func TestEndpointsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		fails func(r *rig)
		left  bool
	}{
		"it fails":                {func(r *rig) { r.authorized(0); r.openFailed(status.TaskFailed) }, true},
		"a failure is reported":   {func(r *rig) { r.authorized(0); r.report(status.TaskFailed) }, true},
		"out of time":             {func(r *rig) { r.authorized(0); r.tick(); r.openFailed(status.TaskFailed) }, true},
		"no presence":             {func(r *rig) { r.authorized(0); r.opened(0); r.tick() }, true},
		"no credentials":          {func(r *rig) { r.openFailed(status.TaskFailed) }, false},
		"no credentials in time":  {func(r *rig) { r.tick(); r.openFailed(status.TaskFailed) }, false},
		"its credentials are bad": {func(r *rig) { r.authorized(0); r.rejected() }, false},
		"as a status says":        {func(r *rig) { r.authorized(0); r.report(status.AudioAuthenticationRejected) }, false},
		"an answer to another one": {func(r *rig) {
			r.do(Input{Kind: Prepared, Epoch: r.m.epoch + 1, Ready: &Ready{Authorized: true}})
			r.openFailed(status.TaskFailed)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(endpointsAt("a", "b"), authorizes, presence)
			r.start()
			c.fails(r)
			r.next()
			assert.Equal(t, map[bool]string{true: "b", false: "a"}[c.left], r.wentTo()[1])
		})
	}
}

// TestEndpointsFound: the source is asked at the first rejoin of each outage, and
// when all that it gave have failed.
func TestEndpointsFound(t *testing.T) {
	r := newRig(finds)
	r.start()
	r.found("a", "b")
	r.failAttempt()
	r.failAttempt()
	r.found("c")
	r.opened(restorable)
	r.pass(stableAfter, health.Both)
	r.reattempt() // signaling is dead: it is resumed
	require.Equal(t, policy.Resume, r.m.attempt.Level)
	r.failAttempts(2)
	r.next()
	require.Equal(t, policy.Rejoin, r.m.attempt.Level)
	assert.True(t, r.m.attempt.FindEndpoint, "in each outage anew, also if it is not the first attempt")
	r.found("d", "e")
	r.failAttempt()
	assert.Equal(t, []string{"?a", "b", "?c", "c", "c", "?d", "e"}, r.wentTo())
}

// TestEndpointsNotFound: a source that fails is asked again.
func TestEndpointsNotFound(t *testing.T) {
	r := newRig(finds)
	r.start()
	r.failAttempt()
	r.failAttempt()
	r.found("a")
	assert.Equal(t, []string{"?", "?", "?a"}, r.wentTo())
}

// TestMove: where the server has sent a session is tried once, for a resume as long
// as it is resumed; then it is the list's turn again. If it works, that is where the
// session lives.
func TestMove(t *testing.T) {
	there := status.Directive{Endpoint: "there"}
	t.Run("fails", func(t *testing.T) {
		r := kept(restorable, endpointsAt("a", "b"))
		r.directed(there)
		r.failAttempts(2)
		r.next()
		assert.Equal(t, []string{"there", "a", "b"}, r.wentTo())
	})
	t.Run("resumed there", func(t *testing.T) {
		r := kept(restorable, endpointsAt("a", "b"))
		there := there
		there.Recovery = status.RecoverByResume
		r.directed(there)
		r.loseLayer(status.LayerSignaling)
		r.failAttempts(4)
		assert.Equal(t, []string{"there", "there", "there", "a"}, r.wentTo())
	})
	t.Run("from a running attempt", func(t *testing.T) {
		r := newRig(endpointsAt("a", "b"))
		r.start()
		r.do(Input{Kind: OpenFailed, Epoch: 1, Status: status.Status{Code: status.AudioInternalServerError, Directive: &there}})
		r.next()
		r.failAttempt()
		assert.Equal(t, []string{"a", "there", "b"}, r.wentTo())
	})
	t.Run("while it waits", func(t *testing.T) {
		r := kept(0, endpointsAt("a", "b"))
		r.report(status.AudioInternalServerError)
		r.directed(there)
		r.next()
		assert.Equal(t, []string{"there"}, r.wentTo())
	})
	t.Run("works", func(t *testing.T) {
		r := kept(0, endpointsAt("a", "b"))
		r.directed(there)
		r.next()
		r.opened(0)
		r.report(status.AudioInternalServerError)
		r.next()
		assert.Equal(t, []string{"there", "there"}, r.wentTo())
	})
	t.Run("before the source", func(t *testing.T) {
		r := newRig(finds)
		r.start()
		r.found("a")
		r.opened(0)
		r.told = nil
		r.directed(there)
		r.next()
		r.openFailed(status.TaskFailed)
		r.next()
		r.found("b")
		assert.Equal(t, []string{"there", "?b"}, r.wentTo(), "it is asked in each outage")
	})
}

// TestPreparationTakesItsTime: each question has its own, and leaves the attempt
// all of its time.
func TestPreparationTakesItsTime(t *testing.T) {
	r := newRig(finds, authorizes)
	r.start()
	assert.True(t, r.m.attempt.FindEndpoint)
	r.wait(prepareTimeout - 1)
	r.found("a")
	r.wait(prepareTimeout - 1)
	r.authorized(0)
	r.justBefore(t, connectTimeout)
	cancelled := find(r.do(Input{Kind: Tick}), CancelOpen)
	require.Len(t, cancelled, 1)
	assert.ErrorContains(t, cancelled[0].Status.Cause, "connect took longer than 15s")

	for name, c := range map[string]struct {
		drive func(r *rig)
		words string
	}{
		"endpoints":   {func(*rig) {}, "finding endpoints took longer than 8s"},
		"credentials": {func(r *rig) { r.found("a") }, "fetching credentials took longer than 8s"},
	} {
		r := newRig(finds, authorizes)
		r.start()
		c.drive(r)
		r.justBefore(t, prepareTimeout)
		cancelled := find(r.do(Input{Kind: Tick}), CancelOpen)
		require.Len(t, cancelled, 1, name)
		assert.EqualError(t, cancelled[0].Status.Cause, c.words)
		assert.Empty(t, r.found("late"), "too late")
		assert.Empty(t, r.authorized(0), "too late")
	}
}

// TestPreparationIsClipped to the end of the budget, each step of it.
func TestPreparationIsClipped(t *testing.T) {
	r := newRig(authorizes, budget(prepareTimeout+time.Second))
	r.start()
	r.wait(prepareTimeout - 1)
	r.authorized(0)
	r.justBefore(t, time.Second+1)
}

// TestPreparedOutOfStep: an answer to what was not asked, or none, does nothing.
func TestPreparedOutOfStep(t *testing.T) {
	for name, c := range map[string]struct {
		answered int // questions before it
		ready    *Ready
	}{
		"no answer":                   {0, nil},
		"no endpoints":                {0, &Ready{}},
		"an empty list":               {0, &Ready{Endpoints: []string{}}},
		"credentials before":          {0, &Ready{Authorized: true}},
		"endpoints again":             {1, &Ready{Endpoints: []string{"b"}}},
		"credentials that are none":   {1, &Ready{ExpireIn: time.Hour}},
		"endpoints at the very end":   {2, &Ready{Endpoints: []string{"b"}}},
		"credentials at the very end": {2, &Ready{Authorized: true, ExpireIn: time.Hour}},
	} {
		r := newRig(finds, authorizes)
		r.start()
		if c.answered > 0 {
			r.found("a")
		}
		if c.answered > 1 {
			r.authorized(0)
		}
		r.wait(time.Second)
		due, _ := r.m.Deadline()
		assert.Empty(t, r.do(Input{Kind: Prepared, Epoch: r.m.epoch, Ready: c.ready}), name)
		now, _ := r.m.Deadline()
		assert.Equal(t, due, now, name)
		assert.Zero(t, r.m.fresh, name)
	}
}

// TestResumeWithCredentials: a resume asks for credentials, a restart of media does
// not.
func TestResumeWithCredentials(t *testing.T) {
	r := kept(restorable, authorizes)
	r.loseLayer(status.LayerMedia)
	r.next()
	r.justBefore(t, restartTimeout)
	r.restoreFailed(status.TaskFailed)
	r.next()
	require.Equal(t, policy.Resume, r.m.attempt.Level)
	r.wait(prepareTimeout - 1)
	r.authorized(0)
	r.justBefore(t, resumeTimeout)
}

// rejects ends an attempt because of its credentials, by each way in which that may
// be learned.
var rejects = map[string]func(r *rig){
	"by its answer":            func(r *rig) { r.rejected() },
	"by a status":              func(r *rig) { r.report(status.AudioAuthenticationRejected); r.openFailed(status.TaskFailed) },
	"by both":                  func(r *rig) { r.report(status.AudioAuthenticationRejected); r.rejected() },
	"by its answer, cancelled": func(r *rig) { r.tick(); r.rejected() },
	"by an answer without a code": func(r *rig) {
		r.do(Input{Kind: OpenFailed, Epoch: r.m.epoch, Rejected: true, Status: status.New(status.TaskFailed, nil)})
	},
}

// TestRejections: credentials that are rejected are not final as long as others can
// be had, so many times in a row.
func TestRejections(t *testing.T) {
	for name, reject := range rejects {
		t.Run(name, func(t *testing.T) {
			r := newRig(authorizes, rejections(3))
			r.start()
			for range 2 {
				r.authorized(0)
				assert.Equal(t, r.m.trouble.attempts > 1, r.m.attempt.Rejected, "the transport knows")
				reject(r)
				require.Equal(t, observer.StateConnecting, r.m.state)
				r.next()
			}
			assert.True(t, r.m.attempt.Rejected)
			r.authorized(0)
			reject(r)
			r.onlyTime()
			e := r.end(t)
			assert.Equal(t, status.AudioAuthenticationRejected, e.Status.Code)
			assert.Equal(t, observer.ByStatus, e.Initiator)
			assert.Equal(t, 3, e.Attempts)
		})
	}
}

// TestRejectionsInARow: a link that opens has taken the credentials, so that later
// rejections are counted anew; a failure of another kind says nothing about them.
func TestRejectionsInARow(t *testing.T) {
	r := newRig(authorizes, rejections(2), presence)
	r.start()
	r.rejected()
	r.next()
	r.openFailed(status.TaskFailed)
	r.next()
	assert.False(t, r.m.attempt.Rejected, "the last one was not")
	r.opened(0)
	r.tick() // nobody comes
	r.next()
	r.rejected()
	assert.Equal(t, observer.StateConnecting, r.m.state)
	r.next()
	r.openFailed(status.TaskFailed)
	r.next()
	r.rejected()
	assert.Equal(t, status.AudioAuthenticationRejected, r.end(t).Status.Code)

	r = kept(restorable, authorizes, rejections(2), catchesUp)
	resumed := func() {
		r.next()
		r.authorized(0)
	}
	reject := func() {
		r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Rejected: true, Status: status.New(status.AudioAuthenticationRejected, nil)})
	}
	r.m.cfg.Policy.Ladder.Resume.Attempts = 9
	r.loseLayer(status.LayerSignaling)
	resumed()
	reject()
	resumed()
	r.restored() // but what follows fails
	r.do(Input{Kind: Resynced, Epoch: r.m.epoch, ID: r.m.op, Status: status.New(status.TaskFailed, nil)})
	resumed()
	reject()
	assert.Equal(t, observer.StateReconnecting, r.m.state)
}

// TestRejectionsOfAResume: they are waited for like every end of a resume, and count
// once.
func TestRejectionsOfAResume(t *testing.T) {
	for name, reject := range map[string]func(r *rig){
		"by its answer": func(r *rig) {
			r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Rejected: true, Status: status.New(status.AudioAuthenticationRejected, nil)})
		},
		"by a status": func(r *rig) {
			require.Empty(t, find(r.report(status.AudioAuthenticationRejected), Notify), "the resume is still running")
			r.restoreFailed(status.TaskFailed)
		},
		"by a status, and it is deaf": func(r *rig) { r.report(status.AudioAuthenticationRejected); r.tick() },
		"by its answer, cancelled": func(r *rig) {
			r.tick()
			r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Rejected: true, Status: status.New(status.AudioAuthenticationRejected, nil)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := kept(restorable, authorizes, rejections(2))
			r.loseLayer(status.LayerSignaling)
			r.next()
			r.authorized(0)
			reject(r)
			require.Equal(t, observer.StateReconnecting, r.m.state)
			r.next()
			assert.True(t, r.m.attempt.Rejected)
			assert.Equal(t, 1, r.m.trouble.recovery.Rejections)
		})
	}
}

// TestRejectionsThatAreFinal: the first one, where there are no others; and what
// says so itself.
func TestRejectionsThatAreFinal(t *testing.T) {
	for name, c := range map[string]struct {
		changes []func(*Config)
		st      status.Status
	}{
		"no source":       {nil, status.New(status.AudioAuthenticationRejected, nil)},
		"none allowed":    {with(authorizes, rejections(0)), status.New(status.AudioAuthenticationRejected, nil)},
		"permanent":       {with(authorizes), status.Status{Code: status.AudioAuthenticationRejected, Permanent: true}},
		"another cause":   {with(authorizes), status.New(status.MeetingEnded, nil)},
		"one that is too": {with(authorizes, rejections(policy.NoLimit)), status.Status{Code: status.TaskFailed, Permanent: true}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(c.changes...)
			r.start()
			r.do(Input{Kind: OpenFailed, Epoch: 1, Rejected: true, Status: c.st})
			assert.Equal(t, observer.StateStopped, r.m.state)
		})
	}
}

// TestRejectedAfterwards: an attempt that was ended by something else may still
// learn that its credentials are bad; the next one knows.
func TestRejectedAfterwards(t *testing.T) {
	r := newRig(authorizes)
	r.start()
	r.report(status.AudioInternalServerError)
	r.rejected()
	require.Equal(t, observer.StateConnecting, r.m.state)
	r.next()
	assert.True(t, r.m.attempt.Rejected)
	assert.Zero(t, r.m.trouble.recovery.Rejections, "of which it was not the cause")
}

// TestRefreshTimes: credentials are renewed when nine tenths of their time have
// passed, but no later than half a minute before its end, nor than in the middle.
func TestRefreshTimes(t *testing.T) {
	for expireIn, want := range map[time.Duration]time.Duration{
		10 * time.Hour:   9 * time.Hour,
		time.Hour:        54 * time.Minute,
		5 * time.Minute:  4*time.Minute + 30*time.Second,
		time.Minute:      30 * time.Second,
		40 * time.Second: 20 * time.Second,
		10 * time.Second: 5 * time.Second,
		time.Second:      time.Second,
		1:                time.Second,
		math.MaxInt64:    math.MaxInt64 - math.MaxInt64/10 - 1,
	} {
		r := newRig(authorizes, unsettled)
		r.now = instant(0)
		r.start()
		r.authorized(expireIn)
		r.opened(0)
		at, ok := r.m.Deadline()
		assert.True(t, ok)
		assert.InDelta(t, float64(want), float64(at), 1, expireIn.String())
	}
	for _, expireIn := range []time.Duration{0, -time.Second} {
		r := newRig(authorizes, unsettled)
		r.start()
		r.authorized(expireIn)
		r.opened(0)
		_, ok := r.m.Deadline()
		assert.False(t, ok, "nobody knows")
	}
}

// expiring is connected with credentials that will do for so long.
func expiring(d time.Duration, changes ...func(*Config)) *rig {
	r := newRig(append(changes, authorizes)...)
	r.start()
	r.authorized(d)
	r.opened(CanRestart | CanResume)
	r.told = nil
	return r
}

// refreshing goes on to where credentials are asked for ahead of need.
func (r *rig) refreshing() {
	for r.m.fresh.id == 0 {
		r.tick()
	}
}

func (r *rig) refreshed(expireIn time.Duration) []Effect {
	return r.do(Input{Kind: Refreshed, ID: r.m.fresh.id, Ready: &Ready{Authorized: true, ExpireIn: expireIn}})
}

// TestRefresh: asked once at a time, told, and asked again in time.
func TestRefresh(t *testing.T) {
	r := expiring(time.Hour)
	begun := r.now.Mono
	r.refreshing()
	assert.Equal(t, 54*time.Minute, r.now.Mono-begun)
	require.Len(t, find(r.last, Refresh), 1)
	assert.Empty(t, r.do(Input{Kind: Refreshed, ID: r.m.fresh.id + 1, Ready: &Ready{Authorized: true}}), "another's answer")
	told, ok := event[observer.CredentialsRefreshed](r.refreshed(time.Hour))
	require.True(t, ok)
	assert.True(t, told.Status.IsZero())
	assert.Equal(t, time.Hour, told.ExpireIn)
	assert.Empty(t, r.do(Input{Kind: Refreshed, ID: r.m.ops, Ready: &Ready{Authorized: true, ExpireIn: 1}}), "twice")
	again := r.now.Mono
	r.refreshing()
	assert.Equal(t, 54*time.Minute, r.now.Mono-again)
	r.refreshed(0)
	_, armed := r.m.Deadline()
	assert.False(t, armed, "it is not known how long these do")

	r = newRig(authorizes, unsettled)
	r.start()
	r.authorized(5 * time.Second)
	r.wait(5 * time.Second)
	r.opened(0)
	_, armed = r.m.Deadline()
	assert.False(t, armed, "what has expired is not renewed ahead of need")
}

// TestRefreshFails: it is tried again while there is time, ever sooner, and then
// left to the next attempt.
func TestRefreshFails(t *testing.T) {
	r := expiring(time.Minute, unsettled)
	begun := r.now.Mono
	var at []time.Duration
	for {
		if _, ok := r.m.Deadline(); !ok {
			break
		}
		r.refreshing()
		at = append(at, r.now.Mono-begun)
		told, ok := event[observer.CredentialsRefreshed](r.do(Input{
			Kind: Refreshed, ID: r.m.fresh.id, Status: status.New(status.TaskFailed, errProbe), Ready: &Ready{ExpireIn: time.Hour},
		}))
		require.True(t, ok)
		assert.ErrorIs(t, told.Status, errProbe)
	}
	sec := time.Second
	assert.Equal(t, []time.Duration{30 * sec, 45 * sec, 52*sec + sec/2, 56*sec + sec/4, 58*sec + sec/8, 59*sec + sec/8, 60*sec + sec/8}, at)
	assert.Equal(t, observer.StateConnected, r.m.state, "nothing is wrong yet")
}

// TestRefreshTakesTooLong: it has the time of every such question.
func TestRefreshTakesTooLong(t *testing.T) {
	r := expiring(time.Hour)
	r.refreshing()
	r.justBefore(t, prepareTimeout)
	effects := r.do(Input{Kind: Tick})
	require.Len(t, find(effects, CancelRefresh), 1)
	told, ok := event[observer.CredentialsRefreshed](effects)
	require.True(t, ok)
	assert.EqualError(t, told.Status.Cause, "fetching credentials took longer than 8s")
	assert.Empty(t, r.do(Input{Kind: Refreshed, ID: 1, Ready: &Ready{Authorized: true}}), "too late")
	r.refreshing()
}

// TestRefreshInAnOutage: an attempt asks for itself, so that a running renewal is
// cancelled, and none begins; a restart of media needs none, and leaves it alone,
// with its time.
func TestRefreshInAnOutage(t *testing.T) {
	t.Run("joined anew", func(t *testing.T) {
		r := expiring(time.Hour)
		r.refreshing()
		r.report(status.AudioInternalServerError)
		assert.Empty(t, find(r.last, CancelRefresh), "it may still come in time")
		r.next()
		assert.Len(t, find(r.last, CancelRefresh), 1)
		r.justBefore(t, prepareTimeout)
		assert.Equal(t, 1, r.count[Refresh])
		r.authorized(time.Hour)
		r.opened(0)
		begun := r.now.Mono
		r.refreshing()
		assert.Equal(t, 54*time.Minute, r.now.Mono-begun)
	})
	t.Run("joined anew, where endpoints come first", func(t *testing.T) {
		r := newRig(authorizes, finds)
		r.start()
		r.found("a")
		r.authorized(time.Hour)
		r.opened(0)
		r.refreshing()
		r.report(status.AudioInternalServerError)
		r.next()
		assert.Empty(t, find(r.last, CancelRefresh))
		assert.Len(t, find(r.found("a"), CancelRefresh), 1)
	})
	t.Run("media restarted", func(t *testing.T) {
		r := expiring(time.Hour)
		r.refreshing()
		begun := r.now.Mono
		r.loseLayer(status.LayerMedia)
		r.next()
		r.restored()
		assert.Zero(t, r.count[CancelRefresh])
		r.until("CredentialsRefreshed", health.Both)
		assert.Equal(t, prepareTimeout, r.now.Mono-begun)
	})
	t.Run("not meanwhile", func(t *testing.T) {
		r := expiring(time.Minute, delay(time.Hour), budget(policy.NoLimit))
		r.loseLayer(status.LayerMedia)
		r.pass(time.Hour-1, health.Both)
		assert.Zero(t, r.count[Refresh])
	})
	t.Run("not while a reason is waited for", func(t *testing.T) {
		r := expiring(time.Minute)
		at, _ := r.m.timers.at(tRefresh)
		r.wait(at - 1 - r.now.Mono)
		r.closedBare(status.LayerMedia)
		r.wait(1)
		assert.Empty(t, r.do(Input{Kind: Tick}))
	})
	t.Run("answered meanwhile", func(t *testing.T) {
		r := expiring(time.Hour)
		r.refreshing()
		r.loseLayer(status.LayerMedia)
		r.refreshed(time.Minute)
		r.pass(retryDelay-1, health.Both)
		assert.Equal(t, 1, r.count[Refresh])
		r.tick()
		r.restored()
		assert.True(t, r.m.timers.armed(tRefresh), "it goes on afterwards")
	})
	t.Run("stopped", func(t *testing.T) {
		r := expiring(time.Hour)
		r.refreshing()
		assert.Len(t, find(r.stop(), CancelRefresh), 1)
	})
}
