package main

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// fault is one thing that goes wrong, and what should come of it.
type fault struct {
	name string
	what string
	// ends is the code the session must stop with; status.OK: it must recover.
	ends status.Code
	// level is how it must recover: the cheapest way that mends it.
	level policy.Level
	// strike breaks something that a joined client needs. What it starts ends
	// with ctx. A fault that prevents the join sets the stage instead.
	strike func(ctx context.Context, st *stage) error
	// heal repairs it, once the client has noticed; nil: it needs no repair.
	heal func(st *stage) error
	// before is played before the client joins, which must fail then.
	before func(st *stage)
	// token, if set, is what the client joins with.
	token string
	// vault: the client asks it for a token for each attempt.
	vault session.CredentialFunc
	// process plays the fault against a server in a process of its own.
	process bool
	// age is how long the call has run by then; 0: one second.
	age time.Duration
	// lasts is how long it goes on once the client has noticed; 0: healAfter.
	lasts time.Duration
}

// lookedAt is how long a call takes to show whether anything gets lost on its path. On
// one that it does not know, the session gives silent signaling more time.
const lookedAt = 12 * time.Second

// pastHealing is longer than a link that was found dead is left alone. If it came
// back sooner, the session would just go on with it.
const pastHealing = 1100 * time.Millisecond

// healAfter is how long after the client has noticed it a fault is repaired.
const healAfter = 300 * time.Millisecond

// faults lists what the example plays, in order.
var faults = []fault{
	{
		name: "signaling-cut", what: "the TCP connection under the signaling ends without a close frame",
		strike: func(_ context.Context, st *stage) error { st.proxy.Reset(); return nil },
		level:  policy.Resume,
	},
	{
		name: "signaling-1001", what: "the server closes signaling with 1001, going away",
		strike: closeWith(1001), level: policy.Resume,
	},
	{
		name: "signaling-4500", what: "the server closes signaling with 4500, an internal error",
		strike: closeWith(4500), level: policy.Resume,
	},
	{
		name: "signaling-half-open", what: "signaling stays open but nothing passes any more; media still flows",
		strike: func(_ context.Context, st *stage) error { st.proxy.Freeze(); return nil },
		heal:   func(st *stage) error { st.proxy.Heal(); return nil },
		level:  policy.Resume, age: lookedAt, lasts: pastHealing,
	},
	{
		name: "media-black-hole", what: "no media packet passes in either direction; signaling still answers",
		strike: func(_ context.Context, st *stage) error { st.media.BlackHole(); return nil },
		heal:   func(st *stage) error { st.media.Heal(); return nil },
		level:  policy.RestartMedia,
	},
	{
		name: "both-dead", what: "neither media nor signaling passes, nothing is closed",
		strike: func(_ context.Context, st *stage) error { st.media.BlackHole(); st.proxy.Freeze(); return nil },
		heal:   func(st *stage) error { st.media.Heal(); st.proxy.Heal(); return nil },
		level:  policy.Resume, lasts: pastHealing,
	},
	{
		name: "server-killed", what: "the server's process is killed and started again a second later",
		process: true, strike: killServer, level: policy.Rejoin,
	},
	{
		name: "server-drained", what: "the server asks everyone to move to another one",
		strike: drain, level: policy.Rejoin,
	},
	{
		name: "token-rotated", what: "the TCP connection under the signaling ends, and the token is not valid any more",
		strike: rotate, vault: vault, level: policy.Resume,
	},
	{
		name: "attendee-removed", what: "the application's server removes the attendee",
		ends:   status.AudioAttendeeRemoved,
		strike: onServer(func(st *stage) bool { return st.server.Remove(attendee) }),
	},
	{
		name: "meeting-ended", what: "the meeting is ended for everyone",
		ends:   status.MeetingEnded,
		strike: onServer(func(st *stage) bool { st.server.End(); return true }),
	},
	{
		name: "joined-elsewhere", what: "the same credentials join from another device",
		ends: status.AudioJoinedFromAnotherDevice, strike: joinElsewhere,
	},
	{
		name: "meeting-full", what: "the meeting has no room for the attendee",
		ends:   status.AudioCallAtCapacity,
		before: func(st *stage) { st.server.SetFull(true) },
	},
	{
		name: "credentials-rejected", what: "the token belongs to nobody",
		ends: status.AudioAuthenticationRejected, token: "forged",
	},
	{
		name: "stop-in-reconnect", what: "the application leaves while the server cannot be reached",
		ends: status.Left, strike: stopInReconnect,
	},
}

var (
	errNotThere = errors.New("the attendee is not in the meeting")
	errYielded  = errors.New("the other device lost its place, too")
)

func onServer(do func(st *stage) bool) func(context.Context, *stage) error {
	return func(_ context.Context, st *stage) error {
		if !do(st) {
			return errNotThere
		}
		return nil
	}
}

func closeWith(code int) func(context.Context, *stage) error {
	return onServer(func(st *stage) bool { return st.server.CloseSignaling(attendee, code) })
}

// stopInReconnect takes the server away and stops in the middle of what
// follows. Nothing may be opened after that.
func stopInReconnect(ctx context.Context, st *stage) error {
	st.proxy.Freeze()
	st.proxy.Reset()
	if _, err := st.await(ctx, 0, named("Reconnecting")); err != nil {
		return err
	}
	if _, err := st.await(ctx, 0, func(e observer.Event) bool {
		a, ok := e.(observer.AttemptStarted)
		return ok && a.To == observer.StateReconnecting
	}); err != nil {
		return err
	}
	st.say("fault", "the application calls Stop, with an attempt running")
	st.s.Stop()
	return nil
}

func named(name string) func(observer.Event) bool {
	return func(e observer.Event) bool { return e.Name() == name }
}
