package session

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
)

// life makes the events of a session from their names, with growing Seq.
func eventsNamed(names ...string) []observer.Event {
	events := make([]observer.Event, 0, len(names))
	for i, name := range names {
		h := observer.Header{Seq: uint64(i + 1)}
		events = append(events, map[string]observer.Event{
			"Connecting": observer.Connecting{Header: h}, "Connected": observer.Connected{Header: h},
			"Reconnecting": observer.Reconnecting{Header: h}, "Recovered": observer.Recovered{Header: h},
			"Stopped": observer.Stopped{Header: h}, "AttemptStarted": observer.AttemptStarted{Header: h},
			"AttemptFailed": observer.AttemptFailed{Header: h}, "RetryScheduled": observer.RetryScheduled{Header: h},
			"Promoted": observer.Promoted{Header: h}, "Demoted": observer.Demoted{Header: h},
			"VideoSendUnavailable": observer.VideoSendUnavailable{Header: h},
			"ConnectionPoor":       observer.ConnectionPoor{Header: h}, "ConnectionGood": observer.ConnectionGood{Header: h},
			"SendingAudioFailed": observer.SendingAudioFailed{Header: h}, "SendingAudioRecovered": observer.SendingAudioRecovered{Header: h},
			"too slow":       observer.VideoDegradeSuggested{Header: h, Reason: observer.DegradeCPU},
			"fast enough":    observer.VideoDegradeLifted{Header: h, Reason: observer.DegradeCPU},
			"many senders":   observer.VideoDegradeSuggested{Header: h, Reason: observer.DegradeSenders},
			"jitter":         observer.PolicyChanged{Header: h, Policy: "jitter"},
			"no more jitter": observer.PolicyChanged{Header: h, Policy: "jitter", Healthy: true},
			"heat":           observer.PolicyChanged{Header: h, Policy: "heat"},
			"LinkSuspected":  observer.LinkSuspected{Header: h}, "LinkCleared": observer.LinkCleared{Header: h},
			"LinkDead": observer.LinkDead{Header: h}, "LinkHealed": observer.LinkHealed{Header: h},
			"MediaProven": observer.MediaProven{Header: h},
		}[name])
	}
	return events
}

func namesOf(events []observer.Event) (names []string) {
	for _, e := range events {
		names = append(names, e.Name())
	}
	return names
}

// outageEvents are the names of one complete outage.
var outageEvents = []string{"Reconnecting", "RetryScheduled", "AttemptStarted", "Connected", "Recovered"}

func TestFold(t *testing.T) {
	join := func(parts ...[]string) (all []string) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for _, tt := range []struct {
		name    string
		events  []string
		want    []string
		outages int // in all Missed together
	}{
		{
			"complete outages become one Missed",
			join([]string{"Connecting", "Connected"}, outageEvents, outageEvents, outageEvents, []string{"Stopped"}),
			[]string{"Connecting", "Connected", "Missed", "Stopped"},
			3,
		},
		{
			"an outage that goes on keeps its beginning and its newest event",
			join([]string{"Connected"}, outageEvents, []string{"Reconnecting", "AttemptStarted", "AttemptFailed", "RetryScheduled", "AttemptStarted"}),
			[]string{"Connected", "Missed", "Reconnecting", "Missed", "AttemptStarted"},
			1,
		},
		{
			"of what may repeat for ever the newest is kept",
			[]string{"Connected", "VideoSendUnavailable", "VideoSendUnavailable", "Promoted", "Demoted", "ConnectionPoor", "ConnectionGood", "ConnectionPoor"},
			[]string{"Connected", "Missed", "VideoSendUnavailable", "Missed", "Demoted", "Missed", "ConnectionPoor"},
			0,
		},
		{
			"the newest on sending audio",
			[]string{"Connected", "SendingAudioFailed", "SendingAudioRecovered", "AttemptFailed", "Stopped"},
			[]string{"Connected", "Missed", "SendingAudioRecovered", "Missed", "Stopped"},
			0,
		},
		{
			"the newest on each reason to degrade video",
			[]string{"Connected", "too slow", "many senders", "fast enough", "too slow", "fast enough", "Stopped"},
			[]string{"Connected", "Missed", "VideoDegradeSuggested", "Missed", "VideoDegradeLifted", "Stopped"},
			0,
		},
		{
			"the newest of each custom policy",
			[]string{"Connected", "heat", "jitter", "no more jitter", "jitter", "no more jitter", "Stopped"},
			[]string{"Connected", "PolicyChanged", "Missed", "PolicyChanged", "Stopped"},
			0,
		},
		{
			"an outage with the last word on something else stays",
			[]string{"Connected", "Reconnecting", "many senders", "Connected", "Recovered", "Stopped"},
			[]string{"Connected", "Reconnecting", "VideoDegradeSuggested", "Connected", "Recovered", "Stopped"},
			0,
		},
		{
			"the newest on whether the link is suspected",
			[]string{"Connected", "LinkSuspected", "LinkCleared", "LinkSuspected", "LinkCleared", "ConnectionPoor", "Stopped"},
			[]string{"Connected", "Missed", "LinkCleared", "ConnectionPoor", "Stopped"},
			0,
		},
		{
			"a suspicion that lasts",
			join([]string{"Connected"}, outageEvents, []string{"LinkCleared", "LinkSuspected", "AttemptFailed", "Stopped"}),
			[]string{"Connected", "Missed", "LinkSuspected", "Missed", "Stopped"},
			1,
		},
		{
			"a link that is no longer suspected, as it has died",
			join([]string{"Connected", "LinkSuspected", "LinkDead"}, outageEvents, []string{"Stopped"}),
			[]string{"Connected", "Missed", "LinkDead", "Missed", "Stopped"},
			1,
		},
		{
			"healings, but for the last",
			[]string{
				"Connected", "LinkDead", "Reconnecting", "LinkHealed", "Connected", "Recovered",
				"LinkSuspected", "LinkDead", "Reconnecting", "LinkHealed", "Connected", "Recovered", "Stopped",
			},
			[]string{"Connected", "Missed", "Reconnecting", "LinkHealed", "Connected", "Recovered", "Stopped"},
			1,
		},
		{
			"a proof is one event of an outage",
			[]string{"Connected", "Reconnecting", "AttemptStarted", "MediaProven", "Connected", "Recovered", "Stopped"},
			[]string{"Connected", "Missed", "Stopped"},
			1,
		},
		{"the end is kept", []string{"AttemptFailed", "Stopped"}, []string{"Missed", "Stopped"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := eventsNamed(tt.events...)
			out := fold(in)
			assert.Equal(t, tt.want, namesOf(out))
			outages := 0
			seq := uint64(0)
			for _, e := range out {
				if m, ok := e.(observer.Missed); ok {
					outages += m.Outages
					require.Equal(t, seq+1, m.FirstSeq)
					seq += uint64(m.Events)
				} else {
					seq++
				}
				require.Equal(t, seq, e.Head().Seq, "nothing is lost without a word")
			}
			assert.Equal(t, tt.outages, outages)
			assert.EqualValues(t, len(in), seq)
		})
	}
}

// TestFoldIsStable folds again what was folded: one Missed stands for all.
func TestFoldIsStable(t *testing.T) {
	events := fold(eventsNamed(append([]string{"Connected"}, outageEvents...)...))
	more := eventsNamed(outageEvents...)
	for i, e := range more {
		if r, ok := e.(observer.Reconnecting); ok {
			r.Seq = uint64(7 + i)
			more[i] = r
		}
	}
	again := fold(append(events, more...))
	assert.Equal(t, []string{"Connected", "Missed"}, namesOf(again))
	m := again[1].(observer.Missed)
	assert.Equal(t, 10, m.Events)
	assert.Equal(t, 2, m.Outages)
	assert.EqualValues(t, 2, m.FirstSeq)
}
