package linktrial

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
)

// Baselines are the detectors that others use, by name.
func Baselines() map[string]func() Watcher {
	return map[string]func() Watcher{
		"reference":           func() Watcher { return newReference() },
		"ping15-ice17":        func() Watcher { return &silence{media: 17 * time.Second, signaling: 15 * time.Second} },
		"ice-disconnected-5s": func() Watcher { return &silence{media: 5 * time.Second} },
		"silence-3s":          func() Watcher { return &silence{media: 5 * time.Second, packets: 3 * time.Second} },
	}
}

// silence is a simple rule: nothing on a layer for so long is its death. Zero limits
// are none.
type silence struct {
	media     time.Duration // any byte on the media path, as ICE counts
	packets   time.Duration // packets of media, while they are expected
	signaling time.Duration // answers to pings

	c        Client
	expects  bool
	heard    time.Duration
	packet   time.Duration
	pong     time.Duration
	pingDue  time.Duration
	id       uint64
	finished bool
}

// pingEvery is the pace of the pings of those who wait 15 s for an answer.
const pingEvery = 5 * time.Second

func (s *silence) Connected(now Instant, c Client) {
	s.c, s.finished = c, false
	s.heard, s.packet, s.pong, s.pingDue = now.Mono, now.Mono, now.Mono, now.Mono
}

func (s *silence) Expect(now Instant, e health.Expectation) {
	s.expects = e == health.ExpectMedia && s.packets > 0
	s.packet = now.Mono
}

func (s *silence) HeardMedia(now Instant, packet bool) {
	s.heard = now.Mono
	if packet {
		s.packet = now.Mono
	}
}

func (s *silence) HeardSignaling(Instant)         {}
func (s *silence) Sample(Instant, *health.Sample) {}
func (s *silence) Pong(now Instant, _ uint64)     { s.pong = now.Mono }
func (s *silence) Probed(Instant, uint64)         {}

func (s *silence) Deadline() (time.Duration, bool) {
	due := s.heard + s.media
	if s.expects {
		due = s.packet + s.packets
	}
	if s.signaling > 0 {
		due = min(due, s.pong+s.signaling, s.pingDue)
	}
	return due, !s.finished
}

func (s *silence) Tick(now Instant) {
	if s.signaling > 0 && now.Mono >= s.pingDue {
		s.id++
		s.pingDue = now.Mono + pingEvery
		s.c.Ping(s.id)
	}
	switch {
	case s.expects && now.Mono >= s.packet+s.packets, !s.expects && now.Mono >= s.heard+s.media:
		s.finish(health.Media)
	case s.signaling > 0 && now.Mono >= s.pong+s.signaling:
		s.finish(health.Signaling)
	}
}

func (s *silence) finish(dead health.Layers) {
	s.finished = true
	s.c.Verdict(dead)
}

// reference is the reference's policy: 25 silent samples or 4 missed pongs.
type reference struct {
	c        Client
	monitor  health.Monitor
	policy   health.Reconnection
	pinger   health.Pinger
	finished bool
}

func newReference() *reference {
	return &reference{policy: health.NewReconnection(health.ReconnectionConfig{}), pinger: health.NewPinger(10 * time.Second)}
}

func (r *reference) Connected(now Instant, c Client) {
	r.c, r.finished = c, false
	r.monitor.Reset(now.Mono)
	r.monitor.Start(now.Mono)
	r.monitor.SetStart(now.Mono)
	r.pinger.Start(now.Mono)
}

func (r *reference) Expect(Instant, health.Expectation) {}
func (r *reference) HeardMedia(Instant, bool)           {}
func (r *reference) HeardSignaling(Instant)             {}
func (r *reference) Probed(Instant, uint64)             {}

func (r *reference) Sample(now Instant, s *health.Sample) {
	if accepted, _ := r.monitor.Sample(now.Mono, *s); !accepted || r.finished {
		return
	}
	if healthy, changed := r.policy.Evaluate(now.Mono, r.monitor.Data()); changed && !healthy {
		r.finish(health.Media)
	}
}

func (r *reference) Pong(now Instant, id uint64) {
	if _, ok := r.pinger.Pong(id, now.Mono); ok {
		r.monitor.Pong()
	}
}

func (r *reference) Deadline() (time.Duration, bool) {
	due, ok := r.pinger.Due()
	return due, ok && !r.finished
}

func (r *reference) Tick(now Instant) {
	id, send, missed := r.pinger.Tick(now.Mono)
	if send {
		r.c.Ping(id)
	}
	if !missed {
		return
	}
	r.monitor.MissedPong()
	if r.policy.Dead(now.Mono, r.monitor.Data()) {
		r.finish(health.Signaling)
	}
}

func (r *reference) finish(dead health.Layers) {
	r.finished = true
	r.c.Verdict(dead)
}
