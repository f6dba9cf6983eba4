package linkhistory

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// iceDisconnected believes the ICE agent.
type iceDisconnected struct{ client Client }

// ICEDisconnected gives the detector that finds media dead as soon as ICE is
// disconnected, and never signaling.
func ICEDisconnected() Watcher { return new(iceDisconnected) }

// Connected implements Watcher.
func (i *iceDisconnected) Connected(_ Instant, c Client) { i.client = c }

// ICE implements Watcher.
func (i *iceDisconnected) ICE(_ Instant, s ICEState) {
	if s != Connected {
		i.client.Verdict(MediaDead)
	}
}

// Heard implements Watcher.
func (*iceDisconnected) Heard(Instant, status.Layer) {}

// Sample implements Watcher.
func (*iceDisconnected) Sample(Instant, *health.Sample) {}

// Pong implements Watcher.
func (*iceDisconnected) Pong(Instant, uint64) {}

// Probed implements Watcher.
func (*iceDisconnected) Probed(Instant, uint64) {}

// Expect implements Watcher.
func (*iceDisconnected) Expect(Instant, Expectation) {}

// Deadline implements Watcher.
func (*iceDisconnected) Deadline() (time.Duration, bool) { return 0, false }

// Tick implements Watcher.
func (*iceDisconnected) Tick(Instant) {}
