package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/examples/internal/words"
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
		return fmt.Sprintf("attempt %d begins: %s%s, at most %s", e.Number, words.Undertaking(e), words.At(e.Endpoint), e.Timeout), true
	case observer.AttemptFailed:
		return fmt.Sprintf("attempt %d %s after %s: %s", e.Number, words.Ended(e), words.Round(e.After), reason(e.Status)), true
	case observer.RetryScheduled:
		return fmt.Sprintf("next attempt, a %s, in %s (rule %q, budget left %s)", e.Decision.Level, words.Round(e.Decision.Delay),
			e.Decision.Rule, words.Round(e.Decision.Left.Elapsed)), true
	case observer.Connected:
		return fmt.Sprintf("CONNECTED after %s, %s", words.Round(e.After), words.Count(e.Attempts, "attempt")), true
	case observer.Reconnecting:
		return "RECONNECTING: " + reason(e.Cause), true
	case observer.Recovered:
		return fmt.Sprintf("recovered by %s: gap %s, %s, %s, first cause %s", e.Outage.Level, words.Round(e.Outage.Gap), kept(e.Outage),
			words.Count(e.Outage.Attempts, "attempt"), e.Outage.First.Code.String()), true
	case observer.Stopped:
		return fmt.Sprintf("STOPPED (%s): %s", enders[e.Initiator], reason(e.Status)), true
	}
	return words.Event(e)[0], true
}

// kept says what has survived an outage.
func kept(o observer.Outage) string {
	if o.SessionKept {
		return "place in the meeting kept"
	}
	return "joined anew"
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
