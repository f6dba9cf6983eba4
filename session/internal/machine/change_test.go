package machine

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

func (r *rig) ask(renegotiate, viewOnly bool) []Effect {
	return r.do(Input{Kind: Ask, Renegotiate: renegotiate, ViewOnly: viewOnly})
}

func (r *rig) updated() []Effect {
	return r.do(Input{Kind: UpdateDone, Epoch: r.m.epoch, ID: r.m.update.id})
}

// changeIn is what the only update among effects is to bring about.
func changeIn(t *testing.T, effects []Effect) change {
	t.Helper()
	updates := find(effects, Update)
	require.Len(t, updates, 1)
	return change{renegotiate: updates[0].Renegotiate, viewOnly: updates[0].ViewOnly}
}

// TestAsk: while connected an update begins at once, one at a time; what is asked
// for meanwhile is one more.
func TestAsk(t *testing.T) {
	r := kept(allAbilities)
	assert.Equal(t, change{renegotiate: true}, changeIn(t, r.ask(true, false)))
	assert.True(t, only[observer.Updating](t, r).Cause.IsZero())
	assert.Empty(t, r.ask(true, false))
	assert.Empty(t, r.ask(false, true))
	assert.Equal(t, change{renegotiate: true, viewOnly: true}, changeIn(t, r.updated()))
	assert.Empty(t, find(r.updated(), Update))
	assert.Empty(t, r.ask(false, true), "it has been told")
	assert.Empty(t, r.ask(false, false))
	assert.True(t, r.m.Snapshot().ViewOnly)
}

// TestAskLater: what is asked for while there is no link waits for the next one,
// which is told as one change.
func TestAskLater(t *testing.T) {
	r := newRig()
	assert.Empty(t, r.ask(true, true), "before the start")
	assert.False(t, r.m.Snapshot().ViewOnly)
	r.start()
	r.ask(true, false)
	r.ask(false, true)
	assert.Equal(t, change{renegotiate: true, viewOnly: true}, changeIn(t, r.opened(allAbilities)))

	r = kept(allAbilities)
	r.report(status.AudioInternalServerError)
	r.ask(true, true)
	r.next()
	assert.True(t, r.m.attempt.ViewOnly)
	assert.Equal(t, change{renegotiate: true}, changeIn(t, r.opened(allAbilities)), "the link knows the rest since it was opened")

	r = kept(restorable)
	r.loseLayer(status.LayerMedia)
	r.ask(true, true)
	r.next()
	assert.Equal(t, change{renegotiate: true, viewOnly: true}, changeIn(t, r.restored()), "one that was kept does not")

	r = kept(allAbilities)
	r.stop()
	assert.Empty(t, r.ask(true, true), "after the end")
}

// TestInterruptedUpdate: an update that was under way at the loss is done again on
// the media connection that it was for, but not on a new one.
func TestInterruptedUpdate(t *testing.T) {
	interrupted := func() *rig {
		r := kept(restorable)
		r.report(status.IncompatibleSDP)
		r.ask(true, false)
		return r
	}
	for _, l := range []status.Layer{status.LayerMedia, status.LayerSignaling} {
		r := interrupted()
		require.Len(t, find(r.loseLayer(l), CancelUpdate), 1)
		r.next()
		r.told = nil
		assert.Equal(t, change{renegotiate: true}, changeIn(t, r.restored()))
	}
	r := interrupted()
	r.report(status.AudioInternalServerError)
	r.next()
	assert.Empty(t, find(r.opened(restorable), Update), "it has been negotiated anew")

	r = interrupted()
	r.loseLayer(status.LayerMedia)
	r.failAttempts(3)
	r.next()
	assert.Empty(t, find(r.opened(restorable), Update))

	r = interrupted()
	r.ask(false, true)
	r.report(status.AudioInternalServerError)
	r.next()
	assert.True(t, r.m.attempt.ViewOnly)
}

// TestInterruptedUpdateCause: it is done again for its own reason; what was asked
// for besides has none.
func TestInterruptedUpdateCause(t *testing.T) {
	r := kept(restorable)
	r.report(status.IncompatibleSDP)
	r.loseLayer(status.LayerMedia)
	r.next()
	r.told = nil
	r.restored()
	assert.Equal(t, status.IncompatibleSDP, only[observer.Updating](t, r).Cause.Code)

	r = kept(restorable)
	r.report(status.IncompatibleSDP)
	r.report(status.AudioInternalServerError)
	r.ask(true, false)
	r.next()
	r.told = nil
	r.opened(restorable)
	assert.True(t, only[observer.Updating](t, r).Cause.IsZero())
}

// TestFailedUpdate: one that fails is not tried again, as it may be what breaks the
// link; what has waited for it is.
func TestFailedUpdate(t *testing.T) {
	for name, fail := range map[string]func(r *rig){
		"an answer": func(r *rig) {
			r.do(Input{Kind: UpdateDone, Epoch: r.m.epoch, ID: r.m.update.id, Status: status.New(status.SignalingInternalServerError, nil)})
		},
		"then asked for": func(r *rig) {
			r.ask(true, false)
			r.do(Input{Kind: UpdateDone, Epoch: r.m.epoch, ID: r.m.update.id, Status: status.New(status.SignalingInternalServerError, nil)})
		},
	} {
		r := kept(restorable)
		r.ask(true, false)
		fail(r)
		r.next()
		assert.Equal(t, name == "then asked for", len(find(r.restored(), Update)) == 1, name)
	}
	r := kept(restorable, func(c *Config) { c.PingInterval = 0 })
	r.report(status.VideoCallSwitchToViewOnly)
	r.do(Input{Kind: UpdateDone, Epoch: r.m.epoch, ID: r.m.update.id, Status: status.New(status.SignalingInternalServerError, nil)})
	r.next()
	assert.Equal(t, change{viewOnly: true}, changeIn(t, r.restored()), "but for the end of sending video, which must be told")
}

// TestUpdateThatTimesOut is a failure of which nothing is known: the link is
// replaced.
func TestUpdateThatTimesOut(t *testing.T) {
	r := kept(restorable, func(c *Config) { c.PingInterval = 0 })
	r.ask(true, false)
	r.justBefore(t, connectTimeout)
	effects := r.do(Input{Kind: Tick})
	assert.Len(t, find(effects, CancelUpdate), 1)
	assert.Len(t, find(effects, CloseLink), 1)
}

// TestChangeUnsupported: a link that cannot be changed is told nothing, once.
func TestChangeUnsupported(t *testing.T) {
	r := newRig(detecting)
	r.calm(askable | CanRestart)
	r.told = nil
	r.report(status.VideoCallSwitchToViewOnly)
	assert.True(t, only[observer.Updated](t, r).Unsupported)
	r.until("LinkDead", health.Signaling)
	r.until("LinkHealed", health.Both)
	only[observer.Updated](t, r) // and no more
	r.ask(true, false)
	assert.True(t, r.told[len(r.told)-1].(observer.Updated).Unsupported)
}
