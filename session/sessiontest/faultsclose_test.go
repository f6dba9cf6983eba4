package sessiontest

import (
	"context"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

var closeFaults = []fault{
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
	{rule: "close-bounded", name: "a new link hangs", also: []string{
		"connect-result", "connect-cancelled-during", "connect-late", "connect-failed-goroutines", "connect-failed-silent", "connect-again",
		"close-again", "close-context", "close-during-calls", "close-goroutines", "parity", "unsupported", "calls-cancelled", "calls-together",
	}, build: func(b *broken) {
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
	{rule: "close-again", name: "only one at a time", build: func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			if l.busy.Add(1) > 1 {
				panic("closed twice at the same time")
			}
			defer l.busy.Add(-1)
			pass(time.Millisecond)
			return l.Link.Close(ctx)
		})
	}},
	{rule: "close-context", name: "hangs", build: func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			if ctx.Err() != nil {
				b.hang()
			}
			return l.Link.Close(ctx)
		})
	}},
	{rule: "close-context", name: "a reader stays", build: func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			if ctx.Err() != nil {
				go b.hang()
			}
			return l.Link.Close(ctx)
		})
	}},
	{rule: "close-during-calls", name: "an update hangs in a closed link", build: func(b *broken) {
		b.bend = func(l *bent) session.Link {
			l.shut = func(ctx context.Context) error {
				l.flag.Store(true)
				return l.Link.Close(ctx)
			}
			return bentUpdater{l, func(ctx context.Context, c session.Change) error {
				if c.ViewOnly {
					return sound[session.Updater](l).Update(ctx, c)
				}
				select {
				case <-ctx.Done():
					if pass(time.Millisecond); l.flag.Load() {
						b.hang()
					}
				case <-time.After(bubbleQuiet + time.Second):
				}
				return ctx.Err()
			}}
		}
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
}
