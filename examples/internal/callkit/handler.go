package callkit

import (
	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Handler hears what happens to a call. Its methods are those of a session's
// reporter, so that one can be passed as it is. They are called from goroutines
// of the call, several at once, and must neither block nor close the call.
//
// What ends an attempt is the error of Dial or Resume, not a call of Status or
// Closed; Alive, Expect and Present may be called before Dial returns. Nothing is
// called once Close has returned nil.
type Handler interface {
	// Status passes on a status that the server gave. It is never OK.
	Status(st status.Status)
	// Sample passes on a measurement of the media.
	Sample(s health.Sample)
	// Pong says that the ping with this id was answered.
	Pong(id uint64)
	// Probed says that the media probe with this id was answered.
	Probed(id uint64)
	// Alive says that something came in on a layer, for media within 200 ms.
	Alive(l status.Layer)
	// Expect says what should be coming in on the media path.
	Expect(e health.Expectation)
	// Doubt says that a layer looks bad, which is no loss yet.
	Doubt(l status.Layer, why error)
	// Present says that the attendee is on the roster.
	Present()
	// Closed says that a layer is lost, once for each layer, and once more after a
	// Resume or a RestartMedia that has brought it back. Err carries a
	// status.Status, unless the media was hung up: that has no code of its own, and
	// the server's reason for it may still be on its way.
	Closed(l status.Layer, err error)
}
