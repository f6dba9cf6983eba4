package session

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/session/internal/image"
)

// Recorder is the flight recorder of one session: it writes down everything that
// the session learns, with both clocks, and everything that it decides by, such as
// the random numbers that were drawn and the answers of a backoff or of health
// policies of the application's own. Replay runs the same decisions again, with
// nothing but that.
//
// A recording is lines of JSON. The first one says which library wrote it, and holds
// the effective configuration; there is a line for every input after that, with what
// the session did about it, by name and checksum.
//
// Nothing secret is recorded, as far as the session knows of it: tokens of
// Credentials, the texts given to Hide, and in URLs the user's name and password,
// the values of queries and the fragment. These are replaced wherever they stand, in
// the texts of errors, too; in endpoints so that equal ones stay equal and different
// ones different. What is recorded: Config.Name, the names of policies, endpoints
// without those parts, the texts of errors, the times, and health samples. Of Config
// the functions, sources and observers are not.
//
// Make one with NewRecorder or NewRing; the zero value does not work. All methods may
// be called from any goroutine, and from inside any observer.
type Recorder struct {
	hidden secrets
	used   atomic.Bool
	lost   atomic.Uint64
	size   int // of a ring's half; 0: it streams

	mu   sync.Mutex
	ring ring
	out  stream
}

// NewRecorder makes a recorder that writes to w as things happen. It does so on a
// goroutine of its own, which exists only while there is something to write, and
// whole lines at a time. A writer that is slow or fails holds nothing up: up to
// 256 KiB wait for it, and what is lost beyond that is told by a line that counts
// it, and followed by all that the session remembers, so that Replay can go on there.
// What has failed is written again with a later input; Err tells of it. After
// a panic in w nothing more is written.
//
// When the session ends, Done waits for the last line for as long as for a slow
// observer: see Config.ObserverGrace. The recorder does not close w; after Done it does
// not write to it any more, unless a call has not returned. W may call any method of the
// session; one that waits for the end gets it after the observer grace.
func NewRecorder(w io.Writer) *Recorder {
	return &Recorder{out: stream{w: w}}
}

// defaultRing is how many bytes a ring keeps if it is not told.
const defaultRing = 1 << 20

// leastRing holds several times what a session remembers.
const leastRing = 32 << 10

// NewRing makes a recorder that keeps the newest lines in memory: of size bytes, give
// or take a line, and, once it has had so many, of half of that at least. It begins with all that the
// session remembers at that moment. 0 or less stands for 1 MiB, which is some ten
// minutes of a session that is pinged and probed; no ring is smaller than 32 KiB.
// WriteTo writes it.
func NewRing(size int) *Recorder {
	if size <= 0 {
		size = defaultRing
	}
	return &Recorder{size: max(size, leastRing) / 2}
}

// Hide has a text replaced wherever it would be recorded from now on. The session
// does that by itself for the tokens of its Credentials, the 64 newest ones.
func (r *Recorder) Hide(secret string) { r.hidden.add(secret) }

// Lost counts the lines that are missing in the recording, because the writer was too
// slow or has failed, or because they cannot be written.
func (r *Recorder) Lost() uint64 { return r.lost.Load() }

// Err gives the first error of the writer; nil if there was none. A panic in it is an
// *observer.PanicError.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.err
}

var (
	errNotRing  = fmt.Errorf("session: a recorder that writes as things happen has nothing to write later: %w", errors.ErrUnsupported)
	errNothing  = errors.New("session: no session has used this recorder")
	errUsed     = errors.New("session: Config.Recorder is used by another session: make one for each")
	errNoWriter = errors.New("session: Config.Recorder was not made by NewRecorder, with a writer, or NewRing")
)

// WriteTo writes what a ring holds: a recording that Replay takes. It may be called at
// any time, during the session and after it, and changes nothing. On any other recorder it
// fails with errors.ErrUnsupported.
func (r *Recorder) WriteTo(w io.Writer) (int64, error) {
	r.mu.Lock()
	text := r.ring.text()
	r.mu.Unlock()
	switch {
	case r.size == 0:
		return 0, errNotRing
	case len(text) == 0:
		return 0, errNothing
	}
	n, err := w.Write(text)
	return int64(n), err
}

// claim makes the recorder that of one session.
func (r *Recorder) claim() error {
	switch {
	case r.size == 0 && r.out.w == nil:
		return errNoWriter
	case !r.used.CompareAndSwap(false, true):
		return errUsed
	}
	return nil
}

// ring is the newest part of a recording: two halves, each of which begins with a
// checkpoint. It is guarded by the recorder's lock.
type ring struct {
	header   []byte
	old, new []byte
}

func (g *ring) text() []byte {
	text := make([]byte, 0, len(g.header)+len(g.old)+len(g.new))
	return append(append(append(text, g.header...), g.old...), g.new...)
}

// turn begins a new half, in place of the older one.
func (g *ring) turn() { g.old, g.new = g.new, g.old[:0] }

// begin takes the first line.
func (r *Recorder) begin(header []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size > 0 {
		r.ring.header = header
		return
	}
	r.out.queue = append(r.out.queue, header...)
}

// put takes a line and reports whether there was room for it. Now is for a writer
// that has failed and is to be tried again.
func (r *Recorder) put(now time.Duration, line []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(line) > maxLine {
		return false
	}
	if r.size > 0 {
		r.ring.new = append(r.ring.new, line...)
		return true
	}
	return r.out.put(r, now, line)
}

// wantsCheckpoint says whether a line with all that the session remembers is due,
// after a gap or not: a ring begins each half with one.
func (r *Recorder) wantsCheckpoint(gap bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size == 0 {
		return gap && r.out.roomy()
	}
	return gap || len(r.ring.new) == 0 || len(r.ring.new) >= r.size
}

// putCheckpoint is put for a checkpoint, with which a ring begins a new half.
func (r *Recorder) putCheckpoint(now time.Duration, line []byte) bool {
	r.mu.Lock()
	if r.size > 0 && len(r.ring.new) >= r.size {
		r.ring.turn()
	}
	r.mu.Unlock()
	return r.put(now, line)
}

// putLast is put for a line for which there is always room.
func (r *Recorder) putLast(line []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size > 0 {
		r.ring.new = append(r.ring.new, line...)
	} else if !r.out.broken {
		r.out.queue = append(r.out.queue, line...)
	}
}

// scrub is what the recording of a session hides.
func (r *Recorder) scrub(altered *bool) image.Scrub {
	note := func(f func(string) string) func(string) string {
		return func(s string) string {
			hidden := f(s)
			*altered = *altered || hidden != s
			return hidden
		}
	}
	return image.Scrub{Text: note(r.hidden.text), Endpoint: note(r.hidden.endpoint)}
}

// close ends the recording. It reports whether there is still something to write:
// then, which must not be nil, is called when that is done, or has failed.
func (r *Recorder) close(then func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.size == 0 && r.out.close(r, then)
}

// abandon gives up what is not written yet.
func (r *Recorder) abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.abandon(r)
}

// loses counts inputs that are not recorded.
func (r *Recorder) loses(n uint64) { r.lost.Add(n) }
