package session

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/holdfast-go/holdfast/observer"
)

const (
	// maxQueue is how many bytes may wait for a writer.
	maxQueue = 256 << 10
	// keepBuffer is the capacity that a buffer keeps while there is nothing to write.
	keepBuffer = 1 << 10
	// retryWrite is the time between two tries of a writer that fails.
	retryWrite = time.Second
)

// stream hands lines to a writer. It is guarded by the recorder's lock. What rest
// holds is left alone while there is a goroutine.
type stream struct {
	w       io.Writer
	queue   []byte // whole lines
	rest    []byte // what is being written, or could not be
	done    int    // how much of that is written
	spare   []byte // an empty buffer
	writing bool   // there is a goroutine
	err     error  // the first one
	failed  bool   // the last write
	now     time.Duration
	retryAt time.Duration
	broken  bool // nothing is written any more
	closing bool
	then    func() // what to call when all is written
}

// put queues a line if there is room.
func (o *stream) put(r *Recorder, now time.Duration, line []byte) bool {
	o.now = now
	defer o.wake(r)
	if o.broken || len(o.queue)+len(line) > maxQueue {
		return false
	}
	o.queue = append(o.queue, line...)
	return true
}

// roomy says whether what waits has become little enough for more to be taken after
// a gap.
func (o *stream) roomy() bool { return !o.broken && len(o.queue) <= maxQueue/2 }

// wake has what waits written. A writer that has failed is given some time.
func (o *stream) wake(r *Recorder) {
	if o.writing || o.broken || o.now < o.retryAt && !o.closing {
		return
	}
	o.writing, o.failed = true, false
	go r.write()
}

// write is the goroutine: it writes what waits until there is nothing left.
func (r *Recorder) write() {
	var err error = &observer.PanicError{Where: "Recorder's writer", Value: "the goroutine was left with runtime.Goexit"}
	defer func() {
		if p := recover(); p != nil {
			err = &observer.PanicError{Where: "Recorder's writer", Value: p, Stack: debug.Stack()}
		}
		if err != nil {
			r.breakDown(err)
		}
	}()
	for {
		chunk, then := r.next()
		if chunk == nil {
			err = nil
			then()
			return
		}
		n, failed := r.out.w.Write(chunk)
		r.wrote(n, len(chunk), failed)
	}
}

// breakDown ends the writing for good.
func (r *Recorder) breakDown(err error) {
	r.mu.Lock()
	r.out.fail(err)
	r.out.giveUp(r)
	then := r.out.stop()
	r.mu.Unlock()
	then()
}

// next gives what to write next. Without anything, or after a failure, the goroutine
// ends: it is to call then.
func (r *Recorder) next() (chunk []byte, then func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := &r.out
	if o.done == len(o.rest) {
		o.rest, o.queue, o.spare, o.done = o.queue, o.spare[:0], o.rest[:0], 0
	}
	switch {
	case o.failed && o.closing:
		o.giveUp(r) // there is no later input to try again with
	case o.failed:
		o.retryAt = o.now + retryWrite
	}
	if o.broken || o.failed || len(o.rest) == 0 {
		return nil, o.stop()
	}
	return o.rest[o.done:], nil
}

// giveUp ends the writing for good.
func (o *stream) giveUp(r *Recorder) {
	r.loses(uint64(bytes.Count(o.rest[o.done:], newline) + bytes.Count(o.queue, newline)))
	o.broken, o.queue, o.rest, o.spare, o.done = true, nil, nil, nil, 0
}

var newline = []byte{'\n'}

// stop notes that the goroutine ends. Large buffers are given back, so that a session
// to which nothing happens stays small.
func (o *stream) stop() (then func()) {
	o.writing = false
	for _, b := range []*[]byte{&o.queue, &o.rest, &o.spare} {
		if len(*b) == 0 && cap(*b) > keepBuffer {
			*b = nil
		}
	}
	if then = o.then; then == nil || o.failed && !o.broken {
		return func() {}
	}
	o.then = nil
	return then
}

var errBadWrite = errors.New("the writer says that it has written what it was not given")

// wrote notes the outcome of a write.
func (r *Recorder) wrote(n, of int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := &r.out
	switch {
	case n < 0 || n > of:
		n, err = of, errBadWrite
	case err == nil && n < of:
		err = io.ErrShortWrite
	}
	o.done += n
	if o.failed = err != nil; o.failed {
		o.fail(fmt.Errorf("session: recording: %w", err))
	}
}

// fail keeps the first error.
func (o *stream) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// close has the last lines written. It reports whether then is going to be called.
func (o *stream) close(r *Recorder, then func()) bool {
	if o.closing = true; o.broken || !o.writing && len(o.queue) == 0 && o.done == len(o.rest) {
		o.broken = true
		return false
	}
	o.then = then
	o.wake(r)
	return true
}

// abandon leaves the goroutine to a write that does not return.
func (o *stream) abandon(r *Recorder) {
	r.loses(uint64(bytes.Count(o.queue, newline)))
	o.broken, o.then, o.queue = true, nil, nil
}
