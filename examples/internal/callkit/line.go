package callkit

import (
	"cmp"
	"context"
	"errors"

	"github.com/coder/websocket"
	"github.com/holdfast-go/holdfast/policy/status"
)

// line is the client's side of one signaling channel. A call has one at a time
// that counts, and another while it is being resumed.
type line struct {
	*channel
	// ctx ends when no answer will come any more, and its cause says why: the
	// attempt has failed by what the server says or does, or the channel is lost.
	ctx   context.Context
	lose  context.CancelCauseFunc
	state lineState // under the call's mu
}

type lineState int

const (
	opening    lineState = iota // what goes wrong is the failure of an attempt
	standing                    // what goes wrong is told
	superseded                  // only what ends the call for good is told
)

func newLine(ch *channel) *line {
	l := &line{channel: ch}
	l.ctx, l.lose = context.WithCancelCause(context.Background())
	return l
}

// lost gives the reason why no answer will come, nil while one may.
func (l *line) lost() error { return context.Cause(l.ctx) }

// fail takes note of what ends an attempt and reports whether there is still one
// to end. The caller holds the call's mu.
func (l *line) fail(err error) bool {
	if l.state != opening {
		return false
	}
	l.lose(err)
	return true
}

// silences says whether a status of the line is none of the handler's business
// any more. The caller holds the call's mu.
func (l *line) silences(st status.Status) bool {
	return l.state == superseded && !st.Code.Terminal()
}

// read takes in messages until the line is lost. From the moment at which
// supersede returns none of its losses is told, hence the lock: it orders what
// the handler is told and what the call does with its lines.
func (c *Call) read(l *line) {
	for {
		m, err := l.receive(c.ctx)
		c.telling.Lock()
		if err != nil {
			c.lineLost(l, err)
			c.telling.Unlock()
			return
		}
		c.heard(l, m)
		c.telling.Unlock()
	}
}

// heard deals with a message. The caller holds telling.
func (c *Call) heard(l *line, m Message) {
	if !c.isSuperseded(l) {
		c.lives(m)
	}
	if answers[m.Kind] {
		c.noteStage(m)
		c.requests.settle(m)
		return
	}
	c.pushed(l, m)
}

// lives passes on what a message says about the life of the line.
func (c *Call) lives(m Message) {
	c.h.Alive(status.LayerSignaling)
	switch m.Kind {
	case KindPong:
		c.h.Pong(m.ID)
	case KindPresent:
		c.h.Present()
	}
}

// noteStage remembers which meeting the server has agreed to.
func (c *Call) noteStage(m Message) {
	if m.Status == 0 && (m.Kind == KindPromoteAck || m.Kind == KindDemoteAck) {
		c.promoted.Store(m.Kind == KindPromoteAck)
	}
}

// pushed deals with what the server says unasked.
func (c *Call) pushed(l *line, m Message) {
	switch m.Kind {
	case KindAudioStatus:
		c.told(l, m.asked(status.FromAudio(m.Status)))
	case KindError:
		c.told(l, m.asked(status.FromSignaling(m.Status)))
	case KindGoAway:
		c.told(l, m.asked(status.FromWebSocketClose(m.Status, status.Attached)))
	case KindPrimaryLeave:
		c.demoted()
	}
}

// demoted tells of a removal from the primary meeting, which is no loss and ends no
// attempt.
func (c *Call) demoted() {
	c.promoted.Store(false)
	if c.stands() {
		c.h.Status(status.New(status.AudioVideoWasRemovedFromPrimaryMeeting, nil))
	}
}

// told deals with a status from the server: whatever is not OK ends an attempt.
func (c *Call) told(l *line, st status.Status) {
	if st.Code == status.OK {
		return
	}
	c.mu.Lock()
	quiet := l.fail(st) || l.silences(st)
	c.mu.Unlock()
	if !quiet {
		c.h.Status(st)
	}
}

// closed gives the meaning of the error that ends a line.
func closed(cause error) status.Status {
	var frame websocket.CloseError
	if !errors.As(cause, &frame) {
		frame.Code = -1 // none came
	}
	st := status.FromWebSocketClose(int(frame.Code), status.Attached)
	st.Cause = cause
	return wishOf(frame.Reason).asked(st)
}

// lineLost runs once, at the end of the reader, which holds telling.
func (c *Call) lineLost(l *line, cause error) {
	st := closed(cause)
	c.mu.Lock()
	quiet := l.fail(st) || l.silences(st)
	old := l.state == superseded
	c.mu.Unlock()
	l.lose(st)
	switch {
	case quiet || c.leaving.Load() || c.ctx.Err() != nil:
	case old:
		c.h.Status(st) // a loss of signaling would be that of the next line
	default:
		c.h.Closed(status.LayerSignaling, st)
	}
}

// current is the line that counts; nil before the first is open.
func (c *Call) current() *line {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.line
}

func (c *Call) isSuperseded(l *line) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return l.state == superseded
}

// stand turns an attempt into a line that counts, unless something has failed
// meanwhile.
func (c *Call) stand(l *line) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := cmp.Or(l.lost(), c.closing()); err != nil {
		return err
	}
	l.state, c.established = standing, true
	return nil
}

// supersede makes a line's losses those of nobody.
func (c *Call) supersede(l *line) {
	c.telling.Lock()
	defer c.telling.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	l.state = superseded
}
