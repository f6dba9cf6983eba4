package machine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestTimersTake: what is due comes out in order of time, and at equal times in
// the order of the constants, so that a replay cannot differ.
func TestTimersTake(t *testing.T) {
	var ts timers
	ts.set(tPing, 2*time.Second)
	ts.set(tStable, 2*time.Second)
	ts.set(tGrace, 3*time.Second)
	ts.set(tRetry, time.Second)
	ts.set(tUpdate, 4*time.Second)
	ts.set(tReason, 0)
	ts.clear(tReason)
	at, ok := ts.next()
	assert.True(t, ok)
	assert.Equal(t, time.Second, at)
	_, early := ts.take(time.Second - 1)
	assert.False(t, early)
	var order []timer
	for n, ok := ts.take(3 * time.Second); ok; n, ok = ts.take(3 * time.Second) {
		order = append(order, n)
	}
	assert.Equal(t, []timer{tRetry, tStable, tPing, tGrace}, order)
	at, ok = ts.next()
	assert.True(t, ok)
	assert.Equal(t, 4*time.Second, at)
	ts.clearAll()
	_, ok = ts.next()
	assert.False(t, ok)
}
