package main

// line is one of a panel.
type line struct {
	Name string
	look
	Points []point
}

// shareLines are who is connected, policy by policy, the first one on top. The ideal is
// nobody before the end of the outage, then as many a second as the server takes.
func (r report) shareLines(x, y axis) (lines []line) {
	for i, c := range r.Results {
		lines = append([]line{{escaped(c.Policy), looks(i, len(r.Results)), c.shares(x, y)}}, lines...)
	}
	ideal := r.Results[0].Ideal.Seconds()
	from := max(ideal-r.Storm.serving().Seconds(), 0)
	return append(lines, line{"ideal", guide, []point{{x.at(from), y.at(0)}, {x.at(ideal), y.at(1)}}})
}

// rateLines are the attempts a second, and with a single policy also those refused. The
// guide is what the server can take.
func (r report) rateLines(x, y axis) (lines []line) {
	for i, c := range r.Results {
		lines = append([]line{{escaped(c.Policy), looks(i, len(r.Results)), c.rates(x, y, c.attempts)}}, lines...)
	}
	if len(r.Results) == 1 {
		lines = append(lines, line{"refused", refusals, r.Results[0].rates(x, y, r.Results[0].refused)})
	}
	from, capacity := x.at(r.Storm.Outage.Seconds()), y.at(r.Storm.Capacity)
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

// rates are points of attempts a second, each in the middle of its step.
func (r result) rates(x, y axis, of func(i int) int) (points []point) {
	for i, p := range r.Fleet.Series {
		at := (p.At - r.Fleet.Summary.Begin - r.Fleet.Step/2).Seconds()
		if i > 0 && at <= x.high {
			points = append(points, point{x.at(at), y.at(r.perSecond(of(i)))})
		}
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
