package session_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/internal/machine"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// entry is one line of a recording: an input with its time, and what it led to.
type entry struct {
	Now     machine.Instant  `json:"now"`
	Input   machine.Input    `json:"input"`
	Effects []machine.Effect `json:"effects"`
}

// seeded is a random source that can be had again.
func seeded() func() float64 { return rand.New(rand.NewPCG(1, 2)).Float64 }

// TestRecordedRunReplays records what a session in real use hands to the core,
// as JSON, and gives it to a fresh core: the effects are the same (G14).
func TestRecordedRunReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := sessiontest.Script(
			sessiontest.Fail(status.SignalingInternalServerError), sessiontest.Hang("join"), sessiontest.OK(),
			sessiontest.Fail(errors.New("no route")), sessiontest.OK(), sessiontest.Fail(status.VideoCallSwitchToViewOnly),
		)
		tr.Link = sessiontest.Able()
		var rec sessiontest.Recorder
		cfg := session.Config{
			Name: "recorded", Transport: tr, Observers: []observer.Observer{&rec}, Random: seeded(),
		}
		s, err := session.New(cfg)
		require.NoError(t, err)
		var log bytes.Buffer
		enc := json.NewEncoder(&log)
		session.Trace(s, func(now machine.Instant, in machine.Input, effects []machine.Effect) {
			assert.NoError(t, enc.Encode(entry{now, in, effects}))
		})
		live(t, s, tr)
		require.NotEmpty(t, sessiontest.Of[observer.Recovered](&rec))
		rec.Check(t)

		cfg.Random = seeded()
		core := machine.New(session.Core(cfg))
		replayed := 0
		for dec := json.NewDecoder(&log); dec.More(); replayed++ {
			var e entry
			require.NoError(t, dec.Decode(&e))
			want, err := json.Marshal(e.Effects)
			require.NoError(t, err)
			got, err := json.Marshal(core.Handle(e.Now, e.Input))
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(got), "input %d: %s", replayed, e.Input.Kind)
		}
		assert.Greater(t, replayed, 100)
	})
}

// live leads a session through a life: a start that takes three attempts,
// samples, two outages, a promotion, an update, and the end of the meeting.
func live(t *testing.T, s *session.Session, tr *sessiontest.Transport) {
	require.NoError(t, s.Start(t.Context()))
	sample := health.Sample{
		AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0), AudioPacketsSent: health.Some(50),
	}
	samples := func(n int, grow uint64) {
		for range n {
			sample.BytesReceived += grow
			tr.Sample(sessiontest.Newest, sample)
			<-time.NewTimer(time.Second).C
		}
	}
	samples(30, 4000)
	require.NoError(t, s.Promote(t.Context(), session.Credentials{Attendee: "ada", Token: "secret"}))
	tr.Report(sessiontest.Newest, status.IncompatibleSDP)
	samples(3, 4000)
	tr.Closed(sessiontest.Newest, status.LayerSignaling, nil)
	<-time.NewTimer(30 * time.Second).C
	require.Equal(t, session.StateConnected, s.State())
	samples(60, 0) // the media has died
	<-time.NewTimer(30 * time.Second).C
	require.Equal(t, session.StateConnected, s.State())
	tr.Report(sessiontest.Newest, status.MeetingEnded)
	<-s.Done()
	require.ErrorIs(t, s.Err(), status.MeetingEnded)
}
