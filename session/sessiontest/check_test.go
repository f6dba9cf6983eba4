package sessiontest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// wholeLife is a session's events as they should be: a first connect with one
// failure, an outage, the end of the meeting.
func wholeLife() []observer.Event {
	const idle, ing, ed, re, off = observer.StateIdle, observer.StateConnecting, observer.StateConnected, observer.StateReconnecting, observer.StateStopped
	seq := uint64(0)
	h := func(epoch uint64, from, to observer.State) observer.Header {
		seq++
		return observer.Header{Session: "s", Seq: seq, Elapsed: time.Duration(seq) * time.Second, Epoch: epoch, From: from, To: to}
	}
	st := status.New(status.SignalingInternalServerError, nil)
	return []observer.Event{
		observer.Connecting{Header: h(0, idle, ing)},
		observer.AttemptStarted{Header: h(1, ing, ing), Number: 1},
		observer.AttemptFailed{Header: h(1, ing, ing), Number: 1, Status: st},
		observer.RetryScheduled{Header: h(1, ing, ing)},
		observer.AttemptStarted{Header: h(2, ing, ing), Number: 2},
		observer.Connected{Header: h(2, ing, ed), Attempts: 2},
		observer.Reconnecting{Header: h(2, ed, re), Cause: st},
		observer.RetryScheduled{Header: h(2, re, re)},
		observer.AttemptStarted{Header: h(3, re, re), Number: 1},
		observer.Connected{Header: h(3, re, ed), Attempts: 1},
		observer.Recovered{Header: h(3, ed, ed), Outage: observer.Outage{Attempts: 1, Level: policy.Rejoin}},
		observer.Promoted{Header: h(3, ed, ed)},
		observer.Stopped{Header: h(3, ed, off), Status: status.New(status.MeetingEnded, nil)},
	}
}

// The places of some events in wholeLife.
const (
	atFailed = 2
	atSecond = 4
	atLoss   = 6
	atBack   = 9
	atSum    = 10
	atEnd    = 12
)

// renumber closes the gaps in Seq, so that a test breaks one rule only.
func renumber(events []observer.Event) []observer.Event {
	out := slices.Clone(events)
	for i := range out {
		out[i] = edit(out[i], func(h *observer.Header) { h.Seq = uint64(i + 1) })
	}
	return out
}

// edit changes an event's header.
func edit(e observer.Event, change func(*observer.Header)) observer.Event {
	switch e := e.(type) {
	case observer.Connecting:
		change(&e.Header)
		return e
	case observer.AttemptStarted:
		change(&e.Header)
		return e
	case observer.AttemptFailed:
		change(&e.Header)
		return e
	case observer.RetryScheduled:
		change(&e.Header)
		return e
	case observer.Connected:
		change(&e.Header)
		return e
	case observer.Reconnecting:
		change(&e.Header)
		return e
	case observer.Recovered:
		change(&e.Header)
		return e
	case observer.Promoted:
		change(&e.Header)
		return e
	case observer.Stopped:
		change(&e.Header)
		return e
	case observer.LinkSuspected:
		change(&e.Header)
		return e
	case observer.LinkCleared:
		change(&e.Header)
		return e
	case observer.LinkDead:
		change(&e.Header)
		return e
	case observer.LinkHealed:
		change(&e.Header)
		return e
	case observer.MediaProven:
		change(&e.Header)
		return e
	case observer.Resyncing:
		change(&e.Header)
		return e
	case observer.AttemptQueued:
		change(&e.Header)
		return e
	case observer.Hinted:
		change(&e.Header)
		return e
	}
	panic("edit: " + e.Name())
}

func header(i int, change func(*observer.Header)) func([]observer.Event) []observer.Event {
	return func(events []observer.Event) []observer.Event {
		events[i] = edit(events[i], change)
		return events
	}
}

func replace(i int, e observer.Event) func([]observer.Event) []observer.Event {
	return func(events []observer.Event) []observer.Event {
		h := events[i].Head()
		events[i] = edit(e, func(to *observer.Header) { *to = h })
		return events
	}
}

// fold lets a Missed stand for the events from i up to, not including, j.
func fold(i, j int, outages int) func([]observer.Event) []observer.Event {
	return func(events []observer.Event) []observer.Event {
		h := events[j-1].Head()
		h.From = events[i].Head().From
		m := observer.Missed{Header: h, Events: j - i, FirstSeq: events[i].Head().Seq, Outages: outages}
		return slices.Replace(events, i, j, observer.Event(m))
	}
}

func TestCheckEvents(t *testing.T) {
	drop := func(i, j int) func([]observer.Event) []observer.Event {
		return func(events []observer.Event) []observer.Event { return slices.Delete(events, i, j) }
	}
	tests := []struct {
		name string
		do   func([]observer.Event) []observer.Event
		want string // in the first complaint; empty: none
	}{
		{"as it should be", func(e []observer.Event) []observer.Event { return e }, ""},
		{"an outage was missed", fold(atLoss, atSum+1, 1), ""},
		{"attempts were missed", fold(atFailed, atSecond, 0), ""},
		{"stopped before the start", func(e []observer.Event) []observer.Event {
			return []observer.Event{edit(e[atEnd], func(h *observer.Header) { h.Seq, h.From = 1, observer.StateIdle })}
		}, ""},
		{"nothing at all", func([]observer.Event) []observer.Event { return nil }, "there is no Stopped (G2)"},
		{"an event is missing", drop(3, 4), "sequence number 5 where 4 is due"},
		{"the first one is missing", drop(0, 1), "sequence number 2 where 1 is due"},
		{"one comes twice", func(e []observer.Event) []observer.Event { return slices.Insert(e, 3, e[3]) }, "sequence number 4 where 5 is due"},
		{"Missed counts wrong", func(e []observer.Event) []observer.Event {
			e = fold(atLoss, atSum+1, 1)(e)
			m := e[atLoss].(observer.Missed)
			m.Events++
			e[atLoss] = m
			return e
		}, "6 events do not reach from 7 to 11"},
		{"Missed of nothing", func(e []observer.Event) []observer.Event {
			return append(e[:1], observer.Missed{Header: e[0].Head(), FirstSeq: 2})
		}, "0 events do not reach from 2 to 1"},
		{"no end", drop(atEnd, atEnd+1), "there is no Stopped (G2)"},
		{"two ends", func(e []observer.Event) []observer.Event {
			return renumber(append(e, edit(e[atEnd], func(h *observer.Header) { h.From = observer.StateStopped })))
		}, "Stopped is not the last event (G2)"},
		{"an event after the end", func(e []observer.Event) []observer.Event {
			return renumber(append(e, edit(e[atEnd-1], func(h *observer.Header) {
				h.From, h.To, h.Elapsed = observer.StateStopped, observer.StateStopped, time.Hour
			})))
		}, "Stopped is not the last event (G2)"},
		{"an outage without an end", func(e []observer.Event) []observer.Event { return e[:atBack] }, "there is no Stopped (G2)"},
		{"two losses", func(e []observer.Event) []observer.Event { return renumber(slices.Insert(e, atLoss, e[atLoss])) }, "another Reconnecting comes before"},
		{"the chain is broken", header(atLoss, func(h *observer.Header) { h.From = observer.StateConnecting }), `the event before it has led to "connected"`},
		{"it does not begin idle", header(0, func(h *observer.Header) { h.From = observer.StateConnecting }), `a session begins in "idle"`},
		{"a forbidden move", header(atEnd-1, func(h *observer.Header) { h.To = observer.StateReconnecting }), `Promoted does not lead from "connected" to "reconnecting"`},
		{"no move", header(atEnd, func(h *observer.Header) { h.To = observer.StateConnected }), `Stopped does not lead from "connected" to "connected"`},
		{"time goes back", header(3, func(h *observer.Header) { h.Elapsed = 0 }), "the event before it was at 3s"},
		{"another session", header(atEnd, func(h *observer.Header) { h.Session = "t" }), `it is of session "t", the one before of "s"`},
		{"an epoch goes on", header(atSecond, func(h *observer.Header) { h.Epoch = 1 }), "an attempt begins a new epoch"},
		{"an epoch of its own", header(atLoss, func(h *observer.Header) { h.Epoch = 3 }), "only an attempt begins a new epoch"},
		{"the epoch falls in Missed", func(e []observer.Event) []observer.Event {
			e = fold(atLoss, atSum+1, 1)(e)
			m := e[atLoss].(observer.Missed)
			m.Epoch = 1
			e[atLoss] = m
			return e
		}, "the epoch before was 2"},
		{"an attempt is not counted", replace(atSecond, observer.AttemptStarted{Number: 1}), "attempt 1 was the last, running: false"},
		{"two attempts at once", func(e []observer.Event) []observer.Event { return renumber(slices.Delete(e, atFailed, atSecond)) }, "attempt 1 was the last, running: true"},
		{"another attempt fails", replace(atFailed, observer.AttemptFailed{Number: 2}), "attempt 1 was the last, running: true"},
		{"connected without an attempt", func(e []observer.Event) []observer.Event {
			e = renumber(slices.Delete(e, atSecond, atSecond+1))
			return header(atSecond, func(h *observer.Header) { h.Epoch = 1 })(e)
		}, "only an attempt begins a new epoch"},
		{"connected counts wrong", replace(atSecond+1, observer.Connected{Attempts: 3}), "attempt 2 was the last"},
		{"no decision", func(e []observer.Event) []observer.Event { return renumber(slices.Delete(e, atFailed+1, atFailed+2)) }, "AttemptStarted follows, not RetryScheduled or Stopped"},
		{"no sum", func(e []observer.Event) []observer.Event { return renumber(slices.Delete(e, atSum, atSum+1)) }, "Recovered should follow the end of the outage"},
		{"a sum of the first connect", func(e []observer.Event) []observer.Event {
			return renumber(slices.Insert(e, atLoss, edit(e[atSum], func(h *observer.Header) { h.Epoch, h.Elapsed = 2, 6*time.Second })))
		}, "Recovered without the end of an outage"},
		{"the sum counts wrong", replace(atSum, observer.Recovered{Outage: observer.Outage{Attempts: 2}}), "Connected counts 1 attempts"},
		{"an internal code", replace(atEnd, observer.Stopped{Status: status.New(status.IncompatibleSDP, nil)}), "no session may end with the code IncompatibleSDP (G7)"},
		{"a demotion's code", replace(atEnd, observer.Stopped{Status: status.New(status.AudioVideoDisconnectedWhilePromoted, nil)}), "(G7)"},
		{"no code", replace(atEnd, observer.Stopped{}), "no session may end with the code OK (G7)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tb := new(fakeTB)
			CheckEvents(tb, tt.do(wholeLife()))
			if tt.want == "" {
				assert.Empty(t, tb.errors)
			} else if assert.NotEmpty(t, tb.errors) {
				assert.Contains(t, tb.errors[0], tt.want)
			}
		})
	}
}

// Each rule notices something that no other rule does.
func TestEveryRuleCounts(t *testing.T) {
	alone := map[string]int{}
	events := map[string]func([]observer.Event) []observer.Event{
		"sequence": func(e []observer.Event) []observer.Event { return slices.Delete(e, 7, 8) },
		"end":      func(e []observer.Event) []observer.Event { return slices.Delete(e, atEnd, atEnd+1) },
		"chain":    header(atEnd-1, func(h *observer.Header) { h.From, h.To = observer.StateConnecting, observer.StateConnecting }),
		"clocks":   header(3, func(h *observer.Header) { h.Elapsed = 0 }),
		"epochs":   header(atEnd, func(h *observer.Header) { h.Epoch++ }),
		"attempts": replace(atFailed, observer.AttemptFailed{Number: 2}),
		"sums":     replace(atSum, observer.Recovered{Outage: observer.Outage{Attempts: 2}}),
		"public":   replace(atEnd, observer.Stopped{}),
	}
	for name, do := range events {
		for i, rule := range rules {
			v := verdict{whole: true}
			rule(&v, do(wholeLife()))
			if len(v.broken) > 0 {
				alone[name]++
				t.Logf("%s is noticed by rule %d", name, i)
			}
		}
		assert.Equal(t, 1, alone[name], name)
	}
}

func TestOutagesEnd(t *testing.T) {
	v := verdict{whole: true}
	outagesEnd(&v, wholeLife()[:atBack])
	assert.Len(t, v.broken, 1)
	assert.Contains(t, v.broken[0], "neither Connected nor Stopped follows (G12)")
}

// Every window of a good sequence is good, and a bad one is seen in a window.
func TestCheckPart(t *testing.T) {
	life := wholeLife()
	for from := range life {
		for to := from; to <= len(life); to++ {
			tb := new(fakeTB)
			CheckPart(tb, life[from:to])
			assert.Empty(t, tb.errors, "%d to %d", from, to)
		}
	}
	tb := new(fakeTB)
	CheckPart(tb, slices.Delete(wholeLife(), 3, 4)[2:6])
	assert.NotEmpty(t, tb.errors)
}
