package session

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// TestReadmeDiagram holds the README's state diagram to the transition table.
func TestReadmeDiagram(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "```mermaid\n")
	require.True(t, found)
	diagram, _, found := strings.Cut(rest, "```")
	require.True(t, found)
	assert.Equal(t, strings.TrimSpace(machine.Diagram()), strings.TrimSpace(diagram))
}
