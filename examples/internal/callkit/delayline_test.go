package callkit

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestDelayLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l delayLine
		var mu sync.Mutex
		var done []int
		add := func(d time.Duration, i int) {
			l.add(d, func() { mu.Lock(); defer mu.Unlock(); done = append(done, i) })
		}
		after := func(d time.Duration, want ...int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			assert.Equal(t, want, done)
		}
		assert.True(t, l.idle())
		add(time.Second, 1)
		assert.False(t, l.idle())
		add(time.Millisecond, 2) // must not overtake
		after(time.Second - 1)
		after(1, 1, 2)
		assert.True(t, l.idle())

		add(time.Second, 3)
		time.Sleep(time.Second / 2)
		add(time.Second, 4)
		after(time.Second/2, 1, 2, 3)
		after(time.Second/2, 1, 2, 3, 4)

		add(time.Second, 5)
		l.close()
		add(0, 6)
		after(time.Hour, 1, 2, 3, 4)
	})
}
