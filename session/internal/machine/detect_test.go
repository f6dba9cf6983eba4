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

// calmed is a rig on a clean path, after changes of the config.
func calmed(a Abilities, changes ...func(*Config)) *rig {
	r := newRig(append([]func(*Config){detecting}, changes...)...)
	r.calm(a)
	return r
}

// dead is a rig whose link was found dead, with the given layers still answering.
func dead(alive health.Layers, changes ...func(*Config)) *rig {
	r := newRig(append([]func(*Config){detecting}, changes...)...)
	r.condemn(alive)
	return r
}

// only is the event of type E that was told.
func only[E observer.Event](t *testing.T, r *rig) E {
	t.Helper()
	var found []E
	for _, e := range r.told {
		if v, is := e.(E); is {
			found = append(found, v)
		}
	}
	require.Len(t, found, 1)
	return found[0]
}

// toldNames lists the events so far by name.
func (r *rig) toldNames() (list []string) {
	for _, e := range r.told {
		list = append(list, e.Name())
	}
	return list
}

// deaths are the ways in which a link that can be asked dies.
var deaths = []struct {
	name      string
	alive     health.Layers
	dead      health.Layers
	layer     status.Layer
	media     string // what the diagnosis says in words
	signaling string
	bound     func(b health.Bounds) time.Duration
}{
	{"media", health.Signaling, health.Media, status.LayerMedia, "no inbound media for ", "signaling answered in ", func(b health.Bounds) time.Duration { return b.MediaDead }},
	{"signaling", health.Media, health.Signaling, status.LayerSignaling, "media flows", "signaling has not answered for ", func(b health.Bounds) time.Duration { return b.SignalingDead }},
	{"both", 0, health.Both, status.LayerUnknown, "no inbound media for ", "signaling has not answered for ", func(b health.Bounds) time.Duration { return b.BothDead }},
}

// TestDetectDeath: each death is suspected, found in time with the right name, told
// with its numbers in words, and is then the cause of an outage; the link is left
// alone.
func TestDetectDeath(t *testing.T) {
	for _, c := range deaths {
		t.Run(c.name, func(t *testing.T) {
			r := calmed(askable)
			before := r.now.Mono
			r.told = nil
			effects := r.until("LinkDead", c.alive)
			assert.LessOrEqual(t, r.now.Mono-before, c.bound(r.m.cfg.Health.WorstCaseDetection().Probed)+roundTrip)
			assert.Equal(t, []string{"LinkDead", "Reconnecting", "RetryScheduled"}, names(effects))

			found := only[observer.LinkDead](t, r)
			assert.Equal(t, observer.StateConnected, found.To)
			assert.Equal(t, c.dead, found.Diagnosis.Layers)
			words := found.Diagnosis.String()
			assert.Contains(t, words, c.media)
			assert.Contains(t, words, c.signaling)

			lost := only[observer.Reconnecting](t, r)
			assert.Equal(t, status.ConnectionHealthReconnect, lost.Cause.Code)
			assert.Equal(t, c.layer, lost.Cause.Layer)
			assert.EqualError(t, lost.Cause.Cause, words)
			assert.Equal(t, retryDelay, only[observer.RetryScheduled](t, r).Decision.Delay)

			var suspected health.Layers
			for _, e := range r.told {
				if s, is := e.(observer.LinkSuspected); is {
					suspected |= s.Diagnosis.Layers
					assert.True(t, s.Doubt.IsZero())
				}
			}
			assert.Equal(t, c.dead, suspected, "no verdict without a suspicion, and none of what lives")
			assert.Equal(t, uint32(1), r.m.Snapshot().Liveness.Dead)
			assert.Equal(t, "reconnecting/condemned", place(r.m))
			assert.Zero(t, r.count[CloseLink])
			assert.False(t, r.m.Snapshot().NextAttempt.IsZero())
		})
	}
}

// TestDetectHealthy: a link that answers is never suspected, whatever comes in
// besides.
func TestDetectHealthy(t *testing.T) {
	r := calmed(askable)
	for range 60 {
		r.pass(time.Second, health.Both)
		r.sample(0, false) // nobody talks
	}
	assert.Zero(t, r.m.Snapshot().Liveness)
	assert.NotContains(t, r.toldNames(), "LinkSuspected")
	assert.Positive(t, r.count[Probe])
}

// TestHealing: a link that comes back before anything was done to it is taken
// back, whatever was dead.
func TestHealing(t *testing.T) {
	for _, c := range deaths {
		t.Run(c.name, func(t *testing.T) {
			r := dead(c.alive)
			lost, epoch := only[observer.Reconnecting](t, r).Elapsed, r.m.epoch
			effects := r.until("LinkHealed", health.Both)
			assert.Equal(t, []string{"LinkHealed", "Connected", "Recovered"}, names(effects))
			healed := only[observer.LinkHealed](t, r)
			assert.Equal(t, c.dead, healed.Layers)
			assert.Equal(t, r.now.Mono-lost, healed.After)

			recovered := only[observer.Recovered](t, r)
			assert.True(t, recovered.Outage.Healed)
			assert.Zero(t, recovered.Outage.Attempts)
			assert.Zero(t, recovered.Outage.Level)
			assert.Equal(t, healed.After, recovered.Outage.Duration)
			assert.Equal(t, c.layer, recovered.Outage.First.Layer)
			assert.Equal(t, epoch, recovered.Epoch, "the same link")
			assert.Zero(t, r.count[CloseLink])

			r.pass(2*stableAfter, health.Both)
			assert.Equal(t, "connected/resting", place(r.m))
			assert.Equal(t, uint32(1), r.m.Snapshot().Liveness.Healed)
			assert.Equal(t, uint32(1), r.m.Snapshot().Liveness.Dead)
			_, running := r.m.retries.Deadline()
			assert.False(t, running, "it is stable again")

			r.until("LinkDead", c.alive)
			assert.Equal(t, uint32(2), r.m.Snapshot().Liveness.Dead, "and is watched as before")
		})
	}
}

// TestHealingTakesEveryDeadLayer: half of a dead link that lives is not enough.
func TestHealingTakesEveryDeadLayer(t *testing.T) {
	for _, first := range []health.Layers{health.Media, health.Signaling} {
		r := dead(0)
		r.pass(retryDelay/2, first)
		require.Equal(t, "reconnecting/condemned", place(r.m), first.String())
		r.until("LinkHealed", health.Both)
		assert.Equal(t, "connected/resting", place(r.m))
	}
}

// TestHealingByBytes: any inbound byte is life, at once.
func TestHealingByBytes(t *testing.T) {
	for name, c := range map[string]struct {
		alive health.Layers
		life  func(r *rig)
	}{
		"media": {health.Signaling, func(r *rig) { r.hear() }},
		"media, by a tick": {health.Signaling, func(r *rig) {
			r.do(Input{Kind: Tick, Heard: Heard{Media: r.now.Mono, Signaling: r.m.heard.Signaling}})
		}},
		"media, in a sample": {health.Signaling, func(r *rig) { r.sample(50, true) }},
		"signaling": {health.Media, func(r *rig) {
			r.do(Input{Kind: Sampled, Epoch: r.m.epoch, Heard: Heard{Signaling: r.now.Mono}})
		}},
		"when the retry is due": {health.Signaling, func(r *rig) {
			r.beforeTimer(tRetry, health.Signaling)
			at, _ := r.m.Deadline()
			r.wait(max(at-r.now.Mono, 0))
			r.do(Input{Kind: Tick, Heard: Heard{Media: r.now.Mono}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := dead(c.alive)
			r.wait(time.Millisecond)
			c.life(r)
			assert.Equal(t, "connected/resting", place(r.m))
			assert.Equal(t, uint32(1), r.m.Snapshot().Liveness.Healed)
		})
	}
}

// TestHealingForbidden: a link that was found dead and then touched, or has itself
// said that it is lost, does not come back: it is closed, once, and another one is
// opened.
func TestHealingForbidden(t *testing.T) {
	report := func(c status.Code) func(*rig) { return func(r *rig) { r.report(c) } }
	touches := map[string]func(r *rig){
		"a failure":             report(status.AudioInternalServerError),
		"an unexplained status": report(status.SignalingChannelClosedUnexpectedly),
		"failed transforms":     report(status.EncodedTransformManagerFailed),
		"a renegotiation":       report(status.IncompatibleSDP),
		"a layer closed bare":   func(r *rig) { r.closedBare(status.LayerMedia) },
		"a layer closed": func(r *rig) {
			r.do(Input{Kind: LinkClosed, Epoch: r.m.epoch, Layer: status.LayerSignaling, Status: status.New(status.OK, nil)})
		},
		"a reconnect": func(r *rig) {
			r.do(Input{Kind: Reconnect, Status: status.New(status.ConnectionHealthReconnect, nil)})
		},
		"the retry is due": func(r *rig) { r.beforeTimer(tRetry, 0); r.tick() },
	}
	for name, touch := range touches {
		t.Run(name, func(t *testing.T) {
			r := dead(health.Signaling)
			old := r.m.epoch
			touch(r)
			notHealed(t, r, old)
		})
	}
	for name, c := range map[string]struct {
		change func(*Config)
		drive  func(r *rig)
	}{
		"healing is off": {func(c *Config) { c.NoHealing = true }, func(*rig) {}},
		"promoted":       {detecting, func(r *rig) { r.promote(opID); r.promoteDone(opID) }},
		"promoting":      {detecting, func(r *rig) { r.promote(opID) }},
		"updating":       {detecting, func(r *rig) { r.report(status.IncompatibleSDP) }},
	} {
		t.Run(name, func(t *testing.T) {
			r := calmed(askable|allAbilities, c.change)
			c.drive(r)
			old := r.m.epoch
			r.until("LinkDead", health.Signaling)
			assert.Equal(t, "reconnecting/waiting", place(r.m))
			notHealed(t, r, old)
		})
	}
}

// notHealed makes sure that the link of an epoch was given up, and that no answer
// brings it back.
func notHealed(t *testing.T, r *rig, old uint64) {
	t.Helper()
	assert.Equal(t, 1, r.count[CloseLink])
	assert.NotEqual(t, "reconnecting/condemned", place(r.m))
	r.do(Input{Kind: Probed, Epoch: old, ID: lastProbe(r.m)})
	r.do(Input{Kind: Sampled, Epoch: old, Heard: Heard{Media: r.now.Mono, Signaling: r.now.Mono}})
	r.do(Input{Kind: CloseDone, Epoch: old})
	for r.m.epoch == old {
		require.NotEmpty(t, r.beat(health.Both))
	}
	assert.Equal(t, "reconnecting/opening", place(r.m))
	assert.Zero(t, r.m.Snapshot().Liveness.Healed)
	assert.Equal(t, 1, r.count[CloseLink])
}

// TestHealingAllowed: what says nothing against the link leaves it free to heal,
// and heals nothing itself.
func TestHealingAllowed(t *testing.T) {
	for name, c := range map[string]struct {
		alive health.Layers
		in    func(r *rig)
	}{
		"a status without consequence": {health.Signaling, func(r *rig) { r.report(status.OK) }},
		"a demotion":                   {health.Signaling, func(r *rig) { r.report(status.AudioVideoWasRemovedFromPrimaryMeeting) }},
		"video refused":                {health.Signaling, func(r *rig) { r.report(status.VideoCallSwitchToViewOnly) }},
		"a doubt":                      {health.Signaling, func(r *rig) { r.doubt(status.LayerMedia) }},
		"another expectation":          {health.Signaling, func(r *rig) { r.expect(health.ExpectMedia) }},
		"the end of an expectation": {health.Signaling, func(r *rig) {
			r.expect(health.ExpectMedia)
			r.expect(health.ExpectNothing)
		}},
		"a sample without traffic": {health.Signaling, func(r *rig) { r.sample(0, false) }},
		"the other layer's pong":   {health.Signaling, func(r *rig) { r.do(Input{Kind: Ponged, Epoch: r.m.epoch, ID: ownPing(r.m)}) }},
		"the other layer's answer": {health.Media, func(r *rig) { r.do(Input{Kind: Probed, Epoch: r.m.epoch, ID: lastProbe(r.m)}) }},
		"a probe never sent":       {health.Signaling, func(r *rig) { r.do(Input{Kind: Probed, Epoch: r.m.epoch, ID: lastProbe(r.m) + 1}) }},
		"a report of an older link": {health.Signaling, func(r *rig) {
			r.do(Input{Kind: Reported, Epoch: r.m.epoch - 1, Status: status.New(status.AudioInternalServerError, nil)})
		}},
		"a stall": {0, func(r *rig) {
			at, _ := r.m.timers.at(tDetect)
			r.wait(at - r.now.Mono + r.m.cfg.Health.Detector.LateTick + 1)
			r.do(Input{Kind: Tick})
		}},
		"a sleep": {0, func(r *rig) { r.sleep(time.Hour, 0); r.do(Input{Kind: Tick}) }},
	} {
		t.Run(name, func(t *testing.T) {
			r := dead(c.alive)
			r.wait(time.Millisecond)
			c.in(r)
			require.Equal(t, "reconnecting/condemned", place(r.m), "neither touched nor healed")
			r.pass(retryDelay/10, c.alive)
			require.Equal(t, "reconnecting/condemned", place(r.m))
			r.until("LinkHealed", health.Both)
			assert.Equal(t, "connected/resting", place(r.m))
		})
	}
}

// TestHealingOfAnExpectedSilence: where only what is declared speaks for a dead
// path, declaring something else does not make it live.
func TestHealingOfAnExpectedSilence(t *testing.T) {
	r := newRig(detecting)
	r.calmBy(CanPing, health.ExpectMedia)
	r.until("LinkDead", health.Signaling)
	for _, e := range []health.Expectation{health.ExpectKeepalives, health.ExpectNothing, health.ExpectUnknown} {
		r.wait(time.Millisecond)
		r.expect(e)
		require.Equal(t, "reconnecting/condemned", place(r.m), e.String())
	}
	r.wait(time.Millisecond)
	r.hear()
	assert.Equal(t, "connected/resting", place(r.m))
}

// TestHealingTellsOnlyWhatIsNew: a link that has switched to view-only is not told
// again, one that was dead when video was refused hears of it now.
func TestHealingTellsOnlyWhatIsNew(t *testing.T) {
	r := calmed(askable | CanUpdate)
	r.report(status.VideoCallSwitchToViewOnly)
	r.do(Input{Kind: UpdateDone, Epoch: r.m.epoch, ID: 1})
	r.until("LinkDead", health.Signaling)
	assert.Empty(t, find(r.until("LinkHealed", health.Both), Update))
	assert.True(t, r.m.Snapshot().ViewOnly)

	r = dead(health.Signaling)
	r.report(status.VideoCallSwitchToViewOnly)
	updates := find(r.until("LinkHealed", health.Both), Update)
	require.Len(t, updates, 1)
	assert.True(t, updates[0].ViewOnly)
}

// TestHealingKeepsTheBudget: a link that dies and heals all the time does not go
// on for ever: only a stable connection has a new budget.
func TestHealingKeepsTheBudget(t *testing.T) {
	r := dead(health.Signaling)
	end, ok := r.m.retries.Deadline()
	require.True(t, ok)
	r.until("LinkHealed", health.Both)
	again, ok := r.m.retries.Deadline()
	require.True(t, ok)
	assert.Equal(t, end, again)
	for r.m.state != observer.StateStopped {
		r.beat(health.Signaling)
		if r.m.phase == condemned {
			r.until("LinkHealed", health.Both)
		}
		if r.now.Mono > end+lookout {
			require.Fail(t, "it goes on for ever")
		}
	}
	r.onlyTime()
	assert.Equal(t, policy.RefusedElapsed, r.end(t).Decision.Refusal)
	assert.GreaterOrEqual(t, r.now.Mono, end, "G9: not before the budget")
	assert.Greater(t, r.m.Snapshot().Liveness.Healed, uint32(2))
}

// TestDeadAtTheEndOfTheBudget: without a budget the verdict is the end, by the
// policy, with the diagnosis.
func TestDeadAtTheEndOfTheBudget(t *testing.T) {
	r := newRig(detecting, budget(0))
	r.start()
	r.opened(askable)
	r.clean()
	assert.Equal(t, []string{"LinkDead"}, names(r.until("LinkDead", health.Signaling)))
	r.onlyTime()
	e := r.end(t)
	assert.Equal(t, status.ConnectionHealthReconnect.Public(), e.Status.Code)
	assert.Equal(t, observer.ByPolicy, e.Initiator)
	assert.Equal(t, policy.RuleBudget, e.Decision.Rule)
	assert.ErrorContains(t, e.Status, only[observer.LinkDead](t, r).Diagnosis.String())
	assert.Equal(t, 1, r.count[CloseLink])
	assert.NotContains(t, r.toldNames(), "Reconnecting")
}

// TestDeadByClass: what a verdict means is the policy's to say.
func TestDeadByClass(t *testing.T) {
	t.Run("ignored", func(t *testing.T) {
		r := calmed(askable, ignoring)
		assert.Equal(t, []string{"LinkDead"}, names(r.until("LinkDead", health.Signaling)))
		r.pass(time.Minute, health.Signaling)
		assert.Equal(t, "connected/resting", place(r.m))
		only[observer.LinkDead](t, r) // one verdict
		r.pass(time.Minute, health.Both)
		assert.Zero(t, r.m.Snapshot().Liveness.Healed, "it was never lost")
		r.until("LinkDead", health.Signaling)
		assert.Equal(t, uint32(2), r.m.Snapshot().Liveness.Dead, "once it has come back it can die again")
	})
	t.Run("terminal", func(t *testing.T) {
		r := calmed(askable, classed(status.ConnectionHealthReconnect, policy.Terminal))
		r.until("LinkDead", health.Signaling)
		assert.Equal(t, 1, r.count[CloseLink])
		r.onlyTime()
		assert.Equal(t, observer.ByStatus, r.end(t).Initiator)
		assert.NotContains(t, r.toldNames(), "Reconnecting")
	})
	t.Run("without transforms", func(t *testing.T) {
		r := calmed(askable, classed(status.ConnectionHealthReconnect, policy.WithoutTransforms))
		r.until("LinkDead", health.Signaling)
		assert.Equal(t, "reconnecting/condemned", place(r.m), "a loss all the same")
	})
}

// TestDoubtPasses: a doubt is told with what the link said, asks the layer at
// once, and passes with the answer.
func TestDoubtPasses(t *testing.T) {
	for layer, ask := range map[status.Layer]EffectKind{status.LayerMedia: Probe, status.LayerSignaling: Ping} {
		t.Run(layer.String(), func(t *testing.T) {
			r := calmed(askable)
			asked := find(r.doubt(layer), ask)
			require.Len(t, asked, 1)
			suspected := only[observer.LinkSuspected](t, r)
			assert.Equal(t, layersOf(layer), suspected.Diagnosis.Layers)
			assert.True(t, suspected.Diagnosis.Doubt)
			assert.Equal(t, errProbe, suspected.Doubt.Cause)

			r.wait(roundTrip)
			kind := Probed
			if ask == Ping {
				kind = Ponged
			}
			r.do(Input{Kind: kind, Epoch: r.m.epoch, ID: asked[0].ID})
			r.until("LinkCleared", health.Both)
			assert.Zero(t, only[observer.LinkCleared](t, r).Paused)
			assert.Equal(t, observer.Liveness{Suspected: 1, Cleared: 1}, r.m.Snapshot().Liveness)
		})
	}
}

// TestDoubtOfWhatCannotBeAsked passes with the next byte.
func TestDoubtOfWhatCannotBeAsked(t *testing.T) {
	r := newRig(detecting)
	r.connect(CanPing)
	r.doubt(status.LayerMedia)
	require.Equal(t, uint32(1), r.m.Snapshot().Liveness.Suspected)
	r.pass(10*time.Second, health.Both)
	require.Zero(t, r.m.Snapshot().Liveness.Cleared, "signaling says nothing about media")
	r.hear()
	r.pass(time.Second, health.Both)
	assert.Equal(t, uint32(1), r.m.Snapshot().Liveness.Cleared)
}

// TestDoubtBecomesAVerdict: it is told once, with the suspicion; the diagnosis of
// the death still mentions it.
func TestDoubtBecomesAVerdict(t *testing.T) {
	r := calmed(askable)
	r.doubt(status.LayerMedia)
	r.until("LinkDead", health.Signaling)
	assert.Equal(t, errProbe, only[observer.LinkSuspected](t, r).Doubt.Cause)
	assert.True(t, only[observer.LinkDead](t, r).Diagnosis.Doubt)
	r.until("LinkHealed", health.Both)
	r.told = nil
	r.pass(time.Minute, health.Both)
	assert.Empty(t, r.told, "it does not outlive the healing")
}

// TestDoubtIsNotToldLater: a doubt about what is suspected already is not taken for
// the reason of the next suspicion.
func TestDoubtIsNotToldLater(t *testing.T) {
	r := calmed(askable)
	r.until("LinkSuspected", health.Signaling)
	assert.Empty(t, names(r.doubt(status.LayerMedia)), "nothing new")
	r.until("LinkCleared", health.Both)
	r.clean()
	r.told = nil
	r.until("LinkSuspected", health.Signaling)
	assert.True(t, only[observer.LinkSuspected](t, r).Doubt.IsZero())
}

// TestDoubtWithoutALink: nobody looks at what is not connected, or not watched.
func TestDoubtWithoutALink(t *testing.T) {
	for _, s := range situations {
		r := s.arrive(transitions)
		if r.m.state == observer.StateConnected && r.m.watching() {
			continue
		}
		was := place(r.m)
		assert.Empty(t, r.doubt(status.LayerMedia), s.name)
		assert.Equal(t, was, place(r.m), s.name)
	}
}

// TestPauses: after a stall or a sleep of this machine the silence so far proves
// nothing: the suspicion is void, both layers are asked at once, and a verdict
// takes as long as ever from then on.
func TestPauses(t *testing.T) {
	stall := func(r *rig) time.Duration {
		at, _ := r.m.timers.at(tDetect)
		r.wait(at - r.now.Mono + 20*time.Second)
		return 20 * time.Second
	}
	sleep := func(r *rig) time.Duration { r.sleep(8*time.Hour, 0); return 8 * time.Hour }
	for name, pause := range map[string]func(*rig) time.Duration{"stall": stall, "sleep": sleep} {
		t.Run(name+", suspicious", func(t *testing.T) {
			r := calmed(askable)
			r.almost("LinkDead", 0)
			length := pause(r)
			effects := r.do(Input{Kind: Tick})
			assert.Equal(t, length, only[observer.LinkCleared](t, r).Paused)
			assert.NotEmpty(t, find(effects, Probe))
			assert.Equal(t, uint32(1), r.m.Snapshot().Liveness.Paused)
			began := r.now.Mono
			r.until("LinkDead", 0)
			worst := r.m.cfg.Health.WorstCaseDetection()
			assert.LessOrEqual(t, r.now.Mono-began, worst.Probed.BothDead+worst.AfterPause+roundTrip)
			assert.Greater(t, r.now.Mono-began, r.m.cfg.Health.Detector.BothSilence)
		})
		t.Run(name+", calm", func(t *testing.T) {
			r := calmed(askable)
			r.told = nil
			pause(r)
			r.do(Input{Kind: Tick})
			r.pass(time.Minute, health.Both)
			assert.Empty(t, r.told)
			assert.Equal(t, observer.Liveness{Paused: 1}, r.m.Snapshot().Liveness)
		})
		t.Run(name+", what came in first is not judged by the silence", func(t *testing.T) {
			r := calmed(askable)
			r.almost("LinkDead", 0)
			pause(r)
			r.do(Input{Kind: Present, Epoch: r.m.epoch})
			r.do(Input{Kind: Tick})
			assert.Equal(t, "connected/resting", place(r.m))
		})
	}
}

// TestExpectation: a link that cannot probe is judged by what it declares, before
// or after it was opened; by nothing else.
func TestExpectation(t *testing.T) {
	open := func(before, after health.Expectation) *rig {
		r := newRig(detecting)
		r.thirdAttempt()
		r.expect(before)
		r.opened(CanPing)
		r.expect(after)
		for range 150 {
			r.pass(400*time.Millisecond, health.Both)
			r.hear()
		}
		return r
	}
	for _, c := range []struct {
		name          string
		before, after health.Expectation
		dies          bool
	}{
		{"before", health.ExpectMedia, health.ExpectMedia, true},
		{"after", health.ExpectUnknown, health.ExpectKeepalives, true},
		{"never", health.ExpectUnknown, health.ExpectUnknown, false},
		{"nothing", health.ExpectNothing, health.ExpectNothing, false},
		{"no more", health.ExpectMedia, health.ExpectNothing, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := open(c.before, c.after)
			require.NotContains(t, r.toldNames(), "LinkSuspected")
			began := r.now.Mono
			if !c.dies {
				r.pass(10*time.Minute, health.Signaling)
				assert.Zero(t, r.m.Snapshot().Liveness, "silence is no fault")
				return
			}
			r.until("LinkDead", health.Signaling)
			assert.Equal(t, health.Media, only[observer.LinkDead](t, r).Diagnosis.Layers)
			assert.LessOrEqual(t, r.now.Mono-began, r.m.cfg.Health.WorstCaseDetection().Unprobed.MediaDead+roundTrip)
		})
	}
	t.Run("withdrawn in time", func(t *testing.T) {
		r := open(health.ExpectMedia, health.ExpectMedia)
		r.almost("LinkDead", health.Signaling)
		assert.Equal(t, []string{"LinkCleared"}, names(r.expect(health.ExpectNothing)))
		r.pass(10*time.Minute, health.Signaling)
		assert.Zero(t, r.m.Snapshot().Liveness.Dead)
	})
	t.Run("forgotten with the link", func(t *testing.T) {
		r := open(health.ExpectMedia, health.ExpectMedia)
		r.reattempt()
		r.opened(CanPing)
		r.pass(10*time.Minute, health.Signaling)
		assert.Zero(t, r.m.Snapshot().Liveness)
	})
}

// TestAbilitiesThatTurnOutMissing: without probes a link is judged by its pings
// alone, without pings by its probes, without both by nothing.
func TestAbilitiesThatTurnOutMissing(t *testing.T) {
	cannot := func(r *rig, kinds ...Kind) {
		for _, k := range kinds {
			r.do(Input{Kind: k, Epoch: r.m.epoch})
		}
	}
	r := calmed(askable)
	cannot(r, CannotProbe)
	probes := r.count[Probe]
	r.until("LinkDead", 0)
	assert.Equal(t, health.Signaling, only[observer.LinkDead](t, r).Diagnosis.Layers)
	assert.Equal(t, probes, r.count[Probe])

	r = calmed(askable)
	cannot(r, CannotPing)
	pings := r.count[Ping]
	r.until("LinkDead", 0)
	found := only[observer.LinkDead](t, r).Diagnosis
	assert.Equal(t, health.Media, found.Layers)
	assert.Contains(t, found.String(), "signaling cannot be asked")
	assert.Equal(t, pings, r.count[Ping])

	r = calmed(askable)
	cannot(r, CannotPing, CannotProbe)
	r.pass(10*time.Minute, 0)
	assert.Equal(t, "connected/resting", place(r.m))
	assert.Zero(t, r.m.Snapshot().Liveness.Dead)
}

// TestDetectorOff: nothing is asked and nothing is found.
func TestDetectorOff(t *testing.T) {
	for name, off := range map[string]func(*Config){
		"the detector": func(c *Config) { c.Health.Detector.Off = true },
		"all judging":  func(c *Config) { c.Health.Off = true },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(detecting, off, noPinger)
			r.connect(askable)
			r.expect(health.ExpectMedia)
			r.hear()
			r.wait(time.Hour)
			r.do(Input{Kind: Tick})
			assert.Zero(t, r.count[Probe])
			assert.Zero(t, r.m.Snapshot().Liveness)
			_, armed := r.m.timers.at(tDetect)
			assert.False(t, armed)
		})
	}
}

// TestDetectorAsksOnlyWhatItMay: whoever has switched the pings off, all of them or the
// detector's, is not pinged by the detector, and no more is a link that cannot be.
func TestDetectorAsksOnlyWhatItMay(t *testing.T) {
	off := func(c *Config) { c.PingInterval = 0 }
	idle := func(c *Config) { c.Health.Detector.PingIdle = -1 }
	for name, c := range map[string]struct {
		change           func(*Config)
		able             Abilities
		pinged, watching bool
	}{
		"both":                       {func(*Config) {}, askable, true, true},
		"no pings":                   {off, askable, false, true},
		"no pings, no probes":        {off, CanPing, false, false},
		"none by the detector":       {idle, askable, false, true},
		"none by it, and no probes":  {idle, CanPing, false, false},
		"the link cannot be pinged":  {func(*Config) {}, CanProbe, false, true},
		"it can be pinged, and only": {func(*Config) {}, CanPing, true, true},
		"it can do nothing":          {func(*Config) {}, 0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(detecting, c.change)
			r.start()
			r.opened(c.able)
			r.count = [effectEnd]int{} // the first ping is not the detector's
			r.pass(pingInterval/2, health.Both)
			assert.Equal(t, c.watching, r.m.watching())
			assert.Equal(t, c.pinged, r.count[Ping] > 0)
			assert.Equal(t, c.able&CanProbe != 0, r.count[Probe] > 0)
		})
	}
}

// TestSleepAtTheEdge: the jump between the clocks that is taken for a sleep by the
// session is one for the detector, too, and none is a nanosecond less.
func TestSleepAtTheEdge(t *testing.T) {
	for jump, paused := range map[time.Duration]uint32{sleepJump - 1: 0, sleepJump: 1} {
		r := calmed(askable)
		r.sleep(jump, 0)
		r.do(Input{Kind: Tick})
		assert.Equal(t, paused, r.m.Snapshot().Liveness.Paused, jump)
	}
}

// TestStopWhileWatched: Stop wins, says goodbye over a link that may be dead, and
// nothing is asked or told after it but the end.
func TestStopWhileWatched(t *testing.T) {
	for _, s := range situations {
		r := s.arrive(transitions)
		if !r.m.watching() {
			continue
		}
		r.told = nil
		effects := r.stop()
		closes := find(effects, CloseLink)
		require.Len(t, closes, 1, s.name)
		assert.True(t, closes[0].Leave, s.name)
		assert.False(t, r.m.watching(), s.name)
		assert.Empty(t, r.do(Input{Kind: Probed, Epoch: r.m.epoch, ID: 1}), s.name)
		asked := r.count[Ping] + r.count[Probe]
		r.onlyTime()
		assert.Equal(t, status.Left, r.end(t).Status.Code, s.name)
		assert.Equal(t, asked, r.count[Ping]+r.count[Probe], s.name)
		assert.NotContains(t, r.toldNames(), "LinkCleared", s.name)
	}
}

// TestReferencePolicyIsExcused: what the detector judges is left to it, for as
// long as it does.
func TestReferencePolicyIsExcused(t *testing.T) {
	silent := func(r *rig, alive health.Layers) {
		for range 30 {
			r.pass(time.Second, alive)
			if r.m.state == observer.StateConnected {
				r.sample(0, false)
			}
		}
	}
	t.Run("silent samples", func(t *testing.T) {
		for name, c := range map[string]struct {
			able  Abilities
			drive func(r *rig)
			lost  bool
		}{
			"probes answered":  {askable, func(*rig) {}, false},
			"nothing to ask":   {CanPing, func(*rig) {}, true},
			"nothing expected": {CanPing, func(r *rig) { r.expect(health.ExpectNothing) }, false},
			"probes no longer": {askable, func(r *rig) { r.do(Input{Kind: CannotProbe, Epoch: r.m.epoch}) }, true},
		} {
			t.Run(name, func(t *testing.T) {
				r := calmed(c.able)
				r.sample(50, true) // there was traffic once
				c.drive(r)
				silent(r, health.Both)
				assert.Equal(t, c.lost, r.m.outages > 0)
				if c.lost {
					assert.ErrorContains(t, r.m.trouble.first.Cause, "no inbound packets for 25 samples")
				}
			})
		}
	})
	t.Run("missed pongs", func(t *testing.T) {
		ownPingsOnly := func(r *rig) {
			for end := r.now.Mono + 10*pingInterval; r.now.Mono < end && r.m.outages == 0; {
				for _, e := range r.tick() {
					switch {
					case e.Kind == Probe:
						r.do(Input{Kind: Probed, Epoch: e.Epoch, ID: e.ID})
					case e.Kind == Ping && e.ID > ownPings:
						r.do(Input{Kind: Ponged, Epoch: e.Epoch, ID: e.ID})
					}
				}
			}
		}
		r := calmed(askable)
		ownPingsOnly(r)
		assert.Zero(t, r.m.outages, "an answer to any ping shows that signaling lives")
		r = calmed(askable, func(c *Config) { c.Health.Detector.PingIdle = -1 })
		ownPingsOnly(r)
		require.Equal(t, 1, r.m.outages)
		assert.ErrorContains(t, r.m.trouble.first.Cause, "4 pings in a row without an answer")
	})
}
