package session

import (
	"sync"

	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// maxReports is how many reports of links may wait. Beyond that only the first
// one that ends the session is taken: all others fold into one outage anyway.
const maxReports = 1024

// mailbox queues inputs for the core. Whoever puts one into an idle mailbox
// must drain it; a put from inside the drain only queues.
type mailbox struct {
	mu      sync.Mutex
	queue   []machine.Input
	next    int  // index of the oldest input in queue
	running bool // somebody drains
	full    bool // a terminal report was taken beyond maxReports
	sample  latest
	pong    latest
}

// latest is a slot in which the newest input wins.
type latest struct {
	in  machine.Input
	set bool
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
		if !final || b.full {
			return false, false
		}
		b.full = true
	}
	b.queue = append(b.queue, in)
	return b.claim(), true
}

// putLatest replaces what waits in the slot of the input's kind.
func (b *mailbox) putLatest(in *machine.Input) (drain bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	slot := &b.sample
	if in.Kind == machine.Ponged {
		slot = &b.pong
	}
	slot.in, slot.set = *in, true
	return b.claim()
}

func (b *mailbox) claim() bool {
	mine := !b.running
	b.running = true
	return mine
}

// take moves the next input into in: queued ones first, then the slots. When
// there is none the mailbox is idle again and take reports false.
func (b *mailbox) take(in *machine.Input) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.next < len(b.queue):
		*in = b.queue[b.next]
		b.queue[b.next] = machine.Input{}
		b.next++
		b.shrink()
	case b.pong.set:
		*in, b.pong.set = b.pong.in, false
	case b.sample.set:
		*in, b.sample.set = b.sample.in, false
	default:
		b.running = false
		return false
	}
	return true
}

// keepQueue is the capacity that an empty queue keeps.
const keepQueue = 2

// shrink gives an empty queue back, so that an idle session stays small.
func (b *mailbox) shrink() {
	if b.next < len(b.queue) {
		return
	}
	b.next, b.full = 0, false
	if b.queue = b.queue[:0]; cap(b.queue) > keepQueue {
		b.queue = nil
	}
}
