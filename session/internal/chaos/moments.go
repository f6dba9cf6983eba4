package chaos

import (
	"strings"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// The situations of a session that can be told from its events, each with the
// phases of the core that they show.
const (
	momentOpening   = "opening: an attempt to connect"
	momentAborting  = "aborting: an attempt has run out of time"
	momentAwaiting  = "awaiting: the attendee did not show up"
	momentReasoning = "reasoning: a loss waits for its reason"
	momentWaiting   = "waiting: for a rejoin"
	momentHolding   = "holding: a link is kept for a cheaper attempt"
	momentCondemned = "condemned: a dead link may heal"
	momentHealed    = "condemned: and has healed"
	momentProving   = "proving: media is proven"
	momentUnproven  = "proving: media is not proven"
	momentQueueing  = "queueing: for the limiter"
	momentRestoring = "restoring: an attempt on a link"
	momentResyncing = "resyncing: the application catches up"
	momentUnsynced  = "resyncing: the application cannot"
	momentLeaving   = "leaving: the end waits for a close"
	momentExpired   = "a hint has expired"
	momentRefresh   = "credentials are renewed"
	momentRejected  = "too many rejections"
	momentFlapping  = "lost again before it was stable"
)

// Moments are all of them.
var Moments = []string{
	momentOpening, momentAborting, momentAwaiting, momentReasoning, momentWaiting, momentHolding, momentCondemned, momentHealed,
	momentProving, momentUnproven, momentQueueing, momentRestoring, momentResyncing, momentUnsynced, momentLeaving, momentExpired,
	momentRefresh, momentRejected, momentFlapping,
}

// moment counts what the last event, with those before it, shows.
func (c *Coverage) moment(events []observer.Event) {
	last := len(events) - 1
	var before observer.Event
	if last > 0 {
		before = events[last-1]
	}
	for _, m := range momentOf(before, events[last]) {
		c.Moments[m]++
	}
}

func momentOf(before, e observer.Event) []string {
	switch e := e.(type) {
	case observer.AttemptStarted:
		if e.Level < policy.Rejoin {
			return []string{momentRestoring}
		}
		return []string{momentOpening}
	case observer.AttemptFailed:
		return failureMoment(before, e)
	case observer.RetryScheduled:
		return scheduleMoment(before, e)
	case observer.AttemptQueued:
		return []string{momentQueueing}
	case observer.Resyncing:
		return []string{momentResyncing}
	case observer.MediaProven:
		return []string{momentProving}
	case observer.LinkHealed:
		return []string{momentHealed}
	case observer.CredentialsRefreshed:
		return []string{momentRefresh}
	case observer.Hinted:
		if e.Expired {
			return []string{momentExpired}
		}
	case observer.Stopped:
		return endMoment(e)
	}
	return nil
}

func failureMoment(before observer.Event, e observer.AttemptFailed) []string {
	text := ""
	if e.Status.Cause != nil {
		text = e.Status.Cause.Error()
	}
	switch {
	case before.Name() == "Resyncing":
		return []string{momentUnsynced}
	case e.Status.Code == status.NoAttendeePresent:
		return []string{momentAwaiting}
	case strings.Contains(text, "nothing came in over the new media path"):
		return []string{momentUnproven}
	case strings.Contains(text, "took longer than"):
		return []string{momentAborting}
	}
	return nil
}

// scheduleMoment tells what is waited for. A loss that has waited for its reason is
// not decided on at once.
func scheduleMoment(before observer.Event, e observer.RetryScheduled) (list []string) {
	list = append(list, momentWaiting)
	if e.Decision.Level < policy.Rejoin {
		list[0] = momentHolding
	}
	lost, is := before.(observer.Reconnecting)
	if !is {
		return list
	}
	if e.Elapsed > lost.Elapsed {
		list = append(list, momentReasoning)
	}
	if e.Decision.Attempts > 0 {
		list = append(list, momentFlapping)
	}
	if lost.Cause.Code == status.ConnectionHealthReconnect && lost.Cause.Layer != status.LayerClient {
		list = append(list, momentCondemned)
	}
	return list
}

func endMoment(e observer.Stopped) []string {
	if e.Status.Code == status.AudioAuthenticationRejected && e.Initiator == observer.ByStatus && e.Decision.Facts.Recovery.Rejected {
		return []string{momentRejected}
	}
	return nil
}
