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

// rateAxis is logarithmic, from less than a tenth of the capacity, which troubles nobody,
// to the most that there is.
func rateAxis(capacity, most float64, from, to float64) axis {
	low := math.Floor(math.Log10(capacity / 10))
	high := max(math.Ceil(math.Log10(max(most, capacity))), low+1)
	a := axis{low: math.Pow(10, low), high: math.Pow(10, high), log: true, from: from, to: to}
	for decade := low; decade <= high; decade++ {
		label := grouped(math.Pow(10, decade))
		if decade == low { // nothing at all is there, too
			label = "≤ " + label
		}
		a.tick(math.Pow(10, decade), label)
	}
	return a
}
