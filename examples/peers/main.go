// Command peers races Holdfast against Go libraries that keep a connection, too:
// centrifuge-go and nats.go.
//
//	go run -C examples/peers .             # some four minutes
//	go run -C examples/peers . -quick      # a smoke test, no figures to quote
//	go run -C examples/peers . -only idle  # -list shows the names
//
// The table goes to standard output, also as -json or -markdown, and what happens
// meanwhile to standard error.
//
// # Contestants
//
// Each library has default settings and its own real server, which this program
// embeds. Holdfast starts twice, since the others have no media: as a session over
// the signaling of the call example alone, which compares, and as a whole call with
// a peer connection. The media stack is counted apart: the row "idle call without a
// session" has the same call with nobody that holds it, and the difference is
// Holdfast's.
// The rules do not know who is who: the contestants differ in how to dial, how to
// serve and which callbacks there are, and in nothing else.
//
// # Disciplines
//
// An idle client: goroutines, bytes of heap and stacks after garbage collection,
// and processor time, of many clients that are connected with nothing to do. The
// server is in another process, and what one client has left behind that came and
// went before is no client's. Kernel memory is not counted. Default settings differ
// in how closely they watch a connection, which costs processor time here and is
// worth it where the network falls silent.
//
// Server shut down, server killed: from the moment at which the server listens
// again on the same port to the moment at which the library says that it is connected.
// Shut down is what the makers of the server mean by that, so that it may say
// goodbye; killed is SIGKILL. Clients have been connected for a while before, since a
// session that was up for a second is not what anybody has. They are spread over
// several servers whose outages end at different times around the length: otherwise
// one fixed length decides how well a fixed delay happens to fit it. They are no storm:
// a few dozen on one machine.
//
// Close in a callback: the library's own Close, called where an application learns
// that it should be. It returns or it does not, and a watchdog is what tells. "Stop or
// Disconnect" is the lesser call that waits for nothing or can be taken back.
// Holdfast's Close waits for observers, and for its caller's callback only as
// long as the observer grace, 2 s; its Stop does not wait.
//
// Close, its callback asks for the state: Close from outside, with a callback for the
// end that asks whether the client is connected.
//
// Close in a silent handshake: a server that accepts and says nothing. A library that
// returns from dialing only when it is connected gives nothing to close in its first
// handshake; the second row has it in a reconnect, which is the same for all.
//
// A panic in a callback: whether it takes the process with it.
//
// The network falls silent: connections stay up and carry nothing. Whoever takes
// longer than it is watched for is not waited for; -blackhole sets how long. Clients
// lose their network one after the other, since those that are asked now and then
// notice by where between two questions the silence begins.
//
// # Safety
//
// Every cell is measured by a process of its own, with a deadline: a client that hangs
// or crashes takes its own cell with it and no other. A cell that could not be
// measured says so, and below the table stands why.
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
)

func main() {
	if played, err := play(os.Getenv(roleEnv)); played {
		exit(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func exit(err error) {
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case errors.Is(err, errUsage):
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "peers:", err)
	os.Exit(1)
}

var errUsage = errors.New("wrong usage")

// options are the command line.
type options struct {
	quick, json, markdown, list bool
	only                        string
	blackHole                   time.Duration
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	set := flag.NewFlagSet("peers", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.BoolVar(&o.quick, "quick", false, "few clients and short outages: shows that everything runs, and no figures to quote")
	set.BoolVar(&o.json, "json", false, "write the results as JSON")
	set.BoolVar(&o.markdown, "markdown", false, "write the table as Markdown")
	set.BoolVar(&o.list, "list", false, "list the names of the disciplines, one a line")
	set.StringVar(&o.only, "only", "", "measure only the discipline with this `name`")
	set.DurationVar(&o.blackHole, "blackhole", 0, "how long clients may take to notice a silent network; 0: 1 min")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage
	}
	switch {
	case set.NArg() > 0:
		fmt.Fprintf(stderr, "peers: unexpected argument %q\n", set.Args())
	case o.json && o.markdown:
		fmt.Fprintln(stderr, "peers: -json and -markdown are two forms of the same, choose one")
	case o.blackHole < 0:
		fmt.Fprintf(stderr, "peers: -blackhole is %s: it must be positive, or 0 for the default\n", o.blackHole)
	default:
		return o, nil
	}
	set.Usage()
	return o, errUsage
}

func (o options) settings() settings {
	s := full
	if o.quick {
		s = quick
	}
	if o.blackHole > 0 {
		s.BlackHole = o.blackHole
	}
	return s
}

// run is the whole program but for the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.list {
		return list(stdout)
	}
	if o.only != "" {
		if _, err := findDiscipline(o.only); err != nil {
			return err
		}
	}
	r := race{settings: o.settings(), only: o.only, progress: stderr}
	if err := r.run(ctx); err != nil {
		return err
	}
	return o.write(stdout, r.report())
}

func (o options) write(w io.Writer, r report) error {
	switch {
	case o.json:
		return r.writeJSON(w)
	case o.markdown:
		return r.writeMarkdown(w)
	}
	return r.writeText(w)
}

func list(w io.Writer) error {
	for _, d := range disciplines {
		if _, err := fmt.Fprintln(w, d.name); err != nil {
			return err
		}
	}
	return nil
}
