package sim

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestQuantiles(t *testing.T) {
	ms := time.Millisecond
	assert.Equal(t, 5*ms, Always(5*ms)(0.3))
	assert.Equal(t, 12*ms, Between(10*ms, 20*ms)(0.2))
	q := Skewed(30*ms, 150*ms)
	assert.InDelta(t, 30, q(0.5).Seconds()*1000, 0.01)
	assert.InDelta(t, 150, q(0.99).Seconds()*1000, 0.1)
	assert.Equal(t, 6*ms, q(0))
	assert.Equal(t, 300*ms, q(1))
	last := time.Duration(0)
	for i := range 1001 {
		assert.GreaterOrEqual(t, q(float64(i)/1000), last)
		last = q(float64(i) / 1000)
	}
	assert.Equal(t, 7*ms, Skewed(7*ms, 0)(0.9), "no tail")
	assert.Equal(t, 7*ms, Between(7*ms, 0)(0.9))
	assert.Equal(t, 3*ms, Between(-ms, 4*ms)(0.75))
}

// TestQuantilesOfEverything: no time is too long for them.
func TestQuantilesOfEverything(t *testing.T) {
	assert.Equal(t, never, Between(never, never)(0.5))
	assert.Equal(t, never, Between(math.MinInt64, never)(1))
	assert.Zero(t, Between(never, math.MinInt64)(0)-never)
	assert.Greater(t, Skewed(time.Second, never)(0.99), never/2)
	assert.Equal(t, never, Skewed(never, never)(0.999))
}
