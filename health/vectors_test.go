package health

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// readVectors decodes a file of recorded behaviour from the folder named by
// HOLDFAST_VECTORS, or from testdata. A file that is missing fails the test.
func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	folder := os.Getenv("HOLDFAST_VECTORS")
	if folder == "" {
		folder = "testdata"
	}
	b, err := os.ReadFile(filepath.Join(folder, name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, into))
}

// origin is where a trace's first instant lies on our clock. That it is 0 shows
// that 0 is a time like any other to us, unlike in the recordings, where a time
// of 0 stands for never.
const origin = time.Duration(0)

// clock maps recorded absolute milliseconds to our monotonic time and back.
type clock struct {
	startMs float64
	now     time.Duration
}

func newClock(startMs float64) *clock { return &clock{startMs: startMs, now: origin} }

func (c *clock) advance(ms float64) { c.now += milliseconds(ms) }

func (c *clock) moment(ms float64) Moment {
	if ms == 0 {
		return Moment{}
	}
	return At(origin + milliseconds(ms-c.startMs))
}

func (c *clock) recorded(m Moment) float64 {
	at, ok := m.Get()
	if !ok {
		return 0
	}
	return c.startMs + float64(at-origin)/float64(time.Millisecond)
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
