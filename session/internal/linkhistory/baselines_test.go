package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBaselinesOnCleanPaths holds what they must find, and within which time at
// worst, where the client was not stalled; 0: never.
func TestBaselinesOnCleanPaths(t *testing.T) {
	rtt := 650 * time.Millisecond
	worst := map[string]map[string]time.Duration{
		"media-dead": {
			"reference": 26 * time.Second, "ping-and-ice": 17 * time.Second, "ice-disconnected": 7 * time.Second,
			"silence": 5 * time.Second,
		},
		"signaling-dead": {"reference": 51 * time.Second, "ping-and-ice": 30 * time.Second},
	}
	for family, limits := range worst {
		f, _ := Find(family)
		for name, newWatcher := range Baselines() {
			s := f.Run(1, 40, true, newWatcher)
			require.Len(t, s.Variants, int(variants))
			for _, v := range s.Variants[:stalled] {
				assert.Equal(t, limits[name] > 0, v.Missed == 0, "%s %s", family, name)
				assert.LessOrEqual(t, v.Worst, limits[name]+rtt, "%s %s", family, name)
			}
		}
	}
}

func TestBaselinesAreQuietOnCleanPaths(t *testing.T) {
	for _, f := range healthy()[:6] {
		for name, newWatcher := range Baselines() {
			s := f.Run(1, 1, true, newWatcher)
			assert.Zero(t, s.FalseTotal, "%s %s %v", f.Name, name, s.False)
		}
	}
}
