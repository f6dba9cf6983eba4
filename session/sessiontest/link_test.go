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
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// has finds an ability as a session does.
func has[A any](l session.Link) bool {
	for l != nil {
		if _, ok := l.(A); ok {
			return true
		}
		u, ok := l.(interface{ Unwrap() session.Link })
		if !ok {
			return false
		}
		l = u.Unwrap()
	}
	return false
}

func TestAbilitiesAreAbsentOrPresent(t *testing.T) {
	for mask := range 128 {
		can := Link{Demote: OK()}
		for bit, ability := range []*Step{&can.Ping, &can.Update, &can.Promote, &can.Leave, &can.Probe, &can.RestartMedia, &can.Resume} {
			if mask&(1<<bit) != 0 {
				*ability = OK()
			}
		}
		l := dial(Script(OK().With(can)), time.Minute).link
		got := 0
		for bit, there := range []bool{
			has[session.Pinger](l), has[session.Updater](l), has[session.Promoter](l), has[session.Leaver](l),
			has[session.MediaProber](l), has[session.MediaRestarter](l), has[session.Resumer](l),
		} {
			if there {
				got |= 1 << bit
			}
		}
		assert.Equal(t, mask, got)
		assert.EqualValues(t, 1, EpochOf(l))
	}
}

type foreign struct{ session.Link }

func (f foreign) Unwrap() session.Link { return f.Link }

func TestEpochOf(t *testing.T) {
	tr := Transport{Link: rejoining()}
	dial(&tr, time.Minute)
	l := dial(&tr, time.Minute).link
	assert.EqualValues(t, 2, EpochOf(foreign{l}))
	assert.Zero(t, EpochOf(foreign{}))
	assert.Zero(t, EpochOf(struct{ session.Link }{l}), "hidden")
	assert.Zero(t, EpochOf(nil))
}

// What pings come to, without a detector that acts on it long before.
func TestPing(t *testing.T) {
	tests := []struct {
		name   string
		ping   Step
		rtt    time.Duration
		missed int
	}{
		{"answered", OK(), 0, 0},
		{"answered late", OK().After(3 * time.Second), 3 * time.Second, 0},
		{"answered too late", OK().After(11 * time.Second), 0, 2},
		{"ignored", Nothing(), 0, 2},
		{"fails", Fail(errors.New("broken pipe")), 0, 2},
		{"hangs", Hang("ping"), 0, 2},
		{"missing", Fail(errors.ErrUnsupported), 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := Transport{Link: Link{Ping: tt.ping}}
				cfg := config(&tr)
				cfg.Health.Detector.Off = true
				s := begin(t, cfg)
				settle(25 * time.Second)
				assert.Equal(t, tt.rtt, s.Snapshot().RTT)
				assert.Equal(t, tt.missed, s.Snapshot().MissedPongs)
				require.NoError(t, s.Close())
				tr.Parity(t)
			})
		})
	}
}

func TestNoPongAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Transport{Link: Link{Ping: OK().After(5 * time.Second)}}
		s := begin(t, config(&tr))
		synctest.Wait()
		require.Len(t, tr.Snapshot().Named("Ping"), 1)
		tr.Report(Newest, status.TaskFailed)
		settle(time.Minute)
		assert.Zero(t, s.Snapshot().Stale, "a closed link reports nothing")
		require.NoError(t, s.Close())
		tr.Parity(t)
	})
}

func TestChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Transport{Link: rejoining()}
		var rec Recorder
		s := begin(t, config(&tr, &rec))
		settle(time.Minute)
		require.Zero(t, s.Snapshot().MissedPongs)
		require.Empty(t, Of[observer.LinkSuspected](&rec))
		tr.Change(Newest, func(l *Link) { l.Ping = Nothing() })
		settle(time.Minute)
		assert.Equal(t, []string{"Reconnecting"}, named(rec.Names(), "Reconnecting"), "the silence is noticed")
		assert.EqualValues(t, 2, s.Snapshot().Epoch)

		l, ok := s.Link()
		require.True(t, ok)
		tr.Change(2, func(l *Link) { *l = Link{} })
		for l != nil {
			switch able := l.(type) {
			case session.MediaProber:
				require.ErrorIs(t, able.ProbeMedia(t.Context(), 1), errors.ErrUnsupported)
			case session.Pinger:
				require.ErrorIs(t, able.Ping(t.Context(), 1), errors.ErrUnsupported)
			case session.Updater:
				require.ErrorIs(t, able.Update(t.Context(), session.Change{}), errors.ErrUnsupported)
			case session.Promoter:
				require.ErrorIs(t, able.Promote(t.Context(), session.Credentials{}), errors.ErrUnsupported)
				require.NoError(t, able.Demote(t.Context()), "Demote alone is no ability")
			case session.Leaver:
				require.ErrorIs(t, able.Leave(t.Context()), errors.ErrUnsupported)
			}
			w, ok := l.(interface{ Unwrap() session.Link })
			if !ok {
				break
			}
			l = w.Unwrap()
		}
		require.NoError(t, s.Close())
		rec.Check(t)
		tr.Parity(t)
	})
}

func named(names []string, name string) (out []string) {
	for _, n := range names {
		if n == name {
			out = append(out, n)
		}
	}
	return out
}

func TestUpdate(t *testing.T) {
	tests := []struct {
		name   string
		update Step
		want   []string
	}{
		{"ok", OK(), []string{"Updating", "Updated"}},
		{"fails", Fail(errors.New("no answer")), []string{"Updating", "Reconnecting"}},
		{"hangs", Hang("update"), []string{"Updating", "Reconnecting"}},
		{"panics", Panic("boom"), []string{"Updating", "Reconnecting"}},
		{"missing", Step{}, []string{"Updated"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := Transport{Link: Link{Update: tt.update}}
				var rec Recorder
				s := begin(t, config(&tr, &rec))
				synctest.Wait()
				before := len(rec.Names())
				tr.Report(Newest, status.IncompatibleSDP)
				settle(time.Minute)
				assert.Equal(t, tt.want, rec.Names()[before:before+len(tt.want)])
				for _, c := range tr.Snapshot().Named("Update") {
					assert.Equal(t, session.Change{Renegotiate: true}, c.Change)
				}
				require.NoError(t, s.Close())
				rec.Check(t)
				tr.Parity(t)
			})
		})
	}
}

func TestPromote(t *testing.T) {
	who := session.Credentials{Attendee: "a", Token: "secret"}
	synctest.Test(t, func(t *testing.T) {
		tr := Transport{Link: rejoining()}
		var rec Recorder
		s := begin(t, config(&tr, &rec))
		require.NoError(t, s.Promote(t.Context(), who))
		require.NoError(t, s.Demote(t.Context()))
		tr.Change(Newest, func(l *Link) { l.Promote = Fail(status.SignalingBadRequest) })
		require.ErrorIs(t, s.Promote(t.Context(), who), status.SignalingBadRequest)
		tr.Change(Newest, func(l *Link) { l.Promote = Hang("promotion") })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.Promote(ctx, who), context.DeadlineExceeded)
		calls := tr.Snapshot().Named("Promote")
		require.Len(t, calls, 3)
		assert.Equal(t, "secret", calls[0].Credentials.Token)
		assert.Len(t, tr.Snapshot().Named("Demote"), 1)
		require.NoError(t, s.Close())
		assert.Len(t, tr.Snapshot().Named("Leave"), 1)
		assert.Equal(t, []string{"Promoted", "Demoted"}, rec.Names()[3:5])
		rec.Check(t)
		tr.Parity(t)
	})
}

func TestClose(t *testing.T) {
	tests := []struct {
		name  string
		close Step
		takes time.Duration
		hangs bool
	}{
		{name: "at once"},
		{name: "fails", close: Fail(errors.New("broken pipe"))},
		{name: "takes a while", close: OK().After(time.Second), takes: time.Second},
		{name: "takes too long", close: OK().After(time.Minute), takes: 2 * time.Second},
		{name: "hangs", close: Hang("close"), takes: 2 * time.Second},
		{name: "never returns", close: Deaf("close"), takes: 2 * time.Second, hangs: true},
		{name: "panics", close: Panic("boom")},
		{name: "exits", close: Exit()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := Transport{Link: Link{Close: tt.close}}
				var rec Recorder
				s := begin(t, config(&tr, &rec))
				began := time.Now()
				require.NoError(t, s.Close())
				assert.Equal(t, tt.takes, time.Since(began))
				assert.Equal(t, []uint64{1}, tr.Snapshot().Closed)
				synctest.Wait()
				assert.Equal(t, tt.hangs, len(tr.Snapshot().Open) == 1)
				tr.Release()
				rec.Check(t)
				tr.Parity(t)
			})
		})
	}
}

func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Transport{Link: Link{Leave: OK().After(time.Second)}}
		var rec Recorder
		s := begin(t, config(&tr, &rec))
		require.NoError(t, s.Close())
		stopped, _ := Last[observer.Stopped](&rec)
		assert.Equal(t, time.Second, stopped.Elapsed)
		calls := tr.Snapshot().Calls
		assert.Equal(t, "Leave of epoch 1", calls[1].String())
		assert.Equal(t, "Close of epoch 1", calls[2].String())
		tr.Parity(t)
	})
}
