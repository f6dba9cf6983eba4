package holdfast_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/holdfast-go/holdfast"

// mayImport lists, for every package, which others of this module it may import.
var mayImport = map[string][]string{
	"/policy/status":                {},
	"/policy":                       {"/policy/status"},
	"/health":                       {},
	"/observer":                     {"/policy/status", "/policy", "/health"},
	"/session/internal/linkhistory": {"/policy/status", "/health"},
	"/session/internal/image":       {"/policy/status"},
	"/session/internal/machine":     {"/policy/status", "/policy", "/health", "/observer", "/session/internal/image"},
	"/session":                      {"/policy/status", "/policy", "/health", "/observer", "/session/internal/image", "/session/internal/machine", "/session/internal/expose"},
	"/session/internal/expose":      {"/session/internal/machine"},
	"/session/sim": {
		"/policy/status", "/policy", "/health", "/observer", "/session", "/session/internal/machine", "/session/internal/expose",
	},
	"/session/internal/chaos": {
		"/policy/status", "/policy", "/health", "/observer", "/session/internal/machine", "/session", "/session/sessiontest",
	},
	"/session/sessiontest": {"/policy/status", "/policy", "/health", "/observer", "/session"},
}

// mayRequire lists what else they may import from outside the standard library.
var mayRequire = map[string][]string{
	"/policy":                   {"github.com/cenkalti/backoff/v4"},
	"/session/internal/chaos":   {"github.com/cenkalti/backoff/v4"},
	"/session/internal/machine": {"github.com/looplab/fsm", "github.com/cenkalti/backoff/v4"}, // a backoff is recorded
}

// TestImportsRunOneWay holds the layering: leaf packages know nothing of what
// is built on them, and each dependency is used in one place.
func TestImportsRunOneWay(t *testing.T) {
	packages := goList(t, "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...")
	seen := 0
	for _, line := range packages {
		fields := strings.Fields(line)
		name, ours := strings.CutPrefix(fields[0], module)
		if name == "" {
			continue // the root holds tests only
		}
		require.True(t, ours)
		allowed, known := mayImport[name]
		require.True(t, known, "%s has no place in the layering: add it", name)
		seen++
		for _, imported := range fields[1:] {
			if inner, ours := strings.CutPrefix(imported, module); ours {
				assert.True(t, slices.Contains(allowed, inner), "%s imports %s", name, inner)
			} else if strings.Contains(strings.Split(imported, "/")[0], ".") {
				assert.True(t, slices.Contains(mayRequire[name], imported), "%s imports %s", name, imported)
			}
		}
	}
	assert.Equal(t, len(mayImport), seen)
}

// TestDirectDependencies holds the core module to its three dependencies.
func TestDirectDependencies(t *testing.T) {
	direct := goList(t, "-m", "-f", "{{if not (or .Indirect .Main)}}{{.Path}}{{end}}", "all")
	assert.ElementsMatch(t, []string{
		"github.com/cenkalti/backoff/v4", "github.com/looplab/fsm", "github.com/stretchr/testify",
	}, direct)
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	require.NoError(t, err)
	var lines []string
	for _, l := range strings.Split(string(out), "\n") {
		if strings.TrimSpace(l) != "" {
			lines = append(lines, l)
		}
	}
	return lines
}
