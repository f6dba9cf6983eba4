package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// found is what gremlins writes, with one mutant of each kind.
const found = `{"files": [{"file_name": "a.go", "mutations": [
	{"line": 3, "column": 9, "type": "CONDITIONALS_BOUNDARY", "status": "LIVED"},
	{"line": 2, "column": 1, "type": "ARITHMETIC_BASE", "status": "KILLED"},
	{"line": 3, "column": 4, "type": "CONDITIONALS_NEGATION", "status": "KILLED"},
	{"line": 4, "column": 1, "type": "INVERT_LOGICAL", "status": "KILLED"},
	{"line": 5, "column": 1, "type": "ARITHMETIC_BASE", "status": "NOT VIABLE"}
]}]}`

func write(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
}

func TestReport(t *testing.T) {
	write(t, map[string]string{
		"found.json": found, "steps": "killed by the tests: --- FAIL: TestA\nkilled by the tests: panic: b\nlived\n",
		"p/a.go": "package p\n\n\tif a < b {\n", "docs/mutants.md": "* `if a < b {`: the same\n",
	})
	text, err := report("p", "found.json", "steps", 75)
	require.NoError(t, err)
	assert.Equal(t, `p: 75.0 % of the mutants killed (3 of 4)
      3 killed
      1 lived
      1 not viable
what became of them:
      2 killed by the tests
      1 lived
survivors (* has no explanation in docs/mutants.md):
  a.go:3:9 LIVED CONDITIONALS_BOUNDARY: if a < b {
`, text)

	_, err = report("p", "found.json", "steps", 75.1)
	assert.EqualError(t, err, "75.0 % of the mutants killed, 75.1 % wanted")
}

func TestReportMarksWhatIsNotExplained(t *testing.T) {
	write(t, map[string]string{"found.json": found, "p/a.go": "package p\n\n\tif a < b {\n", "docs/mutants.md": "* `if a < bc {`\n"})
	text, err := report("p", "found.json", "", 0)
	require.NoError(t, err)
	assert.Contains(t, text, "\n* a.go:3:9 LIVED")
}

func TestReportFails(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no findings":               {"docs/mutants.md": ""},
		"findings that are no JSON": {"found.json": "?", "docs/mutants.md": ""},
		"nothing killed":            {"found.json": `{"files":[]}`, "docs/mutants.md": ""},
		"another tree":              {"found.json": found, "p/a.go": "package p\n", "docs/mutants.md": ""},
		"no explanations":           {"found.json": found, "p/a.go": "package p\n\n\tif a < b {\n"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, files)
			_, err := report("p", "found.json", "", 0)
			assert.Error(t, err)
		})
	}
}
