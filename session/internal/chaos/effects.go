package chaos

import (
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// maxEffects is more than one input can call for.
const maxEffects = 40

// gives checks what an input has led to, and what is waited for next.
func (w *witness) gives(effects []machine.Effect, due time.Duration, armed bool) {
	if len(effects) > maxEffects {
		w.breaks(ruleBounded, "%d effects of one input", len(effects))
	}
	if w.finished && len(effects) > 0 {
		w.breaks(ruleSilence, "%s after the end", effects[0].Kind)
		return
	}
	w.staleChanges(effects, due, armed)
	for i := range effects {
		w.effect(&effects[i], i == len(effects)-1)
	}
	if w.started != nil {
		w.breaks(ruleEvents, "AttemptStarted, and no attempt begins")
	}
	w.place()
	w.consequence(effects)
	w.waits(due, armed)
	if !armed || due > w.now.Mono { // else a tick comes next
		w.timely()
	}
}

// timely checks that nothing runs for longer than it may.
func (w *witness) timely() {
	connect, prepare := w.cfg.ConnectTimeout, w.cfg.PrepareTimeout
	limits := map[machine.EffectKind]time.Duration{
		machine.Resync: w.cfg.ResyncTimeout, machine.Restart: w.ladder.Limit(policy.RestartMedia, connect),
		machine.Resume: w.ladder.Limit(policy.Resume, connect) + prepare,
	}
	l := w.life(w.epoch)
	for _, running := range []struct {
		what  string
		runs  bool
		since time.Duration
		limit time.Duration
	}{
		{"a Connect", l != nil && l.stage == dialing, w.begun, connect + 2*prepare},
		{"an update", w.update != 0, w.updating, connect},
		{"a promotion", w.calling != 0 && !w.hushed, w.called, connect},
		{"a renewal of credentials", w.refresh != 0, w.renewing, prepare},
		{"a restart, resume or resync", w.op.id != 0 && !w.op.cancelled, w.op.since, limits[w.op.kind]},
	} {
		since := max(running.since, w.overdue) // nobody was there to cancel it
		if running.runs && w.now.Mono > since+running.limit {
			w.breaks(ruleTimely, "%s has run for %s", running.what, w.now.Mono-running.since)
		}
	}
}

// consequence checks what must follow from a loss at once.
func (w *witness) consequence(effects []machine.Effect) {
	if !w.lossy {
		return
	}
	if w.state == observer.StateConnected && !w.over {
		w.breaks(ruleReports, "%s of the link that is connected is no loss", w.in.Kind)
	}
	if !w.in.Bare || w.in.Kind != machine.LinkClosed || w.s.ReasonGrace <= 0 {
		return
	}
	for i := range effects {
		if _, decided := effects[i].Event.(observer.RetryScheduled); decided {
			w.breaks(ruleReports, "a loss without a reason does not wait for one")
		}
	}
}

// staleChanges: G10.
func (w *witness) staleChanges(effects []machine.Effect, due time.Duration, armed bool) {
	if !w.isStale() || w.listened(&w.in) {
		return
	}
	switch {
	case len(effects) > 0:
		w.breaks(ruleStale, "%s of epoch %d, in epoch %d, leads to %s", w.in.Kind, w.in.Epoch, w.epoch, effects[0].Kind)
	case w.armed && w.due > w.now.Mono && (due != w.due || !armed):
		w.breaks(ruleStale, "%s of epoch %d, in epoch %d, changes what is waited for", w.in.Kind, w.in.Epoch, w.epoch)
	}
}

func (w *witness) isStale() bool {
	switch w.in.Kind {
	case machine.Reported, machine.LinkClosed, machine.Sampled, machine.Ponged, machine.Probed, machine.Present, machine.CannotPing,
		machine.CannotProbe, machine.Expected, machine.Doubted, machine.UpdateDone, machine.PromoteDone, machine.DemoteDone,
		machine.Restored, machine.Resynced:
		return w.in.Epoch != w.epoch
	}
	return false
}

func (w *witness) effect(e *machine.Effect, last bool) {
	switch e.Kind {
	case machine.Notify:
		w.event(e.Event)
	case machine.Open:
		w.opens(e)
	case machine.CancelOpen:
		w.moves(e, dialing, cancelled)
	case machine.CloseLink:
		w.closes(e)
	case machine.Ping:
		w.asks(e, machine.CanPing)
	case machine.Probe:
		w.asks(e, machine.CanProbe)
	case machine.Restart, machine.Resume:
		w.restores(e)
	case machine.Finish:
		w.finishes(last)
	default:
		w.sideEffect(e)
	}
}

// sideEffect checks what runs beside the attempts.
func (w *witness) sideEffect(e *machine.Effect) {
	switch e.Kind {
	case machine.Update:
		if w.update != 0 {
			w.breaks(ruleOneCall, "an update while another one runs")
		}
		w.update, w.updating = e.ID, w.now.Mono
		w.onAdopted(e)
	case machine.CancelUpdate:
		if w.update == 0 {
			w.breaks(ruleCancel, "no update to cancel")
		}
		w.update = 0
	case machine.CallPromote, machine.CallDemote:
		if w.calling != 0 {
			w.breaks(ruleOneCall, "a promotion while another one runs")
		}
		w.calling, w.called, w.hushed = e.ID, w.now.Mono, false
		w.onAdopted(e)
	case machine.CancelPromotion:
		if w.calling == 0 {
			w.breaks(ruleCancel, "no promotion to cancel")
		}
		w.hushed = true
	case machine.Settle:
		w.answers(e)
	case machine.Resync:
		w.resyncs(e)
	case machine.CancelRestore, machine.CancelResync:
		w.cancels(e)
	case machine.Admit:
		w.begins(e)
		if w.limiter != 0 || w.let && e.Attempt.Level <= w.paid || !w.s.Limiter {
			w.breaks(ruleLimiter, "the limiter is asked in vain")
		}
		w.limiter, w.let, w.paid = e.ID, false, e.Attempt.Level
	case machine.CancelAdmit:
		if w.limiter == 0 || w.limiter != e.ID {
			w.breaks(ruleCancel, "no question to the limiter to take back")
		}
		w.limiter = 0
	case machine.Refresh:
		w.begins(e)
		if w.refresh != 0 {
			w.breaks(ruleOneCall, "credentials are renewed twice at a time")
		}
		w.refresh, w.renewing = e.ID, w.now.Mono
	case machine.CancelRefresh:
		if w.refresh == 0 || w.refresh != e.ID {
			w.breaks(ruleCancel, "no renewal to cancel")
		}
		w.refresh = 0
	default:
		w.breaks(ruleBounded, "unknown effect %s", e.Kind)
	}
}

// begins: G8.
func (w *witness) begins(e *machine.Effect) {
	if w.over {
		w.breaks(ruleTerminal, "%s begins", e.Kind)
	}
}

func (w *witness) opens(e *machine.Effect) {
	w.attempts(e, policy.Rejoin)
	switch {
	case e.Epoch != w.epoch+1:
		w.breaks(ruleOneLink, "epoch %d after epoch %d", e.Epoch, w.epoch)
	case w.count(dialing)+w.count(open) > 0:
		w.breaks(ruleOneLink, "a Connect while another one, or a link, is there")
	case w.count(cancelled) >= 2:
		w.breaks(ruleDeaf, "a Connect on top of two that do not return")
	case e.Attempt.Level != policy.Rejoin:
		w.breaks(ruleLadder, "a Connect at the level %s", e.Attempt.Level)
	}
	w.epoch, w.begun, w.adopted, w.heard = e.Epoch, w.now.Mono, 0, machine.Heard{}
	w.lives = append(w.lives, life{epoch: e.Epoch, since: w.now.Mono})
}

// attempts checks what holds for every attempt.
func (w *witness) attempts(e *machine.Effect, level policy.Level) {
	w.begins(e)
	a, told := &e.Attempt, w.started
	w.started = nil
	switch {
	case told == nil || told.Number != a.Number || told.Level != a.Level || a.Level != level:
		w.breaks(ruleEvents, "%s without an AttemptStarted that tells of it", e.Kind)
	case w.withinGrace():
		w.breaks(ruleWaits, "%s while the old operation has its grace", e.Kind)
	case w.s.Limiter && (!w.let || a.Level > w.paid):
		w.breaks(ruleLimiter, "%s was not let through", e.Kind)
	case w.down:
		w.breaks(ruleOffline, "%s", e.Kind)
	case a.Timeout <= 0 || a.Timeout > max(w.cfg.ConnectTimeout, w.ladder.Limit(a.Level, w.cfg.ConnectTimeout)):
		w.breaks(ruleBounded, "%s may take %s", e.Kind, a.Timeout)
	case w.owed && !a.Rejected:
		w.breaks(ruleCredentials, "%s does not say that the last ones were rejected", e.Kind)
	case w.s.Rejections >= 0 && w.rejections >= max(w.s.Rejections, 1):
		w.breaks(ruleCredentials, "%s after %d rejections in a row", e.Kind, w.rejections)
	case a.Level < w.floor && !w.directed:
		w.breaks(ruleLadder, "from %s down to %s", w.floor, a.Level)
	}
	w.let, w.owed, w.accused, w.resynced = false, false, false, false
	w.floor = max(w.floor, a.Level)
}

// withinGrace reports whether an operation that was given up is still to be waited
// for.
func (w *witness) withinGrace() bool {
	for i := range w.lives {
		l := &w.lives[i]
		if (l.stage == cancelled || l.stage == closing) && !l.unawaited && w.now.Mono < l.since+w.cfg.CloseGrace {
			return true
		}
	}
	return w.op.cancelled && w.op.kind != machine.Resync && w.op.epoch == w.epoch && w.now.Mono < w.op.since+w.cfg.CloseGrace
}

// moves brings an epoch from one stage to the next.
func (w *witness) moves(e *machine.Effect, from, to stage) {
	l := w.life(e.Epoch)
	if l == nil || l.stage != from {
		w.breaks(ruleClosed, "%s of epoch %d, of which that is not to be done", e.Kind, e.Epoch)
		return
	}
	l.stage, l.since = to, w.now.Mono
	if l.gaveUp == 0 {
		l.gaveUp = w.now.Mono
	}
}

func (w *witness) closes(e *machine.Effect) {
	if e.Leave && w.in.Kind != machine.Stop {
		w.breaks(ruleReason, "a goodbye that the application did not ask for")
	}
	if w.op.id != 0 && w.op.epoch == e.Epoch {
		if !w.op.cancelled {
			w.breaks(ruleCancel, "a link is closed on which a %s was not cancelled", w.op.kind)
		}
		w.op = running{}
	}
	if w.adopted == e.Epoch {
		w.adopted = 0
		if w.state == observer.StateConnected {
			w.account.decided = w.now.Mono
		}
	}
	w.moves(e, open, closing)
}

// asks checks a ping or a probe.
func (w *witness) asks(e *machine.Effect, ability machine.Abilities) {
	l := w.life(e.Epoch)
	switch {
	case l == nil || l.stage != open || e.Epoch != w.epoch:
		w.breaks(ruleClosed, "%s on the link of epoch %d, which is not open", e.Kind, e.Epoch)
	case l.can&ability == 0:
		w.breaks(ruleLadder, "%s on a link that cannot do that", e.Kind)
	case e.ID == 0:
		w.breaks(ruleOneCall, "%s without an ID", e.Kind)
	case w.state == observer.StateReconnecting && !w.trying && w.dead != e.Epoch:
		w.breaks(ruleCancel, "%s on a link that was given up", e.Kind)
	}
}

func (w *witness) onAdopted(e *machine.Effect) {
	w.begins(e)
	if w.adopted != e.Epoch || w.state != observer.StateConnected || !w.at(e.Epoch, open) {
		w.breaks(ruleOneLink, "%s on the link of epoch %d, which is not connected", e.Kind, e.Epoch)
	}
}

func (w *witness) restores(e *machine.Effect) {
	level, ability := policy.RestartMedia, machine.CanRestart
	if e.Kind == machine.Resume {
		level, ability = policy.Resume, machine.CanResume
	}
	w.attempts(e, level)
	l := w.life(e.Epoch)
	rung := w.ladder.Rung(level)
	switch {
	case w.op.id != 0 && !w.op.cancelled:
		w.breaks(ruleOneCall, "%s while a %s runs", e.Kind, w.op.kind)
	case w.state != observer.StateReconnecting || l == nil || l.stage != open || !l.adopted || e.Epoch != w.epoch:
		w.breaks(ruleLadder, "%s of epoch %d, which is not a lost link that was kept", e.Kind, e.Epoch)
	case l.can&ability == 0:
		w.breaks(ruleLadder, "%s on a link that cannot do that", e.Kind)
	case l.restores[level] >= rung.Attempts:
		w.breaks(ruleLadder, "%s once more than its rung allows", e.Kind)
	default:
		l.restores[level]++
	}
	w.op = running{id: e.ID, epoch: e.Epoch, kind: e.Kind, since: w.now.Mono}
}

func (w *witness) resyncs(e *machine.Effect) {
	w.begins(e)
	switch {
	case w.op.id != 0 && !w.op.cancelled:
		w.breaks(ruleOneCall, "%s while a %s runs", e.Kind, w.op.kind)
	case w.state != observer.StateReconnecting || e.Epoch != w.epoch || !w.at(e.Epoch, open) || e.Outage == nil || w.s.ResyncTimeout <= 0:
		w.breaks(ruleOneLink, "resync of epoch %d, which has not opened in a recovery", e.Epoch)
	}
	w.op = running{id: e.ID, epoch: e.Epoch, kind: e.Kind, since: w.now.Mono}
}

func (w *witness) cancels(e *machine.Effect) {
	resync := e.Kind == machine.CancelResync
	if w.op.id == 0 || w.op.id != e.ID || w.op.epoch != e.Epoch || w.op.cancelled || resync != (w.op.kind == machine.Resync) {
		w.breaks(ruleCancel, "%s of epoch %d, which does not run", e.Kind, e.Epoch)
	}
	w.op.cancelled, w.op.since = true, w.now.Mono
}

func (w *witness) answers(e *machine.Effect) {
	for i, id := range w.asked {
		if id == e.ID {
			w.asked = append(w.asked[:i], w.asked[i+1:]...)
			return
		}
	}
	w.breaks(ruleAnswer, "an answer to nobody")
}

func (w *witness) finishes(last bool) {
	w.finished = true
	switch {
	case !w.told || !last:
		w.breaks(ruleSilence, "Finish does not follow Stopped")
	case w.count(dialing)+w.count(open) > 0:
		w.breaks(ruleLeftovers, "a Connect was not cancelled, or a link not closed")
	case w.op.id != 0 && !w.op.cancelled:
		w.breaks(ruleLeftovers, "a %s was not cancelled", w.op.kind)
	case w.update != 0 || w.limiter != 0 || w.refresh != 0 || w.calling != 0 && !w.hushed:
		w.breaks(ruleLeftovers, "an update, a promotion, or a question was not cancelled")
	case len(w.asked) > 0:
		w.breaks(ruleAnswer, "%d promotions have no answer", len(w.asked))
	}
}

// place checks that the link is there while the session is connected, and that
// calls which do not return end it in time.
func (w *witness) place() {
	connected := w.state == observer.StateConnected && !w.told
	if connected && !w.at(w.adopted, open) {
		w.mustEnd() // it has let go of the link
	}
	if w.tooDeaf() && !w.told && !w.tickIsDue() {
		w.mustEnd()
	}
	if connected || w.calling == 0 || w.hushed {
		return
	}
	w.breaks(ruleCancel, "a promotion outlives its connection")
}

// maxHanging is how many Closes may hang before that ends the session.
const maxHanging = 16

// tooDeaf reports whether so many calls hang that this ends the session.
func (w *witness) tooDeaf() bool {
	deaf, hanging := 0, 0
	for i := range w.lives {
		l := &w.lives[i]
		over := w.now.Mono >= l.since+w.cfg.CloseGrace
		switch {
		case l.stage == cancelled && over:
			deaf++
		case l.stage == closing && over:
			hanging++
		}
	}
	if hanging > maxHanging+1 || deaf > 2 {
		w.breaks(ruleDeaf, "%d Connects and %d Closes hang", deaf, hanging)
	}
	return deaf >= 2 || hanging >= maxHanging
}

// tickIsDue reports whether a tick is about to come at this moment.
func (w *witness) tickIsDue() bool {
	return w.armed && w.due <= w.now.Mono && w.in.Kind != machine.Tick
}

// maxWait is longer than any delay or time limit of an attempt is.
const maxWait = 2 * time.Minute

// waits checks that something is waited for, and not for too long.
func (w *witness) waits(due time.Duration, armed bool) {
	live := w.state == observer.StateConnecting || w.state == observer.StateReconnecting
	endless := w.limiter != 0 && w.s.Elapsed < 0
	switch {
	case w.finished && armed:
		w.breaks(ruleLeftovers, "a deadline after the end")
	case w.finished || w.state == observer.StateIdle && !w.over:
	case w.over && !w.told && w.now.Mono > w.endBy && !(armed && due <= w.now.Mono): // else it comes next, after a stall
		w.breaks(ruleInTime, "%s after the close grace it has not ended", w.now.Mono-w.endBy)
	case w.over && !w.told && (!armed || due > w.endBy):
		w.breaks(ruleInTime, "it ends later than the close grace allows, or never")
	case live && !armed && !endless:
		w.breaks(ruleStuck, "nothing is waited for in %s", w.state)
	case armed && w.in.Kind == machine.Tick && due <= w.now.Mono:
		w.breaks(ruleStuck, "a tick leaves something due")
	case live && due > w.now.Mono+maxWait && w.limiter == 0 && !w.directed && !w.patient && !w.down && armed:
		w.breaks(ruleStuck, "nothing happens for %s", due-w.now.Mono)
	}
}
