package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session"
)

// TestRecordedFaultsReplay (G14): recorded runs on real media and signaling replay to
// the same effects, with nothing but the file, and without the token in it.
func TestRecordedFaultsReplay(t *testing.T) {
	for _, name := range []string{"signaling-1001", "media-black-hole", "both-dead", "server-drained", "token-rotated", "credentials-rejected"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "incident.jsonl")
			var out bytes.Buffer
			require.NoError(t, run(t.Context(), []string{"-fault", name, "-record", path}, &out, &out), out.String())
			assert.Contains(t, out.String(), "recorded in "+path)
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.NotContains(t, string(text), token)
			names, state := map[string]int{}, session.StateIdle
			for step, err := range session.Replay(bytes.NewReader(text)) {
				require.NoError(t, err)
				require.Zero(t, step.Gap)
				for _, e := range step.Events {
					names[e.Name()]++
				}
				state = step.Snapshot.State
			}
			assert.Equal(t, observer.StateStopped, state)
			assert.Equal(t, 1, names["Stopped"])
			if name != "credentials-rejected" {
				assert.Equal(t, 1, names["Recovered"])
			}
		})
	}
}

// TestRecordedRunsStandInOneFile: several faults are several sessions.
func TestRecordedRunsStandInOneFile(t *testing.T) {
	var file, out bytes.Buffer
	tl := newTimeline(&out, false)
	tl.record = &file
	for _, f := range faults {
		if f.name == "meeting-ended" || f.name == "meeting-full" {
			require.True(t, play(t.Context(), tl, f).OK, out.String())
		}
	}
	sessions := 0
	for step, err := range session.Replay(&file) {
		require.NoError(t, err)
		if step.Recording != nil {
			sessions++
			assert.Equal(t, attendee, step.Recording.Session)
		}
	}
	assert.Equal(t, 2, sessions)
}

func TestRecordErrors(t *testing.T) {
	var out bytes.Buffer
	gone := filepath.Join(t.TempDir(), "gone", "x")
	assert.ErrorIs(t, run(t.Context(), []string{"-fault", "meeting-full", "-record", gone}, &out, &out), os.ErrNotExist)
	assert.ErrorIs(t, run(t.Context(), []string{"-list", "-record", "x"}, &out, &out), errUsage)
	assert.True(t, strings.HasPrefix(out.String(), "call: -record is for a client"), out.String())
}
