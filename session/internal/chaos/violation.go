package chaos

import (
	"fmt"
	"time"
)

// The rules that a life is held to. What shrinks a script keeps the rule that was
// broken. Each guarantee has one at least:
//
//	     the core                                  the runtime
//	G1   ruleOneLink, ruleWaits                    ruleOneLink
//	G2   ruleSilence                               ruleEvents, ruleGrace
//	G3   ruleInTime                                ruleInTime
//	G4   ruleOrder (nobody listens)                ruleOrder, ruleEvents, ruleView
//	G5   - (nobody listens)                        ruleDelays, ruleMissed, ruleGrace
//	G6   ruleInTime, ruleReason (of Fault)         rulePanic, ruleOrder
//	G7   ruleCodes                                 ruleCodes
//	G8   ruleTerminal, ruleInTime                  ruleTerminal, ruleClosed
//	G9   ruleBudget, ruleGiveUp                    ruleBudget, ruleGiveUp
//	G10  ruleStale                                 - (it is the core that decides)
//	G11  ruleLeftovers, ruleDeaf                   ruleLeftovers, ruleAnswer, ruleClosed
//	G12  ruleEvents, ruleStuck, ruleEnds           ruleEvents, ruleEnds
//	G13  ruleBounded, ruleDefined                  ruleBounded, ruleMissed; a panic ends the run
//	G14  ruleReplay, by a second core              ruleReplay, by session.Replay
const (
	ruleOneLink     = "G1: at most one link"
	ruleWaits       = "G1: the next attempt waits for what the last one has left behind"
	ruleSilence     = "G2: exactly one Stopped, then silence"
	ruleInTime      = "G3: the end comes within the close grace"
	ruleOrder       = "G4: one order of events"
	ruleDelays      = "G5: a slow observer delays only itself"
	ruleMissed      = "G5: what a slow observer cannot hear is folded, and told as Missed"
	ruleGrace       = "G5: observers are waited for as long as the observer grace, and no longer"
	rulePanic       = "G6: a panic in a callback ends the session"
	ruleCodes       = "G7: internal codes are no end reason, demotion codes come in Demoted only"
	ruleTerminal    = "G8: nothing begins after a terminal status or Stop"
	ruleBudget      = "G9: no attempt beyond the budget"
	ruleGiveUp      = "G9: no giving up before the budget"
	ruleStale       = "G10: reports of older links change nothing"
	ruleLeftovers   = "G11: nothing is left after the end"
	ruleDeaf        = "G11: calls that never return do not pile up"
	ruleEvents      = "G12: events follow each other as they may"
	ruleBounded     = "G13: bounded work and memory"
	ruleDefined     = "G13: no panic"
	ruleReplay      = "G14: the same inputs give the same effects"
	ruleStuck       = "never stuck: something is always waited for"
	ruleEnds        = "never stuck: a session whose server is gone ends by itself"
	ruleWorks       = "an attempt succeeds when everything works"
	ruleClosed      = "every link that was opened is closed exactly once"
	ruleOneCall     = "one running call of a kind"
	ruleCancel      = "what runs is cancelled once, and only what runs"
	ruleTimely      = "what takes longer than its time is cancelled"
	ruleAnswer      = "whoever asks gets one answer"
	ruleLimiter     = "the limiter is asked before each attempt"
	ruleCredentials = "rejected credentials are not used again"
	ruleLadder      = "levels are what links can do, and never fall by themselves"
	ruleOffline     = "no attempt while the network is known to be down"
	ruleReason      = "the end says who has brought it about"
	ruleReports     = "reports have their consequence at once"
	ruleView        = "methods and events tell the same"
)

// Violation is a rule that was broken.
type Violation struct {
	Rule string
	At   time.Duration
	Text string
}

// Error says when, which rule, and what has happened.
func (v *Violation) Error() string { return fmt.Sprintf("at %s: %s: %s", v.At, v.Rule, v.Text) }
