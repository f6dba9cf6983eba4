package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/session/sim"
)

// storm is what is simulated. Durations are written in nanoseconds.
type storm struct {
	Clients    int           `json:"clients"`
	Capacity   float64       `json:"capacity"`
	Outage     time.Duration `json:"outage"`
	For        time.Duration `json:"for"`
	Seed       uint64        `json:"seed"`
	Kind       string        `json:"kind"`
	Overload   string        `json:"overload"`
	RetryAfter time.Duration `json:"retryAfter"`
}

// calm is how long nothing happens at first.
const calm = 5 * time.Second

// kind is something that happens to a server.
type kind struct {
	name, what string
	// story follows "100,000 clients", with the length of the outage, and comes before
	// "2,000 joins a second".
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
		story: "lose their server, which closes with 1012 and is gone for %s; then it takes",
		fault: func(length time.Duration) sim.Fault { return sim.Restart{At: calm, For: length} },
	}, {
		name: "crash", mark: "outage", what: "connections break without a word",
		story: "lose their server, which crashes and is gone for %s; then it takes",
		fault: func(length time.Duration) sim.Fault { return sim.Outage{At: calm, For: length} },
	}, {
		name: "proxied", mark: "outage", what: "the same, behind a proxy that answers 502 meanwhile",
		story: "lose their server, which crashes behind a proxy and is gone for %s; then it takes",
		fault: func(length time.Duration) sim.Fault { return sim.Outage{At: calm, For: length, Answer: 502} },
	}, {
		name: "powercut", mark: "outage", what: "the whole machine is gone: nobody is told, and nothing answers",
		story: "lose their server with its machine, of which nobody is told, for %s; then it takes",
		fault: func(length time.Duration) sim.Fault { return sim.Outage{At: calm, For: length, Silent: true} },
	}, {
		name: "blackhole", mark: "silence", what: "nothing gets through, and nobody is told",
		story: "hear nothing from their server for %s; then it takes",
		fault: func(length time.Duration) sim.Fault { return sim.BlackHole{At: calm, For: length} },
	}, {
		name: "drain", mark: "draining", what: "the server tells its clients one by one to go away (1001), and takes them again",
		story: "are told one by one to go away and come back, within %s; the server takes", meanwhile: true,
		fault: func(length time.Duration) sim.Fault { return sim.Drain{At: calm, For: length} },
	}, {
		name: "offline", mark: "offline", what: "the network of all clients goes away",
		story: "lose their own network for %s; their server takes",
		fault: func(length time.Duration) sim.Fault { return sim.Offline{At: calm, For: length} },
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
		"retry-after", "refuse it with the same Retry-After for everyone", "refuses more, with Retry-After",
		func(s *sim.Server, o storm) { s.RetryAfter.Constant = o.RetryAfter },
	},
	{
		"ticket", "refuse it and say when there will be room", "refuses more, telling each client when there is room",
		func(s *sim.Server, _ storm) { s.RetryAfter.Ticket = true },
	},
	{"drop", "do not answer", "does not answer more", func(s *sim.Server, _ storm) { s.Overload = sim.Drop }},
}

func (s *storm) validate() error {
	_, wrongKind := pick("kind", kinds, s.Kind)
	_, wrongOverload := pick("overload", overloads, s.Overload)
	errs := []error{wrongKind, wrongOverload}
	if s.Clients < 1 {
		errs = append(errs, fmt.Errorf("-clients is %d: it must be positive", s.Clients))
	}
	if s.Capacity != 0 && !(s.Capacity >= 0.1) {
		errs = append(errs, fmt.Errorf("-capacity is %v: it must be at least 0.1, or 0 for the default", s.Capacity))
	}
	if s.Outage <= 0 {
		errs = append(errs, fmt.Errorf("-outage is %s: it must be positive", s.Outage))
	}
	if s.For != 0 && s.For < calm+s.Outage {
		errs = append(errs, fmt.Errorf("-for is %s: it must be at least %s, for the outage and the %s before, or 0 for the default",
			s.For, calm+s.Outage, calm))
	}
	if s.RetryAfter <= 0 {
		errs = append(errs, fmt.Errorf("-retry-after is %s: it must be positive", s.RetryAfter))
	}
	return errors.Join(errs...)
}

// fill sets the defaults that depend on something else.
func (s *storm) fill() {
	if s.Capacity == 0 {
		s.Capacity = float64(s.Clients) / 50
	}
	if s.For == 0 {
		s.For = (calm + s.Outage + min(3*s.serving(), time.Hour) + time.Second - 1).Truncate(time.Second)
	}
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
	text := fmt.Sprintf("%s clients %s %s joins a second and %s", grouped(float64(s.Clients)),
		fmt.Sprintf(k.story, seconds(s.Outage)), grouped(s.Capacity), o.story)
	if o.name == "retry-after" {
		text += ": " + seconds(s.RetryAfter)
	}
	return text
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
