// Command storm simulates what happens to a fleet of clients when their server goes
// away and comes back, and how much of a crowd the server then has to bear. It does so
// in virtual time, with the code that decides in real sessions.
//
//	go run -C examples ./storm                      # 100,000 clients: under a minute on 2 cores, 1 GiB
//	go run -C examples ./storm -clients 10000       # the same in small
//	go run -C examples ./storm -kind crash -outage 5s -overload retry-after
//	go run -C examples ./storm -kind offline-told -clients 1
//	go run -C examples ./storm -policy ours,nats.go -svg storm.svg
//	go run -C examples ./storm -policy all -clients 10000
//
// The report goes to standard output, as text, as -markdown or as -json, and progress to
// standard error. -list shows what -policy may compare.
//
// # What it tells
//
// Times count from the moment at which the server goes away. The ideal is the length
// of the outage and the time that the server needs to take all clients one after the
// other, N ÷ capacity: nobody can do better where everyone has to join again. A
// refused attempt is one that reached the running server and was refused, or not
// answered, since there was no room for it; these are what can keep a server down.
// Peaks are the most in any second.
//
// # Policies
//
// Ours is a session with default settings, nothing set for the occasion. The
// reference is a session with policy.Reference. The others are libraries of which
// the schedule was read in their sources: clients that follow it, whatever a server
// says, and that find a silent server after the longest time that the library may
// take. schedules.json has the numbers and where they are from. What such a library
// does beside its schedule, such as a resume, is not simulated.
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

	"github.com/holdfast-go/holdfast/examples/internal/standing"
)

func main() {
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
	fmt.Fprintln(os.Stderr, "storm:", err)
	os.Exit(1)
}

// run is the whole program but for the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	s, err := readStudy(schedulesJSON)
	if err != nil {
		return err
	}
	if o.list {
		return list(stdout, s)
	}
	chosen, err := choose(s, o.policies)
	if err != nil {
		return err
	}
	if err := o.place(); err != nil {
		return err
	}
	r, err := simulate(ctx, o.storm, chosen, newProgress(stderr))
	if err != nil {
		return err
	}
	return o.write(stdout, stderr, r)
}

// list writes the names of the policies, and what they are.
func list(w io.Writer, s study) error {
	rows := [][]string{{"policy", "what it is"}}
	for _, c := range contestants(s) {
		rows = append(rows, []string{c.name, c.what})
	}
	for _, l := range s.LeftOut {
		rows = append(rows, []string{"(" + l.Name + ")", "cannot be compared: " + l.Why})
	}
	return writeAligned(w, rows, "l")
}

// write gives the report in the form that was asked for, and the picture.
func (o options) write(stdout, stderr io.Writer, r report) error {
	if err := o.writeReport(stdout, r); err != nil || o.svg == "" {
		return err
	}
	drawing, err := draw(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(o.svg, drawing, 0o644); err != nil {
		return fmt.Errorf("cannot write the picture: %w", err)
	}
	if o.json { // standard output is one document
		stdout = stderr
	}
	_, err = fmt.Fprintln(stdout, "\n"+o.svg)
	return err
}

// place finds the place of the picture where the user stands, and says before the long
// work if it cannot be written there.
func (o *options) place() (err error) {
	if o.svg == "" {
		return nil
	}
	if o.svg, err = standing.Path(o.svg); err == nil {
		err = writable(o.svg)
	}
	if err != nil {
		return fmt.Errorf("cannot write the picture: %w", err)
	}
	return nil
}

// writable tries to open a file for writing. One that is there stays as it is, and none
// is left that was not.
func writable(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err == nil {
		return errors.Join(f.Close(), os.Remove(path))
	}
	if errors.Is(err, os.ErrExist) {
		f, err = os.OpenFile(path, os.O_WRONLY, 0)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func (o options) writeReport(w io.Writer, r report) error {
	switch {
	case o.json:
		return r.writeJSON(w)
	case o.markdown:
		return r.writeMarkdown(w)
	case len(r.Results) == 1:
		return r.writeText(w)
	}
	return r.writeTable(w)
}
