package linktrial

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
)

// Instant is both clocks of the client.
type Instant struct {
	Mono time.Duration
	Wall time.Time
}

// Watcher is a detector as it sits in a client. It is called by one goroutine.
type Watcher interface {
	// Connected begins a fresh link, also after each verdict.
	Connected(now Instant, c Client)
	// Expect comes right after Connected and tells what the client declares.
	Expect(now Instant, e health.Expectation)
	// HeardMedia and HeardSignaling tell of inbound bytes; packet says that they were
	// media and not STUN or RTCP.
	HeardMedia(now Instant, packet bool)
	HeardSignaling(now Instant)
	// Sample is the report of each second.
	Sample(now Instant, s *health.Sample)
	// Pong and Probed are answers to what the watcher has sent.
	Pong(now Instant, id uint64)
	Probed(now Instant, id uint64)
	// Deadline says when Tick is to be called, on the monotonic clock. It may be
	// called later, when the client did not run.
	Deadline() (time.Duration, bool)
	Tick(now Instant)
}

// Client is what a watcher can do.
type Client interface {
	// CanProbe says whether Probe does anything.
	CanProbe() bool
	// Ping sends a ping over signaling, Probe one over the media path.
	Ping(id uint64)
	Probe(id uint64)
	// Verdict says that layers are dead. The client connects anew a second later;
	// another verdict about the same link counts for nothing.
	Verdict(dead health.Layers)
}
