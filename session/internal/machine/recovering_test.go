package machine

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// The ways through a recovery on a link that is kept.

// loseLayer has a layer of the link found dead, as a link reports it that knows.
func (r *rig) loseLayer(l status.Layer) []Effect {
	return r.do(Input{Kind: Reported, Epoch: r.m.epoch, Status: status.Status{Code: status.ConnectionHealthReconnect, Layer: l}})
}

// restoring is at work on a link that has lost a layer.
func (r *rig) restore(l status.Layer) []Effect {
	r.connectStable(restorable)
	r.loseLayer(l)
	return r.tick()
}

// restored ends the running restart or resume well.
func (r *rig) restored() []Effect {
	return r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op})
}

// restoreFailed ends it with a code.
func (r *rig) restoreFailed(c status.Code) []Effect {
	return r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Status: status.New(c, nil)})
}

func (r *rig) resynced() []Effect {
	return r.do(Input{Kind: Resynced, Epoch: r.m.epoch, ID: r.m.op})
}

func (r *rig) hint(h observer.Hint) []Effect { return r.do(Input{Kind: Hinted, Hint: h}) }

func (r *rig) admit() []Effect { return r.do(Input{Kind: Admitted, ID: r.m.queued}) }

func (r *rig) found(list ...string) []Effect {
	return r.do(Input{Kind: Prepared, Epoch: r.m.epoch, Ready: &Ready{Endpoints: list}})
}

func (r *rig) authorized(expireIn time.Duration) []Effect {
	return r.do(Input{Kind: Prepared, Epoch: r.m.epoch, Ready: &Ready{Authorized: true, ExpireIn: expireIn}})
}

// rejected ends the running Connect because of its credentials.
func (r *rig) rejected() []Effect {
	return r.do(Input{Kind: OpenFailed, Epoch: r.m.epoch, Rejected: true, Status: status.New(status.AudioAuthenticationRejected, nil)})
}

// directed has the link lost with a wish of the server.
func (r *rig) directed(d status.Directive) []Effect {
	return r.do(Input{Kind: Reported, Epoch: r.m.epoch, Status: status.Status{Code: status.AudioInternalServerError, Directive: &d}})
}

func rejections(n int) func(*Config) {
	return func(c *Config) { c.Policy.Budget.Rejections = n }
}

// extension limits what servers may add to the budget.
func extension(d time.Duration) func(*Config) {
	return func(c *Config) { c.Policy.Budget.Extension = d }
}

func delay(d time.Duration) func(*Config) {
	return func(c *Config) { c.Policy.NewBackOff = steadily(d) }
}

// recoverySituations are the places of a recovery that is cheaper than a rejoin,
// and what an attempt has to wait for or to ask for.
var recoverySituations = []situation{
	{name: "connected: restorable", like: "connected: stable, all abilities", drive: func(r *rig) { r.connectStable(restorable) }},
	{name: "reconnecting: reasoning, restorable", like: "reconnecting: reasoning", drive: func(r *rig) {
		r.connectStable(restorable)
		r.closedBare(status.LayerSignaling)
	}},
	{name: "reconnecting: reasoning, restorable, media has closed", like: "reconnecting: reasoning, restorable", drive: func(r *rig) {
		r.connectStable(restorable)
		r.closedBare(status.LayerMedia)
	}},
	{name: "reconnecting: reasoning, restorable, both layers have closed", like: "reconnecting: reasoning, restorable", drive: func(r *rig) {
		r.connectStable(restorable)
		r.closedBare(status.LayerSignaling)
		r.closedBare(status.LayerMedia)
	}},
	{name: "reconnecting: holding for a restart of media", drive: func(r *rig) {
		r.connectStable(restorable)
		r.loseLayer(status.LayerMedia)
	}},
	{name: "reconnecting: holding for a resume", like: "reconnecting: holding for a restart of media", drive: func(r *rig) {
		r.connectStable(restorable)
		r.loseLayer(status.LayerSignaling)
	}},
	{name: "reconnecting: holding for a resume, media is dead as well", like: "reconnecting: holding for a resume", drive: func(r *rig) {
		r.connectStable(restorable)
		r.loseLayer(status.LayerUnknown)
	}},
	{name: "reconnecting: holding for a resume, which the server has asked for", like: "reconnecting: holding for a resume", drive: func(r *rig) {
		r.connectStable(restorable)
		r.directed(status.Directive{RetryAfter: 2 * time.Second, Recovery: status.RecoverByResume})
	}},
	{name: "reconnecting: holding for a resume, nothing left of its window at the attempt", like: "reconnecting: holding for a resume", changes: with(delay(resumeWindow)), drive: func(r *rig) {
		r.start()
		r.opened(restorable)
		r.tick()
		r.tick()
		r.loseLayer(status.LayerSignaling)
	}},
	{name: "reconnecting: holding for the second resume", like: "reconnecting: holding for a resume", drive: func(r *rig) {
		r.restore(status.LayerSignaling)
		r.restoreFailed(status.TaskFailed)
	}},
	{name: "reconnecting: holding, clipped to the end of the budget", like: "reconnecting: holding for a resume", changes: with(budget(retryDelay / 2)), drive: func(r *rig) {
		r.start()
		r.opened(restorable)
		r.tick()
		r.tick()
		r.loseLayer(status.LayerSignaling)
	}},
	{name: "reconnecting: holding, nothing but a restart is possible", like: "reconnecting: holding for a restart of media", drive: func(r *rig) {
		r.connectStable(CanRestart)
		r.loseLayer(status.LayerMedia)
	}},
	{name: "reconnecting: restoring, restart of media", drive: func(r *rig) { r.restore(status.LayerMedia) }},
	{name: "reconnecting: restoring, restart of media, nothing else is possible", like: "reconnecting: restoring, restart of media", drive: func(r *rig) {
		r.connectStable(CanRestart)
		r.loseLayer(status.LayerMedia)
		r.tick()
	}},
	{name: "reconnecting: restoring, restart of media, clipped to the end of the budget", like: "reconnecting: restoring, restart of media", changes: with(budget(retryDelay + restartTimeout/2)), drive: func(r *rig) {
		r.start()
		r.opened(restorable)
		r.tick()
		r.tick()
		r.loseLayer(status.LayerMedia)
		r.tick()
	}},
	{name: "reconnecting: restoring, resume", like: "reconnecting: restoring, restart of media", drive: func(r *rig) { r.restore(status.LayerSignaling) }},
	{name: "reconnecting: restoring, resume, media as well", like: "reconnecting: restoring, resume", drive: func(r *rig) { r.restore(status.LayerUnknown) }},
	{name: "reconnecting: restoring, resume after a restart", like: "reconnecting: restoring, resume", drive: func(r *rig) {
		r.restore(status.LayerMedia)
		r.restoreFailed(status.TaskFailed)
		r.tick()
	}},
	{name: "reconnecting: restoring, second resume", like: "reconnecting: restoring, resume", drive: func(r *rig) {
		r.restore(status.LayerSignaling)
		r.restoreFailed(status.TaskFailed)
		r.tick()
	}},
	{name: "reconnecting: restoring, resume, credentials are asked for", like: "reconnecting: restoring, resume", changes: with(authorizes), drive: func(r *rig) { r.restore(status.LayerSignaling) }},
	{name: "reconnecting: restoring, resume, with credentials", like: "reconnecting: restoring, resume, credentials are asked for", changes: with(authorizes), drive: func(r *rig) {
		r.restore(status.LayerSignaling)
		r.authorized(time.Hour)
	}},
	{name: "reconnecting: restoring, last of the attempts", like: "reconnecting: restoring, restart of media", changes: with(attempts(1)), drive: func(r *rig) {
		r.start()
		r.opened(restorable)
		r.tick()
		r.tick()
		r.loseLayer(status.LayerMedia)
		r.tick()
	}},
	{name: "reconnecting: restoring, an update was interrupted, and another one asked for", like: "reconnecting: restoring, restart of media", drive: func(r *rig) {
		r.connectStable(restorable)
		r.report(status.IncompatibleSDP)
		r.loseLayer(status.LayerMedia)
		r.do(Input{Kind: UpdateDone, Epoch: r.m.epoch, ID: 1, Status: status.New(status.TaskFailed, nil)})
		r.do(Input{Kind: Ask, ViewOnly: true})
		r.tick()
	}},
	{name: "reconnecting: restoring, on a link that is view-only", like: "reconnecting: restoring, restart of media", drive: func(r *rig) {
		r.connectStable(restorable)
		r.report(status.VideoCallSwitchToViewOnly)
		r.do(Input{Kind: UpdateDone, Epoch: r.m.epoch, ID: 1})
		r.loseLayer(status.LayerMedia)
		r.tick()
	}},
	{name: "reconnecting: aborting a restart of media", drive: func(r *rig) {
		r.restore(status.LayerMedia)
		r.tick()
	}},
	{name: "reconnecting: aborting a resume", like: "reconnecting: aborting a restart of media", drive: func(r *rig) {
		r.restore(status.LayerSignaling)
		r.tick()
	}},
	{name: "reconnecting: aborting a restart of media, signaling was lost", like: "reconnecting: aborting a restart of media", drive: func(r *rig) {
		r.restore(status.LayerMedia)
		r.closedBare(status.LayerSignaling)
	}},
	{name: "reconnecting: aborting a resume whose credentials were rejected", like: "reconnecting: aborting a resume", changes: with(authorizes), drive: func(r *rig) {
		r.restore(status.LayerSignaling)
		r.report(status.AudioAuthenticationRejected)
	}},
	{name: "reconnecting: waiting, the resume was deaf, the close runs", like: "reconnecting: waiting, the close still runs", drive: func(r *rig) {
		r.restore(status.LayerSignaling)
		r.tick()
		r.tick()
	}},
	{name: "reconnecting: waiting, the second resume was refused, the close runs", like: "reconnecting: waiting, the close still runs", drive: func(r *rig) {
		r.restore(status.LayerSignaling)
		r.restoreFailed(status.TaskFailed)
		r.tick()
		r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Refused: true, Status: status.New(status.TaskFailed, nil)})
	}},
	{name: "reconnecting: opening, after two resumes", like: "reconnecting: opening", drive: func(r *rig) {
		r.restore(status.LayerSignaling)
		r.restoreFailed(status.TaskFailed)
		r.tick()
		r.restoreFailed(status.TaskFailed)
		r.closeDone()
		r.tick()
	}},
	{name: "reconnecting: condemned, media, restorable", like: "reconnecting: condemned, media", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable | restorable)
		r.until("LinkDead", health.Signaling)
	}},
	{name: "reconnecting: condemned, both, restorable", like: "reconnecting: condemned, both", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable | restorable)
		r.until("LinkDead", 0)
	}},
	{name: "reconnecting: proving after a restart of media", like: "reconnecting: proving, the first probe is out", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable | restorable)
		r.until("LinkDead", health.Signaling)
		r.until("AttemptStarted", health.Signaling)
		r.restored()
	}},
	{name: "reconnecting: proving after a resume, just before its end", like: "reconnecting: proving, just before its end", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable | restorable)
		r.until("LinkDead", 0)
		r.until("AttemptStarted", 0)
		r.restored()
		r.beforeTimer(tProof, health.Signaling)
	}},
	{name: "connected: media restarted a moment ago", like: "connected: recovered a moment ago", drive: func(r *rig) {
		r.restore(status.LayerMedia)
		r.restored()
	}},
	{name: "connected: resumed a moment ago, an interrupted update is done again", like: "connected: update running", drive: func(r *rig) {
		r.connectStable(restorable)
		r.report(status.IncompatibleSDP)
		r.loseLayer(status.LayerSignaling)
		r.do(Input{Kind: UpdateDone, Epoch: r.m.epoch, ID: 1, Status: status.New(status.TaskFailed, nil)})
		r.tick()
		r.restored()
	}},

	{name: "connecting: queueing", changes: with(limited), drive: func(r *rig) { r.start() }},
	{name: "connecting: opening, let through", like: "connecting: opening, first attempt", changes: with(limited), drive: func(r *rig) {
		r.start()
		r.admit()
	}},
	{name: "connecting: waiting, the limiter has failed", like: "connecting: waiting", changes: with(limited), drive: func(r *rig) {
		r.start()
		r.do(Input{Kind: Admitted, ID: r.m.queued, Status: status.New(status.TaskFailed, nil)})
	}},
	{name: "reconnecting: queueing", like: "connecting: queueing", changes: with(limited), drive: func(r *rig) {
		r.queueing(0)
	}},
	{name: "reconnecting: queueing, the link is kept", like: "reconnecting: queueing", changes: with(limited), drive: func(r *rig) {
		r.queueing(restorable)
	}},
	{name: "reconnecting: queueing for a resume, after one of two restarts", like: "reconnecting: queueing, the link is kept", changes: with(limited, rungs(2, 2)), drive: func(r *rig) {
		r.queueing(restorable)
		r.admit()
		r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Refused: true, Status: status.New(status.TaskFailed, nil)})
		r.tick()
	}},
	{name: "reconnecting: queueing, the link is kept, which the server does not want", like: "reconnecting: queueing, the link is kept", changes: with(limited), drive: func(r *rig) {
		r.queueing(restorable)
		r.directed(status.Directive{Recovery: status.RecoverByRejoin})
	}},
	{name: "reconnecting: queueing, clipped to the end of the budget", like: "reconnecting: queueing, the link is kept", changes: with(limited, budget(retryDelay*3/2)), drive: func(r *rig) {
		r.queueing(restorable)
	}},
	{name: "reconnecting: queueing, without a limit", like: "reconnecting: queueing, the link is kept", changes: with(limited, budget(-1)), drive: func(r *rig) {
		r.queueing(restorable)
	}},
	{name: "reconnecting: waiting, let through, the close still runs", like: "reconnecting: waiting, the close still runs", changes: with(limited), drive: func(r *rig) {
		r.queueing(CanRestart)
		r.loseLayer(status.LayerSignaling)
		r.admit()
	}},
	{name: "reconnecting: holding, let through, offline", like: "reconnecting: holding for a restart of media", changes: with(limited), drive: func(r *rig) {
		r.queueing(restorable)
		r.hint(observer.NetworkDown)
		r.admit()
	}},

	{name: "reconnecting: opening, the application will catch up", like: "reconnecting: opening", changes: with(catchesUp), drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.reattempt()
	}},
	{name: "reconnecting: restoring, the application will catch up", like: "reconnecting: restoring, restart of media", changes: with(catchesUp), drive: func(r *rig) { r.restore(status.LayerMedia) }},
	{name: "reconnecting: resyncing", changes: with(catchesUp), drive: func(r *rig) {
		r.connectStable(restorable)
		r.report(status.AudioInternalServerError)
		r.closeDone()
		r.tick()
		r.opened(restorable)
	}},
	{name: "reconnecting: resyncing after a restart of media", like: "reconnecting: resyncing", changes: with(catchesUp), drive: func(r *rig) {
		r.restore(status.LayerMedia)
		r.restored()
	}},
	{name: "reconnecting: resyncing after a resume, clipped to the end of the budget", like: "reconnecting: resyncing after a restart of media", changes: with(catchesUp, budget(retryDelay+resyncTimeout/2)), drive: func(r *rig) {
		r.start()
		r.opened(restorable)
		r.tick()
		r.tick()
		r.loseLayer(status.LayerSignaling)
		r.tick()
		r.restored()
	}},
	{name: "reconnecting: resyncing, watched, one tick before media is dead", like: "reconnecting: resyncing", changes: with(detecting, func(c *Config) { c.ResyncTimeout = time.Hour }, budget(-1)), drive: func(r *rig) {
		r.calm(askable)
		r.reattempt()
		r.opened(askable)
		r.until("MediaProven", health.Both)
		r.clean()
		r.almost("AttemptFailed", health.Signaling)
	}},

	{name: "connecting: opening, endpoints are asked for", like: "connecting: opening, first attempt", changes: with(finds), drive: func(r *rig) { r.start() }},
	{name: "connecting: opening, at the second endpoint", like: "connecting: opening, endpoints are asked for", changes: with(finds), drive: func(r *rig) {
		r.start()
		r.found("first", "second")
		r.failAttempt()
	}},
	{name: "connecting: opening, endpoints are asked for again", like: "connecting: opening, endpoints are asked for", changes: with(finds), drive: func(r *rig) {
		r.start()
		r.found("first")
		r.failAttempt()
	}},
	{name: "connecting: opening, the second of two fixed endpoints", like: "connecting: opening, third attempt", changes: with(endpointsAt("first", "second")), drive: func(r *rig) {
		r.start()
		r.failAttempt()
	}},
	{name: "connecting: opening, endpoints before credentials", like: "connecting: opening, endpoints are asked for", changes: with(finds, authorizes), drive: func(r *rig) { r.start() }},
	{name: "connecting: opening, credentials are asked for", like: "connecting: opening, endpoints before credentials", changes: with(finds, authorizes), drive: func(r *rig) {
		r.start()
		r.found("first", "second")
	}},
	{name: "connecting: opening, with credentials", like: "connecting: opening, third attempt", changes: with(authorizes), drive: func(r *rig) {
		r.start()
		r.authorized(time.Hour)
	}},
	{name: "connecting: opening, after a rejection", like: "connecting: opening, with credentials", changes: with(authorizes, rejections(2)), drive: func(r *rig) {
		r.start()
		r.authorized(time.Hour)
		r.rejected()
		r.tick()
		r.authorized(time.Hour)
	}},
	{name: "connecting: aborting, credentials took too long", like: "connecting: aborting", changes: with(authorizes), drive: func(r *rig) {
		r.start()
		r.tick()
	}},
	{name: "reconnecting: opening, where the server has sent it", like: "reconnecting: opening", changes: with(endpointsAt("first", "second")), drive: func(r *rig) {
		r.connectStable(0)
		r.directed(status.Directive{Endpoint: "there"})
		r.closeDone()
		r.tick()
	}},
	{name: "reconnecting: restoring, resume where the server has sent it", like: "reconnecting: restoring, resume", changes: with(endpointsAt("first", "second")), drive: func(r *rig) {
		r.connectStable(restorable)
		r.directed(status.Directive{Endpoint: "there", Recovery: status.RecoverByResume})
		r.tick()
	}},
	{name: "connected: credentials that expire", like: "connected: no abilities", changes: with(authorizes), drive: func(r *rig) {
		r.start()
		r.authorized(time.Minute)
		r.opened(0)
		r.tick()
	}},
	{name: "connected: credentials are renewed", like: "connected: credentials that expire", changes: with(authorizes), drive: func(r *rig) {
		r.start()
		r.authorized(time.Minute)
		r.opened(restorable)
		for r.m.fresh.id == 0 {
			r.tick()
			r.answerPing()
		}
	}},
	{name: "reconnecting: holding, credentials are renewed", like: "reconnecting: holding for a restart of media", changes: with(authorizes), drive: func(r *rig) {
		r.start()
		r.authorized(time.Minute)
		r.opened(restorable)
		for r.m.fresh.id == 0 {
			r.tick()
			r.answerPing()
		}
		r.loseLayer(status.LayerMedia)
	}},

	{name: "connected: offline", like: "connected: stable, all abilities", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.wait(time.Second)
		r.hint(observer.NetworkDown)
	}},
	{name: "connected: looked at a moment ago", like: "connected: stable, all abilities", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.hint(observer.NetworkChanged)
		r.wait(nudgeGap - 1)
	}},
	{name: "detecting: looked at because of a hint", like: "detecting: calm", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable)
		r.hint(observer.NetworkChanged)
	}},
	{name: "connecting: waiting, offline, an attempt is due", like: "connecting: waiting", drive: func(r *rig) {
		r.thirdAttempt()
		r.openFailed(status.TaskFailed)
		r.hint(observer.NetworkDown)
		r.tick()
	}},
	{name: "reconnecting: waiting, offline", like: "reconnecting: waiting", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.lose()
		r.hint(observer.NetworkDown)
	}},
	{name: "reconnecting: waiting, offline, the last chance", like: "reconnecting: waiting, offline", changes: with(budget(connectTimeout + 2*time.Second)), drive: func(r *rig) {
		r.start()
		r.opened(0)
		r.tick()
		r.lose()
		r.hint(observer.NetworkDown)
		r.tick()
	}},
	{name: "reconnecting: holding, offline, an attempt is due", like: "reconnecting: holding for a resume", drive: func(r *rig) {
		r.connectStable(restorable)
		r.loseLayer(status.LayerSignaling)
		r.hint(observer.NetworkDown)
		r.tick()
	}},
	{name: "reconnecting: condemned, offline, an attempt is due", like: "reconnecting: condemned, media, restorable", changes: with(detecting), drive: func(r *rig) {
		r.calm(askable | restorable)
		r.until("LinkDead", health.Signaling)
		r.hint(observer.NetworkDown)
		for !r.m.retryDue {
			r.tick()
		}
	}},
	{name: "reconnecting: waiting, the delay was cut short a moment ago", like: "reconnecting: waiting", changes: with(delay(10 * time.Second)), drive: func(r *rig) {
		r.start()
		r.opened(0)
		r.tick()
		r.lose()
		r.hint(observer.NetworkUp)
		r.tick()
		r.openFailed(status.TaskFailed)
		r.wait(nudgeGap / 2)
	}},
	{name: "reconnecting: waiting, as the server has asked", like: "reconnecting: waiting", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.directed(status.Directive{RetryAfter: 20 * time.Second})
		r.closeDone()
	}},
	{name: "reconnecting: opening, an update was asked for", like: "reconnecting: opening", drive: func(r *rig) {
		r.connectStable(allAbilities)
		r.reattempt()
		r.do(Input{Kind: Ask, Renegotiate: true, ViewOnly: true})
	}},
	{name: "stopped: leaving, the restart is cancelled, the close runs", like: "stopped: leaving, the close still runs", drive: func(r *rig) {
		r.restore(status.LayerMedia)
		r.stop()
	}},
}

// queueing has the first attempt of an outage wait for the limiter.
func (r *rig) queueing(a Abilities) {
	r.start()
	r.admit()
	r.opened(a)
	for r.m.timers.armed(tStable) {
		r.tick()
		r.answerPing()
	}
	r.loseLayer(status.LayerMedia)
	r.closeDone()
	r.tick()
}
