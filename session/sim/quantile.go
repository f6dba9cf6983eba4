package sim

import (
	"math"
	"time"
)

// Quantile is a distribution of durations: it gives, for a share of the clients
// between 0 and 1, the duration that this share does not exceed. It must not fall,
// and is called by several goroutines at once.
type Quantile func(share float64) time.Duration

// Always is d for everyone.
func Always(d time.Duration) Quantile { return func(float64) time.Duration { return d } }

// Between is spread evenly from least to most. A negative least counts as 0, and most
// below least as least.
func Between(least, most time.Duration) Quantile {
	return func(share float64) time.Duration { return spread(least, most, share) }
}

func spread(least, most time.Duration, share float64) time.Duration {
	least = max(least, 0)
	return after(least, lasting(share*float64(max(most, least)-least)))
}

// Skewed has a median and a long tail, of which the 99th percentile is given: a
// logarithmic normal distribution, as round trips on the Internet have it. Nothing
// is shorter than a fifth of the median, or longer than twice the 99th percentile. One
// that is below the median counts as the median, a median below 1 ns as that.
func Skewed(median, p99 time.Duration) Quantile {
	median = max(median, 1)
	p99 = max(p99, median)
	longest := after(p99, p99)
	sigma := math.Log(p99.Seconds()/median.Seconds()) / 2.3263
	return func(share float64) time.Duration {
		z := math.Sqrt2 * math.Erfinv(2*min(max(share, 1e-9), 1-1e-9)-1)
		d := lasting(float64(median) * math.Exp(sigma*z))
		return min(max(d, median/5), longest)
	}
}
