package sessiontest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// witness takes down what a link reports.
type witness struct {
	to *session.Reporter // who hears it as well; nil: nobody

	mu     sync.Mutex
	all    []string // in words
	late   int      // where those begin that came after mark; -1: it was not called
	pongs  []uint64
	probes []uint64
	life   int      // reports that something came in
	lost   []string // losses, in words
}

func newWitness() *witness { return &witness{late: -1} }

// mark says that nothing may be reported from now on.
func (w *witness) mark() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.late < 0 {
		w.late = len(w.all)
	}
}

// afterMark gives what was reported all the same.
func (w *witness) afterMark() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.late < 0 {
		return nil
	}
	return slices.Clone(w.all[w.late:])
}

func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.all)
}

// since gives what was reported after the first n.
func (w *witness) since(n int) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all[n:])
}

// signs counts the reports that something came in.
func (w *witness) signs() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.life
}

func (w *witness) losses() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.lost)
}

func (w *witness) lastLoss() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost[len(w.lost)-1]
}

func (w *witness) ponged(id uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.pongs, id)
}

func (w *witness) probed(id uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.probes, id)
}

// repeated gives the id of a question whose answer was reported twice; 0: none was.
func (w *witness) repeated(what Ability) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := slices.Clone(w.pongs)
	if what == CanProbe {
		ids = slices.Clone(w.probes)
	}
	slices.Sort(ids)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return ids[i]
		}
	}
	return 0
}

// note takes a report down. The lock is not held while it is passed on.
func (w *witness) note(f func(), format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, fmt.Sprintf(format, args...))
	if f != nil {
		f()
	}
}

// lose notes a loss under the lock.
func (w *witness) lose() { w.lost = append(w.lost, w.all[len(w.all)-1]) }

func (w *witness) lives() { w.life++ }

// Status takes down a status. Those that a session would not act upon are no loss.
func (w *witness) Status(st status.Status) {
	var f func()
	switch (policy.Classes{}).Of(st.Code) {
	case policy.Terminal, policy.Failure, policy.WithoutTransforms:
		f = w.lose
	}
	w.note(f, "Status(%v)", st)
	w.to.Status(st)
}

// Closed takes down a loss.
func (w *witness) Closed(l status.Layer, err error) {
	w.note(w.lose, "Closed(%v, %v)", l, err)
	w.to.Closed(l, err)
}

// Pong takes down an answer.
func (w *witness) Pong(id uint64) {
	w.note(func() { w.pongs = append(w.pongs, id); w.lives() }, "Pong(%d)", id)
	w.to.Pong(id)
}

// Probed takes down an answer.
func (w *witness) Probed(id uint64) {
	w.note(func() { w.probes = append(w.probes, id); w.lives() }, "Probed(%d)", id)
	w.to.Probed(id)
}

// Alive takes down a sign of life.
func (w *witness) Alive(l status.Layer) {
	w.note(w.lives, "Alive(%v)", l)
	w.to.Alive(l)
}

// Present takes it down.
func (w *witness) Present() {
	w.note(nil, "Present()")
	w.to.Present()
}

// Expect takes it down.
func (w *witness) Expect(e health.Expectation) {
	w.note(nil, "Expect(%v)", e)
	w.to.Expect(e)
}

// Doubt takes it down.
func (w *witness) Doubt(l status.Layer, why error) {
	w.note(nil, "Doubt(%v, %v)", l, why)
	w.to.Doubt(l, why)
}

// Sample takes it down.
func (w *witness) Sample(s health.Sample) {
	w.note(nil, "Sample(%d bytes received)", s.BytesReceived)
	w.to.Sample(s)
}
