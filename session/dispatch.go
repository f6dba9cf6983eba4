package session

import (
	"runtime/debug"
	"sync"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// maxWaiting is how many events may wait for one observer before whole outages
// are folded into one Missed.
const maxWaiting = 1024

// dispatcher delivers events to one observer, in order, from a goroutine that
// exists only while there are events.
type dispatcher struct {
	s *Session
	o observer.Observer

	mu      sync.Mutex
	queue   []observer.Event
	running bool
	dead    bool // abandoned, or unsubscribed: nothing is delivered any more
}

// send queues an event.
func (d *dispatcher) send(e observer.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return
	}
	if len(d.queue) >= maxWaiting {
		d.queue = fold(d.queue)
	}
	d.queue = append(d.queue, e)
	if !d.running {
		d.running = true
		go d.run()
	}
}

// run delivers until nothing waits. If the observer leaves its goroutine, by a
// panic or by runtime.Goexit, the next goroutine goes on.
func (d *dispatcher) run() {
	returned := true
	defer func() {
		if p := recover(); p != nil {
			d.s.fault(&observer.PanicError{Where: "observer", Value: p, Stack: debug.Stack()})
		} else if !returned {
			d.s.fault(&observer.PanicError{Where: "observer", Value: "the goroutine was left with runtime.Goexit"})
		} else {
			return
		}
		go d.run()
	}()
	for {
		e, ok := d.take()
		if !ok {
			return
		}
		returned = false
		d.deliver(e)
		returned = true
	}
}

// deliver calls the observer. The session may end once Stopped was delivered,
// even if that panicked.
func (d *dispatcher) deliver(e observer.Event) {
	if _, last := e.(observer.Stopped); last {
		defer d.s.delivered(d)
	}
	d.o.Observe(e)
}

func (d *dispatcher) take() (observer.Event, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead || len(d.queue) == 0 {
		d.running, d.queue = false, nil
		return nil, false
	}
	e := d.queue[0]
	d.queue[0] = nil
	d.queue = d.queue[1:]
	return e, true
}

// abandon ends the delivery; a callback that runs is not waited for.
func (d *dispatcher) abandon() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead, d.queue = true, nil
}

// fault ends the session because code of the application panicked.
func (s *Session) fault(err *observer.PanicError) {
	s.post(machine.Input{Kind: machine.Fault, Status: status.New(status.RealtimeApiFailed, err)})
}
