package session

import (
	"slices"
	"sync"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// maxReports is how many reports of links may wait. Beyond that only what is
// news is taken: the first report of its kind from the newest link. All others
// fold into what waits already.
const maxReports = 1024

// mailbox queues inputs for the core. Whoever puts one into an idle mailbox
// must drain it; a put from inside the drain only queues.
type mailbox struct {
	mu      sync.Mutex
	queue   []machine.Input
	next    int  // index of the oldest input in queue
	running bool // somebody drains
	said    said // in reports, since the queue was last empty
	// Of samples, probe answers and expectations only the newest waits, of pongs
	// the newest two: pinger and detector wait for one each.
	sample      *health.Sample // nil before the first one
	sampleEpoch uint64         // 0: none waits
	pongs       [2]uint64
	pongEpochs  [2]uint64 // 0: none waits
	probe       uint64
	probeEpoch  uint64 // 0: none waits
	expect      health.Expectation
	expectEpoch uint64 // 0: none waits
	// Of the application's hints the newest of each kind waits, and all that it asks
	// to be changed waits as one.
	hints []Hint
	ask   Change
}

// putHint adds a hint to those that wait.
func (b *mailbox) putHint(h Hint) (drain bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hints = append(slices.DeleteFunc(b.hints, func(old Hint) bool { return old == h }), h)
	return b.claim()
}

// putAsk adds to the change that waits.
func (b *mailbox) putAsk(c Change) (drain bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ask = Change{Renegotiate: b.ask.Renegotiate || c.Renegotiate, ViewOnly: b.ask.ViewOnly || c.ViewOnly}
	return b.claim()
}

// takeAsked moves the oldest hint, or what is to be changed, into in.
func (b *mailbox) takeAsked(in *machine.Input) {
	if len(b.hints) > 0 {
		*in = machine.Input{Kind: machine.Hinted, Hint: b.hints[0]}
		if b.hints = b.hints[1:]; len(b.hints) == 0 {
			b.hints = nil
		}
		return
	}
	*in = machine.Input{Kind: machine.Ask, Renegotiate: b.ask.Renegotiate, ViewOnly: b.ask.ViewOnly}
	b.ask = Change{}
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
	news := b.said.news(in.Epoch, consequence(&in, classes))
	if len(b.queue)-b.next >= maxReports && !news {
		return false, false
	}
	b.queue = append(b.queue, in)
	return b.claim(), true
}

// said is what the newest of the links that report has said, as bits of
// consequence. A flood of reports that change nothing, or of a link long gone,
// must not use up the room for the one that does.
type said struct {
	epoch uint64
	what  uint16
}

// news notes what a link says and reports whether it had not said so before.
func (s *said) news(epoch uint64, what uint16) bool {
	if epoch > s.epoch {
		*s = said{epoch: epoch}
	}
	if epoch < s.epoch || s.what|what == s.what {
		return false
	}
	s.what |= what
	return true
}

// consequence is a bit for what a report may lead to, and 0 if that is nothing.
func consequence(in *machine.Input, classes policy.Classes) uint16 {
	switch in.Kind {
	case machine.Present:
		return 1
	case machine.Doubted:
		return consequenceOfDoubt << min(uint(in.Layer), uint(status.LayerClient))
	}
	class := classes.Of(in.Status.Code)
	switch {
	case in.Status.Permanent:
		class = policy.Terminal
	case in.Kind == machine.LinkClosed && class != policy.Terminal:
		class = policy.Failure // whatever the code
	case class == policy.Ignore:
		return 0
	}
	return 1 << class
}

// consequenceOfDoubt is the bit of a doubt about layer 0, those about others follow;
// those of the classes are below it.
const consequenceOfDoubt = 1 << 10

// putSample replaces the sample that waits.
func (b *mailbox) putSample(epoch uint64, sample *health.Sample) (drain bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sample == nil {
		b.sample = new(health.Sample)
	}
	*b.sample, b.sampleEpoch = *sample, epoch
	return b.claim()
}

// putPong replaces the older of the two pongs that wait.
func (b *mailbox) putPong(epoch, id uint64) (drain bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pongs = [2]uint64{b.pongs[1], id}
	b.pongEpochs = [2]uint64{b.pongEpochs[1], epoch}
	return b.claim()
}

// putProbed replaces the probe answer that waits.
func (b *mailbox) putProbed(epoch, id uint64) (drain bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probe, b.probeEpoch = id, epoch
	return b.claim()
}

// putExpected replaces the expectation that waits.
func (b *mailbox) putExpected(epoch uint64, e health.Expectation) (drain bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expect, b.expectEpoch = e, epoch
	return b.claim()
}

func (b *mailbox) claim() bool {
	mine := !b.running
	b.running = true
	return mine
}

// take moves the next input into in: the newest answers first, then what is
// expected, then queued ones, then the newest sample, for which sample changes
// places with the mailbox's own. When there is none the mailbox is idle again and
// take reports false.
func (b *mailbox) take(in *machine.Input, sample **health.Sample) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.pongEpochs[0] != 0: // a flood of reports must not make it late
		b.takePong(0, in)
	case b.pongEpochs[1] != 0:
		b.takePong(1, in)
	case b.probeEpoch != 0:
		*in = machine.Input{Kind: machine.Probed, Epoch: b.probeEpoch, ID: b.probe}
		b.probeEpoch = 0
	case b.expectEpoch != 0:
		*in = machine.Input{Kind: machine.Expected, Epoch: b.expectEpoch, Expect: b.expect}
		b.expectEpoch = 0
	case len(b.hints) > 0 || b.ask != Change{}:
		b.takeAsked(in)
	case b.next < len(b.queue):
		*in = b.queue[b.next]
		b.queue[b.next] = machine.Input{}
		b.next++
		b.shrink()
	case b.sampleEpoch != 0:
		*sample, b.sample = b.sample, *sample
		*in = machine.Input{Kind: machine.Sampled, Epoch: b.sampleEpoch, Sample: *sample}
		b.sampleEpoch = 0
	default:
		b.running = false
		return false
	}
	return true
}

// takePong moves the older or the newer pong into in, with the lock held.
func (b *mailbox) takePong(i int, in *machine.Input) {
	*in = machine.Input{Kind: machine.Ponged, Epoch: b.pongEpochs[i], ID: b.pongs[i]}
	b.pongEpochs[i] = 0
}

// keepQueue is the capacity that an empty queue keeps.
const keepQueue = 1

// shrink gives an empty queue back, so that an idle session stays small.
func (b *mailbox) shrink() {
	if b.next < len(b.queue) {
		b.compact()
		return
	}
	b.next, b.said = 0, said{}
	if b.queue = b.queue[:0]; cap(b.queue) > keepQueue {
		b.queue = nil
	}
}

// compact moves what waits to the front now and then, so that a queue which is
// never empty does not grow for ever.
func (b *mailbox) compact() {
	if b.next < maxReports {
		return
	}
	n := copy(b.queue, b.queue[b.next:])
	clear(b.queue[n:])
	b.queue, b.next = b.queue[:n], 0
}
