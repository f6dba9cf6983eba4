package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/session/sim"
)

// storm is what is simulated. Durations are written in nanoseconds.
type storm struct {
	Clients  int           `json:"clients"`
	Capacity float64       `json:"capacity"`
	Outage   time.Duration `json:"outage"`
	For      time.Duration `json:"for"`
	Seed     uint64        `json:"seed"`
	Kind     string        `json:"kind"`
	Overload string        `json:"overload"`
	// RetryAfter is 0 unless the server says the same to everyone.
	RetryAfter time.Duration `json:"retryAfter,omitempty"`
}

// calm is how long nothing happens at first.
const calm = 5 * time.Second

// What the simulator takes.
const (
	mostClients  = 10_000_000
	mostCapacity = 1e9
	longest      = 7 * 24 * time.Hour
)

// sameForAll is the overload that uses storm.RetryAfter.
const sameForAll = "same-retry-after"

// kind is something that happens to a server.
type kind struct {
	name, what string
	// story follows "100,000 clients", or "1 client", with the length of the outage, and
	// comes before "2,000 joins a second".
	story string
	mark  string // for the time of the fault
	fault func(length time.Duration) sim.Fault
	// meanwhile says that clients can come back before it is over.
	meanwhile bool
}

func (k kind) names() (name, what string) { return k.name, k.what }

var kinds = []kind{
	{
		name: "restart", mark: "outage", what: "the server closes all connections with 1012",
		story: "whose server closes with 1012 and is gone for %s; then it takes",
		fault: func(length time.Duration) sim.Fault { return sim.Restart{At: calm, For: length} },
	}, {
		name: "crash", mark: "outage", what: "connections break without a word",
		story: "whose server crashes and is gone for %s; then it takes",
		fault: func(length time.Duration) sim.Fault { return sim.Outage{At: calm, For: length} },
	}, {
		name: "proxied", mark: "outage", what: "the same, behind a proxy that answers 502 meanwhile",
		story: "whose server crashes behind a proxy and is gone for %s; then it takes",
		fault: func(length time.Duration) sim.Fault { return sim.Outage{At: calm, For: length, Answer: 502} },
	}, {
		name: "powercut", mark: "outage", what: "the whole machine is gone: nobody is told, and nothing answers",
		story: "whose server is gone with its machine, of which nobody is told, for %s; then it takes",
		fault: func(length time.Duration) sim.Fault { return sim.Outage{At: calm, For: length, Silent: true} },
	}, {
		name: "blackhole", mark: "silence", what: "nothing gets through, and nobody is told",
		story: "whose server is not heard of for %s; then it takes",
		fault: func(length time.Duration) sim.Fault { return sim.BlackHole{At: calm, For: length} },
	}, {
		name: "drain", mark: "draining", what: "the server tells its clients one by one to go away (1001), and takes them again",
		story: "told one by one to go away and come back, within %s; the server takes", meanwhile: true,
		fault: func(length time.Duration) sim.Fault { return sim.Drain{At: calm, For: length} },
	}, {
		name: "offline", mark: "offline", what: "the network of all clients goes away",
		story: "whose own network is gone for %s; the server takes",
		fault: func(length time.Duration) sim.Fault { return sim.Offline{At: calm, For: length} },
	}, {
		name: "offline-told", mark: "offline", what: "the same, and their systems tell them when it goes and comes",
		story: "whose own network is gone for %s and says so; the server takes",
		fault: func(length time.Duration) sim.Fault { return sim.Offline{At: calm, For: length, Hints: true} },
	},
}

// overload is what a server does above its capacity.
type overload struct {
	name, what string
	story      string
	apply      func(*sim.Server, storm)
}

func (o overload) names() (name, what string) { return o.name, o.what }

var overloads = []overload{
	{"refuse", "refuse it with 503", "refuses more with 503", func(*sim.Server, storm) {}},
	{
		"retry-after", "refuse it, say with Retry-After when there is room after all who wait, and keep that place",
		"refuses more, telling each client when there is room",
		func(s *sim.Server, _ storm) { s.RetryAfter.Ticket = true },
	},
	{
		sameForAll, "refuse it with the same Retry-After for everyone", "refuses more, with Retry-After",
		func(s *sim.Server, o storm) { s.RetryAfter.Constant = o.RetryAfter },
	},
	{"drop", "do not answer", "does not answer more", func(s *sim.Server, _ storm) { s.Overload = sim.Drop }},
}

func (s *storm) validate() error {
	_, wrongKind := pick("kind", kinds, s.Kind)
	_, wrongOverload := pick("overload", overloads, s.Overload)
	errs := []error{wrongKind, wrongOverload, s.validateTimes()}
	if s.Clients < 1 || s.Clients > mostClients {
		errs = append(errs, fmt.Errorf("-clients is %d: it must be from 1 to %d", s.Clients, mostClients))
	}
	if s.Capacity != 0 && !(s.Capacity >= 0.1 && s.Capacity <= mostCapacity) {
		errs = append(errs, fmt.Errorf("-capacity is %v: it must be from 0.1 to %v, or 0 for the default", s.Capacity, mostCapacity))
	}
	switch {
	case s.RetryAfter < 0:
		errs = append(errs, fmt.Errorf("-retry-after is %s: it must be positive, or 0 for the default", s.RetryAfter))
	case s.RetryAfter > 0 && s.Overload != sameForAll:
		errs = append(errs, fmt.Errorf("-retry-after is for -overload %s, it has no effect with -overload %s", sameForAll, s.Overload))
	}
	return errors.Join(errs...)
}

// validateTimes leaves an hour after the longest outage.
func (s *storm) validateTimes() error {
	if most := longest - time.Hour; s.Outage <= 0 || s.Outage > most {
		return fmt.Errorf("-outage is %s: it must be positive, and at most %s", s.Outage, most)
	}
	if least := calm + s.Outage; s.For != 0 && (s.For < least || s.For > longest) {
		return fmt.Errorf("-for is %s: it must be from %s, for the outage and the %s before, to %s, or 0 for the default",
			s.For, least, calm, longest)
	}
	return nil
}

// fill sets the defaults that depend on something else.
func (s *storm) fill() {
	if s.Capacity == 0 {
		s.Capacity = max(float64(s.Clients)/50, 1)
	}
	if s.For == 0 {
		s.For = min((calm + s.Outage + s.aftermath() + time.Second - 1).Truncate(time.Second), longest)
	}
	if s.RetryAfter == 0 && s.Overload == sameForAll {
		s.RetryAfter = 10 * time.Second
	}
}

// aftermath is for how long it is worth watching once the server is back: three times
// what it needs for all. However fast it is, clients wait in proportion to the outage.
func (s *storm) aftermath() time.Duration {
	return max(min(3*s.serving(), time.Hour), s.Outage, time.Minute)
}

// serving is how long the server needs for all clients.
func (s *storm) serving() time.Duration {
	return time.Duration(float64(s.Clients) / s.Capacity * float64(time.Second))
}

// scenario is what all policies go through. Everything that is not said here is a
// default of the simulator.
func (s *storm) scenario() (sim.Scenario, error) {
	k, err := pick("kind", kinds, s.Kind)
	if err != nil {
		return sim.Scenario{}, err
	}
	o, err := pick("overload", overloads, s.Overload)
	if err != nil {
		return sim.Scenario{}, err
	}
	server := sim.Server{JoinsPerSecond: s.Capacity}
	o.apply(&server, *s)
	return sim.Scenario{
		Seed: s.Seed, Clients: s.Clients, Servers: []sim.Server{server},
		Faults: []sim.Fault{k.fault(s.Outage)}, For: s.For, Step: time.Second,
	}, nil
}

// String says in one line what is simulated.
func (s *storm) String() string {
	k, _ := pick("kind", kinds, s.Kind)
	o, _ := pick("overload", overloads, s.Overload)
	text := fmt.Sprintf("%s, %s %s and %s", clients(s.Clients),
		fmt.Sprintf(k.story, seconds(s.Outage)), s.rate(), o.story)
	if o.name == sameForAll {
		text += ": " + seconds(s.RetryAfter)
	}
	return text
}

// rate is the capacity in words.
func (s *storm) rate() string {
	if s.Capacity == 1 {
		return "1 join a second"
	}
	return grouped(s.Capacity) + " joins a second"
}

// ideal is when all that were hit would be back if the server were never idle
// once it takes any, counted from the beginning of the fault.
func (s *storm) ideal(r *sim.Result) time.Duration {
	if !s.meanwhile() {
		return r.Summary.Ideal
	}
	return max(s.Outage, r.Summary.Ideal-s.Outage)
}

// meanwhile says that clients can come back before the fault is over.
func (s *storm) meanwhile() bool {
	k, _ := pick("kind", kinds, s.Kind)
	return k.meanwhile
}
