package sim

import (
	"math"
	"time"
)

// dice is a stream of random numbers that takes eight bytes: SplitMix64 (Steele, Lea,
// Flood: Fast splittable pseudorandom number generators, 2014). A fleet has three
// for each client.
type dice uint64

const golden = 0x9e3779b97f4a7c15

// newDice gives a stream that depends on the seed, the client and the purpose.
func newDice(seed uint64, client int, purpose uint64) dice {
	d := dice(mix(seed+golden) ^ mix(uint64(client)*golden+purpose))
	d.next()
	return d
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (d *dice) next() uint64 {
	*d += golden
	return mix(uint64(*d))
}

// float gives a uniform number in [0,1).
func (d *dice) float() float64 { return float64(d.next()>>11) / (1 << 53) }

// happens says whether something of that probability does. It takes no number for
// what never happens.
func (d *dice) happens(p float64) bool { return p > 0 && d.float() < p }

// wait gives the time until something happens that does so as often an hour; never,
// if it does not.
func (d *dice) wait(perHour float64) time.Duration {
	if perHour <= 0 {
		return never
	}
	hours := -math.Log(1-d.float()) / perHour
	if hours > 1e6 {
		return never
	}
	return time.Duration(hours * float64(time.Hour))
}

// never is later than everything that is simulated.
const never = time.Duration(math.MaxInt64)

// lasting is a number of nanoseconds as a duration; never, if that is too long for one.
func lasting(ns float64) time.Duration {
	if ns >= float64(never) {
		return never
	}
	return time.Duration(ns)
}

// after adds to a time what is not negative; never stays never.
func after(at, d time.Duration) time.Duration {
	if at == never || d == never || at > never-d {
		return never
	}
	return at + d
}
