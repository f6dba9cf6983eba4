package session

import (
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// ending closes Done when every observer has heard Stopped, or at the observer
// grace. It is guarded by the session's lock.
type ending struct {
	waiting map[*dispatcher]bool // observers that have not heard Stopped
	begun   bool
	closed  bool
	// recording: the recorder has not written the last line yet.
	recording bool
	grace     *time.Timer
}

func (e *ending) waitFor(watch []*dispatcher) {
	e.waiting = make(map[*dispatcher]bool, len(watch))
	for _, d := range watch {
		e.waiting[d] = true
	}
}

// delivered notes that an observer needs no more waiting for.
func (s *Session) delivered(d *dispatcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ending.waiting, d)
	s.maybeDone()
}

// finish lets go of everything once the core is done. It closes the link whose
// Opened comes too late for the core to know of it.
func (s *Session) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latch()
	s.ending.begun = true
	for _, l := range s.lives {
		if l.link != nil && !l.closing {
			l.closing = true
			go s.closeLink(l, false)
		}
	}
	s.ending.recording = s.rec != nil && s.rec.close(s.recorded)
	s.maybeDone()
	if !s.ending.closed {
		s.ending.grace = time.AfterFunc(s.cfg.observerGrace, s.abandon)
	}
}

// maybeDone closes Done when nobody is waited for, with the lock held.
func (s *Session) maybeDone() {
	if !s.ending.begun || s.ending.closed || s.ending.recording || len(s.ending.waiting) > 0 {
		return
	}
	s.ending.closed = true
	if s.ending.grace != nil {
		s.ending.grace.Stop()
	}
	close(s.done)
}

// abandon gives up the observers that are still at work, and the recorder.
func (s *Session) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := range s.ending.waiting {
		d.abandon()
	}
	if s.ending.waiting = nil; s.ending.recording {
		s.ending.recording = false
		s.rec.to.abandon()
	}
	s.maybeDone()
}

// faultOf is the input for a panic, or its like, in code of the application.
func faultOf(where, what string) machine.Input {
	return machine.Input{Kind: machine.Fault, Status: status.New(status.RealtimeApiFailed,
		&observer.PanicError{Where: where, Value: what})}
}
