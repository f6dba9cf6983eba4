package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy"
)

// oneGate is the gate of a single server, with faults.
func oneGate(s Server, faults ...Fault) *gate {
	p := newPlan(Scenario{Clients: 1, Servers: []Server{s}, Faults: faults, For: time.Minute})
	return &newGates(p).list[0]
}

// join is a request to join at a time of the scenario, from next door.
func join(at time.Duration) *request {
	return &request{at: preroll + at, level: policy.Rejoin, way: time.Millisecond}
}

// TestServesInTurn: each join takes its time, and those that wait take theirs after it.
func TestServesInTurn(t *testing.T) {
	g := oneGate(Server{JoinsPerSecond: 10, Queue: 2})
	for i, want := range []time.Duration{100, 200, 300} {
		answer, ok := g.decide(join(0))
		require.True(t, ok)
		assert.Equal(t, accepted, answer.what, i)
		assert.Equal(t, preroll+want*time.Millisecond+time.Millisecond, answer.at, i)
	}
	answer, ok := g.decide(join(0))
	assert.True(t, ok)
	assert.Equal(t, refused, answer.what, "two wait already")
	assert.EqualValues(t, 503, answer.code)
	assert.Equal(t, preroll+time.Millisecond, answer.at, "at once")
	answer, _ = g.decide(join(101 * time.Millisecond))
	assert.Equal(t, accepted, answer.what, "one has been served, another one has its turn")
	assert.Equal(t, preroll+401*time.Millisecond, answer.at)
}

func TestOverload(t *testing.T) {
	g := oneGate(Server{JoinsPerSecond: 10, Queue: -1, Overload: Drop})
	_, ok := g.decide(join(0))
	assert.True(t, ok)
	_, ok = g.decide(join(50 * time.Millisecond))
	assert.False(t, ok, "dropped")
	_, ok = g.decide(join(100 * time.Millisecond))
	assert.True(t, ok)
}

// TestHandshakes: those under way fill the server, however fast it is.
func TestHandshakes(t *testing.T) {
	g := oneGate(Server{Handshakes: 2})
	slow := join(0)
	slow.rest = time.Second
	for range 2 {
		answer, _ := g.decide(slow)
		assert.Equal(t, accepted, answer.what)
		assert.Equal(t, preroll+time.Second+time.Millisecond, answer.at)
	}
	answer, _ := g.decide(join(999 * time.Millisecond))
	assert.Equal(t, refused, answer.what)
	answer, _ = g.decide(join(time.Second))
	assert.Equal(t, accepted, answer.what)
}

// TestCosts: what is cheaper than a join takes less of the capacity.
func TestCosts(t *testing.T) {
	g := oneGate(Server{JoinsPerSecond: 1, ResumeCost: 0.5, RestartCost: -1, RefusalCost: 0.25, Queue: 3})
	r := join(0)
	r.level, r.known = policy.Resume, true
	answer, _ := g.decide(r)
	assert.Equal(t, preroll+500*time.Millisecond+time.Millisecond, answer.at)
	r.level = policy.RestartMedia
	answer, _ = g.decide(r)
	assert.Equal(t, preroll+500*time.Millisecond+time.Millisecond, answer.at)
	r.level, r.known = policy.Resume, false
	answer, _ = g.decide(r)
	assert.Equal(t, forgotten, answer.what)
	assert.Equal(t, preroll+time.Second+time.Millisecond, answer.at)
	_, _ = g.decide(join(0))
	answer, _ = g.decide(join(0))
	assert.Equal(t, refused, answer.what)
	assert.Equal(t, preroll+2250*time.Millisecond, g.busy)
}

// TestTickets: each client is promised a place of its own, in whole seconds, and has
// it then; nobody else gets in before the last of them.
func TestTickets(t *testing.T) {
	g := oneGate(Server{JoinsPerSecond: 2, Queue: -1, RetryAfter: RetryAfter{Ticket: true}})
	from := func(client uint32, at time.Duration) *request {
		r := join(at)
		r.client = client
		return r
	}
	ask := func(client uint32, at time.Duration) (what uint8, wait time.Duration) {
		answer, _ := g.decide(from(client, at))
		return answer.what, time.Duration(answer.id)
	}
	s := time.Second
	what, _ := ask(0, 0)
	assert.Equal(t, accepted, what)
	var waits []time.Duration
	for client := range uint32(5) {
		_, wait := ask(client+1, 0)
		waits = append(waits, wait)
	}
	assert.Equal(t, []time.Duration{s, 2 * s, 2 * s, 3 * s, 3 * s}, waits)
	_, wait := ask(6, 450*time.Millisecond)
	assert.Equal(t, 4*s, wait, "after all that was promised")
	_, wait = ask(3, s)
	assert.Equal(t, s, wait, "who comes early has the same place")
	what, _ = ask(7, 1500*time.Millisecond)
	assert.Equal(t, refused, what, "there is room, but it is promised")
	what, _ = ask(2, 2*s)
	assert.Equal(t, accepted, what)
	what, _ = ask(8, 9*s)
	assert.Equal(t, accepted, what, "nothing is promised any more")
}

// TestBusyForEver: more work than there is time for is never done, and promised for
// never.
func TestBusyForEver(t *testing.T) {
	g := oneGate(Server{JoinsPerSecond: 0.001, ResumeCost: 1000, Queue: 20_000, Handshakes: 20_000, RetryAfter: RetryAfter{Ticket: true}})
	last := time.Duration(0)
	for i := range 10_000 {
		r := join(0)
		r.level, r.known = policy.Resume, i%2 == 0
		answer, ok := g.decide(r)
		require.True(t, ok)
		require.GreaterOrEqual(t, answer.at, last, i)
		last = answer.at
	}
	assert.Equal(t, never, last)
	assert.Equal(t, never, g.busy)
	answer := g.refuse(join(0), event{}, g.RetryAfter)
	assert.Greater(t, time.Duration(answer.id), maxFor)
}

func TestWholeSeconds(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		0: 0, 1: time.Second, time.Second: time.Second, time.Second + 1: 2 * time.Second, never: never,
	} {
		assert.Equal(t, want, wholeSeconds(d))
	}
}

func TestRefusalsOfATime(t *testing.T) {
	g := oneGate(Server{RetryAfter: RetryAfter{Constant: time.Minute}},
		Refusals{At: time.Second, For: time.Second, Status: 500, RetryAfter: RetryAfter{Constant: 5 * time.Second}})
	for _, tt := range []struct {
		at    time.Duration
		level policy.Level
		want  uint8
	}{
		{999, policy.Rejoin, accepted},
		{1000, policy.Rejoin, refused},
		{1500, policy.Resume, refused},
		{1500, policy.RestartMedia, accepted}, // who is there is served
		{1999, policy.Rejoin, refused},
		{2000, policy.Rejoin, accepted},
	} {
		r := join(tt.at * time.Millisecond)
		r.level = tt.level
		answer, _ := g.decide(r)
		assert.Equal(t, tt.want, answer.what, tt)
		if tt.want == refused {
			assert.EqualValues(t, 500, answer.code)
			assert.EqualValues(t, 5*time.Second, answer.id)
		}
	}
}

// TestEndOfTheProcess breaks what is under way, and leaves a new one nothing to do.
func TestEndOfTheProcess(t *testing.T) {
	g := oneGate(Server{JoinsPerSecond: 1, Queue: 5}, Outage{At: time.Second, For: time.Second})
	for range 5 {
		answer, _ := g.decide(join(500 * time.Millisecond))
		assert.Equal(t, broken, answer.what)
		assert.Equal(t, preroll+time.Second+time.Millisecond, answer.at)
	}
	answer, _ := g.decide(join(2 * time.Second))
	assert.Equal(t, accepted, answer.what)
	assert.Equal(t, preroll+3*time.Second+time.Millisecond, answer.at)
}

// TestSilentEndOfTheProcess: nobody hears of it.
func TestSilentEndOfTheProcess(t *testing.T) {
	g := oneGate(Server{JoinsPerSecond: 1}, Outage{At: time.Second, For: time.Second, Silent: true})
	_, ok := g.decide(join(500 * time.Millisecond))
	assert.False(t, ok)
}

// TestGatesDecideInOrder of arrival, whatever order the requests were made in.
func TestGatesDecideInOrder(t *testing.T) {
	p := newPlan(Scenario{Clients: 1, For: time.Minute})
	g := newGates(p)
	w := &shard{}
	for _, client := range []uint32{3, 1, 2} {
		r := *join(time.Second)
		r.client = client
		w.outbox = append(w.outbox, r)
	}
	early := *join(time.Second - 1)
	early.client = 9
	w.outbox = append(w.outbox, early)
	g.take(w)
	assert.Empty(t, w.outbox)
	var order []uint32
	g.decide(p.end, func(r *request, _ event, _ bool) { order = append(order, r.client) })
	assert.Equal(t, []uint32{9, 1, 2, 3}, order)
}

// TestCapacityIsNeverExceeded: in no stretch of time does a server let in more than it
// can serve, and has room for.
func TestCapacityIsNeverExceeded(t *testing.T) {
	s := storm(400)
	s.Servers[0].Queue, s.Servers[0].ResumeCost = 7, 1
	s.Step = binWidth
	r := run(t, s)
	sums := []int{0}
	for _, p := range r.Series {
		sums = append(sums, sums[len(sums)-1]+p.Attempts.Accepted+p.Attempts.Forgotten)
	}
	for from := range sums {
		for to := from + 1; to < min(from+200, len(sums)); to++ {
			room := 8*(time.Duration(to-from)*binWidth).Seconds() + 7 + 1
			require.LessOrEqual(t, float64(sums[to]-sums[from]), room+1e-9)
		}
	}
	assert.Equal(t, 400, r.Summary.Hit)
}
