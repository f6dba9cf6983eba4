package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// command runs the command, and gives standard output and standard error.
func command(args ...string) (stdout, stderr string, err error) {
	var out, log strings.Builder
	err = run(context.Background(), args, &out, &log)
	return out.String(), log.String(), err
}

// golden compares with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "go test ./storm -update writes it anew")
}

// TestGolden: the same seed gives the same report. It is one on schedules, which do not
// change with what a session decides.
func TestGolden(t *testing.T) {
	for name, args := range map[string]string{
		"alone.golden":   "-policy nats.go",
		"compare.golden": "-policy centrifuge-go,nats.go,signalr -overload drop -seed 2",
		"compare.md":     "-policy centrifuge-go,nats.go,signalr -markdown -kind crash",
	} {
		stdout, stderr, err := command(append([]string{"-clients", "1000"}, strings.Fields(args)...)...)
		require.NoError(t, err)
		assert.Contains(t, stderr, "simulated 185 s in")
		golden(t, name, stdout)
	}
}

// TestJSON is one document with everything, and the same for the same seed.
func TestJSON(t *testing.T) {
	args := []string{"-clients", "100", "-policy", "ours,nats.go", "-for", "60s", "-json", "-seed", "7"}
	one, _, err := command(args...)
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal([]byte(one), &r))
	assert.Equal(t, storm{100, 2, 30 * time.Second, time.Minute, 7, "restart", "refuse", 0}, r.Storm)
	require.Len(t, r.Results, 2)
	assert.Nil(t, r.Results[0].Library)
	assert.Equal(t, "850f889c", r.Results[1].Library.Commit)
	for _, x := range r.Results {
		assert.Len(t, x.Fleet.Series, 61)
		assert.Equal(t, 100, x.Fleet.Summary.Hit)
		assert.Equal(t, 80*time.Second, x.Ideal)
	}
	again, _, err := command(args...)
	require.NoError(t, err)
	assert.Equal(t, one, again)
	other, _, err := command(append(args, "-seed", "8")...)
	require.NoError(t, err)
	assert.NotEqual(t, one, other)
}

// TestSVG: the picture is written, and the path told, unless standard output is JSON.
func TestSVG(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	dir, err := os.Getwd() // as the system says it
	require.NoError(t, err)
	stdout, _, err := command("-clients", "50", "-for", "40s", "-svg", "storm.svg")
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(stdout, "\n\n"+filepath.Join(dir, "storm.svg")+"\n"), stdout)
	svg, err := os.ReadFile("storm.svg")
	require.NoError(t, err)
	assert.Equal(t, "svg", elements(t, svg)[0].name)
	stdout, stderr, err := command("-clients", "50", "-for", "40s", "-json", "-svg", "other.svg")
	require.NoError(t, err)
	assert.True(t, json.Valid([]byte(stdout)))
	assert.Contains(t, stderr, filepath.Join(dir, "other.svg"))
	assert.FileExists(t, "other.svg")
}

// TestSVGWhereTheUserStands: go run -C starts the command elsewhere.
func TestSVGWhereTheUserStands(t *testing.T) {
	shell := t.TempDir()
	t.Chdir(t.TempDir()) // sets PWD, too
	t.Setenv("PWD", shell)
	stdout, _, err := command("-clients", "50", "-for", "40s", "-svg", "storm.svg")
	require.NoError(t, err)
	assert.Contains(t, stdout, filepath.Join(shell, "storm.svg"))
	assert.FileExists(t, filepath.Join(shell, "storm.svg"))
	assert.NoFileExists(t, "storm.svg")
}

// TestSVGErrors: a file that cannot be written is told of before the simulation.
func TestSVGErrors(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "missing", "storm.svg"): "missing",
		dir: "is a directory",
	} {
		stdout, stderr, err := command("-clients", "50", "-svg", path)
		require.ErrorContains(t, err, "cannot write the picture")
		require.ErrorContains(t, err, want)
		assert.Empty(t, stdout+stderr, "nothing was simulated")
	}
}

// TestSVGOfNothing: a simulation that fails leaves an older picture as it is, and no
// empty one.
func TestSVGOfNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := t.TempDir()
	older, none := filepath.Join(dir, "older.svg"), filepath.Join(dir, "none.svg")
	require.NoError(t, os.WriteFile(older, []byte("older"), 0o600))
	for _, path := range []string{older, none} {
		require.ErrorIs(t, run(ctx, []string{"-clients", "50", "-svg", path}, io.Discard, io.Discard), context.Canceled)
	}
	kept, err := os.ReadFile(older)
	require.NoError(t, err)
	assert.Equal(t, "older", string(kept))
	assert.NoFileExists(t, none)
}

func TestUnknownPolicy(t *testing.T) {
	stdout, stderr, err := command("-policy", "nobody")
	require.ErrorContains(t, err, "choose from all, ours, reference, ")
	assert.Empty(t, stdout+stderr)
}

func TestList(t *testing.T) {
	stdout, _, err := command("-list")
	require.NoError(t, err)
	for _, c := range contestants(known(t)) {
		assert.Contains(t, stdout, "\n"+c.name+"  ")
	}
	assert.Contains(t, stdout, "signalr (ts)")
	assert.Contains(t, stdout, "(mediasoup-client)")
}

// TestInterrupted: Ctrl-C ends a simulation at once, with no report.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out strings.Builder
	err := run(ctx, []string{"-clients", "1000"}, &out, io.Discard)
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, out.String())
}
