package policy

import (
	"math"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Retries keeps the accounts of one session's attempts: two clocks, a count and
// the backoff. It has no clock of its own; every time is a duration on the
// caller's monotonic clock, from a fixed origin.
//
// It is for one goroutine at a time. A copy keeps accounts of its own but shares
// the backoff. The zero value refuses everything.
type Retries struct {
	budget  Budget
	backOff backoff.BackOff // nil only in the zero value

	outage   clock         // started by Begin; later losses leave it alone
	silence  clock         // started anew by every Alive
	granted  time.Duration // of the period, on top of Budget.Elapsed and Budget.Idle
	attempts int           // counted by Attempt
	disabled bool          // until the next period

	// drawn is whether the backoff was asked since its last reset.
	drawn bool
}

// NewRetries opens the accounts under budget b with the delays of bo, which from
// then on belongs to them. A nil bo stands for the backoff of Default with
// random numbers of its own.
func NewRetries(b Budget, bo backoff.BackOff) Retries {
	if bo == nil {
		bo = newAdaptive(nil)
	}
	return Retries{budget: b, backOff: bo}
}

// Begin starts the clock of Budget.Elapsed at now, unless it runs already: a loss
// during an outage, or before the connection was stable again, belongs to the
// running period.
//
// A backoff that has not been asked in this period is reset, because one with a
// clock of its own must count from the loss, too, and not from the time when the
// last connection became stable.
func (r *Retries) Begin(now time.Duration) {
	if r.outage.running {
		return
	}
	r.outage.start(now)
	if !r.drawn {
		r.delays().Reset()
	}
}

// Alive starts the clock of Budget.Idle anew, at the time of a sign of life.
// Times may come in any order; the last call counts.
func (r *Retries) Alive(at time.Duration) { r.silence.start(at) }

// Living reports whether the clock that Alive starts is running.
func (r *Retries) Living() bool { return r.silence.running }

// Attempt counts an attempt that has started.
func (r *Retries) Attempt() { r.attempts++ }

// Refund takes one counted attempt back: it turned out that it could not be made.
func (r *Retries) Refund() { r.attempts = max(r.attempts-1, 0) }

// Grant adds to both clocks of the budget what a live server has asked the client
// to wait, as far as Budget.Extension allows in one period.
func (r *Retries) Grant(d time.Duration) {
	if ext := r.budget.Extension; ext >= 0 {
		d = min(d, ext-r.granted)
	}
	r.granted += max(min(d, math.MaxInt64-r.granted), 0)
}

// limited adds what was granted to a limit.
func (r *Retries) limited(limit time.Duration) time.Duration {
	if limit < 0 || limit > math.MaxInt64-r.granted {
		return limit
	}
	return limit + r.granted
}

// Attempts gives the number of attempts counted in this budget period.
func (r *Retries) Attempts() int { return r.attempts }

// Elapsed gives the time since Begin, 0 while that clock does not run.
func (r *Retries) Elapsed(now time.Duration) time.Duration { return r.outage.spent(now) }

// Refuse says whether a further attempt is refused at now, and why. Nothing
// changes and the backoff is not asked. A clock that was not started counts as 0.
func (r *Retries) Refuse(now time.Duration) Refusal {
	switch {
	case r.disabled:
		return RefusedDisabled
	case over(r.outage.spent(now), r.limited(r.budget.Elapsed)):
		return RefusedElapsed
	case over(r.silence.spent(now), r.limited(r.budget.Idle)):
		return RefusedIdle
	case over(r.attempts, r.budget.Attempts):
		return RefusedAttempts
	}
	return RefusedNot
}

// Delay is DelayFor a cause of which nothing is known.
func (r *Retries) Delay() (time.Duration, Refusal) { return r.DelayFor(Cause{}) }

// DelayFor asks the backoff, and nothing else, how long to wait before the next
// attempt; one that is CauseAware is told the cause. The answer is RefusedNot or
// RefusedBackoff. A delay below 0 other than backoff.Stop counts as 0.
func (r *Retries) DelayFor(c Cause) (time.Duration, Refusal) {
	r.drawn = true
	delay := r.next(c)
	if delay == backoff.Stop {
		return 0, RefusedBackoff
	}
	return max(delay, 0), RefusedNot
}

func (r *Retries) next(c Cause) time.Duration {
	if aware, ok := r.delays().(CauseAware); ok {
		return aware.NextFor(c)
	}
	return r.delays().NextBackOff()
}

// Calm has the backoff begin with its first delay again, and leaves all else as
// it is: what the delays have grown for is over, as on another network.
func (r *Retries) Calm() { r.delays().Reset() }

// Next is Refuse and then, unless it refuses, Delay. So a refused call leaves the
// backoff and its random numbers untouched.
func (r *Retries) Next(now time.Duration) (delay time.Duration, why Refusal) {
	if why := r.Refuse(now); why != RefusedNot {
		return 0, why
	}
	return r.Delay()
}

// Left gives what the budget has left at now. Disable does not show in it.
func (r *Retries) Left(now time.Duration) Left {
	return Left{
		Elapsed:  remaining(r.outage.spent(now), r.limited(r.budget.Elapsed)),
		Idle:     remaining(r.silence.spent(now), r.limited(r.budget.Idle)),
		Attempts: remaining(r.attempts, r.budget.Attempts),
	}
}

// Deadline gives the time from which on Refuse says RefusedElapsed, beyond which
// no attempt is to reach. It is false if that clock does not run or has no
// limit. Budget.Idle has no such end: as in the reference, it counts when a
// retry is decided on, and an attempt that was granted then keeps its time.
func (r *Retries) Deadline() (at time.Duration, ok bool) {
	return r.outage.end(r.limited(r.budget.Elapsed))
}

// Disable refuses every attempt until Restart or Reset (reference).
func (r *Retries) Disable() { r.disabled = true }

// Restart opens a new budget period: both clocks stop, the count starts anew and
// Disable is lifted. The delays go on growing where they were, which suits a
// connection that has yet to prove stable.
func (r *Retries) Restart() {
	*r = Retries{budget: r.budget, backOff: r.backOff, drawn: r.drawn}
}

// Renew is Reset for a connection that has proved stable: the clock of
// Budget.Idle goes on, for the other side is as silent as it was.
func (r *Retries) Renew() {
	silence := r.silence
	r.Reset()
	r.silence = silence
}

// Reset is Restart, and the backoff begins with its first delay again.
func (r *Retries) Reset() {
	r.Restart()
	r.delays().Reset()
	r.drawn = false
}

// delays is the backoff, also for the zero value.
func (r *Retries) delays() backoff.BackOff {
	if r.backOff == nil {
		return &backoff.StopBackOff{}
	}
	return r.backOff
}

// clock measures the time since it was started. The zero value does not run.
type clock struct {
	since   time.Duration // means nothing unless running
	running bool
}

func (c *clock) start(at time.Duration) { *c = clock{since: at, running: true} }

// spent is 0 for a clock that does not run, or that starts only after now.
func (c clock) spent(now time.Duration) time.Duration {
	if !c.running {
		return 0
	}
	return max(now-c.since, 0)
}

// end is the time at which limit will be spent. It stays at the end of time when
// the limit lies beyond that.
func (c clock) end(limit time.Duration) (time.Duration, bool) {
	if !c.running || limit < 0 {
		return 0, false
	}
	if c.since > math.MaxInt64-limit {
		return math.MaxInt64, true
	}
	return c.since + limit, true
}
