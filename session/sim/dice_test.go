package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestDice(t *testing.T) {
	d, n, sum := newDice(1, 2, forNature), 10_000, 0.0
	for range n {
		v := d.float()
		assert.True(t, v >= 0 && v < 1)
		sum += v
	}
	assert.InDelta(t, 0.5, sum/float64(n), 0.02)
	assert.NotEqual(t, newDice(1, 2, forNature), newDice(1, 2, forJitter))
	assert.NotEqual(t, newDice(1, 2, forNature), newDice(1, 3, forNature))
	assert.NotEqual(t, newDice(1, 2, forNature), newDice(2, 2, forNature))
}

func TestHappens(t *testing.T) {
	d := newDice(1, 2, forNature)
	before := d
	assert.False(t, d.happens(0))
	assert.Equal(t, before, d, "what never happens takes no number")
	assert.True(t, d.happens(1))
}

// TestWaits have the mean that their rate says.
func TestWait(t *testing.T) {
	d, sum := newDice(1, 2, forNature), time.Duration(0)
	for range 10_000 {
		sum += d.wait(60)
	}
	assert.InDelta(t, time.Minute.Seconds(), sum.Seconds()/10_000, 2)
	assert.Equal(t, never, d.wait(0))
	assert.Equal(t, never, d.wait(1e-300))
	assert.Equal(t, never, after(never-1, 2))
	assert.Equal(t, never, after(never, 0))
	assert.EqualValues(t, 3, after(1, 2))
}
