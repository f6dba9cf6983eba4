package main

import "math"

// formula gives a library's waits, in ms, from an attempt on, counted from 1, with a
// random number in [0,1).
type formula struct {
	from  int
	delay func(attempt int, random float64) float64
}

// formulas are those of libraries whose waits are not spread evenly between their
// least and their most, or do not stay at the last of the table.
var formulas = map[string]formula{
	// The random number is drawn before the limit, where more and more waits end up.
	"centrifuge-go": {1, func(attempt int, random float64) float64 {
		return min(200+random*(doubled(200, attempt)-200), 20_000)
	}},
	// A whole number of up to twice the wait is added, and then there is the limit.
	"centrifuge-js": {1, func(attempt int, random float64) float64 {
		most := min(doubled(500, attempt-1), 20_000)
		return min(500+math.Floor(random*(most+1)), 20_000)
	}},
	"twilio-video-js": {1, func(attempt int, random float64) float64 {
		return backo(80*math.Pow(1.5, float64(attempt-1)), 1, 10_000, random)
	}},
	"socket.io-client": {1, func(attempt int, random float64) float64 {
		return backo(doubled(1000, attempt-1), 0.5, 5_000, random)
	}},
	// The random part comes after the limit.
	"grpc-go": {13, func(attempt int, random float64) float64 {
		return min(1000*math.Pow(1.6, float64(attempt-2)), 120_000) * (0.8 + 0.4*random)
	}},
	// By now two minutes are over, and it is suspended.
	"ably-js": {13, func(int, float64) float64 { return 30_000 }},
}

// doubled is a wait that has been doubled so many times, within what is far above any
// limit.
func doubled(wait float64, times int) float64 { return wait * math.Exp2(min(float64(times), 60)) }

// backo is what the package backo does: the same random number says how far the wait
// is from its middle, and in which direction.
func backo(wait, ratio, limit, random float64) float64 {
	by := math.Floor(random * ratio * wait)
	if int(random*10)%2 == 0 {
		by = -by
	}
	return math.Floor(min(wait+by, limit))
}
