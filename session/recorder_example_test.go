package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// An incident is recorded, in a file most often, and decided again afterwards.
func ExampleReplay() {
	var file bytes.Buffer
	tr := sessiontest.Script(sessiontest.Fail(status.AudioServiceUnavailable))
	cfg := sessiontest.Quick(tr)
	cfg.Name = "ada"
	cfg.Recorder = session.NewRecorder(&file)
	s, err := session.New(cfg)
	if err != nil {
		panic(err)
	}
	_ = s.Start(context.Background())
	tr.Report(sessiontest.Newest, status.MeetingEnded)
	<-s.Done()

	for step, err := range session.Replay(&file) {
		if err != nil {
			fmt.Println(err) // where, and how, it comes to something else
			break
		}
		if step.Recording != nil {
			fmt.Println("session", step.Recording.Session)
		}
		for _, e := range step.Events {
			fmt.Printf("%s: %s\n", step.Input, e.Name())
		}
	}
	// Output:
	// session ada
	// start: Connecting
	// start: AttemptStarted
	// open-failed, link 1, AudioServiceUnavailable: AttemptFailed
	// open-failed, link 1, AudioServiceUnavailable: RetryScheduled
	// tick: AttemptStarted
	// opened, link 2: Connected
	// close-done, link 2: Stopped
}

// A ring keeps the end of a session's life, to be written down if something has gone
// wrong.
func ExampleNewRing() {
	ring := session.NewRing(0)
	var report bytes.Buffer
	tr := new(sessiontest.Transport)
	cfg := sessiontest.Quick(tr, observer.Funcs{
		Reconnecting: func(e observer.Reconnecting) {
			_, _ = ring.WriteTo(&report)
			fmt.Println("incident:", e.Cause.Cause)
		},
	})
	cfg.Recorder = ring
	s, err := session.New(cfg)
	if err != nil {
		panic(err)
	}
	_ = s.Start(context.Background())
	tr.Closed(sessiontest.Newest, status.LayerSignaling, errors.New("reset by peer"))
	_ = s.WaitConnected(context.Background())
	_ = s.Close()

	replayed := ""
	for step, err := range session.Replay(&report) {
		if err != nil {
			fmt.Println(err)
		}
		for _, e := range step.Events {
			if r, ok := e.(observer.Reconnecting); ok {
				replayed = r.Cause.Cause.Error()
			}
		}
	}
	fmt.Println("replayed:", replayed)
	// Output:
	// incident: reset by peer
	// replayed: reset by peer
}
