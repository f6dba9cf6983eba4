package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// timeline prints what happens, as it happens, for a person.
type timeline struct {
	mu      sync.Mutex
	out     io.Writer
	start   time.Time
	verbose bool
	record  io.Writer // of the sessions; nil: none
}

func newTimeline(out io.Writer, verbose bool) *timeline {
	return &timeline{out: out, start: time.Now(), verbose: verbose}
}

// title begins the next section, with its own clock.
func (t *timeline) title(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start = time.Now()
	fmt.Fprintf(t.out, "\n"+format+"\n", args...)
}

// say prints one line with the time since the section began. Who is "fault",
// "client", "server" or "media".
func (t *timeline) say(who, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, "%8.3f s  %-7s %s\n", time.Since(t.start).Seconds(), who, fmt.Sprintf(format, args...))
}

// Observe prints a session's event.
func (t *timeline) Observe(e observer.Event) {
	if text, always := describe(e); always || t.verbose {
		t.say("client", "%s", text)
	}
}

// describe puts an event into words, and says whether it is worth a line
// without -v.
func describe(e observer.Event) (text string, always bool) {
	switch e := e.(type) {
	case observer.Connecting:
		return "connecting", false
	case observer.AttemptStarted:
		return fmt.Sprintf("attempt %d begins: %s%s, at most %s", e.Number, undertaking(e), to(e.Endpoint), e.Timeout), true
	case observer.AttemptFailed:
		return fmt.Sprintf("attempt %d %s after %s: %s", e.Number, ended(e), round(e.After), reason(e.Status)), true
	case observer.RetryScheduled:
		return fmt.Sprintf("next attempt, a %s, in %s (rule %q, budget left %s)", e.Decision.Level, round(e.Decision.Delay),
			e.Decision.Rule, round(e.Decision.Left.Elapsed)), true
	case observer.Connected:
		return fmt.Sprintf("CONNECTED after %s, %s", round(e.After), count(e.Attempts, "attempt")), true
	case observer.Reconnecting:
		return "RECONNECTING: " + reason(e.Cause), true
	case observer.Recovered:
		return fmt.Sprintf("recovered by %s: gap %s, %s, %s, first cause %s", e.Outage.Level, round(e.Outage.Gap), kept(e.Outage),
			count(e.Outage.Attempts, "attempt"), e.Outage.First.Code.String()), true
	case observer.Stopped:
		return fmt.Sprintf("STOPPED (%s): %s", enders[e.Initiator], reason(e.Status)), true
	}
	return describeChange(e), true
}

// describeChange is describe for the events that are no transition.
func describeChange(e observer.Event) string {
	switch e := e.(type) {
	case observer.Promoted:
		return "promoted to the primary meeting"
	case observer.Demoted:
		return "demoted from the primary meeting: " + reason(e.Status)
	case observer.VideoSendUnavailable:
		return "sending video has become unavailable"
	case observer.Updating:
		return "changing the running call"
	case observer.Updated:
		return "the running call is changed"
	case observer.ConnectionPoor:
		return "audio has become unusable"
	case observer.VideoStopSuggested:
		return "audio has become unusable, giving up video may help"
	case observer.ConnectionGood:
		return "audio is usable again"
	case observer.Missed:
		return fmt.Sprintf("%s were missed", count(e.Events, "event"))
	}
	return describeLiveness(e)
}

// describeLiveness is describe for what the detector of dead links tells.
func describeLiveness(e observer.Event) string {
	switch e := e.(type) {
	case observer.LinkSuspected:
		return fmt.Sprintf("something is wrong: %s", e.Diagnosis)
	case observer.LinkCleared:
		return fmt.Sprintf("it was nothing, after %s", round(e.After))
	case observer.LinkDead:
		return fmt.Sprintf("found dead: %s", e.Diagnosis)
	case observer.LinkHealed:
		return fmt.Sprintf("the link has come back by itself, %s after it was found dead", round(e.After))
	case observer.MediaProven:
		return fmt.Sprintf("media has shown after %s that it works", round(e.After))
	}
	return describeRecovery(e)
}

// describeRecovery is describe for what surrounds the attempts.
func describeRecovery(e observer.Event) string {
	switch e := e.(type) {
	case observer.Hinted:
		if e.Expired {
			return fmt.Sprintf("the hint %s is out of date", e.Hint)
		}
		return fmt.Sprintf("hint: %s", e.Hint)
	case observer.AttemptQueued:
		return fmt.Sprintf("a %s waits for the limiter", e.Level)
	case observer.EndpointsFound:
		return "endpoints found: " + strings.Join(e.Endpoints, ", ")
	case observer.CredentialsRefreshed:
		if !e.Status.IsZero() {
			return "no fresh credentials: " + reason(e.Status)
		}
		return fmt.Sprintf("fresh credentials, good for %s", round(e.ExpireIn))
	case observer.Resyncing:
		return fmt.Sprintf("catching up after %s", round(e.Outage.Gap))
	}
	return describeQuality(e)
}

// undertaking is what an attempt is at; the first connect has nothing to rejoin.
func undertaking(e observer.AttemptStarted) string {
	if e.To == observer.StateConnecting {
		return "join"
	}
	return e.Level.String()
}

func to(endpoint string) string {
	if endpoint == "" {
		return ""
	}
	return " at " + endpoint
}

// ended says how an attempt has failed.
func ended(e observer.AttemptFailed) string {
	switch {
	case e.Unsupported:
		return "turned out to be impossible"
	case e.Refused:
		return "was refused"
	}
	return "failed"
}

// kept says what has survived an outage.
func kept(o observer.Outage) string {
	if o.SessionKept {
		return "place in the meeting kept"
	}
	return "joined anew"
}

// describeQuality is describe for the verdicts on what is sent, and for those of
// custom policies.
func describeQuality(e observer.Event) string {
	switch e := e.(type) {
	case observer.SendingAudioFailed:
		return "no audio leaves any more"
	case observer.SendingAudioRecovered:
		return "audio is being sent again"
	case observer.VideoDegradeSuggested:
		return fmt.Sprintf("sending less video may help (%s)", e.Reason)
	case observer.VideoDegradeLifted:
		return fmt.Sprintf("sending less video is no longer suggested (%s)", e.Reason)
	case observer.PolicyChanged:
		return describePolicy(e)
	}
	return e.Name()
}

func describePolicy(e observer.PolicyChanged) string {
	text := "unhealthy"
	if e.Healthy {
		text = "healthy again"
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return fmt.Sprintf("%s, says policy %q", text, e.Policy)
}

// enders says in words who ended a session.
var enders = map[observer.Initiator]string{
	observer.ByApplication: "the application left",
	observer.ByStatus:      "told to, not to be retried",
	observer.ByPolicy:      "gave up",
	observer.ByFault:       "a fault in the application",
}

// reason is a status in few words: its name, and what it was seen by.
func reason(st status.Status) string {
	text := st.Code.String()
	if st.Wire != 0 {
		text += fmt.Sprintf(" (%d)", st.Wire)
	}
	var step *callkit.PhaseError
	switch {
	case errors.As(st.Cause, &step):
		text += " in the step " + strconv.Quote(string(step.Phase)) + innermost(step.Err)
	case st.Cause != nil:
		text += ": " + st.Cause.Error()
	}
	return text
}

// innermost is the cause of a step's failure, if there is more to it than a
// status.
func innermost(err error) string {
	var st status.Status
	if errors.As(err, &st) && st.Cause != nil {
		return ": " + st.Cause.Error()
	}
	return ""
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
