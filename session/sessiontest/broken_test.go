package sessiontest

import (
	"context"
	"errors"
	"fmt"
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

	stuck, vanished, refused atomic.Bool
	opened                   atomic.Int64
	released                 chan struct{}
	has                      Ability // for the Fixture, if it is set
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

var errTest = errors.New("test")

// fault is one way in which a transport can be broken.
type fault struct {
	rule, name string
	build      func(b *broken)
}

// faults has one for each rule, at least.
var faults = []fault{
	{"connect-opens", "refuses view-only", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if a.ViewOnly {
				return nil, errTest
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{"connect-result", "neither", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if ctx.Err() != nil {
				return nil, nil
			}
			return l, err
		}
	}},
	{"connect-result", "both", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if b.refused.Load() {
				l, _ = new(Transport).Connect(ctx, a, r)
			}
			return l, err
		}
	}},
	{"connect-result", "a nil pointer", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if b.refused.Load() {
				l = (*bent)(nil)
			}
			return l, err
		}
	}},
	{"connect-cancelled-before", "begins all the same", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if ctx.Err() != nil && b.alone(a) {
				b.hang()
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{"connect-cancelled-during", "hangs", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			early := ctx.Err() != nil
			l, err := b.scripted.Connect(ctx, a, r)
			if ctx.Err() != nil && !early && !b.stuck.Load() && b.alone(a) {
				b.hang()
			}
			return l, err
		}
	}},
	{"connect-cancelled-during", "says nothing", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if err != nil && ctx.Err() != nil {
				err = errors.New(" ")
			}
			return l, err
		}
	}},
	{"connect-hung-server", "waits for the answer", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if b.stuck.Load() {
				b.hang()
			}
			return l, err
		}
	}},
	{"connect-late", "forgets the link", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if ctx.Err() != nil || b.stuck.Load() || b.vanished.Load() {
				return b.scripted.Connect(ctx, a, r)
			}
			l, err := b.scripted.Connect(context.WithoutCancel(ctx), a, r)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return l, err
		}
	}},
	{"connect-refused", "a timeout of its own", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if b.refused.Load() {
				err = fmt.Errorf("no answer: %w", context.DeadlineExceeded)
			}
			return l, err
		}
	}},
	{"connect-refused", "says nothing", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if b.refused.Load() {
				err = errors.New("")
			}
			return l, err
		}
	}},
	{"connect-failed-goroutines", "waits on", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if err != nil {
				go b.hang()
			}
			return l, err
		}
	}},
	{"connect-failed-silent", "goes on to report", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if err != nil {
				time.AfterFunc(time.Millisecond, func() { r.Closed(status.LayerSignaling, err) })
			}
			return l, err
		}
	}},
	{"connect-again", "a sticky error", func(b *broken) {
		var sticky atomic.Bool
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if b.refused.Load() {
				sticky.Store(true)
			}
			if sticky.Load() {
				return nil, errTest
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{"connect-context-over", "a link of Connect's context", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			stop := context.AfterFunc(l.ctx, func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				if !l.over {
					l.r.Closed(status.LayerSignaling, l.ctx.Err())
				}
			})
			l.shut = func(ctx context.Context) error {
				stop()
				l.mu.Lock()
				l.over = true
				l.mu.Unlock()
				return l.Link.Close(ctx)
			}
			return l
		}
	}},
	{"connect-attempt", "an old token", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			a.Credentials.Token = "of yesterday"
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{"connect-attempt", "resumes as it has joined", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentResumer{l, func(ctx context.Context, a session.Attempt) error {
				a.Credentials = l.attempt.Credentials
				return sound[session.Resumer](l).Resume(ctx, a)
			}}
		}
	}},
	{"two-links", "closes all", func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			b.each(func(epoch uint64) {
				if epoch != l.attempt.Epoch {
					b.Closed(epoch, status.LayerSignaling, errTest)
				}
			})
			return l.Link.Close(ctx)
		})
	}},
	{"own-reporter", "keeps the first", func(b *broken) {
		var first atomic.Pointer[session.Reporter]
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if b.alone(a) && !first.CompareAndSwap(nil, r) {
				r = first.Load()
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{"close-bounded", "an idle link hangs", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			l.shut = func(ctx context.Context) error {
				if !l.used.Load() && len(b.Snapshot().Calls) == 3 && time.Since(l.began) >= bubbleQuiet {
					b.hang() // two attempts and a Close are all that there was
				}
				return l.Link.Close(ctx)
			}
			return bentLeaver{l, func(ctx context.Context) error {
				l.used.Store(true)
				return sound[session.Leaver](l).Leave(ctx)
			}}
		}
	}},
	{"close-vanished", "waits for the close frame", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			l.shut = func(ctx context.Context) error {
				if b.vanished.Load() && !l.used.Load() && b.alone(l.attempt) {
					b.hang()
				}
				return l.Link.Close(ctx)
			}
			leave := func(ctx context.Context) error {
				l.used.Store(true)
				return sound[session.Leaver](l).Leave(ctx)
			}
			return bentLeaver{l, leave}
		}
	}},
	{"close-again", "closes a closed channel", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			closed := make(chan struct{})
			l.shut = func(ctx context.Context) error {
				close(closed)
				return l.Link.Close(ctx)
			}
			return l
		}
	}},
	{"close-context", "gives up before it begins", func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return l.Link.Close(ctx)
		})
	}},
	{"close-during-calls", "waits for the lock of an update", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			l.shut = func(ctx context.Context) error {
				if l.busy.Load() > 0 {
					b.hang()
				}
				return l.Link.Close(ctx)
			}
			return bentUpdater{l, func(ctx context.Context, c session.Change) error {
				if c.ViewOnly {
					return sound[session.Updater](l).Update(ctx, c)
				}
				l.busy.Add(1)
				defer l.busy.Add(-1)
				select {
				case <-ctx.Done():
					pass(time.Millisecond)
				case <-time.After(bubbleQuiet + time.Second):
				}
				return ctx.Err()
			}}
		}
	}},
	{"close-silent", "a timer goes on", func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			time.AfterFunc(time.Millisecond, func() { l.r.Alive(status.LayerMedia) })
			return l.Link.Close(ctx)
		})
	}},
	{"close-goroutines", "a reader stays", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			l.shut = func(ctx context.Context) error {
				if l.used.Load() {
					go b.hang()
				}
				return l.Link.Close(ctx)
			}
			return bentPinger{l, func(ctx context.Context, id uint64) error {
				l.used.Store(true)
				return sound[session.Pinger](l).Ping(ctx, id)
			}}
		}
	}},
	{"parity", "every third stays open", func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			if l.nth%3 == 0 {
				return nil
			}
			return l.Link.Close(ctx)
		})
	}},
	{"abilities", "a method of another form", func(b *broken) {
		b.Link.RestartMedia = Step{}
		b.has = CanPing
		b.bend = func(l *bent) session.Link { return wrongRestarter{l} }
	}},
	{"abilities", "one is missing", func(b *broken) { b.Link.Update = Step{} }},
	{"unsupported", "only the first time", func(b *broken) {
		b.has = CanPing
		b.bend = func(l *bent) session.Link {
			return bentUpdater{l, func(ctx context.Context, c session.Change) error {
				if !l.flag.Swap(true) {
					return errors.ErrUnsupported
				}
				return sound[session.Updater](l).Update(ctx, c)
			}}
		}
	}},
	{"unsupported", "though it was promised", func(b *broken) { b.Link.Promote = Fail(errors.ErrUnsupported) }},
	{"ping", "another id", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentPinger{l, func(_ context.Context, id uint64) error {
				if !b.vanished.Load() {
					l.r.Pong(id + 1)
				}
				return nil
			}}
		}
	}},
	{"ping", "answered twice", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentPinger{l, func(ctx context.Context, id uint64) error {
				if !b.vanished.Load() {
					l.r.Pong(id)
				}
				return sound[session.Pinger](l).Ping(ctx, id)
			}}
		}
	}},
	{"probe-media", "no id", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentProber{l, func(ctx context.Context, id uint64) error {
				if !b.alone(l.attempt) || b.vanished.Load() {
					return sound[session.MediaProber](l).ProbeMedia(ctx, id)
				}
				l.r.Probed(0)
				return nil
			}}
		}
	}},
	{"calls-cancelled", "a deaf ping", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentPinger{l, func(ctx context.Context, id uint64) error {
				if ctx.Err() != nil {
					b.hang()
				}
				return sound[session.Pinger](l).Ping(ctx, id)
			}}
		}
	}},
	{"calls-together", "pings wait for updates", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			update := func(ctx context.Context, c session.Change) error {
				l.busy.Add(1)
				defer l.busy.Add(-1)
				pass(10 * time.Millisecond)
				return sound[session.Updater](l).Update(ctx, c)
			}
			ping := func(ctx context.Context, id uint64) error {
				if l.busy.Load() > 0 {
					<-ctx.Done()
					return ctx.Err()
				}
				return sound[session.Pinger](l).Ping(ctx, id)
			}
			return struct {
				bentUpdater
				session.Pinger
			}{bentUpdater{l, update}, bentPinger{l, ping}}
		}
	}},
	{"update", "breaks the link", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentUpdater{l, func(ctx context.Context, c session.Change) error {
				if c.ViewOnly {
					l.r.Closed(status.LayerMedia, errTest)
				}
				return sound[session.Updater](l).Update(ctx, c)
			}}
		}
	}},
	{"promote", "no way back", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentPromoter{l, func(context.Context) error {
				l.r.Status(status.New(status.SignalingInternalServerError, nil))
				return nil
			}}
		}
	}},
	{"leave", "waits for the answer", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentLeaver{l, func(ctx context.Context) error {
				if b.vanished.Load() && b.alone(l.attempt) {
					b.hang()
				}
				return sound[session.Leaver](l).Leave(ctx)
			}}
		}
	}},
	{"restart-media", "joins again", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentRestarter{l, func(ctx context.Context, a session.Attempt) error {
				a.Epoch += 1000 + l.attempt.Epoch
				_, err := b.scripted.Connect(ctx, a, l.r)
				return err
			}}
		}
	}},
	{"restart-media-cancelled", "hangs", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentRestarter{l, func(ctx context.Context, _ session.Attempt) error { return b.steps(ctx) }}
		}
	}},
	{"resume", "tells of the old signaling", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentResumer{l, func(ctx context.Context, a session.Attempt) error {
				if a.RestartMedia {
					time.AfterFunc(time.Millisecond, func() { l.r.Closed(status.LayerSignaling, errTest) })
				}
				return sound[session.Resumer](l).Resume(ctx, a)
			}}
		}
	}},
	{"resume-cancelled", "never again", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentResumer{l, func(ctx context.Context, a session.Attempt) error {
				err := sound[session.Resumer](l).Resume(ctx, a)
				if l.flag.Load() {
					return errTest
				}
				l.flag.Store(ctx.Err() != nil)
				return err
			}}
		}
	}},
	{"resume-refused", "an error like any other", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentResumer{l, func(ctx context.Context, a session.Attempt) error {
				err := sound[session.Resumer](l).Resume(ctx, a)
				if errors.Is(err, session.ErrRefused) {
					return errTest
				}
				return err
			}}
		}
	}},
	{"server-drops", "says nothing", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if b.alone(a) {
				r = session.NewReporter(deaf{Reports: r})
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{"server-vanishes", "answers by itself", func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentPinger{l, func(ctx context.Context, id uint64) error {
				if b.vanished.Load() && b.alone(l.attempt) {
					l.r.Pong(id)
				}
				return sound[session.Pinger](l).Ping(ctx, id)
			}}
		}
	}},
	{"session-recovers", "only without a cause", func(b *broken) {
		var asked atomic.Bool
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if asked.Load() || a.Cause.Layer == status.LayerClient {
				asked.Store(true)
				return nil, errTest
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{"session-survives-vanishing", "only at first", func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if a.Number > 1 {
				return nil, errTest
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{"session-stops", "hangs in a session", func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			if !b.alone(l.attempt) {
				b.hang()
			}
			return l.Link.Close(ctx)
		})
	}},
}

// deaf drops what is reported of losses.
type deaf struct{ session.Reports }

func (deaf) Closed(status.Layer, error) {}
func (deaf) Status(status.Status)       {}
