package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/policy/status"
)

// TestWhatTheServerSays counts for ten hours of a mute room.
func TestWhatTheServerSays(t *testing.T) {
	w, d := still(1), &diary{}
	w.rtcpEvery = 3 * time.Second
	w.hold(Mute)
	w.connect(d)
	w.run(10 * time.Hour)
	by := map[status.Layer]int{}
	for _, c := range d.of("heard") {
		by[c.layer]++
	}
	assert.InDelta(t, 1800, by[status.LayerSignaling], 150)
	assert.InDelta(t, 18_000+18_000+12_000, by[status.LayerMedia], 300, "checks, answers, reports")
}

func TestSilentServerAtNight(t *testing.T) {
	w := still(1)
	w.connect(&diary{})
	w.client.begin(pause{until: night})
	w.truth.hushedUntil = night
	w.talker.skip(night - slack)
	w.run(night - slack)
	assert.LessOrEqual(t, len(w.client.inbox), 4, "what was under way")
	w.run(night - 1)
	assert.InDelta(t, 500, len(w.client.inbox), 30)
}
