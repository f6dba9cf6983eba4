package sessiontest

import (
	"slices"

	"github.com/holdfast-go/holdfast/observer"
)

// suspicions: they are told of a link that is connected, and are cleared only if
// they were told.
func suspicions(v *verdict, events []observer.Event) {
	suspected, known := false, v.whole
	for _, e := range events {
		switch e.(type) {
		case observer.Connected, observer.Reconnecting:
			suspected, known = false, true
		case observer.Missed:
			known = false
		case observer.LinkSuspected:
			suspected, known = true, true
			v.whileConnected(e)
		case observer.LinkDead:
			suspected, known = false, true
			v.whileConnected(e)
		case observer.LinkCleared:
			v.whileConnected(e)
			if known && !suspected {
				v.breaks(e, "nothing was suspected")
			}
			suspected, known = false, true
		}
	}
}

func (v *verdict) whileConnected(e observer.Event) {
	if at := e.Head().From; at != observer.StateConnected {
		v.breaks(e, "the link is not adopted in %q", at)
	}
}

// healings: a link heals that was found dead, before the first attempt, and that
// is what the outage was.
func healings(v *verdict, events []observer.Event) {
	dead, known := false, v.whole // dead: the link was found dead, and nothing was done to it
	for i, e := range events {
		switch e := e.(type) {
		case observer.Missed:
			known = false
		case observer.LinkDead:
			dead, known = true, true
		case observer.Connected, observer.AttemptStarted:
			dead, known = false, true
		case observer.LinkHealed:
			if e.From != observer.StateReconnecting || known && !dead {
				v.breaks(e, "the link was not found dead, or an attempt has begun")
			}
			v.mustFollow(events, i, "Connected")
		case observer.Recovered:
			if e.Outage.Healed != (e.Outage.Attempts == 0) {
				v.breaks(e, "healed is %t, and there were %d attempts", e.Outage.Healed, e.Outage.Attempts)
			}
			if i >= 2 && e.Outage.Healed != (events[i-2].Name() == "LinkHealed") && !missedNear(events, i) {
				v.breaks(e, "healed is %t, LinkHealed says otherwise", e.Outage.Healed)
			}
		}
	}
}

// missedNear reports whether one of the two events before i is a Missed.
func missedNear(events []observer.Event, i int) bool {
	return events[i-1].Name() == "Missed" || events[i-2].Name() == "Missed"
}

// proofs: media is proven in an attempt to reconnect, which ends with it.
func proofs(v *verdict, events []observer.Event) {
	for i, e := range events {
		if _, ok := e.(observer.MediaProven); !ok {
			continue
		}
		if e.Head().From != observer.StateReconnecting {
			v.breaks(e, "media is proven in an outage only")
		}
		v.mustFollow(events, i, "Connected", "Resyncing")
	}
}

// resyncs: the application catches up in an attempt to reconnect.
func resyncs(v *verdict, events []observer.Event) {
	running := !v.whole
	for _, e := range events {
		switch e.(type) {
		case observer.AttemptStarted, observer.Missed:
			running = true
		case observer.AttemptFailed, observer.Connected:
			running = false
		case observer.Resyncing:
			if e.Head().From != observer.StateReconnecting || !running {
				v.breaks(e, "there is no attempt to reconnect")
			}
		}
	}
}

// mustFollow checks that an event of one of those names comes right after event i.
func (v *verdict) mustFollow(events []observer.Event, i int, names ...string) {
	switch {
	case i+1 == len(events) && !v.whole:
	case i+1 == len(events) || !slices.Contains(append(names, "Missed"), events[i+1].Name()):
		v.breaks(events[i], "%s does not follow", names[0])
	}
}
