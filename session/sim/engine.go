package sim

import (
	"context"
	"sync"
	"time"
)

// engine runs the shards and the gates in turn: the clients up to the end of a window,
// each shard by a goroutine of its own, then the gates up to the time before which no
// further request can come. What they answer reaches nobody before the next window.
type engine struct {
	plan   *plan
	shards []*shard
	gates  *gates
	per    int // clients in a shard
	window int64
}

func newEngine(p *plan) *engine {
	e := &engine{plan: p, gates: newGates(p)}
	workers := min(p.Workers, p.Clients)
	e.per = (p.Clients + workers - 1) / workers
	for first := 0; first < p.Clients; first += e.per {
		e.shards = append(e.shards, newShard(p, min(e.per, p.Clients-first)))
	}
	return e
}

// client finds one by its number.
func (e *engine) client(number int) (*shard, *client) {
	w := e.shards[number/e.per]
	return w, &w.clients[number%e.per]
}

// now is the time up to which everything has happened.
func (e *engine) now() time.Duration { return time.Duration(e.window) * 2 * e.plan.unit }

// heed has the shards stop when the context ends, wherever they are. What they have
// done is then worth nothing.
func (e *engine) heed(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() {
		for _, w := range e.shards {
			w.cut.Store(true)
		}
	})
}

// run goes on to the end, or until the context does, of which it gives the cause. It
// calls passed after each step of the scenario.
func (e *engine) run(ctx context.Context, end time.Duration, passed func(now time.Duration)) error {
	next := preroll + e.plan.Step
	for ctx.Err() == nil && e.now() < end {
		e.advance()
		for ; ctx.Err() == nil && next <= min(e.now(), end); next += e.plan.Step {
			passed(next)
		}
	}
	return context.Cause(ctx)
}

// advance simulates one window.
func (e *engine) advance() {
	e.windows()
	e.window++
	for _, w := range e.shards {
		e.gates.take(w)
	}
	e.gates.decide(e.now()+e.plan.unit, e.deliver)
}

// worthwhile is how many clients keep a goroutine busy for longer than it takes to
// begin one.
const worthwhile = 16

// windows has each shard simulate its next one.
func (e *engine) windows() {
	var wg sync.WaitGroup
	for _, w := range e.shards[1:] {
		if w.wheel.due() < worthwhile {
			w.window()
		} else {
			wg.Go(w.window)
		}
	}
	e.shards[0].window()
	wg.Wait()
}

func (e *engine) deliver(r *request, answer event, ok bool) {
	w, c := e.client(int(r.client))
	w.deliver(c, answer, ok)
}
