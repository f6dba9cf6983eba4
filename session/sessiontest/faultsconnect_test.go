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

var connectFaults = []fault{
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
	{rule: "connect-hung-server", name: "does not wait for it", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if b.stuck.Load() {
				return new(Transport).Connect(ctx, a, r)
			}
			return b.scripted.Connect(ctx, a, r)
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
	{rule: "connect-refused", name: "waits on", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			l, err := b.scripted.Connect(ctx, a, r)
			if b.refused.Load() {
				<-ctx.Done()
			}
			return l, err
		}
	}},
	{rule: "connect-refused", name: "takes it lightly", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if b.refused.Load() {
				return new(Transport).Connect(ctx, a, r)
			}
			return b.scripted.Connect(ctx, a, r)
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
	{rule: "connect-attempt", name: "the configured token at first", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if a.Epoch == 1 {
				a.Credentials.Token = "of the configuration"
			}
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
	{rule: "connect-attempt", name: "sticks to its first", build: func(b *broken) {
		var first atomic.Pointer[session.Attempt]
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			first.CompareAndSwap(nil, &a)
			a.Endpoint = first.Load().Endpoint
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{rule: "two-links", name: "one at a time", build: func(b *broken) {
		b.connect = func(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
			if b.links() > 0 {
				return nil, errTest
			}
			return b.scripted.Connect(ctx, a, r)
		}
	}},
	{rule: "two-links", name: "closes in its turn", build: func(b *broken) {
		b.bend = closing(func(l *bent, ctx context.Context) error {
			if b.links() > 1 && b.alone(l.attempt) {
				b.hang()
			}
			return l.Link.Close(ctx)
		})
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
}
