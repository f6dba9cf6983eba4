package main

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestApart has a process measure that goes well, and ones that do not.
func TestApart(t *testing.T) {
	measure := func(discipline string, limit time.Duration) (reading, error) {
		return apart(t.Context(), task{discipline, natsGo.name, quick}, limit)
	}
	t.Run("told", func(t *testing.T) {
		r, err := measure("ill-told", time.Minute)
		require.NoError(t, err)
		assert.Equal(t, "nats.go for 1s", r.Text)
	})
	t.Run("hangs", func(t *testing.T) {
		began := time.Now()
		_, err := measure("ill-hangs", 500*time.Millisecond)
		require.ErrorIs(t, err, errNotInTime)
		assert.Less(t, time.Since(began), 10*time.Second)
	})
	t.Run("fails", func(t *testing.T) {
		_, err := measure("ill-fails", time.Minute)
		assert.EqualError(t, err, "the measuring process has failed: exit status 1: peers: the port is taken")
	})
	t.Run("dies", func(t *testing.T) {
		_, err := measure("ill-dies", time.Minute)
		var death *deathError
		require.ErrorAs(t, err, &death)
		assert.Contains(t, err.Error(), "panic: out of luck")
		assert.NotContains(t, err.Error(), "goroutine")
		_, known := dies(death)
		assert.False(t, known, "only the panic of the callback counts")
	})
}

// TestMeasureReason: what cannot be measured says why, and the rest goes on.
func TestMeasureReason(t *testing.T) {
	r := race{settings: quick}
	d := discipline{name: "ill-fails", limit: func(settings) time.Duration { return time.Minute }}
	got := r.measure(t.Context(), d, natsGo)
	assert.Equal(t, "the measuring process has failed: exit status 1: peers: the port is taken", got.Reason)
}

func TestRoles(t *testing.T) {
	for role, text := range map[string]string{
		"serve nobody":                    `there is no contestant "nobody"; there are: centrifuge-go, nats.go, holdfast, signaling, holdfast, call`,
		"measure {":                       "unexpected end of JSON input",
		"dance all night":                 `HOLDFAST_PEERS_ROLE is "dance all night": there is no such role`,
		`measure {"contestant":"nobody"}`: `there is no contestant "nobody"; there are: centrifuge-go, nats.go, holdfast, signaling, holdfast, call`,
		`measure {"contestant":"nats.go","discipline":"x"}`: `there is no discipline "x"; -list shows them`,
	} {
		cmd, err := self(t.Context(), role)
		require.NoError(t, err)
		hold, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.CombinedOutput()
		require.Error(t, err, role)
		assert.Equal(t, "peers: "+text+"\n", string(out))
		require.NoError(t, errors.Join(ignoreClosedFile(hold.Close())))
	}
	played, err := play("")
	assert.False(t, played)
	assert.NoError(t, err)
}

func ignoreClosedFile(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// TestServersEndWithTheirOwner: a server process does not outlive the one that has
// started it.
func TestServersEndWithTheirOwner(t *testing.T) {
	p, _, err := oneServer(signalingOnly)
	require.NoError(t, err)
	require.NoError(t, p.in.Close()) // as the end of the owner does
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	select {
	case err := <-ended:
		assert.NoError(t, err)
	case <-time.After(shutdownTime):
		assert.Fail(t, "still there", p.kill())
	}
}
