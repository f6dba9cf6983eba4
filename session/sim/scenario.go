package sim

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session"
)

// Scenario is a fleet and what happens to it. All clients are connected when it
// begins, and have been for a while.
type Scenario struct {
	// Seed makes a scenario another one of its kind. The same scenario with the same
	// seed has the same result, byte for byte.
	Seed uint64
	// Clients is how many there are; required.
	Clients int
	// Client is how their sessions behave; the zero value is what session.New makes of
	// it. Policy, Health and the times hold. Transport, Observers, Random, Credentials,
	// EndpointSource, Limiter and Resync are ignored. Endpoints are names of servers, of
	// which the first is then home to everyone; nil: the client's home, and then the
	// others in turn. What is plugged into the
	// policy and the health config is called by several goroutines at once, but by one
	// for each session.
	Client session.Config
	// OpenLoop replaces the sessions by clients that follow a schedule.
	OpenLoop *Schedule
	// Network is what lies between clients and servers.
	Network Network
	// Servers are where clients may connect; nil: one that takes everyone at once.
	Servers []Server
	// Faults are what happens, in any order. Each begins before the end of the scenario,
	// and ends within 7 days.
	Faults []Fault
	// For is how long the scenario lasts, at most 7 days; 0: until 3 min after the last
	// fault.
	For time.Duration
	// Step is the time between two points of the series, in tenths of a second; 0: 1 s.
	Step time.Duration
	// Workers is how many goroutines share the work, at most 1000, which the result does
	// not depend on; 0: one for each CPU.
	Workers int
	// Progress is called about once for each step of virtual time, by the goroutine
	// that has called Run; nil: it is not.
	Progress func(Progress)

	// watch sees every event of every session and moved every change of its state, in
	// order for each of them. They are for tests, and called by several goroutines.
	watch func(client int, at time.Duration, e observer.Event)
	moved func(client int, at time.Duration, from, to State)
}

// Progress is how far a scenario is.
type Progress struct {
	// At is the virtual time, For the length of the scenario.
	At, For time.Duration
	// Connected is the share of clients with a link that works.
	Connected float64
}

// afterwards is for how long a scenario goes on after its last fault.
const afterwards = 3 * time.Minute

// Effective returns a copy with every default filled in.
func (s Scenario) Effective() Scenario {
	s.Network.fill()
	if len(s.Servers) == 0 {
		s.Servers = []Server{{}}
	}
	servers := make([]Server, len(s.Servers))
	for i, server := range s.Servers {
		server.fill(i + 1)
		servers[i] = server
	}
	s.Servers = servers
	if s.For == 0 {
		s.For = min(after(s.lastFault(), afterwards), maxFor)
	}
	if s.Step == 0 {
		s.Step = time.Second
	}
	if s.Workers == 0 {
		s.Workers = runtime.GOMAXPROCS(0)
	}
	return s
}

// lastFault is when the last fault ends.
func (s *Scenario) lastFault() (end time.Duration) {
	for _, f := range s.Faults {
		if !isNil(f) {
			at, length := f.span()
			end = max(end, at+length)
		}
	}
	return end
}

const (
	maxClients = 10_000_000
	maxServers = 1000
	maxWorkers = 1000
	maxFor     = 7 * 24 * time.Hour
	maxBins    = 20_000_000 // of all servers
)

// Validate reports everything that is wrong with a scenario, naming each field. Run
// calls it.
func (s Scenario) Validate() error {
	errs := []error{s.validateSize(), s.Network.validate(), s.validateLatency(), s.validateClient()}
	for i := range s.Servers {
		errs = append(errs, s.Servers[i].validate(fmt.Sprintf("Servers[%d]", i)))
	}
	errs = append(errs, s.validateNames())
	for i, f := range s.Faults {
		errs = append(errs, s.validateFault(fmt.Sprintf("Faults[%d]", i), f))
	}
	return errors.Join(errs...)
}

func (s *Scenario) validateSize() error {
	var errs []error
	if s.Clients < 1 || s.Clients > maxClients {
		errs = append(errs, fmt.Errorf("sim: Clients is %d: it must be from 1 to %d", s.Clients, maxClients))
	}
	if len(s.Servers) > maxServers {
		errs = append(errs, fmt.Errorf("sim: Servers has %d: there may be %d", len(s.Servers), maxServers))
	}
	if s.For < 0 || s.For > maxFor {
		errs = append(errs, fmt.Errorf("sim: For is %s: it must be from 0, for the default, to 7 days", s.For))
	}
	if e := s.Effective(); int64(len(e.Servers))*int64(e.For/binWidth) > maxBins {
		errs = append(errs, fmt.Errorf("sim: For is %s: that is too long for %d servers, all in all it must not exceed %s",
			e.For, len(e.Servers), maxBins*binWidth))
	}
	if s.Step < 0 || s.Step > maxFor || s.Step%binWidth != 0 {
		errs = append(errs, fmt.Errorf("sim: Step is %s: it must be a multiple of %s up to 7 days, or 0 for 1 s", s.Step, binWidth))
	}
	if s.Workers < 0 || s.Workers > maxWorkers {
		errs = append(errs, fmt.Errorf("sim: Workers is %d: it must be from 0, for one for each CPU, to %d", s.Workers, maxWorkers))
	}
	return errors.Join(errs...)
}

func (s *Scenario) validateLatency() error {
	e := s.Effective()
	if longest := slices.Max(e.Network.ways(len(e.Servers))); longest > maxWay {
		return fmt.Errorf("sim: Network.Latency gives %s: it must not exceed %s", longest, maxWay)
	}
	return nil
}

func (s *Scenario) validateClient() error {
	if s.OpenLoop != nil {
		return s.OpenLoop.validate()
	}
	if err := bare(s.Client).Validate(); err != nil {
		return fmt.Errorf("sim: Client: %w", err)
	}
	return nil
}

func (s *Scenario) validateNames() error {
	var errs []error
	seen, homes := map[string]bool{}, len(s.Servers) == 0
	effective := s.Effective()
	for i, server := range effective.Servers {
		if seen[server.Name] {
			errs = append(errs, fmt.Errorf("sim: Servers[%d].Name is %q, as another one's", i, server.Name))
		}
		seen[server.Name], homes = true, homes || !(server.Share <= 0)
	}
	if !homes {
		errs = append(errs, errors.New("sim: Servers: the Share of each is negative: no client is at home anywhere"))
	}
	for i, name := range s.Client.Endpoints {
		if !seen[name] {
			errs = append(errs, fmt.Errorf("sim: Client.Endpoints[%d] is %q: there is no server of that name", i, name))
		}
	}
	return errors.Join(errs...)
}

func (s *Scenario) validateFault(field string, f Fault) error {
	if isNil(f) {
		return fmt.Errorf("sim: %s is nil", field)
	}
	errs := []error{f.validate(field), s.validateTickets(field, f)}
	if at, _ := f.span(); s.For > 0 && at >= s.For {
		errs = append(errs, fmt.Errorf("sim: %s.At is %s: the scenario is over by then, as its For is %s", field, at, s.For))
	}
	if f.server() != "" && s.serverOf(f.server()) < 0 {
		errs = append(errs, fmt.Errorf("sim: %s.Server is %q: there is no server of that name", field, f.server()))
	}
	if m, ok := f.(mover); ok && m.moveTo() != "" && s.serverOf(m.moveTo()) < 0 {
		errs = append(errs, fmt.Errorf("sim: %s.MoveTo is %q: there is no server of that name", field, m.moveTo()))
	}
	return errors.Join(errs...)
}

// validateTickets: where there is no capacity there are no places to promise.
func (s *Scenario) validateTickets(field string, f Fault) error {
	if t, ok := f.(ticketer); !ok || !t.tickets() {
		return nil
	}
	for _, server := range s.Effective().Servers {
		if (f.server() == "" || f.server() == server.Name) && server.JoinsPerSecond == 0 {
			return fmt.Errorf("sim: %s.RetryAfter.Ticket needs a JoinsPerSecond of server %q to reckon with", field, server.Name)
		}
	}
	return nil
}

// serverOf finds a server by its name, -1 if there is none.
func (s *Scenario) serverOf(name string) int {
	for i, server := range s.Effective().Servers {
		if server.Name == name {
			return i
		}
	}
	return -1
}
