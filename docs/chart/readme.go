package main

import (
	"bytes"
	"fmt"
	"os"
)

// The table of a Markdown file stands between these.
const (
	begin = "<!-- detection table: begin -->"
	end   = "<!-- detection table: end -->"
)

// insert gives the content of a Markdown file with the table between its markers.
func insert(path, table string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot put the table into a file: %w; give one that exists and has the lines %s and %s", err, begin, end)
	}
	for _, marker := range []string{begin, end} {
		if n := bytes.Count(content, []byte(marker)); n != 1 {
			return nil, fmt.Errorf("%s has the marker %s %d times; put it there once, on a line of its own", path, marker, n)
		}
	}
	before, rest, _ := bytes.Cut(content, []byte(begin))
	_, after, ok := bytes.Cut(rest, []byte(end))
	if !ok {
		return nil, fmt.Errorf("%s has the marker %s after %s; swap them", path, begin, end)
	}
	return fmt.Appendf(nil, "%s%s\n\n%s\n%s%s", before, begin, table, end, after), nil
}
