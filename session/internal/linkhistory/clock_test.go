package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestClocksLagAndStep(t *testing.T) {
	c := newClock(time.Hour)
	before := c.at(time.Minute)
	assert.Equal(t, 61*time.Minute, before.Mono)
	c.lag(10 * time.Second)
	c.step(-time.Second)
	after := c.at(2 * time.Minute)
	assert.Equal(t, 50*time.Second, after.Mono-before.Mono)
	assert.Equal(t, 59*time.Second, after.Wall.Sub(before.Wall))
	assert.Equal(t, 2*time.Minute, c.when(after.Mono))
	assert.Equal(t, never, c.when(never))
}
