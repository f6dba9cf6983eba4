package health

import (
	"math"
	"time"
)

// probeRing is how many media probes are remembered. At ProbeFast that is more
// than ProbeTimeout.
const probeRing = 32

// path is what is known of the quality of the path under a link: how its answers
// were, not whether one is missing now. The zero value is a path of which
// nothing is known.
type path struct {
	sent     [probeRing]time.Duration // by id; valid for the newest probeRing ids
	answered uint32                   // by id, as bits
	last     uint64                   // id of the newest probe; 0 = none
	settled  uint64                   // ids up to this are answered, lost or forgotten
	first    uint64                   // ids up to this were sent over another link
	answers  bool                     // some probe of this link was answered

	quality
}

// quality is how the path was of late.
type quality struct {
	since  Moment        // when the path was first used
	loss   float64       // share of lost probes, of about the last lossMemory
	probe  time.Duration // fastest round trip of late, of probes; 0 = none yet
	ping   time.Duration // the same of pings
	dirty  Moment        // when something was last lost or slow
	pause  time.Duration // of this machine, all that signaling has not answered since
	before Moment        // dirty as it was before the pause, and as that has set it
	held   Moment
	gap    gap
}

// gap is the last stretch in which probes were lost.
type gap struct {
	from   time.Duration // when the first one that was lost was sent
	before Moment        // dirty as it was before the gap, and as that has set it
	marked Moment
}

// reopened is the path for a new link: no question waits, its quality is known.
func (p *path) reopened(now time.Duration) path {
	q := p.quality
	if q.since.IsZero() {
		q.since = At(now)
	}
	return path{last: p.last, settled: p.last, first: p.last, quality: q}
}

// lossMemory and pongMemory are how many probes, or pongs where there are none,
// the loss is averaged over.
const (
	lossMemory = 128
	pongMemory = 16
)

// send notes a probe and gives its id. The oldest one gives way.
func (p *path) send(now time.Duration) uint64 {
	p.last++
	if p.last-p.settled > probeRing {
		p.settle(now)
	}
	p.sent[p.last%probeRing] = now
	p.answered &^= 1 << (p.last % probeRing)
	return p.last
}

// answer notes the answer to a probe and says whether it is a sign of life: that
// it is also if it comes too late to count.
func (p *path) answer(id uint64, now time.Duration) bool {
	if id <= p.first || id > p.last {
		return false
	}
	p.answers = true
	if bit := uint32(1) << (id % probeRing); id > p.settled && p.answered&bit == 0 {
		p.answered |= bit
		p.note(&p.probe, between(p.sent[id%probeRing], now), now)
	}
	return true
}

// expire counts as lost what has waited for longer than the timeout. No more than
// probeRing can.
func (p *path) expire(now, timeout time.Duration) {
	for range probeRing {
		if p.settled >= p.last || later(p.sent[(p.settled+1)%probeRing], timeout) > now {
			return
		}
		p.settle(now)
	}
}

// settle closes the account of the oldest probe. As long as none was answered they say
// nothing of the path: the other side may know no probes.
func (p *path) settle(now time.Duration) {
	p.settled++
	if !p.answers {
		return
	}
	lost := p.answered&(1<<(p.settled%probeRing)) == 0
	before := p.dirty
	p.account(now, lost, lossMemory)
	if lost {
		p.widen(p.sent[p.settled%probeRing], before)
	}
}

// widen notes that a probe was lost. Those that were on their way at about the same
// time are lost for the same reason.
func (p *path) widen(sent time.Duration, before Moment) {
	if p.gap.marked != before || between(p.gap.from, sent) > slow(p.probe) {
		p.gap = gap{from: sent, before: before}
	}
	p.gap.marked = p.dirty
}

// account averages in that something was lost, or not, over about so many.
func (p *path) account(now time.Duration, lost bool, memory float64) {
	share := 0.0
	if lost {
		share = 1
		p.soil(now)
	}
	p.loss += (share - p.loss) / memory
}

// paused notes that this machine was not running. Every question that waits is
// taken back, as its answer was not to be had. Where packets of the pause were lost, the other side sends them again at
// its own pace for as long as the pause was, so the path is clean only after that.
func (p *path) paused(now, length time.Duration) {
	p.settled = p.last
	if !p.dirty.within(now, mostTimeout) {
		p.pause = 0 // what an older one has held up is over
	}
	if p.pause == 0 {
		p.before = p.dirty
	}
	p.pause = min(p.pause+min(length, mostTimeout), mostTimeout)
	p.dirty = At(later(now, p.pause))
	p.held = p.dirty
}

// resumed notes that signaling has answered since a pause: nothing is held up by it
// any more, and the path is what it was.
func (p *path) resumed() {
	if p.pause > 0 && p.dirty == p.held {
		p.dirty = p.before
	}
	p.pause = 0
}

// mostTimeout is the longest retransmission timeout of a usual system.
const mostTimeout = 2 * time.Minute

// note takes in a round trip and marks the path if it is slow. The fastest one
// rises slowly, so that a longer path becomes the usual one.
func (p *path) note(fastest *time.Duration, rtt, now time.Duration) {
	if *fastest == 0 {
		*fastest = max(rtt, 1)
		return
	}
	if rtt > slow(*fastest) {
		p.soil(now)
	}
	*fastest = max(min(rtt, *fastest+*fastest/64), 1)
}

// slow is the round trip above which an answer was held up on its way.
func slow(fastest time.Duration) time.Duration { return 2*fastest + 150*time.Millisecond }

func (p *path) soil(now time.Duration) {
	if at, ok := p.dirty.Get(); !ok || at < now {
		p.dirty = At(now)
	}
}

// unlikely says whether so many probes in a row are more than the usual loss of
// the path explains, one in 1e9 times.
func (q *quality) unlikely(unanswered int) bool {
	return math.Pow(min(max(q.loss, 0.05), 0.99), float64(unanswered)) < 1e-9
}

// clean says whether nothing was lost or slow for a while.
func (p *path) clean(now time.Duration, c *DetectorConfig) bool {
	return !p.since.within(now, c.CleanFor/6) && !p.dirty.within(now, c.CleanFor)
}

// cleanBut says whether nothing was lost or slow but what was on its way at one
// moment of the silence that began at from. What silences signaling may take that
// with it, as a NAT does that forgets its mappings; a live connection has made up
// for such a moment by the next retransmission or the one after it.
func (p *path) cleanBut(now, from time.Duration, c *DetectorConfig) bool {
	g := &p.gap
	return !p.dirty.IsZero() && p.dirty == g.marked && !p.since.within(now, c.CleanFor/6) &&
		!g.before.within(now, c.CleanFor) && later(g.from, slow(p.probe)) >= from
}

// afterPause is how much longer an answer may take than on a clean path, if nothing
// but a pause of this machine was wrong with the path.
func (p *path) afterPause(now time.Duration, c *DetectorConfig) (longer time.Duration, ok bool) {
	if p.pause == 0 || p.dirty != p.held || p.before.within(now, c.CleanFor) {
		return 0, false
	}
	return 2 * p.pause, true
}

// patience is the age of an unanswered ping that proves signaling dead on a path
// that is not clean. A reliable connection doubles its retransmission timeout
// with every loss in a row, so n losses take about 2^n timeouts; n is chosen so
// that a live connection is that unlucky once in 1e7 pings. The timeout may be
// doubled already, by an acknowledgment that was lost before (RFC 6298 section 5).
func (p *path) patience() time.Duration {
	oneWay := min(max(1-math.Sqrt(1-p.loss), 0.01), 0.99)
	n := math.Ceil(math.Log(1e-7) / math.Log(oneWay))
	timeout := 200*time.Millisecond + max(p.ping, p.probe)*5/4
	t := timeout.Seconds()*(math.Exp2(n+1)-1) + 2*p.pause.Seconds()
	return time.Duration(min(max(t, leastPatience.Seconds()), mostPatience.Seconds()) * float64(time.Second))
}

const (
	// leastPatience: a live connection was seen to stall for longer than 20 s.
	leastPatience = 30 * time.Second
	// mostPatience: after that, the system's own limits of a connection end it.
	mostPatience = 15 * time.Minute
)
