package status

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// closeVectors is the layout of close_codes.json.
type closeVectors struct {
	Connected, NotConnected        map[string][]closeRange
	WhileJoining, WhileSubscribing map[string][]closeRange
	NoCode                         []struct {
		Event                   string
		Connected, NotConnected recordedReport
	}
	Boundaries []struct {
		Code int
		recordedReport
	}
	Sequences []struct{ Steps []sequenceStep }
}

// recordedReport is what the reference told its session about one event, and
// how often it published that signaling was dropped.
type recordedReport struct {
	Reported         []string
	SignalingDropped int
}

type closeRange struct {
	From, To int
	recordedReport
}

type sequenceStep struct {
	Event     string
	CloseCode *int
	recordedReport
}

func (s sequenceStep) code() int {
	if s.CloseCode == nil {
		return 0
	}
	return *s.CloseCode
}

// givesReason reports whether the step ends the socket with a code that says
// more than that the socket is gone.
func (s sequenceStep) givesReason() bool {
	return len(statusesOf(s)) > 0 && !slices.Contains([]int{0, 1005, 1006}, s.code())
}

// place is who heard of an event in the reference: a monitor of a session that
// has or has not connected, or a step of an attempt that waits for an answer.
type place int

const (
	connected place = iota
	notConnected
	whileJoining
	whileSubscribing
)

func (p place) String() string {
	return []string{"connected", "notConnected", "whileJoining", "whileSubscribing"}[p]
}

func (p place) phase() Phase {
	return map[place]Phase{connected: Attached, whileSubscribing: Subscribing}[p] // otherwise Joining
}

// heard is what this package makes of an event. Only an end of the socket has
// a meaning; a socket that starts to close or to open says nothing, and there
// is no function that would take it.
func heard(event string, code int, p place) []string {
	switch event {
	case "WebSocketClosed":
		return []string{FromWebSocketClose(code, p.phase()).Code.String()}
	case "WebSocketError", "WebSocketFailed":
		return []string{FromWebSocketError(code, p.phase()).Code.String()}
	}
	return nil
}

// diverges tells by rule where divergence 7.4 changes what the reference did:
//   - closes: while connected all but 1006 and 45xx are overlooked there; a
//     monitor that is not connected is silent; while joining all but 4410 and
//     45xx are final; while subscribing all but 45xx are TaskFailed;
//   - errors and failed opens: silence until the socket is connected, unless
//     the step for the subscription hears them;
//   - a socket that starts to close: ends the step for the subscription there,
//     whereas here the close that follows is judged.
func diverges(event string, code int, p place) bool {
	fault := code >= 4500 && code <= 4599
	switch event {
	case "WebSocketClosed":
		same := map[place]bool{connected: code == 1006 || fault, whileJoining: code == 4410 || fault, whileSubscribing: fault}
		return !same[p]
	case "WebSocketError", "WebSocketFailed":
		return p == notConnected || p == whileJoining
	case "WebSocketClosing":
		return p == whileSubscribing
	}
	return false
}

// ours is our own behaviour, spelt out anew, where the reference's is changed.
func ours(event string, code int) []string {
	fault := code >= 4500 && code <= 4599
	switch {
	case event == "WebSocketClosing":
		return nil
	case fault:
		return []string{"SignalingInternalServerError"}
	case event == "WebSocketError", event == "WebSocketFailed":
		return []string{"TaskFailed"}
	case code == 4410:
		return []string{"MeetingEnded"}
	}
	return []string{"SignalingChannelClosedUnexpectedly"}
}

// tally counts what was compared, per divergence.
type tally struct{ same, d73, d74 int }

func (n *tally) compare(t *testing.T, event string, code int, p place, want recordedReport) {
	t.Helper()
	told, label := heard(event, code, p), fmt.Sprintf("%s %d, %s", event, code, p)
	if diverges(event, code, p) {
		n.d74++
		require.False(t, slices.Equal(want.Reported, told), "7.4 %s: unexpected match", label)
		require.Equal(t, ours(event, code), told, "7.4 %s", label)
	} else {
		n.same++
		require.True(t, slices.Equal(want.Reported, told), "%s: want %v, got %v", label, want.Reported, told)
	}
	if want.SignalingDropped > 0 {
		require.NotEmpty(t, told, "%s: a drop there has to be a loss here", label)
	}
	checkClose(t, event, code, p)
}

// checkClose asserts what 7.4 says beyond the code: the same in every phase,
// and which closes are shared. An announced close is judged when it comes.
func checkClose(t *testing.T, event string, code int, p place) {
	t.Helper()
	if event != "WebSocketClosed" && event != "WebSocketClosing" {
		return
	}
	s := FromWebSocketClose(code, p.phase())
	require.Equal(t, ours("WebSocketClosed", code), []string{s.Code.String()})
	require.Equal(t, FromWebSocketClose(code, Attached), s, "the phase makes no difference")
	require.Equal(t, slices.Contains([]int{1001, 1012, 1013}, code), s.Shared, "%d", code)
}

func TestVectorsCloseCodes(t *testing.T) {
	var file closeVectors
	readVectors(t, "close_codes.json", &file)
	for p, events := range map[place]map[string][]closeRange{
		connected: file.Connected, notConnected: file.NotConnected,
		whileJoining: file.WhileJoining, whileSubscribing: file.WhileSubscribing,
	} {
		t.Run(p.String(), func(t *testing.T) { compareCloseRanges(t, p, events) })
	}
	t.Run("noCode", func(t *testing.T) { compareNoCode(t, &file) })
	t.Run("boundaries", func(t *testing.T) { compareBoundaries(t, &file) })
	t.Run("sequences", func(t *testing.T) { compareSequences(t, &file) })
}

func compareCloseRanges(t *testing.T, p place, events map[string][]closeRange) {
	require.Contains(t, events, "WebSocketClosed")
	for event, rows := range events {
		var n tally
		next := 1000
		for _, row := range rows {
			require.Equal(t, next, row.From, "%s has a gap", event)
			for code := row.From; code <= row.To; code++ {
				n.compare(t, event, code, p, row.recordedReport)
			}
			next = row.To + 1
		}
		require.Equal(t, 5000, next, "%s covers 1000..4999", event)
		t.Logf("%s: %d codes as recorded, %d by 7.4", event, n.same, n.d74)
	}
}

func compareNoCode(t *testing.T, file *closeVectors) {
	var n tally
	for _, row := range file.NoCode {
		n.compare(t, row.Event, 0, connected, row.Connected)
		n.compare(t, row.Event, 0, notConnected, row.NotConnected)
	}
	require.Positive(t, n.same+n.d74)
	t.Logf("%d cases as recorded, %d by 7.4", n.same, n.d74)
}

func compareBoundaries(t *testing.T, file *closeVectors) {
	var n tally
	for _, row := range file.Boundaries {
		n.compare(t, "WebSocketClosed", row.Code, connected, row.recordedReport)
	}
	require.Positive(t, n.same+n.d74)
	t.Logf("%d codes as recorded, %d by 7.4", n.same, n.d74)
}

// compareSequences compares each step of a sequence, and then the outages in
// it. An outage lasts until the socket opens again.
func compareSequences(t *testing.T, file *closeVectors) {
	var n tally
	for _, sequence := range file.Sequences {
		var outage []sequenceStep
		for _, step := range sequence.Steps {
			// Only the first drop of an outage is published there, so the
			// count says nothing about the single event.
			n.compare(t, step.Event, step.code(), connected, recordedReport{Reported: step.Reported})
			if step.Event == "WebSocketOpen" {
				n.compareOutage(t, outage)
				outage = nil
				continue
			}
			outage = append(outage, step)
		}
		n.compareOutage(t, outage)
	}
	require.Positive(t, n.same+n.d74)
	t.Logf("%d comparisons as recorded, %d by 7.4, %d outages by 7.3", n.same, n.d74, n.d73)
}

// compareOutage checks divergence 7.3: where the reference asks for a reconnect
// at every report, all reports of an outage fold into one here. That needs no
// more of this package than that each further status is a plain retryable loss
// (or final), never one that asks for something new, and that a loss without a
// reason gives way to one that has it.
func (n *tally) compareOutage(t *testing.T, outage []sequenceStep) {
	t.Helper()
	var losses []Status
	reports, drops := 0, 0
	for _, step := range outage {
		reports += len(step.Reported)
		drops += step.SignalingDropped
		losses = append(losses, statusesOf(step)...)
	}
	require.LessOrEqual(t, drops, 1, "an outage is published once")
	require.LessOrEqual(t, drops, len(losses), "a drop there has to be a loss here")
	if reports <= 1 {
		return
	}
	n.d73++
	for _, s := range losses {
		assert.True(t, s.Code.Terminal() || s.Code.Failure(), "%s folds into the outage", s)
	}
	explained := slices.IndexFunc(losses, func(s Status) bool { return !s.Unexplained() })
	reasoned := slices.IndexFunc(outage, sequenceStep.givesReason)
	assert.Equal(t, reasoned >= 0, explained >= 0, "the outage has a reason if any event gave one")
}

// statusesOf gives the status that a step of a sequence stands for, if any.
func statusesOf(step sequenceStep) []Status {
	switch step.Event {
	case "WebSocketClosed":
		return []Status{FromWebSocketClose(step.code(), Attached)}
	case "WebSocketError", "WebSocketFailed":
		return []Status{FromWebSocketError(step.code(), Attached)}
	}
	return nil
}
