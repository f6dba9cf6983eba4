package linkhistory

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Instant is both clocks of the client.
type Instant struct {
	Mono time.Duration // never 0 or less
	Wall time.Time     // without a monotonic reading
}

// Expectation is what a client declares of its media. It is that of package
// health, so that nothing has to be translated.
type Expectation = health.Expectation

// What a client can declare.
const (
	Unknown    = health.ExpectUnknown
	Media      = health.ExpectMedia
	Keepalives = health.ExpectKeepalives
	Nothing    = health.ExpectNothing
)

// Watcher is a detector under trial, as it sits in a client. It is called with
// times that never run backwards, from one goroutine, and may call its Client at
// any time from within.
type Watcher interface {
	// Connected begins a fresh link, the first or, after a verdict, another. Unless
	// the expectation is Unknown, Expect follows at once.
	Connected(now Instant, c Client)
	// Heard: inbound bytes on a layer reached the client.
	Heard(now Instant, layer status.Layer)
	// Sample is the report of each second. The sample is valid during the call only.
	Sample(now Instant, s *health.Sample)
	// Pong and Probed are answers to what Client.Ping and Client.Probe sent; Heard
	// comes first.
	Pong(now Instant, id uint64)
	Probed(now Instant, id uint64)
	// Expect: the client declares what it expects of media from now on.
	Expect(now Instant, e Expectation)
	// ICE: the state of the ICE agent has changed. A fresh link is connected.
	ICE(now Instant, s ICEState)
	// Deadline is when Tick is wanted, in monotonic time, and whether it is. It is
	// asked after every call.
	Deadline() (time.Duration, bool)
	// Tick comes at the deadline, or later if the client was not running then.
	Tick(now Instant)
}

// PacketWatcher is a Watcher that can also tell packets of media from other
// inbound bytes on the media path.
type PacketWatcher interface {
	Watcher
	// Packet comes before Heard for each RTP packet, unless Heard is only polled.
	Packet(now Instant)
}

// Client is what a watcher may do. After a verdict nothing has an effect until
// the next link.
type Client interface {
	// Ping sends a WebSocket ping.
	Ping(id uint64)
	// Probe sends a STUN binding request, if CanProbe.
	Probe(id uint64)
	// CanProbe says whether the trial has media probes.
	CanProbe() bool
	// Verdict ends the link.
	Verdict(v Verdict)
}

// Verdict is what a watcher has found.
type Verdict uint8

// The verdicts.
const (
	MediaDead Verdict = 1 << iota
	SignalingDead
	BothDead = MediaDead | SignalingDead
)

// String gives the verdict in a few words.
func (v Verdict) String() string {
	return [...]string{"nothing dead", "media dead", "signaling dead", "both dead"}[v&BothDead]
}

// ICEState is the state of an ICE agent.
type ICEState uint8

// The states of an agent that was connected once. Failed is final.
const (
	Connected ICEState = iota
	Disconnected
	Failed
)
