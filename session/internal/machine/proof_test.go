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

// recovering has lost its link and opened another one, which can do so much and
// declares so much.
func recovering(a Abilities, e health.Expectation, changes ...func(*Config)) *rig {
	r := newRig(append([]func(*Config){detecting}, changes...)...)
	r.start()
	r.opened(askable)
	r.pass(stableAfter, health.Both)
	r.reattempt()
	if e != health.ExpectUnknown {
		r.expect(e)
	}
	r.told = nil
	r.opened(a)
	return r
}

// TestProof: a recovered link is adopted at the first sign of life of its new
// media path, and that is told first.
func TestProof(t *testing.T) {
	const wait = 700 * time.Millisecond
	for name, c := range map[string]struct {
		able   Abilities
		expect health.Expectation
		life   func(r *rig)
	}{
		"a byte":               {askable, health.ExpectUnknown, func(r *rig) { r.hear() }},
		"a byte, by a tick":    {askable, health.ExpectUnknown, func(r *rig) { r.do(Input{Kind: Tick, Heard: Heard{Media: r.now.Mono}}) }},
		"an answer":            {CanProbe, health.ExpectUnknown, func(r *rig) { r.do(Input{Kind: Probed, Epoch: r.m.epoch, ID: lastProbe(r.m)}) }},
		"traffic in a sample":  {CanProbe, health.ExpectUnknown, func(r *rig) { r.sample(50, true) }},
		"a byte of media":      {0, health.ExpectMedia, func(r *rig) { r.hear() }},
		"a byte that keeps it": {CanPing, health.ExpectKeepalives, func(r *rig) { r.hear() }},
	} {
		t.Run(name, func(t *testing.T) {
			r := recovering(c.able, c.expect)
			require.Equal(t, "reconnecting/proving", place(r.m))
			assert.Empty(t, r.told)
			r.pass(wait, health.Signaling)
			require.Equal(t, "reconnecting/proving", place(r.m), "signaling proves nothing about media")
			c.life(r)
			assert.Equal(t, []string{"MediaProven", "Connected", "Recovered"}, r.toldNames())
			assert.Equal(t, wait, only[observer.MediaProven](t, r).After)
			assert.Equal(t, retryDelay+wait, only[observer.Recovered](t, r).Outage.Duration)
			assert.Equal(t, observer.Liveness{Proven: 1}, r.m.Snapshot().Liveness)
			assert.Equal(t, "connected/resting", place(r.m))
			_, armed := r.m.timers.at(tProof)
			assert.False(t, armed)
		})
	}
}

// TestProofByAnswers: the first probe goes out as soon as the link is open, and a
// path that answers costs its round trip.
func TestProofByAnswers(t *testing.T) {
	r := recovering(askable, health.ExpectUnknown)
	probes := find(r.last, Probe)
	require.Len(t, probes, 1)
	r.wait(roundTrip)
	r.do(Input{Kind: Probed, Epoch: r.m.epoch, ID: probes[0].ID})
	assert.Equal(t, roundTrip, only[observer.MediaProven](t, r).After)
}

// TestProofBeforeOpen: what came in while the link was opening is proof enough.
func TestProofBeforeOpen(t *testing.T) {
	r := newRig(detecting)
	r.calm(askable)
	r.reattempt()
	r.hear()
	r.wait(time.Second)
	r.told = nil
	r.opened(askable)
	assert.Equal(t, []string{"MediaProven", "Connected", "Recovered"}, r.toldNames())
	assert.Zero(t, only[observer.MediaProven](t, r).After)
}

// TestProofNeverComes: at the end of its time, and not before, the link is given
// up, once; the outage goes on.
func TestProofNeverComes(t *testing.T) {
	r := recovering(askable, health.ExpectUnknown)
	opened := r.now.Mono
	r.beforeTimer(tProof, health.Signaling)
	require.Equal(t, "reconnecting/proving", place(r.m))
	r.until("AttemptFailed", health.Signaling)
	assert.Equal(t, opened+proofTimeout, r.now.Mono)
	failed := only[observer.AttemptFailed](t, r)
	assert.Equal(t, status.ConnectionHealthReconnect, failed.Status.Code)
	assert.Equal(t, status.LayerMedia, failed.Status.Layer)
	assert.EqualError(t, failed.Status.Cause, "nothing came in over the new media path for 3s")
	assert.Equal(t, 2, r.count[CloseLink], "of the lost link, and of this one")
	assert.Equal(t, []string{"AttemptFailed", "RetryScheduled"}, r.toldNames())
	assert.Equal(t, uint32(1), r.m.Snapshot().Liveness.Unproven)
	assert.Equal(t, "reconnecting/waiting", place(r.m))
	assert.Equal(t, 1, r.m.outages)

	r.closeDone()
	r.until("AttemptStarted", health.Both)
	r.opened(askable)
	r.until("MediaProven", health.Both)
	assert.Equal(t, 2, only[observer.Recovered](t, r).Outage.Attempts)
}

// TestProofNeverComesAtAll: the budget ends that, too.
func TestProofNeverComesAtAll(t *testing.T) {
	r := recovering(askable, health.ExpectUnknown)
	end, ok := r.m.retries.Deadline()
	require.True(t, ok)
	for r.m.state != observer.StateStopped {
		r.tick()
		if r.m.phase == opening {
			r.opened(askable)
		}
		if r.m.old.epoch != 0 {
			r.do(Input{Kind: CloseDone, Epoch: r.m.old.epoch})
		}
	}
	assert.Equal(t, policy.RefusedElapsed, r.end(t).Decision.Refusal)
	assert.GreaterOrEqual(t, r.now.Mono, end)
	assert.Less(t, r.now.Mono, end+closeGrace)
	assert.Zero(t, r.m.Snapshot().Liveness.Proven)
}

// TestNoProof: where nothing could prove it, or nobody asks for it, a link is
// adopted as soon as it is open.
func TestNoProof(t *testing.T) {
	for name, c := range map[string]struct {
		able   Abilities
		expect health.Expectation
		change func(*Config)
	}{
		"a link without evidence": {CanPing, health.ExpectUnknown, detecting},
		"nothing is expected":     {CanPing, health.ExpectNothing, detecting},
		"no proof is asked for":   {askable, health.ExpectMedia, func(c *Config) { c.ProofTimeout = 0 }},
		"the detector is off":     {askable, health.ExpectMedia, func(c *Config) { c.Health.Detector.Off = true }},
		"judging is off":          {askable, health.ExpectMedia, func(c *Config) { c.Health.Off = true }},
		"media probes are off":    {askable, health.ExpectUnknown, func(c *Config) { c.Health.Detector.ProbeEvery = -1 }},
	} {
		t.Run(name, func(t *testing.T) {
			r := recovering(c.able, c.expect, c.change)
			assert.Equal(t, []string{"Connected", "Recovered"}, r.toldNames())
			assert.Zero(t, r.m.Snapshot().Liveness)
		})
	}
}

// TestNoProofOfTheFirstConnect: there is no path before it that might have died.
func TestNoProofOfTheFirstConnect(t *testing.T) {
	r := newRig(detecting)
	r.start()
	r.expect(health.ExpectMedia)
	assert.Equal(t, []string{"Connected"}, names(r.opened(askable)))
	r.pass(time.Minute, health.Both)
	assert.Zero(t, r.m.Snapshot().Liveness.Proven)
}

// TestNoProofOfAHealedLink: its life was the proof.
func TestNoProofOfAHealedLink(t *testing.T) {
	r := dead(0)
	r.until("LinkHealed", health.Both)
	assert.Equal(t, "connected/resting", place(r.m))
	assert.Zero(t, r.m.Snapshot().Liveness.Proven)
}

// TestProofIsClipped to the end of the budget.
func TestProofIsClipped(t *testing.T) {
	r := recovering(askable, health.ExpectUnknown, budget(retryDelay+proofTimeout/2))
	opened := r.now.Mono
	r.until("AttemptFailed", health.Signaling)
	assert.Equal(t, opened+proofTimeout/2, r.now.Mono)
	r.onlyTime()
	assert.Equal(t, policy.RefusedElapsed, r.end(t).Decision.Refusal)
}

// TestProofThatCannotCome: a link that turns out to have no evidence is adopted
// without, one with other evidence is not.
func TestProofThatCannotCome(t *testing.T) {
	cannot := func(r *rig) []Effect { return r.do(Input{Kind: CannotProbe, Epoch: r.m.epoch}) }
	r := recovering(askable, health.ExpectUnknown)
	assert.Equal(t, []string{"Connected", "Recovered"}, names(cannot(r)))

	r = recovering(askable, health.ExpectMedia)
	assert.Empty(t, names(cannot(r)))
	for _, e := range []health.Expectation{health.ExpectKeepalives, health.ExpectMedia} {
		assert.Empty(t, names(r.expect(e)))
	}
	assert.Equal(t, []string{"Connected", "Recovered"}, names(r.expect(health.ExpectNothing)), "nothing is expected any more")
	assert.Zero(t, r.m.Snapshot().Liveness)

	r = recovering(askable, health.ExpectMedia)
	assert.Empty(t, names(r.expect(health.ExpectNothing)), "the probes can still prove it")
}

// TestProvingEnds: whatever ends an attempt ends it while it proves itself.
func TestProvingEnds(t *testing.T) {
	for name, c := range map[string]struct {
		in    func(r *rig)
		place string
	}{
		"a failure":         {func(r *rig) { r.report(status.AudioInternalServerError) }, "reconnecting/waiting"},
		"a layer closes":    {func(r *rig) { r.closedBare(status.LayerMedia) }, "reconnecting/waiting"},
		"a terminal status": {func(r *rig) { r.report(status.MeetingEnded) }, "stopped/leaving"},
		"stop":              {func(r *rig) { r.stop() }, "stopped/leaving"},
		"fault":             {func(r *rig) { r.do(Input{Kind: Fault, Status: status.New(status.RealtimeApiFailed, nil)}) }, "stopped/leaving"},
		"the kick": {func(r *rig) {
			r.do(Input{Kind: Reported, Epoch: r.m.epoch - 1, Status: status.New(status.AudioAttendeeRemoved, nil)})
		}, "stopped/leaving"},
	} {
		t.Run(name, func(t *testing.T) {
			r := recovering(askable, health.ExpectUnknown)
			closed := r.count[CloseLink]
			c.in(r)
			assert.Equal(t, c.place, place(r.m))
			assert.Equal(t, closed+1, r.count[CloseLink])
			r.hear()
			assert.Zero(t, r.m.Snapshot().Liveness)
			assert.Equal(t, c.place, place(r.m), "too late")
		})
	}
}

// TestProvingGoesOn: what says nothing about the media path changes nothing.
func TestProvingGoesOn(t *testing.T) {
	r := recovering(askable, health.ExpectUnknown)
	until, _ := r.m.timers.at(tProof)
	for _, in := range []Input{
		{Kind: Reported, Status: status.New(status.OK, nil)},
		{Kind: Reported, Status: status.New(status.IncompatibleSDP, nil)},
		{Kind: Reported, Status: status.New(status.EncodedTransformManagerFailed, nil)},
		{Kind: Doubted, Layer: status.LayerMedia},
		{Kind: Present},
		{Kind: CannotPing},
		{Kind: Probed, ID: lastProbe(r.m) + 1},
		{Kind: Sampled, Sample: &health.Sample{}},
		{Kind: Sampled, Heard: Heard{Signaling: r.now.Mono}},
	} {
		in.Epoch = r.m.epoch
		assert.Empty(t, names(r.do(in)), in.Kind.String())
	}
	r.do(Input{Kind: Reconnect, Status: status.New(status.ConnectionHealthReconnect, nil)})
	assert.Equal(t, "reconnecting/proving", place(r.m))
	again, _ := r.m.timers.at(tProof)
	assert.Equal(t, until, again)
}

// TestProvingKeepsVideoRefused: what is learned meanwhile is told to the link once
// it is adopted.
func TestProvingKeepsVideoRefused(t *testing.T) {
	r := recovering(askable|CanUpdate, health.ExpectUnknown)
	assert.Empty(t, find(r.report(status.VideoCallSwitchToViewOnly), Update))
	updates := find(r.hear(), Update)
	require.Len(t, updates, 1)
	assert.True(t, updates[0].ViewOnly)
}

// TestProvingAfterPresence: presence is waited for first, and the time of the proof
// begins after it.
func TestProvingAfterPresence(t *testing.T) {
	r := newRig(detecting, presence)
	r.connect(askable)
	r.do(Input{Kind: Present, Epoch: r.m.epoch})
	r.reattempt()
	assert.Empty(t, r.opened(askable), "nothing is asked yet")
	require.Equal(t, "reconnecting/awaiting", place(r.m))
	r.wait(presenceTimeout / 2)
	r.do(Input{Kind: Present, Epoch: r.m.epoch})
	require.Equal(t, "reconnecting/proving", place(r.m))
	began := r.now.Mono
	r.until("AttemptFailed", health.Signaling)
	assert.Equal(t, began+proofTimeout, r.now.Mono)
}

// TestProvingThroughAPause: when this machine was not running the proof may have
// come unseen, so it has its time once more; the budget goes on all the same.
func TestProvingThroughAPause(t *testing.T) {
	r := recovering(askable, health.ExpectUnknown)
	r.wait(2 * proofTimeout)
	r.do(Input{Kind: Tick})
	require.Equal(t, "reconnecting/proving", place(r.m))
	assert.Equal(t, uint32(1), r.m.Snapshot().Liveness.Paused)
	awake := r.now.Mono
	late := r.fork()
	late.until("AttemptFailed", health.Signaling)
	assert.Equal(t, awake+proofTimeout, late.now.Mono)
	r.hear()
	assert.Equal(t, 2*proofTimeout, only[observer.MediaProven](t, r).After)

	r = recovering(askable, health.ExpectUnknown, budget(10*time.Second))
	r.wait(time.Minute)
	r.do(Input{Kind: Tick})
	r.onlyTime()
	assert.Equal(t, policy.RefusedElapsed, r.end(t).Decision.Refusal)
}

// TestSuspicionsWhileProving are nobody's business: what is still suspicious once
// the link is adopted is told then, and only what was told is cleared.
func TestSuspicionsWhileProving(t *testing.T) {
	r := recovering(askable, health.ExpectUnknown)
	r.pass(proofTimeout-2*proofPoll, 0)
	require.Equal(t, "reconnecting/proving", place(r.m))
	r.hear()
	assert.Equal(t, []string{"MediaProven", "Connected", "Recovered"}, r.toldNames())
	cleared := r.fork()
	cleared.pass(time.Minute, health.Both)
	assert.Empty(t, cleared.told)
	r.until("LinkSuspected", health.Media)
	assert.Equal(t, health.Signaling, only[observer.LinkSuspected](t, r).Diagnosis.Layers)
}
