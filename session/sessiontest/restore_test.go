package sessiontest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// restore is a recovery of a link that is kept.
type restore struct {
	call string
	set  func(*Link, Step)
	loss status.Status
}

var restores = []restore{
	{"RestartMedia", func(l *Link, s Step) { l.RestartMedia = s }, status.Status{Code: status.ConnectionHealthReconnect, Layer: status.LayerMedia}},
	{"Resume", func(l *Link, s Step) { l.Resume = s }, status.New(status.SignalingInternalServerError, nil)},
}

// What a restart, or a resume, comes to, by its step.
func TestRestoreSteps(t *testing.T) {
	limits := map[string]time.Duration{"RestartMedia": 5 * time.Second, "Resume": 10 * time.Second}
	for _, tt := range []struct {
		name   string
		step   Step
		events []string // behind AttemptStarted
		after  time.Duration
		hangs  bool
	}{
		{name: "works", step: OK(), events: []string{"Connected", "Recovered"}},
		{name: "works later", step: OK().After(time.Second), events: []string{"Connected", "Recovered"}, after: time.Second},
		{name: "returns as if it did", step: Nothing(), events: []string{"Connected", "Recovered"}},
		{name: "fails", step: Fail(errors.New("no route")), events: []string{"AttemptFailed", "RetryScheduled"}},
		{name: "is refused", step: Fail(session.ErrRefused), events: []string{"AttemptFailed", "RetryScheduled"}},
		{name: "cannot", step: Fail(errors.ErrUnsupported), events: []string{"AttemptFailed", "RetryScheduled"}},
		{name: "panics", step: Panic("boom"), events: []string{"AttemptFailed", "RetryScheduled"}},
		{name: "exits", step: Exit(), events: []string{"AttemptFailed", "RetryScheduled"}},
		{name: "hangs", step: Hang("SDP"), events: []string{"AttemptFailed", "RetryScheduled"}, after: -1},
		{name: "is deaf", step: Deaf("SDP"), events: []string{"AttemptFailed", "RetryScheduled"}, after: -1, hangs: true},
	} {
		for _, r := range restores {
			t.Run(tt.name+"/"+r.call, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var tr Transport
					r.set(&tr.Link, tt.step)
					var rec Recorder
					s := begin(t, config(&tr, &rec))
					tr.Report(Newest, r.loss)
					_, err := rec.Wait(t.Context(), "Reconnecting")
					require.NoError(t, err)
					began, err := rec.Wait(t.Context(), "AttemptStarted")
					require.NoError(t, err)
					last, err := rec.Wait(t.Context(), tt.events[0])
					require.NoError(t, err)
					synctest.Wait()
					at := began.Head().Seq
					assert.Equal(t, tt.events, rec.Names()[at:at+2])
					after := tt.after
					if after < 0 {
						after = limits[r.call]
					}
					if tt.hangs {
						after += 2 * time.Second
						assert.Contains(t, tr.Snapshot().String(), r.call+` of epoch 1 in "SDP"`)
					}
					assert.Equal(t, after, last.Head().Elapsed-began.Head().Elapsed)
					tr.Release()
					require.NoError(t, s.Close())
					rec.Check(t)
					tr.Parity(t)
				})
			})
		}
	}
}

// A call is kept with its attempt, and a Func step is given the one that is made, not
// the one that opened the link.
func TestRestoreAttempt(t *testing.T) {
	for _, r := range restores {
		t.Run(r.call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tr Transport
				var given []session.Attempt
				r.set(&tr.Link, Func(func(ctx context.Context, a session.Attempt, r *session.Reporter) error {
					require.NoError(t, ctx.Err())
					require.NotNil(t, r)
					given = append(given, a)
					return nil
				}))
				s := begin(t, config(&tr))
				tr.Report(Newest, r.loss)
				settle(time.Minute)
				calls := tr.Snapshot().Named(r.call)
				require.Len(t, calls, 1)
				require.Len(t, given, 1)
				assert.Equal(t, calls[0].Attempt, given[0])
				assert.EqualValues(t, 1, given[0].Epoch)
				assert.Equal(t, 1, given[0].Number)
				assert.Equal(t, r.loss.Code, given[0].Cause.Code)
				assert.NotEqual(t, policy.Rejoin, given[0].Level)
				assert.Len(t, tr.Snapshot().Attempts(), 1, "those of Connect")
				require.NoError(t, s.Close())
				tr.Parity(t)
			})
		})
	}
}

// Change takes the ability away, or lets it work, on the link that is open; what the
// link was opened without stays missing.
func TestRestoreChanges(t *testing.T) {
	for _, r := range restores {
		t.Run(r.call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tr Transport
				r.set(&tr.Link, Fail(nil))
				var rec Recorder
				s := begin(t, config(&tr, &rec))
				level := func() policy.Level {
					settle(time.Minute)
					tr.Report(Newest, r.loss)
					settle(time.Minute)
					recovered, ok := Last[observer.Recovered](&rec)
					require.True(t, ok)
					return recovered.Outage.Level
				}
				tr.Change(Newest, func(l *Link) { r.set(l, OK()) })
				assert.NotEqual(t, policy.Rejoin, level())
				tr.Change(Newest, func(l *Link) { r.set(l, Step{}) })
				assert.Equal(t, policy.Rejoin, level())
				failed, _ := Last[observer.AttemptFailed](&rec)
				assert.True(t, failed.Unsupported)
				tr.Link = Link{}
				tr.Report(Newest, status.TaskFailed)
				settle(time.Minute)
				tr.Change(Newest, func(l *Link) { r.set(l, OK()) })
				assert.Equal(t, policy.Rejoin, level(), "it is not found")
				require.NoError(t, s.Close())
				rec.Check(t)
				tr.Parity(t)
			})
		})
	}
}

// A link that is restored is not opened again: opening and closing are in parity.
func TestRestoreParity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Transport{Link: Able()}
		s := begin(t, config(&tr))
		for range 5 {
			for _, r := range restores {
				tr.Report(Newest, r.loss)
				settle(time.Minute)
			}
		}
		snap := tr.Snapshot()
		assert.Equal(t, []uint64{1}, snap.Opened)
		assert.Empty(t, snap.Closed)
		assert.Len(t, snap.Named("RestartMedia"), 5)
		assert.Len(t, snap.Named("Resume"), 5)
		require.NoError(t, s.Close())
		tr.Parity(t)
	})
}
