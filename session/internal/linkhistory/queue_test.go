package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQueueKeepsTheOrder(t *testing.T) {
	for _, lasts := range []time.Duration{shortestBloat, longestBloat} {
		q := newQueue(time.Minute, lasts, 3*time.Second)
		assert.Zero(t, q.adds(time.Minute))
		assert.Zero(t, q.adds(q.until))
		most, last := time.Duration(0), time.Duration(0)
		for now := time.Minute; now < q.until+time.Second; now += packetEvery {
			require.Greater(t, now+q.adds(now), last)
			last, most = now+q.adds(now), max(most, q.adds(now))
		}
		assert.Equal(t, 3*time.Second, most)
	}
}

func TestQueueDropsWhileFull(t *testing.T) {
	w, r, lost := way{queue: newQueue(0, 10*time.Second, time.Second)}, source(1, 1), 0
	for range 10_000 {
		_, ok := w.pass(r, time.Second)
		require.True(t, ok)
		if _, ok := w.pass(r, 5*time.Second); !ok {
			lost++
		}
	}
	assert.InDelta(t, tailDrop, float64(lost)/10_000, 0.01)
}
