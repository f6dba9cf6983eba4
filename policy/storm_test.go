package policy

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// storm is what happens to a crowd of sessions that lose their server at the same
// moment. It is gone for the outage, in which connections are refused, or
// attempts are answered with a status if there is something in front of it. Then
// it takes back capacity sessions a second, those of one second at once at most,
// and refuses the others with a status. Answers take no time.
type storm struct {
	crowd    int
	outage   time.Duration
	capacity int
	answered bool // during the outage
}

// toll is how a storm went.
type toll struct {
	first    int     // attempts in its first second
	peak     int     // attempts in its busiest second
	back     int     // attempts in the busiest second since the server is back
	refused  float64 // refusals a second by the server while it refuses, in capacities
	rush     float64 // refusals in its busiest second, in capacities
	half     float64 // time until half the crowd is back, over the least possible
	most     float64 // time until 99 % are, over the least possible for all
	attempts float64 // for each session
}

func (l toll) String() string {
	return fmt.Sprintf("%6d %6d %6d  %5.1f %5.1f  %5.2f  %5.2f  %5.1f", l.first, l.peak, l.back, l.refused, l.rush, l.half, l.most, l.attempts)
}

const tollHead = " 1st s   peak   back   refd  rush    50%    99%   tries"

// try is one attempt to come.
type try struct {
	at time.Duration
	id int
}

type tries []try

func (q tries) Len() int           { return len(q) }
func (q tries) Less(a, b int) bool { return q[a].at < q[b].at }
func (q tries) Swap(a, b int)      { q[a], q[b] = q[b], q[a] }
func (q *tries) Push(x any)        { *q = append(*q, x.(try)) }
func (q *tries) Pop() any {
	last := len(*q) - 1
	defer func() { *q = (*q)[:last] }()
	return (*q)[last]
}

// play runs the storm on a clock of its own. How the attempts fall depends on the
// seed alone.
func (s storm) play(schedule func(random func() float64) backoff.BackOff, seed uint64) toll {
	random := rand.New(rand.NewPCG(seed, 0)).Float64
	crowd := make([]backoff.BackOff, s.crowd)
	var queue tries
	for id := range crowd {
		crowd[id] = schedule(random)
		queue = append(queue, try{ask(crowd[id], Cause{Reach: ReachShared, First: true}), id})
	}
	heap.Init(&queue)
	served := server{storm: s, tokens: float64(s.capacity), at: s.outage, refusals: map[time.Duration]int{}}
	for len(served.back) < s.crowd {
		next := &queue[0]
		cause, accepted := served.try(next.at)
		if accepted {
			heap.Pop(&queue)
			continue
		}
		next.at += ask(crowd[next.id], cause)
		heap.Fix(&queue, 0)
	}
	return served.toll()
}

// ask is what Retries does.
func ask(b backoff.BackOff, c Cause) time.Duration {
	if aware, ok := b.(CauseAware); ok {
		return aware.NextFor(c)
	}
	return b.NextBackOff()
}

// server keeps the count of what reaches it.
type server struct {
	storm
	tokens   float64 // sessions that it can take at once
	at       time.Duration
	seconds  []int           // attempts in each second
	back     []time.Duration // when sessions were taken
	refused  int
	refusals map[time.Duration]int // in each second
	last     time.Duration         // the last refusal
}

// try is one attempt: accepted, or failed with a cause.
func (s *server) try(at time.Duration) (c Cause, accepted bool) {
	for len(s.seconds) <= int(at/time.Second) {
		s.seconds = append(s.seconds, 0)
	}
	s.seconds[at/time.Second]++
	c = Cause{Reach: ReachShared, Elapsed: at, Refused: s.answered}
	if at < s.outage {
		return c, false
	}
	s.tokens = min(s.tokens+(at-s.at).Seconds()*float64(s.capacity), float64(s.capacity))
	s.at = at
	if s.tokens < 1 {
		s.refused, s.last, c.Refused = s.refused+1, at, true
		s.refusals[at/time.Second]++
		return c, false
	}
	s.tokens--
	s.back = append(s.back, at)
	return Cause{}, true
}

func (s *server) toll() (l toll) {
	ideal := func(crowd int) float64 { return s.outage.Seconds() + float64(crowd)/float64(s.capacity) }
	l.first, l.peak, l.back = s.seconds[0], slices.Max(s.seconds), slices.Max(s.seconds[s.outage/time.Second:])
	if s.refused > 0 {
		l.refused = float64(s.refused) / max((s.last-s.outage).Seconds(), 1) / float64(s.capacity)
	}
	for _, n := range s.refusals {
		l.rush = max(l.rush, float64(n)/float64(s.capacity))
	}
	l.half = s.back[s.crowd/2-1].Seconds() / ideal(s.crowd/2)
	l.most = s.back[s.crowd*99/100-1].Seconds() / ideal(s.crowd)
	for _, n := range s.seconds {
		l.attempts += float64(n) / float64(s.crowd)
	}
	return l
}

// schedule is a backoff that is a formula of the number of earlier delays.
type schedule struct {
	delay  func(k int, random float64) float64 // in seconds
	random func() float64
	k      int
}

func (s *schedule) NextBackOff() time.Duration {
	d := s.delay(s.k, s.random())
	s.k++
	return time.Duration(d * float64(time.Second))
}

func (s *schedule) Reset() { s.k = 0 }

// contestants are ours, the reference's, and two that are common elsewhere.
var contestants = []struct {
	name     string
	schedule func(random func() float64) backoff.BackOff
}{
	{"adaptive", newAdaptive},
	{"full jitter 1 s to 5 s", referenceBackOff},
	{"1.6^k s ±20 %, to 120 s", func(random func() float64) backoff.BackOff {
		return &schedule{random: random, delay: func(k int, u float64) float64 {
			return min(math.Pow(1.6, float64(k)), 120) * (0.8 + 0.4*u)
		}}
	}},
	{"2 s + 100 ms", func(random func() float64) backoff.BackOff {
		return &schedule{random: random, delay: func(_ int, u float64) float64 { return 2 + 0.1*u }}
	}},
}

// TestStorm (NEEDS 17): ten thousand sessions lose a server that is gone for half
// a minute and then needs 50 s for all of them.
func TestStorm(t *testing.T) {
	s := storm{crowd: 10_000, outage: 30 * time.Second, capacity: 200}
	for seed := range uint64(2) {
		ours, reference := s.play(newAdaptive, seed), s.play(referenceBackOff, seed)
		assert.Less(t, ours.first, s.crowd/5*11/10, "spread over 5 s")
		assert.Less(t, ours.peak, s.crowd*4/5)
		assert.Less(t, ours.peak, reference.peak*2/3)
		assert.Less(t, ours.back, reference.back/2)
		assert.Less(t, ours.refused, 1.2)
		assert.Less(t, ours.rush, 2.2, "2.0 but for the chance in a crowd as small as this")
		assert.Less(t, ours.rush, reference.rush/6)
		assert.Less(t, ours.most, 1.12)
	}
	lines := []string{fmt.Sprintf("%+v\n%-24s %s", s, "", tollHead)}
	for _, c := range contestants {
		lines = append(lines, fmt.Sprintf("%-24s %s", c.name, s.play(c.schedule, 0)))
	}
	t.Log(strings.Join(lines, "\n"))
}

// TestStormsOfOtherSizes: what holds for one crowd and one outage was not made for
// it. A tenth of the crowd on a tenth of the capacity does the same.
func TestStormsOfOtherSizes(t *testing.T) {
	lines := []string{fmt.Sprintf("%-16s %s  |%s", "", tollHead, tollHead)}
	for _, tt := range []struct {
		storm
		refused, most float64
	}{
		{storm{1_000, 0, 20, false}, 4.5, 1.2},
		{storm{1_000, 5 * time.Second, 20, false}, 4.5, 1.2},
		{storm{1_000, 5 * time.Second, 20, true}, 3.5, 1.2},
		{storm{1_000, 15 * time.Second, 20, false}, 1.8, 1.2},
		{storm{1_000, 30 * time.Second, 20, true}, 1.2, 1.15},
		{storm{1_000, 2 * time.Minute, 20, false}, 1.2, 1.1},
		{storm{200, 30 * time.Second, 20, false}, 0.5, 1.5},
		{storm{2_000, 30 * time.Second, 20, false}, 2.5, 1.1},
		{storm{5_000, 30 * time.Second, 20, false}, 6, 1.1},
	} {
		ours, reference := tt.play(newAdaptive, 1), tt.play(referenceBackOff, 1)
		assert.Less(t, ours.peak, reference.peak*2/3, "%+v", tt.storm)
		assert.Less(t, ours.refused, reference.refused/2, "%+v", tt.storm)
		assert.Less(t, ours.refused, tt.refused, "%+v", tt.storm)
		assert.Less(t, ours.most, tt.most, "%+v", tt.storm)
		lines = append(lines, fmt.Sprintf("%6d %4s %-5t %s |%s", tt.crowd, tt.outage, tt.answered, ours, reference))
	}
	t.Log("adaptive | full jitter 1 s to 5 s\n" + strings.Join(lines, "\n"))
}

// alone gives the times from the end of an outage until a session that nobody
// disturbs is back, in order.
func alone(schedule func(random func() float64) backoff.BackOff, c Cause, outage time.Duration) (late []time.Duration) {
	random := rand.New(rand.NewPCG(1, 2)).Float64
	for range 10_000 {
		b := schedule(random)
		first := c
		first.First = true
		at := ask(b, first)
		for at < outage {
			c.Elapsed = at
			at += ask(b, c)
		}
		late = append(late, at-outage)
	}
	slices.Sort(late)
	return late
}

// TestAloneAfterAnOutage: what spares a server in a storm costs a session that is
// alone nothing, and one that is alone without knowing it little.
func TestAloneAfterAnOutage(t *testing.T) {
	lines := []string{}
	for _, tt := range []struct {
		cause        string
		Cause        Cause
		outage       time.Duration
		median, most time.Duration // of ours
	}{
		{"unknown", Cause{}, 2 * time.Second, time.Second, 2 * time.Second},
		{"unknown", Cause{}, 5 * time.Second, time.Second, 2 * time.Second},
		{"local", Cause{Reach: ReachLocal}, 0, 1, 1},
		{"local", Cause{Reach: ReachLocal}, 5 * time.Second, time.Second, 2 * time.Second},
		{"shared", Cause{Reach: ReachShared}, 2 * time.Second, 3 * time.Second / 2, 3 * time.Second},
		{"shared", Cause{Reach: ReachShared}, 5 * time.Second, time.Second, 2 * time.Second},
		{"refused", Cause{Reach: ReachShared, Refused: true}, 5 * time.Second, 5 * time.Second / 2, 15 * time.Second / 2},
	} {
		line := fmt.Sprintf("%-8s %3s ", tt.cause, tt.outage)
		for i, c := range contestants {
			late := alone(c.schedule, tt.Cause, tt.outage)
			median, most := late[len(late)/2], late[len(late)*99/100]
			if i == 0 {
				require.LessOrEqual(t, median, tt.median, line)
				require.LessOrEqual(t, most, tt.most, line)
			}
			line += fmt.Sprintf(" | %5.2f %5.2f", median.Seconds(), most.Seconds())
		}
		lines = append(lines, line)
	}
	t.Log("median and 99th percentile of the time to be back, in s: the four of TestStorm\n" + strings.Join(lines, "\n"))
}
