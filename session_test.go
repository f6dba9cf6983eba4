package holdfast_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// The tests of this package know only what an embedding program knows. They
// play sessions against sessiontest's scripted transport in fake time, where a
// deadline can be looked at one nanosecond before it comes.

var update = flag.Bool("update", false, "write the golden files anew")

// The defaults that deadlines are computed from.
const (
	connectTimeout = 15 * time.Second
	closeGrace     = 2 * time.Second
	observerGrace  = 2 * time.Second
	reasonGrace    = 250 * time.Millisecond
)

// advance lets d of fake time go by.
func advance(d time.Duration) { <-time.NewTimer(d).C }

// settle lets d go by and everything that happens at that moment come to rest.
func settle(d time.Duration) {
	advance(d)
	synctest.Wait()
}

// production is a config with every default, except that the delays do not depend
// on the cause, and that the jitter always takes half of the window: delays of 0.5 s, 1 s, 2 s and 2.5 s from then on.
func production(tr session.Transport, observers ...observer.Observer) session.Config {
	p := policy.Default()
	p.NewBackOff = policy.Reference().NewBackOff
	return session.Config{
		Name: "test", Transport: tr, Observers: observers, Policy: &p, Random: func() float64 { return 0.5 },
	}
}

// rejoining is a link that can do all but to restart its media or to resume its
// session.
func rejoining() sessiontest.Link {
	l := sessiontest.Able()
	l.RestartMedia, l.Resume = sessiontest.Step{}, sessiontest.Step{}
	return l
}

// jittered is the delay before attempt k of an outage, from 0, in production.
func jittered(k int) time.Duration {
	return min(time.Second<<min(k, 10), 5*time.Second) / 2
}

func newSession(t testing.TB, cfg session.Config) *session.Session {
	t.Helper()
	recorded(t, &cfg) // whatever happens to some of them is replayed in the end (G14)
	s, err := session.New(cfg)
	require.NoError(t, err)
	return s
}

// start makes a session and starts it, which must work.
func start(t testing.TB, cfg session.Config) *session.Session {
	t.Helper()
	s := newSession(t, cfg)
	require.NoError(t, s.Start(context.Background()))
	return s
}

// starting starts a session that need not connect and returns where Start's
// answer will be.
func starting(s *session.Session) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- s.Start(context.Background()) }()
	return answer
}

// finish ends a session and holds what was seen of it against the guarantees.
func finish(t testing.TB, s *session.Session, tr *sessiontest.Transport, recorders ...*sessiontest.Recorder) {
	t.Helper()
	require.NoError(t, s.Close())
	verify(t, s, tr, recorders...)
}

// verify holds what was seen of a session that has ended against the guarantees.
func verify(t testing.TB, s *session.Session, tr *sessiontest.Transport, recorders ...*sessiontest.Recorder) {
	t.Helper()
	assert.True(t, ended(s), "Done is closed")
	assert.Equal(t, session.StateStopped, s.State())
	tr.Release()
	tr.Parity(t)
	for _, rec := range recorders {
		rec.Check(t)
	}
}

func ended(s *session.Session) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

// endsAfter checks that a session which runs now ends d from now, and not a
// nanosecond before.
func endsAfter(t testing.TB, s *session.Session, d time.Duration) {
	t.Helper()
	settle(d - 1)
	assert.False(t, ended(s), "the session ended before %v were over", d)
	settle(1)
	assert.True(t, ended(s), "the session has not ended after %v: %v", d, s.State())
}

// codeOf is the code that an error carries, for a readable failure.
func codeOf(err error) string {
	code, ok := status.CodeOf(err)
	if !ok {
		return fmt.Sprint(err)
	}
	return code.String()
}

// How a session begins.

// A second start is an error, while the session runs and afterwards, and opens
// nothing (NEEDS 29).
func TestStartTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := sessiontest.Script(sessiontest.OK().After(time.Second))
		s := newSession(t, production(tr))
		first := starting(s)
		synctest.Wait()
		require.ErrorIs(t, s.Start(t.Context()), session.ErrStarted, "connecting")
		require.ErrorIs(t, s.Run(t.Context()), session.ErrStarted)
		require.NoError(t, <-first)
		require.ErrorIs(t, s.Start(t.Context()), session.ErrStarted, "connected")
		require.ErrorIs(t, s.Run(t.Context()), session.ErrStarted)
		settle(time.Hour)
		assert.Len(t, tr.Snapshot().Attempts(), 1)
		assert.Equal(t, 1, tr.Snapshot().MaxOpen, "G1")
		require.NoError(t, s.Close())
		require.ErrorIs(t, s.Start(t.Context()), session.ErrStarted, "stopped")
		require.ErrorIs(t, s.Run(t.Context()), session.ErrStarted)
		verify(t, s, tr)
	})
}

// Of many starts at once one wins (NEEDS 29).
func TestStartFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := sessiontest.Script(sessiontest.OK().After(time.Second))
		s := newSession(t, production(tr))
		answers := make(chan error, 100)
		for range cap(answers) {
			go func() { answers <- s.Start(t.Context()) }()
		}
		worked := 0
		for range cap(answers) {
			if err := <-answers; err == nil {
				worked++
			} else {
				assert.ErrorIs(t, err, session.ErrStarted)
			}
		}
		assert.Equal(t, 1, worked)
		assert.Len(t, tr.Snapshot().Attempts(), 1)
		finish(t, s, tr)
	})
}

// A session that was stopped before its start never begins; the start says why.
func TestStartAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr sessiontest.Transport
		var rec sessiontest.Recorder
		s := newSession(t, production(&tr, &rec))
		s.Stop()
		<-s.Done()
		require.ErrorIs(t, s.Start(t.Context()), status.Left)
		require.ErrorIs(t, s.Start(t.Context()), session.ErrStarted)
		assert.Empty(t, tr.Snapshot().Calls, "G8")
		assert.Equal(t, []string{"Stopped"}, rec.Names())
		assert.Equal(t, session.StateIdle, rec.Events()[0].Head().From)
		verify(t, s, &tr, &rec)
	})
}

// Run after Stop ends like Run that was stopped.
func TestRunAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr sessiontest.Transport
		s := newSession(t, production(&tr))
		s.Stop()
		require.NoError(t, s.Run(t.Context()))
		verify(t, s, &tr)
	})
}

var errEnough = errors.New("the caller has had enough")

// The context of Start bounds the start: its end before the session is
// connected stops the session, and its cause is the reason (NEEDS 33).
func TestStartContextEndsBefore(t *testing.T) {
	for name, tr := range map[string]*sessiontest.Transport{
		"connecting":       sessiontest.Script(sessiontest.Hang("join")),
		"between attempts": sessiontest.Script(sessiontest.Fail(nil), sessiontest.Fail(nil), sessiontest.Fail(nil).After(time.Hour)),
		"deaf":             sessiontest.Script(sessiontest.Deaf("join")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rec sessiontest.Recorder
				s := newSession(t, production(tr, &rec))
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(errEnough) })
				began := time.Now()
				err := s.Start(ctx)
				require.ErrorIs(t, err, errEnough)
				require.ErrorIs(t, err, status.Left)
				assert.LessOrEqual(t, time.Since(began), time.Second+closeGrace, "G3")
				<-s.Done()
				assert.Equal(t, err, s.Err())
				stopped, _ := sessiontest.Last[observer.Stopped](&rec)
				assert.Equal(t, observer.ByApplication, stopped.Initiator)
				assert.ErrorIs(t, stopped.Status, errEnough)
				verify(t, s, tr, &rec)
			})
		})
	}
}

// A context that has ended already starts nothing (G8).
func TestStartContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr sessiontest.Transport
		s := newSession(t, production(&tr))
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errEnough)
		require.ErrorIs(t, s.Start(ctx), errEnough)
		<-s.Done()
		assert.Empty(t, tr.Snapshot().Calls)
		verify(t, s, &tr)
	})
}

// Once the session is connected the end of Start's context means nothing.
func TestStartContextEndsAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr sessiontest.Transport
		s := newSession(t, production(&tr))
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, s.Start(ctx))
		cancel()
		settle(time.Hour)
		require.Equal(t, session.StateConnected, s.State())
		tr.Report(sessiontest.Newest, status.TaskFailed)
		settle(time.Minute)
		require.Equal(t, session.StateConnected, s.State(), "later attempts do not depend on it either")
		assert.Len(t, tr.Snapshot().Attempts(), 2)
		finish(t, s, &tr)
	})
}

// The same holds for a context that an observer ends the moment it hears of the
// connection, when Start may not have returned yet.
func TestStartContextEndsInConnected(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			var tr sessiontest.Transport
			ctx, cancel := context.WithCancel(t.Context())
			s := newSession(t, production(&tr, observer.Funcs{Connected: func(observer.Connected) { cancel() }}))
			require.NoError(t, s.Start(ctx))
			settle(time.Minute)
			require.Equal(t, session.StateConnected, s.State())
			finish(t, s, &tr)
		})
		if t.Failed() {
			return
		}
	}
}

// A connection that is lost again at once has been one: Start has nothing more
// to wait for, and the end of its context means nothing, whenever it comes.
func TestStartConnectedForAnInstant(t *testing.T) {
	for i := range 20 {
		synctest.Test(t, func(t *testing.T) { connectedForAnInstant(t, i%2 == 0) })
		if t.Failed() {
			return
		}
	}
}

// connectedForAnInstant uses that the backoff is reset when a link is adopted,
// and asked when it is lost: the loss is reported, and the context may end,
// before Start can have seen the connection.
func connectedForAnInstant(t *testing.T, atOnce bool) {
	tr := sessiontest.Script(ok(), fail(nil).Times(3))
	ctx, cancel := context.WithCancel(t.Context())
	adopted := sync.OnceFunc(func() { tr.Report(1, lost) })
	reset := func() {
		if len(tr.Snapshot().Opened) > 0 {
			adopted()
		}
	}
	asked := func() {
		if atOnce {
			cancel()
		}
	}
	var rec sessiontest.Recorder
	cfg := production(tr, &rec)
	cfg.Policy.StableAfter = 0
	cfg.Policy.NewBackOff = func(func() float64) backoff.BackOff { return unruly{asked, reset, sec} }
	s := newSession(t, cfg)
	answer := make(chan error, 1)
	go func() { answer <- s.Start(ctx) }()
	settle(ms)
	assert.Equal(t, session.StateReconnecting, s.State())
	select {
	case err := <-answer:
		assert.NoError(t, err)
	default:
		assert.Fail(t, "Start waits on, although the session was connected")
	}
	cancel()
	settle(time.Minute)
	assert.Equal(t, session.StateConnected, s.State())
	finish(t, s, tr, &rec)
}

type valueKey struct{}

// The values of Start's context reach every Connect; its end and its deadline
// do not.
func TestStartValuesReachConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var values []any
		look := sessiontest.Func(func(ctx context.Context, _ session.Attempt, _ *session.Reporter) error {
			values = append(values, ctx.Value(valueKey{}))
			_, limited := ctx.Deadline()
			assert.False(t, limited)
			return ctx.Err()
		})
		tr := new(sessiontest.Transport).Otherwise(look)
		s := newSession(t, production(tr))
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), valueKey{}, "passenger"), time.Minute)
		defer cancel()
		require.NoError(t, s.Start(ctx))
		settle(time.Hour)
		tr.Report(sessiontest.Newest, status.TaskFailed)
		require.NoError(t, tr.WaitOpened(t.Context(), 2))
		assert.Equal(t, []any{"passenger", "passenger"}, values)
		finish(t, s, tr)
	})
}

// Run serves until its context ends, with that cause as the reason.
func TestRunContext(t *testing.T) {
	tests := map[string]*sessiontest.Transport{
		"while connected":  new(sessiontest.Transport),
		"while connecting": sessiontest.Script(sessiontest.Hang("join")),
		"while the link closes slowly": {
			Link: sessiontest.Link{Close: sessiontest.OK().After(time.Second)},
		},
	}
	for name, tr := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rec sessiontest.Recorder
				s := newSession(t, production(tr, &rec))
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10*time.Second, func() { cancel(errEnough) })
				err := s.Run(ctx)
				require.ErrorIs(t, err, errEnough)
				require.ErrorIs(t, err, status.Left)
				require.True(t, ended(s), "Run has served to the end")
				verify(t, s, tr, &rec)
			})
		})
	}
}

// Run returns nil after Stop and Close, and the reason otherwise.
func TestRunReturns(t *testing.T) {
	tests := []struct {
		name string
		end  func(*session.Session, *sessiontest.Transport)
		want error
	}{
		{"Stop", func(s *session.Session, _ *sessiontest.Transport) { s.Stop() }, nil},
		{"Close", func(s *session.Session, _ *sessiontest.Transport) { s.Close() }, nil},
		{"a terminal status", func(_ *session.Session, tr *sessiontest.Transport) {
			tr.Report(sessiontest.Newest, status.MeetingEnded)
		}, status.MeetingEnded},
		{"a terminal status, then Stop", func(s *session.Session, tr *sessiontest.Transport) {
			tr.Report(sessiontest.Newest, status.AudioAttendeeRemoved)
			s.Stop()
		}, status.AudioAttendeeRemoved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := sessiontest.Transport{Link: sessiontest.Link{Close: sessiontest.OK().After(time.Second)}}
				s := newSession(t, production(&tr))
				time.AfterFunc(time.Minute, func() { tt.end(s, &tr) })
				err := s.Run(t.Context())
				if tt.want == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tt.want)
				}
				verify(t, s, &tr)
			})
		})
	}
}

// What a first connect is refused with is what Start and Run return.
func TestRefusedForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := sessiontest.Script(sessiontest.Fail(fmt.Errorf("join: %w", status.AudioCallAtCapacity)))
		s := newSession(t, production(tr))
		err := s.Run(t.Context())
		require.ErrorIs(t, err, status.AudioCallAtCapacity)
		assert.Equal(t, err, s.Err())
		assert.Len(t, tr.Snapshot().Attempts(), 1, "G8")
		verify(t, s, tr)
	})
}

// The log of one full outage: lost without a reason, one attempt that hangs, one
// that is refused, one that works; and what came before and after (NEEDS 35).
func TestGoldenOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := sessiontest.Script(
			sessiontest.Fail(status.AudioServiceUnavailable).After(200*time.Millisecond),
			sessiontest.OK().After(300*time.Millisecond),
			sessiontest.Hang("ICE gathering"),
			sessiontest.Fail(status.FromSignaling(503)).After(100*time.Millisecond),
			sessiontest.OK().After(400*time.Millisecond),
		)
		tr.Link = rejoining()
		var rec sessiontest.Recorder
		s := start(t, production(tr, &rec))
		advance(10 * time.Minute)
		require.NoError(t, s.Promote(t.Context(), session.Credentials{Attendee: "a", Token: "secret"}))
		advance(time.Minute)
		tr.Closed(sessiontest.Newest, status.LayerSignaling, status.FromWebSocketClose(1006, status.Attached))
		advance(10 * time.Second)
		tr.Report(1, status.AudioJoinedFromAnotherDevice) // of a link long gone
		advance(time.Minute)
		tr.Report(sessiontest.Newest, status.FromWebSocketClose(4410, status.Attached))
		<-s.Done()
		verify(t, s, tr, &rec)
		golden(t, "outage.golden", sessiontest.Format{Causes: true}.Text(rec.Events()))
	})
}

// golden compares a text with a file in testdata, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update")
	assert.Equal(t, string(want), got)
}
