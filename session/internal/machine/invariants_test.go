package machine

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// mayFollow says which event may come in a state, and where it leads.
func mayFollow(e observer.Event, h observer.Header, now observer.State) bool {
	if h.From != now {
		return false
	}
	switch e.(type) {
	case observer.Connecting:
		return h.From == observer.StateIdle && h.To == observer.StateConnecting
	case observer.Connected:
		return (h.From == observer.StateConnecting || h.From == observer.StateReconnecting) && h.To == observer.StateConnected
	case observer.Reconnecting:
		return h.From == observer.StateConnected && h.To == observer.StateReconnecting
	case observer.Stopped:
		return h.From != observer.StateStopped && h.To == observer.StateStopped
	case observer.Recovered, observer.Promoted, observer.Updating, observer.Updated,
		observer.ConnectionGood, observer.ConnectionPoor, observer.VideoStopSuggested,
		observer.SendingAudioFailed, observer.SendingAudioRecovered,
		observer.VideoDegradeSuggested, observer.VideoDegradeLifted, observer.PolicyChanged,
		observer.LinkSuspected, observer.LinkCleared, observer.LinkDead:
		return h.From == observer.StateConnected && h.To == h.From
	case observer.LinkHealed, observer.MediaProven, observer.Resyncing:
		return h.From == observer.StateReconnecting && h.To == h.From
	case observer.CredentialsRefreshed:
		return h.From != observer.StateIdle && h.From != observer.StateStopped && h.To == h.From
	case observer.AttemptStarted, observer.AttemptFailed, observer.RetryScheduled, observer.AttemptQueued, observer.EndpointsFound:
		return (h.From == observer.StateConnecting || h.From == observer.StateReconnecting) && h.To == h.From
	}
	return h.From != observer.StateIdle && h.From != observer.StateStopped && h.To == h.From
}

// checkCodes makes sure that demotion codes are told in Demoted only (G7).
func checkCodes(e observer.Event) error {
	var told []status.Status
	switch e := e.(type) {
	case observer.AttemptStarted:
		told = append(told, e.Cause)
	case observer.AttemptFailed:
		told = append(told, e.Status)
	case observer.RetryScheduled:
		told = append(told, e.Decision.Status)
	case observer.Reconnecting:
		told = append(told, e.Cause)
	case observer.Recovered:
		told = append(told, e.Outage.First, e.Outage.Last)
	case observer.VideoSendUnavailable:
		told = append(told, e.Status)
	case observer.Updating:
		told = append(told, e.Cause)
	case observer.Resyncing:
		told = append(told, e.Outage.First, e.Outage.Last)
	}
	for _, st := range told {
		if st.Code.Told() == status.ToldDemote {
			return fmt.Errorf("G7: %s tells %s", e.Name(), st.Code)
		}
	}
	return nil
}

// checkCalm makes sure that nobody writes to the trouble that calm sessions share.
func checkCalm() error {
	if t := calm; !t.first.IsZero() || !t.last.IsZero() || t.attempts != 0 || t.recovery != (policy.Recovery{}) || t.rejected {
		return fmt.Errorf("a calm session has written to the trouble of all: %+v", *t)
	}
	return nil
}

// checkPlace compares what the events tell with the machine. Between the end
// and Stopped the machine is ahead of its events.
func (w *world) checkPlace(in Input) error {
	if w.m.state != w.state && w.m.state != observer.StateStopped {
		return fmt.Errorf("the machine is %s, the events say %s, after %s", w.m.state, w.state, in.Kind)
	}
	return nil
}

// checkEnd bounds the time between the end and Stopped (G3), and what may be
// left then (G8).
func (w *world) checkEnd() error {
	if w.m.state != observer.StateStopped {
		return nil
	}
	if !w.over {
		w.over = true
		w.endBy = w.now.Mono + w.m.cfg.CloseGrace
	}
	at, armed := w.m.Deadline()
	switch {
	case w.count(dialing, open) > 0:
		return errors.New("G8: stopped with a Connect that was not cancelled, or a link that was not closed")
	case w.finished && armed:
		return errors.New("G11: a deadline after Finish")
	case !w.finished && !armed:
		return errors.New("G3: leaving without a deadline")
	case !w.finished && at > w.endBy:
		return fmt.Errorf("G3: leaving until %s, %s after the close grace", at, at-w.endBy)
	}
	return nil
}

// checkDeadline makes sure that nothing waits for ever (NEEDS 3), and that a
// tick makes progress.
func (w *world) checkDeadline(in Input) error {
	at, armed := w.m.Deadline()
	live := w.m.state == observer.StateConnecting || w.m.state == observer.StateReconnecting
	endless := w.rescue.asking != 0 && (w.m.cfg.Policy.Budget.Elapsed <= 0)
	switch {
	case live && !armed && !endless: // else it is for the limiter to answer
		return errors.New("NEEDS 3: nothing is waited for")
	case armed && in.Kind == Tick && at <= w.now.Mono:
		return errors.New("a tick that leaves something due")
	case live && at > w.now.Mono+time.Minute && w.rescue.asking == 0 && !w.m.trouble.asked:
		return fmt.Errorf("NEEDS 3: the deadline is %s away", at-w.now.Mono)
	}
	return nil
}

// checkLinks makes sure that there is one link at most, and one while
// connected (G1), and that two deaf Connects end the session (G11).
func (w *world) checkLinks() error {
	opened := w.count(open)
	deaf := 0
	for _, l := range w.lives {
		if l.stage == cancelled && w.now.Mono >= l.since+w.m.cfg.CloseGrace {
			deaf++
		}
	}
	at, armed := w.m.Deadline()
	switch {
	case opened+w.count(dialing) > 1:
		return errors.New("G1: more than one link or attempt")
	case w.state == observer.StateConnected && w.m.state == w.state && (opened != 1 || w.life(w.adopted) == nil):
		return errors.New("connected without a link")
	case w.running != 0 && w.m.state != observer.StateConnected, w.calling != 0 && w.m.state != observer.StateConnected:
		return errors.New("an operation that outlives its connection")
	case deaf >= maxDeaf && w.m.state != observer.StateStopped && !(armed && at <= w.now.Mono):
		return errors.New("G11: two deaf Connects, and the session goes on")
	}
	return nil
}

// checkReaction checks what must follow from the input at once.
func (w *world) checkReaction(before *Machine, in Input) error {
	if before.state == observer.StateStopped {
		return nil
	}
	if in.Kind == Start && w.m.state == observer.StateIdle {
		return errors.New("start does nothing")
	}
	if w.final(before, in) && w.m.state != observer.StateStopped {
		return fmt.Errorf("G8: %s with %s does not end the session", in.Kind, in.Status.Code)
	}
	class := w.m.cfg.Policy.Classes.Of(in.Status.Code)
	lost := in.Kind == LinkClosed || in.Kind == Reported && (class == policy.Failure || class == policy.WithoutTransforms)
	if lost && in.Epoch == before.epoch && before.state == observer.StateConnected && w.m.state == observer.StateConnected {
		return fmt.Errorf("%s with %s is no loss", in.Kind, in.Status.Code)
	}
	if before.phase == reasoning && in.Bare && in.Epoch == before.epoch && w.m.phase != reasoning {
		return errors.New("a loss without a reason ends the wait for a reason")
	}
	ends := in.Kind == LinkClosed || in.Kind == Reported && class == policy.Failure
	if ends && in.Epoch == before.epoch && w.m.epoch == before.epoch && (w.m.phase == opening || w.m.phase == awaiting || w.m.phase == proving || w.m.phase == resyncing) {
		return fmt.Errorf("divergence 7.7: %s with %s does not end the attempt", in.Kind, in.Status.Code)
	}
	return nil
}

// terminal reports whether a status is final. Rejected credentials are not, as
// long as there may be others.
func (w *world) terminal(in Input) bool {
	renewable := w.m.cfg.Authorizes && in.Status.Code == status.AudioAuthenticationRejected && (in.Rejected || in.Kind == Reported)
	switch limit := w.m.cfg.Policy.Budget.Rejections; {
	case in.Status.Permanent:
		return true
	case renewable:
		return limit >= 0 && w.rescue.rejected >= limit
	}
	return w.m.cfg.Policy.Classes.Of(in.Status.Code) == policy.Terminal
}

// final reports whether an input must end the session.
func (w *world) final(before *Machine, in Input) bool {
	terminal := w.terminal(in)
	current := in.Epoch == before.epoch
	switch in.Kind {
	case Stop, Fault:
		return true
	case Reported, LinkClosed:
		previous := in.Epoch+1 == before.epoch && w.now.Mono < w.begun+2*time.Second
		late := in.Epoch != 0 && authoritative(in.Status.Code) && (previous || in.Epoch == w.lost && w.now.Mono < w.lostUntil)
		return before.state != observer.StateIdle && (current || late) && terminal && !in.Bare
	case OpenFailed:
		return current && terminal && (before.phase == opening || before.phase == aborting || before.phase == waiting)
	case UpdateDone:
		return current && terminal && before.update.id != 0 && in.ID == before.update.id
	}
	return false
}

// checkBudgetStop makes sure that the session does not give up early (G9).
func (w *world) checkBudgetStop(before *Machine) error {
	if before.state == observer.StateStopped || w.m.state != observer.StateStopped {
		return nil
	}
	d := w.m.ending.decision
	if d.Rule != policy.RuleBudget {
		return nil
	}
	b, a := w.m.cfg.Policy.Budget, w.account
	var early bool
	switch d.Refusal {
	case policy.RefusedElapsed:
		early = !a.counting || w.now.Mono < a.outage+b.Elapsed+a.granted
	case policy.RefusedIdle:
		early = !a.living || w.now.Mono < a.alive+b.Idle+a.granted
	case policy.RefusedAttempts:
		early = a.tries < b.Attempts
	default:
		return fmt.Errorf("G9: the budget is over by %s", d.Refusal)
	}
	if w.rescue.down && w.rescue.downSince < a.outage+b.Elapsed+a.granted && before.between() && d.Refusal == policy.RefusedElapsed {
		return errors.New("the budget ends offline, without a last attempt")
	}
	if early {
		return fmt.Errorf("G9: gave up before the budget (%s)", d.Refusal)
	}
	return nil
}

// checkStale makes sure that a report of another epoch changes nothing, unless
// it is one of those that may (G10).
func (w *world) checkStale(untouched *Machine, in Input, effects []Effect) error {
	if untouched == nil || w.m.state == observer.StateStopped && w.final(untouched, in) {
		return nil
	}
	untouched.clock(w.now)
	untouched.stale, untouched.deafRestores = w.m.stale, w.m.deafRestores // one that has returned leaves no other trace
	if len(effects) > 0 || !reflect.DeepEqual(untouched, w.m) {
		return fmt.Errorf("G10: %s of epoch %d in epoch %d changes something", in.Kind, in.Epoch, w.m.epoch)
	}
	return nil
}

// checkRetry makes sure that a time is set for the next attempt just while one is
// waited for; once it is due, and in the limiter's queue, that is the end of the budget.
func (m *Machine) checkRetry() error {
	armed := m.timers.armed(tRetry)
	switch {
	case m.between() && !m.retryDue && !armed:
		return fmt.Errorf("%s: nothing is set for the next attempt", place(m))
	case armed && !m.between() && m.phase != queueing:
		return fmt.Errorf("%s: a next attempt is set where none can come", place(m))
	}
	return nil
}
