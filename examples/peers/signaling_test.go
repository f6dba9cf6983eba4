package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// over starts a server and a session over its signaling.
func over(t *testing.T, observers ...observer.Observer) (*callkit.Server, *session.Session) {
	t.Helper()
	server := callkit.NewServer(callkit.ServerOptions{})
	require.NoError(t, server.Listen(anyPort))
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	s, err := session.New(session.Config{
		Transport: signaling{url: server.URL(), attendee: "ada"}, Observers: observers, PingInterval: 20 * time.Millisecond,
	})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return server, s
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// TestSignalingIsHeard: what the server says ends the session, or does not.
func TestSignalingIsHeard(t *testing.T) {
	for name, tt := range map[string]struct {
		says func(*callkit.Server) bool
		ends status.Code
	}{
		"close frame": {func(s *callkit.Server) bool { return s.CloseSignaling("ada", 4410) }, status.MeetingEnded},
		"error":       {func(s *callkit.Server) bool { return s.SendError("ada", 403) }, status.FromSignaling(403).Code},
	} {
		t.Run(name, func(t *testing.T) {
			server, s := over(t)
			require.NoError(t, s.Start(soon(t)))
			require.True(t, tt.says(server))
			require.NoError(t, s.Wait(soon(t)))
			assert.ErrorIs(t, s.Err(), tt.ends)
		})
	}
}

// TestSignalingRefused: a join that the server refuses for good is not repeated.
func TestSignalingRefused(t *testing.T) {
	server, s := over(t)
	server.SetFull(true)
	assert.ErrorIs(t, s.Start(soon(t)), status.AudioCallAtCapacity)
}

// TestSignalingComesBack after a cut, to the same server.
func TestSignalingComesBack(t *testing.T) {
	recovered := make(chan struct{}, 1)
	server, s := over(t, observer.Funcs{Recovered: func(observer.Recovered) { recovered <- struct{}{} }})
	require.NoError(t, s.Start(soon(t)))
	require.True(t, server.CutSignaling("ada"))
	select {
	case <-recovered:
	case <-soon(t).Done():
		assert.Fail(t, "not recovered")
	}
}

// TestSignalingPings are sent, and the answers are heard.
func TestSignalingPings(t *testing.T) {
	server, s := over(t)
	require.NoError(t, s.Start(soon(t)))
	missed := func(is func(int) bool) bool {
		_, ok := eventually(5*time.Second, func() bool { return is(s.Snapshot().MissedPongs) })
		return ok
	}
	server.IgnorePings(true)
	assert.True(t, missed(func(n int) bool { return n > 3 }))
	server.IgnorePings(false)
	assert.True(t, missed(func(n int) bool { return n == 0 }))
}

// TestSignalingCloses without a word of the server, and is bounded by its context.
func TestSignalingCloses(t *testing.T) {
	server, _ := over(t)
	made, err := signaling{url: server.URL(), attendee: "bob"}.Connect(soon(t), session.Attempt{}, nil)
	require.NoError(t, err)
	l := made.(*signalingLink)
	require.NoError(t, l.Close(soon(t)))
	select {
	case <-l.done:
	default:
		assert.Fail(t, "the reader is left")
	}
	assert.Error(t, l.Ping(t.Context(), 1))

	why := errors.New("the grace is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	stuck := &signalingLink{ws: l.ws, end: func() {}, done: make(chan struct{})}
	assert.ErrorIs(t, stuck.Close(ctx), why)
}

// TestSignalingNotUnderstood: what is no signaling fails the attempt, and nothing
// stays open.
func TestSignalingNotUnderstood(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	_, err := signaling{url: callkit.URL(web.Listener.Addr().String()), attendee: "ada"}.Connect(soon(t), session.Attempt{}, nil)
	assert.ErrorContains(t, err, "opening signaling: ")
}
