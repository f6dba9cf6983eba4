package main

import (
	"context"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session"
)

// joinElsewhere starts a second session with the same credentials, as a
// forgotten tab or a second device would. The first must yield, the second
// must stay: they must not throw each other out for ever.
func joinElsewhere(ctx context.Context, st *stage) error {
	other, err := session.New(session.Config{
		Name: "other device",
		Transport: caller{callkit.Options{
			URL: st.server.URL(), Attendee: attendee, Token: token,
		}},
	})
	if err != nil {
		return err
	}
	defer other.Close()
	if err := other.Start(ctx); err != nil {
		return err
	}
	if _, err := st.await(ctx, 0, named("Stopped")); err != nil {
		return err
	}
	if err := pause(ctx, healAfter); err != nil {
		return err
	}
	if state := other.State(); state != observer.StateConnected {
		return errYielded
	}
	st.say("client", "the other device is still connected")
	return nil
}
