package chaos

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Range is which scripts are played.
type Range struct{ From, Count uint64 }

// String names the first and the last seed.
func (r Range) String() string { return fmt.Sprintf("seeds %d to %d", r.From, r.From+r.Count-1) }

// Player plays one script and says what it breaks; coverage is the caller's own.
type Player func(s *Script, cover *Coverage) Trace

// batch is how many scripts a worker takes at a time.
const batch = 64

// Hunt plays the scripts of a range on all processors, or until one breaks a rule,
// which it returns. Each worker runs by way of run, with a player of its own.
// Progress is written to w now and then, unless that is nil.
func Hunt(r Range, w io.Writer, run func(workers int, work func(play Player))) (bad *Script, broken *Violation, cover *Coverage) {
	h := hunt{r: r, cover: NewCoverage(), begun: time.Now(), w: w, told: time.Now()}
	h.next.Store(r.From)
	run(runtime.GOMAXPROCS(0), h.work)
	return h.bad, h.broken, h.cover
}

type hunt struct {
	r     Range
	begun time.Time
	w     io.Writer
	next  atomic.Uint64

	mu     sync.Mutex // guards what follows
	told   time.Time
	cover  *Coverage
	bad    *Script
	broken *Violation
}

// work plays batch after batch.
func (h *hunt) work(play Player) {
	for h.found() == nil {
		from := h.next.Add(batch) - batch
		to := min(from+batch, h.r.From+h.r.Count)
		if from >= to {
			return
		}
		h.batch(from, to, play)
	}
}

func (h *hunt) batch(from, to uint64, play Player) {
	cover := NewCoverage()
	for seed := from; seed < to; seed++ {
		s := Generate(seed)
		if t := play(s, cover); t.Broken != nil {
			h.finds(s, t.Broken)
			break
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cover.Add(cover)
	h.tell()
}

func (h *hunt) finds(s *Script, v *Violation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bad == nil || s.Seed < h.bad.Seed {
		h.bad, h.broken = s, v
	}
}

func (h *hunt) found() *Script {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bad
}

// tell writes how far it is, with the lock held.
func (h *hunt) tell() {
	if h.w == nil || time.Since(h.told) < 15*time.Second {
		return
	}
	h.told = time.Now()
	took := time.Since(h.begun)
	rate := float64(h.cover.Scripts) / took.Seconds()
	left := time.Duration(float64(h.r.Count-uint64(h.cover.Scripts))/rate) * time.Second
	fmt.Fprintf(h.w, "%d of %d scripts in %s, %.0f a second, %s left\n", h.cover.Scripts, h.r.Count, took.Round(time.Second), rate, left)
}
