package main

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// closings end a client from inside one of its callbacks, which is where an
// application learns that it should. A watchdog judges.
var closings = []discipline{
	inside("close-connected", "Close in the callback of the connection", whenConnected, client.Close),
	inside("close-lost", "Close in the callback of the loss", whenLost, client.Close),
	stopInside,
	{
		name: "close-asked", title: always("Close, a callback asks for the state"), cell: closingCell,
		limit: closingLimit, run: closeAsked,
	},
}

// closingCell is what all closings tell.
const closingCell = "Close: until the call returns, until no goroutine of the client is left"

// stopInside is for the lesser call, where there is one.
var stopInside = func() discipline {
	d := inside("stop-connected", "Stop or Disconnect there, then Close outside", whenConnected, lesser)
	d.open = func(c contestant) bool { return c.lesser }
	return d
}()

func closingLimit(s settings) time.Duration { return 2*s.Patience + slack + joinTime }

// moment is a callback from which to end the client.
type moment int

const (
	whenConnected moment = iota
	whenLost
)

// lesser is the call that ends a client with less than Close, which still is to
// come: from another goroutine, as the application would.
func lesser(c client) {
	c.(stopper).Stop()
	go c.Close()
}

func inside(name, title string, when moment, end func(client)) discipline {
	return discipline{
		name: name, title: always(title), cell: closingCell, limit: closingLimit,
		run: func(c contestant, s settings) (reading, error) { return newEnding(s, end).at(c, when) },
	}
}

// ending is the end of one client under a watchdog.
type ending struct {
	settings
	end      func(client)
	once     sync.Once
	before   int           // goroutines without the client
	called   chan struct{} // closed when the end is called for
	returned chan struct{} // closed when that call has returned
	began    time.Time
	took     time.Duration
}

func newEnding(s settings, end func(client)) *ending {
	return &ending{settings: s, end: end, called: make(chan struct{}), returned: make(chan struct{})}
}

// call ends the client, the first time.
func (e *ending) call(c client) {
	e.once.Do(func() {
		e.began = time.Now()
		close(e.called)
		e.end(c)
		e.took = time.Since(e.began)
		close(e.returned)
	})
}

// at ends a client from its own callback.
func (e *ending) at(c contestant, when moment) (reading, error) {
	p, addr, err := oneServer(c)
	if err != nil {
		return reading{}, err
	}
	defer func() { _ = p.kill() }()
	e.before = runtime.NumGoroutine()
	if when == whenConnected {
		_, err = c.dial(target{addr: addr}, hooks{connected: e.call})
	} else {
		err = e.lose(c, p, addr)
	}
	if err != nil {
		return reading{}, err
	}
	return e.judged()
}

// lose connects and takes the server away.
func (e *ending) lose(c contestant, p *serverProcess, addr string) error {
	if _, err := join(c.dial, target{addr: addr}, hooks{lost: e.call}); err != nil {
		return err
	}
	return p.kill()
}

var errNoCallback = errors.New("the callback was not called")

// judged waits for the call, for its return and for the end of the goroutines.
func (e *ending) judged() (reading, error) {
	select {
	case <-e.called:
	case <-time.After(joinTime):
		return reading{}, errNoCallback
	}
	select {
	case <-e.returned:
	case <-time.After(e.Patience):
	}
	eventually(e.Patience, func() bool { return e.left() <= 0 })
	return e.reading(), nil
}

// left counts the goroutines that are there because of the client.
func (e *ending) left() int { return runtime.NumGoroutine() - e.before }

func (e *ending) reading() reading {
	left, clean := e.left(), time.Since(e.began)
	r := reading{Values: map[string]float64{"goroutinesLeft": float64(max(left, 0))}}
	select {
	case <-e.returned:
		r.Text, r.Values["returnedSeconds"] = seconds(e.took), e.took.Seconds()
	default:
		r.Text = "never"
	}
	if left <= 0 {
		r.Values["goneSeconds"] = clean.Seconds()
		r.Text += ", " + seconds(clean)
		return r
	}
	r.Text += fmt.Sprintf(", %d left after %s", left, seconds(clean))
	return r
}

// closeAsked closes from outside while the callback of the end asks for the state,
// which nobody would take for dangerous.
func closeAsked(c contestant, s settings) (reading, error) {
	p, addr, err := oneServer(c)
	if err != nil {
		return reading{}, err
	}
	defer func() { _ = p.kill() }()
	e := newEnding(s, client.Close)
	e.before = runtime.NumGoroutine()
	made, err := join(c.dial, target{addr: addr}, hooks{ended: func(c client) { c.Connected() }})
	if err != nil {
		return reading{}, err
	}
	go e.call(made)
	return e.judged()
}
