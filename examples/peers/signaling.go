package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/coder/websocket"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// signaling is a session.Transport without media: it joins the meeting of the call
// example over its WebSocket and never makes an offer.
type signaling struct{ url, attendee string }

// web opens the sockets of all links. It keeps no connection for later.
var web = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// Connect opens a WebSocket and joins.
func (t signaling) Connect(ctx context.Context, _ session.Attempt, r *session.Reporter) (session.Link, error) {
	ws, _, err := websocket.Dial(ctx, t.url, &websocket.DialOptions{HTTPClient: web})
	if err != nil {
		return nil, fmt.Errorf("opening signaling: %w", err)
	}
	l := newSignalingLink(ws, r)
	if err := l.join(ctx, t.attendee); err != nil {
		l.end()
		_ = ws.CloseNow()
		return nil, fmt.Errorf("joining: %w", err)
	}
	go l.read()
	return l, nil
}

// signalingLink is one WebSocket that has joined.
type signalingLink struct {
	ws  *websocket.Conn
	r   *session.Reporter
	ctx context.Context // the life of the link
	end context.CancelFunc
	// done is closed when the reader has ended.
	done chan struct{}
}

func newSignalingLink(ws *websocket.Conn, r *session.Reporter) *signalingLink {
	l := &signalingLink{ws: ws, r: r, done: make(chan struct{})}
	l.ctx, l.end = context.WithCancel(context.Background())
	return l
}

// join asks to be let in and waits for the answer.
func (l *signalingLink) join(ctx context.Context, attendee string) error {
	if err := l.write(ctx, callkit.Message{Kind: callkit.KindJoin, Attendee: attendee, ID: 1}); err != nil {
		return err
	}
	for {
		m, err := l.receive(ctx)
		if err != nil {
			return err
		}
		if m.Kind == callkit.KindJoinAck {
			return refused(m.Status)
		}
	}
}

// refused gives the meaning of the answer to a join.
func refused(wire int) error {
	if st := status.FromSignaling(wire); st.Code != status.OK {
		return st
	}
	return nil
}

func (l *signalingLink) write(ctx context.Context, m callkit.Message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return l.ws.Write(ctx, websocket.MessageText, b)
}

func (l *signalingLink) receive(ctx context.Context) (m callkit.Message, err error) {
	_, b, err := l.ws.Read(ctx)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	return m, err
}

// read reports what comes in until the link is lost or closed.
func (l *signalingLink) read() {
	defer close(l.done)
	for {
		m, err := l.receive(l.ctx)
		if err != nil {
			l.r.Closed(status.LayerSignaling, meaning(err))
			return
		}
		l.r.Alive(status.LayerSignaling)
		l.heard(m)
	}
}

func (l *signalingLink) heard(m callkit.Message) {
	switch m.Kind {
	case callkit.KindPong:
		l.r.Pong(m.ID)
	case callkit.KindPresent:
		l.r.Present()
	case callkit.KindError:
		l.r.Status(status.FromSignaling(m.Status))
	}
}

// meaning is that of the error which has ended a WebSocket.
func meaning(err error) status.Status {
	code := -1 // no close frame came
	if frame := (websocket.CloseError{}); errors.As(err, &frame) {
		code = int(frame.Code)
	}
	st := status.FromWebSocketClose(code, status.Attached)
	st.Cause = err
	return st
}

// Ping sends a ping; the reader reports its answer. A write that is given up would
// cost the connection, so that it may take as long as the link lives.
func (l *signalingLink) Ping(_ context.Context, id uint64) error {
	return l.write(l.ctx, callkit.Message{Kind: callkit.KindPing, ID: id})
}

// Leave tells the server that the attendee goes on purpose.
func (l *signalingLink) Leave(ctx context.Context) error {
	return l.write(ctx, callkit.Message{Kind: callkit.KindLeave})
}

// Close drops the connection and waits for the reader.
func (l *signalingLink) Close(ctx context.Context) error {
	l.end()
	_ = l.ws.CloseNow()
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// The abilities, checked when compiling.
var (
	_ session.Pinger = (*signalingLink)(nil)
	_ session.Leaver = (*signalingLink)(nil)
)
