package sim

import (
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
}
