package main

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSilentServer takes connections, says nothing, and hangs up in the end.
func TestSilentServer(t *testing.T) {
	s, err := keepSilent(anyPort)
	require.NoError(t, err)
	c, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, s.hold())
	require.NoError(t, c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = c.Read(make([]byte, 1))
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	assert.True(t, timeout.Timeout())
	require.NoError(t, s.Close())
	require.NoError(t, c.SetReadDeadline(time.Now().Add(shutdownTime)))
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
	assert.False(t, errors.As(err, &timeout) && timeout.Timeout())
}

// TestCloseInSilence: Holdfast's own, in this process (G3, G11).
func TestCloseInSilence(t *testing.T) {
	for _, c := range []contestant{signalingOnly, wholeCall} {
		for name, run := range map[string]func(contestant, settings) (reading, error){"first": silentFirst, "again": silentAgain} {
			t.Run(c.name+", "+name, func(t *testing.T) {
				r, err := run(c, quick)
				require.NoError(t, err)
				assert.Contains(t, r.Values, "returnedSeconds")
				assert.Zero(t, r.Values["goroutinesLeft"], r.Text)
			})
		}
	}
}

// TestNoHandle: who hands out nothing to close is told apart from who is slow to
// close.
func TestNoHandle(t *testing.T) {
	dialing := func(lasts time.Duration) contestant {
		return contestant{dial: func(t target, _ hooks) (client, error) {
			c, err := net.Dial("tcp", t.addr)
			if err == nil {
				time.Sleep(lasts)
				_ = c.Close()
			}
			return nil, errors.New("timeout")
		}}
	}
	r, err := silentFirst(dialing(1500*time.Millisecond), settings{Patience: 5 * time.Second})
	require.NoError(t, err)
	assert.Regexp(t, `^no handle; dialing ended after \d\.\d\d s$`, r.Text)
	assert.InDelta(t, 2, r.Values["dialSeconds"], 0.6)
	r, err = silentFirst(dialing(1500*time.Millisecond), settings{Patience: 100 * time.Millisecond})
	require.NoError(t, err)
	assert.Equal(t, "no handle within 0.10 s", r.Text)
	_, err = silentFirst(dialing(0), settings{Patience: time.Second})
	assert.EqualError(t, err, "timeout")
}
