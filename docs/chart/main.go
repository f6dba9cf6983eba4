// Command chart draws what BenchmarkDetect measured: how soon each detector finds
// a dead link, and how often it takes a healthy one for dead.
//
//	go test -run '^$' -bench Detect -benchtime 1x ./session/internal/machine | go run -C docs/chart . -svg ../detection.svg -table ../detection.md
//
// It reads the output of the benchmark from standard input or from the file that
// is its argument. At least one of these is to be written:
//
//	-svg FILE     a picture, one point for each detector
//	-table FILE   a Markdown table, one row for each family of histories
//	-readme FILE  the same table between two markers of a Markdown file
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// usage is how the command is called.
const usage = `usage: chart [-svg FILE] [-table FILE] [-readme FILE] [benchmark output]

  go test -run '^$' -bench Detect -benchtime 1x ./session/internal/machine | go run -C docs/chart . -svg ../detection.svg`

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// options are the files to write and the one to read.
type options struct {
	svg, table, readme string
	input              string
}

// run is the command, without the process around it.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	m, err := o.read(stdin)
	if err != nil {
		return err
	}
	files, err := o.render(m)
	if err != nil {
		return err
	}
	return write(files, stdout)
}

// parse reads the command line.
func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("chart", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprintf(stderr, "%s\n\n", usage); flags.PrintDefaults() }
	flags.StringVar(&o.svg, "svg", "", "write the picture to this `file`")
	flags.StringVar(&o.table, "table", "", "write the Markdown table to this `file`")
	flags.StringVar(&o.readme, "readme", "", "put the table between the markers of this Markdown `file`")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 1 {
		return o, fmt.Errorf("%d input files: give one, or pipe the output of the benchmark in", flags.NArg())
	}
	o.input = flags.Arg(0)
	if o.svg == "" && o.table == "" && o.readme == "" {
		return o, errors.New("nothing to write: give -svg, -table or -readme, each with a file")
	}
	return o, nil
}

// read reads the measurements from the file, or else from standard input.
func (o options) read(stdin io.Reader) (*measurements, error) {
	if o.input != "" {
		content, err := os.ReadFile(o.input)
		if err != nil {
			return nil, fmt.Errorf("cannot read the output of the benchmark: %w; give a file that it was written to", err)
		}
		return readMeasurements(bytes.NewReader(content), o.input)
	}
	if f, ok := stdin.(*os.File); ok && terminal(f) {
		return nil, errNoInput
	}
	return readMeasurements(stdin, "standard input")
}

// terminal reports whether nothing is piped into a file that would be waited for.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// file is one to be written.
type file struct {
	path    string
	content []byte
}

// render makes all that is asked for before any of it is written.
func (o options) render(m *measurements) (files []file, err error) {
	if o.svg != "" {
		picture, err := picture(m)
		if err != nil {
			return nil, err
		}
		files = append(files, file{o.svg, picture})
	}
	if o.table != "" {
		files = append(files, file{o.table, []byte(table(m))})
	}
	if o.readme != "" {
		content, err := insert(o.readme, table(m))
		if err != nil {
			return nil, err
		}
		files = append(files, file{o.readme, content})
	}
	return files, nil
}

// write writes the files and says where they are.
func write(files []file, stdout io.Writer) error {
	for _, f := range files {
		path, err := filepath.Abs(f.path)
		if err != nil {
			return fmt.Errorf("cannot tell where %s is: %w", f.path, err)
		}
		if err := os.WriteFile(path, f.content, 0o644); err != nil {
			return fmt.Errorf("%w: give a file in a directory that exists and that you may write to"+
				" (a relative path starts in the directory that go run -C names)", err)
		}
		fmt.Fprintln(stdout, path)
	}
	return nil
}
