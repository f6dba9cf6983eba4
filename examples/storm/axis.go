package main

import (
	"math"
	"strconv"
	"time"
)

// axis turns values into places of the picture, which go from from to to.
type axis struct {
	low, high float64
	log       bool
	from, to  float64
	ticks     []tick
}

// tick is a number at an axis.
type tick struct {
	At    place
	Label string
}

// at is the place of a value; what is beyond an end is there.
func (a *axis) at(v float64) place {
	low, high := a.low, a.high
	v = min(max(v, low), high)
	if a.log {
		low, high, v = math.Log10(low), math.Log10(high), math.Log10(v)
	}
	return place(a.from + (v-low)/(high-low)*(a.to-a.from))
}

func (a *axis) tick(v float64, label string) { a.ticks = append(a.ticks, tick{a.at(v), label}) }

// timeAxis has seconds since the beginning of the fault.
func timeAxis(low, high time.Duration, from, to float64) axis {
	step := niceStep(high-low, 12)
	high = (high + step - 1).Truncate(step)
	a := axis{low: low.Seconds(), high: high.Seconds(), from: from, to: to}
	for at := time.Duration(0); at <= high; at += step {
		a.tick(at.Seconds(), strconv.Itoa(int(at.Seconds()))+" s")
	}
	return a
}

// shareAxis goes from nobody to everyone.
func shareAxis(from, to float64) axis {
	a := axis{high: 1, from: from, to: to}
	for _, v := range []int{0, 25, 50, 75, 100} {
		a.tick(float64(v)/100, strconv.Itoa(v)+" %")
	}
	return a
}

// rateAxis is logarithmic, from less than a hundredth of the capacity to the most that
// there is.
func rateAxis(capacity, most float64, from, to float64) axis {
	low := math.Pow(10, math.Floor(math.Log10(capacity/100)))
	high := math.Pow(10, math.Ceil(math.Log10(max(most, capacity, 10*low))))
	a := axis{low: low, high: high, log: true, from: from, to: to}
	for v := low; v < 2*high; v *= 10 {
		v = roundedPower(v)
		label := grouped(v)
		if v == low { // nothing at all is there, too
			label = "≤ " + label
		}
		a.tick(v, label)
	}
	return a
}

// roundedPower takes what multiplications have left off a power of ten.
func roundedPower(v float64) float64 { return math.Pow(10, math.Round(math.Log10(v))) }
