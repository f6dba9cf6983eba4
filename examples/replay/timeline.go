package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/examples/internal/words"
	"github.com/holdfast-go/holdfast/session"
)

// timeline shows a recording to a person.
type timeline struct {
	out     io.Writer
	verbose bool
	err     error
}

// wallClock is how the time of day is shown.
const wallClock = "15:04:05.000"

func (t *timeline) print(format string, args ...any) {
	if _, err := fmt.Fprintf(t.out, format, args...); err != nil && t.err == nil {
		t.err = err
	}
}

// say prints one line with both times.
func (t *timeline) say(step session.Step, text string) {
	t.print("%10.3f s  %s  %s\n", step.Elapsed.Seconds(), step.Time.Format(wallClock), text)
}

func (t *timeline) step(step session.Step, differs *session.DifferenceError) {
	switch {
	case step.Recording != nil:
		t.title(step.Recording)
	case step.Gap > 0:
		t.print("%29s%s missing: whatever wrote the recording did not keep up\n", "", are(step.Gap, "input"))
	case step.Checkpoint && t.verbose:
		t.print("%29sthe session as it was then\n", "")
	}
	if t.verbose && len(step.Effects) > 0 {
		t.say(step, "> "+step.Input)
	}
	for _, e := range step.Events {
		lines := words.Event(e)
		t.say(step, lines[0])
		for _, l := range lines[1:] {
			t.print("%29s%s\n", "", l)
		}
	}
	if differs != nil {
		t.print("%29sDIFFERS in line %d, %s: %s\n%31sexpected %s\n%31sgot      %s\n", "", differs.Line, differs.Input, differs.Detail,
			"", list(differs.Expected), "", list(differs.Got))
	}
}

func (t *timeline) title(r *session.Recording) {
	name, from := r.Session, "from its beginning"
	if name == "" {
		name = "a session without a name"
	}
	if r.Ring {
		from = "the newest part"
	}
	t.print("\n=== %s, %s (recorded by version %s, %s)\n", name, from, known(r.Library), r.Go)
}

func known(version string) string {
	if version == "" {
		return "unknown"
	}
	return version
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, " ")
}

func (t *timeline) end(s summary) error {
	t.print("\n%s in %s, %s, %s", words.Count(s.Inputs, "input"), s.Lasted.Round(time.Millisecond), words.Count(s.Events, "event"), words.Count(s.Outages, "outage"))
	if s.Sessions > 1 {
		t.print(", %d sessions", s.Sessions)
	}
	if s.State != "" && s.State != session.StateStopped {
		t.print("; the recording ends while the session is %s", s.State)
	}
	if s.Missing > 0 {
		t.print("; %s missing", are(s.Missing, "input"))
	}
	if s.Error == "" {
		t.print("\nreplayed: everything came to what was recorded")
	}
	t.print("\n")
	return t.err
}

func are(n uint64, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return fmt.Sprintf("%d %ss are", n, what)
}
