package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bench is the output of a benchmark.
func bench(t *testing.T) *measurements {
	t.Helper()
	f, err := os.Open("testdata/bench.txt")
	require.NoError(t, err)
	defer f.Close()
	m, err := readMeasurements(f, "bench.txt")
	require.NoError(t, err)
	return m
}

// command runs the command with that input.
func command(input string, args ...string) (stdout string, err error) {
	var b strings.Builder
	err = run(args, strings.NewReader(input), &b, io.Discard)
	return b.String(), err
}

func TestMeasurements(t *testing.T) {
	m := bench(t)
	assert.Equal(t, []string{"clean", "loss-30", "media-dead-lossy", "media-dead"}, m.families)
	assert.Equal(t, []string{"ours", "ping15-ice17", "silence-3s"}, m.detectors)
	assert.Equal(t, measurement{falsePer100h: 1855, hours: 20}, m.of[key{"loss-30", "ping15-ice17"}])
	assert.Equal(t, measurement{death: true, p50: 2.69, worst: 6.73, missed: 1, deaths: 200, hours: 0.2395},
		m.of[key{"media-dead-lossy", "ours"}])
	assert.True(t, m.of[key{"media-dead", "silence-3s"}].never())
}

// TestOneProcessor: with GOMAXPROCS=1 a name has no number at its end.
func TestOneProcessor(t *testing.T) {
	m, err := readMeasurements(strings.NewReader("BenchmarkDetect/loss-1/ping15-ice17 1 5 ns/op 0 false/100h\n"), "x")
	require.NoError(t, err)
	assert.Contains(t, m.of, key{"loss-1", "ping15-ice17"})
}

func TestTable(t *testing.T) {
	want, err := os.ReadFile("testdata/table.md")
	require.NoError(t, err)
	assert.Equal(t, string(want), table(bench(t)))
}

// TestNoHoursNoDeaths: what the benchmark does not tell, the table does not.
func TestNoHoursNoDeaths(t *testing.T) {
	m, err := readMeasurements(strings.NewReader(
		"BenchmarkDetect/clean/a-2 1 5 ns/op 0 false/100h\n"+
			"BenchmarkDetect/dead|x/a-2 1 5 ns/op 2000 p50-ms 3000 worst-ms 3 missed\n"), "x")
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(table(m), "| clean | 0 |\n| *Death: seconds, median / worst* |  |\n"+
		`| dead\|x | 2.00 / 3.00 (missed 3) |`+"\n"), table(m))
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.7143: "0.71", 2.5: "2.5", 9.994: "9.99", 9.996: "10", 17.3: "17.3", 99.96: "100", 1855: "1855", 420: "420",
	} {
		assert.Equal(t, want, number(v), v)
	}
	for share, want := range map[float64]string{0.004: "0.4", 0.05: "5", 0.312: "31", 0.996: "99.6", 1: "100"} {
		assert.Equal(t, want, percent(share), share)
	}
}

func TestSummaries(t *testing.T) {
	all, err := summaries(bench(t))
	require.NoError(t, err)
	require.Len(t, all, 3)
	assert.Equal(t, summary{
		detector: "ours", families: 2, hours: 40, median: 2.685, worst: 6.73, missed: 1, deaths: 400,
	}, all[0])
	assert.Equal(t, 1855.0/2, all[1].rate)
	assert.Equal(t, "misses 5 % of deaths", all[1].note())
	assert.True(t, all[2].never())
}

// TestMissedCountAsSlow: a detector is not sooner for finding half of the deaths.
func TestMissedCountAsSlow(t *testing.T) {
	assert.Equal(t, 2.0, measurement{death: true, p50: 2, missed: 99, deaths: 200}.median())
	assert.Equal(t, math.Inf(1), measurement{death: true, p50: 2, missed: 100, deaths: 200}.median())
	assert.Equal(t, 2.0, measurement{death: true, p50: 2, missed: 5}.median())
	assert.Equal(t, 3.0, median([]float64{4, 1, 2, math.Inf(1)}))
}

func TestReadme(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	require.NoError(t, os.WriteFile(path, []byte("before\n"+begin+"\nold\n"+end+"\nafter\n"), 0o600))
	for range 2 {
		stdout, err := command("", "-readme", path, "testdata/bench.txt")
		require.NoError(t, err)
		assert.Equal(t, path+"\n", stdout)
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "before\n"+begin+"\n\n"+table(bench(t))+"\n"+end+"\nafter\n", string(content))
}

// TestReadmeMarkers: without its two markers a file stays as it is, and so does
// what else was to be written.
func TestReadmeMarkers(t *testing.T) {
	for content, want := range map[string]string{
		"":                      begin + " 0 times; put it there once",
		begin:                   end + " 0 times; put it there once",
		begin + end + end:       end + " 2 times; put it there once",
		end + "\n" + begin + "": begin + " after " + end + "; swap them",
	} {
		path, other := filepath.Join(t.TempDir(), "README.md"), filepath.Join(t.TempDir(), "table.md")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := command("", "-table", other, "-readme", path, "testdata/bench.txt")
		require.ErrorContains(t, err, want)
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, content, string(kept))
		assert.NoFileExists(t, other)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	const line = "BenchmarkDetect/clean/ours-2 1 5 ns/op "
	missing := filepath.Join(t.TempDir(), "missing", "x")
	for _, tt := range []struct {
		name, input string
		args        []string
		want        string
	}{
		{"no input", "", nil, "no input; pipe in: go test"},
		{"no lines", "PASS\n", nil, "no BenchmarkDetect lines in standard input; pipe in: go test"},
		{"unknown metric", line + "3 cows\n", nil, `standard input:1: BenchmarkDetect/clean/ours-2 reports the unknown metric "cows"; known are`},
		{"no metric", line + "\n", nil, "reports neither p50-ms nor false/100h; report"},
		{"half a death", line + "3 p50-ms\n", nil, "reports only one of p50-ms and worst-ms; report both"},
		{"no detector", "BenchmarkDetect/clean-2 1 5 ns/op\n", nil, "is not named BenchmarkDetect/<family>/<detector>; pipe in"},
		{"cut off", "BenchmarkDetect/clean/ours-2 1 5\n", nil, "standard input:1: "},
		{"no deaths to draw", line + "0 false/100h\n", []string{"-svg", missing}, "ours has 1 families of healthy links and 0 of deaths; pipe in"},
		{"nothing to write", line, []string{}, "nothing to write: give -svg, -table or -readme"},
		{"no such input", "", []string{"-table", missing, missing}, "cannot read the output of the benchmark: open " + missing},
		{"two inputs", "", []string{"-table", missing, "a", "b"}, "2 input files: give one"},
		{"unwritable", line + "0 false/100h\n", []string{"-table", missing}, missing + ": no such file or directory: give a file in a directory that exists"},
		{"no readme", line + "0 false/100h\n", []string{"-readme", missing}, "no such file or directory; give one that exists and has the lines"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.args == nil {
				tt.args = []string{"-table", filepath.Join(t.TempDir(), "x")}
			}
			stdout, err := command(tt.input, tt.args...)
			require.ErrorContains(t, err, tt.want)
			assert.Empty(t, stdout)
		})
	}
}

// TestTerminal: nobody waits for input that is not piped in.
func TestTerminal(t *testing.T) {
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	assert.Equal(t, errNoInput, run([]string{"-table", "x"}, null, io.Discard, io.Discard))
}

// TestAbsolutePaths: go run -C writes where nobody expects it, so it is told.
func TestAbsolutePaths(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	input, err := os.ReadFile("testdata/bench.txt")
	require.NoError(t, err)
	t.Chdir(dir)
	stdout, err := command(string(input), "-svg", "a.svg", "-table", "b.md")
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("%[1]s/a.svg\n%[1]s/b.md\n", filepath.ToSlash(dir)), filepath.ToSlash(stdout))
	assert.FileExists(t, "a.svg")
	assert.FileExists(t, "b.md")
}

func TestHelp(t *testing.T) {
	var b bytes.Buffer
	require.Error(t, run([]string{"-h"}, strings.NewReader(""), io.Discard, &b))
	for _, want := range []string{"go run -C docs/chart", "-svg file", "-table file", "-readme file"} {
		assert.Contains(t, b.String(), want)
	}
}
