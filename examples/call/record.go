package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/holdfast-go/holdfast/examples/internal/standing"
	"github.com/holdfast-go/holdfast/session"
)

// recording calls f with the file of that name, which it begins anew, and says where
// it is. Without a name there is none.
func recording(name string, out io.Writer, f func(io.Writer) error) error {
	if name == "" {
		return f(nil)
	}
	path, err := standing.Path(name)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	err = errors.Join(f(file), file.Close())
	fmt.Fprintf(out, "\nrecorded in %s; to see it: go run -C examples ./replay %s\n", path, path)
	return err
}

// recorder records one session. What the client joins with is no credential that the
// session knows of, so it has to be told.
func recorder(w io.Writer, token string) *session.Recorder {
	r := session.NewRecorder(w)
	r.Hide(token)
	return r
}
