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

// watchedLife is a life under the detector: a false alarm, a link that heals, one
// that does not, and a recovery in which media is proven.
func watchedLife() []observer.Event {
	const idle, ing, ed, re, off = observer.StateIdle, observer.StateConnecting, observer.StateConnected, observer.StateReconnecting, observer.StateStopped
	seq := uint64(0)
	h := func(epoch uint64, from, to observer.State) observer.Header {
		seq++
		return observer.Header{Session: "s", Seq: seq, Elapsed: time.Duration(seq) * time.Second, Epoch: epoch, From: from, To: to}
	}
	return []observer.Event{
		observer.Connecting{Header: h(0, idle, ing)},
		observer.AttemptStarted{Header: h(1, ing, ing), Number: 1},
		observer.Connected{Header: h(1, ing, ed), Attempts: 1},
		observer.LinkSuspected{Header: h(1, ed, ed)},
		observer.LinkCleared{Header: h(1, ed, ed)},
		observer.LinkSuspected{Header: h(1, ed, ed)},
		observer.LinkSuspected{Header: h(1, ed, ed)}, // of the other layer
		observer.LinkDead{Header: h(1, ed, ed)},
		observer.Reconnecting{Header: h(1, ed, re)},
		observer.RetryScheduled{Header: h(1, re, re)},
		observer.LinkHealed{Header: h(1, re, re)},
		observer.Connected{Header: h(1, re, ed)},
		observer.Recovered{Header: h(1, ed, ed), Outage: observer.Outage{Healed: true}},
		observer.LinkDead{Header: h(1, ed, ed)},
		observer.Reconnecting{Header: h(1, ed, re)},
		observer.RetryScheduled{Header: h(1, re, re)},
		observer.AttemptStarted{Header: h(2, re, re), Number: 1},
		observer.MediaProven{Header: h(2, re, re)},
		observer.Connected{Header: h(2, re, ed), Attempts: 1},
		observer.Recovered{Header: h(2, ed, ed), Outage: observer.Outage{Attempts: 1, Level: policy.Rejoin}},
		observer.Stopped{Header: h(2, ed, off), Status: status.New(status.Left, nil)},
	}
}

// The places of some events in watchedLife.
const (
	atSuspected = 3
	atCleared   = 4
	atDead      = 7
	atHealed    = 10
	atRetried   = 16
	atProven    = 17
)

func TestCheckEventsOfTheDetector(t *testing.T) {
	type events = []observer.Event
	tests := []struct {
		name string
		do   func(events) events
		want string // in the first complaint; empty: none
	}{
		{"as it should be", func(e events) events { return e }, ""},
		{"a suspicion was missed", fold(atSuspected, atCleared, 0), ""},
		{"a death was missed", fold(atDead, atHealed, 0), ""},
		{"a healing was missed", fold(atDead, atHealed+1, 0), ""},
		{"an outage was missed", fold(atHealed-2, atHealed+3, 1), ""},
		{"a proof was missed", fold(atRetried, atProven+1, 0), ""},
		{"cleared without a suspicion", func(e events) events {
			return renumber(slices.Delete(e, atSuspected, atSuspected+1))
		}, "LinkCleared after=0s: nothing was suspected"},
		{"cleared twice", func(e events) events { return renumber(slices.Insert(e, atCleared, e[atCleared])) }, "LinkCleared after=0s: nothing was suspected"},
		{"cleared after the link was lost", func(e events) events {
			return renumber(slices.Insert(e, atHealed+3, at(e[atHealed+2], observer.LinkCleared{})))
		}, "nothing was suspected"},
		{"a suspicion in an outage", replace(atHealed-1, observer.LinkSuspected{}), `the link is not adopted in "reconnecting"`},
		{"a death in an outage", replace(atHealed-1, observer.LinkDead{}), `the link is not adopted in "reconnecting"`},
		{"healed without a death", func(e events) events { return renumber(slices.Delete(e, atDead, atDead+1)) }, "the link was not found dead"},
		{"healed after an attempt", func(e events) events {
			return renumber(slices.Insert(e, atProven, at(e[atRetried], observer.LinkHealed{})))
		}, "an attempt has begun"},
		{"healed while connected", replace(atCleared, observer.LinkHealed{}), "the link was not found dead"},
		{"healed, but not connected", func(e events) events { return e[:atHealed+1] }, "there is no Stopped"},
		{"connected without an attempt", replace(atProven+1, observer.Connected{}), "the link cannot have healed after attempt 1"},
		{"healed, and nobody says so", func(e events) events { return renumber(slices.Delete(e, atHealed, atHealed+1)) }, "LinkHealed says otherwise"},
		{"healed, and the sum does not say so", replace(atHealed+2, observer.Recovered{}), "healed is false, and there were 0 attempts"},
		{"proven while connected", replace(atCleared, observer.MediaProven{}), "media is proven in an outage only"},
		{"proven, but not connected", func(e events) events {
			return renumber(slices.Insert(e, atProven+1, at(e[atProven], observer.MediaProven{})))
		}, "Connected does not follow"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tb := new(fakeTB)
			CheckEvents(tb, tt.do(watchedLife()))
			if tt.want == "" {
				assert.Empty(t, tb.errors)
			} else if assert.NotEmpty(t, tb.errors) {
				assert.Contains(t, tb.errors[0], tt.want)
			}
		})
	}
}

// at gives an event the header of another one.
func at(place, e observer.Event) observer.Event {
	return edit(e, func(h *observer.Header) { *h = place.Head() })
}

// Every window of a good sequence is good.
func TestCheckPartOfTheDetector(t *testing.T) {
	life := watchedLife()
	for from := range life {
		for to := from; to <= len(life); to++ {
			tb := new(fakeTB)
			CheckPart(tb, life[from:to])
			assert.Empty(t, tb.errors, "%d to %d", from, to)
		}
	}
}
