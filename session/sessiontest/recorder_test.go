package sessiontest

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

func TestRecorderKeepsEvents(t *testing.T) {
	var rec Recorder
	_, ok := Last[observer.Event](&rec)
	assert.False(t, ok)
	assert.Empty(t, rec.Names())

	for _, e := range wholeLife() {
		rec.Observe(e)
	}
	assert.Equal(t, wholeLife(), rec.Events())
	assert.Equal(t, namesOf(wholeLife()), rec.Names())
	assert.Equal(t, Format{}.Text(wholeLife()), rec.Text())
	rec.Events()[0] = nil
	assert.NotNil(t, rec.Events()[0], "a copy is returned")

	assert.Len(t, Of[observer.AttemptStarted](&rec), 3)
	failed, ok := Last[observer.AttemptFailed](&rec)
	require.True(t, ok)
	assert.EqualValues(t, 1, failed.Number)
	last, ok := Last[observer.Event](&rec)
	require.True(t, ok)
	assert.Equal(t, "Stopped", last.Name())
	_, ok = Last[observer.Demoted](&rec)
	assert.False(t, ok)
}

func TestWaitReadsOn(t *testing.T) {
	var rec Recorder
	life := wholeLife()
	go func() {
		for _, e := range life {
			rec.Observe(e)
		}
	}()
	ctx := t.Context()
	for _, want := range []uint64{1, 2} {
		e, err := rec.Wait(ctx, "AttemptStarted")
		require.NoError(t, err)
		assert.Equal(t, want, e.Head().Epoch)
	}
	e, err := rec.WaitFunc(ctx, func(e observer.Event) bool { return e.Head().To == observer.StateReconnecting })
	require.NoError(t, err)
	assert.Equal(t, "Reconnecting", e.Name())

	_, err = rec.Wait(ctx, "Demoted")
	require.ErrorIs(t, err, status.MeetingEnded)
	assert.ErrorContains(t, err, "waiting for Demoted: the session has stopped")
	assert.ErrorContains(t, err, "recorded: … ")
	_, err = rec.Wait(ctx, "Recovered")
	require.NoError(t, err, "what was not found is not read")
	e, err = rec.Wait(ctx, "Stopped")
	require.NoError(t, err)
	assert.IsType(t, observer.Stopped{}, e)
	_, err = rec.Wait(ctx, "Stopped")
	require.ErrorIs(t, err, status.MeetingEnded, "there is only one")
}

func TestWaitGivesUp(t *testing.T) {
	var rec Recorder
	rec.Observe(wholeLife()[0])
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	_, err := rec.Wait(ctx, "Connecting")
	require.NoError(t, err, "what is there is not waited for")
	_, err = rec.Wait(ctx, "Connected")
	require.ErrorIs(t, err, enough)
	assert.EqualError(t, err, "sessiontest: waiting for Connected: enough (recorded: Connecting)")
	_, err = rec.Wait(ctx, "Attached")
	assert.EqualError(t, err, `sessiontest: waiting for "Attached": there is no such event`)
}

func TestWaitKnowsEveryEvent(t *testing.T) {
	var all []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[observer.Funcs]()) {
		all = append(all, field.Name)
	}
	assert.ElementsMatch(t, all, slices.Collect(maps.Keys(eventNames)), "an event was added to package observer: name it here and in Format")
}

func TestRecorderThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr Transport
		rec, other := Recorder{Then: func(e observer.Event) {
			if e.Name() == "Connected" {
				panic("boom")
			}
		}}, Recorder{}
		s := made(t, config(&tr, &rec, &other))
		_ = s.Start(t.Context()) // it was connected for a moment, which Start may see
		<-s.Done()
		require.ErrorIs(t, s.Err(), status.RealtimeApiFailed)
		assert.Equal(t, rec.Events(), other.Events())
		rec.Check(t)
		other.Check(t)
		tr.Parity(t)
	})
}

func TestRecorderNoticesOverlap(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	rec := Recorder{Then: func(e observer.Event) {
		if e.Name() == "Connecting" {
			close(inside)
			<-leave
		}
	}}
	life := wholeLife()
	done := make(chan struct{})
	go func() { defer close(done); rec.Observe(life[0]) }()
	<-inside
	rec.Observe(life[1])
	close(leave)
	<-done
	for _, e := range life[2:] {
		rec.Observe(e)
	}
	tb := new(fakeTB)
	rec.Check(tb)
	assert.Equal(t, []string{"sessiontest: two calls of Observe ran at the same time (G4)"}, tb.errors)
}

func TestQuickIsQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := Script(Fail(status.TaskFailed).Times(3))
		cfg := Quick(tr)
		require.NoError(t, cfg.Validate())
		began := time.Now()
		s := begin(t, cfg)
		assert.Equal(t, (1+2+4)*time.Millisecond, time.Since(began))
		require.NoError(t, s.Close())
		tr.Parity(t)
	})
}

// An observer that is far too slow misses whole outages, and is told so.
func TestCheckOfASlowObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		awake := make(chan struct{})
		slow, quick := Recorder{Then: func(observer.Event) { <-awake }}, Recorder{}
		var tr Transport
		s := begin(t, config(&tr, &slow, &quick))
		for range 400 {
			pass(time.Minute)
			tr.Report(Newest, status.TaskFailed)
		}
		settle(time.Minute)
		close(awake)
		require.NoError(t, s.Close())
		assert.NotEmpty(t, Of[observer.Missed](&slow))
		assert.Less(t, len(slow.Events()), len(quick.Events()))
		slow.Check(t)
		quick.Check(t)
		tr.Parity(t)
	})
}
