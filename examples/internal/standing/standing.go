// Package standing finds files where the user of a program stands. "go run -C"
// starts it in another directory than the shell's, and PWD still names that one.
package standing

import (
	"os"
	"path/filepath"
)

// Path is the absolute path of a file that is to be written.
func Path(name string) (string, error) {
	if dir := os.Getenv("PWD"); !filepath.IsAbs(name) && filepath.IsAbs(dir) && isDir(dir) {
		return filepath.Join(dir, name), nil
	}
	return filepath.Abs(name)
}

// Existing is Path for a file to be read: one in the working directory will do, too,
// if the user's has none of that name.
func Existing(name string) (string, error) {
	path, err := Path(name)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		if other, err := filepath.Abs(name); err == nil && exists(other) {
			return other, nil
		}
	}
	return path, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
