package session

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/session/internal/image"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// recording is a session's side of its Recorder. It belongs to whoever drains, but
// for what it was made with.
type recording struct {
	to   *Recorder // nil: nothing is recorded
	core *machine.Machine
	hide image.Scrub
	tape machine.Tape
	// trace sees every input and its effects before they are performed.
	trace func(machine.Instant, machine.Input, []machine.Effect)

	header []byte // until it is written
	// altered: a text that was recorded is not what it was.
	altered bool
	line    []byte
	now     time.Duration
	open    bool // line holds an input whose effects are not known yet
	unsound bool // but for that it cannot be written
	gap     uint64
	over    bool // the last effect is written
}

// record has the inputs of the core recorded that is made from cfg.
func record(to *Recorder, cfg *machine.Config) (*recording, error) {
	if err := to.claim(); err != nil {
		return nil, err
	}
	c := &recording{to: to}
	c.hide = to.scrub(&c.altered)
	first, err := header(cfg, c.hide, to.size > 0)
	if len(first) > maxLine {
		err = errors.New("the config is too large to be recorded")
	}
	if err != nil {
		to.used.Store(false)
		return nil, fmt.Errorf("session: Config.Recorder: %w", err)
	}
	if to.size > 0 {
		to.begin(first)
	} else {
		c.header = first // a session that is never started writes nothing
	}
	c.tape.Record(cfg)
	return c, nil
}

// begin takes an input before the core does.
func (c *recording) begin(now machine.Instant, in *machine.Input) {
	if c.to == nil || c.over {
		return
	}
	if c.open { // plugged-in code has left the goroutine
		c.finish(nil, true)
	}
	if c.header != nil {
		c.to.begin(c.header)
		c.header = nil
	}
	c.now = now.Mono
	c.checkpoint()
	c.open, c.unsound = true, c.gap > 0 // after a gap nothing makes sense before a checkpoint
	if !c.unsound {
		c.unsound = !c.soundly(func() (err error) {
			c.line, err = appendInput(c.line[:0], now, in, c.hide)
			return err
		})
	}
}

// end takes what the core made of it.
func (c *recording) end(now machine.Instant, in *machine.Input, effects []machine.Effect) {
	if c.trace != nil {
		c.trace(now, *in, effects)
	}
	if c.open {
		c.finish(effects, false)
	}
}

// keepLine is the capacity that the buffer for a line keeps.
const keepLine = 4 << 10

// finish writes the line of the input.
func (c *recording) finish(effects []machine.Effect, left bool) {
	c.open = false
	answers := c.tape.Take()
	last := slices.ContainsFunc(effects, func(e machine.Effect) bool { return e.Kind == machine.Finish })
	if !c.unsound {
		c.unsound = !c.soundly(func() error { return c.outcome(answers, effects, left) })
	}
	if c.unsound || !c.to.put(c.now, c.line) {
		c.gap++
		c.to.loses(1)
	}
	if cap(c.line) > keepLine {
		c.line = nil
	}
	if c.over = last; last {
		c.last()
	}
}

func (c *recording) outcome(answers []machine.Answer, effects []machine.Effect, left bool) (err error) {
	for i := range answers {
		answers[i].Text = c.hide.Text(answers[i].Text)
	}
	if c.line, err = appendOutcome(c.line, answers, effects, c.altered, c.hide); err != nil {
		return err
	}
	if left {
		c.line = append(c.line, `,"left":true`...)
	}
	c.line = append(c.line, "}\n"...)
	return nil
}

// last tells of what is missing at the end, and lets go of the session.
func (c *recording) last() {
	if c.gap > 0 {
		if line, err := jsonLine(gapLine{c.gap}); err == nil {
			c.to.putLast(line)
		}
	}
	c.core, c.line = nil, nil
}

// checkpoint writes what the core remembers, if that is due. If it cannot be had just
// now, it is again at the next input.
func (c *recording) checkpoint() {
	if !c.to.wantsCheckpoint(c.gap > 0) {
		return
	}
	var line []byte
	if !c.soundly(func() (err error) { line, err = c.image(); return err }) {
		return
	}
	if c.to.putCheckpoint(c.now, line) {
		c.gap = 0
	}
}

func (c *recording) image() ([]byte, error) {
	data, err := c.core.Image(c.hide)
	if err != nil {
		return nil, err
	}
	line, err := jsonLine(checkpointLine{data})
	if err != nil || c.gap == 0 {
		return line, err
	}
	gap, err := jsonLine(gapLine{c.gap})
	return append(gap, line...), err
}

// soundly reports whether f succeeds. An error of the application that panics when it
// is read again must not end the session.
func (c *recording) soundly(f func() error) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return f() == nil
}

// close ends the recording, and reports whether then is called when the last line is
// written.
func (c *recording) close(then func()) bool { return c.to != nil && c.to.close(then) }

// keepSecret has a token replaced from now on.
func (s *Session) keepSecret(token string) {
	if s.rec != nil && s.rec.to != nil {
		s.rec.to.Hide(token)
	}
}

// recorded goes on with the end of the session: the last line is written.
func (s *Session) recorded() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending.recording = false
	s.maybeDone()
}
