package chaos

import (
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
)

// account is the budget as G9 defines it, kept by what observers are told: when
// the outage began that is not over until a connection is stable, how many attempts
// it has cost, and what servers have asked for on top.
type account struct {
	s *Settings

	counting bool
	since    time.Duration
	tries    int
	granted  time.Duration
	queued   bool          // the limiter was asked, and no attempt has begun since
	proving  bool          // connected, and not stable yet
	stable   time.Duration // when it will be
	// The last sign of life; a witness of the core tells of those.
	living bool
	alive  time.Duration
	slept  time.Duration // when a sleep was taken for one
	// decided is when a connected session let go of its link, 0 if that is not known.
	decided time.Duration
}

func (a *account) begin(now time.Duration) {
	if a.proving && now >= a.stable {
		a.renew()
	}
	a.proving = false
	if !a.counting {
		a.since, a.counting = now, true
	}
}

// renew opens a new period for a connection that has proved stable.
func (a *account) renew() { *a = account{s: a.s, living: a.living, alive: a.alive, slept: a.slept} }

// end is when the budget of time is over.
func (a *account) end() (time.Duration, bool) {
	return a.since + time.Duration(a.s.Elapsed) + a.granted, a.counting && a.s.Elapsed >= 0
}

// hears takes over an event, and says what it breaks.
func (a *account) hears(e observer.Event) (rule, text string) {
	now := e.Head().Elapsed
	switch e := e.(type) {
	case observer.Connecting, observer.Reconnecting:
		a.begin(now)
		a.decided = 0
	case observer.AttemptQueued:
		a.queued = true
	case observer.AttemptStarted:
		return a.attempt(e, now)
	case observer.AttemptFailed:
		if e.Unsupported {
			a.tries--
		}
	case observer.RetryScheduled:
		if a.queued { // the limiter has failed, which counts like an attempt
			a.queued = false
			a.tries++
		}
		a.grant(e.Decision)
	case observer.Connected:
		a.connected(e, now)
	case observer.Stopped:
		return a.stopped(e, now)
	}
	return "", ""
}

func (a *account) attempt(e observer.AttemptStarted, now time.Duration) (rule, text string) {
	first := e.From == observer.StateConnecting && a.tries == 0
	end, limited := a.end()
	limited = limited && !(first && a.s.Elapsed == 0)
	tries := a.tries
	a.tries++
	a.queued = false
	switch {
	case limited && now >= end:
		return ruleBudget, "an attempt begins when the budget of time is over"
	case limited && now+e.Timeout > end:
		return ruleBudget, "an attempt may outlast the budget of time"
	case !first && a.s.Attempts >= 0 && tries >= a.s.Attempts:
		return ruleBudget, "more attempts than the budget allows"
	}
	return "", ""
}

// grant adds what a server has asked for: its time, and as much again as half of it
// by which clients come apart.
func (a *account) grant(d policy.Decision) {
	dir := d.Facts.Status.Directive
	if dir == nil || dir.RetryAfter <= 0 || a.s.MaxRetryAfter <= 0 {
		return
	}
	asked := min(dir.RetryAfter, time.Duration(a.s.MaxRetryAfter))
	if d.Delay < asked {
		return // a level that follows at once asks nobody
	}
	more := asked + min(d.Delay-asked, asked/2)
	if a.s.Extension >= 0 {
		more = min(more, time.Duration(a.s.Extension)-a.granted)
	}
	a.granted += max(more, 0)
}

func (a *account) connected(e observer.Connected, now time.Duration) {
	a.queued = false
	if e.From == observer.StateConnecting || a.s.StableAfter <= 0 {
		*a = account{s: a.s}
	}
	a.proving = a.s.StableAfter > 0
	a.stable = now + time.Duration(a.s.StableAfter)
}

// stopped checks that a session which gives up has used up its budget. Stopped comes
// up to a close grace after the decision, so it may be late by that, and not be
// noticed.
func (a *account) stopped(e observer.Stopped, now time.Duration) (rule, text string) {
	if e.Initiator != observer.ByPolicy {
		return "", ""
	}
	switch {
	case a.decided > 0:
		now = a.decided
	case a.proving && now >= a.stable:
		return "", "" // it may have been decided before the connection was stable
	}
	a.begin(now) // of the loss that it has not even tried to recover from
	switch e.Decision.Refusal {
	case policy.RefusedElapsed:
		if end, limited := a.end(); !limited || now < end {
			return ruleGiveUp, "gives up before the budget of time is over"
		}
	case policy.RefusedAttempts:
		if a.queued {
			a.tries++
		}
		if a.s.Attempts < 0 || a.tries < a.s.Attempts {
			return ruleGiveUp, "gives up before the budget of attempts is over"
		}
	case policy.RefusedIdle:
		late := a.slept > 0 && now <= a.slept+time.Duration(a.s.CloseGrace) // it may have been decided before
		if a.s.Idle < 0 || a.living && !late && now < a.alive+time.Duration(a.s.Idle)+a.granted {
			return ruleGiveUp, "gives up before the other side was silent for so long"
		}
	default:
		return ruleGiveUp, "gives up for want of a budget, and does not say of which"
	}
	return "", ""
}
