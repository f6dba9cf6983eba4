package status

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readVectors reads a file of recorded reference behaviour from the folder
// named by HOLDFAST_VECTORS, or else from testdata. A missing file is a failure.
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

func TestVectorsStatus(t *testing.T) {
	var file struct {
		Statuses []struct {
			Name                     string
			Number                   int
			IsFailure                bool
			IsTerminal               bool
			IsAudioConnectionFailure bool
		}
	}
	readVectors(t, "status.json", &file)
	require.NotEmpty(t, file.Statuses)
	seen := map[Code]bool{}
	for _, want := range file.Statuses {
		c, err := Parse(want.Name)
		require.NoError(t, err)
		assert.Equal(t, want.Name, c.String())
		assert.Equal(t, want.Number, int(c), want.Name)
		assert.Equal(t, want.IsTerminal, c.Terminal(), want.Name)
		assert.Equal(t, want.IsFailure, c.Failure(), want.Name)
		assert.Equal(t, want.IsAudioConnectionFailure, c.AudioConnectionFailure(), want.Name)
		seen[c] = true
	}
	assert.Len(t, seen, len(All()), "every code is in the file")
	t.Logf("compared %d codes, no divergence", len(file.Statuses))
}
