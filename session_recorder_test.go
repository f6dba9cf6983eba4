package holdfast_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// replayed is what a recording comes to.
type replayed struct {
	recordings, inputs, checkpoints int
	gap                             uint64
	events                          []observer.Event
	last                            session.Step
	err                             error
}

// replay replays all of a recording, up to the first error.
func replay(recording []byte) (r replayed) {
	for step, err := range session.Replay(bytes.NewReader(recording)) {
		if err != nil {
			r.err = err
			return r
		}
		switch {
		case step.Recording != nil:
			r.recordings++
		case step.Gap > 0:
			r.gap += step.Gap
		case step.Checkpoint:
			r.checkpoints++
		default:
			r.inputs++
			r.events = append(r.events, step.Events...)
			r.last = step
		}
	}
	return r
}

// told compares events, of whose causes only the text is recorded.
func told(t *testing.T, events []observer.Event) string {
	t.Helper()
	var b strings.Builder
	for _, e := range events {
		text, err := observer.Marshal(e)
		require.NoError(t, err)
		b.Write(append(text, '\n'))
	}
	return b.String()
}

// live leads a session through a life: a start that takes three attempts, samples,
// two outages, a promotion, an update, and the end of the meeting.
func live(t *testing.T, s *session.Session, tr *sessiontest.Transport) {
	t.Helper()
	require.NoError(t, s.Start(t.Context()))
	sample := health.Sample{
		AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0), AudioPacketsSent: health.Some(50),
	}
	samples := func(n int, grow uint64) {
		for range n {
			sample.BytesReceived += grow
			tr.Sample(sessiontest.Newest, sample)
			time.Sleep(time.Second)
		}
	}
	samples(30, 4000)
	require.NoError(t, s.Promote(t.Context(), session.Credentials{Attendee: "ada", Token: "secret"}))
	tr.Report(sessiontest.Newest, status.IncompatibleSDP)
	samples(3, 4000)
	tr.Closed(sessiontest.Newest, status.LayerSignaling, nil)
	time.Sleep(30 * time.Second)
	require.Equal(t, session.StateConnected, s.State())
	samples(60, 0) // the media has died
	time.Sleep(30 * time.Second)
	require.Equal(t, session.StateConnected, s.State())
	tr.Report(sessiontest.Newest, status.MeetingEnded)
	<-s.Done()
	require.ErrorIs(t, s.Err(), status.MeetingEnded)
}

// eventful is a transport for live.
func eventful() *sessiontest.Transport {
	tr := sessiontest.Script(
		sessiontest.Fail(status.SignalingInternalServerError), sessiontest.Hang("join"), sessiontest.OK(),
		sessiontest.Fail(errors.New("no route")), sessiontest.OK(), sessiontest.Fail(status.VideoCallSwitchToViewOnly),
	)
	tr.Link = sessiontest.Able()
	return tr
}

// TestRecordingReplays (G14): a recorded life, replayed from nothing but the file,
// gives the same events.
func TestRecordingReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file bytes.Buffer
		var rec sessiontest.Recorder
		tr := eventful()
		recorder := session.NewRecorder(&file)
		s, err := session.New(session.Config{
			Name: "recorded", Transport: tr, Observers: []observer.Observer{&rec}, Recorder: recorder,
		})
		require.NoError(t, err)
		live(t, s, tr)
		require.NoError(t, recorder.Err())
		require.Zero(t, recorder.Lost())
		r := replay(file.Bytes())
		require.NoError(t, r.err)
		assert.Equal(t, told(t, rec.Events()), told(t, r.events))
		assert.Equal(t, session.StateStopped, r.last.Snapshot.State)
		assert.Greater(t, r.inputs, 100)
		t.Logf("%d inputs, %d bytes each", r.inputs, file.Len()/r.inputs)
	})
}

var (
	_ = context.Background
	_ = fmt.Sprint
	_ io.Writer
	_ = runtime.NumGoroutine
	_ sync.Mutex
	_ backoff.BackOff
	_ policy.Policy
)
