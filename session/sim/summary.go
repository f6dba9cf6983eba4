package sim

import (
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/policy"
)

// result sums up what was counted.
func (e *engine) result() *Result {
	t := newTally(len(e.plan.places), e.plan.For)
	t.add(&e.gates.tally)
	for _, w := range e.shards {
		t.add(&w.tally)
	}
	r := &Result{Clients: e.plan.Clients, For: e.plan.For, Step: e.plan.Step}
	for i := range e.plan.places {
		one := t.part(i)
		r.Regions = append(r.Regions, Region{
			Server: e.plan.places[i].Name, Series: one.series(e.plan.Step), PeakRefused: one.peak(turnedAway, ignored),
		})
	}
	all := t.sum()
	r.Series = all.series(e.plan.Step)
	r.Summary = e.summary(&all)
	return r
}

// part is what was counted at one server.
func (t *tally) part(server int) tally {
	a, m := t.bins*int(fates), t.bins*int(states)
	return tally{bins: t.bins, attempts: t.attempts[server*a : (server+1)*a], moves: t.moves[server*m : (server+1)*m]}
}

// sum is what was counted at all servers.
func (t *tally) sum() tally {
	s := newTally(1, t.end-preroll)
	for i, n := range t.attempts {
		s.attempts[i%len(s.attempts)] += n
	}
	for i, n := range t.moves {
		s.moves[i%len(s.moves)] += n
	}
	s.begun, s.levels = t.begun, t.levels
	return s
}

// series has a point for the beginning, for the end of each step, and for the end.
func (t *tally) series(step time.Duration) (list []Point) {
	var in [states]int
	var p Point
	per := int(step / binWidth)
	for bin := range t.bins {
		for s := range states {
			in[s] += int(t.moves[bin*int(states)+int(s)])
		}
		p.Attempts.add(t.attempts[bin*int(fates) : (bin+1)*int(fates)])
		if bin%per == 0 || bin == t.bins-1 {
			p.At = time.Duration(bin) * binWidth
			p.Connected, p.Unnoticed, p.Reconnecting, p.Stopped = in[Connected], in[Unnoticed], in[Reconnecting], in[Stopped]
			list = append(list, p)
			p = Point{}
		}
	}
	return list
}

func (a *Attempts) add(n []uint32) {
	a.Accepted += int(n[letIn])
	a.Refused += int(n[turnedAway])
	a.Unanswered += int(n[ignored])
	a.Forgotten += int(n[unknown])
	a.Unreachable += int(n[dead])
	a.Lost += int(n[lost])
}

// peak is the most attempts of these fates in a second.
func (t *tally) peak(of ...fate) (most int) {
	const bins = int(time.Second / binWidth)
	sum := 0
	for bin := range t.bins {
		for _, f := range of {
			sum += int(t.attempts[bin*int(fates)+int(f)])
			if bin >= bins {
				sum -= int(t.attempts[(bin-bins)*int(fates)+int(f)])
			}
		}
		most = max(most, sum)
	}
	return most
}

func (e *engine) summary(t *tally) (s Summary) {
	s.PeakAttempts = t.peak(letIn, turnedAway, ignored, unknown, dead, lost)
	s.PeakArrivals = t.peak(letIn, turnedAway, ignored, unknown)
	s.PeakRefused = t.peak(turnedAway, ignored)
	for bin := range t.bins {
		s.Attempts.add(t.attempts[bin*int(fates) : (bin+1)*int(fates)])
		s.GaveUp += int(t.moves[bin*int(states)+int(Stopped)])
	}
	s.Pending = t.begun - s.Attempts.Total()
	s.RefusalsPerPlace = e.refusals(t)
	s.Recoveries = Recoveries{
		Healed: t.levels[0], RestartMedia: t.levels[policy.RestartMedia], Resume: t.levels[policy.Resume], Rejoin: t.levels[policy.Rejoin],
	}
	if e.plan.from != never {
		s.Begin, s.Outage = e.plan.from-preroll, e.plan.until-e.plan.from
		s.Ideal = s.Outage
		e.comeBacks(&s)
	}
	return s
}

// refusals is how many there were for each place while there were any.
func (e *engine) refusals(t *tally) float64 {
	first, last, sum := -1, 0, 0
	for bin := range t.bins {
		n := int(t.attempts[bin*int(fates)+int(turnedAway)] + t.attempts[bin*int(fates)+int(ignored)])
		if sum += n; n > 0 {
			if last = bin; first < 0 {
				first = bin
			}
		}
	}
	places := float64(last-first+1) * binWidth.Seconds() * e.plan.whole()
	if first < 0 || places == 0 {
		return 0
	}
	return float64(sum) / places
}

// comeBacks sums up those that were hit.
func (e *engine) comeBacks(s *Summary) {
	var back []time.Duration
	attempts := 0
	for _, w := range e.shards {
		for i := range w.clients {
			t := &w.clients[i].toll
			if !t.hit {
				continue
			}
			s.Hit++
			attempts += int(t.attempts)
			s.MostAttempts = max(s.MostAttempts, int(t.attempts))
			if !t.out {
				back = append(back, t.back-e.plan.from)
			}
		}
	}
	slices.Sort(back)
	if len(back) > 0 {
		s.Last = back[len(back)-1]
	}
	if joins := e.plan.whole(); joins > 0 {
		s.Ideal = after(s.Ideal, lasting(float64(s.Hit)/joins*float64(time.Second)))
	}
	if s.Hit > 0 {
		s.AttemptsPerClient = float64(attempts) / float64(s.Hit)
	}
	s.Back50, s.Back90 = reached(back, s.Hit, 50), reached(back, s.Hit, 90)
	s.Back99, s.Back100 = reached(back, s.Hit, 99), reached(back, s.Hit, 100)
}

// reached is when so many of a hundred were back.
func reached(back []time.Duration, of, percent int) time.Duration {
	n := (of*percent + 99) / 100
	if n == 0 {
		return 0
	}
	if n > len(back) {
		return Never
	}
	return back[n-1]
}
