package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWayLosesItsShare(t *testing.T) {
	for _, loss := range []float64{0, 0.01, 0.05, 0.3} {
		w, r, lost := way{loss: loss, delay: time.Second}, source(1, 1), 0
		for range 100_000 {
			if at, ok := w.pass(r, time.Minute); !ok {
				lost++
			} else {
				require.Equal(t, time.Minute+time.Second, at)
			}
		}
		assert.InDelta(t, loss, float64(lost)/100_000, 0.005)
	}
}

func TestWayJitters(t *testing.T) {
	w, r := way{jitter: time.Second}, source(1, 1)
	var sum time.Duration
	for range 10_000 {
		at, _ := w.pass(r, 0)
		require.Less(t, at, time.Second)
		sum += at / 10_000
	}
	assert.InDelta(t, 500, float64(sum.Milliseconds()), 20)
}

func TestWayIsDarkAsOftenAsDarkened(t *testing.T) {
	var w way
	passes := func() bool { _, ok := w.pass(nil, 0); return ok }
	w.darken(1)
	w.darken(2)
	assert.False(t, passes())
	w.lighten(3)
	assert.False(t, passes())
	w.lighten(4)
	assert.True(t, passes())
	assert.Equal(t, []time.Duration{1, 4}, []time.Duration{w.darkFrom, w.darkUntil})
}
