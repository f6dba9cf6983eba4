package linkhistory

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

const (
	signalPing = 15 * time.Second // between pings, and for an answer
	iceFails   = 17 * time.Second // of silence
)

// pingAndICE pings signaling and relies on ICE for media: of an agent that is set
// to fail after 17 s of silence.
type pingAndICE struct {
	client  Client
	heard   time.Duration // on media
	pinged  time.Duration
	id      uint64 // of the last ping
	waiting bool   // for its answer
}

// PingAndICE gives the detector that finds signaling dead by a ping without an
// answer for 15 s, and media by ICE having failed after 17 s.
func PingAndICE() Watcher { return new(pingAndICE) }

// Connected implements Watcher.
func (p *pingAndICE) Connected(now Instant, c Client) {
	*p = pingAndICE{client: c, id: p.id, heard: now.Mono, pinged: now.Mono - signalPing}
}

// Heard implements Watcher.
func (p *pingAndICE) Heard(now Instant, l status.Layer) {
	if l == status.LayerMedia {
		p.heard = now.Mono
	}
}

// Pong implements Watcher.
func (p *pingAndICE) Pong(_ Instant, id uint64) { p.waiting = p.waiting && id != p.id }

// Deadline implements Watcher.
func (p *pingAndICE) Deadline() (time.Duration, bool) {
	return min(p.pinged+signalPing, p.heard+iceFails), true
}

// Tick implements Watcher.
func (p *pingAndICE) Tick(now Instant) {
	var v Verdict
	if now.Mono >= p.heard+iceFails {
		v = MediaDead
	}
	if due := now.Mono >= p.pinged+signalPing; due && p.waiting {
		v |= SignalingDead
	} else if due {
		p.id++
		p.pinged, p.waiting = now.Mono, true
		p.client.Ping(p.id)
	}
	if v != 0 {
		p.client.Verdict(v)
	}
}

// Sample implements Watcher.
func (*pingAndICE) Sample(Instant, *health.Sample) {}

// Probed implements Watcher.
func (*pingAndICE) Probed(Instant, uint64) {}

// Expect implements Watcher.
func (*pingAndICE) Expect(Instant, Expectation) {}

// ICE implements Watcher: the timeouts of the trial's agent are others.
func (*pingAndICE) ICE(Instant, ICEState) {}
