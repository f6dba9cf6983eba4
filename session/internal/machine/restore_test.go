package machine

import (
	"fmt"
	"slices"
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

// kept has a stable link that can do so much, and has told nothing yet.
func kept(a Abilities, changes ...func(*Config)) *rig {
	r := newRig(changes...)
	r.start()
	if r.m.queued != 0 {
		r.admit()
	}
	r.opened(a)
	for r.m.timers.armed(tStable) {
		r.tick()
		r.answerPing()
	}
	r.told = nil
	return r
}

func grow(c *Config) {
	c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return new(growing) }
}

// rungs sets how often restarts and resumes are tried.
func rungs(restarts, resumes int) func(*Config) {
	return func(c *Config) {
		c.Policy.Ladder.RestartMedia.Attempts, c.Policy.Ladder.Resume.Attempts = restarts, resumes
	}
}

// story tells the attempts of a life so far: what was planned, begun, and has come
// of it.
func (r *rig) story() (list []string) {
	for _, e := range r.told {
		switch e := e.(type) {
		case observer.RetryScheduled:
			list = append(list, fmt.Sprintf("%s in %s", e.Decision.Level, e.Decision.Delay))
		case observer.AttemptStarted:
			list = append(list, fmt.Sprintf("#%d %s%s", e.Number, e.Level, atEndpoint(e.Endpoint)))
		case observer.AttemptFailed:
			list = append(list, "failed"+flags(e.Refused, "refused", e.Unsupported, "unsupported"))
		case observer.Recovered:
			list = append(list, "recovered by "+e.Outage.Level.String())
		}
	}
	return list
}

func atEndpoint(s string) string {
	if s == "" {
		return ""
	}
	return " at " + s
}

// failAttempts lets attempts fail until there were so many.
func (r *rig) failAttempts(n int) {
	for range n {
		for r.m.phase != opening && r.m.phase != restoring {
			r.goOn()
		}
		if r.m.phase == opening {
			r.openFailed(status.TaskFailed)
		} else {
			r.restoreFailed(status.TaskFailed)
		}
		r.settleOld()
	}
}

// settleOld ends a close, or a cancelled Connect, that is waited for.
func (r *rig) settleOld() {
	if old := r.m.old; old.epoch != 0 && !old.restore {
		r.do(Input{Kind: CloseDone, Epoch: old.epoch})
	}
}

// next goes on to the beginning of the next attempt.
func (r *rig) next() {
	for n := r.m.retries.Attempts(); r.m.retries.Attempts() == n && r.m.state != observer.StateStopped; {
		r.goOn()
	}
}

// goOn ends the close that is waited for, or else lets time pass.
func (r *rig) goOn() {
	if r.m.old.epoch != 0 && !r.m.old.restore {
		r.settleOld()
	} else {
		r.tick()
	}
}

// TestLadder: a restart that fails goes on to a resume at once, which is tried
// twice, then to a rejoin at once, which backs off.
func TestLadder(t *testing.T) {
	r := kept(restorable, grow)
	r.loseLayer(status.LayerMedia)
	r.failAttempts(5)
	r.next()
	assert.Equal(t, []string{
		"restart-media in 1s", "#1 restart-media", "failed",
		"resume in 0s", "#2 resume", "failed",
		"resume in 2s", "#3 resume", "failed",
		"rejoin in 0s", "#4 rejoin", "failed",
		"rejoin in 3s", "#5 rejoin", "failed",
		"rejoin in 4s", "#6 rejoin",
	}, r.story())
	assert.Equal(t, 1, r.count[Restart])
	assert.Equal(t, 2, r.count[Resume])
	assert.Equal(t, 1, r.count[CloseLink], "the link is kept until it is joined anew")
}

// TestLadderStartsLow: the outage stays as high as it has come, the next one starts
// low again, on the link that there is then.
func TestLadderStartsLow(t *testing.T) {
	r := kept(restorable)
	r.loseLayer(status.LayerMedia)
	r.failAttempts(3)
	r.next()
	r.opened(restorable)
	require.Equal(t, "recovered by rejoin", r.story()[len(r.story())-1])
	r.pass(stableAfter, health.Both)
	r.told = nil
	for range 2 {
		r.loseLayer(status.LayerMedia)
		r.next()
		r.restored()
	}
	assert.Equal(t, []string{
		"restart-media in 1s", "#1 restart-media", "recovered by restart-media",
		"restart-media in 1s", "#1 restart-media", "recovered by restart-media",
	}, r.story())
}

// TestLadderLevels: how low an outage begins, by what is lost and what the link can
// do.
func TestLadderLevels(t *testing.T) {
	const media, signaling, both, unknown = status.LayerMedia, status.LayerSignaling, status.LayerUnknown, status.LayerClient
	none, restart, resume, all := Abilities(0), CanRestart, CanResume, CanRestart|CanResume
	for lost, want := range map[status.Layer]map[Abilities]policy.Level{
		media:     {none: policy.Rejoin, restart: policy.RestartMedia, resume: policy.Resume, all: policy.RestartMedia},
		signaling: {none: policy.Rejoin, restart: policy.Rejoin, resume: policy.Resume, all: policy.Resume},
		both:      {none: policy.Rejoin, restart: policy.Rejoin, resume: policy.Resume, all: policy.Resume},
		unknown:   {none: policy.Rejoin, restart: policy.Rejoin, resume: policy.Rejoin, all: policy.Rejoin},
	} {
		for able, level := range want {
			r := kept(able)
			r.loseLayer(lost)
			assert.Equal(t, level == policy.Rejoin, r.count[CloseLink] == 1, "%s lost, able to %d", lost, able)
			r.next()
			assert.Equal(t, fmt.Sprintf("#1 %s", level), r.story()[1], "%s lost, able to %d", lost, able)
		}
	}
}

// TestLadderSkipsWhatCannotBeDone: a level that the link cannot do after all costs
// neither an attempt nor a delay.
func TestLadderSkipsWhatCannotBeDone(t *testing.T) {
	r := kept(restorable, attempts(2))
	unsupported := func() { r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Unsupported: true}) }
	r.loseLayer(status.LayerMedia)
	r.next()
	unsupported()
	assert.Zero(t, r.m.retries.Attempts())
	r.tick()
	unsupported()
	r.settleOld()
	r.tick()
	r.openFailed(status.TaskFailed)
	r.next()
	assert.Equal(t, []string{
		"restart-media in 1s", "#1 restart-media", "failed unsupported",
		"resume in 0s", "#1 resume", "failed unsupported",
		"rejoin in 0s", "#1 rejoin", "failed",
		"rejoin in 1s", "#2 rejoin",
	}, r.story())
	r.openFailed(status.TaskFailed)
	assert.Equal(t, policy.RefusedAttempts, r.end(t).Decision.Refusal)
	assert.Equal(t, 2, r.end(t).Attempts)
}

// TestLadderRefused: a level that the server refuses is not tried again.
func TestLadderRefused(t *testing.T) {
	r := kept(restorable, rungs(3, 3))
	refused := func() {
		r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Refused: true, Status: status.New(status.TaskFailed, nil)})
	}
	r.loseLayer(status.LayerMedia)
	r.next()
	refused()
	r.next()
	refused()
	r.next()
	assert.Equal(t, []string{
		"restart-media in 1s", "#1 restart-media", "failed refused",
		"resume in 0s", "#2 resume", "failed refused",
		"rejoin in 0s", "#3 rejoin",
	}, r.story())
}

// TestLadderOfNothing is the reference's: every outage is a rejoin.
func TestLadderOfNothing(t *testing.T) {
	r := kept(restorable, rungs(0, 0))
	r.loseLayer(status.LayerMedia)
	r.next()
	assert.Equal(t, []string{"rejoin in 1s", "#1 rejoin"}, r.story())
}

// TestRestoreTimeouts: each level has its own time, its end is named, and what the
// link says when it is cancelled is kept.
func TestRestoreTimeouts(t *testing.T) {
	for _, c := range []struct {
		lost  status.Layer
		limit time.Duration
		words string
	}{
		{status.LayerMedia, restartTimeout, "restarting media took longer than 4s"},
		{status.LayerSignaling, resumeTimeout, "resuming took longer than 9s"},
	} {
		r := kept(restorable)
		r.loseLayer(c.lost)
		r.next()
		r.justBefore(t, c.limit)
		cancelled := find(r.do(Input{Kind: Tick}), CancelRestore)
		require.Len(t, cancelled, 1)
		assert.Equal(t, r.m.op, cancelled[0].ID)
		assert.ErrorContains(t, cancelled[0].Status.Cause, c.words)
		assert.Equal(t, "reconnecting/aborting", place(r.m))
		r.wait(time.Second)
		r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Status: status.New(status.TaskFailed, errProbe)})
		failed := only[observer.AttemptFailed](t, r)
		assert.EqualError(t, failed.Status.Cause, c.words+": probe")
		assert.Equal(t, c.limit+time.Second, failed.After)
		assert.Equal(t, "reconnecting/holding", place(r.m), "the link is still there")
	}
}

// TestRestoreAborted: whatever comes of a restart that was cancelled, it is over;
// nothing else runs on the link before it is.
func TestRestoreAborted(t *testing.T) {
	late := func(change func(*Input)) *rig {
		r := kept(restorable)
		r.loseLayer(status.LayerMedia)
		r.next()
		r.tick()
		in := Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op}
		change(&in)
		r.told = nil
		r.do(in)
		return r
	}
	r := late(func(*Input) {})
	assert.Equal(t, []string{"failed", "resume in 0s"}, r.story(), "too late is failed")
	assert.False(t, r.m.timers.armed(tGrace), "it is not waited for any more")
	r = late(func(in *Input) { in.ID++ })
	assert.Empty(t, r.story(), "of another one")
	r = late(func(in *Input) { in.Unsupported = true })
	assert.Equal(t, []string{"failed", "resume in 0s"}, r.story())
	r = late(func(in *Input) { in.Status = status.New(status.MeetingEnded, nil) })
	assert.Equal(t, status.MeetingEnded, r.m.ending.decision.Status.Code, "what is final is final")
}

// TestRestoreIsOver: nothing of a restart, or of a resume, is left in the attempts
// that follow.
func TestRestoreIsOver(t *testing.T) {
	r := kept(restorable)
	r.loseLayer(status.LayerMedia)
	r.failAttempts(3)
	r.next()
	r.tick() // the rejoin is out of time
	require.Equal(t, "reconnecting/aborting", place(r.m))
	r.told = nil
	r.openFailed(status.TaskFailed)
	assert.Equal(t, []string{"failed", "rejoin in 1s"}, r.story(), "it may say where it hung")

	r = kept(restorable)
	r.loseLayer(status.LayerMedia)
	r.next()
	id := r.m.op
	r.restoreFailed(status.TaskFailed)
	assert.Empty(t, r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: id}))
	r.tick()
	assert.Empty(t, r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: id}))
	assert.Equal(t, "reconnecting/restoring", place(r.m))
}

// TestRestoreBringsBack: what a link could not do any more it may do again over what
// has been renewed.
func TestRestoreBringsBack(t *testing.T) {
	r := kept(restorable)
	r.do(Input{Kind: CannotPing, Epoch: r.m.epoch})
	r.loseLayer(status.LayerSignaling)
	r.next()
	assert.Len(t, find(r.restored(), Ping), 1)
}

// TestRestoreDeaf: a link on which a restart ignores its context is closed, and
// never restored again, whatever the server asks for.
func TestRestoreDeaf(t *testing.T) {
	for name, lost := range map[string]func(r *rig){
		"media is lost":                   func(r *rig) { r.loseLayer(status.LayerMedia) },
		"signaling is lost":               func(r *rig) { r.loseLayer(status.LayerSignaling) },
		"the server asks for a resume":    func(r *rig) { r.directed(status.Directive{Recovery: status.RecoverByResume}) },
		"a resume is asked for meanwhile": func(r *rig) { r.loseLayer(status.LayerMedia) },
	} {
		t.Run(name, func(t *testing.T) {
			r := kept(restorable)
			lost(r)
			r.next()
			if name == "a resume is asked for meanwhile" {
				r.directed(status.Directive{Recovery: status.RecoverByResume})
			} else {
				r.tick()
			}
			require.Equal(t, "reconnecting/aborting", place(r.m))
			r.justBefore(t, closeGrace)
			effects := r.do(Input{Kind: Tick})
			require.Len(t, find(effects, CloseLink), 1)
			r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.ops})
			r.next()
			assert.Equal(t, "#2 rejoin", r.story()[len(r.story())-1])
		})
	}
}

// TestG11HangingRestores: restarts that never return do not pile up for ever, though
// every recovery succeeds.
func TestG11HangingRestores(t *testing.T) {
	outage := func(r *rig) {
		r.loseLayer(status.LayerMedia)
		for r.m.phase != opening && r.m.state != observer.StateStopped {
			r.tick()
			r.settleOld()
		}
		if r.m.phase == opening {
			r.opened(restorable)
		}
	}
	t.Run("too many end the session", func(t *testing.T) {
		r := kept(restorable, budget(policy.NoLimit))
		for range maxDeafCloses - 1 {
			outage(r)
			require.Equal(t, "connected/resting", place(r.m))
		}
		outage(r)
		assert.ErrorIs(t, r.end(t).Status, errDeafRestores)
		assert.Equal(t, observer.ByFault, r.end(t).Initiator)
	})
	t.Run("one that returns after all makes room", func(t *testing.T) {
		r := kept(restorable, budget(policy.NoLimit))
		for range 3 * maxDeafCloses {
			outage(r)
			require.Equal(t, "connected/resting", place(r.m))
			r.do(Input{Kind: Restored, Epoch: r.m.epoch - 1, ID: r.m.ops})
		}
		assert.Empty(t, r.m.deafRestores)
	})
}

// TestRestoreOfASituationChanged: what a restart or a resume is there to mend does
// not end it; everything else that is lost does, and the next level knows.
func TestRestoreOfASituationChanged(t *testing.T) {
	bare := func(l status.Layer) func(r *rig) { return func(r *rig) { r.closedBare(l) } }
	dead := func(l status.Layer) func(r *rig) { return func(r *rig) { r.loseLayer(l) } }
	closedWith := func(c status.Code, l status.Layer) func(r *rig) {
		return func(r *rig) { r.do(Input{Kind: LinkClosed, Epoch: r.m.epoch, Layer: l, Status: status.New(c, nil)}) }
	}
	for name, c := range map[string]struct {
		lost func(r *rig)
		then func(r *rig)
		ends bool
		next Attempt // level, and whether media is restarted
	}{
		"media closes in a restart":                    {dead(status.LayerMedia), bare(status.LayerMedia), false, Attempt{}},
		"media is dead in a restart":                   {dead(status.LayerMedia), dead(status.LayerMedia), false, Attempt{}},
		"signaling closes in a restart":                {dead(status.LayerMedia), bare(status.LayerSignaling), true, Attempt{Level: policy.Resume, RestartMedia: true}},
		"signaling is dead in a restart":               {dead(status.LayerMedia), dead(status.LayerSignaling), true, Attempt{Level: policy.Resume, RestartMedia: true}},
		"signaling closes without a word in a restart": {dead(status.LayerMedia), closedWith(status.OK, status.LayerSignaling), true, Attempt{Level: policy.Resume, RestartMedia: true}},
		"a failure in a restart":                       {dead(status.LayerMedia), func(r *rig) { r.report(status.AudioInternalServerError) }, true, Attempt{Level: policy.Resume, RestartMedia: true}},
		"the old signaling closes late in a resume":    {bare(status.LayerSignaling), bare(status.LayerSignaling), false, Attempt{}},
		"the old signaling was dead in a resume":       {bare(status.LayerSignaling), dead(status.LayerSignaling), false, Attempt{}},
		"with a code":                                  {bare(status.LayerSignaling), closedWith(status.AudioInternalServerError, status.LayerSignaling), false, Attempt{}},
		"media closes in a resume":                     {bare(status.LayerSignaling), bare(status.LayerMedia), true, Attempt{Level: policy.Resume, RestartMedia: true}},
		"media is dead in a resume":                    {bare(status.LayerSignaling), dead(status.LayerMedia), true, Attempt{Level: policy.Resume, RestartMedia: true}},
		"media closes in a resume that restarts it":    {dead(status.LayerSignaling), bare(status.LayerMedia), false, Attempt{}},
		"a failure in a resume":                        {bare(status.LayerSignaling), func(r *rig) { r.report(status.TaskFailed) }, true, Attempt{Level: policy.Resume}},
	} {
		t.Run(name, func(t *testing.T) {
			r := kept(restorable)
			c.lost(r)
			r.next()
			require.Equal(t, "reconnecting/restoring", place(r.m))
			c.then(r)
			require.Equal(t, c.ends, r.m.phase == aborting)
			require.Len(t, find(r.last, CancelRestore), map[bool]int{true: 1}[c.ends])
			r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Status: map[bool]status.Status{true: status.New(status.TaskFailed, errProbe)}[c.ends]})
			if !c.ends {
				assert.Equal(t, "connected/resting", place(r.m))
				return
			}
			r.next()
			require.Equal(t, "reconnecting/restoring", place(r.m))
			assert.Equal(t, c.next.Level, r.m.attempt.Level)
			assert.Equal(t, c.next.RestartMedia, r.m.attempt.RestartMedia)
			assert.NotEqual(t, observer.StateStopped, r.m.state)
		})
	}
}

// TestRestoreAbortedRaises: what closes while a cancelled restart is waited for
// counts for the next level.
func TestRestoreAbortedRaises(t *testing.T) {
	r := kept(restorable, rungs(5, 1))
	r.loseLayer(status.LayerMedia)
	r.next()
	r.tick() // out of time
	r.closedBare(status.LayerSignaling)
	r.restoreFailed(status.TaskFailed)
	r.next()
	assert.Equal(t, []string{"restart-media in 1s", "#1 restart-media", "failed", "resume in 0s", "#2 resume"}, r.story())
	assert.True(t, r.m.attempt.RestartMedia)
}

// TestRestoreAbortedForALoss: what has ended the attempt counts, whatever the restart
// says of its own end, and the attempt's time is over with it.
func TestRestoreAbortedForALoss(t *testing.T) {
	r := kept(restorable, rungs(5, 1))
	r.loseLayer(status.LayerMedia)
	r.next()
	r.wait(restartTimeout - time.Second)
	r.loseLayer(status.LayerSignaling)
	r.justBefore(t, closeGrace)
	r.restoreFailed(status.AudioInternalServerError)
	r.next()
	assert.Equal(t, policy.Resume, r.m.attempt.Level)
}

// TestReasonsAddUp: what closes while a reason is waited for is no less lost for
// that.
func TestReasonsAddUp(t *testing.T) {
	for name, c := range map[string]struct {
		drive func(r *rig)
		level policy.Level
		media bool
	}{
		"signaling, then media": {func(r *rig) { r.closedBare(status.LayerSignaling); r.closedBare(status.LayerMedia); r.tick() }, policy.Resume, true},
		"media, then signaling": {func(r *rig) { r.closedBare(status.LayerMedia); r.closedBare(status.LayerSignaling); r.tick() }, policy.Resume, true},
		"media alone":           {func(r *rig) { r.closedBare(status.LayerMedia); r.tick() }, policy.RestartMedia, true},
		"signaling alone":       {func(r *rig) { r.closedBare(status.LayerSignaling); r.tick() }, policy.Resume, false},
		"a reason of no layer":  {func(r *rig) { r.closedBare(status.LayerSignaling); r.report(status.AudioInternalServerError) }, policy.Rejoin, false},
		"a reason of media":     {func(r *rig) { r.closedBare(status.LayerSignaling); r.loseLayer(status.LayerMedia) }, policy.Resume, true},
		"a reason of signaling": {func(r *rig) { r.closedBare(status.LayerMedia); r.loseLayer(status.LayerSignaling) }, policy.Resume, true},
		"the server asks for one": {func(r *rig) {
			r.closedBare(status.LayerSignaling)
			r.closedBare(status.LayerMedia)
			r.directed(status.Directive{Recovery: status.RecoverByResume})
		}, policy.Resume, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := kept(restorable)
			c.drive(r)
			r.next()
			assert.Equal(t, c.level, r.m.attempt.Level)
			assert.Equal(t, c.media, r.m.attempt.RestartMedia)
		})
	}
}

// TestRaisedWhileWaiting: a further loss, or a wish of the server, has the outage
// begin higher.
func TestRaisedWhileWaiting(t *testing.T) {
	for name, c := range map[string]struct {
		able  Abilities
		in    func(r *rig)
		level policy.Level
	}{
		"nothing":                   {restorable, func(*rig) {}, policy.RestartMedia},
		"signaling closes":          {restorable, func(r *rig) { r.closedBare(status.LayerSignaling) }, policy.Resume},
		"signaling is dead":         {restorable, func(r *rig) { r.loseLayer(status.LayerSignaling) }, policy.Resume},
		"and cannot be resumed":     {CanRestart, func(r *rig) { r.loseLayer(status.LayerSignaling) }, policy.Rejoin},
		"media once more":           {restorable, func(r *rig) { r.closedBare(status.LayerMedia) }, policy.RestartMedia},
		"the server wants a rejoin": {restorable, func(r *rig) { r.directed(status.Directive{Recovery: status.RecoverByRejoin}) }, policy.Rejoin},
		"it sends the session away": {restorable, func(r *rig) { r.directed(status.Directive{Endpoint: "there"}) }, policy.Rejoin},
		"to be resumed there": {restorable, func(r *rig) {
			r.closedBare(status.LayerSignaling)
			r.directed(status.Directive{Endpoint: "there", Recovery: status.RecoverByResume})
		}, policy.Resume},
		"a failure that says nothing": {restorable, func(r *rig) { r.report(status.TaskFailed) }, policy.RestartMedia},
	} {
		t.Run(name, func(t *testing.T) {
			r := kept(c.able)
			r.loseLayer(status.LayerMedia)
			due, _ := r.m.timers.at(tRetry)
			r.wait(retryDelay / 2)
			c.in(r)
			assert.Equal(t, c.level == policy.Rejoin, r.m.phase == waiting && r.count[CloseLink] == 1, "the link is closed as soon as it is not needed")
			r.settleOld()
			r.next()
			assert.Equal(t, c.level, r.m.attempt.Level)
			assert.Equal(t, due, r.now.Mono, "no later")
		})
	}
}

// TestResumeWindow: a resume that would begin too late is not tried. The time is
// that of the wall, as a server's is.
func TestResumeWindow(t *testing.T) {
	for _, c := range []struct {
		delay, asleep time.Duration
		level         policy.Level
	}{
		{resumeWindow - 1, 0, policy.Resume},
		{resumeWindow, 0, policy.Rejoin},
		{time.Second, resumeWindow - time.Second - 1, policy.Resume},
		{time.Second, resumeWindow - time.Second, policy.Rejoin},
	} {
		r := kept(restorable, delay(c.delay))
		r.loseLayer(status.LayerSignaling)
		require.Equal(t, "reconnecting/holding", place(r.m))
		r.now.Wall = r.now.Wall.Add(c.asleep)
		r.wait(c.delay)
		r.do(Input{Kind: Tick})
		r.settleOld()
		assert.Equal(t, c.level, r.m.attempt.Level, "%+v", c)
	}
	r := kept(restorable)
	r.loseLayer(status.LayerSignaling)
	r.next()
	r.now.Wall = r.now.Wall.Add(resumeWindow - retryDelay)
	r.restoreFailed(status.TaskFailed)
	assert.Equal(t, []string{"resume in 1s", "#1 resume", "failed", "rejoin in 0s"}, r.story(), "nor is the second one")
}

// TestRestoreEndsOtherwise: wherever a recovery is, what is final ends it, and
// everything that runs is cancelled.
func TestRestoreEndsOtherwise(t *testing.T) {
	cancels := []EffectKind{CancelOpen, CloseLink, CancelRestore, CancelResync, CancelAdmit}
	for _, s := range recoverySituations {
		for name, in := range map[string]func(r *rig) Input{
			"a terminal status": func(r *rig) Input {
				return Input{Kind: Reported, Epoch: r.m.epoch, Status: status.New(status.MeetingEnded, nil)}
			},
			"stop": func(*rig) Input { return Input{Kind: Stop, Status: status.New(status.Left, nil)} },
		} {
			r := s.arrive(transitions)
			if r.m.state == observer.StateStopped {
				continue
			}
			runs := map[EffectKind]bool{
				CancelOpen: r.m.phase == opening, CloseLink: r.m.held, CancelRestore: r.m.phase == restoring,
				CancelResync: r.m.phase == resyncing, CancelAdmit: r.m.phase == queueing,
			}
			effects := r.do(in(r))
			require.Equal(t, observer.StateStopped, r.m.state, "%s: %s", s.name, name)
			for _, k := range cancels {
				assert.Equal(t, runs[k], len(find(effects, k)) == 1, "%s: %s: %s", s.name, name, k)
			}
			if i, j := slices.IndexFunc(effects, isKind(CancelRestore)), slices.IndexFunc(effects, isKind(CloseLink)); i >= 0 {
				assert.Less(t, i, j, "cancelled before it is closed")
			}
			r.onlyTime()
			assert.Equal(t, "stopped/resting", place(r.m))
		}
	}
}

func isKind(k EffectKind) func(Effect) bool { return func(e Effect) bool { return e.Kind == k } }

// TestRestoreProof: after a restart only what comes in over the new path proves
// it. One without life goes on to a resume at once, and that to a rejoin.
func TestRestoreProof(t *testing.T) {
	restarted := func() *rig {
		r := newRig(detecting)
		r.calm(askable | restorable)
		r.hear()
		r.wait(10 * time.Millisecond)
		r.told = nil
		r.loseLayer(status.LayerMedia)
		r.tick()
		r.restored()
		return r
	}
	t.Run("by what comes in afterwards", func(t *testing.T) {
		r := restarted()
		require.Equal(t, "reconnecting/proving", place(r.m), "what was heard before proves nothing")
		r.wait(time.Second)
		r.hear()
		assert.Equal(t, "connected/resting", place(r.m))
		assert.Equal(t, time.Second, only[observer.MediaProven](t, r).After)
		assert.Equal(t, 1, only[observer.Recovered](t, r).Outage.Attempts)
	})
	t.Run("by what came in meanwhile", func(t *testing.T) {
		r := newRig(detecting)
		r.calm(askable | restorable)
		r.loseLayer(status.LayerMedia)
		r.tick()
		r.wait(time.Second)
		r.hear()
		r.restored()
		assert.Equal(t, "connected/resting", place(r.m))
	})
	t.Run("by nothing", func(t *testing.T) {
		r := restarted()
		r.until("AttemptFailed", health.Signaling)
		require.Equal(t, "reconnecting/restoring", place(r.m), "at once")
		r.restored()
		r.until("AttemptFailed", health.Signaling)
		r.next()
		assert.Equal(t, []string{
			"restart-media in 1s", "#1 restart-media", "failed",
			"resume in 0s", "#2 resume", "failed",
			"rejoin in 0s", "#3 rejoin",
		}, r.story())
		assert.Equal(t, uint32(2), r.m.Snapshot().Liveness.Unproven)
	})
}

// TestRecoveredFacts: Recovered says what was kept, and for how long nothing came
// in.
func TestRecoveredFacts(t *testing.T) {
	for name, c := range map[string]struct {
		drive func(r *rig)
		want  observer.Outage
	}{
		"media restarted": {func(r *rig) { r.loseLayer(status.LayerMedia); r.next(); r.wait(time.Second); r.restored() }, observer.Outage{
			Level: policy.RestartMedia, Attempts: 1, Duration: 2 * time.Second, Gap: 2 * time.Second, SessionKept: true, MediaKept: true,
		}},
		"resumed": {func(r *rig) { r.loseLayer(status.LayerSignaling); r.next(); r.restored() }, observer.Outage{
			Level: policy.Resume, Attempts: 1, Duration: time.Second, Gap: time.Second, SessionKept: true, MediaKept: true,
		}},
		"joined anew": {func(r *rig) { r.report(status.AudioInternalServerError); r.next(); r.opened(0) }, observer.Outage{
			Level: policy.Rejoin, Attempts: 1, Duration: time.Second, Gap: time.Second,
		}},
		"by the fourth attempt": {func(r *rig) { r.loseLayer(status.LayerMedia); r.failAttempts(3); r.next(); r.opened(0) }, observer.Outage{
			Level: policy.Rejoin, Attempts: 4, Duration: 2 * time.Second, Gap: 2 * time.Second,
		}},
		"with what could not be done": {func(r *rig) {
			r.loseLayer(status.LayerMedia)
			r.next()
			r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Unsupported: true})
			r.next()
			r.restored()
		}, observer.Outage{Level: policy.Resume, Attempts: 1, Duration: time.Second, Gap: time.Second, SessionKept: true, MediaKept: true}},
	} {
		t.Run(name, func(t *testing.T) {
			r := kept(restorable)
			c.drive(r)
			got := only[observer.Recovered](t, r).Outage
			c.want.Since, c.want.First, c.want.Last = got.Since, got.First, got.Last
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.want.Attempts, only[observer.Connected](t, r).Attempts)
		})
	}
}

// TestRecoveredGap: a verdict says since when nothing came in; the gap counts from
// there.
func TestRecoveredGap(t *testing.T) {
	heard := Heard{Signaling: 10 * time.Second, Media: 12 * time.Second}
	for l, since := range map[status.Layer]time.Duration{
		status.LayerMedia: heard.Media, status.LayerSignaling: heard.Signaling, status.LayerUnknown: heard.Signaling,
	} {
		r := kept(restorable)
		r.now = instant(20 * time.Second)
		r.do(Input{Kind: Tick, Heard: heard})
		r.loseLayer(l)
		r.next()
		r.restored()
		o := only[observer.Recovered](t, r).Outage
		assert.Equal(t, r.now.Mono-since, o.Gap, l.String())
		assert.Less(t, o.Duration, o.Gap)
	}
}

// TestViewOnlyIsForEver: sending video that was refused is refused at every level,
// and so it is told a link that was kept.
func TestViewOnlyIsForEver(t *testing.T) {
	r := kept(restorable)
	r.report(status.VideoCallSwitchToViewOnly)
	r.do(Input{Kind: UpdateDone, Epoch: r.m.epoch, ID: r.m.update.id})
	r.loseLayer(status.LayerMedia)
	for range 4 {
		r.next()
		assert.True(t, r.m.attempt.ViewOnly, r.m.attempt.Level.String())
		if r.m.phase == restoring {
			r.restoreFailed(status.TaskFailed)
		}
	}
	r.opened(restorable)
	assert.True(t, only[observer.Connected](t, r).ViewOnly)
	assert.Zero(t, r.m.update, "the link knows since it was opened")

	r = kept(restorable)
	r.loseLayer(status.LayerMedia)
	r.report(status.VideoCallSwitchToViewOnly)
	r.next()
	r.restored()
	updates := find(r.last, Update)
	require.Len(t, updates, 1, "the link that was kept is told")
	assert.True(t, updates[0].ViewOnly)
	assert.Equal(t, status.VideoCallSwitchToViewOnly, only[observer.Updating](t, r).Cause.Code)
}

// TestDemotedAtTheLoss, whatever the level of the recovery is.
func TestDemotedAtTheLoss(t *testing.T) {
	for _, l := range []status.Layer{status.LayerMedia, status.LayerSignaling, status.LayerClient} {
		r := kept(restorable)
		r.promote(opID)
		r.promoteDone(opID)
		r.told = nil
		r.loseLayer(l)
		require.Equal(t, []string{"Demoted", "Reconnecting", "RetryScheduled"}, r.toldNames(), l.String())
		r.next()
		if r.m.phase == restoring {
			r.restored()
		} else {
			r.opened(restorable)
		}
		assert.False(t, r.m.Snapshot().Promoted, l.String())
		assert.Equal(t, []string{"promote"}, kindsOf(r.promote(opID+1)), "it may be asked for again")
	}
}

func kindsOf(effects []Effect) (list []string) {
	for _, e := range effects {
		list = append(list, e.Kind.String())
	}
	return list
}

// TestLostLinkAfterARestore: for two seconds after the rejoin has begun, the lost
// link may still say that there is nothing to come back to, however many attempts
// were made on it; the one before it may not.
func TestLostLinkAfterARestore(t *testing.T) {
	removed := status.New(status.AudioAttendeeRemoved, nil)
	r := kept(restorable)
	r.loseLayer(status.LayerMedia)
	r.failAttempts(4) // three on the link, and a rejoin
	r.next()
	r.wait(authority - retryDelay - 1)
	late := &rig{m: r.m.Clone(), now: r.now}
	late.do(Input{Kind: Reported, Epoch: 1, Status: removed})
	assert.Equal(t, observer.StateStopped, late.m.state)
	r.wait(1)
	r.do(Input{Kind: Reported, Epoch: 1, Status: removed})
	assert.NotEqual(t, observer.StateStopped, r.m.state)

	r = kept(restorable)
	r.report(status.AudioInternalServerError)
	r.next()
	r.opened(restorable)
	r.wait(time.Hour)
	r.loseLayer(status.LayerMedia)
	r.next()
	require.Equal(t, "reconnecting/restoring", place(r.m))
	r.do(Input{Kind: Reported, Epoch: 1, Status: removed})
	assert.Equal(t, "reconnecting/restoring", place(r.m), "a restart does not call the dead")
}

// TestDirectedLevel: a server that says how to come back is heard, as far as the
// link can.
func TestDirectedLevel(t *testing.T) {
	for name, c := range map[string]struct {
		able  Abilities
		lost  status.Status
		level policy.Level
	}{
		"resume instead of a rejoin":    {restorable, status.Status{Code: status.AudioInternalServerError, Directive: &status.Directive{Recovery: status.RecoverByResume}}, policy.Resume},
		"resume instead of a restart":   {restorable, status.Status{Code: status.ConnectionHealthReconnect, Layer: status.LayerMedia, Directive: &status.Directive{Recovery: status.RecoverByResume}}, policy.Resume},
		"resume, which is not possible": {CanRestart, status.Status{Code: status.AudioInternalServerError, Directive: &status.Directive{Recovery: status.RecoverByResume}}, policy.Rejoin},
		"rejoin instead of a restart":   {restorable, status.Status{Code: status.ConnectionHealthReconnect, Layer: status.LayerMedia, Directive: &status.Directive{Recovery: status.RecoverByRejoin}}, policy.Rejoin},
		"rejoin elsewhere":              {restorable, status.Status{Code: status.SignalingInternalServerError, Directive: &status.Directive{Endpoint: "there"}}, policy.Rejoin},
		"resume elsewhere":              {restorable, status.Status{Code: status.SignalingInternalServerError, Directive: &status.Directive{Endpoint: "there", Recovery: status.RecoverByResume}}, policy.Resume},
		"a wish that is none":           {restorable, status.Status{Code: status.SignalingInternalServerError, Directive: &status.Directive{}}, policy.Resume},
	} {
		t.Run(name, func(t *testing.T) {
			r := kept(c.able)
			r.do(Input{Kind: Reported, Epoch: r.m.epoch, Status: c.lost})
			r.next()
			assert.Equal(t, c.level, r.m.attempt.Level)
			if d := c.lost.Directive; c.level > policy.RestartMedia {
				assert.Equal(t, d.Endpoint, r.m.attempt.Endpoint)
			}
		})
	}
	r := kept(restorable)
	r.do(Input{Kind: LinkClosed, Epoch: r.m.epoch, Layer: status.LayerSignaling, Status: status.Status{Directive: &status.Directive{Recovery: status.RecoverByRejoin}}})
	r.next()
	assert.Equal(t, policy.Rejoin, r.m.attempt.Level, "also with a close that is no failure")
}
