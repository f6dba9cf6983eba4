package main

import (
	"fmt"
	"math"
	"slices"
)

// summary is what the picture shows of a detector.
type summary struct {
	detector string
	// rate is that of false verdicts per 100 hours, the mean of all healthy
	// families; families is how many those are, hours how long they were watched.
	rate     float64
	families int
	hours    float64
	// median is that of the families' median times to detection, in seconds;
	// infinite where most families' deaths mostly were not found. worst is the
	// longest time of all deaths found.
	median, worst float64
	// missed deaths were not found, out of so many; 0 deaths: it is not told.
	missed, deaths float64
}

// summaries sums up every detector, ours first.
func summaries(m *measurements) (all []summary, err error) {
	for _, d := range m.detectors {
		healthy, dead := m.all(d, false), m.all(d, true)
		if len(healthy) == 0 || len(dead) == 0 {
			return nil, fmt.Errorf("the picture needs both healthy links and deaths, but %s has %d families of healthy links and %d of deaths; %s",
				d, len(healthy), len(dead), rerun)
		}
		all = append(all, summarize(d, healthy, dead))
	}
	if i := slices.IndexFunc(all, func(s summary) bool { return s.detector == ours }); i > 0 {
		all[0], all[i] = all[i], all[0]
	}
	return all, nil
}

// summarize sums up one detector.
func summarize(detector string, healthy, dead []measurement) summary {
	s := summary{
		detector: detector,
		rate:     sum(healthy, falsePer100h) / float64(len(healthy)),
		families: len(healthy),
		hours:    sum(healthy, hours),
		missed:   sum(dead, missed),
		deaths:   sum(dead, deaths),
	}
	var medians []float64
	for _, m := range dead {
		medians = append(medians, m.median())
		s.worst = max(s.worst, m.worst)
	}
	s.median = median(medians)
	return s
}

// median is the time within which half of the deaths were found, also those that
// were missed; infinite if half of them were.
func (m measurement) median() float64 {
	if m.never() || m.missed > 0 && m.missed*2 >= m.deaths && m.deaths > 0 {
		return math.Inf(1)
	}
	return m.p50
}

// median is the middle one, or the mean of the two in the middle.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// never reports whether there is no time to detection to show.
func (s summary) never() bool { return math.IsInf(s.median, 1) }

// note says what the detector missed, or nothing.
func (s summary) note() string {
	switch {
	case s.missed == 0:
		return ""
	case s.deaths == 0:
		return fmt.Sprintf("misses %s deaths", number(s.missed))
	}
	return fmt.Sprintf("misses %s %% of deaths", percent(s.missed/s.deaths))
}
