package holdfast_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReadmeEmbedding holds the README's embedding to code that is compiled and
// run: the quickstart example, and the Example of this package.
func TestReadmeEmbedding(t *testing.T) {
	embedding := between(t, read(t, "README.md"), "```go\n", "```")
	assert.Contains(t, read(t, "examples/quickstart/main.go"), embedding)
	transport, _, found := strings.Cut(embedding, "func main()")
	require.True(t, found)
	assert.Contains(t, read(t, "example_test.go"), transport)
}

// TestReadmeCommands holds the two commands that everything starts with.
func TestReadmeCommands(t *testing.T) {
	readme, ci := read(t, "README.md"), read(t, ".ci/run")
	for _, command := range []string{
		"go run -C examples ./call", "go test ./... && go test -C session/pionlink ./... && go test -C examples ./...",
	} {
		assert.Contains(t, readme, "\n"+command+"\n")
		assert.Contains(t, ci, command)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(b)
}

// between returns what stands between the first begin and the end after it.
func between(t *testing.T, s, begin, end string) string {
	t.Helper()
	_, s, found := strings.Cut(s, begin)
	require.True(t, found, "no %q", begin)
	s, _, found = strings.Cut(s, end)
	require.True(t, found, "no %q", end)
	return s
}
