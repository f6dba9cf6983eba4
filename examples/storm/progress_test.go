package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/session/sim"
)

// watched is progress with a clock that the test sets, and what it has written.
func watched(terminal bool) (*progress, *time.Time, *strings.Builder) {
	var b strings.Builder
	now := time.Unix(0, 0)
	return &progress{w: &b, terminal: terminal, now: func() time.Time { return now }}, &now, &b
}

// far is how far a simulation is.
func far(at int, connected float64) sim.Progress {
	return sim.Progress{At: time.Duration(at) * time.Second, For: 185 * time.Second, Connected: connected}
}

// TestPlainProgress: a line every 5 s at most, and one in the end.
func TestPlainProgress(t *testing.T) {
	p, now, b := watched(false)
	step := p.begin("ours", 1, 1)
	for second := range 13 {
		*now = time.Unix(int64(second), 0)
		step(far(10*second, 0.5))
	}
	p.end(nil)
	assert.Equal(t, "ours: 50 s of 185 s, 50 % connected\nours: 100 s of 185 s, 50 % connected\nours: simulated 185 s in 12.0 s\n", b.String())
}

// TestTerminalProgress: one line is written over, also by a shorter one.
func TestTerminalProgress(t *testing.T) {
	p, now, b := watched(true)
	step := p.begin("ours", 2, 3)
	step(far(1, 1)) // too soon
	*now = now.Add(blink)
	step(far(185, 1))
	*now = now.Add(blink)
	step(far(2, 0))
	p.end(nil)
	assert.Equal(t, "\r2 of 3, ours: 185 s of 185 s, 100 % connected"+
		"\r2 of 3, ours: 2 s of 185 s, 0 % connected    "+
		"\r2 of 3, ours: simulated 185 s in 0.2 s   \n", b.String())
}

func TestStoppedProgress(t *testing.T) {
	p, _, b := watched(false)
	p.begin("ours", 1, 1)
	p.end(errors.New("interrupted"))
	assert.Equal(t, "ours: stopped\n", b.String())
}
