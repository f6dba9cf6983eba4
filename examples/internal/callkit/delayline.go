package callkit

import (
	"sync"
	"time"
)

// delayLine does things later, in the order in which they were added. Its zero
// value is ready. While nothing waits it costs neither a goroutine nor a timer.
type delayLine struct {
	mu     sync.Mutex
	queue  []delayed
	timer  *time.Timer
	busy   bool // a timer is armed or fires
	closed bool
}

type delayed struct {
	due time.Time
	do  func()
}

// idle says that nothing waits that could be overtaken.
func (l *delayLine) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.busy
}

// add has do done after d, and after all that was added before. A closed line
// does nothing any more.
func (l *delayLine) add(d time.Duration, do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	due := time.Now().Add(d)
	if last := len(l.queue) - 1; last >= 0 && l.queue[last].due.After(due) {
		due = l.queue[last].due
	}
	l.queue = append(l.queue, delayed{due: due, do: do})
	if !l.busy {
		l.busy = true
		l.timer = time.AfterFunc(d, l.fire)
	}
}

// fire does what is due. There is one at a time, since the next timer is armed
// here at the end.
func (l *delayLine) fire() {
	for _, next := range l.takeDue() {
		next.do()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = len(l.queue) > 0 && !l.closed
	if l.busy {
		l.timer.Reset(time.Until(l.queue[0].due))
	}
}

func (l *delayLine) takeDue() []delayed {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, n := time.Now(), 0
	for n < len(l.queue) && !l.queue[n].due.After(now) {
		n++
	}
	due := l.queue[:n:n]
	l.queue = l.queue[n:]
	return due
}

// close forgets what waits.
func (l *delayLine) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed, l.queue = true, nil
	if l.timer != nil {
		l.timer.Stop()
	}
}
