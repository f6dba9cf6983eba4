// Command call holds a real WebRTC call up through real faults.
//
// It runs a small meeting server and a client that embeds Holdfast, both with
// real media (Pion) and real signaling (a WebSocket) over loopback, breaks the
// call in every way of its list, one after the other, and shows what the client
// made of it.
//
// Two terminals and a person do the same by hand:
//
//	go run ./call -serve 127.0.0.1:8000
//	go run ./call -connect ws://127.0.0.1:8000/call
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/holdfast-go/holdfast/examples/internal/words"
	"github.com/holdfast-go/holdfast/policy/status"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if addr := os.Getenv(serveEnv); addr != "" {
		exit(serve(ctx, os.Stdout, addr))
	}
	exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func exit(err error) {
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case errors.Is(err, errUsage):
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "call:", err)
	os.Exit(1)
}

var errUsage = errors.New("wrong usage")

// options are the command line.
type options struct {
	fault, serve, connect, record string
	list, json, verbose           bool
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	set := flag.NewFlagSet("call", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&o.fault, "fault", "", "play only the fault with this `name`")
	set.BoolVar(&o.list, "list", false, "list the names of the faults, one a line")
	set.BoolVar(&o.json, "json", false, "write one JSON object a fault to standard output, the timeline to standard error")
	set.BoolVar(&o.verbose, "v", false, "show every event")
	set.StringVar(&o.record, "record", "", "record the client's sessions in this `file`, for ./replay")
	set.StringVar(&o.serve, "serve", "", "run the server half alone, on a loopback `address` such as 127.0.0.1:8000")
	set.StringVar(&o.connect, "connect", "", "run the client half alone, against the server at this `URL`")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage
	}
	switch {
	case set.NArg() > 0:
		fmt.Fprintf(stderr, "call: unexpected argument %q\n", set.Args())
	case o.serve != "" && o.connect != "":
		fmt.Fprintln(stderr, "call: -serve and -connect are two programs, for two terminals")
	case o.record != "" && (o.list || o.serve != ""):
		fmt.Fprintln(stderr, "call: -record is for a client, and there is none")
	default:
		return o, nil
	}
	set.Usage()
	return o, errUsage
}

// run is the whole program but for the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	switch {
	case o.list:
		return list(stdout)
	case o.serve != "":
		return serve(ctx, stdout, o.serve)
	case o.connect != "":
		return recording(o.record, stdout, func(w io.Writer) error {
			t := newTimeline(stdout, o.verbose)
			t.record = w
			err := connect(ctx, t, o.connect)
			if errors.Is(err, status.Left) { // with Ctrl-C
				return nil
			}
			return err
		})
	}
	live := stdout
	if o.json {
		live = stderr
	}
	return recording(o.record, live, func(w io.Writer) error {
		t := newTimeline(live, o.verbose)
		t.record = w
		return playAll(ctx, o, t, stdout)
	})
}

func list(w io.Writer) error {
	for _, f := range faults {
		if _, err := fmt.Fprintln(w, f.name); err != nil {
			return err
		}
	}
	return nil
}

// playAll plays the faults that were asked for and reports.
func playAll(ctx context.Context, o options, t *timeline, stdout io.Writer) error {
	chosen, err := choose(o.fault)
	if err != nil {
		return err
	}
	began := time.Now()
	var results []result
	for _, f := range chosen {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		results = append(results, play(ctx, t, f))
	}
	if o.json {
		err = writeJSON(stdout, results)
	} else {
		err = writeTable(stdout, results)
	}
	fmt.Fprintf(t.out, "\n%d of %s as expected, in %.0f s\n", len(results)-failures(results),
		words.Count(len(results), "fault"), time.Since(began).Seconds())
	if n := failures(results); n > 0 {
		return errors.Join(err, fmt.Errorf("%s did not end as expected", words.Count(n, "fault")))
	}
	return err
}

// choose picks the fault by name, or all without one.
func choose(name string) ([]fault, error) {
	if name == "" {
		return faults, nil
	}
	for _, f := range faults {
		if f.name == name {
			return []fault{f}, nil
		}
	}
	return nil, fmt.Errorf("there is no fault %q; -list shows the names", name)
}
