package callkit

import (
	"context"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
)

const (
	alice = "alice"
	bob   = "bob"
)

// fast shortens what Pion waits for: a second until it gives up a path.
func fast(e *webrtc.SettingEngine) {
	e.SetICETimeouts(500*time.Millisecond, 500*time.Millisecond, 50*time.Millisecond)
}

// startServer serves on loopback until the end of the test, which fails if a
// goroutine is left then.
func startServer(t *testing.T, o ServerOptions) *Server {
	t.Helper()
	noLeaks(t)
	s := NewServer(o)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Listen("127.0.0.1:0"))
	return s
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patienceForTests)
	t.Cleanup(cancel)
	return ctx
}

// options are those of a client that measures often.
func options(s *Server, attendee string) Options {
	return Options{URL: s.URL(), Attendee: attendee, SampleEvery: 50 * time.Millisecond}
}

// call dials and closes the call at the end of the test.
func call(t *testing.T, o Options) (*Call, *recorder) {
	t.Helper()
	h := newRecorder()
	c, err := Dial(soon(t), o, h)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(soon(t))) })
	return c, h
}

// flows waits for more audio in both directions.
func flows(t *testing.T, s *Server, c *Call, attendee string) {
	t.Helper()
	in, out := c.Received(), s.PacketsFrom(attendee)
	eventually(t, "audio at the client", func() bool { return c.Received() > in+2 })
	eventually(t, "audio at the server", func() bool { return s.PacketsFrom(attendee) > out+2 })
}

// callWithAudio is call for tests that go on to hang up: a hang-up that comes
// before the server's side of DTLS has finished does not reach the client.
func callWithAudio(t *testing.T, s *Server, attendee string) (*Call, *recorder) {
	t.Helper()
	c, h := call(t, options(s, attendee))
	flows(t, s, c, attendee)
	return c, h
}
