package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWheel(t *testing.T) {
	var w wheel
	c := &client{slot: 7, queued: -1}
	w.put(c, 2)
	w.put(c, 2)
	assert.Zero(t, w.due())
	for window := range int64(2) {
		at, entries := w.take()
		assert.Equal(t, window, at)
		assert.Empty(t, entries)
	}
	assert.Equal(t, 1, w.due())
	w.put(c, 3) // the entry of window 2 is stale now
	at, entries := w.take()
	assert.Equal(t, []uint32{7}, entries)
	assert.NotEqual(t, at, c.queued)
	at, entries = w.take()
	assert.Equal(t, []uint32{7}, entries)
	assert.Equal(t, at, c.queued)
}

func TestWheelHasAnEnd(t *testing.T) {
	var w wheel
	c := &client{queued: -1}
	w.put(c, 10*wheelSize)
	assert.EqualValues(t, wheelSize-1, c.queued, "it is looked at again then")
	w.done = 5
	w.put(c, 1)
	assert.EqualValues(t, 5, c.queued, "nobody is entered for the past")
}
