package session

import (
	"sync"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// maxReports is how many reports of links may wait. Beyond that only the first
// one of an epoch that ends the session is taken: all others fold into one
// outage anyway.
const maxReports = 1024

// mailbox queues inputs for the core. Whoever puts one into an idle mailbox
// must drain it; a put from inside the drain only queues.
type mailbox struct {
	mu      sync.Mutex
	queue   []machine.Input
	next    int  // index of the oldest input in queue
	running bool // somebody drains
	// full is the newest epoch of which a terminal report was taken beyond
	// maxReports; 0: none. A link long gone must not use up what the present one
	// may still have to say.
	full uint64
	// Of samples and pongs only the newest waits.
	sample      health.Sample
	sampleEpoch uint64 // 0: none waits
	pong        uint64
	pongEpoch   uint64 // 0: none waits
}

// put queues an input and reports whether the caller must drain.
func (b *mailbox) put(in machine.Input) (drain bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, in)
	return b.claim()
}

// putReport is put for what links report, of which only so many may wait. It
// reports whether the input was taken, too.
func (b *mailbox) putReport(in machine.Input, classes policy.Classes) (drain, taken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue)-b.next >= maxReports {
		final := in.Status.Permanent || classes.Of(in.Status.Code) == policy.Terminal
		if !final || in.Epoch <= b.full {
			return false, false
		}
		b.full = in.Epoch
	}
	b.queue = append(b.queue, in)
	return b.claim(), true
}

// putSample replaces the sample that waits.
func (b *mailbox) putSample(epoch uint64, sample *health.Sample) (drain bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sample, b.sampleEpoch = *sample, epoch
	return b.claim()
}

// putPong replaces the pong that waits.
func (b *mailbox) putPong(epoch, id uint64) (drain bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pong, b.pongEpoch = id, epoch
	return b.claim()
}

func (b *mailbox) claim() bool {
	mine := !b.running
	b.running = true
	return mine
}

// take moves the next input into in: queued ones first, then the newest pong,
// then the newest sample, which goes to sample. When there is none the mailbox
// is idle again and take reports false.
func (b *mailbox) take(in *machine.Input, sample *health.Sample) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.next < len(b.queue):
		*in = b.queue[b.next]
		b.queue[b.next] = machine.Input{}
		b.next++
		b.shrink()
	case b.pongEpoch != 0:
		*in = machine.Input{Kind: machine.Ponged, Epoch: b.pongEpoch, ID: b.pong}
		b.pongEpoch = 0
	case b.sampleEpoch != 0:
		*sample = b.sample
		*in = machine.Input{Kind: machine.Sampled, Epoch: b.sampleEpoch, Sample: sample}
		b.sampleEpoch = 0
	default:
		b.running = false
		return false
	}
	return true
}

// keepQueue is the capacity that an empty queue keeps.
const keepQueue = 1

// shrink gives an empty queue back, so that an idle session stays small.
func (b *mailbox) shrink() {
	if b.next < len(b.queue) {
		return
	}
	b.next, b.full = 0, 0
	if b.queue = b.queue[:0]; cap(b.queue) > keepQueue {
		b.queue = nil
	}
}
