package policy

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// AdaptiveJitter is a FullJitter that asks why there has to be an attempt, so that
// a client that is alone in its trouble is back soon, and many that share one do
// not keep the server down that they are waiting for.
//
// The first delay of an outage is drawn from 0 to
//
//	0          for a loss of this client alone: what broke it is over
//	Spread     for one that many share: their first attempts come apart
//	Short/4    for an attempt that renews the media path only
//	Short      otherwise
//
// and the later ones, where t is the time since the loss,
//
//	from t/2 to t       when a server that is alive has refused: it is there, and
//	                    has more to do than it can; t counts as no less than Spread
//	from 2t/3 to t      when many suffer, but no server has answered; t counts as
//	                    no more than 2(t-Long)
//	from 0 to Short·2ᵏ  otherwise, but to no more than Long, nor 2(t-Long); k
//	                    counts the earlier delays since the last Reset, without
//	                    the first ones of the other kinds
//
// where 2(t-Long) counts as no less than Long/3, so that an outage of up to Long
// lasts no more than that longer than it would have. Delays in proportion to t put
// a bound on what they cost, and a client does not have to know how many there are:
// the longer a crowd has waited, the more thinly it comes. That is for the moment at
// which a server is back, and each of a crowd has to find out by an attempt. Cap, or
// Long if that is more, is the longest delay for a cause that many share; a cause
// that is not shared brings the limit back to Long. Where clients are few for what
// their server can take, a lower Cap has them back sooner after a long outage.
//
// What the server asks to be left alone for (Cause.Asked) is waited for besides, and
// NextFor returns what comes on top of it: up to a tenth of it, as the server may
// have a place for this client at that time; at first the whole delay meant above,
// as it may have asked the same of everyone at once. If it has no place after all,
// and asks again, what it asked for is part of the delay meant above, and up to half
// as much comes on top.
//
// Negative durations count as 0, and a Cause.Elapsed of 0 or below as unknown. The
// default is Short 1 s, Long 5 s, Spread 5 s and Cap 30 s; the zero value gives
// delays of 0. It never returns backoff.Stop, and takes one random number for every
// delay, 0 among them, so that a recording shows as many numbers as delays. It is
// for one goroutine at a time; the fields may be changed between calls.
type AdaptiveJitter struct {
	Short  time.Duration // window of the first delay of an ordinary outage
	Long   time.Duration // the ordinary window never grows beyond this
	Spread time.Duration // window of the first delay of an outage that many share
	Cap    time.Duration // the window of a shared outage never grows beyond this

	// Random gives numbers in [0,1), one for each delay. What lies outside is
	// moved to the nearest end, and NaN to 0. nil = math/rand/v2.
	Random func() float64

	k        int32 // doublings of the ordinary window, at most maxDoublings
	promised bool  // the server has asked for time once, since the last Reset
}

var _ CauseAware = (*AdaptiveJitter)(nil)

// newAdaptive is the backoff of Default. The durations of the ordinary window are
// the reference's, the other two were found by simulation: see TestStorm.
func newAdaptive(random func() float64) backoff.BackOff {
	return &AdaptiveJitter{
		Short: time.Second, Long: 5 * time.Second,
		Spread: 5 * time.Second, Cap: 30 * time.Second,
		Random: random,
	}
}

// NextBackOff gives the delay for a cause of which nothing is known: that of a
// FullJitter.
func (j *AdaptiveJitter) NextBackOff() time.Duration { return j.NextFor(Cause{}) }

// NextFor gives the delay for a cause, never below 0.
func (j *AdaptiveJitter) NextFor(c Cause) time.Duration {
	w := j.window(c)
	if c.Asked > 0 {
		w = j.after(c, w)
	}
	return w.draw(j.Random)
}

// Reset starts over with the first ordinary window.
func (j *AdaptiveJitter) Reset() { j.k, j.promised = 0, false }

func (j *AdaptiveJitter) window(c Cause) window {
	switch {
	case c.First && c.Reach == ReachLocal:
		return window{}
	case c.First && c.Reach == ReachShared:
		return window{most: max(j.Spread, 0)}
	case c.First && c.Light:
		return window{most: max(j.Short, 0) / 4}
	}
	k := j.k
	j.k = min(j.k+1, maxDoublings)
	switch {
	case c.Reach != ReachShared:
		return window{most: j.ordinary(int(k), c.Elapsed)}
	case c.Refused:
		return j.refused(c.Elapsed)
	}
	return j.unanswered(c.Elapsed)
}

// ordinary is the window of a FullJitter, and that of a shared cause if less.
func (j *AdaptiveJitter) ordinary(k int, elapsed time.Duration) time.Duration {
	most := doubled(j.Short, j.Long, k)
	if elapsed > 0 {
		most = min(most, j.unanswered(elapsed).most)
	}
	return most
}

// unanswered: attempts on a server that is not there cost little, and who makes
// few of them finds it late, which counts in a short outage. In a long one they are
// so far apart that the crowd, when the server is back, comes at no more than three
// times what it can take if that is what all of it needs 50 s for.
func (j *AdaptiveJitter) unanswered(elapsed time.Duration) window {
	long, limit := max(j.Long, 0), j.limit()
	soon := max(part(elapsed-long, 2, 1, limit), long/3)
	most := min(soon, max(elapsed, long), limit)
	return window{most / 3 * 2, most}
}

// refused: a server that has refused once goes on for about as long as the crowd
// is in proportion to it, of which the outage so far is all that a client knows.
func (j *AdaptiveJitter) refused(elapsed time.Duration) window {
	most := max(min(max(elapsed, j.Spread), j.limit()), 0)
	return window{most / 2, most}
}

// limit is the longest window for what is shared. A Cap that was forgotten must
// not make a crowd come faster.
func (j *AdaptiveJitter) limit() time.Duration { return max(j.Cap, j.Long, 0) }

// after is what comes on top of what the server asked for.
func (j *AdaptiveJitter) after(c Cause, w window) window {
	again := j.promised
	j.promised = again || !c.First
	switch {
	case c.First:
		return window{0, max(w.most, min(c.Asked/10, j.limit()))}
	case !again:
		return window{0, min(c.Asked/10, j.limit())}
	}
	most := max(w.most-c.Asked, min(c.Asked/2, j.limit()))
	return window{min(max(w.least-c.Asked, 0), most), most}
}

// part is d·n/of, at least 0 and at most limit, without overflow.
func part(d time.Duration, n, of int64, limit time.Duration) time.Duration {
	unit := max(d, 0) / time.Duration(of)
	if unit > limit/time.Duration(n) {
		return limit
	}
	return unit * time.Duration(n)
}
