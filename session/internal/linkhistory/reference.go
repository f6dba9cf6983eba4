package linkhistory

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// referencePing is the time between its pings.
const referencePing = 10 * time.Second

// reference judges as the reference does: 25 reports without a packet or 4 missed
// pongs, evaluated at each report.
type reference struct {
	client  Client
	monitor health.Monitor
	policy  health.Reconnection
	pinger  health.Pinger
}

// Reference gives the detector of the reference.
func Reference() Watcher {
	return &reference{
		policy: health.NewReconnection(health.ReconnectionConfig{}),
		pinger: health.NewPinger(referencePing),
	}
}

// Connected implements Watcher.
func (r *reference) Connected(now Instant, c Client) {
	r.client = c
	r.monitor.Start(now.Mono)
	r.monitor.Reset(now.Mono)
	r.pinger.Start(now.Mono)
}

// Sample implements Watcher.
func (r *reference) Sample(now Instant, s *health.Sample) {
	r.monitor.Sample(now.Mono, *s)
	if healthy, changed := r.policy.Evaluate(now.Mono, r.monitor.Data()); changed && !healthy {
		r.client.Verdict(r.verdict(r.monitor.Data()))
	}
}

// verdict names the layers whose conditions are met.
func (*reference) verdict(d *health.Data) (v Verdict) {
	limits := health.Config{}.WithDefaults().Reconnection
	if d.NoPackets >= limits.NoPackets {
		v |= MediaDead
	}
	if d.MissedPongs >= limits.MissedPongs {
		v |= SignalingDead
	}
	return v
}

// Pong implements Watcher.
func (r *reference) Pong(now Instant, id uint64) {
	if _, ok := r.pinger.Pong(id, now.Mono); ok {
		r.monitor.Pong()
	}
}

// Deadline implements Watcher.
func (r *reference) Deadline() (time.Duration, bool) { return r.pinger.Due() }

// Tick implements Watcher.
func (r *reference) Tick(now Instant) {
	id, send, missed := r.pinger.Tick(now.Mono)
	if missed {
		r.monitor.MissedPong()
	}
	if send {
		r.client.Ping(id)
	}
}

// Heard, Probed, Expect and ICE implement Watcher: nothing of it counts.
func (*reference) Heard(Instant, status.Layer) {}

// Probed implements Watcher.
func (*reference) Probed(Instant, uint64) {}

// Expect implements Watcher.
func (*reference) Expect(Instant, Expectation) {}

// ICE implements Watcher.
func (*reference) ICE(Instant, ICEState) {}
