package policy

import (
	"math"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// Decide says what to do about f at now, under p and the accounts r. It changes r
// only by drawing a delay, for a Retry or to learn that the backoff gives up, and
// by what a server asked the client to wait, which is not the client's time.
// Counting attempts, starting clocks and carrying the decision out is the
// caller's part. It is for the goroutine that owns r.
func Decide(p *Policy, f Facts, r *Retries, now time.Duration) Decision {
	return decideWith(rules, p, f, r, now)
}

// rule is one step of a decision. settle fills in what it finds and reports
// whether that settles the matter; if not, the next rule is asked.
type rule struct {
	name   Rule
	settle func(c *inquiry, d *Decision) bool
}

// inquiry is what the rules may ask. Only the rule "backoff" changes anything.
type inquiry struct {
	policy  *Policy
	facts   Facts
	class   Class
	retries *Retries
	now     time.Duration
}

// rules is the order of a decision: the first that settles it wins.
var rules = rulesFor(settled)

func rulesFor(table inSession) []rule {
	return []rule{
		{RuleStop, stopAsked},
		{RuleTerminal, terminal},
		{RuleInSession, table.settle},
		{RuleBudget, budgetOver},
		{RuleLevel, chooseLevel},
		{RuleBackoff, drawDelay},
		{RuleDelay, retry},
	}
}

func decideWith(rules []rule, p *Policy, f Facts, r *Retries, now time.Duration) Decision {
	c := inquiry{policy: p, facts: f, class: p.Classes.Of(f.Status.Code), retries: r, now: now}
	d := Decision{
		Status:   f.Status,
		Left:     r.Left(now),
		Attempts: r.Attempts(),
		Elapsed:  r.Elapsed(now),
		Facts:    f,
	}
	for _, rule := range rules {
		if rule.settle(&c, &d) {
			d.Rule = rule.name
			break
		}
	}
	return d
}

// stopAsked: a stop that the application asked for wins over everything else,
// and the session ends with Left (divergence 7.2).
func stopAsked(c *inquiry, d *Decision) bool {
	if !c.facts.StopAsked {
		return false
	}
	d.Action, d.Status = Stop, status.New(status.Left, nil)
	return true
}

// terminal: a final code is never retried in any phase (divergence 7.1), nor is
// what the transport calls permanent, whatever its code.
func terminal(c *inquiry, d *Decision) bool {
	if !c.final() {
		return false
	}
	d.Action = Stop
	if c.class != Terminal && !d.Status.Permanent { // the credentials, then
		d.Status = status.Status{Code: status.AudioAuthenticationRejected, Layer: d.Status.Where(), Wire: d.Status.Wire, Cause: d.Status}
	}
	return true
}

// final: rejected credentials are not, as long as others can be had; nor is an
// answer that says no more than 401, which a server may give that has only just
// started (see Budget.Rejections).
func (c *inquiry) final() bool {
	r := &c.facts.Recovery
	switch {
	case c.facts.Status.Permanent:
		return true
	case r.Rejected && over(r.Rejections, c.policy.Budget.Rejections):
		return true
	case r.Rejected && r.Renewable && c.facts.Status.Code == status.AudioAuthenticationRejected:
		return false
	}
	return c.class == Terminal
}

// budgetOver: no attempt is allowed any more, and the session ends with the
// status that would have led to one.
func budgetOver(c *inquiry, d *Decision) bool {
	d.Refusal = c.retries.Refuse(c.now)
	return stopIfRefused(d)
}

// chooseLevel: the lowest one that mends the damage. The next one after a level
// that has failed is tried at once, unless the server asked for time, or is in
// trouble that has nothing to do with the level.
func chooseLevel(c *inquiry, d *Decision) bool {
	r := c.facts.Recovery
	d.Level = c.policy.Ladder.LevelFor(c.facts.Status, r)
	if r.At == 0 || d.Level <= r.At || c.asked() > 0 || shared(c.facts.Status) && !r.Refused {
		return false
	}
	d.Action = Retry
	return true
}

// Wait is how long a session is to leave the server alone that asks for it in a
// status which changes nothing else, spread like any such delay; 0 if it does not
// ask. It draws a delay only if it does, and adds nothing to the budget.
func Wait(p *Policy, st status.Status, r *Retries, now time.Duration) time.Duration {
	c := inquiry{policy: p, facts: Facts{Status: st}, retries: r, now: now}
	asked := c.asked()
	if asked == 0 {
		return 0
	}
	spread, _ := r.DelayFor(c.cause(Rejoin, asked))
	return asked + min(spread, math.MaxInt64-asked)
}

// asked is how long the server asks to be left alone, within what is granted.
func (c *inquiry) asked() time.Duration {
	if d := c.facts.Status.Directive; d != nil {
		return max(min(d.RetryAfter, c.policy.MaxRetryAfter), 0)
	}
	return 0
}

// drawDelay: a backoff that gives up ends the session like a budget. What a
// server asks for is added to the budget: it is the server's time.
func drawDelay(c *inquiry, d *Decision) bool {
	asked := c.asked()
	d.Delay, d.Refusal = c.retries.DelayFor(c.cause(d.Level, asked))
	if d.Refusal == RefusedNot && asked > 0 {
		d.Delay = asked + min(d.Delay, math.MaxInt64-asked)
		c.retries.Grant(asked + min(d.Delay-asked, asked/2))
	}
	return stopIfRefused(d)
}

// cause is what the delay depends on.
func (c *inquiry) cause(level Level, asked time.Duration) Cause {
	st, r := c.facts.Status, c.facts.Recovery
	cause := Cause{
		First: c.retries.Attempts() == 0 && r.At == 0, Light: level == RestartMedia,
		Refused: st.Wire != 0 && shared(st), Elapsed: c.retries.Elapsed(c.now), Asked: asked,
	}
	switch {
	case shared(st) && r.At != 0: // whatever began it, a server has trouble now
		cause.Reach = ReachShared
	case r.Local:
		cause.Reach = ReachLocal
	case shared(st):
		cause.Reach = ReachShared
	}
	return cause
}

// shared reports whether other clients suffer the same at the same moment: what
// says so itself, and a server that says that it is in trouble.
func shared(st status.Status) bool {
	switch st.Code {
	case status.AudioInternalServerError, status.AudioServiceUnavailable, status.SignalingInternalServerError:
		return st.Shared || st.Wire != 0
	}
	return st.Shared
}

func stopIfRefused(d *Decision) bool {
	if d.Refusal == RefusedNot {
		return false
	}
	d.Action = Stop
	return true
}

func retry(_ *inquiry, d *Decision) bool {
	d.Action = Retry
	return true
}
