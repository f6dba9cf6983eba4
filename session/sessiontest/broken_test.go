package sessiontest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// broken is a scripted transport and server with one fault built in.
type broken struct {
	*scripted
	// connect stands in for Connect, if it is set; bend wraps what was opened.
	connect func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error)
	bend    func(b *bent) session.Link

	stuck, vanished, refused, dropped atomic.Bool
	opened                            atomic.Int64
	released                          chan struct{}
	has                               Ability // for the Fixture, if it is set
}

// Connect does what the transport does, but for the fault.
func (b *broken) Connect(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
	connect := b.scripted.Connect
	if b.connect != nil {
		connect = b.connect
	}
	l, err := connect(ctx, a, r)
	if l == nil || err != nil || b.bend == nil {
		return l, err
	}
	return b.bend(&bent{Link: l, b: b, attempt: a, r: r, ctx: ctx, nth: b.opened.Add(1), began: time.Now()}), nil
}

// hang hangs until the end of the test.
func (b *broken) hang() { <-b.released }

// alone says that an attempt is made without a session, where another rule would
// trip over the fault.
func (b *broken) alone(a session.Attempt) bool { return a.Timeout == bubblePatience }

// fixture takes note of what the hooks do.
func (b *broken) fixture() Fixture {
	f := b.scripted.fixture()
	f.Transport = b
	if b.has != 0 {
		f.Has = b.has
	}
	for name, hang := range f.Hang {
		f.Hang[name] = func() { b.stuck.Store(true); hang() }
	}
	f.Vanish = func() { b.vanished.Store(true); b.vanish() }
	f.Drop = func() { b.dropped.Store(true); b.drop() }
	f.Refuse = func() { b.refused.Store(true); b.refuse() }
	f.Heal = func() {
		b.stuck.Store(false)
		b.vanished.Store(false)
		b.refused.Store(false)
		b.heal()
	}
	return f
}

// bent is a link with a fault. What it does not do itself is found by Unwrap.
type bent struct {
	session.Link
	b       *broken
	attempt session.Attempt
	r       *session.Reporter
	ctx     context.Context // Connect's
	nth     int64           // of the links that were opened, from 1
	began   time.Time
	used    atomic.Bool // an ability was called
	busy    atomic.Int64
	flag    atomic.Bool
	mu      sync.Mutex
	over    bool
	shut    func(ctx context.Context) error
}

// Unwrap leads to the sound link.
func (l *bent) Unwrap() session.Link { return l.Link }

// Close is shut, if that is set.
func (l *bent) Close(ctx context.Context) error {
	if l.shut != nil {
		return l.shut(ctx)
	}
	return l.Link.Close(ctx)
}

// closing makes a link with another Close.
func closing(f func(l *bent, ctx context.Context) error) func(*bent) session.Link {
	return func(l *bent) session.Link {
		l.shut = func(ctx context.Context) error { return f(l, ctx) }
		return l
	}
}

// The abilities with a fault, each of which may look at the sound one.
type (
	bentPinger struct {
		*bent
		ping func(ctx context.Context, id uint64) error
	}
	bentProber struct {
		*bent
		probe func(ctx context.Context, id uint64) error
	}
	bentUpdater struct {
		*bent
		update func(ctx context.Context, c session.Change) error
	}
	bentPromoter struct {
		*bent
		demote func(ctx context.Context) error
	}
	bentLeaver struct {
		*bent
		leave func(ctx context.Context) error
	}
	bentRestarter struct {
		*bent
		restart func(ctx context.Context, a session.Attempt) error
	}
	bentResumer struct {
		*bent
		resume func(ctx context.Context, a session.Attempt) error
	}
)

func (l bentPinger) Ping(ctx context.Context, id uint64) error       { return l.ping(ctx, id) }
func (l bentProber) ProbeMedia(ctx context.Context, id uint64) error { return l.probe(ctx, id) }

func (l bentUpdater) Update(ctx context.Context, c session.Change) error  { return l.update(ctx, c) }
func (l bentPromoter) Demote(ctx context.Context) error                   { return l.demote(ctx) }
func (l bentLeaver) Leave(ctx context.Context) error                      { return l.leave(ctx) }
func (l bentResumer) Resume(ctx context.Context, a session.Attempt) error { return l.resume(ctx, a) }

func (l bentPromoter) Promote(ctx context.Context, c session.Credentials) error {
	return sound[session.Promoter](l.bent).Promote(ctx, c)
}

func (l bentRestarter) RestartMedia(ctx context.Context, a session.Attempt) error {
	return l.restart(ctx, a)
}

// sound is the ability as it should be.
func sound[A any](l *bent) A {
	a, _ := abilityOf[A](l.Link)
	return a
}

// wrongRestarter has a method that a session does not find.
type wrongRestarter struct{ *bent }

func (wrongRestarter) RestartMedia(context.Context) error { return nil }

// steps are those of an ability that looks at its context again and again, and hangs
// if that ends late.
func (b *broken) steps(ctx context.Context) error {
	for i := range 8 {
		if ctx.Err() != nil {
			if i >= 4 {
				b.hang()
			}
			return ctx.Err()
		}
	}
	return nil
}

// deaf drops what is reported of losses.
type deaf struct{ session.Reports }

func (deaf) Closed(status.Layer, error) {}
func (deaf) Status(status.Status)       {}
