package pionlink_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/session/pionlink"
)

// TestRestartLeavesADeadPath: nothing passes over the port of the client any more,
// as if a NAT had forgotten it. The restart opens another.
func TestRestartLeavesADeadPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		w.talk(2 * time.Second)
		old := w.port()
		w.darkPort.Store(uint32(old))
		w.talk(3 * time.Second)
		w.log.forget()
		in, out := w.received.Load(), w.reached.Load()
		w.talk(time.Second)
		require.Equal(t, in, w.received.Load())
		require.Equal(t, out, w.reached.Load())

		began := time.Now()
		require.NoError(t, w.media.Restart(t.Context(), w.exchange))
		took := time.Since(began)
		require.NotEqual(t, old, w.port())
		require.NoError(t, w.media.ProbeMedia(t.Context(), 7))
		w.talk(time.Second)
		t.Logf("restart took %v with a round trip of %v", took, 2*oneWay)
		assert.Less(t, took, 400*time.Millisecond)
		assert.InDelta(t, in+50, w.received.Load(), 3)
		assert.InDelta(t, out+50, w.reached.Load(), 3)
		got := w.log.forget()
		require.Len(t, got.probed, 1)
		assert.Empty(t, got.closed)
		assert.NotEmpty(t, got.alive)
	})
}

// TestRestartBehindANAT that has forgotten the mapping, or has made another. The
// candidate is not the address of its socket.
func TestRestartBehindANAT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{nat: true})
		defer w.close()
		w.talk(time.Second)
		pair, err := w.client.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
		require.NoError(t, err)
		require.Equal(t, webrtc.ICECandidateTypeSrflx, pair.Local.Typ)
		require.NoError(t, w.media.ProbeMedia(t.Context(), 1))
		w.talk(time.Second)
		require.Len(t, w.log.answers(), 1)

		w.darkPort.Store(uint32(w.port()))
		w.talk(time.Second)
		began := time.Now()
		require.NoError(t, w.media.Restart(t.Context(), w.exchange))
		t.Logf("took %v", time.Since(began))
		in, out := w.received.Load(), w.reached.Load()
		require.NoError(t, w.media.ProbeMedia(t.Context(), 2))
		w.talk(time.Second)
		assert.InDelta(t, in+50, w.received.Load(), 3)
		assert.InDelta(t, out+50, w.reached.Load(), 3)
		require.Len(t, w.log.answers(), 2)
	})
}

// TestTotalsNeverFall over restarts, which begin the counters of Pion anew.
func TestTotalsNeverFall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		for range 3 {
			w.talk(3 * time.Second)
			require.NoError(t, w.media.Restart(t.Context(), w.exchange))
		}
		w.talk(3 * time.Second)
		var bytes, stun uint64
		for _, s := range w.log.forget().samples {
			assert.GreaterOrEqual(t, s.BytesReceived, bytes)
			assert.GreaterOrEqual(t, s.STUNMessages, stun)
			bytes, stun = s.BytesReceived, s.STUNMessages
		}
		assert.InDelta(t, 4*150*110, bytes, 4*150*20, "all that came in counts once")
	})
}

// TestAnOldAnswerProvesNothing: the answer to a probe on the old path comes after
// the restart.
func TestAnOldAnswerProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		time.Sleep(time.Second)
		require.NoError(t, w.media.ProbeMedia(t.Context(), 1))
		require.NoError(t, w.media.Restart(t.Context(), w.answer))
		time.Sleep(time.Second)
		assert.Empty(t, w.log.answers())
		require.NoError(t, w.media.ProbeMedia(t.Context(), 2))
		time.Sleep(time.Second)
		require.Len(t, w.log.answers(), 1)
		assert.EqualValues(t, 2, w.log.answers()[0].id)
	})
}

// TestAnOldAnswerOnTheSameAddresses proves nothing either, as when one socket serves
// all.
func TestAnOldAnswerOnTheSameAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		w.media.Answer(1, true)
		w.media.Answer(2, false)
		synctest.Wait()
		require.Len(t, w.log.answers(), 1)
		assert.EqualValues(t, 2, w.log.answers()[0].id)
	})
}

// TestRestartOutlivesADarkTime: the path comes back 12 s after the restart began.
func TestRestartOutlivesADarkTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		w.talk(time.Second)
		w.dark.Store(true)
		const gap = 12 * time.Second
		began := time.Now()
		time.AfterFunc(gap, func() { w.dark.Store(false) })
		require.NoError(t, w.media.Restart(t.Context(), w.exchange))
		took := time.Since(began)
		t.Logf("connected %v after the path was back", took-gap)
		assert.Less(t, took, gap+time.Second)
		in := w.received.Load()
		w.talk(time.Second)
		assert.InDelta(t, in+50, w.received.Load(), 3)
	})
}

// TestRestartAfterFailed: ICE fails while the restart is under way; another offer
// follows, and nothing is reported.
func TestRestartAfterFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{engine: func(e *webrtc.SettingEngine) {
			e.SetICETimeouts(time.Second, 3*time.Second, 200*time.Millisecond)
		}})
		defer w.close()
		w.talk(time.Second)
		w.dark.Store(true)
		offers := 0
		time.AfterFunc(10*time.Second, func() { w.dark.Store(false) })
		began := time.Now()
		require.NoError(t, w.media.Restart(t.Context(),
			func(ctx context.Context, o webrtc.SessionDescription) (webrtc.SessionDescription, error) {
				offers++
				return w.exchange(ctx, o)
			}))
		t.Logf("%d offers, connected %v after the path was back", offers, time.Since(began)-10*time.Second)
		assert.Greater(t, offers, 1)
		assert.Less(t, time.Since(began), 15*time.Second)
		in := w.received.Load()
		w.talk(time.Second)
		assert.InDelta(t, in+50, w.received.Load(), 3)
		assert.Empty(t, w.log.forget().closed)
	})
}

// TestRestartFromFailed: ICE has failed already, and that was reported.
func TestRestartFromFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		w.talk(time.Second)
		w.dark.Store(true)
		time.Sleep(40 * time.Second)
		require.Len(t, w.log.forget().closed, 1)
		w.dark.Store(false)
		began := time.Now()
		require.NoError(t, w.media.Restart(t.Context(), w.exchange))
		t.Logf("took %v", time.Since(began))
		assert.Less(t, time.Since(began), time.Second)
		in := w.received.Load()
		w.talk(time.Second)
		assert.InDelta(t, in+50, w.received.Load(), 3)
		assert.Empty(t, w.log.forget().closed)
	})
}

func TestRestartEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		w.talk(time.Second)
		w.dark.Store(true)
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errTest)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, w.media.Restart(ctx, w.exchange), errTest)
		assert.Equal(t, 5*time.Second, time.Since(began))
		require.ErrorIs(t, w.media.Restart(ctx, w.exchange), errTest, "it has ended")

		w.dark.Store(false)
		require.NoError(t, w.media.Restart(t.Context(), w.exchange))
	})
}

// TestFailedExchange leaves the peer connection ready for another restart.
func TestFailedExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		w.talk(time.Second)
		for _, lose := range []func(context.Context, webrtc.SessionDescription){
			func(context.Context, webrtc.SessionDescription) {},                                  // the offer is lost
			func(ctx context.Context, o webrtc.SessionDescription) { _, _ = w.exchange(ctx, o) }, // the answer is
		} {
			require.ErrorIs(t, w.media.Restart(t.Context(),
				func(ctx context.Context, o webrtc.SessionDescription) (webrtc.SessionDescription, error) {
					lose(ctx, o)
					return webrtc.SessionDescription{}, errTest
				}), errTest)
			assert.Equal(t, webrtc.SignalingStateStable, w.client.SignalingState())
			require.NoError(t, w.media.Restart(t.Context(), w.exchange))
			in := w.received.Load()
			w.talk(time.Second)
			assert.InDelta(t, in+50, w.received.Load(), 3)
		}
	})
}

// TestCloseEndsARestart, and restarts of what is closed fail.
func TestCloseEndsARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		time.Sleep(time.Second)
		w.dark.Store(true)
		time.AfterFunc(time.Second, w.media.Close)
		began := time.Now()
		require.Error(t, w.media.Restart(t.Context(), w.exchange))
		assert.Equal(t, time.Second, time.Since(began))
		require.NoError(t, w.client.Close())
		again := pionlink.Watch(w.client, &reports{}, pionlink.Options{})
		defer again.Close()
		require.Error(t, again.Restart(t.Context(), w.exchange))
	})
}

// TestRestartsTakeTurns: the second waits for the first, no longer than its context
// allows.
func TestRestartsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		w.talk(time.Second)
		running, most := 0, 0
		slow := func(ctx context.Context, o webrtc.SessionDescription) (webrtc.SessionDescription, error) {
			running++
			most = max(most, running)
			defer func() { running-- }()
			time.Sleep(time.Second)
			return w.answer(ctx, o)
		}
		first := make(chan error)
		go func() { first <- w.media.Restart(t.Context(), slow) }()
		time.Sleep(100 * time.Millisecond)
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errTest)
		defer cancel()
		require.ErrorIs(t, w.media.Restart(ctx, slow), errTest)
		require.NoError(t, w.media.AddICECandidate(webrtc.ICECandidateInit{Candidate: "nonsense"}), "it is kept back")
		second := make(chan error)
		go func() { second <- w.media.Restart(t.Context(), slow) }()
		require.NoError(t, <-first)
		require.NoError(t, <-second)
		assert.Equal(t, 1, most)
		require.Error(t, w.media.AddICECandidate(webrtc.ICECandidateInit{Candidate: "nonsense"}), "outside a restart")
		sent := false
		w.media.LocalCandidate(func() { sent = true })
		assert.True(t, sent)

		time.AfterFunc(500*time.Millisecond, w.media.Close)
		go func() { first <- w.media.Restart(t.Context(), slow) }()
		time.Sleep(100 * time.Millisecond)
		require.ErrorIs(t, w.media.Restart(t.Context(), slow), net.ErrClosed)
		<-first
	})
}

// TestRestartTrickled sends an offer and an answer without candidates, and the
// candidates of both sides as early as they can come.
func TestRestartTrickled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{options: pionlink.Options{GatherTimeout: time.Nanosecond}})
		defer w.close()
		w.talk(time.Second)
		w.darkPort.Store(uint32(w.port()))
		var sent []webrtc.ICECandidateInit
		w.client.OnICECandidate(func(c *webrtc.ICECandidate) {
			if c != nil {
				w.media.LocalCandidate(func() { _ = w.server.AddICECandidate(c.ToJSON()); sent = append(sent, c.ToJSON()) })
			}
		})
		w.server.OnICECandidate(func(c *webrtc.ICECandidate) {
			if c != nil {
				_ = w.media.AddICECandidate(c.ToJSON()) // overtakes the answer
			}
		})
		began := time.Now()
		require.NoError(t, w.media.Restart(t.Context(),
			func(_ context.Context, o webrtc.SessionDescription) (webrtc.SessionDescription, error) {
				time.Sleep(oneWay)
				require.NoError(t, w.server.SetRemoteDescription(o))
				a, err := w.server.CreateAnswer(nil)
				require.NoError(t, err)
				require.NoError(t, w.server.SetLocalDescription(a))
				time.Sleep(oneWay)
				return a, nil
			}))
		t.Logf("took %v", time.Since(began))
		assert.Less(t, time.Since(began), 400*time.Millisecond)
		synctest.Wait()
		assert.NotEmpty(t, sent)
		in := w.received.Load()
		w.talk(time.Second)
		assert.InDelta(t, in+50, w.received.Load(), 3)
	})
}
