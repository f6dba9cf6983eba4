package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// spoken gives how many packets an hour of a content has, and the gaps between.
func spoken(t *testing.T, c Content) (packets int, shortest, longest time.Duration) {
	talk := talker{r: source(1, 1)}
	talk.start(0, c)
	last := time.Duration(-1)
	shortest = never
	for talk.due < time.Hour {
		if last >= 0 {
			shortest, longest = min(shortest, talk.due-last), max(longest, talk.due-last)
		}
		last = talk.due
		require.Equal(t, uint64(packets), talk.next())
		packets++
	}
	return packets, shortest, longest
}

func TestTalkerPace(t *testing.T) {
	for _, c := range []Content{Talk, ReceiveOnly} {
		packets, shortest, longest := spoken(t, c)
		assert.Equal(t, []any{180_000, packetEvery, packetEvery}, []any{packets, shortest, longest}, c)
	}
	packets, shortest, longest := spoken(t, DTX)
	assert.Equal(t, []time.Duration{packetEvery, comfortEvery}, []time.Duration{shortest, longest})
	assert.InDelta(t, 1800*50+1800*2.5, packets, 8000)
	for _, c := range []Content{Mute, Alone, NoTracks} {
		packets, _, _ := spoken(t, c)
		assert.Zero(t, packets, c)
	}
}

func TestTalkerSkips(t *testing.T) {
	talk := talker{r: source(1, 1)}
	for _, c := range []Content{Talk, DTX, Mute} {
		talk.start(0, c)
		talk.skip(time.Hour)
		if c.packets() {
			assert.InDelta(t, float64(time.Hour), float64(talk.due), float64(packetEvery))
			talk.next()
			assert.Less(t, talk.due, time.Hour+time.Second)
		}
	}
	assert.Equal(t, never, talk.due, "nothing to skip")
}
