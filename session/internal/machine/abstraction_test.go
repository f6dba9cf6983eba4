package machine

import (
	"slices"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
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

	watch  watched
	rescue rescued
}

// rescued is what counts of a recovery, and of what attempts wait for.
type rescued struct {
	level, floor, tried policy.Level // tried only while it matters
	damage              policy.Damage
	restarts, resumes   int8
	rejections          int8
	step                step

	link, op, before, limiter, network, outage, fresh, deferred, interrupted, endpoints int8
	timeout, granted                                                                    loss
}

// loss is what may still come of the status that an attempt has failed with.
type loss struct {
	class  policy.Class
	damage policy.Damage
	wish   status.Directive
}

func lossOf(m *Machine, st status.Status) (l loss) {
	if st.IsZero() {
		return l
	}
	l = loss{class: m.cfg.Policy.Classes.Of(st.Code), damage: policy.DamageOf(st)}
	if st.Directive != nil {
		l.wish = *st.Directive
	}
	return l
}

func (w *world) rescued() (a rescued) {
	m := w.m
	if m.state == observer.StateIdle || m.state == observer.StateStopped {
		return a
	}
	t := m.trouble
	a = rescued{
		rejections: saturate(t.recovery.Rejections, 9),
		link:       bits(m.held, m.adopted, m.linkViewOnly && m.abilities&CanUpdate != 0, m.held && m.offered&^m.abilities != 0),
		before:     bits(w.rescue.before.id != 0),
		limiter:    bits(m.queued != 0, m.admitted, w.rescue.asked != 0),
		network:    bits(m.network.down, m.network.until > w.now.Mono, m.nudge() > w.now.Mono, m.network.nudged > w.now.Mono, m.network.asleep(w.now.Mono) > 0 && m.offered&CanResume != 0),
		outage:     bits(t.asked, t.found && m.cfg.FindEndpoints, t.rejected, w.rescue.accused, m.expired()),
		fresh:      bits(m.fresh.id != 0, m.fresh.until > w.now.Mono, m.fresh.until != 0, w.rescue.refreshed != 0),
		deferred:   bits(m.deferred.asked.renegotiate, m.deferred.asked.viewOnly),
	}
	if len(m.list()) > 0 || m.endpoints.move != "" {
		a.endpoints = saturate(m.endpoints.cursor, 15)*2 + bits(m.endpoints.move != "")
	}
	if m.held && m.offered&(CanRestart|CanResume) != 0 {
		a.climb(w)
	}
	switch op := w.rescue.op; m.phase {
	case opening, awaiting, proving, restoring, resyncing, aborting:
		a.tried, a.step = m.attempt.Level, m.step
		a.op = bits(op.id != 0, op.cancelled, m.op != 0, m.attempt.RestartMedia, op.kind == Resync)
	case waiting, holding, condemned, queueing:
		a.op = bits(op.id != 0, op.cancelled)
	}
	return a
}

// climb adds what counts on a link that can be restored.
func (a *rescued) climb(w *world) {
	m, t := w.m, w.m.trouble
	r := &t.recovery
	a.level, a.floor, a.damage = t.level, r.Floor, r.Damage
	a.restarts, a.resumes = saturate(r.Restarts, 3), saturate(r.Resumes, 3)
	a.interrupted = bits(m.deferred.interrupted.renegotiate, m.deferred.interrupted.viewOnly)
	switch m.phase {
	case aborting:
		a.timeout = lossOf(m, m.timeout)
	case waiting, holding, condemned, queueing:
		a.granted = lossOf(m, m.granted)
	}
}

// expired says whether it is too late for a resume.
func (m *Machine) expired() bool {
	window := m.cfg.Policy.Ladder.Resume.Window
	return m.state == observer.StateReconnecting && m.adopted && m.recovery().Age >= window
}

// watched is what counts of the detector: how far it is and what waits, but none
// of its times and of what it has learned.
type watched struct {
	on, suspicious, told, heard, doubt, ping, probe, doubtKnown bool

	judges    health.Layers
	expect    health.Expectation
	dead      bool
	touched   bool
	condemned status.Layer
}

func (w *world) watched() (a watched) {
	m := w.m
	if m.state == observer.StateConnected || slices.Contains([]phase{opening, awaiting, proving, condemned}, m.phase) {
		a.expect = m.live.expect // else it is forgotten before it matters
	}
	if a.dead = w.watch.dead != 0 && w.watch.dead == m.epoch; a.dead {
		a.touched = w.watch.touched
	}
	if m.phase == condemned {
		a.condemned = m.trouble.first.Layer
	}
	if !m.watching() {
		return a
	}
	g := m.live.detector.Diagnose(m.now.Mono, 0)
	a.doubtKnown = !m.live.doubt.IsZero()
	a.on, a.told, a.suspicious = true, w.watch.suspected, m.live.detector.Suspicion(m.now.Mono) > 0
	a.heard, a.doubt, a.judges = m.live.detector.Heard(), g.Doubt, m.live.detector.Judges()
	a.ping, a.probe = g.PingAge > 0, g.Unanswered > 0
	return a
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
		authority: bits(m.epoch > 1 && w.now.Mono < m.priorUntil, w.now.Mono < m.lostUntil && m.lostEpoch != 0),
		promotion: bits(m.promotion.id != 0, m.promotion.demote, m.promotion.answered),
		update:    bits(m.update.id != 0, m.update.now.renegotiate, m.update.now.viewOnly, m.update.then.renegotiate, m.update.then.viewOnly),
		old:       bits(m.old.epoch != 0, m.old.epoch == m.epoch, m.old.connect),
		deaf:      saturate(w.count(cancelled), 3),
		pings:     saturate(m.monitor.Data().MissedPongs, 4)*2 + bits(lastPing(m) < 100),
		lives:     bits(w.count(dialing) > 0, w.count(open) > 0, w.count(closing) > 0),
		able:      m.abilities, living: m.retries.Living() && m.cfg.Policy.Budget.Idle >= 0,
		watch: w.watched(), rescue: w.rescued(),
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
