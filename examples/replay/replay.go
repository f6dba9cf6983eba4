package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/holdfast-go/holdfast/examples/internal/words"
	"github.com/holdfast-go/holdfast/session"
)

// shower shows a recording.
type shower interface {
	// step shows a step; differs is nil if it led to what was recorded.
	step(step session.Step, differs *session.DifferenceError)
	// end shows the summary, and gives the error of writing.
	end(s summary) error
}

// summary is what a recording comes to.
type summary struct {
	Inputs      int           `json:"inputs"`
	Events      int           `json:"events"`
	Missing     uint64        `json:"missing"` // inputs
	Differences int           `json:"differences"`
	FirstAt     int           `json:"firstDifferenceLine,omitempty"`
	Lasted      time.Duration `json:"lastedNs"`
	State       session.State `json:"state,omitempty"` // in the end
	Outages     int           `json:"outages"`
	Sessions    int           `json:"sessions"`
	Error       string        `json:"error,omitempty"`

	last session.Step
}

// replay replays and shows a recording. The error says what is wrong with it.
func replay(r io.Reader, show shower) error {
	var s summary
	var broken error
	for step, err := range session.Replay(r) {
		var differs *session.DifferenceError
		if err != nil && !errors.As(err, &differs) {
			broken = err
			break
		}
		s.add(step, differs)
		show.step(step, differs)
	}
	s.close()
	if broken == nil && s.Differences > 0 {
		broken = fmt.Errorf("the replay comes to something else than was recorded at %s, first at line %d", words.Count(s.Differences, "input"), s.FirstAt)
	}
	if broken != nil {
		s.Error = broken.Error()
	}
	return errors.Join(broken, show.end(s))
}

func (s *summary) add(step session.Step, differs *session.DifferenceError) {
	switch {
	case step.Recording != nil:
		s.close()
		s.Sessions++
		return
	case step.Gap > 0:
		s.Missing += step.Gap
		return
	case step.Checkpoint:
		return
	}
	s.Inputs++
	s.Events += len(step.Events)
	if s.last = step; differs == nil {
		return
	}
	if s.Differences++; s.FirstAt == 0 {
		s.FirstAt = differs.Line
	}
}

// close adds the session that has come to its end.
func (s *summary) close() {
	if s.last.Line == 0 {
		return
	}
	s.Lasted += s.last.Elapsed
	s.Outages += s.last.Snapshot.Outages
	s.State = s.last.Snapshot.State
	s.last = session.Step{}
}
