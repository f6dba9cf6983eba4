package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/session/sim"
)

// progress says how far a simulation is: on a terminal in one line that is written
// over and over, elsewhere in a line now and then.
type progress struct {
	w        io.Writer
	terminal bool
	now      func() time.Time
	title    string    // of what is running
	began    time.Time // when it has begun
	told     time.Time // when something was written last
	last     sim.Progress
	length   int // of the line on the terminal
}

// How often something is written.
const (
	blink = 100 * time.Millisecond // on a terminal
	pause = 5 * time.Second        // elsewhere
)

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, now: time.Now}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// begin tells of a new simulation, and gives what is to be called as it goes on.
func (p *progress) begin(name string, number, of int) func(sim.Progress) {
	p.title, p.began, p.told, p.last = name, p.now(), p.now(), sim.Progress{}
	if of > 1 {
		p.title = fmt.Sprintf("%d of %d, %s", number, of, name)
	}
	return p.step
}

func (p *progress) step(s sim.Progress) {
	p.last = s
	every := pause
	if p.terminal {
		every = blink
	}
	if now := p.now(); now.Sub(p.told) >= every {
		p.told = now
		p.write(fmt.Sprintf("%s: %.0f s of %.0f s, %.0f %% connected", p.title, s.At.Seconds(), s.For.Seconds(), 100*s.Connected), p.terminal)
	}
}

// end tells how long it has taken.
func (p *progress) end(err error) {
	if err != nil {
		p.write(p.title+": stopped", false)
		return
	}
	p.write(fmt.Sprintf("%s: simulated %.0f s in %.1f s", p.title, p.last.For.Seconds(), p.now().Sub(p.began).Seconds()), false)
}

// write writes a line, which the next one writes over if it is to.
func (p *progress) write(line string, over bool) {
	ending := "\n"
	if over {
		ending = ""
	}
	rest := max(p.length-len(line), 0)
	if p.terminal {
		line = "\r" + line + strings.Repeat(" ", rest)
	}
	if p.length = 0; over {
		p.length = len(line) - 1 - rest
	}
	fmt.Fprintf(p.w, "%s%s", line, ending)
}
