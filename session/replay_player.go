package session

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/holdfast-go/holdfast/session/internal/image"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// player replays a recording.
type player struct {
	lines  *bufio.Scanner
	number int // of the line
	broken bool

	header headerLine
	cfg    *machine.Config
	tape   machine.Tape
	core   *machine.Machine // nil before the first line, and after a gap
}

func newPlayer(r io.Reader) *player {
	p := &player{lines: bufio.NewScanner(r)}
	p.lines.Buffer(nil, maxLine+1)
	return p
}

// read goes to the next line that is not empty.
func (p *player) read() bool {
	for p.lines.Scan() {
		p.number++
		if len(bytes.TrimSpace(p.lines.Bytes())) > 0 {
			return true
		}
	}
	return false
}

var (
	errNil     = errors.New("there is no recording: Replay was given a nil io.Reader")
	errEmpty   = errors.New("there is no recording: nothing was written")
	errTooLong = fmt.Errorf("the line is longer than %d bytes: this is no recording, or it is damaged", maxLine)
	errNoStart = errors.New("this is no recording: it must begin with a line that has \"holdfast\"")
	errNoPoint = errors.New("after a gap, a checkpoint is missing")
	errUnknown = errors.New("a line of a kind that is not known: it is damaged, or of a newer version of the library")
)

// end is what reading the recording ended with.
func (p *player) end() error {
	err := p.lines.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		p.number++
		return p.fail(errTooLong)
	case err != nil:
		p.number++
		return p.fail(err)
	case p.cfg == nil:
		p.number = 1
		return p.fail(errEmpty)
	}
	return nil
}

func (p *player) fail(err error) error {
	p.broken = true
	return &RecordingError{Line: p.number, Err: err}
}

// anyLine has the members of every kind of line that follows the first.
type anyLine struct {
	inputLine
	Gap        *uint64         `json:"gap"`
	Checkpoint json.RawMessage `json:"checkpoint"`
}

// step replays the line.
func (p *player) step() (Step, error) {
	step := Step{Line: p.number}
	format, err := formatOf(p.lines.Bytes())
	switch {
	case err != nil:
		return step, p.fail(p.damaged(err))
	case format.Holdfast != "":
		return p.begin(step, format)
	}
	var l anyLine
	switch err := json.Unmarshal(p.lines.Bytes(), &l); {
	case err != nil:
		return step, p.fail(p.damaged(err))
	case p.cfg == nil:
		return step, p.fail(errNoStart)
	case l.Gap != nil:
		p.core, step.Gap = nil, *l.Gap
		return step, nil
	case l.Checkpoint != nil:
		return p.resume(step, l.Checkpoint)
	case l.Input == nil:
		return step, p.fail(errUnknown)
	case p.core == nil:
		return step, p.fail(errNoPoint)
	}
	return p.input(step, &l.inputLine)
}

// mark is in the first line of every recording.
var mark = []byte(`"holdfast"`)

// formatOf reads of a line that begins a recording only what says of which version it
// is: all else may be of another form in a newer one. Of other lines it gives nothing.
func formatOf(line []byte) (f formatLine, err error) {
	if bytes.Contains(line, mark) { // or it is not worth decoding it twice
		err = json.Unmarshal(line, &f)
	}
	return f, err
}

// damaged says of what cannot be decoded whether the recording ends there, or is none.
func (p *player) damaged(err error) error {
	var syntax *json.SyntaxError
	foreign := p.cfg == nil && !bytes.Contains(p.lines.Bytes(), mark)
	if errors.As(err, &syntax) && syntax.Offset >= int64(len(p.lines.Bytes())) && !p.lines.Scan() && p.lines.Err() == nil {
		return errors.New("the recording is cut off in the middle of this line")
	}
	if foreign {
		return errNoStart
	}
	return fmt.Errorf("the line is damaged: %w", err)
}

// begin begins a recording.
func (p *player) begin(step Step, f formatLine) (Step, error) {
	switch {
	case f.Holdfast != formatName:
		return step, p.fail(fmt.Errorf("this is no recording but a %.64q", f.Holdfast))
	case f.Version > formatVersion:
		return step, p.fail(newer(f.Version, p.lines.Bytes()))
	case f.Version < 1:
		return step, p.fail(fmt.Errorf("there is no version %d of the format", f.Version))
	}
	var h headerLine
	if err := json.Unmarshal(p.lines.Bytes(), &h); err != nil {
		return step, p.fail(p.damaged(err))
	}
	cfg, err := machine.ReadConfig(h.Config)
	if err != nil {
		return step, p.fail(fmt.Errorf("the config cannot be used: %w (it was written by version %.64q)", err, h.Library))
	}
	p.header, p.cfg, p.tape = h, cfg, machine.Tape{}
	p.tape.Play(cfg, h.OwnBackOff)
	p.core = machine.New(cfg)
	step.Recording = &Recording{Session: h.Session, Version: h.Version, Library: h.Library, Go: h.Go, Ring: h.Ring}
	return step, nil
}

// newer says by what a recording was written that cannot be read, if that is still
// told in the same way.
func newer(version int, line []byte) error {
	var by struct {
		Library string `json:"library"`
	}
	said := ""
	if json.Unmarshal(line, &by) == nil && by.Library != "" {
		said = fmt.Sprintf(" (it was written by %.64q)", by.Library)
	}
	return fmt.Errorf("the recording has version %d of the format, this library reads up to %d: use a newer one%s",
		version, formatVersion, said)
}

// resume goes on from a checkpoint.
func (p *player) resume(step Step, data json.RawMessage) (Step, error) {
	if p.header.State != machine.Layout() {
		return step, p.fail(fmt.Errorf("the checkpoint is of a version of the library (%.64q) that remembers other things: replay it with that one",
			p.header.Library))
	}
	core, err := machine.Restore(p.cfg, data)
	if err != nil {
		return step, p.fail(fmt.Errorf("the checkpoint is damaged: %w", err))
	}
	p.core, step.Checkpoint = core, true
	return step, nil
}

// latest bounds the times of a recording: 146 years.
const latest = 1 << 62

var (
	errTime    = errors.New("the time is out of range")
	errUnsound = errors.New("the state that it leads to is none that a session can be in: the checkpoint is damaged")
)

// input replays an input.
func (p *player) input(step Step, l *inputLine) (Step, error) {
	if l.At.Mono < 0 || l.At.Mono > latest {
		return step, p.fail(errTime)
	}
	step.Time, step.Elapsed, step.Input = l.At.Wall, l.At.Mono, inWords(l.Input)
	p.tape.Answers, p.tape.Missed = l.Answers, ""
	effects, err := p.handle(l)
	if err != nil {
		return step, p.fail(err)
	}
	step.Snapshot = p.core.Snapshot()
	for i := range effects {
		step.Effects = append(step.Effects, nameOf(&effects[i]))
		if e := effects[i].Event; e != nil {
			step.Events = append(step.Events, e)
		}
	}
	detail, err := p.compare(effects, l)
	switch {
	case err != nil:
		return step, p.fail(err)
	case detail == "":
		return step, nil
	}
	return step, &DifferenceError{
		Line: p.number, Input: step.Input, Expected: names(l.Effects), Got: step.Effects, Detail: detail,
	}
}

// handle runs the core; on a goroutine of its own where the recorded call has left
// its own.
func (p *player) handle(l *inputLine) (effects []machine.Effect, err error) {
	run := func() {
		defer func() {
			if recover() != nil {
				err = errUnsound
			}
		}()
		effects = p.core.Handle(l.At, *l.Input)
	}
	if !slices.ContainsFunc(l.Answers, func(a machine.Answer) bool { return a.Left }) {
		run()
		return effects, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run()
	}()
	<-done
	return effects, err
}

// compare says how the effects differ from the recorded ones; not at all if it says
// nothing.
func (p *player) compare(effects []machine.Effect, l *inputLine) (string, error) {
	switch {
	case p.tape.Missed != "":
		return fmt.Sprintf("a %s is asked for that was not when it was recorded", p.tape.Missed), nil
	case len(p.tape.Answers) > 0:
		return fmt.Sprintf("a %.64s was asked for when it was recorded, and is not now", p.tape.Answers[0].To), nil
	}
	for i := range effects {
		if i >= len(l.Effects) {
			break
		}
		name, sum, altered := splitEffect(l.Effects[i])
		if got := nameOf(&effects[i]); got != name {
			return fmt.Sprintf("effect %d is another one", i+1), nil
		}
		got, err := checksum(&effects[i], altered, image.Scrub{})
		if err != nil {
			return "", errUnsound
		}
		if got != sum {
			return fmt.Sprintf("effect %d, %s, has other contents", i+1, name), nil
		}
	}
	if len(effects) != len(l.Effects) {
		return fmt.Sprintf("there are %d effects instead of %d", len(effects), len(l.Effects)), nil
	}
	return "", nil
}

func names(effects []string) (names []string) {
	for _, e := range effects {
		name, _, _ := splitEffect(e)
		names = append(names, name)
	}
	return names
}
