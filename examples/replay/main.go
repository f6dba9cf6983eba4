// Command replay shows what happened to a session, from its recording: a timeline of
// events with the rule and the numbers behind each decision. It decides everything
// again, as the session did, and says where that comes to something else.
//
//	go run -C examples ./call -fault both-dead -record incident.jsonl
//	go run -C examples ./replay incident.jsonl
//
// The exit status is 0 only if the whole recording could be replayed, and led to what
// was recorded.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/holdfast-go/holdfast/examples/internal/standing"
)

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, errUsage):
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "replay:", err)
	os.Exit(1)
}

var errUsage = errors.New("wrong usage")

// options are the command line.
type options struct {
	json, verbose bool
	file          string
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	set := flag.NewFlagSet("replay", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprintln(stderr, "usage: replay [flags] FILE\nFILE is a recording; - is standard input.")
		set.PrintDefaults()
	}
	set.BoolVar(&o.json, "json", false, "write one JSON object for each event, and one in the end that sums up")
	set.BoolVar(&o.verbose, "v", false, "show what came in, too, but for what leads to nothing")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage
	}
	if set.NArg() != 1 {
		fmt.Fprintf(stderr, "replay: one file is expected, got %q\n", set.Args())
		set.Usage()
		return o, errUsage
	}
	o.file = set.Arg(0)
	return o, nil
}

// run is the whole program but for the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	in, name := io.NopCloser(stdin), "standard input"
	if o.file != "-" {
		if name, err = standing.Existing(o.file); err != nil {
			return err
		}
		if in, err = os.Open(name); err != nil {
			return err
		}
	}
	defer in.Close()
	var show shower = &timeline{out: stdout, verbose: o.verbose}
	if o.json {
		show = newObjects(stdout)
	}
	if err := replay(in, show); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
