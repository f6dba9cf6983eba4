package machine

import (
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// situation is a place in the life of a session that the walk starts from.
type situation struct {
	name    string
	like    string // an earlier situation that differs in few inputs only
	changes []func(*Config)
	drive   func(r *rig)
}

// situations has every pair of state and phase, in the variants in which an
// input may turn out differently.
var situations = slices.Concat(plainSituations, recoverySituations)

var plainSituations = []situation{
	{name: "idle", drive: func(*rig) {}},

	{name: "connecting: opening, first attempt", drive: func(r *rig) { r.start() }},
	{name: "connecting: opening, third attempt", drive: (*rig).thirdAttempt},
	{name: "connecting: opening, the attendee is present already", like: "connecting: opening, third attempt", changes: with(presence), drive: func(r *rig) {
		r.thirdAttempt()
		r.do(Input{Kind: Present, Epoch: r.m.epoch})
	}},
	{name: "connecting: opening, sending video was refused meanwhile", like: "connecting: opening, third attempt", drive: func(r *rig) {
		r.thirdAttempt()
		r.report(status.VideoCallSwitchToViewOnly)
	}},
	{name: "connecting: opening, clipped to the end of the budget", like: "connecting: opening, third attempt", changes: with(budget(10 * time.Second)), drive: (*rig).thirdAttempt},
	{name: "connecting: opening, no budget at all", like: "connecting: opening, third attempt", changes: with(budget(0)), drive: func(r *rig) { r.start() }},
	{name: "connecting: opening, last of three attempts", like: "connecting: opening, third attempt", changes: with(attempts(3)), drive: (*rig).thirdAttempt},
	{name: "connecting: aborting", drive: func(r *rig) {
		r.thirdAttempt()
		r.tick()
	}},
	{name: "connecting: aborting, one deaf Connect already", like: "connecting: aborting", drive: func(r *rig) {
		deaf(r)
		r.tick()
	}},
	{name: "connecting: awaiting presence", like: "connecting: opening, third attempt", changes: with(presence), drive: func(r *rig) { r.connect(allAbilities) }},
	{name: "connecting: awaiting presence, clipped to the end of the budget", like: "connecting: awaiting presence", changes: with(presence, budget(5*time.Second)), drive: func(r *rig) {
		r.connect(allAbilities)
	}},
	{name: "connecting: waiting", drive: func(r *rig) {
		r.thirdAttempt()
		r.openFailed(status.TaskFailed)
	}},
	{name: "connecting: waiting, the Connect still runs", like: "connecting: waiting", drive: func(r *rig) {
		r.thirdAttempt()
		r.report(status.AudioInternalServerError)
	}},
	{name: "connecting: waiting, the close still runs", like: "connecting: waiting", changes: with(presence), drive: func(r *rig) {
		r.connect(allAbilities)
		r.tick()
	}},
	{name: "connecting: waiting, retry due, the Connect still runs", like: "connecting: waiting", drive: func(r *rig) {
		r.thirdAttempt()
		r.report(status.AudioInternalServerError)
		r.tick()
	}},
	{name: "connecting: waiting, retry due, the second deaf Connect still runs", like: "connecting: waiting", drive: func(r *rig) {
		deaf(r)
		r.report(status.AudioInternalServerError)
		r.tick()
	}},
	{name: "connecting: waiting, clipped to the end of the budget", like: "connecting: waiting", changes: with(budget(2500 * time.Millisecond)), drive: func(r *rig) {
		r.thirdAttempt()
		r.openFailed(status.TaskFailed)
	}},

	{name: "connected: no abilities", drive: func(r *rig) { r.connect(0) }},
	{name: "connected: all abilities", like: "connected: no abilities", drive: func(r *rig) { r.connect(allAbilities) }},
	{name: "connected: stable, no abilities", like: "connected: no abilities", drive: func(r *rig) { r.connectStable(0) }},
	{name: "connected: stable, all abilities", like: "connected: all abilities", drive: func(r *rig) { r.connectStable(allAbilities) }},
	{name: "connected: cannot ping after all", like: "connected: stable, all abilities", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.tick()
		r.do(Input{Kind: CannotPing, Epoch: r.m.epoch})
	}},
	{name: "connected: view-only", like: "connected: stable, all abilities", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.report(status.VideoCallSwitchToViewOnly)
		r.do(Input{Kind: UpdateDone, Epoch: r.m.epoch, ID: 1})
	}},
	{name: "connected: promotion running", like: "connected: stable, all abilities", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.promote(opID)
	}},
	{name: "connected: promotion answered, the call still runs", like: "connected: promotion running", changes: with(func(c *Config) { c.PingInterval = 0 }), drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.promote(opID)
		r.tick()
	}},
	{name: "connected: promoted", like: "connected: stable, all abilities", drive: promoted},
	{name: "connected: promoted, demotion running", like: "connected: stable, all abilities", drive: func(r *rig) {
		promoted(r)
		r.do(Input{Kind: Demote, ID: opID})
	}},
	{name: "connected: update running", like: "connected: stable, all abilities", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.report(status.IncompatibleSDP)
	}},
	{name: "connected: update running, another change waits", like: "connected: stable, all abilities", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.report(status.IncompatibleSDP)
		r.report(status.VideoCallSwitchToViewOnly)
	}},
	{name: "connected: three pings unanswered, the fourth is out", like: "connected: all abilities", changes: with(func(c *Config) { c.Policy.StableAfter = 0 }), drive: func(r *rig) {
		r.connect(allAbilities)
		for range 3 {
			r.tick()
		}
	}},
	{name: "connected: one silent sample before the limit", like: "connected: stable, no abilities", drive: func(r *rig) {
		r.connectStable(0)
		for i := range 25 {
			r.wait(time.Second)
			r.sample(50, i == 0)
		}
	}},
	{name: "connected: one sample before the audio counts as unusable", like: "connected: stable, no abilities", drive: func(r *rig) {
		r.connectStable(0)
		for range 14 {
			r.wait(time.Second)
			r.sample(24, true)
		}
	}},
	{name: "connected: audio unusable, cooldown over", like: "connected: stable, no abilities", drive: func(r *rig) {
		r.connectStable(0)
		for range 60 + 15 {
			r.wait(time.Second)
			r.sample(24, true)
		}
	}},
	{name: "connected: recovered a moment ago", like: "connected: no abilities", drive: func(r *rig) {
		r.connectStable(0)
		r.reattempt()
		r.opened(allAbilities)
	}},
	{name: "connected: flapping, budget over", like: "connected: no abilities", changes: with(budget(10 * time.Second)), drive: func(r *rig) {
		r.connectStable(0)
		r.reattempt()
		r.opened(0)
		r.wait(10 * time.Second)
	}},
	{name: "connected: no budget at all", like: "connected: no abilities", changes: with(budget(0)), drive: func(r *rig) {
		r.start()
		r.opened(allAbilities)
	}},
	{name: "connected: no reason grace", like: "connected: no abilities", changes: with(func(c *Config) { c.ReasonGrace = 0 }), drive: func(r *rig) { r.connect(0) }},
	{name: "connected: the backoff gives up", like: "connected: no abilities", changes: with(func(c *Config) { c.Policy.NewBackOff = steadily(-1) }), drive: func(r *rig) {
		r.start()
		r.opened(0)
	}},

	{name: "reconnecting: reasoning", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.report(status.SignalingChannelClosedUnexpectedly)
	}},
	{name: "reconnecting: waiting, the close still runs", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.report(status.SignalingInternalServerError)
	}},
	{name: "reconnecting: waiting", like: "reconnecting: waiting, the close still runs", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.lose()
	}},
	{name: "reconnecting: waiting, retry due, the close still runs", like: "reconnecting: waiting, the close still runs", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.report(status.SignalingInternalServerError)
		r.tick()
	}},
	{name: "reconnecting: waiting, retry due, nothing left of the budget at the close grace", like: "reconnecting: waiting, the close still runs", changes: with(budget(1500 * time.Millisecond)), drive: func(r *rig) {
		r.start()
		r.opened(0)
		r.tick()
		r.report(status.SignalingInternalServerError)
		r.tick()
		r.wait(500 * time.Millisecond)
	}},
	{name: "reconnecting: opening", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.reattempt()
	}},
	{name: "reconnecting: opening, just before the lost link loses its authority", like: "reconnecting: opening", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.reattempt()
		r.wait(authority - 1)
	}},
	{name: "reconnecting: opening, the lost link has lost its authority", like: "reconnecting: opening", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.reattempt()
		r.wait(authority)
	}},
	{name: "reconnecting: opening, second attempt, the lost link is still listened to", like: "reconnecting: opening", changes: with(func(c *Config) { c.Policy.NewBackOff = steadily(0) }), drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.reattempt()
		r.wait(authority / 2)
		r.failAttempt()
		r.wait(authority/2 - 1)
	}},
	{name: "reconnecting: opening, second attempt, the lost link is not listened to", like: "reconnecting: opening", changes: with(func(c *Config) { c.Policy.NewBackOff = steadily(0) }), drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.reattempt()
		r.wait(authority / 2)
		r.failAttempt()
		r.wait(authority / 2)
	}},
	{name: "reconnecting: opening, without transforms", like: "reconnecting: opening", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.report(status.EncodedTransformManagerFailed)
		r.closeDone()
		r.tick()
	}},
	{name: "reconnecting: aborting", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.reattempt()
		r.tick()
	}},
	{name: "reconnecting: awaiting presence", like: "reconnecting: opening", changes: with(presence), drive: func(r *rig) {
		r.connect(allAbilities)
		r.do(Input{Kind: Present, Epoch: r.m.epoch})
		r.reattempt()
		r.opened(allAbilities)
	}},
	{name: "reconnecting: waiting after a failed attempt", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.reattempt()
		r.openFailed(status.TaskFailed)
	}},

	{name: "detecting: calm", like: "connected: stable, all abilities", changes: with(detecting), drive: func(r *rig) { r.calm(askable) }},
	{name: "detecting: no answer yet", like: "detecting: calm", changes: with(detecting), drive: func(r *rig) { r.connect(askable) }},
	{name: "detecting: nothing to go by", like: "connected: no abilities", changes: with(detecting), drive: func(r *rig) { r.connect(0) }},
	{name: "detecting: no media probes", like: "detecting: nothing to go by", changes: with(detecting, func(c *Config) { c.Health.Detector.ProbeEvery = -1 }), drive: func(r *rig) {
		r.connect(CanProbe)
	}},
	{name: "detecting: suspicious of media", like: "detecting: calm", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable | allAbilities)
		r.until("LinkSuspected", health.Signaling)
	}},
	{name: "detecting: suspicious of signaling", like: "detecting: suspicious of media", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable | allAbilities)
		r.until("LinkSuspected", health.Media)
	}},
	{name: "detecting: doubted", like: "detecting: suspicious of media", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable | allAbilities)
		r.doubt(status.LayerMedia)
	}},
	{name: "detecting: cannot probe after all", like: "detecting: calm", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable)
		r.do(Input{Kind: CannotProbe, Epoch: r.m.epoch})
	}},
	{name: "detecting: an expectation instead of probes", like: "detecting: calm", changes: with(detecting), drive: func(r *rig) {
		r.calmBy(CanPing, health.ExpectMedia)
	}},
	{name: "detecting: suspicious of media that was expected", like: "detecting: suspicious of media", changes: with(detecting), drive: func(r *rig) {
		r.calmBy(CanPing, health.ExpectMedia)
		r.until("LinkSuspected", health.Signaling)
	}},
	{name: "detecting: one tick before media is dead", like: "detecting: suspicious of media", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable)
		r.almost("LinkDead", health.Signaling)
	}},
	{name: "detecting: one tick before signaling is dead", like: "detecting: suspicious of signaling", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable)
		r.almost("LinkDead", health.Media)
	}},
	{name: "detecting: one tick before both are dead", like: "detecting: suspicious of media", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable)
		r.almost("LinkDead", 0)
	}},
	{name: "detecting: one tick before the verdict, promoted", like: "detecting: one tick before media is dead", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable | CanPromote)
		r.promote(opID)
		r.promoteDone(opID)
		r.almost("LinkDead", health.Signaling)
	}},
	{name: "detecting: one tick before the verdict, promotion running", like: "detecting: one tick before media is dead", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable | CanPromote)
		r.promote(opID)
		r.almost("LinkDead", health.Signaling)
	}},
	{name: "detecting: one tick before the verdict, update running", like: "detecting: one tick before media is dead", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable | CanUpdate)
		r.report(status.IncompatibleSDP)
		r.almost("LinkDead", health.Signaling)
	}},
	{name: "detecting: one tick before the verdict, no healing", like: "detecting: one tick before media is dead", changes: with(detecting, func(c *Config) { c.NoHealing = true }), drive: func(r *rig) {
		r.calm(askable)
		r.almost("LinkDead", health.Signaling)
	}},
	{name: "detecting: one tick before the verdict, no budget", like: "detecting: one tick before media is dead", changes: with(detecting, budget(0)), drive: func(r *rig) {
		r.start()
		r.opened(askable)
		r.clean()
		r.almost("LinkDead", health.Signaling)
	}},
	{name: "detecting: dead, which the policy ignores", like: "detecting: suspicious of media", changes: with(detecting, ignoring), drive: func(r *rig) {
		r.calm(askable)
		r.until("LinkDead", health.Signaling)
	}},

	{name: "reconnecting: condemned, media", changes: with(detecting), drive: func(r *rig) { r.condemn(health.Signaling) }},
	{name: "reconnecting: condemned, signaling", like: "reconnecting: condemned, media", changes: with(detecting), drive: func(r *rig) { r.condemn(health.Media) }},
	{name: "reconnecting: condemned, both", like: "reconnecting: condemned, media", changes: with(detecting), drive: func(r *rig) { r.condemn(0) }},
	{name: "reconnecting: condemned, media that was expected", like: "reconnecting: condemned, media", changes: with(detecting), drive: func(r *rig) {
		r.calmBy(CanPing, health.ExpectMedia)
		r.until("LinkDead", health.Signaling)
	}},
	{name: "reconnecting: condemned, sending video was refused meanwhile", like: "reconnecting: condemned, media", changes: with(detecting), drive: func(r *rig) {
		r.condemn(health.Signaling)
		r.report(status.VideoCallSwitchToViewOnly)
	}},
	{name: "reconnecting: condemned, the retry is due next", like: "reconnecting: condemned, media", changes: with(detecting), drive: func(r *rig) {
		r.condemn(health.Signaling)
		r.beforeTimer(tRetry, health.Signaling)
	}},
	{name: "reconnecting: condemned, clipped to the end of the budget", like: "reconnecting: condemned, media", changes: with(detecting, budget(retryDelay/2)), drive: func(r *rig) {
		r.start()
		r.opened(askable)
		r.clean()
		r.until("LinkDead", health.Signaling)
	}},
	{name: "reconnecting: waiting, once condemned, a failure was reported", like: "reconnecting: waiting, the close still runs", changes: with(detecting), drive: func(r *rig) {
		r.condemn(health.Signaling)
		r.report(status.AudioInternalServerError)
	}},
	{name: "reconnecting: waiting, once condemned, a layer has closed", like: "reconnecting: waiting, the close still runs", changes: with(detecting), drive: func(r *rig) {
		r.condemn(health.Signaling)
		r.closedBare(status.LayerMedia)
	}},
	{name: "reconnecting: waiting, once condemned, a reconnect was asked for", like: "reconnecting: waiting, the close still runs", changes: with(detecting), drive: func(r *rig) {
		r.condemn(health.Signaling)
		r.do(Input{Kind: Reconnect, Status: status.New(status.ConnectionHealthReconnect, nil)})
	}},
	{name: "detecting: healed a moment ago", like: "detecting: calm", changes: with(detecting), drive: func(r *rig) {
		r.condemn(health.Signaling)
		r.until("LinkHealed", health.Both)
	}},

	{name: "reconnecting: proving, the first probe is out", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable)
		r.reattempt()
		r.opened(askable)
	}},
	{name: "reconnecting: proving, just before its end", like: "reconnecting: proving, the first probe is out", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable)
		r.reattempt()
		r.opened(askable)
		r.beforeTimer(tProof, health.Signaling)
	}},
	{name: "reconnecting: proving, clipped to the end of the budget", like: "reconnecting: proving, the first probe is out", changes: with(detecting, budget(3*time.Second)), drive: func(r *rig) {
		r.calm(askable)
		r.reattempt()
		r.opened(askable)
	}},
	{name: "reconnecting: proving, by what was expected", like: "reconnecting: proving, the first probe is out", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable)
		r.reattempt()
		r.do(Input{Kind: Expected, Epoch: r.m.epoch, Expect: health.ExpectMedia})
		r.opened(CanPing)
	}},
	{name: "reconnecting: awaiting presence before the proof", like: "reconnecting: awaiting presence", changes: with(detecting, presence), drive: func(r *rig) {
		r.connect(askable)
		r.do(Input{Kind: Present, Epoch: r.m.epoch})
		r.reattempt()
		r.opened(askable)
	}},

	{name: "stopped: leaving, the close still runs", drive: func(r *rig) {
		promoted(r)
		r.stop()
	}},
	{name: "stopped: leaving, the Connect still runs", like: "stopped: leaving, the close still runs", drive: func(r *rig) {
		r.thirdAttempt()
		r.report(status.MeetingEnded)
	}},
	{name: "stopped: leaving, the second deaf Connect still runs", like: "stopped: leaving, the close still runs", drive: func(r *rig) {
		deaf(r)
		r.stop()
	}},
	{name: "stopped: leaving, the Connect still runs, half of the close grace is over", like: "stopped: leaving, the close still runs", drive: func(r *rig) {
		r.thirdAttempt()
		r.stop()
		r.wait(closeGrace / 2)
	}},
	{name: "stopped: finished", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.stop()
		r.closeDone()
	}},
}

func with(changes ...func(*Config)) []func(*Config) { return changes }

func presence(c *Config) { c.PresenceTimeout = presenceTimeout }

func budget(d time.Duration) func(*Config) {
	return func(c *Config) { c.Policy.Budget.Elapsed = d }
}

func attempts(n int) func(*Config) {
	return func(c *Config) { c.Policy.Budget.Attempts = n }
}

func idle(d time.Duration) func(*Config) {
	return func(c *Config) {
		c.Policy.Budget = policy.Budget{Elapsed: policy.NoLimit, Idle: d, Attempts: policy.NoLimit}
	}
}

// opID is the ID of the application's operations in the walk.
const opID = 7

// deaf has the second attempt ignore its cancelled context, and waits for the
// third one.
func deaf(r *rig) {
	r.start()
	r.failAttempt()
	r.report(status.AudioInternalServerError)
	r.tick()
	r.tick()
}

func promoted(r *rig) {
	r.connectStable(allAbilities)
	r.promote(opID)
	r.promoteDone(opID)
}

// sample reports so many audio packets, with or without new traffic.
func (r *rig) sample(packets float64, traffic bool) []Effect {
	if traffic {
		r.bytes += 1000
	}
	return r.do(Input{Kind: Sampled, Epoch: r.m.epoch, Sample: &health.Sample{
		AudioPacketsReceived: health.Some(packets), AudioLoss: health.Some(0), BytesReceived: r.bytes,
	}})
}
