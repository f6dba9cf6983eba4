package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/session/sim"
)

// writeText writes the report on a single policy for a terminal.
func (r report) writeText(w io.Writer) error {
	x := r.Results[0]
	fmt.Fprintf(w, "%s (seed %d).\n%s: %s.\n\n", &r.Storm, r.Storm.Seed, x.Policy, x.What)
	if err := writeAligned(w, r.course(x), "rrlrrrrl"); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nTimes since the beginning; attempts a second since the row before.\n\n")
	return writeAligned(w, r.outcome(x), "lrl")
}

const (
	mostRows = 25 // of the course
	barWidth = 30
)

// course is the storm over time, at most mostRows rows long.
func (r report) course(x result) [][]string {
	end := r.end(x)
	step := niceStep(end, mostRows)
	rows := [][]string{{"time", "connected", bar(-1), "attempts/s", "let in", "refused", "no server", ""}}
	var sum sim.Attempts
	for _, p := range x.Fleet.Series {
		add(&sum, p.Attempts)
		at := p.At - x.Fleet.Summary.Begin
		if at%step != 0 {
			continue
		}
		if at > end {
			break
		}
		rows = append(rows, r.moment(x, p, at, sum, min(step, max(p.At, x.Fleet.Step))))
		sum = sim.Attempts{}
	}
	return rows
}

// moment is a row of the course: the attempts are the mean of the time that ends with
// it.
func (r report) moment(x result, p sim.Point, at time.Duration, sum sim.Attempts, length time.Duration) []string {
	rate := func(n int) string { return perSecond(float64(n) / length.Seconds()) }
	share := float64(p.Connected) / float64(x.Fleet.Clients)
	mark := ""
	if k, _ := pick("kind", kinds, r.Storm.Kind); at >= 0 && at < x.Fleet.Summary.Outage {
		mark = k.mark
	}
	return []string{
		seconds(at), percent(share), bar(share), rate(sum.Total()), rate(sum.Accepted + sum.Forgotten),
		rate(sum.Refused + sum.Unanswered), rate(sum.Unreachable + sum.Lost), mark,
	}
}

// perSecond is a rate with two figures at least, and 0 only if there was nothing.
func perSecond(v float64) string {
	switch {
	case v > 0 && v < 0.1:
		return "< 0.1"
	case v < 9.95 && v != math.Trunc(v):
		return fmt.Sprintf("%.1f", v)
	}
	return grouped(math.Round(v))
}

func add(sum *sim.Attempts, a sim.Attempts) {
	sum.Accepted += a.Accepted
	sum.Refused += a.Refused
	sum.Unanswered += a.Unanswered
	sum.Forgotten += a.Forgotten
	sum.Unreachable += a.Unreachable
	sum.Lost += a.Lost
}

// end is when there is nothing more to see: everyone is back, or the simulation is over.
func (r report) end(x result) time.Duration {
	over := r.Storm.For - x.Fleet.Summary.Begin
	if back := x.Fleet.Summary.Back100; back != sim.Never {
		return min(over, back+10*time.Second)
	}
	return over
}

// niceStep divides a time into at most so many steps of a length that is easy to read.
func niceStep(length time.Duration, most int) time.Duration {
	for _, s := range []int{1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600} {
		if step := time.Duration(s) * time.Second; length/step < time.Duration(most) {
			return step
		}
	}
	return (length/time.Duration(most) + time.Hour).Truncate(time.Hour)
}

// percent does not say 100 or 0 unless it is all or none.
func percent(share float64) string {
	v := 100 * share
	switch {
	case share > 0 && v < 0.1:
		return "< 0.1 %"
	case share < 1 && v > 99.9:
		return "> 99.9 %"
	case v == float64(int(v)):
		return fmt.Sprintf("%.0f %%", v)
	}
	return fmt.Sprintf("%.1f %%", v)
}

// bar is as long as the share; below 0 there is none.
func bar(share float64) string {
	if share < 0 {
		return strings.Repeat(" ", barWidth)
	}
	n := int(share*barWidth + 0.5)
	return strings.Repeat("█", n) + strings.Repeat("·", barWidth-n)
}

// outcome is what is left to say in the end: names, numbers and remarks.
func (r report) outcome(x result) [][]string {
	s, over := x.Fleet.Summary, seconds(r.Storm.For-x.Fleet.Summary.Begin)
	rows := [][]string{
		{"ideal", tenths(x.Ideal), fmt.Sprintf("%s hit, at %s a second", clients(s.Hit), grouped(r.Storm.Capacity))},
		{"50 % back after", tenths(s.Back50), ""},
		{"90 % back after", tenths(s.Back90), ""},
		{"99 % back after", tenths(s.Back99), ""},
		{"last one back after", tenths(s.Back100), ""},
		{"gave up", count(s.GaveUp), ""},
		{"peak of attempts", count(s.PeakAttempts), "a second, wherever they went"},
		{"peak of refused", count(s.PeakRefused), fmt.Sprintf("a second, %.2f × capacity", r.refused(x))},
		{"refusals a place", fmt.Sprintf("%.2f", s.RefusalsPerPlace), "from the first to the last one"},
		{"attempts a client", fmt.Sprintf("%.1f", s.AttemptsPerClient), fmt.Sprintf("at most %d", s.MostAttempts)},
	}
	if v, ok := x.ratio(); ok {
		rows[3][2] = fmt.Sprintf("%.3f × ideal", v)
	}
	if n := x.out(); n > 0 {
		rows[4][2] = fmt.Sprintf("%s not back after %s", clients(n), over)
	}
	return append(rows, recoveries(s.Recoveries)...)
}

// recoveries are those levels that there were.
func recoveries(n sim.Recoveries) (rows [][]string) {
	for _, level := range []struct {
		name string
		n    int
	}{{"healed", n.Healed}, {"media restarted", n.RestartMedia}, {"resumed", n.Resume}, {"rejoined", n.Rejoin}} {
		if level.n > 0 {
			rows = append(rows, []string{level.name, count(level.n), ""})
		}
	}
	return rows
}
