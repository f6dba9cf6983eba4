package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// ours is the detector that everything else is compared with.
const ours = "ours"

// isOurs reports whether a detector is Holdfast's, in any configuration.
func isOurs(detector string) bool {
	return detector == ours || strings.HasPrefix(detector, ours+"-")
}

// rerun says how to get what can be read.
const rerun = "pipe in: go test -run '^$' -bench Detect -benchtime 1x ./session/internal/machine"

var errNoInput = errors.New("no input; " + rerun)

// measurement is what one detector did in one family of histories.
type measurement struct {
	// death says that the links of the family die; else they are healthy.
	death bool
	// falsePer100h are the verdicts on links that were not dead, per 100 hours.
	falsePer100h float64
	// p50 and worst are the seconds from death to verdict, over the deaths found.
	p50, worst float64
	// missed deaths were not found, out of so many; 0 deaths: it is not told.
	missed, deaths float64
	// hours of healthy link were watched; 0: it is not told.
	hours float64
}

// never reports whether no death was found at all.
func (m measurement) never() bool {
	return m.death && m.missed > 0 && (m.p50 == 0 || m.deaths > 0 && m.missed >= m.deaths)
}

// measurements are all of them, by family and detector, both in the order of the
// benchmark.
type measurements struct {
	families, detectors []string
	of                  map[key]measurement
}

// key names a measurement.
type key struct{ family, detector string }

// readMeasurements reads the output of the benchmark. Other benchmarks in it are
// passed over; of a benchmark that ran several times, the last counts.
func readMeasurements(r io.Reader, name string) (*measurements, error) {
	m := &measurements{of: map[key]measurement{}}
	counted := &counter{r: r}
	reader := benchfmt.NewReader(counted, name)
	for reader.Scan() {
		if err := m.record(reader.Result()); err != nil {
			return nil, err
		}
	}
	switch {
	case reader.Err() != nil:
		return nil, fmt.Errorf("cannot read %s: %w", name, reader.Err())
	case counted.n == 0:
		return nil, errNoInput
	case len(m.of) == 0:
		return nil, fmt.Errorf("no BenchmarkDetect lines in %s; %s", name, rerun)
	}
	return m, nil
}

// counter counts what was read, for an empty input is not one without results.
type counter struct {
	r io.Reader
	n int
}

// Read reads and counts.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// record takes one line of the output.
func (m *measurements) record(record benchfmt.Record) error {
	switch r := record.(type) {
	case *benchfmt.SyntaxError:
		return fmt.Errorf("%w; %s", r, rerun)
	case *benchfmt.Result:
		if base, _ := r.Name.Parts(); string(base) == "Detect" {
			return m.result(r)
		}
	}
	return nil
}

// result takes a line of BenchmarkDetect.
func (m *measurements) result(r *benchfmt.Result) error {
	k, err := keyOf(r.Name)
	if err == nil {
		var one measurement
		if one, err = measured(r.Values); err == nil {
			m.add(k, one)
			return nil
		}
	}
	name, line := r.Pos()
	return fmt.Errorf("%s:%d: Benchmark%s %w", name, line, r.Name, err)
}

// keyOf takes a name apart: the family, the detector, and perhaps GOMAXPROCS.
func keyOf(name benchfmt.Name) (key, error) {
	var names []string
	_, parts := name.Parts()
	for _, part := range parts {
		if part[0] == '/' {
			names = append(names, string(part[1:]))
		}
	}
	if len(names) != 2 || names[0] == "" || names[1] == "" {
		return key{}, errors.New("is not named BenchmarkDetect/<family>/<detector>; " + rerun)
	}
	return key{names[0], names[1]}, nil
}

// add keeps a measurement and the order of families and detectors.
func (m *measurements) add(k key, one measurement) {
	if !slices.Contains(m.families, k.family) {
		m.families = append(m.families, k.family)
	}
	if !slices.Contains(m.detectors, k.detector) {
		m.detectors = append(m.detectors, k.detector)
	}
	m.of[k] = one
}

// measured takes the metrics of one line.
func measured(values []benchfmt.Value) (m measurement, err error) {
	seen := map[string]bool{}
	for _, v := range values {
		value, unit := v.Value, v.Unit
		if v.OrigUnit != "" {
			value, unit = v.OrigValue, v.OrigUnit
		}
		if err := m.set(unit, value); err != nil {
			return m, err
		}
		seen[unit] = true
	}
	m.death = seen["p50-ms"]
	switch {
	case m.death != seen["worst-ms"]:
		return m, errors.New("reports only one of p50-ms and worst-ms; report both for a death, none for a healthy link")
	case !m.death && !seen["false/100h"]:
		return m, errors.New("reports neither p50-ms nor false/100h; report what the detector did")
	}
	return m, nil
}

// set takes one metric.
func (m *measurement) set(unit string, value float64) error {
	switch unit {
	case "false/100h":
		m.falsePer100h = value
	case "p50-ms":
		m.p50 = value / 1000
	case "worst-ms":
		m.worst = value / 1000
	case "missed":
		m.missed = value
	case "deaths":
		m.deaths = value
	case "hours":
		m.hours = value
	case "ns/op", "B/op", "allocs/op", "MB/s":
	default:
		return fmt.Errorf("reports the unknown metric %q; known are false/100h, p50-ms, worst-ms, missed, deaths and hours:"+
			" rename it, or teach docs/chart what it means", unit)
	}
	return nil
}

// isDeath reports whether the links of a family die.
func (m *measurements) isDeath(family string) bool {
	return slices.ContainsFunc(m.detectors, func(d string) bool { return m.of[key{family, d}].death })
}

// all gives what a detector did in the families of one kind.
func (m *measurements) all(detector string, death bool) (all []measurement) {
	for _, family := range m.families {
		if one, ok := m.of[key{family, detector}]; ok && one.death == death {
			all = append(all, one)
		}
	}
	return all
}

// sum adds up one number of several measurements.
func sum(all []measurement, number func(measurement) float64) (total float64) {
	for _, m := range all {
		total += number(m)
	}
	return total
}

func hours(m measurement) float64        { return m.hours }
func deaths(m measurement) float64       { return m.deaths }
func missed(m measurement) float64       { return m.missed }
func falsePer100h(m measurement) float64 { return m.falsePer100h }

// belowPer100h bounds the rate of what did not happen once in so many hours, with
// 95 % confidence: the rule of three.
func belowPer100h(hours float64) float64 { return 3 / hours * 100 }
