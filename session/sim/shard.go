package sim

import (
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// shard is a part of the fleet, which one goroutine at a time simulates.
type shard struct {
	plan    *plan
	clients []client
	wheel   wheel
	outbox  []request // of the running window
	tally   tally
	configs []*machine.Config // of the sessions, by home
	current *client           // the one whose turn it is, for its random numbers
	inbox   []machine.Input   // what its session is to be told at once
	effects []machine.Effect  // of the running input
	sample  health.Sample
	// cut says that nobody wants the result any more. It is set at any time, and looked
	// at before each step of a client, as one window of it may be very long.
	cut atomic.Bool
}

func newShard(p *plan, clients int) *shard {
	w := &shard{plan: p, clients: make([]client, clients), tally: newTally(len(p.places), p.For)}
	if p.OpenLoop == nil {
		w.configs = w.configure()
	}
	return w
}

// alone is for how long a client that needs nobody else is simulated in one go: all
// that it does in that time is done while it is in the processor's cache.
const alone = time.Second

// window simulates the clients up to the end of the next window, at least.
func (w *shard) window() {
	window, entries := w.wheel.take()
	until := min(time.Duration(window+1)*2*w.plan.unit, w.plan.end)
	for _, slot := range entries {
		c := &w.clients[slot]
		if c.queued != window {
			continue
		}
		c.queued = -1
		w.enqueue(c, c.run(w, until, min(until+alone, w.plan.end)))
	}
}

// enqueue enters a client for when it has something to do next.
func (w *shard) enqueue(c *client, next time.Duration) {
	if next < w.plan.end {
		w.wheel.put(c, int64(next/(2*w.plan.unit)))
	}
}

// deliver gives a client the answer to a request.
func (w *shard) deliver(c *client, answer event, ok bool) {
	if ok && answer.at < c.now {
		panic("sim: an answer from the past: the window is too long") // cannot be: see engine
	}
	c.waits--
	if ok {
		c.agenda.put(answer)
	}
	if !c.ended {
		w.enqueue(c, min(c.mind.next(), c.agenda.next()))
	}
}

// recovered counts a recovery at a level, 0 for a link that has healed.
func (w *shard) recovered(l policy.Level) { w.tally.levels[l]++ }
