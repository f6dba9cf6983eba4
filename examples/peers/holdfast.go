package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session"
)

// signalingOnly and wholeCall are the same session with default settings against
// the same server. The first brings no media, so that it can be compared with
// libraries that have none.
var (
	signalingOnly = contestant{
		name:    "holdfast, signaling",
		modules: holdfastModules,
		what:    "a session.Session with nothing but a Transport: the WebSocket and the messages of the call example, no media",
		serve:   serveCalls,
		dial: func(t target, h hooks) (client, error) {
			return dialSession(signaling{url: callkit.URL(t.addr), attendee: newAttendee()}, h)
		},
		lesser: true,
	}
	wholeCall = contestant{
		name:    "holdfast, call",
		modules: holdfastModules,
		what:    "the same with the peer connection and the audio of the call example (Pion)",
		serve:   serveCalls,
		dial: func(t target, h hooks) (client, error) {
			return dialSession(caller{callOptions(t)}, h)
		},
		bare:   dialBare,
		lesser: true,
	}
	holdfastModules = []string{"github.com/holdfast-go/holdfast", "github.com/coder/websocket", "github.com/pion/webrtc/v4"}
)

var attendees atomic.Int64

// newAttendee gives each client a place of its own in the meeting.
func newAttendee() string { return fmt.Sprintf("attendee-%d", attendees.Add(1)) }

type callHost struct{ *callkit.Server }

func serveCalls(addr string) (host, error) {
	s := callkit.NewServer(callkit.ServerOptions{})
	if err := s.Listen(addr); err != nil {
		return nil, err
	}
	return callHost{s}, nil
}

func (h callHost) Addr() string { return h.Server.Addr().String() }

type sessionClient struct{ *session.Session }

func dialSession(t session.Transport, h hooks) (client, error) {
	var c sessionClient
	cfg := session.Config{Transport: t}
	if h.connected != nil || h.lost != nil || h.ended != nil {
		cfg.Observers = []observer.Observer{observer.Funcs{
			Connected:    func(observer.Connected) { call(h.connected, c) },
			Reconnecting: func(observer.Reconnecting) { call(h.lost, c) },
			Stopped:      func(observer.Stopped) { call(h.ended, c) },
		}}
	}
	s, err := session.New(cfg)
	if err != nil {
		return nil, err
	}
	c.Session = s
	go func() { _ = s.Start(context.Background()) }() // ends once connected, or with the session
	return c, nil
}

func (c sessionClient) Connected() bool { return c.State() == observer.StateConnected }

func (c sessionClient) Close() { _ = c.Session.Close() }
