package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// connectEnv makes the test binary the client half.
const connectEnv = "HOLDFAST_CALL_CONNECT_TEST"

// output collects what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// TestStoppedClient stops the client's whole process for longer than any bound of
// the detector, and lets it go on: its late timers prove nothing (NEEDS 14). Fake
// time has no way to show that.
func TestStoppedClient(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	st, err := newStage(newTimeline(&bytes.Buffer{}, false))
	require.NoError(t, err)
	defer func() { require.NoError(t, st.close()) }()

	var out output
	client := exec.CommandContext(ctx, os.Args[0])
	client.Env = append(os.Environ(), connectEnv+"="+st.server.URL())
	client.Stdout, client.Stderr = &out, &out
	require.NoError(t, client.Start())
	defer func() { _, _ = client.Process.Kill(), client.Wait() }()

	require.Eventually(t, func() bool { return st.server.PacketsFrom(attendee) > 50 }, 20*time.Second, 20*time.Millisecond, out.String())
	for _, stopped := range []time.Duration{time.Second, 7 * time.Second} {
		require.NoError(t, client.Process.Signal(syscall.SIGSTOP))
		require.NoError(t, pause(ctx, stopped))
		require.NoError(t, client.Process.Signal(syscall.SIGCONT))
		before := st.server.PacketsFrom(attendee)
		require.NoError(t, pause(ctx, 4*time.Second))
		assert.Greater(t, st.server.PacketsFrom(attendee), before+100, "audio goes on")
	}
	assert.Contains(t, out.String(), "CONNECTED")
	assert.NotContains(t, out.String(), "RECONNECTING")
	assert.NotContains(t, out.String(), "FOUND DEAD")
}
