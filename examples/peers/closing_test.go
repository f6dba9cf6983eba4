package main

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// made is a client of a made-up library: end is its Close.
type made struct{ end func() }

func (made) Connected() bool { return true }
func (m made) Close()        { m.end() }
func (m made) Stop()         { m.end() }

// TestWatchdog: what a Close does is told as it is.
func TestWatchdog(t *testing.T) {
	release := make(chan struct{})
	for name, tt := range map[string]struct {
		end    func()
		text   string
		values []string
		left   float64
	}{
		"returns": {func() {}, `^0\.\d\d s, 0\.\d\d s$`, []string{"returnedSeconds", "goneSeconds"}, 0},
		"late":    {func() { time.Sleep(100 * time.Millisecond) }, `^0\.[1-9]\d s, 0\.[1-9]\d s$`, []string{"returnedSeconds", "goneSeconds"}, 0},
		"leaves two": {func() {
			go func() { <-release }()
			go func() { <-release }()
		}, `^0\.\d\d s, 2 left after \d\.\d\d s$`, []string{"returnedSeconds"}, 2},
		"hangs": {func() { <-release }, `^never, 1 left after \d\.\d\d s$`, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnding(settings{Patience: 300 * time.Millisecond}, client.Close)
			e.before = others()
			go e.call(made{tt.end})
			r, err := e.judged()
			require.NoError(t, err)
			assert.Regexp(t, tt.text, r.Text)
			for _, v := range tt.values {
				assert.Contains(t, r.Values, v)
			}
			assert.Equal(t, tt.left, r.Values["goroutinesLeft"])
			assert.Len(t, r.Values, len(tt.values)+1)
			for range int(tt.left) {
				release <- struct{}{}
			}
			_, ok := eventually(time.Second, func() bool { return e.left() <= 0 })
			assert.True(t, ok)
		})
	}
}

// TestCallbackThatCloses: Holdfast's own, in this process (G4, G11).
func TestCallbackThatCloses(t *testing.T) {
	for _, when := range []moment{whenConnected, whenLost} {
		r, err := newEnding(quick, client.Close).at(signalingOnly, when)
		require.NoError(t, err)
		assert.Contains(t, r.Values, "returnedSeconds")
		assert.Zero(t, r.Values["goroutinesLeft"], r.Text)
	}
}

// TestDialFails: a library that does not even connect is not judged by its Close.
func TestDialFails(t *testing.T) {
	c := signalingOnly
	c.dial = func(target, hooks) (client, error) { return nil, errors.New("refused") }
	for _, when := range []moment{whenConnected, whenLost} {
		_, err := newEnding(quick, client.Close).at(c, when)
		assert.EqualError(t, err, "refused")
	}
	_, err := closeAsked(c, quick)
	assert.EqualError(t, err, "refused")
}

// TestOnlyOneEnds: a callback that comes again ends nothing twice.
func TestOnlyOneEnds(t *testing.T) {
	ends := 0
	e := newEnding(quick, client.Close)
	e.call(made{func() { ends++ }})
	e.call(made{func() { ends++ }})
	assert.Equal(t, 1, ends)
}

// TestLesser: Close follows from outside.
func TestLesser(t *testing.T) {
	ended := make(chan struct{}, 2)
	lesser(made{func() { ended <- struct{}{} }})
	<-ended
	<-ended
}

// others counts the goroutines once those of what was before have ended.
func others() int {
	n := runtime.NumGoroutine()
	for still := 0; still < 10; still++ {
		time.Sleep(10 * time.Millisecond)
		if now := runtime.NumGoroutine(); now != n {
			n, still = now, 0
		}
	}
	return n
}
