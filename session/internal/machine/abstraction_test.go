package machine

import (
	"github.com/holdfast-go/holdfast/observer"
)

// abstract is what two worlds must differ in to count as two. Epochs are
// relative, counts saturate, and of times only their order counts.
type abstract struct {
	state    observer.State
	phase    phase
	order    [timerCount]int8 // ranks of the armed timers
	budget   int8
	attempts int8
	last     int8

	present, due, viewOnly, asksViewOnly, withoutTransforms, promoted bool

	promotion, update, old, deaf, pings, lives, authority int8
	able                                                  Abilities
	living                                                bool
	initiator                                             observer.Initiator
}

// saturate keeps small counts apart.
func saturate(n, limit int) int8 { return int8(min(n, limit)) }

// abstraction maps a world to what counts of it.
func (w *world) abstraction() abstract {
	m := w.m
	a := abstract{
		state: m.state, phase: m.phase, order: w.order(), budget: w.budgetClass(),
		attempts: saturate(m.retries.Attempts(), max(m.cfg.Policy.Budget.Attempts, 1)), last: lastClass(m),
		present: m.present && m.cfg.PresenceTimeout > 0, due: m.retryDue, promoted: m.promoted,
		authority: bits(m.epoch > 1 && w.now.Mono < m.attemptStarted+authority, w.now.Mono < m.lostUntil && m.lostEpoch != 0),
		promotion: bits(m.promotion.id != 0, m.promotion.demote, m.promotion.answered),
		update:    bits(m.update.id != 0, m.update.now.renegotiate, m.update.now.viewOnly, m.update.then.renegotiate, m.update.then.viewOnly),
		old:       bits(m.old.epoch != 0, m.old.epoch == m.epoch, m.old.connect),
		deaf:      saturate(w.count(cancelled), 3),
		pings:     saturate(m.monitor.Data().MissedPongs, 4)*2 + bits(lastPing(m) < 100),
		lives:     bits(w.count(dialing) > 0, w.count(open) > 0, w.count(closing) > 0),
		able:      m.abilities, living: m.retries.Living() && m.cfg.Policy.Budget.Idle >= 0,
	}
	if a.able&CanUpdate != 0 || m.phase == opening {
		a.viewOnly, a.asksViewOnly, a.withoutTransforms = m.viewOnly, m.attempt.ViewOnly, m.withoutTransforms
	}
	if m.ending != nil {
		a.initiator = m.ending.initiator
	}
	return a
}

func bits(flags ...bool) (n int8) {
	for i, f := range flags {
		if f {
			n |= 1 << i
		}
	}
	return n
}

// order ranks the armed timers by their time; equal times have one rank, the
// past has 0, what is not armed -1.
func (w *world) order() (ranks [timerCount]int8) {
	for i := range timerCount {
		ranks[i] = -1
		if !w.m.timers.armed(i) {
			continue
		}
		ranks[i] = bits(w.m.timers.due[i] > w.now.Mono)
		for j := range timerCount {
			if t := w.m.timers.due[j]; w.m.timers.armed(j) && t > w.now.Mono && t < w.m.timers.due[i] {
				ranks[i]++
			}
		}
	}
	return ranks
}

// The classes of the budget.
const (
	noBudget int8 = iota
	plenty
	nearlyOver
	over
)

func (w *world) budgetClass() int8 {
	end, ok := w.m.retries.Deadline()
	switch left := end - w.now.Mono; {
	case !ok:
		return noBudget
	case left <= 0:
		return over
	case left < w.m.cfg.ConnectTimeout:
		return nearlyOver
	}
	return plenty
}

// lastClass is what may still come of the last cause.
func lastClass(m *Machine) int8 {
	last := m.trouble.last
	if last.IsZero() {
		return -1
	}
	return int8(m.cfg.Policy.Classes.Of(last.Code))*2 + bits(last.Unexplained())
}
