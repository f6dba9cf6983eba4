package sessiontest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Format writes events for people and for golden files, one line each: the
// sequence number, the time since the session was made, the epoch, the state or
// the change of it, the event's name, and what the event adds. The lines are
// stable. The zero value writes times that are exact in a testing/synctest
// bubble, as long as Config.Random is not random, and none of the wall clock.
type Format struct {
	// Untimed leaves out every time and duration, for tests in real time.
	Untimed bool
	// Wall adds the wall clock, RFC 3339 in UTC, in front.
	Wall bool
	// Causes adds the text of the errors behind a status.
	Causes bool
}

// Text writes a line for each event.
func (f Format) Text(events []observer.Event) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString(f.Line(e))
		b.WriteByte('\n')
	}
	return b.String()
}

// Line writes one event, without a line break.
func (f Format) Line(e observer.Event) string {
	h := e.Head()
	l := line{Format: f}
	if f.Wall {
		l.word(h.Time.UTC().Format(time.RFC3339Nano))
	}
	l.word(strconv.FormatUint(h.Seq, 10))
	if !f.Untimed {
		l.word(h.Elapsed.String())
	}
	l.word("e" + strconv.FormatUint(h.Epoch, 10))
	l.word(move(h))
	l.word(e.Name())
	l.describe(e)
	return l.text
}

func move(h observer.Header) string {
	if h.From == h.To {
		return string(h.To)
	}
	return string(h.From) + ">" + string(h.To)
}

// line is a line in the making.
type line struct {
	Format
	text string
}

func (l *line) word(w string) {
	if l.text != "" {
		l.text += " "
	}
	l.text += w
}

func (l *line) number(key string, n int) { l.word(fmt.Sprintf("%s=%d", key, n)) }

func (l *line) flag(key string, on bool) {
	if on {
		l.word(key)
	}
}

func (l *line) duration(key string, d time.Duration) {
	if !l.Untimed {
		l.word(key + "=" + d.String())
	}
}

// status writes a status, unless there is none.
func (l *line) status(key string, st status.Status) {
	if st.IsZero() {
		return
	}
	text := key + "=" + st.Code.String()
	if st.Layer != status.LayerUnknown {
		text += "," + st.Layer.String()
	}
	if st.Wire != 0 {
		text += ",wire:" + strconv.Itoa(st.Wire)
	}
	if st.Shared {
		text += ",shared"
	}
	if st.Permanent {
		text += ",permanent"
	}
	if d := st.Directive; d != nil {
		text += l.directive(d)
	}
	if l.Causes && st.Cause != nil {
		text += ",cause:" + strconv.Quote(st.Cause.Error())
	}
	l.word(text)
}

// directive writes what a server asks for.
func (l *line) directive(d *status.Directive) (text string) {
	if d.RetryAfter != 0 && !l.Untimed {
		text += ",retry-after:" + d.RetryAfter.String()
	}
	if d.Recovery != status.RecoverAnyhow {
		text += ",asks:" + d.Recovery.String()
	}
	if d.Endpoint != "" {
		text += ",move:" + d.Endpoint
	}
	return text
}

// decision writes what a decision says beyond its status.
func (l *line) decision(d policy.Decision) {
	l.word("rule=" + strconv.Quote(string(d.Rule)))
	if d.Refusal != policy.RefusedNot {
		l.word("refusal=" + d.Refusal.String())
	}
}

// left writes what the budget has left where it is limited.
func (l *line) left(b policy.Left) {
	if b.Elapsed >= 0 {
		l.duration("left", b.Elapsed)
	}
	if b.Idle >= 0 {
		l.duration("leftIdle", b.Idle)
	}
	if b.Attempts >= 0 {
		l.number("leftAttempts", b.Attempts)
	}
}

// describe writes what an attempt or a change of state adds.
func (l *line) describe(e observer.Event) {
	switch e := e.(type) {
	case observer.AttemptStarted:
		l.number("number", e.Number)
		l.word("level=" + e.Level.String())
		if e.Endpoint != "" {
			l.word("endpoint=" + e.Endpoint)
		}
		l.status("cause", e.Cause)
		l.flag("view-only", e.ViewOnly)
		l.flag("without-transforms", e.WithoutTransforms)
		l.duration("timeout", e.Timeout)
	case observer.AttemptFailed:
		l.number("number", e.Number)
		l.status("status", e.Status)
		l.flag("refused", e.Refused)
		l.flag("unsupported", e.Unsupported)
		l.duration("after", e.After)
	case observer.RetryScheduled:
		l.status("status", e.Decision.Status)
		l.decision(e.Decision)
		if level := e.Decision.Level; level == policy.RestartMedia || level == policy.Resume {
			l.word("level=" + level.String())
		}
		l.duration("delay", e.Decision.Delay)
		l.left(e.Decision.Left)
	case observer.Connected:
		l.number("attempts", e.Attempts)
		l.flag("view-only", e.ViewOnly)
		l.duration("after", e.After)
	case observer.Reconnecting:
		l.status("cause", e.Cause)
	case observer.Recovered:
		l.number("attempts", e.Outage.Attempts)
		if e.Outage.Healed {
			l.word("healed")
		} else {
			l.word("level=" + e.Outage.Level.String())
		}
		l.status("first", e.Outage.First)
		l.status("last", e.Outage.Last)
		l.outage(&e.Outage)
	default:
		l.describeOther(e)
	}
}

func (l *line) describeOther(e observer.Event) {
	switch e := e.(type) {
	case observer.Stopped:
		l.status("status", e.Status)
		l.word("by=" + string(e.Initiator))
		l.decision(e.Decision)
		l.status("first", e.First)
		l.status("last", e.Last)
		l.number("attempts", e.Attempts)
	case observer.Demoted:
		l.status("status", e.Status)
		l.word("by=" + string(e.Initiator))
	case observer.VideoSendUnavailable:
		l.status("status", e.Status)
	case observer.Updating:
		l.flag("renegotiate", e.Renegotiate)
		l.flag("view-only", e.ViewOnly)
		l.status("cause", e.Cause)
	case observer.Updated:
		l.flag("renegotiate", e.Renegotiate)
		l.flag("view-only", e.ViewOnly)
		l.flag("unsupported", e.Unsupported)
	case observer.Missed:
		l.number("events", e.Events)
		l.word("from=" + strconv.FormatUint(e.FirstSeq, 10))
		l.number("outages", e.Outages)
	default:
		l.describeQuality(e)
	}
}

// describeQuality writes what a verdict of a health policy adds.
func (l *line) describeQuality(e observer.Event) {
	switch e := e.(type) {
	case observer.VideoDegradeSuggested:
		l.word("reason=" + string(e.Reason))
	case observer.VideoDegradeLifted:
		l.word("reason=" + string(e.Reason))
	case observer.PolicyChanged:
		l.word("policy=" + strconv.Quote(e.Policy))
		l.flag("healthy", e.Healthy)
		if e.Reason != "" {
			l.word("reason=" + strconv.Quote(e.Reason))
		}
	default:
		l.describeLiveness(e)
	}
}

// describeLiveness writes what the detector of dead links adds.
func (l *line) describeLiveness(e observer.Event) {
	switch e := e.(type) {
	case observer.LinkSuspected:
		l.diagnosis(&e.Diagnosis)
		l.status("doubt", e.Doubt)
	case observer.LinkCleared:
		l.duration("after", e.After)
		if e.Paused > 0 {
			l.duration("paused", e.Paused)
		}
	case observer.LinkDead:
		l.diagnosis(&e.Diagnosis)
	case observer.LinkHealed:
		l.word("layers=" + e.Layers.String())
		l.duration("after", e.After)
	case observer.MediaProven:
		l.duration("after", e.After)
	default:
		l.describeRecovery(e)
	}
}

// describeRecovery writes what surrounds the attempts.
func (l *line) describeRecovery(e observer.Event) {
	switch e := e.(type) {
	case observer.Hinted:
		l.word(string(e.Hint))
		l.flag("expired", e.Expired)
	case observer.AttemptQueued:
		l.word("level=" + e.Level.String())
	case observer.EndpointsFound:
		l.word(strings.Join(e.Endpoints, ","))
	case observer.CredentialsRefreshed:
		l.status("status", e.Status)
		l.duration("expireIn", e.ExpireIn)
	case observer.Resyncing:
		l.word("level=" + e.Outage.Level.String())
		l.outage(&e.Outage)
	}
}

// outage writes what was kept, and how long it took.
func (l *line) outage(o *observer.Outage) {
	l.flag("session-kept", o.SessionKept && !o.Healed)
	l.flag("media-kept", o.MediaKept && !o.Healed)
	l.duration("after", o.Duration)
	l.duration("gap", o.Gap)
}

// diagnosis writes what is known of the layers, as far as it is anything.
func (l *line) diagnosis(g *health.Diagnosis) {
	l.word("layers=" + g.Layers.String())
	l.duration("silence", g.MediaSilence)
	if g.Unanswered > 0 {
		l.number("unanswered", g.Unanswered)
		l.duration("for", g.UnansweredFor)
	}
	if g.PingAge > 0 {
		l.duration("ping", g.PingAge)
	}
	if g.RTT > 0 {
		l.duration("rtt", g.RTT)
	}
	l.flag("signaling-unknown", g.SignalingUnknown)
	l.flag("doubted", g.Doubt)
}
