package policy

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// FullJitter draws every delay from the whole window between Fixed and Fixed plus
// the smaller of Long and Short·2ᵏ, where k counts the calls since the last
// Reset, from 0 (reference). Negative durations count as 0. It never returns
// backoff.Stop.
//
// The zero value gives delays of 0. It is for one goroutine at a time; the fields
// may be changed between calls.
type FullJitter struct {
	Fixed time.Duration // part of every delay
	Short time.Duration // window of the first delay
	Long  time.Duration // the window never grows beyond this

	// Random gives numbers in [0,1), one for each delay. What lies outside is
	// moved to the nearest end, and NaN to 0. nil = math/rand/v2.
	Random func() float64

	k int // doublings of the window, at most maxDoublings
}

// maxDoublings makes even a Short of 1 ns exceed every Long.
const maxDoublings = 63

// NextBackOff gives the next delay, and always takes one random number for it.
func (j *FullJitter) NextBackOff() time.Duration {
	delay := window{most: doubled(j.Short, j.Long, j.k)}.draw(j.Random)
	j.k = min(j.k+1, maxDoublings)
	fixed := max(j.Fixed, 0)
	return fixed + min(delay, math.MaxInt64-fixed)
}

// Reset starts over with the first window.
func (j *FullJitter) Reset() { j.k = 0 }

// doubled is min(long, short·2ᵏ) in whole numbers, negative durations being 0.
// Shifting long down in place of short up cannot overflow, so the delay stays
// finite however often it is asked for (divergence 7.11).
func doubled(short, long time.Duration, k int) time.Duration {
	short, long = max(short, 0), max(long, 0)
	if short > long>>k {
		return long
	}
	return short << k
}

// window is what a delay is drawn from: least to most, neither below 0.
type window struct{ least, most time.Duration }

// draw always takes one number from random; nil = math/rand/v2.
func (w window) draw(random func() float64) time.Duration {
	width := w.most - w.least
	return w.least + min(time.Duration(uniform(random)*float64(width)), width)
}

// uniform gives a number in [0,1), whatever random returns.
func uniform(random func() float64) float64 {
	if random == nil {
		random = rand.Float64
	}
	u := random()
	if !(u > 0) { // NaN, too
		return 0
	}
	return min(u, math.Nextafter(1, 0))
}

// Limited passes on the first limit delays of b since the last Reset, and then
// backoff.Stop; a limit of 0 or below allows none. Reset restores the count
// (divergence 7.11: the reference's stays) and resets b, which must not be nil.
func Limited(b backoff.BackOff, limit int) backoff.BackOff {
	return backoff.WithMaxRetries(b, uint64(max(limit, 0)))
}
