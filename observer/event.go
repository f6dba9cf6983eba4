package observer

import (
	"time"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Event is one thing that a session tells. The concrete types of this package
// are the only ones; tell them apart with a type switch.
type Event interface {
	// Head returns what all events have in common.
	Head() Header
	// Name returns the event's type name, the same that its JSON form has.
	Name() string
}

// Header is what all events have in common.
type Header struct {
	// Session is Config.Name, for logs of many sessions.
	Session string `json:"session,omitempty"`
	// Seq counts the session's events from 1, without gaps.
	Seq uint64 `json:"seq"`
	// Time is the wall clock when the event was decided, not when it is delivered.
	Time time.Time `json:"time"`
	// Elapsed is the monotonic time since the session was made; differences of
	// it are right across clock changes.
	Elapsed time.Duration `json:"elapsed"`
	// Epoch is the life of one Link; it grows with every attempt to open one.
	Epoch uint64 `json:"epoch"`
	// From and To are the states before and after; they are equal for an event
	// that is not a transition.
	From State `json:"from"`
	To   State `json:"to"`
}

// Head returns the header itself, so that every event that embeds it has one.
func (h Header) Head() Header { return h }

// Connecting is told once, when the session starts.
type Connecting struct{ Header }

// AttemptStarted is told when an attempt to open a link begins.
type AttemptStarted struct {
	Header
	// Number counts the attempts of this outage, or of the first connect, from 1.
	Number int `json:"number"`
	// Level is how much is rebuilt.
	Level policy.Level `json:"level"`
	// Endpoint is where to; empty if the session knows of none.
	Endpoint string `json:"endpoint,omitempty"`
	// Cause is the last status that made the attempt necessary; zero for the
	// very first one.
	Cause status.Status `json:"cause,omitzero"`
	// ViewOnly and WithoutTransforms are what the transport is asked for.
	ViewOnly          bool `json:"viewOnly,omitempty"`
	WithoutTransforms bool `json:"withoutTransforms,omitempty"`
	// Timeout is how long it may take, clipped to the end of the budget.
	Timeout time.Duration `json:"timeout"`
}

// AttemptFailed is told when an attempt has ended without a link.
// RetryScheduled or Stopped follows.
type AttemptFailed struct {
	Header
	Number int           `json:"number"`
	Status status.Status `json:"status"`
	// After is how long the attempt ran.
	After time.Duration `json:"after"`
	// Unsupported says that the link cannot do what was asked after all: the attempt
	// does not count, and the next one has the same number.
	Unsupported bool `json:"unsupported,omitempty"`
	// Refused says that the server has refused the level.
	Refused bool `json:"refused,omitempty"`
}

// RetryScheduled is told when it was decided to try again.
type RetryScheduled struct {
	Header
	// Decision names the rule, the inputs, the delay and the budget left.
	Decision policy.Decision `json:"decision"`
}

// Connected is told whenever a link was adopted: after the first connect and
// after every recovery.
type Connected struct {
	Header
	// Attempts is how many it took.
	Attempts int `json:"attempts"`
	// After is the time since Connecting or Reconnecting.
	After    time.Duration `json:"after"`
	ViewOnly bool          `json:"viewOnly,omitempty"`
}

// Reconnecting is told at the loss, once per outage.
type Reconnecting struct {
	Header
	// Cause is the status that was taken as the loss.
	Cause status.Status `json:"cause"`
}

// Outage sums up one outage.
type Outage struct {
	// Since is when the loss was noticed.
	Since time.Time `json:"since"`
	// Duration runs from the loss to Connected, in Resyncing to that event.
	Duration time.Duration `json:"duration"`
	// Attempts counts the attempts begun.
	Attempts int `json:"attempts"`
	// Level is the one that worked; none if the link has healed by itself.
	Level policy.Level `json:"level"`
	// SessionKept says that the server has kept the session: what it has sent and
	// stored meanwhile belongs to the same one. MediaKept says that the media
	// connection is the same object with the same tracks, even if its path was
	// renewed. Neither holds after a Rejoin.
	SessionKept bool `json:"sessionKept,omitempty"`
	MediaKept   bool `json:"mediaKept,omitempty"`
	// Gap is for how long nothing came in on what was lost: from the last sign of
	// life before the loss, if one is known, else from the loss, to Connected.
	Gap time.Duration `json:"gap"`
	// Healed says that the link, which was found dead, has come back by itself
	// before anything was done to it.
	Healed bool `json:"healed,omitempty"`
	// First and Last are the first and the last cause; equal when there was one.
	First status.Status `json:"first"`
	Last  status.Status `json:"last"`
}

// Recovered follows Connected after an outage and sums the outage up. A first
// connect is not a recovery, however many attempts it took.
type Recovered struct {
	Header
	Outage Outage `json:"outage"`
}

// Stopped is told exactly once and last, when the link is closed or its close
// grace is over.
type Stopped struct {
	Header
	// Status carries the public code; a code that is not for observers is
	// reachable through errors.Is only.
	Status status.Status `json:"status"`
	// Initiator tells apart who ended it.
	Initiator Initiator `json:"initiator"`
	// Decision names the rule, its inputs and the budget left.
	Decision policy.Decision `json:"decision"`
	// First and Last are the first and last cause of the outage, or first
	// connect, that was running; zero if none was.
	First status.Status `json:"first,omitzero"`
	Last  status.Status `json:"last,omitzero"`
	// Attempts counts the attempts of that outage.
	Attempts int `json:"attempts"`
}

// Promoted is told when a promotion to the primary meeting was acknowledged.
type Promoted struct{ Header }

// Demoted is told when the session has left its promotion. It stays connected,
// or goes on to lose the connection or to stop.
type Demoted struct {
	Header
	// Status says why: AudioVideoWasRemovedFromPrimaryMeeting,
	// AudioVideoDisconnectedWhilePromoted, or OK when the application asked.
	Status    status.Status `json:"status"`
	Initiator Initiator     `json:"initiator"`
}

// VideoSendUnavailable is told when the session has switched to view-only.
type VideoSendUnavailable struct {
	Header
	Status status.Status `json:"status"`
}

// Updating is told when a change within the session begins.
type Updating struct {
	Header
	Renegotiate bool          `json:"renegotiate,omitempty"`
	ViewOnly    bool          `json:"viewOnly,omitempty"`
	Cause       status.Status `json:"cause,omitzero"`
}

// Updated is told when the change has ended well, or when the link has no
// ability for it. A change that fails is a loss: Reconnecting is told instead.
type Updated struct {
	Header
	Renegotiate bool `json:"renegotiate,omitempty"`
	ViewOnly    bool `json:"viewOnly,omitempty"`
	// Unsupported says that the link cannot do it: nothing was changed.
	Unsupported bool `json:"unsupported,omitempty"`
}

// ConnectionPoor is told when inbound audio has become unusable and no video
// is shown that could be given up.
type ConnectionPoor struct{ Header }

// VideoStopSuggested is told instead of ConnectionPoor while remote video is
// shown: giving it up may save the audio.
type VideoStopSuggested struct{ Header }

// ConnectionGood is told when inbound audio has become usable again.
type ConnectionGood struct{ Header }

// SendingAudioFailed is told when nothing of the audio that is to be sent leaves
// any more: the others in the call cannot hear this client.
type SendingAudioFailed struct{ Header }

// SendingAudioRecovered is told when audio is being sent again, or a new
// connection has yet to show whether it is.
type SendingAudioRecovered struct{ Header }

// DegradeReason says why sending less video is suggested. The strings are
// stable.
type DegradeReason string

// The reasons to send less video. Each has its own suggestions.
const (
	// DegradeCPU: the processor is too slow to encode the video in software.
	DegradeCPU DegradeReason = "cpu"
	// DegradeFrameRate: the encoder has stalled, frames go in and none come out.
	DegradeFrameRate DegradeReason = "frame-rate"
	// DegradeSenders: many participants send video.
	DegradeSenders DegradeReason = "senders"
)

// VideoDegradeSuggested is told when sending less video would help: a lower
// resolution or frame rate, fewer layers.
type VideoDegradeSuggested struct {
	Header
	Reason DegradeReason `json:"reason"`
}

// VideoDegradeLifted is told when the reason of a suggestion is no longer
// found. For DegradeCPU and DegradeFrameRate, which count afresh after each
// suggestion, that is one sample later, and a reason that stays is suggested
// again: raise the quality only after some time without a suggestion.
type VideoDegradeLifted struct {
	Header
	Reason DegradeReason `json:"reason"`
}

// PolicyChanged is told when a custom health policy has changed its verdict.
type PolicyChanged struct {
	Header
	// Policy is the policy's name.
	Policy string `json:"policy"`
	// Healthy is the new verdict.
	Healthy bool `json:"healthy"`
	// Reason is the policy's own words for it, if it has any.
	Reason string `json:"reason,omitempty"`
}

// Missed stands for events that an observer was too slow to hear (G5): whole
// outages, and the attempts of a running one. Its header is that of the last
// event it stands for.
type Missed struct {
	Header
	// Events is how many; FirstSeq is the sequence number of the first.
	Events   int    `json:"events"`
	FirstSeq uint64 `json:"firstSeq"`
	// Outages is how many complete outages were among them.
	Outages int `json:"outages"`
}

// Name returns "Connecting".
func (Connecting) Name() string { return "Connecting" }

// Name returns "AttemptStarted".
func (AttemptStarted) Name() string { return "AttemptStarted" }

// Name returns "AttemptFailed".
func (AttemptFailed) Name() string { return "AttemptFailed" }

// Name returns "RetryScheduled".
func (RetryScheduled) Name() string { return "RetryScheduled" }

// Name returns "Connected".
func (Connected) Name() string { return "Connected" }

// Name returns "Reconnecting".
func (Reconnecting) Name() string { return "Reconnecting" }

// Name returns "Recovered".
func (Recovered) Name() string { return "Recovered" }

// Name returns "Stopped".
func (Stopped) Name() string { return "Stopped" }

// Name returns "Promoted".
func (Promoted) Name() string { return "Promoted" }

// Name returns "Demoted".
func (Demoted) Name() string { return "Demoted" }

// Name returns "VideoSendUnavailable".
func (VideoSendUnavailable) Name() string { return "VideoSendUnavailable" }

// Name returns "Updating".
func (Updating) Name() string { return "Updating" }

// Name returns "Updated".
func (Updated) Name() string { return "Updated" }

// Name returns "ConnectionPoor".
func (ConnectionPoor) Name() string { return "ConnectionPoor" }

// Name returns "VideoStopSuggested".
func (VideoStopSuggested) Name() string { return "VideoStopSuggested" }

// Name returns "ConnectionGood".
func (ConnectionGood) Name() string { return "ConnectionGood" }

// Name returns "SendingAudioFailed".
func (SendingAudioFailed) Name() string { return "SendingAudioFailed" }

// Name returns "SendingAudioRecovered".
func (SendingAudioRecovered) Name() string { return "SendingAudioRecovered" }

// Name returns "VideoDegradeSuggested".
func (VideoDegradeSuggested) Name() string { return "VideoDegradeSuggested" }

// Name returns "VideoDegradeLifted".
func (VideoDegradeLifted) Name() string { return "VideoDegradeLifted" }

// Name returns "PolicyChanged".
func (PolicyChanged) Name() string { return "PolicyChanged" }

// Name returns "Missed".
func (Missed) Name() string { return "Missed" }
