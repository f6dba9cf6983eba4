package linkhistory

import "time"

// The timeouts of Pion. Its agent looks at them no more often than it checks.
const (
	disconnectedAfter = 5 * time.Second
	failedAfter       = disconnectedAfter + 25*time.Second
)

// agent is the ICE agent of the client.
type agent struct {
	state ICEState
	heard time.Duration // monotonic time of the last byte on media
}

// look updates the state and says whether it has changed.
func (a *agent) look(mono time.Duration) bool {
	before, silence := a.state, mono-a.heard
	switch {
	case a.state == Failed:
	case silence > failedAfter:
		a.state = Failed
	case silence > disconnectedAfter:
		a.state = Disconnected
	default:
		a.state = Connected
	}
	return a.state != before
}
