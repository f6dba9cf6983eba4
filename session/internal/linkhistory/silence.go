package linkhistory

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

const (
	mostSilence      = 3 * time.Second // of RTP where it is expected
	mostQuietSilence = 5 * time.Second // of everything, elsewhere
)

// silence takes the silence of media for its death.
type silence struct {
	client  Client
	heard   time.Duration // any byte
	packet  time.Duration // RTP
	expects bool          // RTP
}

// Silence gives the detector that finds media dead after 3 s without RTP if the
// client has declared that it expects it, and otherwise after 5 s without a byte:
// undeclared silence of RTP may be that of a mute room. It never finds signaling
// dead.
func Silence() Watcher { return new(silence) }

// Connected implements Watcher.
func (s *silence) Connected(now Instant, c Client) {
	*s = silence{client: c, heard: now.Mono, packet: now.Mono}
}

// Expect implements Watcher.
func (s *silence) Expect(now Instant, e Expectation) {
	s.expects = e == Media
	s.packet = now.Mono
}

// Packet implements PacketWatcher.
func (s *silence) Packet(now Instant) { s.packet = now.Mono }

// Heard implements Watcher.
func (s *silence) Heard(now Instant, l status.Layer) {
	if l == status.LayerMedia {
		s.heard = now.Mono
	}
}

// Sample implements Watcher; it is all there is where packets are not told.
func (s *silence) Sample(now Instant, sample *health.Sample) {
	if n, _ := sample.AudioPacketsReceived.Get(); n > 0 {
		s.packet = now.Mono
	}
}

// Deadline implements Watcher.
func (s *silence) Deadline() (time.Duration, bool) {
	if s.expects {
		return s.packet + mostSilence, true
	}
	return s.heard + mostQuietSilence, true
}

// Tick implements Watcher.
func (s *silence) Tick(Instant) { s.client.Verdict(MediaDead) }

// Pong implements Watcher.
func (*silence) Pong(Instant, uint64) {}

// Probed implements Watcher.
func (*silence) Probed(Instant, uint64) {}

// ICE implements Watcher.
func (*silence) ICE(Instant, ICEState) {}
