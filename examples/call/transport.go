package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/session"
)

// caller is the session.Transport of this example: one real WebSocket and one
// real peer connection for each attempt.
type caller struct{ options callkit.Options }

// Connect joins the meeting. Holdfast decides when, and how often.
func (c caller) Connect(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
	o := c.options
	o.ViewOnly = a.ViewOnly
	o.URL = cmp.Or(a.Endpoint, o.URL)
	o.Token = cmp.Or(callkit.Token(a.Credentials.Token), o.Token)
	call, err := callkit.Dial(ctx, o, r)
	if err != nil {
		return nil, understood(err)
	}
	return link{call}, nil
}

// understood puts an error of a call into terms that the session knows.
func understood(err error) error {
	switch {
	case errors.Is(err, callkit.ErrResumeRefused):
		return fmt.Errorf("%w: %w", session.ErrRefused, err)
	case errors.Is(err, callkit.ErrUnauthorized):
		return fmt.Errorf("%w: %w", session.ErrUnauthorized, err)
	}
	return err
}

// link gives a call the abilities that a session looks for. Close, Leave, Ping,
// ProbeMedia and Demote have the right form already.
type link struct{ *callkit.Call }

// RestartMedia makes an ICE restart over the open signaling.
func (l link) RestartMedia(ctx context.Context, _ session.Attempt) error {
	return understood(l.Call.RestartMedia(ctx))
}

// Resume opens new signaling to the attendee's place in the meeting, which the
// server keeps for a while, and restarts media only if that may be dead, too.
func (l link) Resume(ctx context.Context, a session.Attempt) error {
	return understood(l.Call.Resume(ctx, callkit.ResumeOptions{
		URL: a.Endpoint, Token: callkit.Token(a.Credentials.Token), RestartMedia: a.RestartMedia,
	}))
}

func (l link) Update(ctx context.Context, c session.Change) error {
	return l.Call.Update(ctx, callkit.Update{Renegotiate: c.Renegotiate, ViewOnly: c.ViewOnly})
}

func (l link) Promote(ctx context.Context, c session.Credentials) error {
	return l.Call.Promote(ctx, callkit.Token(c.Token))
}

// The abilities, checked when compiling.
var (
	_ session.Pinger         = link{}
	_ session.MediaProber    = link{}
	_ session.MediaRestarter = link{}
	_ session.Resumer        = link{}
	_ session.Updater        = link{}
	_ session.Promoter       = link{}
	_ session.Leaver         = link{}
)
