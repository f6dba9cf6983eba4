package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/session"
)

const rotated = "let-me-in-again"

// vault is where the client's tokens come from. It gives the one that it has given
// before, until it hears that the server has rejected that.
func vault(_ context.Context, r session.CredentialRequest) (session.Credentials, error) {
	c := session.Credentials{Attendee: attendee, Token: token}
	if r.Rejected.Token == token {
		c.Token = rotated
	}
	return c, nil
}

// rotate has the server take another token than the one that the client was let in
// with, and drops the client.
func rotate(ctx context.Context, st *stage) error {
	st.server.Accept(rotated)
	st.server.Revoke(token)
	st.proxy.Reset()
	if _, err := st.await(ctx, 0, named("Recovered")); err != nil {
		return err
	}
	if n := st.server.Presented(token); n != 2 { // to join with, and the one time that it was rejected
		return fmt.Errorf("the token that was rejected was sent %d times", n)
	}
	return nil
}

// drain has the server send its client to another one, where it must go.
func drain(ctx context.Context, st *stage) error {
	other := callkit.NewServer(callkit.ServerOptions{Check: known})
	if err := other.Listen("127.0.0.1:0"); err != nil {
		return err
	}
	st.ended = append(st.ended, other.Close)
	st.server.Drain(other.URL())
	if _, err := st.await(ctx, 0, named("Recovered")); err != nil {
		return err
	}
	if !slices.Contains(other.Attendees(), attendee) {
		return errNotThere
	}
	st.say("server", "the attendee is at the other server now")
	return nil
}
