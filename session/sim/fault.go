package sim

import (
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Fault is something that happens to servers or clients at a time of the scenario.
// It is one of Outage, Restart, BlackHole, Refusals, Drain and Offline. Where it
// names a server, none means all of them.
type Fault interface {
	// span is when it begins and how long it lasts.
	span() (at, length time.Duration)
	server() string
	validate(field string) error
	enter(p *plan, s stretch)
}

// mover is a fault that sends clients elsewhere.
type mover interface{ moveTo() string }

// ticketer is a fault in which servers may promise places to clients.
type ticketer interface{ tickets() bool }

// isNil says that there is none, or none behind a pointer.
func isNil(f Fault) bool {
	v := reflect.ValueOf(f)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// Outage: the process is gone, for so long. Its connections are closed; new ones are
// refused by the machine that it ran on.
type Outage struct {
	Server string
	At     time.Duration
	For    time.Duration
	// CloseCode is the code with which the process says goodbye, such as 1001 or 1012;
	// 0: none, as when it crashes.
	CloseCode int
	// Silent says that the machine is gone as well: nobody is told, and nothing answers.
	// Who has not noticed until it is back is told then.
	Silent bool
	// Answer is the HTTP status with which something in front of the process answers
	// meanwhile, such as 502; 0: connections are refused.
	Answer int
	// KeepSessions says that sessions and their media are in the care of other processes:
	// media goes on, and a resume is enough.
	KeepSessions bool
}

// Restart is an Outage in which the process closes its connections with 1012.
type Restart struct {
	Server       string
	At           time.Duration
	For          time.Duration // 0: 5 s
	KeepSessions bool
}

// BlackHole: nothing gets through to the server or back, for so long, and nobody is
// told. Connections that are still there afterwards go on.
type BlackHole struct {
	Server string
	At     time.Duration
	For    time.Duration
}

// Refusals: the server goes on with those who are there, and refuses all others.
type Refusals struct {
	Server string
	At     time.Duration
	For    time.Duration
	// Status is the HTTP status, 0: that of the server.
	Status int
	// RetryAfter is what these refusals ask for. The zero value asks for nothing.
	RetryAfter RetryAfter
}

// Drain: clients are told to go away one by one, in random order, spread over For,
// with close code 1001. With MoveTo they are told where to, and meanwhile the server
// refuses others in the same way; without, it takes them again.
type Drain struct {
	Server string
	At     time.Duration
	For    time.Duration
	MoveTo string
}

// Offline: the network of clients goes away and comes back.
type Offline struct {
	At  time.Duration
	For time.Duration
	// Share of the clients, the first ones; 0 counts as all.
	Share float64
	// Hints is as in Absence.
	Hints bool
}

func (f Outage) span() (at, length time.Duration)    { return f.At, f.For }
func (f Restart) span() (at, length time.Duration)   { return f.outage().span() }
func (f BlackHole) span() (at, length time.Duration) { return f.At, f.For }
func (f Refusals) span() (at, length time.Duration)  { return f.At, f.For }
func (f Drain) span() (at, length time.Duration)     { return f.At, f.For }
func (f Offline) span() (at, length time.Duration)   { return f.At, f.For }

func (f Outage) server() string    { return f.Server }
func (f Restart) server() string   { return f.Server }
func (f BlackHole) server() string { return f.Server }
func (f Refusals) server() string  { return f.Server }
func (f Drain) server() string     { return f.Server }
func (f Offline) server() string   { return "" }

func (f Drain) moveTo() string { return f.MoveTo }

func (f Refusals) tickets() bool { return f.RetryAfter.Ticket }

// outage is what a restart is.
func (f Restart) outage() Outage {
	length := f.For
	if length == 0 {
		length = 5 * time.Second
	}
	return Outage{Server: f.Server, At: f.At, For: length, CloseCode: 1012, KeepSessions: f.KeepSessions}
}

func (f Outage) validate(field string) error {
	errs := []error{lasts(field, f), httpStatus(field+".Answer", f.Answer)}
	if f.CloseCode != 0 && (f.CloseCode < 1000 || f.CloseCode > 4999) {
		errs = append(errs, fmt.Errorf("sim: %s.CloseCode is %d: it must be from 1000 to 4999, or 0 for none", field, f.CloseCode))
	}
	if f.Silent && (f.CloseCode != 0 || f.Answer != 0) {
		errs = append(errs, fmt.Errorf("sim: %s.Silent: then nobody gets a CloseCode or an Answer", field))
	}
	return errors.Join(errs...)
}

// httpStatus checks one that turns clients away.
func httpStatus(field string, code int) error {
	if code == 0 || code >= 400 && code <= 599 {
		return nil
	}
	return fmt.Errorf("sim: %s is %d: it must be an HTTP status from 400 to 599, or 0 for the default", field, code)
}

func (f Restart) validate(field string) error   { return lasts(field, f) }
func (f BlackHole) validate(field string) error { return lasts(field, f) }

func (f Refusals) validate(field string) error {
	return errors.Join(
		lasts(field, f), httpStatus(field+".Status", f.Status),
		within(field+".RetryAfter.Constant", f.RetryAfter.Constant, maxFor),
	)
}

func (f Drain) validate(field string) error {
	if f.MoveTo != "" && f.MoveTo == f.Server {
		return errors.Join(lasts(field, f), fmt.Errorf("sim: %s.MoveTo is the server itself", field))
	}
	return lasts(field, f)
}

func (f Offline) validate(field string) error {
	return errors.Join(lasts(field, f), share(field+".Share", f.Share))
}

// lasts checks the times of a fault.
func lasts(field string, f Fault) error {
	at, length := f.span()
	errs := []error{within(field+".At", at, maxFor)}
	if length <= 0 {
		errs = append(errs, fmt.Errorf("sim: %s.For is %s: it must be positive", field, length))
	}
	if left := maxFor - min(max(at, 0), maxFor); length > left {
		errs = append(errs, fmt.Errorf("sim: %s.For is %s: faults end within 7 days of the beginning, so it must be at most %s", field, length, left))
	}
	return errors.Join(errs...)
}
