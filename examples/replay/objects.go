package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session"
)

// objects shows a recording to a program: an object a line.
type objects struct {
	out *json.Encoder
	err error
}

func newObjects(w io.Writer) *objects { return &objects{out: json.NewEncoder(w)} }

// object is an event, or whatever else is set.
type object struct {
	Line      int             `json:"line,omitempty"`
	Time      time.Time       `json:"time,omitzero"`
	ElapsedNs time.Duration   `json:"elapsedNs,omitempty"`
	Input     string          `json:"input,omitempty"`
	Event     json.RawMessage `json:"event,omitempty"`
	Session   *string         `json:"session,omitempty"` // begins here
	Missing   uint64          `json:"missing,omitempty"`
	Differs   *difference     `json:"differs,omitempty"`
	Summary   *summary        `json:"summary,omitempty"`
}

type difference struct {
	Detail   string   `json:"detail"`
	Expected []string `json:"expected"`
	Got      []string `json:"got"`
}

func (o *objects) put(v object) {
	if err := o.out.Encode(v); err != nil && o.err == nil {
		o.err = err
	}
}

func (o *objects) step(step session.Step, differs *session.DifferenceError) {
	about := object{Line: step.Line, Time: step.Time, ElapsedNs: step.Elapsed, Input: step.Input}
	switch {
	case step.Recording != nil:
		about.Session = &step.Recording.Session
		o.put(about)
	case step.Gap > 0:
		about.Missing = step.Gap
		o.put(about)
	}
	for _, e := range step.Events {
		one := about
		one.Event, _ = observer.Marshal(e) // what was read can be written
		o.put(one)
	}
	if differs != nil {
		about.Differs = &difference{differs.Detail, differs.Expected, differs.Got}
		o.put(about)
	}
}

func (o *objects) end(s summary) error {
	o.put(object{Summary: &s})
	return o.err
}
