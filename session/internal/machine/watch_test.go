package machine

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// watch is what a world knows of the detector of dead links and of the proof of
// media, by what goes in and comes out.
type watch struct {
	suspected bool // LinkSuspected was told, and nothing that ends it
	// dead is the epoch that LinkDead was told of, until the next connection.
	dead    uint64
	life    bool          // something that may be life has come in since then
	media   bool          // something that may be life of the running link's media path has come in
	since   time.Duration // when its path was renewed; 0 for a new link
	touched bool          // something was done to it, or it has said that it has changed
	healed  bool          // LinkHealed was told, Connected must follow
	proven  bool          // MediaProven was told, Connected or Resyncing must follow
	proves  bool          // before the input, the running link had yet to prove itself
	// able is what the running link can be asked.
	able   Abilities
	counts observer.Liveness

	ping, probe uint64 // IDs of the detector's last ones
	bytes       uint64 // total of the last sample
}

// takes notes what an input means for a link that was found dead: whatever it
// reports of a change, and every wish to reconnect, forbids it to heal.
func (v *watch) takes(w *world, in Input) {
	current := in.Epoch == w.m.epoch
	v.proves = w.m.phase == proving && (current || in.Kind == Tick) || current && (in.Kind == Opened || in.Kind == Present)
	if in.Sample != nil {
		v.bytes = in.Sample.BytesReceived
	}
	shows := in.Kind == Probed || in.Kind == Ponged || in.Sample != nil || in.Heard != w.m.heard && in.Heard != Heard{}
	v.media = v.media || current && (in.Kind == Probed || in.Sample != nil)
	v.life = v.life || current && shows || in.Kind == Tick && in.Heard != w.m.heard && in.Heard != Heard{}
	switch in.Kind {
	case Opened:
		if current && w.m.phase == opening {
			v.able = in.Abilities
		}
	case CannotPing:
		if current {
			v.able &^= CanPing
		}
	case CannotProbe:
		if current {
			v.able &^= CanProbe
		}
	case Reconnect, Stop, Fault:
		v.touched = true
	case LinkClosed:
		v.touched = v.touched || current
	case Reported:
		class := w.m.cfg.Policy.Classes.Of(in.Status.Code)
		harmless := class == policy.Ignore || class == policy.ViewOnly || class == policy.Demotion
		v.touched = v.touched || current && (!harmless || in.Status.Permanent)
	}
}

// hears takes over an event.
func (v *watch) hears(w *world, e observer.Event, rest []Effect) error {
	resyncs := v.proven && e.Name() == "Resyncing"
	if (v.healed || v.proven) && e.Name() != "Connected" && !resyncs {
		return fmt.Errorf("%s before the Connected that must follow LinkHealed and MediaProven", e.Name())
	}
	switch e := e.(type) {
	case observer.LinkSuspected:
		v.suspected = true
		v.counts.Suspected++
		if e.Diagnosis.Layers == 0 {
			return errors.New("a suspicion of nothing")
		}
	case observer.LinkCleared:
		v.counts.Cleared++
		if !v.suspected {
			return errors.New("LinkCleared without a suspicion")
		}
		v.suspected = false
	case observer.LinkDead:
		return v.dies(w, e, rest)
	case observer.LinkHealed:
		return v.heals(w, e)
	case observer.MediaProven:
		v.counts.Proven++
		if v.proven = true; !v.media && w.heard.Media < max(v.since, 1) {
			return errors.New("media is proven by nothing")
		}
	case observer.Resyncing:
		v.proven = false
	case observer.Reconnecting:
		v.suspected = false
	}
	return nil
}

// renewed notes that an attempt has begun, which touches the link and may bring
// media back.
func (v *watch) renewed(since time.Duration) { v.touched, v.media, v.since = true, false, since }

// dies checks that a verdict has its consequence at once, unless the policy does
// not take it for a loss.
func (v *watch) dies(w *world, e observer.LinkDead, rest []Effect) error {
	v.counts.Dead++
	if v.dead == e.Epoch {
		return errors.New("a second verdict about the same link")
	}
	class := w.m.cfg.Policy.Classes.Of(status.ConnectionHealthReconnect)
	if v.suspected = false; class == policy.Ignore {
		if len(rest) > 0 || w.m.state != observer.StateConnected {
			return errors.New("LinkDead, which the policy ignores, has a consequence")
		}
		return nil
	}
	if w.m.state == observer.StateConnected {
		return errors.New("connected after LinkDead")
	}
	v.dead, v.life = e.Epoch, false
	v.touched = w.m.cfg.NoHealing || w.promoted || w.calling != 0 || w.running != 0
	return nil
}

// heals checks that nothing was done to a link that has healed, and that it was
// found dead.
func (v *watch) heals(w *world, e observer.LinkHealed) error {
	v.counts.Healed++
	v.healed = true
	l := w.life(e.Epoch)
	switch {
	case v.dead == 0 || v.dead != e.Epoch:
		return errors.New("LinkHealed without LinkDead")
	case v.touched:
		return errors.New("a link has healed to which something was done")
	case l == nil || l.stage != open:
		return errors.New("a link has healed that is not open")
	case !v.life:
		return errors.New("a link has healed of which nothing was heard")
	}
	return nil
}

// connected checks that Recovered says how the connection has come about.
func (v *watch) connected(h observer.Header, rest []Effect) error {
	if v.proven && h.From != observer.StateReconnecting {
		return errors.New("a proof of media in the first connect")
	}
	healed := v.healed
	v.suspected, v.dead, v.touched, v.healed, v.proven = false, 0, false, false, false
	if h.From != observer.StateReconnecting {
		return nil
	}
	r, ok := rest[0].Event.(observer.Recovered)
	if !ok || r.Outage.Healed != healed || (r.Outage.Attempts == 0) != healed || r.Epoch != h.Epoch {
		return fmt.Errorf("healed: %t, and yet %+v", healed, rest[0].Event)
	}
	return nil
}

// onWatched checks that only links are asked that are adopted, prove themselves
// or may heal, and only for what they can.
func (w *world) onWatched(e Effect, can Abilities) error {
	l := w.life(e.Epoch)
	condemned := w.watch.dead == e.Epoch && !w.watch.touched
	resyncs := w.rescue.op.kind == Resync && w.rescue.op.on(e.Epoch)
	proves := w.state == observer.StateReconnecting && (w.m.phase == proving || w.watch.proves || resyncs) && e.Epoch == w.epoch
	switch {
	case l == nil || l.stage != open:
		return fmt.Errorf("%s e%d, which is not open", e.Kind, e.Epoch)
	case e.Epoch != w.adopted && !condemned && !proves:
		return fmt.Errorf("%s e%d, which is neither adopted nor waited for", e.Kind, e.Epoch)
	case w.watch.able&can == 0:
		return fmt.Errorf("%s e%d, which cannot be asked that", e.Kind, e.Epoch)
	case e.ID == 0:
		return fmt.Errorf("%s e%d without an ID", e.Kind, e.Epoch)
	}
	return w.watch.asks(e)
}

// asks checks that no ID is used twice.
func (v *watch) asks(e Effect) error {
	last := &v.probe
	switch {
	case e.Kind == Ping && e.ID < ownPings:
		return nil
	case e.Kind == Ping:
		last = &v.ping
	}
	if e.ID <= *last {
		return fmt.Errorf("%s e%d with the used ID %d", e.Kind, e.Epoch, e.ID)
	}
	*last = e.ID
	return nil
}

// checkWatch makes sure that a link that was found dead stays open until it is
// touched, and is closed then unless it can be restored; and that the counts are
// those of the events.
func (w *world) checkWatch() error {
	counts := w.m.Snapshot().Liveness
	w.watch.counts.Paused, w.watch.counts.Unproven = counts.Paused, counts.Unproven
	if counts != w.watch.counts {
		return fmt.Errorf("the snapshot counts %+v, the events %+v", counts, w.watch.counts)
	}
	if w.watch.healed || w.watch.proven {
		return errors.New("no Connected after LinkHealed or MediaProven")
	}
	if w.watch.dead == 0 || w.watch.dead != w.epoch || w.state != observer.StateReconnecting || w.m.state == observer.StateStopped {
		return nil
	}
	l := w.life(w.watch.dead)
	opened := l != nil && l.stage == open
	kept := opened && w.watch.touched && w.rescue.offered&(CanRestart|CanResume) != 0
	if opened == w.watch.touched && !kept {
		return fmt.Errorf("the dead link is open: %t, was touched: %t", opened, w.watch.touched)
	}
	return nil
}
