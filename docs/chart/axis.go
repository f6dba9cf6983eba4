package main

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// axis is a logarithmic one, with a place of its own for a value that has no
// logarithm.
type axis struct {
	// lo and hi are the decimal logarithms of its ends.
	lo, hi float64
	// beyond is the place of the value without logarithm, called name, if there
	// is to be one.
	beyond float64
	name   string
	// labelled are the multiples of a power of ten that have their number.
	labelled []int
}

// rateAxis has room for the rates of all detectors, with 0 on its left.
func rateAxis(all []summary) axis {
	low, high := math.Inf(1), 0.0
	for _, s := range all {
		if s.rate > 0 {
			low, high = min(low, s.rate), max(high, s.rate)
		}
	}
	if high == 0 {
		low, high = 0.1, 10
	}
	a := axis{lo: math.Floor(math.Log10(low)), hi: math.Log10(high) + 0.4, name: "0", labelled: []int{1}}
	if a.hi-a.lo < 2 {
		a.labelled = []int{1, 2, 5}
	}
	a.hi = max(a.hi, a.lo+1)
	a.beyond = a.lo - (a.hi-a.lo)*0.2
	return a
}

// timeAxis has room for the times of all detectors, and at its top for those that
// find too little to have one.
func timeAxis(all []summary) axis {
	low, high, never := math.Inf(1), 0.0, false
	for _, s := range all {
		never = never || s.never()
		for _, v := range []float64{s.median, s.worst} {
			if v > 0 && !math.IsInf(v, 1) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if high == 0 {
		low, high = 1, 10
	}
	a := axis{lo: math.Log10(low / 2), hi: math.Log10(high * 1.25), labelled: []int{1, 2, 5}}
	a.hi = max(a.hi, a.lo+1)
	if never {
		a.beyond, a.name = a.hi+(a.hi-a.lo)*0.12, "never"
	}
	return a
}

// at is the place of a value.
func (a axis) at(value float64) float64 {
	if value <= 0 || math.IsInf(value, 1) {
		return a.beyond
	}
	return math.Log10(value)
}

// ends are those of the axis, with a margin beyond the place without logarithm.
func (a axis) ends() (lo, hi float64) {
	margin := (a.hi - a.lo) * 0.08
	switch {
	case a.name == "":
		return a.lo, a.hi
	case a.beyond < a.lo:
		return a.beyond - margin, a.hi
	}
	return a.lo, a.beyond + margin
}

// gap is between the place without logarithm and the others.
func (a axis) gap() float64 {
	if a.beyond < a.lo {
		return a.lo - (a.lo-a.beyond)*0.2
	}
	return (a.beyond + a.hi) / 2
}

// Ticks are the numbers along the axis; it is a [plot.Ticker].
func (a axis) Ticks(_, _ float64) (ticks []plot.Tick) {
	if a.name != "" {
		ticks = append(ticks, plot.Tick{Value: a.beyond, Label: a.name})
	}
	for decade := math.Floor(a.lo); decade <= a.hi; decade++ {
		for multiple := 1; multiple < 10; multiple++ {
			v := float64(multiple) * math.Pow(10, decade)
			if l := math.Log10(v); l >= a.lo-1e-9 && l <= a.hi+1e-9 {
				ticks = append(ticks, plot.Tick{Value: l, Label: a.label(multiple, v)})
			}
		}
	}
	return ticks
}

// label is the number at a tick, or none.
func (a axis) label(multiple int, value float64) string {
	for _, m := range a.labelled {
		if m == multiple {
			return strconv.FormatFloat(value, 'g', 4, 64)
		}
	}
	return ""
}
