package sim

import (
	"errors"
	"fmt"
	"time"
)

// Server is one place where clients may connect: a process, or a region behind one
// address. The zero value takes everyone at once.
type Server struct {
	// Name is its endpoint, as it appears in session.Config.Endpoints. Empty:
	// "server-1", and so on.
	Name string
	// Share is how many of the clients are at home here, in proportion to the other
	// servers; 0 counts as 1, negative as none.
	Share float64
	// JoinsPerSecond is its capacity, at least 0.001; 0: no limit.
	JoinsPerSecond float64
	// Queue is how many requests may wait for their turn. 0: as many as it takes in a
	// second; negative: none.
	Queue int
	// Handshakes is how many attempts may be under way at once, from their request to
	// their end; 0: no limit.
	Handshakes int
	// Overload says what happens to a request for which there is no room.
	Overload Overload
	// RefuseWith is the HTTP status of a refusal; 0: 503.
	RefuseWith int
	// RetryAfter is what a refusal asks for.
	RetryAfter RetryAfter
	// ResumeCost and RestartCost are what a resume and a restart of media take of the
	// capacity, in joins, at most 1000; 0: 0.25 and 0.1; negative: nothing. A resume that
	// is refused costs as much.
	ResumeCost, RestartCost float64
	// RefusalCost is what refusing a request takes, in joins. 0: nothing.
	RefusalCost float64
	// ResumeFor is how long the session of a client that is gone is kept; 0: 30 s;
	// negative: not at all.
	ResumeFor time.Duration
}

// Overload is what a server does above its capacity.
type Overload int

const (
	// Refuse answers at once with Server.RefuseWith. The zero value.
	Refuse Overload = iota
	// Drop does not answer: the attempt runs into its time limit.
	Drop
)

// RetryAfter is what a server asks of a client that it refuses. The zero value asks
// for nothing.
type RetryAfter struct {
	// Constant asks everyone for the same.
	Constant time.Duration
	// Ticket asks each client for the time until there is room, given what was
	// promised to the others already, and keeps that place for it. It goes before
	// Constant.
	Ticket bool
}

// wholeSeconds is how an HTTP header tells a time to wait: in whole ones.
func wholeSeconds(d time.Duration) time.Duration {
	if whole := d.Truncate(time.Second); whole < d {
		return after(whole, time.Second)
	}
	return d
}

func (s *Server) fill(number int) {
	if s.Name == "" {
		s.Name = fmt.Sprintf("server-%d", number)
	}
	if s.Share == 0 {
		s.Share = 1
	}
	if s.Queue == 0 {
		s.Queue = max(int(s.JoinsPerSecond), 1)
	}
	if s.RefuseWith == 0 {
		s.RefuseWith = 503
	}
	if s.ResumeFor == 0 {
		s.ResumeFor = 30 * time.Second
	}
	fillCost(&s.ResumeCost, 0.25)
	fillCost(&s.RestartCost, 0.1)
}

func fillCost(cost *float64, standard float64) {
	if *cost == 0 {
		*cost = standard
	}
	*cost = max(*cost, 0)
}

// The bounds of a server: with them sums of shares are numbers, and no single request
// takes longer to serve than a duration can tell.
const (
	mostJoins      = 1000
	leastPerSecond = 0.001
	mostPerSecond  = 1e9
	mostShare      = 1e9
)

func (s *Server) validate(field string) error {
	errs := []error{
		s.validateCapacity(field), within(field+".RetryAfter.Constant", s.RetryAfter.Constant, maxFor),
		httpStatus(field+".RefuseWith", s.RefuseWith),
	}
	if !(s.Share <= mostShare) {
		errs = append(errs, fmt.Errorf("sim: %s.Share is %v: it must be a number up to %v, 0 for 1, or negative for none", field, s.Share, mostShare))
	}
	if s.Handshakes < 0 {
		errs = append(errs, fmt.Errorf("sim: %s.Handshakes is %d: it must not be negative; 0 is no limit", field, s.Handshakes))
	}
	if s.Overload != Refuse && s.Overload != Drop {
		errs = append(errs, fmt.Errorf("sim: %s.Overload is %d: it must be Refuse or Drop", field, s.Overload))
	}
	if s.RetryAfter.Ticket && s.JoinsPerSecond == 0 {
		errs = append(errs, fmt.Errorf("sim: %s.RetryAfter.Ticket needs a JoinsPerSecond to reckon with", field))
	}
	return errors.Join(errs...)
}

func (s *Server) validateCapacity(field string) error {
	errs := []error{cost(field+".ResumeCost", s.ResumeCost), cost(field+".RestartCost", s.RestartCost)}
	if v := s.JoinsPerSecond; v != 0 && !(v >= leastPerSecond && v <= mostPerSecond) {
		errs = append(errs, fmt.Errorf("sim: %s.JoinsPerSecond is %v: it must be from %v to %v, or 0 for no limit",
			field, v, leastPerSecond, mostPerSecond))
	}
	if !(s.RefusalCost >= 0 && s.RefusalCost <= 1) {
		errs = append(errs, fmt.Errorf("sim: %s.RefusalCost is %v: it must be from 0 to 1 joins", field, s.RefusalCost))
	}
	return errors.Join(errs...)
}

func cost(field string, v float64) error {
	if v <= mostJoins {
		return nil
	}
	return fmt.Errorf("sim: %s is %v: it must be a number of joins up to %d, 0 for the default, or negative for nothing", field, v, mostJoins)
}
