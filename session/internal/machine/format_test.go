package machine

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// notation writes effects and facts in one line. The status that the input
// carried is written c, so that codes with one outcome read alike.
type notation struct {
	probe status.Status
}

func (n notation) status(st status.Status) string {
	if st.IsZero() {
		return "-"
	}
	if st.Cause == errProbe && st.Code == n.probe.Code {
		return "c" + n.marks(st)
	}
	text := fmt.Sprint(int(st.Code)) + n.marks(st)
	switch cause := st.Cause.(type) {
	case nil:
		return text
	case status.Status:
		return text + "<" + n.status(cause)
	default:
		if cause == errProbe {
			return text + "<c"
		}
		if st.Code == status.ConnectionHealthReconnect && strings.Contains(cause.Error(), "; signaling ") {
			return text + "(dead)" // the numbers of a diagnosis have tests of their own
		}
		return text + "(" + cause.Error() + ")"
	}
}

// marks writes what a status has besides its code and cause; what is part of
// c anyway is left out.
func (n notation) marks(st status.Status) string {
	var b strings.Builder
	isProbe := st.Cause == errProbe
	if st.Wire != 0 && !(isProbe && st.Wire == n.probe.Wire) {
		fmt.Fprintf(&b, "w%d", st.Wire)
	}
	if st.Shared && !(isProbe && n.probe.Shared) {
		b.WriteString("s")
	}
	if st.Permanent {
		b.WriteString("!")
	}
	if st.Directive != nil && !(isProbe && st.Directive == n.probe.Directive) {
		b.WriteString("[" + directive(*st.Directive) + "]")
	}
	return b.String()
}

// directive writes what a server asks for.
func directive(d status.Directive) string {
	var list []string
	if d.RetryAfter != 0 {
		list = append(list, "after "+d.RetryAfter.String())
	}
	if d.Recovery != status.RecoverAnyhow {
		list = append(list, d.Recovery.String())
	}
	if d.Endpoint != "" {
		list = append(list, "at "+d.Endpoint)
	}
	return strings.Join(list, ", ")
}

func (n notation) effects(effects []Effect) string {
	lines := make([]string, len(effects))
	for i, e := range effects {
		lines[i] = n.effect(e)
	}
	return strings.Join(lines, "; ")
}

func (n notation) effect(e Effect) string {
	switch e.Kind {
	case Notify:
		return n.event(e.Event)
	case Open:
		return fmt.Sprintf("open e%d(%s)", e.Epoch, n.attempt(e.Attempt))
	case CancelOpen:
		return fmt.Sprintf("cancel-open e%d", e.Epoch)
	case CloseLink:
		return fmt.Sprintf("close e%d%s", e.Epoch, flags(e.Leave, "leave"))
	case Ping, Probe, CallPromote, CallDemote:
		return fmt.Sprintf("%s e%d#%s", e.Kind, e.Epoch, idName(e.ID))
	case Update:
		return fmt.Sprintf("update e%d#%d%s", e.Epoch, e.ID, flags(e.Renegotiate, "renegotiate", e.ViewOnly, "view-only"))
	case Settle:
		return fmt.Sprintf("settle #%d %s%s", e.ID, e.Outcome, n.because(e.Status))
	case CancelUpdate, CancelPromotion:
		return fmt.Sprintf("%s e%d", e.Kind, e.Epoch)
	}
	return n.recovering(e)
}

// recovering is effect for what recovers a link that is kept, and for what an
// attempt waits for or is asked ahead of it.
func (n notation) recovering(e Effect) string {
	switch e.Kind {
	case Restart, Resume:
		return fmt.Sprintf("%s e%d#%d(%s)", e.Kind, e.Epoch, e.ID, n.attempt(e.Attempt))
	case CancelRestore:
		return fmt.Sprintf("%s e%d#%d%s", e.Kind, e.Epoch, e.ID, n.because(e.Status))
	case CancelResync:
		return fmt.Sprintf("%s e%d#%d", e.Kind, e.Epoch, e.ID)
	case Resync:
		return fmt.Sprintf("resync e%d#%d(%s)", e.Epoch, e.ID, n.outage(*e.Outage))
	case Admit:
		return fmt.Sprintf("admit #%d %s", e.ID, e.Attempt.Level)
	case CancelAdmit, Refresh, CancelRefresh:
		return fmt.Sprintf("%s #%d", e.Kind, e.ID)
	}
	return e.Kind.String()
}

func (n notation) outage(o observer.Outage) string {
	text := fmt.Sprintf("#%d %s after %s first %s last %s", o.Attempts, o.Level, o.Duration, n.status(o.First), n.status(o.Last))
	if o.Gap != o.Duration {
		text += fmt.Sprintf(" gap %s", o.Gap)
	}
	return text + flags(o.Healed, "healed", o.SessionKept, "session-kept", o.MediaKept, "media-kept")
}

// idName tells the pings of the detector from those of the pinger.
func idName(id uint64) string {
	if id > ownPings && id < 2*ownPings {
		return fmt.Sprintf("d%d", id-ownPings)
	}
	return strconv.FormatUint(id, 10)
}

func (n notation) attempt(a Attempt) string {
	at := ""
	if a.Endpoint != "" {
		at = " at " + a.Endpoint
	}
	return fmt.Sprintf("#%d %s%s because %s within %s%s", a.Number, a.Level, at, n.status(a.Cause), a.Timeout,
		flags(a.FindEndpoint, "find", a.RestartMedia, "media", a.Rejected, "rejected", a.ViewOnly, "view-only", a.WithoutTransforms, "without-transforms"))
}

func (n notation) because(st status.Status) string {
	if st.IsZero() {
		return ""
	}
	return "(" + n.status(st) + ")"
}

// event leaves out what the outcome shows besides: AttemptStarted says what
// Open says.
func (n notation) event(e observer.Event) string {
	switch e := e.(type) {
	case observer.AttemptFailed:
		return fmt.Sprintf("AttemptFailed(#%d %s after %s%s)", e.Number, n.status(e.Status), e.After,
			flags(e.Refused, "refused", e.Unsupported, "unsupported"))
	case observer.RetryScheduled:
		return "RetryScheduled(" + n.decision(e.Decision) + ")"
	case observer.Connected:
		return fmt.Sprintf("Connected(#%d after %s%s)", e.Attempts, e.After, flags(e.ViewOnly, "view-only"))
	case observer.Reconnecting:
		return "Reconnecting(" + n.status(e.Cause) + ")"
	case observer.Recovered:
		return "Recovered(" + n.outage(e.Outage) + ")"
	case observer.Stopped:
		return fmt.Sprintf("Stopped(%s by %s, %s; first %s last %s #%d)", n.status(e.Status), e.Initiator,
			n.decision(e.Decision), n.status(e.First), n.status(e.Last), e.Attempts)
	case observer.Demoted:
		return fmt.Sprintf("Demoted(%s by %s)", n.status(e.Status), e.Initiator)
	case observer.VideoSendUnavailable:
		return "VideoSendUnavailable(" + n.status(e.Status) + ")"
	case observer.Updating:
		return fmt.Sprintf("Updating(%s%s)", n.status(e.Cause), flags(e.Renegotiate, "renegotiate", e.ViewOnly, "view-only"))
	case observer.Updated:
		return fmt.Sprintf("Updated(%s)", strings.TrimSpace(flags(e.Renegotiate, "renegotiate", e.ViewOnly, "view-only", e.Unsupported, "unsupported")))
	}
	return n.recoveryEvent(e)
}

// recoveryEvent is event for what happens between the attempts.
func (n notation) recoveryEvent(e observer.Event) string {
	switch e := e.(type) {
	case observer.Hinted:
		return fmt.Sprintf("Hinted(%s%s)", e.Hint, flags(e.Expired, "expired"))
	case observer.AttemptQueued:
		return fmt.Sprintf("AttemptQueued(%s)", e.Level)
	case observer.EndpointsFound:
		return fmt.Sprintf("EndpointsFound(%s)", strings.Join(e.Endpoints, " "))
	case observer.CredentialsRefreshed:
		return fmt.Sprintf("CredentialsRefreshed(%s for %s)", n.status(e.Status), e.ExpireIn)
	case observer.Resyncing:
		return "Resyncing" // the effect says the rest
	}
	return n.verdict(e)
}

// verdict is event for what the detector and the health policies find. The
// numbers of the detector have tests of their own.
func (n notation) verdict(e observer.Event) string {
	switch e := e.(type) {
	case observer.LinkSuspected:
		return fmt.Sprintf("LinkSuspected(%s%s%s)", e.Diagnosis.Layers, flags(e.Diagnosis.Doubt, "doubt"), n.because(e.Doubt))
	case observer.LinkCleared:
		return fmt.Sprintf("LinkCleared(%s)", strings.TrimSpace(flags(e.Paused > 0, fmt.Sprintf("paused %s", e.Paused))))
	case observer.LinkDead:
		return fmt.Sprintf("LinkDead(%s)", e.Diagnosis.Layers)
	case observer.LinkHealed:
		return fmt.Sprintf("LinkHealed(%s after %s)", e.Layers, e.After)
	case observer.MediaProven:
		return fmt.Sprintf("MediaProven(after %s)", e.After)
	case observer.VideoDegradeSuggested:
		return fmt.Sprintf("VideoDegradeSuggested(%s)", e.Reason)
	case observer.VideoDegradeLifted:
		return fmt.Sprintf("VideoDegradeLifted(%s)", e.Reason)
	case observer.PolicyChanged:
		return fmt.Sprintf("PolicyChanged(%s%s)", e.Policy, flags(e.Healthy, "healthy"))
	}
	return e.Name()
}

// decision leaves out the status where the event has told it.
func (n notation) decision(d policy.Decision) string {
	rule := string(d.Rule)
	if d.Refusal != policy.RefusedNot {
		rule += " " + d.Refusal.String()
	}
	if d.Action != policy.Retry {
		return rule
	}
	return fmt.Sprintf("%s %s because %s in %s%s", rule, d.Level, n.status(d.Status), d.Delay,
		flags(d.ViewOnly, "view-only", d.WithoutTransforms, "without-transforms", d.Facts.Recovery.Local, "local"))
}

// flags lists the names of the pairs (bool, string) that are set.
func flags(pairs ...any) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i].(bool) {
			b.WriteString(" " + pairs[i+1].(string))
		}
	}
	return b.String()
}

var timerNames = [timerCount]string{
	tConnect: "connect", tPresence: "presence", tGrace: "grace", tReason: "reason", tRetry: "retry",
	tStable: "stable", tPing: "ping", tUpdate: "update", tPromotion: "promotion", tDetect: "detect", tProof: "proof",
	tResync: "resync", tOffline: "offline", tRefresh: "refresh",
}

// armed lists the timers in the order in which they come due, as seen at now.
// When the detector looks next has tests of its own.
func armed(t timers, now time.Duration) string {
	var on []timer
	for i := range timerCount {
		if t.armed(i) {
			on = append(on, i)
		}
	}
	slices.SortStableFunc(on, func(a, b timer) int { return cmp.Compare(t.due[a], t.due[b]) })
	list := make([]string, len(on))
	for i, n := range on {
		list[i] = timerNames[n]
		if n != tDetect {
			list[i] += fmt.Sprintf("+%s", t.due[n]-now)
		}
	}
	return "[" + strings.Join(list, " ") + "]"
}

// facts lists what a machine knows besides state, phase and timers, as pairs
// of a name and a value.
func (n notation) facts(m *Machine) [][2]string {
	data := m.monitor.Data()
	end := "-"
	if at, ok := m.retries.Deadline(); ok {
		end = at.String()
	}
	return [][2]string{
		{"epoch", strconv.FormatUint(m.epoch, 10)},
		{"attempts", strconv.Itoa(m.trouble.attempts)},
		{"first", n.status(m.trouble.first)},
		{"last", n.status(m.trouble.last)},
		{"outages", strconv.Itoa(m.outages)},
		{"stale", strconv.FormatUint(m.stale, 10)},
		{"present", strconv.FormatBool(m.present)},
		{"due", strconv.FormatBool(m.retryDue)},
		{"old", operationName(m.old)},
		{"deaf", deafNames(m.deaf[:])},
		{"deaf-closes", deafNames(m.deafCloses)},
		{"deaf-restores", deafNames(m.deafRestores)},
		{"abilities", abilityNames(m.abilities)},
		{"view-only", strconv.FormatBool(m.viewOnly)},
		{"without-transforms", strconv.FormatBool(m.withoutTransforms)},
		{"promoted", strconv.FormatBool(m.promoted)},
		{"promotion", promotionName(m.promotion)},
		{"update", updateName(m.update)},
		{"rtt", m.rtt.String()},
		{"missed-pongs", strconv.Itoa(data.MissedPongs)},
		{"silent-samples", strconv.Itoa(data.NoPackets)},
		{"tries", strconv.Itoa(m.retries.Attempts())},
		{"budget-end", end},
		{"living", strconv.FormatBool(m.retries.Living())},
		{"expect", m.live.expect.String()},
		{"doubt", n.status(m.live.doubt)},
		{"watched", watchedName(m)},
		{"paused", m.live.paused.String()},
		{"liveness", livenessName(m.live.counts)},
		{"link", linkName(m)},
		{"op", opName(m.op)},
		{"recovery", recoveryName(m)},
		{"endpoints", endpointsName(m)},
		{"step", stepNames[m.step]},
		{"fresh", freshName(m.fresh)},
		{"limiter", limiterName(m)},
		{"network", networkName(m.network)},
		{"deferred", deferredName(m.deferred)},
	}
}

// linkName says whether there is a link, whether it has been connected, and what
// it was told.
func linkName(m *Machine) string {
	return strings.TrimSpace(flags(m.held, "held", m.adopted, "adopted", m.linkViewOnly, "view-only", m.offered != m.abilities, "less-able"))
}

func opName(id uint64) string {
	if id == 0 {
		return "-"
	}
	return fmt.Sprintf("#%d", id)
}

// recoveryName is what the level of the next attempt is chosen by.
func recoveryName(m *Machine) string {
	t, r := m.trouble, m.trouble.recovery
	text := fmt.Sprintf("%s damage %s floor %s", t.level, r.Damage, r.Floor)
	for _, c := range []struct {
		name string
		n    int
	}{{"restarts", r.Restarts}, {"resumes", r.Resumes}, {"rejections", r.Rejections}} {
		if c.n > 0 {
			text += fmt.Sprintf(" %s %d", c.name, c.n)
		}
	}
	if t.silent > 0 {
		text += " silent " + t.silent.String()
	}
	return "(" + text + flags(r.Local, "local", t.asked, "asked") + ")"
}

func endpointsName(m *Machine) string {
	e := m.endpoints
	text := fmt.Sprintf("%d/%s", e.cursor, strings.Join(e.found, "+"))
	if e.move != "" {
		text += "/move-" + e.move
	}
	return text
}

var stepNames = [...]string{connecting: "connecting", finding: "finding", authorizing: "authorizing"}

func freshName(f freshness) string {
	text := f.until.String()
	if f.id != 0 {
		text += fmt.Sprintf("/#%d", f.id)
	}
	return text
}

func limiterName(m *Machine) string {
	return opName(m.queued) + flags(m.admitted, "admitted")
}

func networkName(n network) string {
	return fmt.Sprintf("(changed %s nudged %s%s)", n.changed, n.nudged, flags(n.down, "down"))
}

func deferredName(d deferred) string {
	name := func(c change) string { return flags(c.renegotiate, "renegotiate", c.viewOnly, "view-only") }
	return fmt.Sprintf("(asked%s, interrupted%s, %s)", name(d.asked), name(d.interrupted), notation{}.status(d.because))
}

func abilityNames(a Abilities) string {
	names := [...]string{"ping", "update", "promote", "probe", "restart", "resume"}
	var list []string
	for i, name := range names {
		if a&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	switch {
	case a == 0:
		return "none"
	case a == allAbilities:
		return "all"
	}
	return strings.Join(list, "+")
}

// watchedName is what the detector could find dead, and whether it is suspicious.
func watchedName(m *Machine) string {
	if !m.watching() {
		return "-"
	}
	d := m.live.detector
	return d.Judges().String() + flags(d.Suspicion(m.now.Mono) > 0, "suspicious", d.Heard(), "heard")
}

func livenessName(c observer.Liveness) string {
	var list []string
	for _, e := range []struct {
		name string
		n    uint32
	}{
		{"suspected", c.Suspected},
		{"cleared", c.Cleared},
		{"dead", c.Dead},
		{"healed", c.Healed},
		{"proven", c.Proven},
		{"unproven", c.Unproven},
		{"paused", c.Paused},
	} {
		if e.n > 0 {
			list = append(list, fmt.Sprintf("%s:%d", e.name, e.n))
		}
	}
	return strings.Join(list, ",")
}

// deafNames lists epochs with a call that hangs.
func deafNames(epochs []uint64) string {
	var list []string
	for _, e := range epochs {
		if e != 0 {
			list = append(list, fmt.Sprintf("e%d", e))
		}
	}
	return strings.Join(list, "+")
}

func operationName(o operation) string {
	switch {
	case o.epoch == 0:
		return "-"
	case o.connect:
		return fmt.Sprintf("connect-e%d", o.epoch)
	case o.restore:
		return fmt.Sprintf("restore-e%d", o.epoch)
	}
	return fmt.Sprintf("close-e%d", o.epoch)
}

func promotionName(p promotion) string {
	if p.id == 0 {
		return "-"
	}
	return fmt.Sprintf("#%d%s", p.id, flags(p.demote, "demote", p.answered, "answered"))
}

func updateName(u update) string {
	if u.id == 0 {
		return "-"
	}
	text := fmt.Sprintf("#%d%s", u.id, flags(u.now.renegotiate, "renegotiate", u.now.viewOnly, "view-only"))
	if !u.then.none() {
		text += ", then" + flags(u.then.renegotiate, "renegotiate", u.then.viewOnly, "view-only")
	}
	return text
}

// changed lists the pairs of after that differ from before.
func changed(before, after [][2]string) string {
	var list []string
	for i, pair := range after {
		if pair != before[i] {
			list = append(list, pair[0]+"="+pair[1])
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "{" + strings.Join(list, " ") + "}"
}

// place names state and phase.
func place(m *Machine) string { return string(m.state) + "/" + m.phase.String() }

// view is a machine as the notation shows it, before an input.
type view struct {
	m     *Machine
	facts [][2]string
}

func viewOf(m *Machine) view { return view{m, notation{}.facts(m)} }

// outcome is everything that an input brought about: effects, then the new
// state and phase, then timers, then facts, as far as they have changed.
func (n notation) outcome(before view, after *Machine, effects []Effect) string {
	var parts []string
	if len(effects) > 0 {
		parts = append(parts, n.effects(effects))
	}
	if place(before.m) != place(after) {
		parts = append(parts, "→ "+place(after))
	}
	if before.m.timers != after.timers {
		if t := armed(after.timers, after.now.Mono); t != armed(before.m.timers, after.now.Mono) {
			parts = append(parts, t)
		}
	}
	if c := changed(before.facts, n.facts(after)); c != "" {
		parts = append(parts, c)
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, " ")
}
