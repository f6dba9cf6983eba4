// Package policy decides what a session does about a status: end, try again,
// settle it without leaving the connection, or nothing at all.
//
// It is a set of plain values. Nothing here starts a goroutine, reads a clock
// or keeps a global: time is an argument, counted on a monotonic clock from any
// fixed origin, and random numbers come from a function that the caller hands in.
// The same calls give the same answers, so a recorded incident can be decided
// again.
//
//   - [Classes] says what each status code calls for. The zero value is the
//     reference's classification; single codes can be overridden.
//   - [Budget] and [Retries] say how long a session may go on trying, and how
//     much of that is used up.
//   - [FullJitter], [Limited] and anything else that implements
//     [backoff.BackOff] say how long to wait before the next attempt.
//   - [StatusOf] reads the error of a transport.
//   - [Policy] holds the settings, and [Decide] puts it all together.
//
// # The order of a decision
//
// Decide asks its rules one after the other; the first that settles the matter
// gives the [Decision] its name.
//
//	stop asked   the application wants to leave: stop with Left
//	terminal     the code is final, or the transport said not to retry: stop with it
//	in-session   settled without a new attempt: renegotiate, view-only, demote, fold, nothing
//	budget       no time or attempts left: stop with the status
//	level        how much of the connection the attempt replaces (always Rejoin so far)
//	backoff      draws the delay; stops if the backoff gives up
//	delay        retry after that delay
//
// # Bringing a backoff along
//
// Any generator of the cenkalti package fits into Policy.NewBackOff, best made by
// its constructor: a struct literal lacks the clock, and a zero multiplier or stop
// value makes a loop without pauses. Two more things to know. An
// ExponentialBackOff has a time limit of its own, 15 minutes unless it is set,
// and ends the session when it is shorter than what the Budget allows; Retries
// resets it at the loss, so that hours of a good call do not count. And its random
// spread is laid on top of the longest interval, so delays exceed that. A delay
// below zero counts as none; [backoff.Stop] ends the session.
package policy
