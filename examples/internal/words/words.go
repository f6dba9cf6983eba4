// Package words puts what a session tells into words, for people who look at an
// example.
package words

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Event puts an event into words: a line that says what happened, and others with
// the rule and the numbers behind it.
func Event(e observer.Event) []string {
	switch e := e.(type) {
	case observer.Connecting:
		return []string{"connecting"}
	case observer.AttemptStarted:
		return []string{fmt.Sprintf("attempt %d begins: %s%s, at most %s%s", e.Number, Undertaking(e), At(e.Endpoint), Round(e.Timeout), wishes(e))}
	case observer.AttemptFailed:
		return []string{fmt.Sprintf("attempt %d %s after %s: %s", e.Number, Ended(e), Round(e.After), Reason(e.Status))}
	case observer.RetryScheduled:
		d := &e.Decision
		return append([]string{fmt.Sprintf("next attempt in %s: %s%s", Round(d.Delay), d.Level, asked(d))}, Decision(d)...)
	case observer.Connected:
		return []string{fmt.Sprintf("CONNECTED after %s, %s", Round(e.After), Count(e.Attempts, "attempt"))}
	case observer.Reconnecting:
		return []string{"RECONNECTING: " + Reason(e.Cause)}
	case observer.Recovered:
		return recovered(&e.Outage)
	case observer.Stopped:
		return append([]string{fmt.Sprintf("STOPPED by %s: %s", e.Initiator, Reason(e.Status))}, Decision(&e.Decision)...)
	case observer.Missed:
		return []string{Count(e.Events, "event") + " not heard"}
	}
	return described(e)
}

// described is Event for the events that are no transition.
func described(e observer.Event) []string {
	switch e := e.(type) {
	case observer.LinkSuspected:
		return []string{fmt.Sprintf("suspicion, %s: %s%s", e.Diagnosis.Layers, e.Diagnosis, because(e.Doubt)), evidence(e.Diagnosis)}
	case observer.LinkDead:
		return []string{fmt.Sprintf("FOUND DEAD, %s: %s", e.Diagnosis.Layers, e.Diagnosis), evidence(e.Diagnosis)}
	}
	return []string{change(e)}
}

// Decision is the rule that settled a decision, and the numbers that it went by.
func Decision(d *policy.Decision) []string {
	lines := []string{fmt.Sprintf("rule %q, for %s", string(d.Rule), Brief(d.Facts.Status))}
	if d.Rule == policy.RuleStop || d.Rule == policy.RuleTerminal && d.Attempts == 0 && d.Elapsed == 0 {
		return lines
	}
	facts := []string{
		Count(d.Attempts, "attempt") + " so far", "lost for " + Round(d.Elapsed).String(), "budget left " + left(d.Left),
	}
	if d.Refusal != policy.RefusedNot {
		facts = append(facts, "used up: "+d.Refusal.String())
	}
	return append(lines, strings.Join(append(facts, outage(&d.Facts.Recovery)...), ", "))
}

// outage is what is known of an outage that bears on the level.
func outage(r *policy.Recovery) (facts []string) {
	if r.Damage != 0 {
		facts = append(facts, "dead: "+r.Damage.String())
	}
	if r.At != 0 {
		facts = append(facts, "failed: "+r.At.String())
	}
	for _, f := range []struct {
		is   bool
		text string
	}{
		{r.Refused, "refused"},
		{r.CanRestartMedia, "can restart media"},
		{r.CanResume, "can resume"},
		{r.Local, "this client alone"},
		{r.Rejected, "credentials rejected"},
	} {
		if f.is {
			facts = append(facts, f.text)
		}
	}
	return facts
}

// left is what a budget has left.
func left(l policy.Left) string {
	var limits []string
	if l.Elapsed != policy.NoLimit {
		limits = append(limits, Round(l.Elapsed).String())
	}
	if l.Idle != policy.NoLimit {
		limits = append(limits, fmt.Sprintf("%s of silence", Round(l.Idle)))
	}
	if l.Attempts != policy.NoLimit {
		limits = append(limits, Count(l.Attempts, "attempt"))
	}
	if len(limits) == 0 {
		return "without limit"
	}
	return strings.Join(limits, ", ")
}

func asked(d *policy.Decision) string {
	wish := d.Facts.Status.Directive
	switch {
	case wish == nil:
		return ""
	case wish.RetryAfter > 0:
		return fmt.Sprintf(", the server asks for %s", Round(wish.RetryAfter))
	}
	return ", as the server asks"
}

// Undertaking is what an attempt is at; the first connect has nothing to rejoin.
func Undertaking(e observer.AttemptStarted) string {
	if e.To == observer.StateConnecting {
		return "join"
	}
	return e.Level.String()
}

// At is where an attempt goes, if that is known.
func At(endpoint string) string {
	if endpoint == "" {
		return ""
	}
	return " at " + endpoint
}

func wishes(e observer.AttemptStarted) (text string) {
	if e.ViewOnly {
		text += ", view-only"
	}
	if e.WithoutTransforms {
		text += ", without transforms"
	}
	return text
}

// Ended says how an attempt has failed.
func Ended(e observer.AttemptFailed) string {
	switch {
	case e.Unsupported:
		return "turned out to be impossible"
	case e.Refused:
		return "was refused"
	}
	return "failed"
}

func recovered(o *observer.Outage) []string {
	how := "by " + o.Level.String()
	if o.Healed {
		how = "by itself"
	}
	line := fmt.Sprintf("recovered %s: gap %s, out for %s, %s%s", how, Round(o.Gap), Round(o.Duration), Count(o.Attempts, "attempt"), kept(o))
	causes := "first cause " + Brief(o.First)
	if last := Brief(o.Last); last != Brief(o.First) {
		causes += ", last " + last
	}
	return []string{line, causes}
}

// kept says what has survived.
func kept(o *observer.Outage) string {
	switch {
	case o.MediaKept:
		return ", session and media kept"
	case o.SessionKept:
		return ", session kept"
	}
	return ""
}

// change is described for what is asked for, and for what surrounds the attempts.
func change(e observer.Event) string {
	switch e := e.(type) {
	case observer.Promoted:
		return "promoted to the primary meeting"
	case observer.Demoted:
		return fmt.Sprintf("demoted from the primary meeting by %s: %s", e.Initiator, Reason(e.Status))
	case observer.VideoSendUnavailable:
		return "no video can be sent any more: " + Reason(e.Status)
	case observer.Updating:
		return "changing the running session" + parts(e.Renegotiate, e.ViewOnly) + because(e.Cause)
	case observer.Updated:
		if e.Unsupported {
			return "the link cannot be changed" + parts(e.Renegotiate, e.ViewOnly)
		}
		return "the running session is changed" + parts(e.Renegotiate, e.ViewOnly)
	case observer.Hinted:
		if e.Expired {
			return fmt.Sprintf("hint out of date: %s", e.Hint)
		}
		return fmt.Sprintf("hint: %s", e.Hint)
	case observer.AttemptQueued:
		return fmt.Sprintf("a %s waits for the limiter", e.Level)
	case observer.EndpointsFound:
		return "endpoints found: " + strings.Join(e.Endpoints, ", ")
	case observer.CredentialsRefreshed:
		if !e.Status.IsZero() {
			return "no fresh credentials: " + Reason(e.Status)
		}
		return fmt.Sprintf("fresh credentials, good for %s", Round(e.ExpireIn))
	case observer.Resyncing:
		return fmt.Sprintf("catching up after a gap of %s", Round(e.Outage.Gap))
	}
	return verdict(e)
}

func parts(renegotiate, viewOnly bool) (text string) {
	if renegotiate {
		text += ", renegotiate"
	}
	if viewOnly {
		text += ", view-only"
	}
	return text
}

func because(st status.Status) string {
	if st.IsZero() {
		return ""
	}
	return ": " + Reason(st)
}

// verdict is described for what the detector and the health policies find.
func verdict(e observer.Event) string {
	switch e := e.(type) {
	case observer.LinkCleared:
		return fmt.Sprintf("it was nothing, after %s%s", Round(e.After), paused(e.Paused))
	case observer.LinkHealed:
		return fmt.Sprintf("come back by itself, %s, %s after it was found dead", e.Layers, Round(e.After))
	case observer.MediaProven:
		return fmt.Sprintf("media has shown after %s that it works", Round(e.After))
	case observer.ConnectionPoor:
		return "audio has become unusable"
	case observer.VideoStopSuggested:
		return "audio has become unusable, giving up video may help"
	case observer.ConnectionGood:
		return "audio is usable again"
	case observer.SendingAudioFailed:
		return "no audio leaves any more"
	case observer.SendingAudioRecovered:
		return "audio is being sent again"
	case observer.VideoDegradeSuggested:
		return fmt.Sprintf("sending less video may help (%s)", e.Reason)
	case observer.VideoDegradeLifted:
		return fmt.Sprintf("sending less video is no longer suggested (%s)", e.Reason)
	case observer.PolicyChanged:
		return policyChanged(e)
	}
	return e.Name()
}

// evidence are the numbers that a verdict of the detector rests on.
func evidence(d health.Diagnosis) string {
	numbers := []string{fmt.Sprintf("media silent for %s", Round(d.MediaSilence))}
	add := func(is bool, format string, args ...any) {
		if is {
			numbers = append(numbers, fmt.Sprintf(format, args...))
		}
	}
	add(d.Unanswered > 0, "%s unanswered for %s", Count(d.Unanswered, "probe"), Round(d.UnansweredFor))
	add(d.PingAge > 0, "a ping unanswered for %s", Round(d.PingAge))
	add(d.RTT > 0, "the last ping took %s", d.RTT.Round(10*time.Microsecond))
	add(d.SignalingUnknown, "signaling cannot be pinged")
	add(d.Doubt, "the link has doubts of its own")
	return strings.Join(numbers, ", ")
}

func paused(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf(": this machine was not running for %s", Round(d))
}

func policyChanged(e observer.PolicyChanged) string {
	text := fmt.Sprintf("policy %q: unhealthy", e.Policy)
	if e.Healthy {
		text = fmt.Sprintf("policy %q: healthy again", e.Policy)
	}
	if e.Reason != "" {
		text += ", " + e.Reason
	}
	return text
}

// Reason is a status in few words.
func Reason(st status.Status) string {
	if st.IsZero() {
		return "no status"
	}
	text := Brief(st)
	if st.Cause != nil {
		text += ": " + st.Cause.Error()
	}
	return text
}

// Brief is a status without its cause.
func Brief(st status.Status) string {
	text := st.Code.String()
	if st.Wire != 0 {
		text += fmt.Sprintf(" (%d)", st.Wire)
	}
	if where := st.Where(); where != status.LayerUnknown {
		text += ", " + where.String()
	}
	return text
}

// Round makes a duration short enough to be read.
func Round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// Count is a number of things.
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
