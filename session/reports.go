package session

import (
	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Reports is what a link can tell of itself. *Reporter is one. For what the calls
// mean see there.
type Reports interface {
	Status(st status.Status)
	Closed(layer status.Layer, err error)
	Present()
	Pong(id uint64)
	Probed(id uint64)
	Expect(e health.Expectation)
	Doubt(layer status.Layer, why error)
	Sample(hs health.Sample)
	Alive(layer status.Layer)
}

// NewReporter makes a Reporter that passes every report on to another place than a
// session, as it comes and from the goroutine that makes it: for tests of a Transport
// without a session, and for a Transport around another one that wants to know what
// its link reports. Such a one passes on to the Reporter that it was given itself. It
// never dies; with nil it drops everything.
func NewReporter(to Reports) *Reporter { return &Reporter{to: to} }
