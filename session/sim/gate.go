package sim

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/policy"
)

// gate is a server at work: it decides about the requests in the order in which they
// arrive, and serves those that it lets in one after the other.
type gate struct {
	*place
	index   int16
	tally   *tally
	busy    time.Duration   // until when it has work
	starts  []time.Duration // of requests that wait, in order
	running times           // ends of the handshakes under way
	// tickets are the slots that were promised to clients, promised is the last of them.
	tickets  map[uint32]time.Duration
	promised time.Duration
	born     time.Duration // when the process last came back
}

// times is a heap.
type times []time.Duration

func (t times) Len() int           { return len(t) }
func (t times) Less(a, b int) bool { return t[a] < t[b] }
func (t times) Swap(a, b int)      { t[a], t[b] = t[b], t[a] }
func (t *times) Push(x any)        { *t = append(*t, x.(time.Duration)) }
func (t *times) Pop() any {
	last := len(*t) - 1
	defer func() { *t = (*t)[:last] }()
	return (*t)[last]
}

// byArrival is the order in which requests are decided on, which does not depend on
// who has simulated what.
func byArrival(a, b request) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.client, b.client), cmp.Compare(a.number, b.number))
}

// decide gives the answer to a request, and false if there is none.
func (g *gate) decide(r *request) (answer event, ok bool) {
	g.restart(r.at)
	answer = event{at: r.at + r.way, kind: answered, epoch: r.number, server: -1}
	inside := r.level == policy.RestartMedia // by who is there already
	if s, refuses := at(g.refusals, r.at); refuses && !inside {
		answer.code = int16(s.code)
		return g.refuse(r, answer, s.retryAfter), true
	}
	if s, drains := at(g.drains, r.at); drains && s.moveTo >= 0 && !inside {
		answer.server = s.moveTo
		return g.refuse(r, answer, RetryAfter{}), true
	}
	switch {
	case g.room(r):
		return g.serve(r, answer)
	case g.Overload == Drop:
		g.tally.count(g.index, r.at, ignored)
		return answer, false
	}
	return g.refuse(r, answer, g.RetryAfter), true
}

// restart has a process that was gone begin with nothing to do.
func (g *gate) restart(now time.Duration) {
	for _, o := range g.outages {
		if o.to <= now && o.from >= g.born && o.to > g.born {
			g.busy, g.starts, g.running, g.tickets, g.promised, g.born = o.to, nil, nil, nil, 0, o.to
		}
	}
}

// room says whether a request can be taken: one whose slot has come, or any as long
// as nothing is promised to others. Who is there already needs no slot.
func (g *gate) room(r *request) bool {
	if slot, promised := g.tickets[r.client]; promised {
		return slot <= r.at
	}
	return (g.promised <= r.at || r.level == policy.RestartMedia) && g.idles(r.at)
}

// idles says whether there is room for one more.
func (g *gate) idles(now time.Duration) bool {
	for len(g.starts) > 0 && g.starts[0] <= now {
		g.starts = g.starts[1:]
	}
	for len(g.running) > 0 && g.running[0] <= now {
		heap.Pop(&g.running)
	}
	waits := g.busy > now
	return (g.Handshakes == 0 || len(g.running) < g.Handshakes) && (!waits || len(g.starts) < g.Queue)
}

// refuse turns a request away.
func (g *gate) refuse(r *request, answer event, asked RetryAfter) event {
	g.tally.count(g.index, r.at, turnedAway)
	g.busy = after(max(g.busy, r.at), g.work(g.RefusalCost))
	answer.what = refused
	if answer.code == 0 {
		answer.code = int16(g.RefuseWith)
	}
	answer.id = uint64(g.wait(r, asked))
	return answer
}

// wait is what a refusal asks for: for a ticket the time until the next slot that is
// not promised yet, or until the one that was promised to this client.
func (g *gate) wait(r *request, asked RetryAfter) time.Duration {
	if !asked.Ticket || g.JoinsPerSecond == 0 {
		return asked.Constant
	}
	slot, promised := g.tickets[r.client]
	if !promised {
		slot = after(max(g.promised, g.busy, r.at), g.work(1))
		g.promise(r.client, slot)
	}
	return wholeSeconds(slot - r.at)
}

func (g *gate) promise(client uint32, slot time.Duration) {
	if g.tickets == nil {
		g.tickets = map[uint32]time.Duration{}
	}
	g.tickets[client], g.promised = slot, slot
}

// work is how long so many joins take.
func (g *gate) work(joins float64) time.Duration {
	if g.JoinsPerSecond == 0 {
		return 0
	}
	return lasting(joins / g.JoinsPerSecond * float64(time.Second))
}

// serve takes a request, and says when the client has what it asked for, unless the
// process is gone before.
func (g *gate) serve(r *request, answer event) (event, bool) {
	start := max(g.busy, r.at)
	g.busy = after(start, g.work(g.cost(r)))
	if start > r.at {
		g.starts = append(g.starts, start)
	}
	if r.level == policy.Resume && !r.known {
		g.tally.count(g.index, r.at, unknown)
		answer.at, answer.what = after(g.busy, r.way), forgotten
		return g.unlessBroken(r, answer)
	}
	g.tally.count(g.index, r.at, letIn)
	delete(g.tickets, r.client)
	end := after(g.busy, r.rest)
	answer.at, answer.what = after(end, r.way), accepted
	if g.Handshakes > 0 {
		heap.Push(&g.running, end)
	}
	return g.unlessBroken(r, answer)
}

func (g *gate) cost(r *request) float64 {
	switch r.level {
	case policy.RestartMedia:
		return g.RestartCost
	case policy.Resume:
		return g.ResumeCost
	}
	return 1
}

// unlessBroken has the connection break if the process ends before the answer is
// given, of which the client may not hear.
func (g *gate) unlessBroken(r *request, answer event) (event, bool) {
	outage, ends := g.breaks(r.at, answer.at-r.way)
	if ends {
		answer.at, answer.what = outage.from+r.way, broken
	}
	return answer, !ends || !outage.silent
}

// gates are all servers, and the requests on their way to them.
type gates struct {
	list  []gate
	unit  time.Duration // width of a slot
	slots map[int64][]request
	done  int64 // slots before this one are decided
	tally tally
}

func newGates(p *plan) *gates {
	g := &gates{unit: p.unit, slots: map[int64][]request{}, tally: newTally(len(p.places), p.For)}
	for i := range p.places {
		g.list = append(g.list, gate{place: &p.places[i], index: int16(i), tally: &g.tally})
	}
	return g
}

// take takes over the requests of a shard.
func (g *gates) take(w *shard) {
	for _, r := range w.outbox {
		slot := int64(r.at / g.unit)
		g.slots[slot] = append(g.slots[slot], r)
	}
	w.outbox = w.outbox[:0]
}

// decide decides about all requests before a time, which is a multiple of unit, and
// calls deliver for each.
func (g *gates) decide(before time.Duration, deliver func(r *request, answer event, ok bool)) {
	for ; g.done < int64(before/g.unit); g.done++ {
		slot := g.slots[g.done]
		if len(slot) == 0 {
			continue
		}
		delete(g.slots, g.done)
		slices.SortFunc(slot, byArrival)
		for i := range slot {
			answer, ok := g.list[slot[i].server].decide(&slot[i])
			deliver(&slot[i], answer, ok)
		}
	}
}
