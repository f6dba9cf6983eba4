package observer

import "encoding/json"

// Kinds gives the zero value of every event that there is, for a program that prepares
// something for each, such as a counter. Later versions may have more.
func Kinds() []Event {
	events := make([]Event, len(kinds))
	for i, k := range kinds {
		events[i] = k.zero
	}
	return events
}

// kind is one type of event, and what reads its JSON form.
type kind struct {
	zero Event
	read func(json.RawMessage) (Event, error)
}

func of[E Event]() kind {
	var zero E
	return kind{zero, read[E]}
}

var kinds = []kind{
	of[Connecting](),
	of[AttemptStarted](),
	of[AttemptFailed](),
	of[RetryScheduled](),
	of[Connected](),
	of[Reconnecting](),
	of[Recovered](),
	of[Stopped](),
	of[Promoted](),
	of[Demoted](),
	of[VideoSendUnavailable](),
	of[Updating](),
	of[Updated](),
	of[ConnectionPoor](),
	of[VideoStopSuggested](),
	of[ConnectionGood](),
	of[SendingAudioFailed](),
	of[SendingAudioRecovered](),
	of[VideoDegradeSuggested](),
	of[VideoDegradeLifted](),
	of[PolicyChanged](),
	of[LinkSuspected](),
	of[LinkCleared](),
	of[LinkDead](),
	of[LinkHealed](),
	of[MediaProven](),
	of[Hinted](),
	of[AttemptQueued](),
	of[EndpointsFound](),
	of[CredentialsRefreshed](),
	of[Resyncing](),
	of[Missed](),
}

var kindOf = func() map[string]kind {
	named := make(map[string]kind, len(kinds))
	for _, k := range kinds {
		named[k.zero.Name()] = k
	}
	return named
}()
