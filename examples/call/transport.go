package main

import (
	"context"

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
	call, err := callkit.Dial(ctx, o, r)
	if err != nil {
		return nil, err
	}
	return link{call}, nil
}

// link gives a call the abilities that a session looks for. Close, Leave, Ping,
// ProbeMedia and Demote have the right form already.
type link struct{ *callkit.Call }

func (l link) Update(ctx context.Context, c session.Change) error {
	return l.Call.Update(ctx, callkit.Update{Renegotiate: c.Renegotiate, ViewOnly: c.ViewOnly})
}

func (l link) Promote(ctx context.Context, c session.Credentials) error {
	return l.Call.Promote(ctx, callkit.Token(c.Token))
}

// The abilities, checked when compiling.
var (
	_ session.Pinger      = link{}
	_ session.MediaProber = link{}
	_ session.Updater     = link{}
	_ session.Promoter    = link{}
	_ session.Leaver      = link{}
)
