package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFlightIsInOrderOfArrival(t *testing.T) {
	var f flight
	assert.Equal(t, never, f.next())
	r := source(1, 1)
	popped, last := 0, time.Duration(0)
	for i := range uint64(5000) {
		f.push(packet{time.Duration(i)*20 + between(r, 0, 5000), i})
		for f.next() <= time.Duration(i)*20 {
			p := f.pop()
			popped++
			require.GreaterOrEqual(t, p.arrives, last)
			last = p.arrives
		}
	}
	assert.Equal(t, 5000, popped+f.count)
	assert.Greater(t, f.count, 64, "it has grown")
	f.clear()
	assert.Equal(t, never, f.next())
}
