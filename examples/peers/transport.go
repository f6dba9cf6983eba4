package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// caller is the transport of the call example.
type caller struct{ options callkit.Options }

func callOptions(t target) callkit.Options {
	return callkit.Options{URL: callkit.URL(t.addr), Attendee: newAttendee(), Net: t.media}
}

func (c caller) Connect(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
	o := c.options
	o.URL = cmp.Or(a.Endpoint, o.URL)
	o.ViewOnly = a.ViewOnly
	made, err := callkit.Dial(ctx, o, r)
	if err != nil {
		return nil, err
	}
	return callLink{made}, nil
}

// callLink has the abilities that matter here: those that recover, and those that
// find out.
type callLink struct{ *callkit.Call }

func (l callLink) RestartMedia(ctx context.Context, _ session.Attempt) error {
	return l.Call.RestartMedia(ctx)
}

func (l callLink) Resume(ctx context.Context, a session.Attempt) error {
	err := l.Call.Resume(ctx, callkit.ResumeOptions{URL: a.Endpoint, RestartMedia: a.RestartMedia})
	if errors.Is(err, callkit.ErrResumeRefused) {
		return fmt.Errorf("%w: %w", session.ErrRefused, err)
	}
	return err
}

func (l callLink) Update(ctx context.Context, c session.Change) error {
	return l.Call.Update(ctx, callkit.Update{Renegotiate: c.Renegotiate, ViewOnly: c.ViewOnly})
}

// The abilities, checked when compiling.
var (
	_ session.Pinger         = callLink{}
	_ session.MediaProber    = callLink{}
	_ session.MediaRestarter = callLink{}
	_ session.Resumer        = callLink{}
	_ session.Updater        = callLink{}
	_ session.Leaver         = callLink{}
)

// bareCall is the call that a session would hold, and nothing that holds it.
type bareCall struct{ *callkit.Call }

func dialBare(t target, _ hooks) (client, error) {
	made, err := callkit.Dial(context.Background(), callOptions(t), deaf{})
	if err != nil {
		return nil, err
	}
	return bareCall{made}, nil
}

// Connected is true of a call that was dialed: what happens to it later is told to
// nobody.
func (bareCall) Connected() bool { return true }

func (c bareCall) Close() { _ = c.Call.Close(context.Background()) }

// deaf hears of a call and keeps nothing.
type deaf struct{}

func (deaf) Status(status.Status)       {}
func (deaf) Sample(health.Sample)       {}
func (deaf) Pong(uint64)                {}
func (deaf) Probed(uint64)              {}
func (deaf) Alive(status.Layer)         {}
func (deaf) Expect(health.Expectation)  {}
func (deaf) Doubt(status.Layer, error)  {}
func (deaf) Present()                   {}
func (deaf) Closed(status.Layer, error) {}
