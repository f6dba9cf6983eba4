package machine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// catching has a link in a recovery, with which the application catches up.
func catching(l status.Layer, changes ...func(*Config)) *rig {
	r := kept(restorable, append(changes, catchesUp)...)
	r.loseLayer(l)
	r.next()
	if r.m.phase == restoring {
		r.restored()
	} else {
		r.opened(restorable)
	}
	return r
}

// TestResync: the application catches up before a recovery counts as one, and knows
// what it has missed.
func TestResync(t *testing.T) {
	for l, level := range map[status.Layer]policy.Level{
		status.LayerMedia: policy.RestartMedia, status.LayerSignaling: policy.Resume, status.LayerClient: policy.Rejoin,
	} {
		r := catching(l)
		asked := find(r.last, Resync)
		require.Len(t, asked, 1)
		e := only[observer.Resyncing](t, r)
		assert.Equal(t, e.Outage, *asked[0].Outage)
		assert.Equal(t, level, e.Outage.Level)
		assert.Equal(t, level < policy.Rejoin, e.Outage.SessionKept)
		assert.Equal(t, retryDelay, e.Outage.Duration)
		assert.Equal(t, "reconnecting/resyncing", place(r.m))
		r.wait(time.Second)
		assert.Empty(t, r.do(Input{Kind: Resynced, Epoch: r.m.epoch, ID: r.m.op + 1}), "another's")
		r.told = nil
		r.resynced()
		assert.Equal(t, []string{"Connected", "Recovered"}, r.toldNames())
		assert.Equal(t, retryDelay+time.Second, only[observer.Recovered](t, r).Outage.Duration, "with the time it took")
		assert.Empty(t, r.do(Input{Kind: Resynced, Epoch: r.m.epoch, ID: asked[0].ID}), "twice")
	}
}

// TestNoResync: after the first connect there is nothing to catch up with, nor on a
// link that has healed; and nobody who does not want to is asked.
func TestNoResync(t *testing.T) {
	r := newRig(catchesUp)
	r.start()
	assert.Equal(t, []string{"Connected"}, names(r.opened(0)))

	r = newRig(detecting, catchesUp)
	r.calm(askable | restorable)
	r.until("LinkDead", health.Signaling)
	r.until("LinkHealed", health.Both)
	assert.Equal(t, "connected/resting", place(r.m))
	assert.Zero(t, r.count[Resync])

	r = kept(restorable)
	r.loseLayer(status.LayerMedia)
	r.next()
	assert.Equal(t, []string{"Connected", "Recovered"}, names(r.restored()))
}

// TestResyncAfterTheProof: there is nothing to catch up with over a path that does
// not work.
func TestResyncAfterTheProof(t *testing.T) {
	r := newRig(detecting, catchesUp)
	r.calm(askable | restorable)
	r.until("LinkDead", health.Signaling)
	r.until("AttemptStarted", health.Signaling)
	r.restored()
	assert.Zero(t, r.count[Resync])
	r.told = nil
	r.until("MediaProven", health.Both)
	assert.Equal(t, []string{"MediaProven", "Resyncing"}, r.toldNames())
}

// TestResyncIsOver: nothing of it is left.
func TestResyncIsOver(t *testing.T) {
	r := catching(status.LayerMedia)
	r.resynced()
	r.told = nil
	r.pass(time.Hour, health.Both)
	assert.Empty(t, r.told)

	r = catching(status.LayerClient) // a rejoin
	late := r.m.op
	r.report(status.AudioInternalServerError)
	r.next()
	r.opened(restorable)
	require.Equal(t, "reconnecting/resyncing", place(r.m))
	assert.Empty(t, r.do(Input{Kind: Resynced, Epoch: r.m.epoch, ID: late}), "that was another one")
}

// TestResyncWithoutProof: a path that turns out to have nothing to show for itself is
// not asked for a proof any more.
func TestResyncWithoutProof(t *testing.T) {
	r := newRig(detecting, func(c *Config) { c.ResyncTimeout = time.Minute })
	r.calm(CanProbe | CanRestart)
	r.loseLayer(status.LayerMedia)
	r.next()
	r.restored()
	require.Equal(t, "reconnecting/proving", place(r.m))
	r.do(Input{Kind: CannotProbe, Epoch: r.m.epoch})
	require.Equal(t, "reconnecting/resyncing", place(r.m))
	r.pass(time.Minute-1, 0)
	assert.Equal(t, "reconnecting/resyncing", place(r.m))
}

// TestResyncFails: that fails the attempt; a link that was kept goes on to the next
// level.
func TestResyncFails(t *testing.T) {
	r := kept(restorable, catchesUp)
	r.loseLayer(status.LayerMedia)
	for range 3 {
		r.next()
		r.restored()
		r.do(Input{Kind: Resynced, Epoch: r.m.epoch, ID: r.m.op, Status: status.New(status.TaskFailed, errProbe)})
		assert.Zero(t, r.count[CancelResync], "it is over")
	}
	r.next()
	r.opened(restorable)
	r.do(Input{Kind: Resynced, Epoch: r.m.epoch, ID: r.m.op, Status: status.New(status.TaskFailed, errProbe)})
	r.next()
	assert.Equal(t, []string{
		"restart-media in 1s", "#1 restart-media", "failed",
		"resume in 0s", "#2 resume", "failed",
		"resume in 1s", "#3 resume", "failed",
		"rejoin in 0s", "#4 rejoin", "failed",
		"rejoin in 1s", "#5 rejoin",
	}, r.story())
	assert.Equal(t, 2, r.count[CloseLink])

	r = catching(status.LayerMedia)
	r.do(Input{Kind: Resynced, Epoch: r.m.epoch, ID: r.m.op, Status: status.New(status.MeetingEnded, nil)})
	assert.Equal(t, status.MeetingEnded, r.m.ending.decision.Status.Code, "what is final is final")
	r = catching(status.LayerMedia)
	r.do(Input{Kind: Resynced, Epoch: r.m.epoch, ID: r.m.op, Unsupported: true})
	assert.Equal(t, "connected/resting", place(r.m), "who cannot catch up has nothing to")
}

// TestResyncTakesTooLong: it has its time, within the budget.
func TestResyncTakesTooLong(t *testing.T) {
	for _, c := range []struct {
		budget, want time.Duration
		words        string
	}{
		{elapsedBudget, resyncTimeout, "resync took longer than 7s"},
		{retryDelay + 3*time.Second, 3 * time.Second, "resync took longer than 3s"},
	} {
		r := catching(status.LayerMedia, budget(c.budget))
		id := r.m.op
		r.justBefore(t, c.want)
		effects := r.do(Input{Kind: Tick})
		require.Len(t, find(effects, CancelResync), 1)
		assert.Equal(t, id, find(effects, CancelResync)[0].ID)
		assert.EqualError(t, only[observer.AttemptFailed](t, r).Status.Cause, c.words)
		r.told = nil
		r.do(Input{Kind: Resynced, Epoch: r.m.epoch, ID: id})
		assert.Empty(t, r.told, "too late")
	}
}

// TestResyncIsOvertaken: what ends an attempt ends it, and what runs is cancelled.
func TestResyncIsOvertaken(t *testing.T) {
	for name, c := range map[string]struct {
		in    func(r *rig)
		place string
		close bool
	}{
		"a failure":         {func(r *rig) { r.report(status.AudioInternalServerError) }, "reconnecting/holding", false},
		"media closes":      {func(r *rig) { r.closedBare(status.LayerMedia) }, "reconnecting/holding", false},
		"signaling closes":  {func(r *rig) { r.closedBare(status.LayerSignaling) }, "reconnecting/holding", false},
		"a terminal status": {func(r *rig) { r.report(status.MeetingEnded) }, "stopped/leaving", true},
		"stop":              {func(r *rig) { r.stop() }, "stopped/leaving", true},
		"a wish to rejoin":  {func(r *rig) { r.directed(status.Directive{Recovery: status.RecoverByRejoin}) }, "reconnecting/waiting", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := catching(status.LayerMedia)
			c.in(r)
			assert.Equal(t, c.place, place(r.m))
			assert.Len(t, find(r.last, CancelResync), 1)
			assert.Equal(t, c.close, len(find(r.last, CloseLink)) == 1)
		})
	}
}

// TestResyncIsWatched: a link that dies meanwhile is found dead.
func TestResyncIsWatched(t *testing.T) {
	r := newRig(detecting, func(c *Config) { c.ResyncTimeout = time.Hour })
	r.calm(askable | restorable)
	r.until("LinkDead", health.Signaling)
	r.until("AttemptStarted", health.Signaling)
	r.restored()
	r.until("Resyncing", health.Both)
	r.clean()
	r.told = nil
	r.until("AttemptFailed", health.Signaling)
	assert.Equal(t, 1, r.count[CancelResync])
	assert.Equal(t, status.ConnectionHealthReconnect, only[observer.AttemptFailed](t, r).Status.Code)
}
