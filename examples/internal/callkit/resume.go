package callkit

import (
	"cmp"
	"context"
	"errors"

	"github.com/holdfast-go/holdfast/policy/status"
)

// ErrResumeRefused is the error of a Resume that comes too late: the server knows
// nothing of the attendee's stay any more, and only a new join helps.
var ErrResumeRefused = errors.New("callkit: the server has nothing to resume")

// nothingKept is ErrResumeRefused as a phase fails with it.
var nothingKept = status.Status{Code: status.TaskFailed, Layer: status.LayerSignaling, Cause: ErrResumeRefused}

// ResumeOptions says how to resume a call.
type ResumeOptions struct {
	URL   string // where to; empty: as before
	Token Token  // empty: as before
	// RestartMedia makes the media path anew as soon as signaling stands.
	RestartMedia bool
}

// access is where a call was let in, and with what.
type access struct {
	url   string
	token Token
}

// Resume gives the call another signaling channel in place of the one that is lost,
// or seems so, and returns when the server has attached it to the attendee, and if
// that was asked for, when media has been restarted. Media that flows goes on
// untouched.
//
// From the beginning of Resume on the loss of the old channel is not reported any
// more, nor is what it says, but for a status that ends the call for good.
//
// The error is a *PhaseError, as with Dial, and is ErrResumeRefused if there is
// nothing to resume. A call that could not be resumed has no signaling that counts;
// Resume may be called again. Ctx has no influence on the call afterwards.
func (c *Call) Resume(ctx context.Context, o ResumeOptions) error {
	if !c.begin() {
		return failed(ctx, PhaseResume, ErrClosed)
	}
	defer c.tasks.Done()
	if err := c.take(ctx, c.resuming); err != nil {
		return c.failed(ctx, PhaseResume, err)
	}
	defer func() { <-c.resuming }()
	ctx, stop := c.within(ctx)
	defer stop()
	return c.resume(ctx, o)
}

// within bounds ctx by the life of the call.
func (c *Call) within(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(c.ctx, func() { cancel(ErrClosed) })
	return ctx, func() { forget(); cancel(nil) }
}

// failed builds the error of a phase. If the call was closed, that is the reason.
func (c *Call) failed(ctx context.Context, p Phase, err error) error {
	return failed(ctx, p, cmp.Or(c.closing(), err))
}

// resume runs alone.
func (c *Call) resume(ctx context.Context, o ResumeOptions) error {
	c.supersede(c.current())
	if c.session == "" {
		return &PhaseError{Phase: PhaseResume, Err: nothingKept}
	}
	at := access{cmp.Or(o.URL, c.access.url), cmp.Or(o.Token, c.access.token)}
	l, err := c.openLine(ctx, at.url)
	if err != nil {
		return c.failed(ctx, PhaseOpen, err)
	}
	if err := c.reattach(ctx, l, at.token, o.RestartMedia); err != nil {
		c.supersede(l)
		l.cut()
		return err
	}
	c.access = at
	return nil
}

// reattach makes a new line the one that counts.
func (c *Call) reattach(ctx context.Context, l *line, t Token, restart bool) error {
	c.tasks.Go(func() { c.read(l) })
	ack, err := c.claim(ctx, l, t)
	if err != nil {
		return c.failed(ctx, PhaseResume, err)
	}
	c.swap(l)
	if restart {
		if err := c.restartWhile(ctx, l); err != nil {
			return c.failed(ctx, PhaseMedia, err)
		}
	}
	if err := c.stand(l); err != nil {
		return c.failed(ctx, PhaseResume, err)
	}
	c.compare(ack)
	return nil
}

// restartWhile restarts media as long as the line is not lost.
func (c *Call) restartWhile(ctx context.Context, l *line) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.ctx, func() { cancel(l.lost()) })()
	return c.RestartMedia(ctx)
}

// claim asks for the attendee's place.
func (c *Call) claim(ctx context.Context, l *line, t Token) (Message, error) {
	ack, err := c.askOver(ctx, l, Message{Kind: KindResume, Attendee: c.o.Attendee, Token: t, Session: c.session})
	if err == nil && ack.Gone {
		err = nothingKept
	}
	return ack, err
}

// swap sends what is said from now on over l. Whoever still waits for an answer
// over the old line learns that it is lost.
func (c *Call) swap(l *line) {
	c.mu.Lock()
	old := c.line
	c.line = l
	c.mu.Unlock()
	old.cut()
}

// compare tells of a removal from the primary meeting that nobody heard of.
func (c *Call) compare(ack Message) {
	if !ack.Promoted && c.promoted.Load() {
		c.demoted()
	}
}
