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
