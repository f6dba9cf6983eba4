package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

var errTest = errors.New("test")

// fault is one way in which a transport can be broken.
type fault struct {
	rule, name string
	build      func(b *broken)
	also       []string // rules that it breaks inevitably as well
}

// faults has one for each rule, at least.
var faults = []fault{
	{rule: "connect-opens", name: "refuses view-only", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if a.ViewOnly {
				return nil, errTest
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{rule: "connect-result", name: "neither", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if ctx.Err() != nil {
				return nil, nil
			}
			return l, err
		}
	}},
	{rule: "connect-result", name: "both", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if b.refused.Load() {
				l, _ = new(Transport).Connect(ctx, a, r)
			}
			return l, err
		}
	}},
	{rule: "connect-result", name: "a nil pointer", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if b.refused.Load() {
				l = (*bent)(nil)
			}
			return l, err
		}
	}},
	{rule: "connect-cancelled-before", name: "begins all the same", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if ctx.Err() != nil && b.alone(a) {
				b.hang()
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{rule: "connect-cancelled-during", name: "hangs", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			early := ctx.Err() != nil
			l, err := b.scripted.Connect(ctx, a, r)
			if ctx.Err() != nil && !early && !b.stuck.Load() && b.alone(a) {
				b.hang()
			}
			return l, err
		}
	}},
	{rule: "connect-cancelled-during", name: "says nothing", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if err != nil && ctx.Err() != nil {
				err = errors.New(" ")
			}
			return l, err
		}
	}},
	{rule: "connect-hung-server", name: "waits for the answer", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if b.stuck.Load() {
				b.hang()
			}
			return l, err
		}
	}},
	{rule: "connect-late", name: "forgets the link", build: func(b *broken) {
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
	{rule: "connect-refused", name: "a timeout of its own", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if b.refused.Load() {
				err = fmt.Errorf("no answer: %w", context.DeadlineExceeded)
			}
			return l, err
		}
	}},
	{rule: "connect-refused", name: "says nothing", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if b.refused.Load() {
				err = errors.New("")
			}
			return l, err
		}
	}},
	{rule: "connect-failed-goroutines", name: "waits on", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if err != nil {
				go b.hang()
			}
			return l, err
		}
	}},
	{rule: "connect-failed-silent", name: "goes on to report", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if err != nil {
				time.AfterFunc(time.Millisecond, func() { r.Closed(status.LayerSignaling, err) })
			}
			return l, err
		}
	}},
	{rule: "connect-again", name: "a sticky error", build: func(b *broken) {
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
	{rule: "connect-context-over", name: "a link of Connect's context", build: func(b *broken) {
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
	{rule: "connect-attempt", name: "an old token", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			a.Credentials.Token = "of yesterday"
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{rule: "connect-attempt", name: "resumes as it has joined", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentResumer{l, func(ctx context.Context, a session.Attempt) error {
				a.Credentials = l.attempt.Credentials
				return sound[session.Resumer](l).Resume(ctx, a)
			}}
		}
	}},
	{rule: "two-links", name: "closes all", build: func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			b.each(func(epoch uint64) {
				if epoch != l.attempt.Epoch {
					b.Closed(epoch, status.LayerSignaling, errTest)
				}
			})
			return l.Link.Close(ctx)
		})
	}},
	{rule: "own-reporter", name: "keeps the first", build: func(b *broken) {
		var first atomic.Pointer[session.Reporter]
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if b.alone(a) && !first.CompareAndSwap(nil, r) {
				r = first.Load()
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{rule: "close-bounded", name: "an idle link hangs", build: func(b *broken) {
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
	{rule: "close-bounded", name: "a new link hangs", also: []string{"close-again", "close-context", "parity"}, build: func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			if len(b.Snapshot().Calls) == 1 && !b.vanished.Load() && b.alone(l.attempt) {
				b.hang() // there was nothing but the attempt
			}
			return l.Link.Close(ctx)
		})
	}},
	{rule: "close-vanished", name: "waits for the close frame", build: func(b *broken) {
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
	{rule: "close-again", name: "closes a closed channel", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			closed := make(chan struct{})
			l.shut = func(ctx context.Context) error {
				close(closed)
				return l.Link.Close(ctx)
			}
			return l
		}
	}},
	{rule: "close-context", name: "gives up before it begins", build: func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return l.Link.Close(ctx)
		})
	}},
	{rule: "close-during-calls", name: "waits for the lock of an update", build: func(b *broken) {
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
	{rule: "close-silent", name: "a timer goes on", build: func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			time.AfterFunc(time.Millisecond, func() { l.r.Alive(status.LayerMedia) })
			return l.Link.Close(ctx)
		})
	}},
	{rule: "close-goroutines", name: "a reader stays", build: func(b *broken) {
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
	{rule: "parity", name: "every third stays open", build: func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			if l.nth%3 == 0 {
				return nil
			}
			return l.Link.Close(ctx)
		})
	}},
	{rule: "abilities", name: "a method of another form", build: func(b *broken) {
		b.Link.RestartMedia = Step{}
		b.has = CanPing
		b.bend = func(l *bent) session.Link { return wrongRestarter{l} }
	}},
	{rule: "abilities", name: "one is missing", build: func(b *broken) { b.Link.Update = Step{} }},
	{rule: "unsupported", name: "only the first time", build: func(b *broken) {
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
	{rule: "unsupported", name: "though it was promised", build: func(b *broken) { b.Link.Promote = Fail(errors.ErrUnsupported) }},
	{rule: "unsupported", name: "breaks the link", build: func(b *broken) {
		b.has = CanPing
		b.bend = func(l *bent) session.Link {
			return bentUpdater{l, func(context.Context, session.Change) error {
				if l.flag.Swap(true) {
					l.r.Closed(status.LayerSignaling, errTest)
				}
				return errors.ErrUnsupported
			}}
		}
	}},
	{rule: "ping", name: "another id", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentPinger{l, func(_ context.Context, id uint64) error {
				if !b.vanished.Load() {
					l.r.Pong(id + 1)
				}
				return nil
			}}
		}
	}},
	{rule: "ping", name: "answered twice", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentPinger{l, func(ctx context.Context, id uint64) error {
				if !b.vanished.Load() {
					l.r.Pong(id)
				}
				return sound[session.Pinger](l).Ping(ctx, id)
			}}
		}
	}},
	{rule: "probe-media", name: "no id", build: func(b *broken) {
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
	{rule: "calls-cancelled", name: "a deaf ping", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentPinger{l, func(ctx context.Context, id uint64) error {
				if ctx.Err() != nil {
					b.hang()
				}
				return sound[session.Pinger](l).Ping(ctx, id)
			}}
		}
	}},
	{rule: "calls-cancelled", name: "a ping too many", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			l.shut = func(ctx context.Context) error {
				if l.flag.Load() && b.alone(l.attempt) {
					b.hang()
				}
				return l.Link.Close(ctx)
			}
			return bentPinger{l, func(ctx context.Context, id uint64) error {
				l.flag.CompareAndSwap(false, ctx.Err() != nil)
				return sound[session.Pinger](l).Ping(ctx, id)
			}}
		}
	}},
	{rule: "calls-together", name: "pings wait for updates", build: func(b *broken) {
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
	{rule: "calls-together", name: "too much at once", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			update := func(ctx context.Context, c session.Change) error {
				l.busy.Add(1)
				defer l.busy.Add(-1)
				pass(10 * time.Millisecond)
				return sound[session.Updater](l).Update(ctx, c)
			}
			ping := func(ctx context.Context, id uint64) error {
				if l.busy.Load() > 0 {
					l.r.Closed(status.LayerSignaling, errTest)
				}
				return sound[session.Pinger](l).Ping(ctx, id)
			}
			return struct {
				bentUpdater
				session.Pinger
			}{bentUpdater{l, update}, bentPinger{l, ping}}
		}
	}},
	{rule: "update", name: "fails", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentUpdater{l, func(ctx context.Context, c session.Change) error {
				if c.ViewOnly {
					return errTest
				}
				return sound[session.Updater](l).Update(ctx, c)
			}}
		}
	}},
	{rule: "update", name: "breaks the link", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentUpdater{l, func(ctx context.Context, c session.Change) error {
				if c.ViewOnly {
					l.r.Closed(status.LayerMedia, errTest)
				}
				return sound[session.Updater](l).Update(ctx, c)
			}}
		}
	}},
	{rule: "promote", name: "no way back", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentPromoter{l, func(context.Context) error {
				l.r.Status(status.New(status.SignalingInternalServerError, nil))
				return nil
			}}
		}
	}},
	{rule: "leave", name: "waits for the answer", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentLeaver{l, func(ctx context.Context) error {
				if b.vanished.Load() && b.alone(l.attempt) {
					b.hang()
				}
				return sound[session.Leaver](l).Leave(ctx)
			}}
		}
	}},
	{rule: "leave", name: "fails", build: func(b *broken) { b.Link.Leave = Fail(errTest) }},
	{rule: "leave", name: "nothing left to close", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			l.shut = func(ctx context.Context) error {
				if l.used.Load() && l.nth == 1 && b.alone(l.attempt) {
					b.hang()
				}
				return l.Link.Close(ctx)
			}
			return bentLeaver{l, func(ctx context.Context) error {
				l.used.Store(true)
				return sound[session.Leaver](l).Leave(ctx)
			}}
		}
	}},
	{rule: "leave", name: "Close waits for it", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			l.shut = func(ctx context.Context) error {
				if l.used.Load() && b.vanished.Load() && b.alone(l.attempt) {
					b.hang()
				}
				return l.Link.Close(ctx)
			}
			return bentLeaver{l, func(ctx context.Context) error {
				l.used.Store(true)
				return sound[session.Leaver](l).Leave(ctx)
			}}
		}
	}},
	{rule: "restart-media", name: "joins again", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentRestarter{l, func(ctx context.Context, a session.Attempt) error {
				a.Epoch += 1000 + l.attempt.Epoch
				_, err := b.scripted.Connect(ctx, a, l.r)
				return err
			}}
		}
	}},
	{rule: "restart-media-cancelled", name: "hangs", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentRestarter{l, func(ctx context.Context, _ session.Attempt) error { return b.steps(ctx) }}
		}
	}},
	{rule: "resume", name: "tells of the old signaling", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentResumer{l, func(ctx context.Context, a session.Attempt) error {
				if a.RestartMedia {
					time.AfterFunc(time.Millisecond, func() { l.r.Closed(status.LayerSignaling, errTest) })
				}
				return sound[session.Resumer](l).Resume(ctx, a)
			}}
		}
	}},
	{rule: "resume-cancelled", name: "never again", build: func(b *broken) {
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
	{rule: "resume-refused", name: "an error like any other", build: func(b *broken) {
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
	{rule: "server-drops", name: "says nothing", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if b.alone(a) {
				r = session.NewReporter(deaf{Reports: r})
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{rule: "server-vanishes", name: "answers by itself", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentPinger{l, func(ctx context.Context, id uint64) error {
				if b.vanished.Load() && b.alone(l.attempt) {
					l.r.Pong(id)
				}
				return sound[session.Pinger](l).Ping(ctx, id)
			}}
		}
	}},
	{rule: "session-recovers", name: "only without a cause", build: func(b *broken) {
		var asked atomic.Bool
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if asked.Load() || a.Cause.Layer == status.LayerClient {
				asked.Store(true)
				return nil, errTest
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{rule: "session-survives-vanishing", name: "only at first", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if a.Number > 1 {
				return nil, errTest
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{rule: "session-stops", name: "hangs in a session", build: func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			if !b.alone(l.attempt) {
				b.hang()
			}
			return l.Link.Close(ctx)
		})
	}},
}
