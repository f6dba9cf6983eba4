package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// deliveries writes n messages on a stream, the time between being even up to
// spread, and gives what was delivered, and how long each took.
func deliveries(t *testing.T, w *world, n int, spread time.Duration) (took []time.Duration) {
	written := make([]time.Duration, n+1)
	w.ping.deliver = func(id uint64) {
		require.Equal(t, len(took)+1, int(id), "in order, once")
		took = append(took, w.now-written[id])
	}
	w.ping.open(w.up.delay + w.down.delay)
	w.talker.hold(never)
	for id := 1; id <= n; id++ {
		w.run(w.now + between(w.answers, 0, spread))
		written[id] = w.now
		w.ping.write(w.now, uint64(id))
	}
	w.run(w.now + 2*time.Hour)
	return took
}

// hold keeps a talker quiet until then.
func (t *talker) hold(until time.Duration) { t.due = until }

func TestStreamDeliversInOrder(t *testing.T) {
	for _, loss := range []float64{0, 0.05, 0.3} {
		w := still(1)
		w.up.loss, w.down.loss = loss, loss
		w.up.jitter = 300 * time.Millisecond
		took := deliveries(t, w, 2000, time.Second)
		assert.Len(t, took, 2000)
		assert.Empty(t, w.ping.segments, "all is acknowledged")
	}
}

func TestStreamBacksOff(t *testing.T) {
	w := still(1)
	took := deliveries(t, w, 1, 0)
	assert.Equal(t, []time.Duration{50 * time.Millisecond}, took)
	var sent []time.Duration
	w = still(1)
	w.ping.open(100 * time.Millisecond)
	w.ping.transmit = func(uint64) { sent = append(sent, w.now) }
	w.ping.write(0, 1)
	w.run(20 * time.Minute)
	for i := range 5 {
		assert.Equal(t, (300*time.Millisecond)<<i, sent[i+1]-sent[i])
	}
	assert.Equal(t, longestTimeout, sent[12]-sent[11])
	assert.True(t, w.ping.abandoned)
	assert.Less(t, sent[len(sent)-1], givenUp+longestTimeout)
	assert.NotZero(t, w.truth.dead&SignalingDead)
}

func TestStreamWaitsBehindALoss(t *testing.T) {
	w := still(1)
	w.ping.open(100 * time.Millisecond)
	var got []time.Duration
	w.ping.deliver = func(uint64) { got = append(got, w.now) }
	w.up.darken(0)
	w.ping.write(0, 1)
	w.up.lighten(0)
	w.ping.write(0, 2)
	w.run(time.Second)
	at := 350 * time.Millisecond
	assert.Equal(t, []time.Duration{at, at}, got, "by the timer, as there are too few duplicates")
}

func TestStreamRetransmitsFast(t *testing.T) {
	w := still(1)
	w.ping.open(100 * time.Millisecond)
	var got []time.Duration
	w.ping.deliver = func(uint64) { got = append(got, w.now) }
	w.up.darken(0)
	w.ping.write(0, 1)
	w.up.lighten(0)
	for id := range uint64(3) {
		w.ping.write(0, 2+id)
	}
	w.run(time.Second)
	require.Len(t, got, 4)
	assert.Equal(t, 150*time.Millisecond, got[0])
	assert.Equal(t, 150*time.Millisecond, got[3])
}

func TestStreamHoldsNewDataAfterATimeout(t *testing.T) {
	w := still(1)
	w.ping.open(100 * time.Millisecond)
	sent := 0
	w.ping.transmit = func(uint64) { sent++ }
	w.ping.write(0, 1)
	w.run(400 * time.Millisecond)
	w.ping.write(w.now, 2)
	assert.Equal(t, 2, sent, "the first twice")
}
