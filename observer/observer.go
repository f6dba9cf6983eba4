package observer

// Observer receives a session's events. The session calls Observe from a
// goroutine of its own, never twice at the same time for the same registration
// and with no lock held. Observe may call any method of the session; one that
// waits for the session's end there gets it after the observer grace.
type Observer interface {
	Observe(Event)
}

// Func is a function as an Observer. A nil Func ignores every event.
type Func func(Event)

// Observe calls f.
func (f Func) Observe(e Event) {
	if f != nil {
		f(e)
	}
}

// Funcs is an Observer in callback style: each event goes to the field of its
// name, if that is set. The zero value ignores everything. Do not change the
// fields once the session is made.
type Funcs struct {
	Connecting            func(Connecting)
	AttemptStarted        func(AttemptStarted)
	AttemptFailed         func(AttemptFailed)
	RetryScheduled        func(RetryScheduled)
	Connected             func(Connected)
	Reconnecting          func(Reconnecting)
	Recovered             func(Recovered)
	Stopped               func(Stopped)
	Promoted              func(Promoted)
	Demoted               func(Demoted)
	VideoSendUnavailable  func(VideoSendUnavailable)
	Updating              func(Updating)
	Updated               func(Updated)
	ConnectionPoor        func(ConnectionPoor)
	VideoStopSuggested    func(VideoStopSuggested)
	ConnectionGood        func(ConnectionGood)
	SendingAudioFailed    func(SendingAudioFailed)
	SendingAudioRecovered func(SendingAudioRecovered)
	VideoDegradeSuggested func(VideoDegradeSuggested)
	VideoDegradeLifted    func(VideoDegradeLifted)
	PolicyChanged         func(PolicyChanged)
	LinkSuspected         func(LinkSuspected)
	LinkCleared           func(LinkCleared)
	LinkDead              func(LinkDead)
	LinkHealed            func(LinkHealed)
	MediaProven           func(MediaProven)
	Hinted                func(Hinted)
	AttemptQueued         func(AttemptQueued)
	EndpointsFound        func(EndpointsFound)
	CredentialsRefreshed  func(CredentialsRefreshed)
	Resyncing             func(Resyncing)
	Missed                func(Missed)
}

// Observe passes e to the field of its type.
func (f Funcs) Observe(e Event) {
	switch e := e.(type) {
	case Connecting:
		call(f.Connecting, e)
	case AttemptStarted:
		call(f.AttemptStarted, e)
	case AttemptFailed:
		call(f.AttemptFailed, e)
	case RetryScheduled:
		call(f.RetryScheduled, e)
	case Connected:
		call(f.Connected, e)
	case Reconnecting:
		call(f.Reconnecting, e)
	case Recovered:
		call(f.Recovered, e)
	case Stopped:
		call(f.Stopped, e)
	case Promoted:
		call(f.Promoted, e)
	case Demoted:
		call(f.Demoted, e)
	case VideoSendUnavailable:
		call(f.VideoSendUnavailable, e)
	case Updating:
		call(f.Updating, e)
	case Updated:
		call(f.Updated, e)
	case ConnectionPoor:
		call(f.ConnectionPoor, e)
	case VideoStopSuggested:
		call(f.VideoStopSuggested, e)
	case ConnectionGood:
		call(f.ConnectionGood, e)
	case SendingAudioFailed:
		call(f.SendingAudioFailed, e)
	case SendingAudioRecovered:
		call(f.SendingAudioRecovered, e)
	case VideoDegradeSuggested:
		call(f.VideoDegradeSuggested, e)
	case VideoDegradeLifted:
		call(f.VideoDegradeLifted, e)
	case PolicyChanged:
		call(f.PolicyChanged, e)
	case Missed:
		call(f.Missed, e)
	default:
		f.observeLiveness(e)
	}
}

// observeLiveness is Observe for what the detector of dead links tells.
func (f Funcs) observeLiveness(e Event) {
	switch e := e.(type) {
	case LinkSuspected:
		call(f.LinkSuspected, e)
	case LinkCleared:
		call(f.LinkCleared, e)
	case LinkDead:
		call(f.LinkDead, e)
	case LinkHealed:
		call(f.LinkHealed, e)
	case MediaProven:
		call(f.MediaProven, e)
	default:
		f.observeRecovery(e)
	}
}

// observeRecovery is Observe for what surrounds the attempts.
func (f Funcs) observeRecovery(e Event) {
	switch e := e.(type) {
	case Hinted:
		call(f.Hinted, e)
	case AttemptQueued:
		call(f.AttemptQueued, e)
	case EndpointsFound:
		call(f.EndpointsFound, e)
	case CredentialsRefreshed:
		call(f.CredentialsRefreshed, e)
	case Resyncing:
		call(f.Resyncing, e)
	}
}

func call[E Event](f func(E), e E) {
	if f != nil {
		f(e)
	}
}
