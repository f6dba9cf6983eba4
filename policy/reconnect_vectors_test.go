package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
)

// reconnectTrace is one trace of reconnect.json. Of the recorded `state` only
// `started` is compared: the reference never reads the other two flags (whether
// the attempt is the first connection, and restarting the peer connection only),
// so they have no counterpart here.
type reconnectTrace struct {
	ID                 int
	Label              string
	StartMs            float64
	ReconnectTimeoutMs float64
	DelaysMs           []float64
	OverlappingRetries bool
	Steps              []reconnectStep
	DrainMs            float64
	Drained            []timerEvent
}

type reconnectStep struct {
	Op       string
	Ms       float64
	OffsetMs float64
	ID       int
	Result   bool
	DelayMs  float64
	Overlaps bool
	Events   []timerEvent
	State    *struct{ Started bool }
}

type timerEvent struct {
	Type string
	ID   int
	AtMs float64
}

// scripted is the recorded backoff: it goes round a list of delays.
type scripted struct {
	delays []float64
	calls  int
}

func (s *scripted) NextBackOff() time.Duration {
	s.calls++
	return millis(s.delays[(s.calls-1)%len(s.delays)])
}

func (s *scripted) Reset() { s.calls = 0 }

// outageHarness is the least that a session has around Retries: one timer.
type outageHarness struct {
	start, now time.Duration
	retries    Retries
	backOff    *scripted
	armed      bool
	id         int
	due        time.Duration
	events     []timerEvent // since they were last taken
}

func newOutageHarness(tr reconnectTrace) *outageHarness {
	timeout := millis(tr.ReconnectTimeoutMs)
	h := &outageHarness{
		start:   millis(tr.StartMs),
		now:     millis(tr.StartMs),
		backOff: &scripted{delays: tr.DelaysMs},
	}
	h.retries = NewRetries(Budget{Elapsed: timeout, Idle: timeout, Attempts: NoLimit}, h.backOff)
	return h
}

// retry asks what to do about a failure: of an attempt, or of something else
// while the next attempt is waited for.
func (h *outageHarness) retry(id int) Decision {
	f := Facts{Phase: Failed, Status: status.New(status.TaskFailed, nil)}
	if h.armed {
		f.Phase = Waiting
	}
	d := Decide(&Policy{}, f, &h.retries, h.now)
	if d.Action == Retry {
		h.armed, h.id, h.due = true, id, h.now+d.Delay
	}
	return d
}

// disarm drops the timer; whoever waits for it is told.
func (h *outageHarness) disarm() {
	if h.armed {
		h.armed = false
		h.tell("canceled", h.now)
	}
}

func (h *outageHarness) advance(d time.Duration) {
	h.now += d
	if h.armed && h.due <= h.now {
		h.armed = false
		h.tell("retry", h.due)
	}
}

func (h *outageHarness) tell(kind string, at time.Duration) {
	h.events = append(h.events, timerEvent{kind, h.id, float64(at-h.start) / float64(time.Millisecond)})
}

func (h *outageHarness) take() []timerEvent {
	events := h.events
	h.events = nil
	return events
}

// apply performs a step that is not a retry.
func (h *outageHarness) apply(t *testing.T, s reconnectStep) {
	switch s.Op {
	case "startedConnectionAttempt":
		h.retries.Begin(h.now)
		h.retries.Attempt()
	case "setLastActive":
		h.retries.Alive(h.now + millis(s.OffsetMs))
	case "advance":
		h.advance(millis(s.Ms))
	case "disableReconnect", "cancel":
		h.retries.Disable()
		h.disarm()
	case "reset":
		h.retries.Reset()
		h.disarm()
	case "enableRestartPeerConnection": // a flag that nobody reads
	default:
		require.Fail(t, "unknown step", s.Op)
	}
}

// reconnectReplay follows one trace. The two divergences are found by what the
// trace does:
//
// 7.3: a retry is asked for while one is pending. The reference arms a second
// timer, ours folds the failure into the running outage: no random number, no
// timer, no further attempt.
//
// 7.1: reconnecting is disabled while a retry is pending. The reference lets the
// timer fire, ours cancels it there and then.
//
// Up to the first of them, everything must be as recorded. After it, whether a
// retry is allowed still must be, since neither touches the budget; timers and
// delays must be what our rule says.
type reconnectReplay struct {
	t       *testing.T
	trace   reconnectTrace
	h       *outageHarness
	where   string
	started bool // as recorded

	folded    int         // retries, by 7.3
	cancelled map[int]int // retries that 7.1 ended, with the events seen of each
	same      bool        // everything so far is as recorded
}

func (r *reconnectReplay) diverged() bool { return r.folded > 0 || len(r.cancelled) > 0 }

func (r *reconnectReplay) run() {
	for i, s := range r.trace.Steps {
		r.where = fmt.Sprintf("trace %d (%s), step %d (%s)", r.trace.ID, r.trace.Label, i, s.Op)
		r.step(s)
		r.compareEvents(s.Events)
		r.compareState(s)
	}
	r.where = fmt.Sprintf("trace %d (%s), drained", r.trace.ID, r.trace.Label)
	r.h.advance(millis(r.trace.DrainMs))
	r.compareEvents(r.trace.Drained)
	require.Equal(r.t, r.trace.OverlappingRetries, r.folded > 0, r.where)
	if r.diverged() {
		require.False(r.t, r.same, "%s: divergent, and yet as the reference", r.where)
	}
}

func (r *reconnectReplay) step(s reconnectStep) {
	switch {
	case s.Op == "retry" && r.h.armed:
		r.fold(s)
	case s.Op == "retry":
		r.ask(s)
	case s.Op == "disableReconnect" && r.h.armed:
		r.cancelled[r.h.id] = 0
		r.h.apply(r.t, s)
		require.Equal(r.t, []timerEvent{{"canceled", r.h.id, r.sinceStart()}}, r.h.events, "%s: our own rule", r.where)
	default:
		r.h.apply(r.t, s)
	}
}

// fold is divergence 7.3, if the reference accepts the retry. Were it asked, the
// budget would say what was recorded.
func (r *reconnectReplay) fold(s reconnectStep) {
	require.Equal(r.t, s.Result, r.h.retries.Refuse(r.h.now) == RefusedNot, r.where)
	calls, id, due := r.h.backOff.calls, r.h.id, r.h.due
	require.Equal(r.t, Fold, r.h.retry(s.ID).Action, r.where)
	require.Equal(r.t, calls, r.h.backOff.calls, "%s: a folded failure asks the backoff", r.where)
	require.True(r.t, r.h.armed && r.h.id == id && r.h.due == due, "%s: the timer has changed", r.where)
	if s.Result {
		r.folded++
		r.same = false
	}
}

func (r *reconnectReplay) ask(s reconnectStep) {
	calls := r.h.backOff.calls
	d := r.h.retry(s.ID)
	require.Equal(r.t, s.Result, d.Action == Retry, "%s: %v", r.where, d.Refusal)
	if !s.Result {
		require.Equal(r.t, calls, r.h.backOff.calls, "%s: a refused retry asks the backoff", r.where)
		return
	}
	want := s.DelayMs
	if r.folded > 0 { // the reference has gone further in its list of delays
		want = r.trace.DelaysMs[calls%len(r.trace.DelaysMs)]
	}
	sameDelay(r.t, want, d.Delay, r.where)
}

// compareEvents compares what the timers did in a step.
func (r *reconnectReplay) compareEvents(recorded []timerEvent) {
	events := r.h.take()
	if !sameEvents(recorded, events) {
		r.same = false
		require.True(r.t, r.diverged(), "%s: want %v, got %v", r.where, recorded, events)
	}
	for _, e := range events {
		if seen, ours := r.cancelled[e.ID]; ours {
			require.Zero(r.t, seen, "%s: retry %d is heard of after it was cancelled", r.where, e.ID)
			require.Equal(r.t, "canceled", e.Type, r.where)
			r.cancelled[e.ID]++
		}
	}
	if r.folded == 0 { // then only the cancelled timers may make a difference
		require.True(r.t, sameEvents(r.others(recorded), r.others(events)), "%s: want %v, got %v", r.where, recorded, events)
	}
	require.LessOrEqual(r.t, len(events), 1, "%s: one timer", r.where)
}

// others leaves out what concerns retries that divergence 7.1 ended.
func (r *reconnectReplay) others(events []timerEvent) []timerEvent {
	var kept []timerEvent
	for _, e := range events {
		if _, ours := r.cancelled[e.ID]; !ours {
			kept = append(kept, e)
		}
	}
	return kept
}

// compareState follows `started`, which is written down only when any of the
// three flags changes.
func (r *reconnectReplay) compareState(s reconnectStep) {
	if s.State != nil {
		r.started = s.State.Started
	}
	require.Equal(r.t, r.started, r.h.retries.outage.running, "%s: started", r.where)
}

func (r *reconnectReplay) sinceStart() float64 {
	return float64(r.h.now-r.h.start) / float64(time.Millisecond)
}

func sameEvents(a, b []timerEvent) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Type != b[i].Type || a[i].ID != b[i].ID || max(a[i].AtMs-b[i].AtMs, b[i].AtMs-a[i].AtMs) > 1e-3 {
			return false
		}
	}
	return true
}

func TestVectorsReconnect(t *testing.T) {
	var file struct{ Traces []reconnectTrace }
	readVectors(t, "reconnect.json", &file)
	require.NotEmpty(t, file.Traces)
	var steps, folding, cancelling int
	for _, tr := range file.Traces {
		r := reconnectReplay{t: t, trace: tr, h: newOutageHarness(tr), cancelled: map[int]int{}, same: true}
		r.run()
		steps += len(tr.Steps)
		switch {
		case r.folded > 0:
			folding++
		case len(r.cancelled) > 0:
			cancelling++
		}
	}
	require.Positive(t, steps)
	t.Logf("%d traces, %d steps, of which divergence 7.3 (overlapping retries): %d traces, else 7.1 (disabling cancels): %d traces",
		len(file.Traces), steps, folding, cancelling)
}

// TestScriptedIsABackOff keeps the harness honest: Begin must not restart delays
// that were already drawn from.
func TestScriptedIsABackOff(t *testing.T) {
	var bo backoff.BackOff = &scripted{delays: []float64{1, 2, 3}}
	r := NewRetries(Budget{Elapsed: NoLimit, Idle: NoLimit, Attempts: NoLimit}, bo)
	for _, want := range []time.Duration{1, 2, 3, 1} {
		delay, why := r.Next(0)
		assert.Equal(t, RefusedNot, why)
		assert.Equal(t, want*time.Millisecond, delay)
		r.Begin(0)
	}
}
