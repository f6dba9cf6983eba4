package main

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// repository is one with a module in the root and one in a folder, both committed,
// and a file that is not.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	git := func(arguments ...string) {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-C", root, "-c", "user.name=a", "-c", "user.email=a@example.com"}, arguments...)...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	write("go.mod", "module example.com/Core\n")
	write("LICENSE", "free")
	write("core.go", "package core\n")
	write("sub/go.mod", "module example.com/Core/sub\n\nrequire example.com/Core v1.2.3\n\nreplace example.com/Core => ../\n")
	write("sub/sub.go", "package sub\n")
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "all")
	write("later.go", "package core\n")
	write("sub/go.mod", "module example.com/changed\n")
	return root
}

func TestProxy(t *testing.T) {
	root, folder := repository(t), t.TempDir()
	r := release{repository: root, revision: "HEAD", version: "v1.2.3", folder: folder}
	require.NoError(t, r.add("."))
	require.NoError(t, r.add("sub"))

	core := filepath.Join(folder, "example.com", "!core", "@v") // as the protocol spells capitals
	assert.Equal(t, "v1.2.3\n", text(t, filepath.Join(core, "list")))
	assert.Contains(t, text(t, filepath.Join(core, "v1.2.3.info")), `{"Version":"v1.2.3","Time":"20`)
	assert.Equal(t, "module example.com/Core\n", text(t, filepath.Join(core, "v1.2.3.mod")))
	assert.ElementsMatch(t, []string{
		"example.com/Core@v1.2.3/go.mod", "example.com/Core@v1.2.3/LICENSE", "example.com/Core@v1.2.3/core.go",
	}, names(t, filepath.Join(core, "v1.2.3.zip")), "neither the other module nor what is not committed")

	sub := filepath.Join(folder, "example.com", "!core", "sub", "@v")
	assert.Contains(t, text(t, filepath.Join(sub, "v1.2.3.mod")), "module example.com/Core/sub\n", "as it was committed")
	assert.ElementsMatch(t, []string{
		"example.com/Core/sub@v1.2.3/go.mod", "example.com/Core/sub@v1.2.3/LICENSE", "example.com/Core/sub@v1.2.3/sub.go",
	}, names(t, filepath.Join(sub, "v1.2.3.zip")), "with the licence of the repository")
}

func TestProxyFails(t *testing.T) {
	root := repository(t)
	for name, r := range map[string]release{
		"no version":    {repository: root, revision: "HEAD", folder: t.TempDir()},
		"wrong version": {repository: root, revision: "HEAD", version: "v2.0.0", folder: t.TempDir()},
		"no revision":   {repository: root, revision: "elsewhere", version: "v1.2.3", folder: t.TempDir()},
		"no repository": {repository: t.TempDir(), revision: "HEAD", version: "v1.2.3", folder: t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) { assert.Error(t, r.add("sub")) })
	}
}

func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}

func names(t *testing.T, file string) (list []string) {
	t.Helper()
	z, err := zip.OpenReader(file)
	require.NoError(t, err)
	defer z.Close()
	for _, f := range z.File {
		list = append(list, f.Name)
	}
	return list
}
