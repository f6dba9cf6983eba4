package main

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// holding is a contestant whose clients hold what is known.
func holding(goroutines, bytes int) contestant {
	c := signalingOnly
	c.dial = func(target, hooks) (client, error) {
		release, held := make(chan struct{}), make([]byte, bytes)
		for range goroutines {
			go func() { <-release }()
		}
		return made{func() { close(release); runtime.KeepAlive(held) }}, nil
	}
	return c
}

// TestWeigh finds what is there: goroutines, and bytes on top of their stacks.
func TestWeigh(t *testing.T) {
	s := settings{Clients: 50, Window: 50 * time.Millisecond}
	light, err := idle(holding(2, 0), s)
	require.NoError(t, err)
	heavy, err := idle(holding(2, 1<<20), s)
	require.NoError(t, err)
	assert.InDelta(t, 2, light.Values["goroutines"], 0.2)
	assert.InDelta(t, 2, heavy.Values["goroutines"], 0.2)
	assert.InDelta(t, 1024, heavy.Values["KiB"]-light.Values["KiB"], 10)
	assert.Regexp(t, `^2\.0, 10\d\d\.\d KiB, \d+ µs/s$`, heavy.Text)
	assert.EqualValues(t, 50, heavy.Values["clients"])
}

// TestBusy: a process that computes is told from one that waits.
func TestBusy(t *testing.T) {
	_, known := processorTime()
	if !known {
		t.Skip("this system does not tell the processor time")
	}
	waiting, _ := busy(200 * time.Millisecond)
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(0): // soon
			}
		}
	}()
	computing, _ := busy(200 * time.Millisecond)
	close(stop)
	assert.Greater(t, computing, waiting)
	assert.Positive(t, computing)
}
