package main

import "fmt"

// line is one of a panel.
type line struct {
	Name string
	look
	Points []point
}

// shareLines are who is connected, policy by policy, the first one on top of the others.
// The ideal is nobody before the end of the outage, then as many a second as the server
// takes.
func (r report) shareLines(x, y axis) (lines []line) {
	for i, c := range r.Results {
		lines = append([]line{{escaped(c.Policy), looks(i, len(r.Results)), c.shares(x, y)}}, lines...)
	}
	return append(lines, r.ideal(x, y)...)
}

// ideal is the line of who could be back, if there is a time before which nobody can.
func (r report) ideal(x, y axis) []line {
	if r.Storm.meanwhile() {
		return nil
	}
	ideal := r.Results[0].Ideal.Seconds()
	from := max(ideal-r.Storm.serving().Seconds(), 0)
	return []line{{"ideal", guide, []point{{x.at(from), y.at(0)}, {x.at(ideal), y.at(1)}}}}
}

// window is the number of steps that the attempts are the mean of where policies are
// compared: in single seconds the lines of clients that come in step would hide all
// others.
func (r report) window() int {
	if len(r.Results) == 1 {
		return 1
	}
	return 5
}

// rateTitle says what rateLines are.
func (r report) rateTitle() string {
	if n := r.window(); n > 1 {
		return fmt.Sprintf("Attempts a second, mean of %d s, on a logarithmic scale", n)
	}
	return "Attempts in each second, on a logarithmic scale"
}

// rateLines are the attempts a second, and with a single policy also those refused. The
// guide is what the server can take.
func (r report) rateLines(x, y axis) (lines []line) {
	for i, c := range r.Results {
		lines = append([]line{{escaped(c.Policy), looks(i, len(r.Results)), c.rates(x, y, c.attempts, r.window())}}, lines...)
	}
	if c := r.Results[0]; len(r.Results) == 1 {
		lines = append(lines, line{"refused", refusals, c.rates(x, y, c.refused, 1)})
	}
	from, capacity := x.at(r.Storm.Outage.Seconds()), y.at(r.Storm.Capacity)
	if r.Storm.meanwhile() {
		from = x.at(0)
	}
	return append(lines, line{"capacity", guide, []point{{from, capacity}, {place(x.to), capacity}}})
}

// shares are the points of who is connected.
func (r result) shares(x, y axis) (points []point) {
	for _, p := range r.Fleet.Series {
		at := (p.At - r.Fleet.Summary.Begin).Seconds()
		if at <= x.high {
			points = append(points, point{x.at(at), y.at(float64(p.Connected) / float64(r.Fleet.Clients))})
		}
	}
	return points
}

// rates are points of attempts a second, each the mean of so many steps that it ends,
// but not of any before the fault.
func (r result) rates(x, y axis, of func(i int) int, window int) (points []point) {
	begin := int(r.Fleet.Summary.Begin / r.Fleet.Step)
	for i, p := range r.Fleet.Series {
		at := (p.At - r.Fleet.Summary.Begin).Seconds()
		if i == 0 || at > x.high {
			continue
		}
		first := max(i-window+1, 1)
		if i > begin {
			first = max(first, begin+1)
		}
		sum := 0
		for j := first; j <= i; j++ {
			sum += of(j)
		}
		points = append(points, point{x.at(at), y.at(r.perSecond(sum) / float64(i-first+1))})
	}
	return points
}

// perSecond is what was counted in a step.
func (r result) perSecond(n int) float64 { return float64(n) / r.Fleet.Step.Seconds() }

// attempts are those of a step.
func (r result) attempts(i int) int { return r.Fleet.Series[i].Attempts.Total() }

// refused are those of a step that the running server refused, or did not answer.
func (r result) refused(i int) int {
	a := r.Fleet.Series[i].Attempts
	return a.Refused + a.Unanswered
}
