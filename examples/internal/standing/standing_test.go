package standing

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPath(t *testing.T) {
	shell, work := t.TempDir(), t.TempDir()
	t.Chdir(work) // sets PWD, too
	t.Setenv("PWD", shell)
	for _, tt := range []struct{ pwd, name, want string }{
		{shell, "x", filepath.Join(shell, "x")},
		{shell, "../x", filepath.Join(filepath.Dir(shell), "x")},
		{shell, "/x", "/x"},
		{"", "x", filepath.Join(work, "x")},
		{"relative", "x", filepath.Join(work, "x")},
		{filepath.Join(shell, "gone"), "x", filepath.Join(work, "x")},
	} {
		t.Setenv("PWD", tt.pwd)
		got, err := Path(tt.name)
		require.NoError(t, err)
		assert.Equal(t, tt.want, got)
	}
}

func TestExisting(t *testing.T) {
	shell, work := t.TempDir(), t.TempDir()
	t.Chdir(work)
	t.Setenv("PWD", shell)
	write := func(dir, name string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	write(shell, "both")
	write(work, "both")
	write(work, "here")
	for name, want := range map[string]string{
		"both": filepath.Join(shell, "both"),
		"here": filepath.Join(work, "here"),
		"none": filepath.Join(shell, "none"), // so that the error names where it should be
	} {
		got, err := Existing(name)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}
