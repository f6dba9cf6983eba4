package sim

import (
	"slices"
	"time"
)

// preroll is how long before the scenario the simulation begins, so that the clients
// do not tick in step. Within a run all times count from there.
const preroll = time.Second

// plan is a scenario made ready: what is known of servers and faults beforehand. It is
// never written once it is made, so that all shards share it.
type plan struct {
	Scenario
	places []place
	absent []absence
	// From and until bound the faults; from is never without one.
	from, until time.Duration
	end         time.Duration // of the scenario
	// unit is the least one-way delay. What one client does reaches another one
	// through a server, two units later at the earliest.
	unit time.Duration
	// ways are the one-way delays that there are.
	ways []time.Duration
	// names finds a place by its name.
	names map[string]int16
	// common is where everyone is at home; -1: each as its share has it.
	common int16
}

// absence is an Offline fault.
type absence struct {
	from, length time.Duration
	clients      int
	hints        bool
}

// place is a server and what will happen to it.
type place struct {
	Server
	outages, holes, refusals, drains []stretch
}

// stretch is the time of one fault.
type stretch struct {
	from, to   time.Duration
	code       int // of the close frame, or of the refusal
	answer     int // of what is in front of the server
	keeps      bool
	silent     bool
	retryAfter RetryAfter
	moveTo     int16 // the place, -1: none
}

func (s stretch) has(at time.Duration) bool { return s.from <= at && at < s.to }

func newPlan(s Scenario) *plan {
	p := &plan{Scenario: s.Effective(), from: never, end: preroll, names: map[string]int16{}, common: -1}
	p.end += p.For
	for i, server := range p.Servers {
		p.places = append(p.places, place{Server: server})
		p.names[server.Name] = int16(i)
	}
	if list := p.Client.Endpoints; len(list) > 0 && p.OpenLoop == nil {
		p.common = p.names[list[0]]
	}
	for _, f := range p.Faults {
		p.add(f)
	}
	p.ways = p.Network.ways(len(p.places))
	p.unit = slices.Min(p.ways)
	return p
}

// add puts a fault where it belongs.
func (p *plan) add(f Fault) {
	at, length := f.span()
	f.enter(p, stretch{from: preroll + at, to: preroll + at + length, moveTo: -1})
	p.from, p.until = min(p.from, preroll+at), max(p.until, preroll+at+length)
}

// at calls f for a place, or for all of them.
func (p *plan) at(server string, f func(l *place)) {
	for i := range p.places {
		if server == "" || server == p.places[i].Name {
			f(&p.places[i])
		}
	}
}

func (f Outage) enter(p *plan, s stretch) {
	s.code, s.keeps, s.answer, s.silent = f.CloseCode, f.KeepSessions, f.Answer, f.Silent
	p.at(f.Server, func(l *place) {
		if l.outages = append(l.outages, s); s.silent {
			l.holes = append(l.holes, s)
		}
	})
}

func (f Restart) enter(p *plan, s stretch) { f.outage().enter(p, s) }

func (f BlackHole) enter(p *plan, s stretch) {
	p.at(f.Server, func(l *place) { l.holes = append(l.holes, s) })
}

func (f Refusals) enter(p *plan, s stretch) {
	s.code, s.retryAfter = f.Status, f.RetryAfter
	p.at(f.Server, func(l *place) { l.refusals = append(l.refusals, s) })
}

func (f Drain) enter(p *plan, s stretch) {
	p.at(f.Server, func(l *place) {
		if to, known := p.names[f.MoveTo]; known && f.MoveTo != l.Name {
			s.moveTo = to
		} else {
			s.moveTo = -1
		}
		l.drains = append(l.drains, s)
	})
}

func (f Offline) enter(p *plan, s stretch) {
	p.absent = append(p.absent, absence{from: s.from, length: f.For, clients: f.clients(p.Clients), hints: f.Hints})
}

// clients is how many it concerns.
func (f Offline) clients(all int) int {
	if f.Share == 0 {
		return all
	}
	return min(int(f.Share*float64(all)+0.5), all)
}

// at finds the stretch that a time lies in.
func at(list []stretch, t time.Duration) (s stretch, ok bool) {
	for _, s := range list {
		if s.has(t) {
			return s, true
		}
	}
	return stretch{}, false
}

// down says that the process is gone.
func (l *place) down(t time.Duration) bool { _, ok := at(l.outages, t); return ok }

// silent says that nothing gets through.
func (l *place) silent(t time.Duration) bool { _, ok := at(l.holes, t); return ok }

// turn is the next time at which either begins or ends.
func (l *place) turn(t time.Duration) time.Duration {
	next := never
	for _, list := range [][]stretch{l.outages, l.holes} {
		for _, s := range list {
			if s.from > t {
				next = min(next, s.from)
			} else if s.to > t {
				next = min(next, s.to)
			}
		}
	}
	return next
}

// breaks is the first outage that begins after from, up to to.
func (l *place) breaks(from, to time.Duration) (s stretch, ok bool) {
	for _, o := range l.outages {
		if o.from > from && o.from <= to && (!ok || o.from < s.from) {
			s, ok = o, true
		}
	}
	return s, ok
}

// life numbers the lives of a process between which sessions are forgotten.
func (l *place) life(t time.Duration) (n uint16) {
	for _, o := range l.outages {
		if !o.keeps && o.from <= t {
			n++
		}
	}
	return n
}

// whole is the capacity of all servers; 0: no limit.
func (p *plan) whole() (joins float64) {
	for i := range p.places {
		if p.places[i].JoinsPerSecond == 0 {
			return 0
		}
		joins += p.places[i].JoinsPerSecond
	}
	return joins
}
