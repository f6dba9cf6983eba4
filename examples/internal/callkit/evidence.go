package callkit

import (
	"errors"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// evidence passes on what is seen of the media of a call. An application that
// gives a session its links directly needs nothing like it: *session.Reporter
// takes all of this. Here a failed Dial has to be told apart from a lost call.
type evidence struct{ c *Call }

func (e evidence) Alive(l status.Layer)        { e.c.h.Alive(l) }
func (e evidence) Expect(x health.Expectation) { e.c.h.Expect(x) }
func (e evidence) Probed(id uint64)            { e.c.h.Probed(id) }

func (e evidence) Sample(s health.Sample) {
	if e.c.stands() {
		e.c.h.Sample(s)
	}
}

func (e evidence) Doubt(l status.Layer, why error) {
	if e.c.stands() {
		e.c.h.Doubt(l, why)
	}
}

// Closed ends an attempt with the cause of a loss, or tells of the loss.
func (e evidence) Closed(l status.Layer, err error) {
	c := e.c
	if c.leaving.Load() {
		return
	}
	cause := err
	if st := (status.Status{}); errors.As(err, &st) {
		cause = st.Cause
	}
	c.mu.Lock()
	again := c.mediaGone
	c.mediaGone = true
	ended := !c.established && c.line.fail(cause)
	c.mu.Unlock()
	if !again && !ended {
		c.h.Closed(l, err)
	}
}

// stands says whether Dial has succeeded.
func (c *Call) stands() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.established
}
