package sessiontest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

func TestZeroTransportInRealTime(t *testing.T) {
	var tr Transport
	var rec Recorder
	s := begin(t, Quick(&tr, &rec))
	l, ok := s.Link()
	require.True(t, ok)
	assert.EqualValues(t, 1, EpochOf(l))
	assert.Equal(t, []uint64{1}, tr.Snapshot().Open)
	require.NoError(t, s.Close())
	assert.Equal(t, []string{"Connecting", "AttemptStarted", "Connected", "Stopped"}, rec.Names())
	rec.Check(t)
	tr.Parity(t)
}

func TestRefusedThenWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Script(Fail(status.AudioServiceUnavailable).Times(2), OK().After(time.Second))
		var rec Recorder
		s := begin(t, config(tr, &rec))
		assert.Len(t, tr.Snapshot().Attempts(), 3)
		assert.Equal(t, 3, tr.Snapshot().Attempts()[2].Number)
		assert.Equal(t, status.AudioServiceUnavailable, tr.Snapshot().Attempts()[2].Cause.Code)
		require.NoError(t, s.Close())
		rec.Check(t)
		tr.Parity(t)
	})
}

func TestBrokenTransports(t *testing.T) {
	for name, step := range map[string]Step{"nothing": Nothing(), "panic": Panic("boom"), "exit": Exit()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := Script(step)
				var rec Recorder
				s := begin(t, config(tr, &rec))
				failed, ok := Last[observer.AttemptFailed](&rec)
				require.True(t, ok)
				assert.Equal(t, status.TaskFailed, failed.Status.Code)
				require.NoError(t, s.Close())
				rec.Check(t)
				tr.Parity(t)
			})
		})
	}
}

func TestLateLinkIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Script(OK().AtCancel().After(10 * time.Second))
		var rec Recorder
		s := begin(t, config(tr, &rec))
		settle(time.Minute)
		assert.Equal(t, []uint64{2, 1}, tr.Snapshot().Opened, "the first attempt opens when the second has")
		assert.Equal(t, []uint64{1}, tr.Snapshot().Closed)
		assert.Equal(t, 2, tr.Snapshot().MaxOpen)
		assert.Equal(t, []uint64{2}, tr.Snapshot().Open)
		assert.Equal(t, session.StateConnected, s.State())
		require.NoError(t, s.Close())
		rec.Check(t)
		tr.Parity(t)
	})
}

func TestDeafTransportEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := new(Transport).Otherwise(Deaf("handshake"))
		var rec Recorder
		s := made(t, config(tr, &rec))
		require.ErrorIs(t, s.Start(t.Context()), status.TaskFailed)
		<-s.Done()
		assert.Len(t, tr.Snapshot().Running, 2)
		tr.Release()
		rec.Check(t)
		tr.Parity(t)
	})
}

func TestReportsOfEpochsLongGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr Transport
		var rec Recorder
		s := begin(t, config(&tr, &rec))
		for n := range 2 {
			tr.Report(Newest, status.SignalingInternalServerError)
			require.NoError(t, tr.WaitOpened(t.Context(), n+2))
		}
		settle(time.Minute)
		before := len(rec.Events())
		tr.Report(1, status.MeetingEnded)
		tr.Closed(1, status.LayerMedia, errors.New("gone"))
		tr.Sample(1, health.Sample{})
		tr.Pong(1, 1)
		tr.Present(1)
		tr.Alive(1, status.LayerMedia)
		synctest.Wait()
		assert.EqualValues(t, 6, s.Snapshot().Stale)
		assert.Len(t, rec.Events(), before)

		tr.Report(Newest, status.Status{Code: status.MeetingEnded, Wire: 4410})
		<-s.Done()
		stopped, _ := Last[observer.Stopped](&rec)
		assert.Equal(t, 4410, stopped.Status.Wire)
		rec.Check(t)
		tr.Parity(t)
	})
}

func TestReportsReachTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Transport{Link: Link{Ping: Nothing()}}
		cfg := config(&tr)
		cfg.PresenceTimeout = time.Minute
		s := made(t, cfg)
		go func() { _ = s.Start(t.Context()) }()
		require.NoError(t, tr.WaitOpened(t.Context(), 1))
		synctest.Wait()
		assert.Equal(t, session.StateConnecting, s.State())
		tr.Present(Newest)
		synctest.Wait()
		require.Equal(t, session.StateConnected, s.State())

		pass(time.Second)
		tr.Pong(Newest, tr.Snapshot().Named("Ping")[0].ID)
		synctest.Wait() // the session's timer of the same moment may be handling it
		assert.Equal(t, time.Second, s.Snapshot().RTT)

		for range 3 {
			tr.Sample(Newest, health.Sample{BytesReceived: 1, AudioPacketsReceived: health.Some(0), AudioLoss: health.Some(0)})
			settle(time.Second)
		}
		assert.Equal(t, 2, s.Snapshot().SilentSamples)

		tr.Report(Newest, status.OK)
		tr.Report(Newest, status.Status{})
		tr.Report(Newest, nil)
		synctest.Wait()
		require.Equal(t, session.StateConnected, s.State(), "OK means nothing")
		tr.Report(Newest, errors.New("what is this"))
		synctest.Wait()
		assert.Equal(t, status.TaskFailed, s.Snapshot().Last.Code, "an error without a code")
		require.NoError(t, s.Close())
		tr.Parity(t)
	})
}

func TestUnknownEpochPanics(t *testing.T) {
	var tr Transport
	assert.Panics(t, func() { tr.Report(Newest, status.MeetingEnded) })
	dial(&tr, time.Second)
	assert.NotPanics(t, func() { tr.Report(Newest, status.MeetingEnded) })
	assert.Panics(t, func() { tr.Closed(2, status.LayerMedia, nil) })
	assert.Panics(t, func() { tr.Release(2) })
	assert.NotPanics(t, func() { tr.Release() }, "the lock is free")
}

func TestMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Script(OK(), OK().AtCancel().After(time.Second).In("late"))
		s := begin(t, config(tr))
		mark := tr.Mark()
		assert.Empty(t, mark.Attempts())
		assert.Empty(t, mark.Opened())
		tr.Report(Newest, status.TaskFailed)
		require.NoError(t, tr.WaitHanging(t.Context(), "late"))
		require.Len(t, mark.Attempts(), 1)
		assert.EqualValues(t, 2, mark.Attempts()[0].Epoch)

		s.Stop()
		mark = tr.Mark()
		<-s.Done()
		assert.Empty(t, mark.Attempts(), "nothing begins after Stop")
		assert.Equal(t, []uint64{2}, mark.Opened(), "what hung has opened late")
		tr.Parity(t)
	})
}

func TestMarkLeavesOutTheStillborn(t *testing.T) {
	var tr Transport
	mark := tr.Mark()
	dial(&tr, -time.Second)
	assert.Empty(t, mark.Attempts())
	dial(&tr, time.Minute)
	assert.Len(t, mark.Attempts(), 1)
}

func TestSnapshotStays(t *testing.T) {
	var tr Transport
	dial(&tr, time.Minute)
	s := tr.Snapshot()
	text := s.String()
	got := dial(&tr, time.Minute)
	require.NoError(t, got.link.Close(context.Background()))
	assert.Equal(t, text, s.String())
	assert.Equal(t, "attempts 1, opened [1], closed [], open [1]", text)
	assert.Equal(t, "attempts 2, opened [1 2], closed [2], open [1]", tr.Snapshot().String())
}

func TestWaitFails(t *testing.T) {
	tr := Script(Deaf("handshake"))
	go dial(tr, time.Second)
	ctx, cancel := context.WithCancelCause(context.Background())
	require.NoError(t, tr.WaitHanging(ctx, "handshake"))
	enough := errors.New("enough")
	cancel(enough)
	err := tr.WaitOpened(ctx, 1)
	require.ErrorIs(t, err, enough)
	assert.EqualError(t, err, `sessiontest: waiting for 1 opened links: enough (attempts 1, opened [], closed [], open []; running: Connect of epoch 1 in "handshake")`)
	require.NoError(t, tr.WaitAttempts(ctx, 1), "what is there is not waited for")
	tr.Release()
	require.NoError(t, tr.WaitIdle(context.Background()))
	require.NoError(t, tr.Wait(ctx, func(s Snapshot) bool { return len(s.Calls) == 1 }))
}
