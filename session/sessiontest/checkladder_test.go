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

// climbingLife is a life with an outage that goes up the ladder: a restart that the link
// cannot make, a resume that fails, one that works but cannot be caught up with, and a
// rejoin.
func climbingLife() []observer.Event {
	const idle, ing, ed, re, off = observer.StateIdle, observer.StateConnecting, observer.StateConnected, observer.StateReconnecting, observer.StateStopped
	seq := uint64(0)
	h := func(epoch uint64, from, to observer.State) observer.Header {
		seq++
		return observer.Header{Session: "s", Seq: seq, Elapsed: time.Duration(seq) * time.Second, Epoch: epoch, From: from, To: to}
	}
	return []observer.Event{
		observer.Connecting{Header: h(0, idle, ing)},
		observer.AttemptStarted{Header: h(1, ing, ing), Number: 1, Level: policy.Rejoin},
		observer.Connected{Header: h(1, ing, ed), Attempts: 1},
		observer.Reconnecting{Header: h(1, ed, re)},
		observer.RetryScheduled{Header: h(1, re, re)},
		observer.AttemptStarted{Header: h(1, re, re), Number: 1, Level: policy.RestartMedia},
		observer.AttemptFailed{Header: h(1, re, re), Number: 1, Unsupported: true},
		observer.RetryScheduled{Header: h(1, re, re)},
		observer.AttemptStarted{Header: h(1, re, re), Number: 1, Level: policy.Resume},
		observer.AttemptFailed{Header: h(1, re, re), Number: 1},
		observer.RetryScheduled{Header: h(1, re, re)},
		observer.AttemptQueued{Header: h(1, re, re)},
		observer.AttemptStarted{Header: h(1, re, re), Number: 2, Level: policy.Resume},
		observer.MediaProven{Header: h(1, re, re)},
		observer.Resyncing{Header: h(1, re, re)},
		observer.AttemptFailed{Header: h(1, re, re), Number: 2},
		observer.RetryScheduled{Header: h(1, re, re)},
		observer.Hinted{Header: h(1, re, re)},
		observer.AttemptStarted{Header: h(2, re, re), Number: 3, Level: policy.Rejoin},
		observer.Connected{Header: h(2, re, ed), Attempts: 3},
		observer.Recovered{Header: h(2, ed, ed), Outage: observer.Outage{Attempts: 3, Level: policy.Rejoin}},
		observer.Stopped{Header: h(2, ed, off), Status: status.New(status.Left, nil)},
	}
}

// The places of some events in climbingLife.
const (
	atRestart   = 5
	atCannot    = 6
	atResume    = 8
	atScheduled = 10
	atAgain     = 12
	atShown     = 13
	atResync    = 14
	atRejoin    = 18
)

// told lets the decision at i follow a directive.
func told(i int, d status.Directive) func([]observer.Event) []observer.Event {
	return func(events []observer.Event) []observer.Event {
		e := events[i].(observer.RetryScheduled)
		e.Decision.Facts.Status.Directive = &d
		events[i] = e
		return events
	}
}

// level changes the level of the attempt at i.
func level(i int, l policy.Level) func([]observer.Event) []observer.Event {
	return func(events []observer.Event) []observer.Event {
		e := events[i].(observer.AttemptStarted)
		e.Level = l
		events[i] = e
		return events
	}
}

func TestCheckEventsOfTheLadder(t *testing.T) {
	type events = []observer.Event
	const epoch = "an attempt begins a new epoch if it rejoins, and only then"
	then := func(steps ...func(events) events) func(events) events {
		return func(e events) events {
			for _, do := range steps {
				e = do(e)
			}
			return e
		}
	}
	for _, tt := range []struct {
		name string
		do   func(events) events
		want string // in the first complaint; empty: none
	}{
		{"as it should be", func(e events) events { return e }, ""},
		{"a restart begins an epoch", header(atRestart, func(h *observer.Header) { h.Epoch = 2 }), epoch},
		{"a resume begins an epoch", header(atAgain, func(h *observer.Header) { h.Epoch = 2 }), epoch},
		{"a rejoin does not", header(atRejoin, func(h *observer.Header) { h.Epoch = 1 }), epoch},
		{"down the ladder", level(atAgain, policy.RestartMedia), "the attempt before it was a resume"},
		{"down, as the server says", then(level(atAgain, policy.RestartMedia), told(atScheduled, status.Directive{Recovery: status.RecoverByRejoin})), ""},
		{"down, for no directive of that", then(level(atAgain, policy.RestartMedia), told(atScheduled, status.Directive{RetryAfter: 1})), "the attempt before it was a resume"},
		{"down in the next outage", func(e events) events {
			return fold(1, 3, 0)(e) // the first connect, which is a rejoin, says nothing
		}, ""},
		{"the one that cannot be made counts", func(e events) events {
			failed := e[atCannot].(observer.AttemptFailed)
			failed.Unsupported = false
			e[atCannot] = failed
			return e
		}, "attempt 1 was the last, running: false"},
		{"the one that failed does not count", replace(atAgain, observer.AttemptStarted{Number: 1, Level: policy.Resume}), "attempt 1 was the last, running: false"},
		{"two attempts at once", func(e events) events { return renumber(slices.Delete(e, atCannot, atResume)) }, "attempt 1 was the last, running: true"},
		{"media is shown, and nothing comes of it", func(e events) events {
			return renumber(slices.Delete(e, atResync, atResync+1))
		}, "Connected does not follow"},
		{"catching up while connected", func(e events) events {
			resyncing := edit(at(e[2], observer.Resyncing{}), func(h *observer.Header) { h.From = observer.StateConnected })
			return renumber(slices.Insert(e, 3, resyncing))
		}, "there is no attempt to reconnect"},
		{"catching up without an attempt", func(e events) events {
			return renumber(slices.Insert(e, atResync+2, at(e[atResync+1], observer.Resyncing{})))
		}, "Resyncing follows, not RetryScheduled or Stopped"},
		{"catching up before the attempt", func(e events) events {
			return renumber(slices.Insert(e, atAgain, at(e[atAgain-1], observer.Resyncing{})))
		}, "there is no attempt to reconnect"},
		{"catching up in the first connect", func(e events) events {
			return renumber(slices.Insert(e, 2, at(e[1], observer.Resyncing{})))
		}, "there is no attempt to reconnect"},
		{"the ladder was missed", fold(4, atRejoin, 0), ""},
		{"the resync was missed", fold(atShown, atRejoin, 0), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tb := new(fakeTB)
			CheckEvents(tb, tt.do(climbingLife()))
			if tt.want == "" {
				assert.Empty(t, tb.errors)
			} else if assert.NotEmpty(t, tb.errors) {
				assert.Contains(t, tb.errors[0], tt.want)
			}
		})
	}
}

// Every window of a good sequence is good.
func TestCheckPartOfTheLadder(t *testing.T) {
	life := climbingLife()
	for from := range life {
		for to := from; to <= len(life); to++ {
			tb := new(fakeTB)
			CheckPart(tb, life[from:to])
			assert.Empty(t, tb.errors, "%d to %d", from, to)
		}
	}
}
