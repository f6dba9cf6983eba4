package machine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// rescue is what a world knows of the recoveries on a link that is kept, and of
// what attempts wait for, by what goes in and comes out.
type rescue struct {
	// op is the restart, resume or resync that runs, or has not returned since it was
	// cancelled; before is the one before it.
	op, before running
	offered    Abilities // of the link, when it opened

	floor    policy.Level // the highest one that the outage has come to
	tries    [policy.Rejoin + 1]int
	number   int          // of the last attempt of the outage
	level    policy.Level // of that
	failed   policy.Level // of the attempt that has just failed; none otherwise
	failure  observer.AttemptFailed
	since    time.Time // the loss
	wish     *status.Directive
	resynced bool // in this attempt
	rejected int  // answers in a row that reject the credentials
	accused  bool // the running attempt has had such an answer

	asking uint64       // the limiter's open question
	asked  uint64       // the one before it
	let    bool         // it has let an attempt through that has not begun
	paid   policy.Level // the one that it was last asked for

	down      bool // as the hints tell it
	downSince time.Duration
	downUntil time.Duration

	refreshing uint64
	refreshed  uint64 // the last one that was given up
}

// running is an operation on a link.
type running struct {
	id, epoch uint64
	kind      EffectKind
	level     policy.Level
	media     bool // a resume that restarts media as well
	cancelled bool
	since     time.Duration // when it was cancelled
}

// on says whether an operation runs on the link of an epoch. A restart or a resume
// that was cancelled does until it returns; a resync is the application's own.
func (o running) on(epoch uint64) bool {
	return o.id != 0 && o.epoch == epoch && !(o.kind == Resync && o.cancelled)
}

// mends is the damage that a restart or resume is there for.
func (o running) mends() policy.Damage {
	switch {
	case o.kind == Restart:
		return policy.MediaDead
	case o.kind == Resume && o.media:
		return policy.MediaDead | policy.SignalingDead
	case o.kind == Resume:
		return policy.SignalingDead
	}
	return 0
}

// takes notes what an input means by itself.
func (v *rescue) takes(w *world, at Instant, in Input) {
	if at.Wall.Sub(w.now.Wall)-(at.Mono-w.now.Mono) >= sleepJump && v.down {
		v.downUntil = at.Mono // whoever has slept knows nothing of the network
	}
	current := in.Epoch == w.m.epoch
	v.accused = v.accused || current && w.attempting() && w.rejects(in)
	switch in.Kind {
	case Opened:
		if current && w.m.phase == opening {
			v.offered, v.rejected = in.Abilities, 0
		}
	case Restored:
		v.returns(w, in, current)
	case Resynced:
		if current && in.ID == v.op.id && v.op.kind == Resync {
			v.resynced = in.Status.IsZero() && !v.op.cancelled
			v.op = running{}
		}
	case Admitted:
		if in.ID == v.asking && in.ID != 0 {
			v.asked, v.asking, v.let = v.asking, 0, in.Status.IsZero()
			if !v.let {
				w.account.tries++ // or a limiter that fails would be asked for ever
			}
		}
	case Refreshed:
		if in.ID == v.refreshing {
			v.refreshing = 0
		}
	case Hinted:
		v.hinted(w, at, in.Hint)
	}
}

// rejects reports whether an input says that the credentials are not good, and
// others can be had.
func (w *world) rejects(in Input) bool {
	code := in.Status.Code == status.AudioAuthenticationRejected && !in.Status.Permanent && w.m.cfg.Authorizes
	return in.Rejected || in.Kind == Reported && code
}

// attempting reports whether an attempt runs, or was cancelled and may still say
// why.
func (w *world) attempting() bool {
	switch w.m.phase {
	case opening, aborting, awaiting, proving, restoring, resyncing:
		return true
	}
	return false
}

// returns takes the end of a restart or resume.
func (v *rescue) returns(w *world, in Input, current bool) {
	if !current || in.ID != v.op.id || v.op.kind == Resync {
		return
	}
	if in.Status.IsZero() && !in.Unsupported && !v.op.cancelled {
		w.watch.able, v.rejected = v.offered, 0
	}
	v.op = running{}
}

func (v *rescue) hinted(w *world, at Instant, h observer.Hint) {
	switch {
	case w.m.state == observer.StateIdle || w.over || !h.Known():
	case h == observer.NetworkDown:
		v.down, v.downSince, v.downUntil = true, at.Mono, later(at.Mono, w.m.cfg.DownTimeout)
	default:
		v.down = false
	}
}

// effect takes over an effect that belongs to a recovery, and checks it; ok says
// whether it is one.
func (v *rescue) effect(w *world, e Effect) (ok bool, err error) {
	switch e.Kind {
	case Restart, Resume:
		w.watch.renewed(w.now.Mono)
		return true, v.restores(w, e)
	case Resync:
		return true, v.resyncs(w, e)
	case CancelRestore, CancelResync:
		return true, v.cancels(w, e)
	case Admit:
		if v.asking != 0 || v.let && e.Attempt.Level <= v.paid || !w.m.cfg.Limited {
			return true, errors.New("the limiter is asked in vain")
		}
		v.asking, v.let, v.paid = e.ID, false, e.Attempt.Level
	case CancelAdmit:
		if v.asking != e.ID || e.ID == 0 {
			return true, errors.New("no question to the limiter to take back")
		}
		v.asked, v.asking = v.asking, 0
	case Refresh:
		if v.refreshing != 0 || w.state != observer.StateConnected || !w.m.cfg.Authorizes {
			return true, errors.New("credentials are renewed at the wrong time")
		}
		v.refreshing = e.ID
	case CancelRefresh:
		if v.refreshing != e.ID || e.ID == 0 {
			return true, errors.New("no renewal to cancel")
		}
		v.refreshed, v.refreshing = e.ID, 0
	default:
		return false, nil
	}
	return true, nil
}

// restores checks a restart or resume: it is an attempt like another one, on the
// link that was connected, and nothing else runs there.
func (v *rescue) restores(w *world, e Effect) error {
	l, level := w.life(e.Epoch), e.Attempt.Level
	rung := w.m.cfg.Policy.Ladder.Rung(level)
	able := map[EffectKind]Abilities{Restart: CanRestart, Resume: CanResume}[e.Kind]
	age := w.now.Wall.Sub(v.since)
	switch {
	case (e.Kind == Restart) != (level == policy.RestartMedia) || level >= policy.Rejoin:
		return fmt.Errorf("%s at the level %s", e.Kind, level)
	case w.state != observer.StateReconnecting || e.Epoch != w.epoch || l == nil || l.stage != open || !l.adopted:
		return fmt.Errorf("%s e%d, which is not a lost link that is kept", e.Kind, e.Epoch)
	case v.op.on(e.Epoch):
		return fmt.Errorf("%s while a %s runs on the link", e.Kind, v.op.kind)
	case v.offered&able == 0:
		return fmt.Errorf("%s on a link that cannot do that", e.Kind)
	case v.tries[level] >= rung.Attempts:
		return fmt.Errorf("%s once more than its rung allows", e.Kind)
	case rung.Window > 0 && age >= rung.Window:
		return fmt.Errorf("%s %s after the loss", e.Kind, age)
	case e.Attempt.Timeout > w.m.cfg.Policy.Ladder.Limit(level, w.m.cfg.ConnectTimeout):
		return fmt.Errorf("%s of %s", e.Kind, e.Attempt.Timeout)
	}
	v.before, v.op = v.op, running{id: e.ID, epoch: e.Epoch, kind: e.Kind, level: level, media: e.Attempt.RestartMedia}
	return w.begins(e)
}

// begins checks what holds for every attempt.
func (v *rescue) begins(w *world, e Effect) error {
	level := e.Attempt.Level
	directed := v.wish != nil && v.wish.Recovery == status.RecoverByResume
	limit := w.m.cfg.Policy.Budget.Rejections
	switch {
	case v.down:
		return errors.New("an attempt while the network is down")
	case w.m.cfg.Limited && (!v.let || level > v.paid):
		return errors.New("an attempt that the limiter has not let through")
	case level < v.floor && !directed:
		return fmt.Errorf("from %s down to %s", v.floor, level)
	case e.Attempt.Number != v.number+1:
		return fmt.Errorf("attempt %d after %d", e.Attempt.Number, v.number)
	case limit > 0 && v.rejected >= limit:
		return errors.New("an attempt after too many rejections")
	}
	v.let, v.resynced, v.number = false, false, e.Attempt.Number
	v.level, v.floor, v.accused = level, max(v.floor, level), false
	v.tries[level]++
	return nil
}

func (v *rescue) resyncs(w *world, e Effect) error {
	l := w.life(e.Epoch)
	switch {
	case w.state != observer.StateReconnecting || e.Epoch != w.epoch || l == nil || l.stage != open:
		return fmt.Errorf("resync e%d, which is not a link that has opened in a recovery", e.Epoch)
	case v.op.on(e.Epoch):
		return fmt.Errorf("resync while a %s runs on the link", v.op.kind)
	case e.Outage == nil:
		return errors.New("resync without the outage")
	}
	v.before, v.op = v.op, running{id: e.ID, epoch: e.Epoch, kind: Resync}
	return nil
}

func (v *rescue) cancels(w *world, e Effect) error {
	if !v.op.on(e.Epoch) || v.op.id != e.ID || v.op.cancelled || (e.Kind == CancelResync) != (v.op.kind == Resync) {
		return fmt.Errorf("%s e%d#%d, which does not run", e.Kind, e.Epoch, e.ID)
	}
	v.op.cancelled, v.op.since = true, w.now.Mono
	return nil
}

// closes checks that what runs on a link is cancelled before it is closed.
func (v *rescue) closes(e Effect) error {
	if v.op.on(e.Epoch) && !v.op.cancelled {
		return fmt.Errorf("close e%d with a %s that was not cancelled", e.Epoch, v.op.kind)
	}
	return nil
}

// hears takes over an event.
func (v *rescue) hears(w *world, e observer.Event) error {
	failed := v.failed
	v.failed = 0
	switch e := e.(type) {
	case observer.Connecting, observer.Reconnecting:
		if w.heard.latest() > v.downSince+2*time.Second {
			v.down = false // the link has outlived it
		}
		*v = rescue{
			op: v.op, before: v.before, offered: v.offered, since: w.now.Wall, down: v.down, downSince: v.downSince, downUntil: v.downUntil,
			refreshing: v.refreshing, refreshed: v.refreshed, asked: v.asked,
		}
	case observer.Connected:
		if v.asking != 0 || v.op.on(e.Epoch) && !v.op.cancelled {
			return errors.New("connected while an attempt is waited for")
		}
		healed := w.watch.healed
		if e.From == observer.StateReconnecting && w.m.cfg.ResyncTimeout > 0 && !v.resynced && !healed {
			return errors.New("recovered, and the application has not caught up")
		}
		v.let, v.down = false, false
	case observer.AttemptFailed:
		v.failed, v.failure = v.level, e
		if v.accused {
			v.rejected++
		}
		v.accused = false
		if e.Unsupported {
			v.number--
		}
	case observer.RetryScheduled:
		return v.schedules(w, e.Decision, failed)
	case observer.Hinted:
		return v.expires(w, e)
	}
	return nil
}

// schedules checks the next attempt against the one that has just failed.
func (v *rescue) schedules(w *world, d policy.Decision, failed policy.Level) error {
	dir := d.Facts.Status.Directive
	v.wish = dir
	asked := dir != nil && dir.RetryAfter > 0 && w.m.cfg.Policy.MaxRetryAfter > 0
	if asked { // the server's time, and as much again as half of it to come apart from others
		wish := min(dir.RetryAfter, w.m.cfg.Policy.MaxRetryAfter)
		w.account.grant(wish+min(d.Delay-wish, wish/2), w.m.cfg.Policy.Budget.Extension)
	}
	directed := dir != nil && dir.Recovery == status.RecoverByResume
	busy := inTrouble(d.Facts.Status) && !v.failure.Refused && !v.failure.Unsupported
	switch {
	case failed != 0 && d.Level > failed && !asked && !busy && d.Delay != 0:
		return fmt.Errorf("from %s to %s with a delay", failed, d.Level)
	case failed != 0 && failed < policy.Rejoin && (v.failure.Refused || v.failure.Unsupported) && d.Level <= failed && !directed:
		return fmt.Errorf("%s was refused, and is tried again", failed)
	case d.Level < v.floor && !directed:
		return fmt.Errorf("from %s down to %s", v.floor, d.Level)
	}
	return nil
}

// inTrouble says whether it is the server that has failed, and not a level.
func inTrouble(st status.Status) bool {
	fault := []status.Code{status.AudioInternalServerError, status.AudioServiceUnavailable, status.SignalingInternalServerError}
	return st.Shared || st.Wire != 0 && slices.Contains(fault, st.Code)
}

// expires checks the end of a NetworkDown that nobody has taken back: at its time,
// or for the last attempt that the budget allows.
func (v *rescue) expires(w *world, e observer.Hinted) error {
	if !e.Expired {
		return nil
	}
	end, limited := w.end()
	lastChance := limited && w.now.Mono >= end-w.m.cfg.ConnectTimeout && w.state != observer.StateConnected
	if !v.down || w.now.Mono < v.downUntil && !lastChance {
		return errors.New("the hint expires early")
	}
	v.down = false
	return nil
}

// reacts checks what a report does to a restart or resume: what that is there to
// mend changes nothing, and everything else that is lost ends it.
func (v *rescue) reacts(w *world, before *Machine, in Input) error {
	if before.phase != restoring || in.Epoch != before.epoch || w.m.state == observer.StateStopped {
		return nil
	}
	class := w.m.cfg.Policy.Classes.Of(in.Status.Code)
	damage := policy.DamageOf(in.Status)
	switch {
	case in.Kind == LinkClosed && damage == 0:
		damage = map[status.Layer]policy.Damage{status.LayerMedia: policy.MediaDead, status.LayerSignaling: policy.SignalingDead}[in.Layer]
	case in.Kind != LinkClosed && !(in.Kind == Reported && class == policy.Failure):
		return nil
	}
	mended := damage != 0 && damage&^v.op.mends() == 0
	if goesOn := w.m.phase == restoring && w.m.op == before.op; goesOn != mended {
		return fmt.Errorf("%s with %s of %s during a %s: goes on: %t", in.Kind, in.Status.Code, in.Layer, before.attempt.Level, goesOn)
	}
	return nil
}
