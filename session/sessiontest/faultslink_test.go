package sessiontest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

var linkFaults = []fault{
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
	{rule: "restart-media", name: "breaks the link", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentRestarter{l, func(ctx context.Context, a session.Attempt) error {
				if l.nth == 1 && b.alone(l.attempt) {
					l.r.Closed(status.LayerSignaling, errTest)
				}
				return sound[session.MediaRestarter](l).RestartMedia(ctx, a)
			}}
		}
	}},
	{rule: "restart-media-cancelled", name: "cannot be closed", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			l.shut = func(ctx context.Context) error {
				if l.flag.Load() {
					b.hang()
				}
				return l.Link.Close(ctx)
			}
			return bentRestarter{l, func(ctx context.Context, _ session.Attempt) error {
				for i := range 8 {
					if ctx.Err() != nil {
						l.flag.Store(i >= 4)
						return ctx.Err()
					}
				}
				return nil
			}}
		}
	}},
	{rule: "resume", name: "joins again", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentResumer{l, func(ctx context.Context, a session.Attempt) error {
				if a.RestartMedia {
					again := a
					again.Epoch += 1000 + l.attempt.Epoch
					_, _ = b.scripted.Connect(ctx, again, l.r)
				}
				return sound[session.Resumer](l).Resume(ctx, a)
			}}
		}
	}},
	{rule: "resume", name: "cannot with the signaling gone", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentResumer{l, func(ctx context.Context, a session.Attempt) error {
				if b.dropped.Load() && b.alone(l.attempt) {
					return errTest
				}
				return sound[session.Resumer](l).Resume(ctx, a)
			}}
		}
	}},
	{rule: "resume-cancelled", name: "breaks the link", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentResumer{l, func(ctx context.Context, a session.Attempt) error {
				err := sound[session.Resumer](l).Resume(ctx, a)
				if err == nil && l.flag.Load() {
					l.r.Closed(status.LayerSignaling, errTest)
				}
				l.flag.CompareAndSwap(false, err != nil)
				return err
			}}
		}
	}},
	{rule: "resume-cancelled", name: "cannot be closed", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			l.shut = func(ctx context.Context) error {
				if l.flag.Load() {
					b.hang()
				}
				return l.Link.Close(ctx)
			}
			return bentResumer{l, func(ctx context.Context, a session.Attempt) error {
				for i := range 8 {
					if ctx.Err() != nil {
						l.flag.Store(i >= 4)
						return ctx.Err()
					}
				}
				return sound[session.Resumer](l).Resume(ctx, a)
			}}
		}
	}},
	{rule: "resume-refused", name: "an error of a context", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			return bentResumer{l, func(ctx context.Context, a session.Attempt) error {
				err := sound[session.Resumer](l).Resume(ctx, a)
				if errors.Is(err, session.ErrRefused) {
					return errors.Join(session.ErrRefused, context.Canceled)
				}
				return err
			}}
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
	{rule: "server-vanishes", name: "cannot be noticed", also: []string{"abilities", "session-survives-vanishing"}, build: func(b *broken) {
		b.Link = Link{}
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
	{rule: "session-recovers", name: "not after a drop", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if b.dropped.Load() && !b.alone(a) {
				return nil, errTest
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{rule: "session-recovers", name: "not in a session", also: []string{"session-survives-vanishing", "session-stops"}, build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if !b.alone(a) {
				return nil, errTest
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{rule: "session-survives-vanishing", name: "answers by itself", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			if b.alone(l.attempt) {
				return l
			}
			ping := func(_ context.Context, id uint64) error { l.r.Pong(id); return nil }
			probe := func(_ context.Context, id uint64) error { l.r.Probed(id); return nil }
			return struct {
				bentPinger
				session.MediaProber
			}{bentPinger{l, ping}, bentProber{l, probe}}
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
