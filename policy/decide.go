package policy

import (
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// Decide says what to do about f at now, under p and the accounts r. It changes r
// only by drawing a delay, for a Retry or to learn that the backoff gives up.
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
	c := inquiry{facts: f, class: p.Classes.Of(f.Status.Code), retries: r, now: now}
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
	if c.class != Terminal && !d.Status.Permanent {
		return false
	}
	d.Action = Stop
	return true
}

// budgetOver: no attempt is allowed any more, and the session ends with the
// status that would have led to one.
func budgetOver(c *inquiry, d *Decision) bool {
	d.Refusal = c.retries.Refuse(c.now)
	return stopIfRefused(d)
}

// chooseLevel: every outage is a full rejoin, as in the reference.
func chooseLevel(_ *inquiry, d *Decision) bool {
	d.Level = Rejoin
	return false
}

// drawDelay: a backoff that gives up ends the session like a budget.
func drawDelay(c *inquiry, d *Decision) bool {
	d.Delay, d.Refusal = c.retries.Delay()
	return stopIfRefused(d)
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
