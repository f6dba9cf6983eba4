package chaos

import (
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// event checks an event.
func (w *witness) event(e observer.Event) {
	h := e.Head()
	switch {
	case w.told:
		w.breaks(ruleSilence, "%s after Stopped", e.Name())
	case h.Seq != w.seq+1 || h.Elapsed != w.now.Mono || !h.Time.Equal(w.now.Wall):
		w.breaks(ruleOrder, "%s has number %d and time %s", e.Name(), h.Seq, h.Elapsed)
	case h.From != w.state:
		w.breaks(ruleEvents, "%s from %s, in %s", e.Name(), h.From, w.state)
	}
	w.seq, w.state = h.Seq, h.To
	if rule, text := w.account.hears(e); rule != "" {
		w.breaks(rule, "%s", text)
	}
	w.follows(e)
}

func (w *witness) follows(e observer.Event) {
	switch e := e.(type) {
	case observer.Connecting, observer.Reconnecting:
		w.leaves(e)
	case observer.AttemptStarted:
		w.number = e.Number
		w.started = &e
		w.trying, w.dead = true, 0
		w.tried, w.clipped = w.now.Mono, e.Timeout < fair
		w.codes(e, e.Cause)
	case observer.LinkDead:
		w.dead = e.Epoch
	case observer.AttemptFailed:
		w.trying = false
		if w.well > 0 && w.tried > w.well && !w.clipped && !e.Unsupported {
			w.breaks(ruleWorks, "attempt %d at the level %s fails: %v", e.Number, w.floor, e.Status)
		}
		if w.accused {
			w.rejections++
			w.owed = w.s.Credentials
		}
		w.codes(e, e.Status)
	case observer.RetryScheduled:
		d := e.Decision.Facts.Status.Directive
		w.directed = w.directed || d != nil && (d.RetryAfter > 0 || d.Recovery != status.RecoverAnyhow || d.Endpoint != "")
		w.codes(e, e.Decision.Status)
	case observer.Connected:
		w.connects(e)
	case observer.Hinted:
		w.down = e.Hint == observer.NetworkDown && !e.Expired
		if w.down {
			w.said = w.now.Mono
		}
	case observer.Promoted:
		w.promoted = true
	case observer.Demoted:
		w.promoted = false
	case observer.Stopped:
		w.stops(e)
	}
}

// fair is how long an attempt should have to succeed.
const fair = 2 * time.Second

// codes: G7.
func (w *witness) codes(e observer.Event, st status.Status) {
	if st.Code.Told() == status.ToldDemote {
		w.breaks(ruleCodes, "%s tells %s", e.Name(), st.Code)
	}
}

// leaves begins an outage, or the first connect.
func (w *witness) leaves(e observer.Event) {
	if w.promoted {
		w.breaks(ruleEvents, "%s before the promoted session was told Demoted", e.Name())
	}
	w.number, w.floor, w.directed, w.owed, w.patient = 0, 0, false, false, false
	if r, lost := e.(observer.Reconnecting); lost {
		w.codes(e, r.Cause)
		w.rejections = 0
		if w.hushed {
			w.calling = 0 // it is not waited for any more
		}
	}
	if max(w.heard.Media, w.heard.Signaling) > w.said+sleepJump {
		w.down = false // the link has outlived the hint
	}
	for i := range w.lives {
		w.lives[i].restores = [policy.Rejoin]int{}
	}
}

func (w *witness) connects(e observer.Connected) {
	l := w.life(e.Epoch)
	if l == nil || l.stage != open || e.Epoch != w.epoch {
		w.breaks(ruleOneLink, "connected with the link of epoch %d, which is not open", e.Epoch)
		return
	}
	if w.limiter != 0 || w.op.id != 0 && !w.op.cancelled {
		w.breaks(ruleCancel, "connected while an attempt is waited for")
	}
	if e.From == observer.StateReconnecting && w.s.ResyncTimeout > 0 && !w.resynced && e.Attempts > 0 {
		w.breaks(ruleEvents, "recovered, and the application has not caught up")
	}
	l.adopted, w.adopted = true, e.Epoch
	w.down, w.let, w.rejections = false, false, 0
	w.trying, w.dead = false, 0
}

// stops checks the end against what has led to it.
func (w *witness) stops(e observer.Stopped) {
	w.told = true
	for _, st := range []status.Status{e.Status, e.First, e.Last, e.Decision.Status} {
		if !st.IsZero() && st.Code.Told() != status.ToldStop {
			w.breaks(ruleCodes, "Stopped tells %s", st.Code)
		}
	}
	limit := max(w.s.Rejections, 1)
	rejected := w.s.Rejections >= 0 && w.rejections >= limit
	if e.Status.IsZero() {
		w.breaks(ruleReason, "Stopped without a reason")
	}
	if w.promoted {
		w.breaks(ruleEvents, "Stopped before the promoted session was told Demoted")
	}
	by := map[observer.Initiator]bool{
		observer.ByApplication: w.stop, observer.ByFault: w.fault, observer.ByStatus: w.final || rejected, observer.ByPolicy: true,
	}
	if !by[e.Initiator] {
		w.breaks(ruleReason, "Stopped by %s, which has not asked for it", e.Initiator)
	}
	if w.hurries() {
		w.breaks(ruleWaits, "Stopped before what was given up has had its grace")
	}
}

// hurries reports whether the end does not wait for what was given up. What opens
// and is closed within its grace does not put the end off.
func (w *witness) hurries() bool {
	if w.over && w.now.Mono >= w.endBy {
		return false
	}
	for i := range w.lives {
		l := &w.lives[i]
		if (l.stage == cancelled || l.stage == closing) && !l.unawaited && w.now.Mono < l.gaveUp+w.cfg.CloseGrace {
			return true
		}
	}
	return false
}
