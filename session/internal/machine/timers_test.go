package machine

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/policy"
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

// TestTimersAtTheEndOfTime: a span that does not fit into the clock is as good
// as for ever.
func TestTimersAtTheEndOfTime(t *testing.T) {
	r := newRig(func(c *Config) {
		c.ConnectTimeout = math.MaxInt64
		c.Policy.Budget.Elapsed = policy.NoLimit
	})
	r.start()
	at, ok := r.m.Deadline()
	assert.True(t, ok)
	assert.Equal(t, time.Duration(math.MaxInt64), at)
	assert.Empty(t, r.do(Input{Kind: Tick}))
	assert.Equal(t, time.Second, later(time.Second, -time.Hour), "no deadline lies in the past")
}
