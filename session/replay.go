package session

import (
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/observer"
)

// Step is one line of a recording, replayed.
type Step struct {
	// Line is its number in the recording, from 1.
	Line int
	// Recording is set where a recording begins, and nothing else then. There may be
	// several in a row.
	Recording *Recording
	// Gap counts the inputs that are missing here. What follows goes on from a
	// checkpoint.
	Gap uint64
	// Checkpoint says that the session goes on from what was written down of it.
	Checkpoint bool
	// Time and Elapsed are when the input came, on the wall clock and since the
	// session was made.
	Time    time.Time
	Elapsed time.Duration
	// Input says in words what came.
	Input string
	// Events are what observers were told because of it.
	Events []observer.Event
	// Effects names all that the session did, the events among it.
	Effects []string
	// Snapshot is what the session knew of itself afterwards.
	Snapshot observer.Snapshot
}

// Recording is what the first line of one says.
type Recording struct {
	// Session is Config.Name.
	Session string
	// Version is that of the format, Library and Go those of what has written it.
	Version     int
	Library, Go string
	// Ring says that it comes from a ring: the beginning may be missing.
	Ring bool
}

// DifferenceError says that a replayed input did not lead to what was recorded: another
// version of this library decides otherwise, or the recording was changed. The replay
// goes on after it.
type DifferenceError struct {
	Line int
	// Input is the one that was replayed.
	Input string
	// Expected are the recorded effects, Got those of the replay. Detail says what
	// is different about them.
	Expected, Got []string
	Detail        string
}

// Error names the line, and both.
func (e *DifferenceError) Error() string {
	return fmt.Sprintf("session: replay: line %d, %s: %s: expected [%s], got [%s]", e.Line, e.Input, e.Detail,
		strings.Join(e.Expected, " "), strings.Join(e.Got, " "))
}

// RecordingError says that a recording cannot be read any further. All that stands
// before that line was replayed.
type RecordingError struct {
	Line int
	Err  error
}

// Error names the line.
func (e *RecordingError) Error() string {
	return fmt.Sprintf("session: replay: line %d: %v", e.Line, e.Err)
}

// Unwrap gives the error without the line.
func (e *RecordingError) Unwrap() error { return e.Err }

// Replay runs a recording again: the core of a session takes the recorded inputs at
// the recorded times, and is given the recorded answers of whatever was plugged into
// it, so that nothing but the recording is needed. It yields a step for every line.
//
// The error of a step is a *DifferenceError if the effects are not those that were
// recorded; the step is valid then, and the next one follows unless the caller breaks
// off. Any other error is a *RecordingError, and the last: the recording is broken off,
// damaged, or of a version that this library cannot read, or reading it has failed; or
// r holds no recording, or is nil.
// A recording that ends before its session does is no error: Snapshot tells.
//
// Causes of statuses have only their text and their code, and secrets stay hidden.
// A recording is data: nothing in it makes Replay panic, or keep more than a line of it
// and a session in memory.
func Replay(r io.Reader) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		if r == nil {
			yield(Step{Line: 1}, &RecordingError{Line: 1, Err: errNil})
			return
		}
		p := newPlayer(r)
		for p.read() {
			step, err := p.step()
			if !yield(step, err) || p.broken {
				return
			}
		}
		if err := p.end(); err != nil {
			yield(Step{Line: p.number}, err)
		}
	}
}
