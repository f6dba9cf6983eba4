package sessiontest

import (
	"context"
	"fmt"
	"sync"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/session"
)

// Newest stands for the newest epoch, wherever a Transport takes one.
const Newest uint64 = 0

// Transport is a session.Transport that does as it is told, and remembers what
// it was asked. The zero value works: every Connect opens a link at once. One
// Transport serves one session; it must not be copied. All methods may be
// called from any goroutine, from observers and from a Func step too.
type Transport struct {
	// Link is what links can do whose step has no With. Set it before the
	// session starts.
	Link Link

	mu        sync.Mutex // guards what follows; nothing is called out to under it
	script    []Step
	otherwise Step
	freed     bool // by Release of everything: nothing hangs any more
	lives     map[uint64]*life
	newest    uint64
	ledger    ledger
}

// life is what belongs to one epoch.
type life struct {
	attempt  session.Attempt
	reporter *session.Reporter
	released chan struct{} // closed by Release
	can      Link          // guarded by the Transport's lock, as is what follows
	free     bool          // released is closed
	opened   bool          // Connect has succeeded
	closed   bool          // Close was called
	flowing  bool          // the next packet of Link.Media is under way
	silent   health.Layers // are a black hole
	held     []uint64      // pings that are answered when signaling comes back
}

// Script returns a Transport with a step for each of the first attempts.
func Script(steps ...Step) *Transport { return new(Transport).Then(steps...) }

// Then adds steps to the script, for the attempts after those that it has
// steps for, and returns t. It may be called while the session runs.
func (t *Transport) Then(steps ...Step) *Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.script = append(t.script, steps...)
	return t
}

// Otherwise sets what attempts do that the script has no step left for, in
// place of OK, and returns t. It may be called while the session runs.
func (t *Transport) Otherwise(step Step) *Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.otherwise = step
	return t
}

// Change changes what a link of the past or the present can do, for the calls
// that follow:
//
//	tr.Change(sessiontest.Newest, func(l *sessiontest.Link) { l.Ping = sessiontest.Nothing() })
//
// An ability that the link was opened without stays missing; one that is taken
// away returns errors.ErrUnsupported. Link.Expect counts when a link opens: use
// Transport.Expect afterwards. Change must not call t. It panics if no
// attempt had that epoch.
func (t *Transport) Change(epoch uint64, change func(*Link)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.life(epoch)
	change(&l.can)
	l.flow(t)
}

// Release lets everything that hangs or takes its time return with its outcome,
// now and for good: nothing will hang any more. With epochs it does so only to
// the calls of those; it panics if there was no attempt of one of them.
func (t *Transport) Release(epochs ...uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, epoch := range epochs {
		t.life(epoch).release()
	}
	if len(epochs) > 0 {
		return
	}
	t.freed = true
	for _, l := range t.lives {
		l.release()
	}
}

func (l *life) release() {
	if !l.free {
		l.free = true
		close(l.released)
	}
}

// Connect plays the next step of the script. The session calls it.
func (t *Transport) Connect(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
	l, step, running := t.beginConnect(ctx, a, r)
	defer t.end(running)
	if err := step.play(ctx, l, a); err != nil {
		return nil, err
	}
	if step.does == nothing {
		return nil, nil
	}
	link, expect := t.open(l)
	if expect != health.ExpectUnknown {
		r.Expect(expect)
	}
	return link, nil
}

// beginConnect starts an epoch with the next step.
func (t *Transport) beginConnect(ctx context.Context, a session.Attempt, r *session.Reporter) (*life, Step, *running) {
	t.mu.Lock()
	defer t.mu.Unlock()
	step := t.next()
	l := &life{attempt: a, reporter: r, released: make(chan struct{}), can: t.Link}
	if step.link != nil {
		l.can = *step.link
	}
	if t.freed {
		l.release()
	}
	t.ledger.connecting(ctx, a, t.newest)
	t.remember(l)
	return l, step, t.ledger.begin(ctx, Call{Epoch: a.Epoch, Name: "Connect", Phase: step.phase, Attempt: a})
}

func (t *Transport) remember(l *life) {
	if t.lives == nil {
		t.lives = make(map[uint64]*life)
	}
	t.lives[l.attempt.Epoch] = l
	t.newest = max(t.newest, l.attempt.Epoch)
}

// next takes a step off the script, with the lock held.
func (t *Transport) next() Step {
	if len(t.script) == 0 {
		return t.otherwise.or(OK())
	}
	step := &t.script[0]
	taken := *step
	if step.times--; step.times < 1 {
		t.script = t.script[1:]
	}
	return taken.or(OK())
}

// open makes the link of an epoch, and says what it is to declare.
func (t *Transport) open(l *life) (session.Link, health.Expectation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ledger.opened(l.attempt.Epoch)
	l.opened = true
	l.flow(t)
	return able(&link{t, l}, &l.can), l.can.Expect
}

// beginOn starts a call on a link with the step that pick chooses.
func (t *Transport) beginOn(ctx context.Context, l *life, c Call, pick func(*Link) Step) (Step, *running) {
	t.mu.Lock()
	defer t.mu.Unlock()
	step := pick(&l.can)
	c.Epoch, c.Phase = l.attempt.Epoch, step.phase
	l.closed = l.closed || c.Name == "Close"
	return step, t.ledger.begin(ctx, c)
}

// end notes that a call returns, however it does.
func (t *Transport) end(r *running) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ledger.end(r)
}

// life finds an epoch, with the lock held.
func (t *Transport) life(epoch uint64) *life {
	if epoch == Newest {
		epoch = t.newest
	}
	l := t.lives[epoch]
	if l == nil {
		panic(fmt.Sprintf("sessiontest: Connect was not called with epoch %d yet", epoch))
	}
	return l
}
