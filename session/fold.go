package session

import "github.com/holdfast-go/holdfast/observer"

// fold shortens the queue of a slow observer: every outage that is over, and
// all but the newest attempts of one that is not, become one Missed each run.
// What starts, ends or stands outside an outage is kept, and so is an outage
// that has the last word on something else, so the observer's picture of the
// state stays right.
func fold(queue []observer.Event) []observer.Event {
	out := make([]observer.Event, 0, maxWaiting)
	keep := newest(queue)
	for i := 0; i < len(queue); {
		if n := outage(queue[i:]); n > 0 && !hasLastWord(queue, keep, i, i+n) {
			out = miss(out, queue[i:i+n], 1)
			i += n
			continue
		}
		if foldable(queue[i]) && !keep[i] {
			out = miss(out, queue[i:i+1], 0)
		} else {
			out = append(out, queue[i])
		}
		i++
	}
	return out
}

// outage returns the length of the complete outage that the events begin with:
// from Reconnecting to the Recovered after it.
func outage(events []observer.Event) int {
	if _, ok := events[0].(observer.Reconnecting); !ok {
		return 0
	}
	for i, e := range events {
		if _, ok := e.(observer.Recovered); ok {
			return i + 1
		}
	}
	return 0
}

// hasLastWord reports whether an event from i up to, not including, j is to be
// kept although it is foldable.
func hasLastWord(queue []observer.Event, keep map[int]bool, i, j int) bool {
	for ; i < j; i++ {
		if keep[i] && foldable(queue[i]) {
			return true
		}
	}
	return false
}

// foldable events say nothing about the state.
func foldable(e observer.Event) bool {
	switch e.(type) {
	case observer.Connecting, observer.Connected, observer.Reconnecting, observer.Recovered, observer.Stopped:
		return false
	}
	return true
}

// newest marks what is kept although it is foldable: the last event of all, and
// the last that says how a matter stands.
func newest(queue []observer.Event) map[int]bool {
	last := map[matter]int{{}: len(queue) - 1}
	for i, e := range queue {
		if m := matterOf(e); m != (matter{}) {
			last[m] = i
		}
	}
	keep := make(map[int]bool, len(last))
	for _, i := range last {
		keep[i] = true
	}
	return keep
}

// matter is one thing besides the state that events tell how it stands. The zero
// value is none.
type matter struct {
	what string
	of   string // which of several
}

// matterOf says what an event has the word on: whether the session is promoted
// or view-only, whether audio arrives and leaves, each reason to send less video,
// each custom policy's verdict, and whether the link is suspected: a death ends
// that, and so does a healing, for the link is the same.
func matterOf(e observer.Event) matter {
	switch e := e.(type) {
	case observer.Promoted, observer.Demoted:
		return matter{what: "promotion"}
	case observer.VideoSendUnavailable:
		return matter{what: "view-only"}
	case observer.ConnectionGood, observer.ConnectionPoor, observer.VideoStopSuggested:
		return matter{what: "quality"}
	case observer.SendingAudioFailed, observer.SendingAudioRecovered:
		return matter{what: "sending audio"}
	case observer.VideoDegradeSuggested:
		return matter{"degrade", string(e.Reason)}
	case observer.VideoDegradeLifted:
		return matter{"degrade", string(e.Reason)}
	case observer.PolicyChanged:
		return matter{"policy", e.Policy}
	case observer.LinkSuspected, observer.LinkCleared, observer.LinkDead, observer.LinkHealed:
		return matter{what: "suspicion"}
	}
	return matter{}
}

// miss adds events, and the outages they are, to the Missed at the end of out.
func miss(out, events []observer.Event, outages int) []observer.Event {
	m, ok := observer.Missed{}, false
	if len(out) > 0 {
		m, ok = out[len(out)-1].(observer.Missed)
	}
	if ok {
		out = out[:len(out)-1]
	}
	for _, e := range events {
		m = add(m, e)
	}
	m.Outages += outages
	return append(out, m)
}

// add lets m stand for one more event, which may be a Missed itself.
func add(m observer.Missed, e observer.Event) observer.Missed {
	events, first, outages := 1, e.Head().Seq, 0
	if old, ok := e.(observer.Missed); ok {
		events, first, outages = old.Events, old.FirstSeq, old.Outages
	}
	from := e.Head().From
	if m.Events > 0 {
		first, from = m.FirstSeq, m.From
	}
	m.Header, m.FirstSeq = e.Head(), first
	m.From = from
	m.Events += events
	m.Outages += outages
	return m
}
