package linktrial

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
)

// recorder is a watcher that asks steadily and keeps what comes.
type recorder struct {
	c        Client
	due      time.Duration
	id       uint64
	expects  health.Expectation
	packets  []Instant
	media    []Instant
	pongs    []uint64
	pongAt   []Instant
	probed   []uint64
	ticks    []Instant
	samples  int
	links    int
	decide   func(r *recorder, now Instant) // may give a verdict
	order    string                         // of the first two things after a stall
	stallEnd time.Duration
}

func (r *recorder) Connected(now Instant, c Client) { r.c, r.due, r.links = c, now.Mono, r.links+1 }

func (r *recorder) Expect(_ Instant, e health.Expectation) { r.expects = e }

func (r *recorder) HeardMedia(now Instant, packet bool) {
	r.media = append(r.media, now)
	if packet {
		r.packets = append(r.packets, now)
	}
	r.note(now, "m")
}

func (r *recorder) note(now Instant, what string) {
	if r.stallEnd > 0 && now.Mono >= r.stallEnd && len(r.order) < 1 {
		r.order += what
	}
}

func (r *recorder) HeardSignaling(Instant)          {}
func (r *recorder) Sample(Instant, *health.Sample)  { r.samples++ }
func (r *recorder) Probed(_ Instant, id uint64)     { r.probed = append(r.probed, id) }
func (r *recorder) Deadline() (time.Duration, bool) { return r.due, true }

func (r *recorder) Pong(now Instant, id uint64) {
	r.pongs = append(r.pongs, id)
	r.pongAt = append(r.pongAt, now)
}

func (r *recorder) Tick(now Instant) {
	r.note(now, "t")
	r.ticks = append(r.ticks, now)
	r.id++
	r.due = now.Mono + 500*time.Millisecond
	r.c.Ping(r.id)
	r.c.Probe(r.id)
	if r.decide != nil {
		r.decide(r, now)
	}
}

// play runs one history of a family under a recorder.
func play(t *testing.T, name string, seed uint64, change func(*history)) (*recorder, *history) {
	t.Helper()
	f, ok := Find(name)
	require.True(t, ok, name)
	h := newHistory(seed, 20*time.Minute)
	f.shape(h)
	if change != nil {
		change(h)
	}
	r := &recorder{}
	if len(h.stalls) > 0 {
		r.stallEnd = h.stalls[0].until
	}
	newWorld(h, true, r, func(health.Layers) {}).run(h.end)
	return r, h
}

// TestLossIsWhatItSays: of packets one way, of probes both ways; the connection
// delivers everything in order all the same.
func TestLossIsWhatItSays(t *testing.T) {
	for name, loss := range map[string]float64{"clean": 0, "loss-5": 0.05, "loss-30": 0.30} {
		r, h := play(t, name, 3, func(h *history) { h.content = Talk })
		sent := float64(h.end-h.begin) / float64(rtpSpacing)
		assert.InDelta(t, 1-loss, float64(len(r.packets))/sent, 0.01, name)
		assert.InDelta(t, (1-loss)*(1-loss), float64(len(r.probed))/float64(r.id), 0.03, name)
		assert.True(t, slices.IsSorted(r.pongs), name)
		for i, id := range r.pongs {
			require.EqualValues(t, i+1, id, name)
		}
		assert.InDelta(t, 1200, r.samples, 5)
	}
}

// TestSameSeedSameHistory: run twice, watched twice alike.
func TestSameSeedSameHistory(t *testing.T) {
	for _, f := range Families() {
		a, _ := play(t, f.Name, 7, nil)
		b, _ := play(t, f.Name, 7, nil)
		require.Equal(t, a.media, b.media, f.Name)
		require.Equal(t, a.pongAt, b.pongAt, f.Name)
		c, _ := play(t, f.Name, 8, nil)
		require.NotEqual(t, a.media, c.media, f.Name)
	}
}

// TestStallsDeliverAtTheirEnd: nothing happens at the client meanwhile, and
// everything then; deadlines first or packets first.
func TestStallsDeliverAtTheirEnd(t *testing.T) {
	orders := map[string]bool{}
	for seed := range uint64(8) {
		r, h := play(t, "stalls", seed, func(h *history) { h.content = Talk })
		require.NotEmpty(t, h.stalls)
		for _, at := range append(slices.Clone(r.media), r.ticks...) {
			require.False(t, h.stalls.cover(at.Mono), "seed %d at %s", seed, at.Mono)
		}
		sent := float64(h.end-h.begin) / float64(rtpSpacing)
		assert.InDelta(t, 1, float64(len(r.packets))/sent, 0.05, "nothing is lost")
		orders[r.order] = true
	}
	assert.Equal(t, map[string]bool{"t": true, "m": true}, orders)
}

// TestPauses: with packets dropped or not, the monotonic clock standing still or
// not; the wall clock never does.
func TestPauses(t *testing.T) {
	stood := map[bool]bool{}
	for seed := range uint64(8) {
		r, h := play(t, "pause-dropped", seed, func(h *history) { h.content = Talk })
		lost := time.Duration(0)
		for _, s := range h.drops {
			lost += min(s.until, h.end) - min(s.from, h.end)
		}
		sent := float64(h.end-h.begin-lost) / float64(rtpSpacing)
		assert.InDelta(t, 1, float64(len(r.packets))/sent, 0.02, "what arrived in a pause is lost, nothing else")
		last := h.clocks(h.end)
		stood[last.Mono < h.end] = true
		assert.Equal(t, epoch.Add(h.end), last.Wall)
	}
	assert.Len(t, stood, 2)
}

// TestClocks: the time at which the monotonic clock shows a time is that time.
func TestClocks(t *testing.T) {
	h := &history{
		frozen: spans{{10, 20}, {30, 35}},
		jumps:  []jump{{15, time.Hour}},
	}
	for _, mono := range []time.Duration{0, 9, 10, 15, 20, 21, 100} {
		assert.Equal(t, mono, h.clocks(h.trueTime(mono)).Mono)
	}
	assert.Equal(t, time.Duration(10), h.clocks(17).Mono)
	assert.Equal(t, epoch.Add(17+time.Hour), h.clocks(17).Wall)
}

// TestDeathsAreFinal: what dies answers no more, what lives goes on, and what is
// on its way at the death arrives.
func TestDeathsAreFinal(t *testing.T) {
	for name, alive := range map[string]struct{ packets, probes, pongs bool }{
		"media-dead":     {},
		"inbound-dead":   {},
		"outbound-dead":  {packets: true},
		"signaling-dead": {packets: true, probes: true},
		"both-dead":      {},
		"nat-rebinding":  {probes: true},
	} {
		if name == "media-dead" {
			alive.pongs = true
		}
		r, h := play(t, name, 5, func(h *history) { h.content = Talk; h.judged() })
		last := r.ticks[len(r.ticks)-1].Mono
		after := func(list []Instant) bool { return list[len(list)-1].Mono > last-5*time.Second }
		assert.Equal(t, alive.packets, after(r.packets), "%s: packets", name)
		assert.Equal(t, alive.pongs, after(r.pongAt), "%s: pongs", name)
		answered := r.probed[len(r.probed)-1] > r.id-10
		assert.Equal(t, alive.probes, answered, "%s: probes", name)
		assert.True(t, h.dead.cover(h.death))
		assert.False(t, h.dead.cover(h.death-1))
		if !alive.packets {
			assert.InDelta(t, h.death.Seconds(), r.packets[len(r.packets)-1].Mono.Seconds(), h.down.delay.Seconds()+0.1)
		}
	}
}

// TestScores: verdicts on a healthy link are false, within a dead gap they are
// not, and after a death they count once.
func TestScores(t *testing.T) {
	every := func(span time.Duration) func() Watcher {
		return func() Watcher {
			next := span
			return &recorder{decide: func(r *recorder, now Instant) {
				if now.Mono >= next {
					next += span
					r.c.Verdict(health.Both)
				}
			}}
		}
	}
	clean, _ := Find("clean")
	s := clean.Run(Trial{Hours: 2, New: every(10 * time.Minute)})
	assert.InDelta(t, 5*100, s.FalsePer100h(), 101)
	dead, _ := Find("both-dead")
	s = dead.Run(Trial{Deaths: 3, New: every(150 * time.Second)})
	assert.Len(t, s.Detected, 3)
	assert.Empty(t, s.False)
	assert.Positive(t, s.Quantile(0.5))
	s = dead.Run(Trial{Deaths: 3, New: every(time.Hour)})
	assert.Equal(t, 3, s.Missed)
	assert.Zero(t, s.Quantile(1))
	s = dead.Run(Trial{Deaths: 3, New: every(45 * time.Second)})
	assert.GreaterOrEqual(t, len(s.False), 3, "one or two before each death")
	for _, v := range s.False {
		assert.Less(t, v.At, 2*time.Minute)
	}

	h := newHistory(1, time.Hour)
	h.down.gaps = spans{{1000, 1000 + 3*time.Second}, {time.Minute, time.Minute + deadGap}}
	h.judged()
	assert.False(t, h.dead.cover(2*time.Second))
	assert.True(t, h.dead.cover(time.Minute+deadGap))
}

// TestEventsAreOrdered: a heap is easily wrong.
func TestEventsAreOrdered(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var q events
	for i := range 2000 {
		q.push(event{at: time.Duration(r.IntN(50)), rank: int8(r.IntN(3) - 1), seq: uint64(i)})
	}
	last := q.pop()
	for len(q) > 0 {
		e := q.pop()
		require.False(t, e.before(&last))
		last = e
	}
}

// TestFamilies: names are unique, and of every content there is enough.
func TestFamilies(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Families() {
		assert.False(t, names[f.Name], f.Name)
		names[f.Name] = true
	}
	_, ok := Find("nothing")
	assert.False(t, ok)
	seen := map[Content]bool{}
	for seed := range uint64(100) {
		seen[newHistory(seed, time.Hour).content] = true
	}
	assert.Len(t, seen, int(contents))
}

// TestBaselines: each finds what it is made for, in the time that it says.
func TestBaselines(t *testing.T) {
	for _, tt := range []struct {
		detector, family string
		least, most      time.Duration // of the median
	}{
		{"reference", "both-dead", 24 * time.Second, 28 * time.Second},
		{"reference", "signaling-dead", 40 * time.Second, 52 * time.Second},
		{"ping15-ice17", "media-dead", 16 * time.Second, 18 * time.Second},
		{"ping15-ice17", "signaling-dead", 10 * time.Second, 16 * time.Second},
		{"ice-disconnected-5s", "media-dead", 3 * time.Second, 6 * time.Second},
	} {
		f, _ := Find(tt.family)
		s := f.Run(Trial{Seed: 1, Deaths: 40, New: Baselines()[tt.detector]})
		assert.Zero(t, s.Missed, tt)
		assert.GreaterOrEqual(t, s.Quantile(0.5), tt.least, tt)
		assert.LessOrEqual(t, s.Quantile(0.5), tt.most, tt)
	}
	f, _ := Find("signaling-dead")
	s := f.Run(Trial{Seed: 1, Deaths: 5, New: Baselines()["ice-disconnected-5s"]})
	assert.Equal(t, 5, s.Missed, "signaling is not watched")
}
