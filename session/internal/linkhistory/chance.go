package linkhistory

import (
	"math"
	"math/rand/v2"
	"time"
)

// source gives an independent stream of chance of a seed.
func source(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// between is even.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Float64()*float64(to-from))
}

// scaled is even over the orders of magnitude.
func scaled(r *rand.Rand, from, to time.Duration) time.Duration {
	return time.Duration(float64(from) * math.Pow(float64(to)/float64(from), r.Float64()))
}

// exponential is the time between things that happen at any time alike.
func exponential(r *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(r.ExpFloat64() * float64(mean))
}

// oneIn is true once in n.
func oneIn(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }
