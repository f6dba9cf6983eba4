package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// How the application catches up before a recovery counts.

// resyncTimeout is the default of Config.ResyncTimeout.
const resyncTimeout = 10 * sec

// catchUp is a resync hook that keeps what it was given.
type catchUp struct {
	// does is called in the hook, if it is set; n counts the calls from 1.
	does func(ctx context.Context, n int) error

	mu    sync.Mutex
	given []session.Resync
}

func (c *catchUp) resync(ctx context.Context, r session.Resync) error {
	c.mu.Lock()
	c.given = append(c.given, r)
	n := len(c.given)
	c.mu.Unlock()
	if c.does != nil {
		return c.does(ctx, n)
	}
	return nil
}

func (c *catchUp) calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.given)
}

// catching plays a session with a resync hook that loses its link after a minute.
func catching(t *testing.T, c *catchUp, change func(*session.Config), l sessiontest.Link, rejoins ...sessiontest.Step) (stage, *sessiontest.Recorder) {
	t.Helper()
	st, rec := climbing(t, func(cfg *session.Config) {
		cfg.Resync = c.resync
		if change != nil {
			change(cfg)
		}
	}, l, rejoins...)
	return st, rec
}

// The hook runs in every recovery, when media has been seen and before the session
// counts as connected, and is given the link and what has happened (NEEDS 37).
func TestResyncComesBeforeConnected(t *testing.T) {
	for name, tt := range map[string]struct {
		loss  status.Status
		level policy.Level
		epoch uint64
		kept  bool
	}{
		"restart": {mediaLost, policy.RestartMedia, 1, true},
		"resume":  {status.New(lost, nil), policy.Resume, 1, true},
		"rejoin":  {someLost, policy.Rejoin, 2, false},
	} {
		bubble(t, name, func(t *testing.T) {
			var st stage
			hook := &catchUp{does: func(context.Context, int) error {
				advance(3 * sec)
				_, err := st.s.Attached()
				assert.ErrorIs(t, err, session.ErrReconnecting, "it is not connected yet")
				return nil
			}}
			probed := sessiontest.Link{Probe: ok().After(100 * ms)}
			both := climber(turns(works), turns(works))
			both.Probe = ok().After(100 * ms)
			st, rec := catching(t, hook, nil, both, ok().With(probed))
			require.Zero(t, hook.calls(), "the first connect is no recovery")
			before := len(rec.Events())
			st.tr.Report(1, tt.loss)
			settle(500*ms + 100*ms)
			require.Equal(t, 1, hook.calls(), "once media was seen")
			given := hook.given[0]
			assert.Equal(t, tt.epoch, sessiontest.EpochOf(given.Link))
			want := observer.Outage{
				Since: given.Outage.Since, Duration: 600 * ms, Attempts: 1, Level: tt.level, SessionKept: tt.kept, MediaKept: tt.kept,
				Gap: given.Outage.Gap, First: tt.loss, Last: tt.loss,
			}
			assert.Equal(t, want, given.Outage)
			settle(3*sec - 1)
			assert.Equal(t, session.StateReconnecting, st.s.State())
			settle(1)
			require.Equal(t, session.StateConnected, st.s.State())
			assert.True(t, given.Link == linkOf(t, st.s))
			assert.Equal(t, []string{"Reconnecting", "RetryScheduled", "AttemptStarted", "MediaProven", "Resyncing", "Connected", "Recovered"}, rec.Names()[before:])
			resyncing, _ := sessiontest.Last[observer.Resyncing](rec)
			assert.Equal(t, given.Outage, resyncing.Outage)
			recovered, _ := sessiontest.Last[observer.Recovered](rec)
			assert.Equal(t, 3600*ms, recovered.Outage.Duration)
			finish(t, st.s, st.tr, rec)
		})
	}
}

// A link that heals has missed nothing that a hook could fetch, and is not held up
// (NEEDS 37).
func TestNoResyncForHealing(t *testing.T) {
	bubble(t, "healed", func(t *testing.T) {
		hook := new(catchUp)
		st, rec := catching(t, hook, nil, quiet(0))
		st.tr.Silence(1, health.Media)
		await(t, rec, "LinkDead")
		settle(100 * ms)
		st.tr.Silence(1, 0)
		await(t, rec, "LinkHealed")
		synctest.Wait()
		assert.Equal(t, session.StateConnected, st.s.State())
		assert.Zero(t, hook.calls())
		recovered, _ := sessiontest.Last[observer.Recovered](rec)
		assert.True(t, recovered.Outage.SessionKept && recovered.Outage.MediaKept)
		finish(t, st.s, st.tr, rec)
	})
}

// A hook that fails, panics or hangs fails the attempt, which is repeated; the phase
// is named (NEEDS 37, 31).
func TestResyncFails(t *testing.T) {
	for name, tt := range map[string]struct {
		does  func(ctx context.Context) error
		after time.Duration
		words string
	}{
		"fails":  {func(context.Context) error { return errEnough }, 0, errEnough.Error()},
		"code":   {func(context.Context) error { return status.AudioServiceUnavailable }, 0, ""},
		"panics": {func(context.Context) error { panic("nil map") }, 0, "nil map"},
		"leaves": {func(context.Context) error { runtime.Goexit(); return nil }, 0, "runtime.Goexit"},
		"hangs":  {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, resyncTimeout, "resync took longer than 10s"},
	} {
		bubble(t, name, func(t *testing.T) {
			hook := &catchUp{does: func(ctx context.Context, n int) error {
				if n == 1 {
					return tt.does(ctx)
				}
				return nil
			}}
			st, rec := catching(t, hook, nil, quiet(0))
			st.tr.Report(1, lost)
			settle(500 * ms)
			if tt.after > 0 {
				settle(tt.after - 1)
				assert.Empty(t, sessiontest.Of[observer.AttemptFailed](rec))
				settle(1)
			}
			failed := sessiontest.Of[observer.AttemptFailed](rec)
			require.Len(t, failed, 1)
			assert.ErrorContains(t, failed[0].Status, tt.words)
			assert.NotErrorIs(t, failed[0].Status, context.Canceled)
			assert.Equal(t, []uint64{1, 2}, st.tr.Snapshot().Closed, "the link that was not caught up with")
			settle(sec)
			require.Equal(t, session.StateConnected, st.s.State())
			assert.Equal(t, 2, hook.calls())
			recovered, _ := sessiontest.Last[observer.Recovered](rec)
			assert.Equal(t, 2, recovered.Outage.Attempts)
			finish(t, st.s, st.tr, rec)
		})
	}
}

// A hook that says that it is over ends the session.
func TestResyncSaysItIsOver(t *testing.T) {
	bubble(t, "over", func(t *testing.T) {
		hook := &catchUp{does: func(context.Context, int) error { return fmt.Errorf("sync: %w", status.MeetingEnded) }}
		st, rec := catching(t, hook, nil, quiet(0))
		st.tr.Report(1, lost)
		settle(sec)
		assert.ErrorIs(t, st.s.Err(), status.MeetingEnded)
		verify(t, st.s, st.tr, rec)
	})
}

// A link that is lost, or dies, while the hook runs fails the attempt at once; the
// hook's context ends, and what it still says means nothing (NEEDS 37; G10).
func TestLostWhileResyncing(t *testing.T) {
	for name, tt := range map[string]struct {
		lose  func(stage)
		after time.Duration
	}{
		"a status":  {func(st stage) { st.tr.Report(2, lost) }, 0},
		"a closing": {func(st stage) { st.tr.Closed(2, status.LayerMedia, nil) }, 0},
		"silence":   {func(st stage) { st.tr.Silence(2, health.Both) }, 5 * sec},
	} {
		bubble(t, name, func(t *testing.T) {
			ended := make(chan error, 1)
			hook := &catchUp{does: func(ctx context.Context, n int) error {
				if n == 1 {
					<-ctx.Done()
					ended <- ctx.Err()
				}
				return nil
			}}
			st, rec := catching(t, hook, nil, quiet(0), ok().With(quiet(0)))
			st.tr.Report(1, lost)
			settle(sec)
			require.Equal(t, 1, hook.calls())
			tt.lose(st)
			settle(tt.after)
			require.Len(t, sessiontest.Of[observer.AttemptFailed](rec), 1)
			assert.ErrorIs(t, <-ended, context.Canceled)
			settle(time.Minute)
			assert.Equal(t, session.StateConnected, st.s.State())
			assert.Equal(t, 2, hook.calls())
			finish(t, st.s, st.tr, rec)
		})
	}
	bubble(t, "an end", func(t *testing.T) {
		hook := &catchUp{does: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
		st, rec := catching(t, hook, nil, quiet(0))
		st.tr.Report(1, lost)
		settle(sec)
		st.tr.Report(2, status.AudioAttendeeRemoved)
		settle(0)
		assert.ErrorIs(t, st.s.Err(), status.AudioAttendeeRemoved)
		verify(t, st.s, st.tr, rec)
	})
}

// A deaf hook is not waited for: it holds nothing that the session needs. Stop does not
// wait for it either (NEEDS 1, 37; G3, G11).
func TestDeafResync(t *testing.T) {
	bubble(t, "goes on without it", func(t *testing.T) {
		returns := make(chan struct{})
		hook := &catchUp{does: func(_ context.Context, n int) error {
			if n == 1 {
				<-returns
				return errors.New("too late")
			}
			return nil
		}}
		st, rec := catching(t, hook, nil, quiet(0))
		st.tr.Report(1, lost)
		settle(500*ms + resyncTimeout)
		require.Len(t, sessiontest.Of[observer.AttemptFailed](rec), 1)
		settle(sec)
		require.Equal(t, session.StateConnected, st.s.State())
		events := len(rec.Events())
		close(returns)
		settle(time.Minute)
		assert.Len(t, rec.Events(), events)
		finish(t, st.s, st.tr, rec)
	})
	for name, does := range map[string]func(context.Context) error{
		"polite": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"deaf":   func(context.Context) error { advance(time.Hour); return nil },
	} {
		bubble(t, "stopped, "+name, func(t *testing.T) {
			hook := &catchUp{does: func(ctx context.Context, _ int) error { return does(ctx) }}
			st, rec := catching(t, hook, nil, quiet(0))
			st.tr.Report(1, lost)
			settle(sec)
			began := time.Now()
			require.NoError(t, st.s.Close())
			assert.Zero(t, time.Since(began))
			assert.ErrorIs(t, st.s.Err(), status.Left)
			settle(2 * time.Hour)
			verify(t, st.s, st.tr, rec)
		})
	}
}

// Catching up does not outlast the budget (G9), and what is restored on a link that
// cannot be caught up with is joined anew in the end.
func TestResyncAndTheBudget(t *testing.T) {
	bubble(t, "the budget ends", func(t *testing.T) {
		hook := &catchUp{does: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
		st, rec := catching(t, hook, func(c *session.Config) { c.Policy.Budget.Elapsed = 5 * sec }, quiet(0))
		st.tr.Report(1, lost)
		endsAfter(t, st.s, 5*sec)
		assert.ErrorContains(t, st.s.Err(), "resync")
		verify(t, st.s, st.tr, rec)
	})
	bubble(t, "the ladder goes on", func(t *testing.T) {
		var levels []policy.Level
		hook := &catchUp{}
		hook.does = func(context.Context, int) error {
			levels = append(levels, hook.given[len(hook.given)-1].Outage.Level)
			return errEnough
		}
		st, rec := catching(t, hook, nil, climber(turns(works), turns(works)))
		st.tr.Report(1, mediaLost)
		settle(3 * sec)
		assert.Equal(t, []policy.Level{policy.RestartMedia, policy.Resume, policy.Resume, policy.Rejoin}, levels[:4])
		finish(t, st.s, st.tr, rec)
	})
}

// How long the gap was, counted from when what was lost was last heard, and whether the
// server has kept the session: that is what there is to catch up with (NEEDS 37).
func TestGapAndContinuity(t *testing.T) {
	for name, tt := range map[string]struct {
		lose func(stage)
		gap  time.Duration // on top of the outage
		kept bool
	}{
		"media was silent":     {func(st stage) { st.tr.Silence(1, health.Media) }, 2600 * ms, true},
		"lost at once":         {func(st stage) { st.tr.Report(1, lost) }, 0, true},
		"lost, nobody knows":   {func(st stage) { st.tr.Report(1, someLost) }, 0, false},
		"signaling was silent": {func(st stage) { st.tr.Silence(1, health.Signaling) }, 4600 * ms, true},
		"both were silent":     {func(st stage) { st.tr.Silence(1, health.Both) }, 4400 * ms, true},
	} {
		bubble(t, name, func(t *testing.T) {
			hook := new(catchUp)
			st, rec := climbingOn(t, func(c *session.Config) { c.Resync = hook.resync }, reviving().Then(ok().With(quiet(0))))
			tt.lose(st)
			settle(10 * sec)
			require.Equal(t, session.StateConnected, st.s.State())
			recovered, _ := sessiontest.Last[observer.Recovered](rec)
			assert.Equal(t, []any{tt.kept, tt.kept}, []any{recovered.Outage.SessionKept, recovered.Outage.MediaKept})
			assert.InDelta(t, tt.gap, recovered.Outage.Gap-recovered.Outage.Duration, float64(70*ms))
			assert.Equal(t, recovered.Outage.Gap, hook.given[0].Outage.Gap)
			finish(t, st.s, st.tr, rec)
		})
	}
}
