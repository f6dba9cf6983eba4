package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// readVectors decodes one file of recorded cases: from the folder in the
// environment variable HOLDFAST_VECTORS, else from testdata.
func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	folder := os.Getenv("HOLDFAST_VECTORS")
	if folder == "" {
		folder = "testdata"
	}
	data, err := os.ReadFile(filepath.Join(folder, name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

// millis converts the recordings' milliseconds, which may have a fraction.
func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// sameDelay compares a delay of ours, in whole nanoseconds, with a recorded one
// in floating-point milliseconds.
func sameDelay(t *testing.T, wantMs float64, got time.Duration, msg ...any) {
	t.Helper()
	want := wantMs * float64(time.Millisecond)
	require.InDelta(t, want, float64(got), 1+1e-9*want, msg...)
}
