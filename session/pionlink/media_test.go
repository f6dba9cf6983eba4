package pionlink_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/pionlink"
)

// The session's types fit.
var (
	_ pionlink.Reports    = (*session.Reporter)(nil)
	_ session.MediaProber = (*pionlink.Media)(nil)
)

func TestProbeTakesOneRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		time.Sleep(50 * time.Millisecond)
		for id := range uint64(20) {
			sent := time.Now()
			require.NoError(t, w.media.ProbeMedia(t.Context(), id))
			time.Sleep(400 * time.Millisecond)
			all := w.log.answers()
			require.Len(t, all, int(id)+1)
			assert.Equal(t, id, all[id].id)
			rtt := all[id].at.Sub(sent)
			assert.GreaterOrEqual(t, rtt, 2*oneWay)
			assert.Less(t, rtt, 2*oneWay+5*time.Millisecond)
			if id == 0 {
				t.Logf("RTT of the path %v, of the probe %v", 2*oneWay, rtt)
			}
		}
		samples := w.log.forget().samples
		first, last := samples[0], samples[len(samples)-1]
		seconds := float64(len(samples) - 1)
		assert.InDelta(t, 3.5*seconds, last.STUNMessages-first.STUNMessages, 2, "2.5 answers to probes a second, 1 to Pion")
	})
}

func TestProbeInABlackHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		w.dark.Store(true)
		for id := range uint64(200) { // more than are remembered
			require.NoError(t, w.media.ProbeMedia(t.Context(), id))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		assert.Empty(t, w.log.answers())
		w.dark.Store(false)
		require.NoError(t, w.media.ProbeMedia(t.Context(), 1000))
		time.Sleep(50 * time.Millisecond)
		require.Len(t, w.log.answers(), 1)
		assert.EqualValues(t, 1000, w.log.answers()[0].id)
	})
}

func TestProbeOfTheControlledSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		log := &reports{}
		other := pionlink.Watch(w.server, log, pionlink.Options{Tap: w.serverTap})
		defer other.Close()
		require.NoError(t, other.ProbeMedia(t.Context(), 1))
		time.Sleep(2 * oneWay)
		synctest.Wait()
		assert.Len(t, log.answers(), 1)

		wrong := pionlink.Watch(w.server, log, pionlink.Options{Tap: w.tap})
		defer wrong.Close()
		require.ErrorIs(t, wrong.ProbeMedia(t.Context(), 2), errors.ErrUnsupported, "not the tap of its engine")
	})
}

// TestProbeInTheWrongRole: Pion tells the role that a peer connection began with,
// and its agent may have exchanged it. The other side refuses, which proves the path
// as well, and keeps its own role.
func TestProbeInTheWrongRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		log := &reports{}
		other := pionlink.Watch(w.server, log, pionlink.Options{Tap: w.serverTap})
		defer other.Close()
		for _, m := range []*pionlink.Media{w.media, other} {
			m.SwapRole()
			assert.True(t, m.Swapped())
			for id := range uint64(3) {
				require.NoError(t, m.ProbeMedia(t.Context(), id))
				time.Sleep(100 * time.Millisecond)
				assert.False(t, m.Swapped(), "it has learned from the first")
			}
		}
		assert.Len(t, w.log.answers(), 3)
		assert.Len(t, log.answers(), 3)
		require.NoError(t, w.media.Restart(t.Context(), w.exchange))
		in := w.received.Load()
		w.talk(time.Second)
		assert.InDelta(t, in+50, w.received.Load(), 3)
	})
}

func TestProbeWithoutTap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{untapped: true})
		defer w.close()
		assert.ErrorIs(t, w.media.ProbeMedia(t.Context(), 1), errors.ErrUnsupported)
		without := pionlink.Watch(w.server, &reports{}, pionlink.Options{})
		defer without.Close()
		assert.ErrorIs(t, without.ProbeMedia(t.Context(), 1), errors.ErrUnsupported)
	})
}

// TestRelayedPath cannot be probed; it shows that it is alive by itself.
func TestRelayedPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{relay: true})
		defer w.close()
		assert.ErrorIs(t, w.media.ProbeMedia(t.Context(), 1), errors.ErrUnsupported)
		time.Sleep(2 * time.Second)
		w.log.forget()
		time.Sleep(10 * time.Second)
		got := w.log.forget()
		assert.InDelta(t, 10, len(got.alive), 1)
		require.NoError(t, w.media.Restart(t.Context(), w.exchange))
		in := w.received.Load()
		w.talk(time.Second)
		assert.InDelta(t, in+50, w.received.Load(), 5)
	})
}

func TestOneGoroutineEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		time.Sleep(time.Second)
		synctest.Wait()
		before := runtime.NumGoroutine()
		var all []*pionlink.Media
		for range 10 {
			all = append(all, pionlink.Watch(w.client, nobody{}, pionlink.Options{}))
		}
		synctest.Wait()
		assert.Equal(t, before+10, runtime.NumGoroutine())
		for _, m := range all {
			m.Close()
		}
		synctest.Wait()
		assert.Equal(t, before, runtime.NumGoroutine())
	})
}

func TestProbeEndsWithItsContextAndWithClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errTest)
		require.ErrorIs(t, w.media.ProbeMedia(ctx, 1), errTest)
		require.NoError(t, w.media.ProbeMedia(t.Context(), 2))
		w.media.Close()
		w.media.Close()
		before := w.log.forget()
		assert.Empty(t, before.probed)
		require.ErrorIs(t, w.media.ProbeMedia(t.Context(), 3), net.ErrClosed)
		w.talk(2 * time.Second)
		require.NoError(t, w.server.Close())
		time.Sleep(time.Second)
		assert.Equal(t, &reports{}, w.log.forget(), "nothing is reported after Close")
	})
}

func TestLivenessOfAQuietCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		time.Sleep(5 * time.Second)
		w.log.forget()
		time.Sleep(20 * time.Second)
		assert.InDelta(t, 20, len(w.log.forget().alive), 2, "one with each keepalive")
		w.dark.Store(true)
		time.Sleep(time.Second)
		w.log.forget()
		time.Sleep(time.Second)
		assert.Empty(t, w.log.forget().alive)
		w.dark.Store(false)
		time.Sleep(2 * time.Second)
		assert.NotEmpty(t, w.log.forget().alive)
	})
}

func TestLivenessAndSamplesOfAudio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		w.talk(3 * time.Second)
		w.log.forget()
		w.talk(10 * time.Second)
		got := w.log.forget()
		assert.InDelta(t, 50, len(got.alive), 11, "five times a second, and with each sample")
		require.Len(t, got.samples, 10)
		var last health.Sample
		for _, s := range got.samples {
			assert.InDelta(t, 50, value(t, s.AudioPacketsReceived), 1.5)
			assert.InDelta(t, 50, value(t, s.AudioPacketsSent), 1.5)
			assert.Zero(t, value(t, s.AudioLoss))
			assert.Greater(t, s.BytesReceived, last.BytesReceived)
			assert.GreaterOrEqual(t, s.STUNMessages, last.STUNMessages)
			last = s
		}
		assert.Positive(t, last.STUNMessages)

		n := 0
		half := func(toServer bool, p []byte) bool {
			if toServer || p[0] < 128 {
				return true
			}
			n++
			return n%2 == 0
		}
		w.passes.Store(&half)
		w.talk(3 * time.Second)
		s := w.log.forget().samples[2]
		assert.InDelta(t, 25, value(t, s.AudioPacketsReceived), 1.5)
		assert.InDelta(t, 50, value(t, s.AudioLoss), 3)
	})
}

func value(t *testing.T, v health.Value) float64 {
	t.Helper()
	f, ok := v.Get()
	require.True(t, ok)
	return f
}

func TestSampleWithoutOutboundAudio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		amended := func(s *health.Sample) { s.VideoTiles = 3 }
		w := newWorld(t, setup{options: pionlink.Options{Amend: amended}})
		defer w.close()
		w.talk(time.Second)
		require.NoError(t, w.client.RemoveTrack(w.client.GetSenders()[0]))
		w.negotiate(nil)
		w.talk(3 * time.Second)
		got := w.log.forget().samples
		_, sends := got[len(got)-1].AudioPacketsSent.Get()
		assert.False(t, sends)
		assert.InDelta(t, 50, value(t, got[len(got)-1].AudioPacketsReceived), 1.5)
		assert.Equal(t, 3, got[0].VideoTiles)
	})
}

func TestExpectations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{options: pionlink.Options{Continuous: true}})
		defer w.close()
		time.Sleep(3 * time.Second)
		assert.Equal(t, []health.Expectation{health.ExpectKeepalives}, w.log.forget().expects, "nothing was received yet")
		w.talk(time.Second)
		assert.Equal(t, []health.Expectation{health.ExpectMedia}, w.log.forget().expects)
		time.Sleep(3 * time.Second)
		assert.Empty(t, w.log.forget().expects, "silence changes nothing")
		w.media.Expect(health.ExpectNothing)
		w.media.Expect(health.ExpectNothing)
		synctest.Wait()
		assert.Equal(t, []health.Expectation{health.ExpectNothing}, w.log.forget().expects)
		w.media.Expect(health.ExpectUnknown)
		synctest.Wait()
		assert.Equal(t, []health.Expectation{health.ExpectMedia}, w.log.forget().expects)
		require.NoError(t, w.client.GetReceivers()[0].Stop())
		time.Sleep(time.Second)
		assert.Equal(t, []health.Expectation{health.ExpectKeepalives}, w.log.forget().expects)
	})
}

func TestKeepalivesAreExpectedWithoutTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{noTrack: true, options: pionlink.Options{Continuous: true}})
		defer w.close()
		time.Sleep(10 * time.Second)
		got := w.log.forget()
		assert.Equal(t, []health.Expectation{health.ExpectKeepalives}, got.expects)
		assert.GreaterOrEqual(t, len(got.alive), 9)
		_, sends := got.samples[9].AudioPacketsSent.Get()
		assert.False(t, sends)
	})
}

// ICE that is disconnected is a doubt, ICE that has failed a loss (NEEDS 20).
func TestDisconnectedIsADoubtAndFailedALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		time.Sleep(time.Second)
		for range 2 {
			w.dark.Store(true)
			time.Sleep(10 * time.Second)
			got := w.log.forget()
			require.Len(t, got.doubts, 1)
			assert.ErrorIs(t, got.doubts[0], pionlink.ErrDisconnected)
			w.dark.Store(false)
			time.Sleep(5 * time.Second)
			got = w.log.forget()
			assert.Empty(t, got.doubts)
			assert.Empty(t, got.closed)
		}
		w.dark.Store(true)
		began := time.Now()
		for len(w.log.closes()) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		t.Logf("ICE failed after %v", time.Since(began))
		assert.Greater(t, time.Since(began), 29*time.Second)
		assert.Less(t, time.Since(began), 33*time.Second)
		time.Sleep(5 * time.Second)
		got := w.log.forget()
		require.Len(t, got.closed, 1)
		code, ok := status.CodeOf(got.closed[0])
		assert.True(t, ok)
		assert.Equal(t, status.ConnectionHealthReconnect, code)
		assert.ErrorIs(t, got.closed[0], pionlink.ErrICEFailed)
		assert.Error(t, w.media.ProbeMedia(t.Context(), 1))
		assert.NotErrorIs(t, w.media.ProbeMedia(t.Context(), 1), errors.ErrUnsupported)
	})
}

func (r *reports) closes() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func TestDTLSFailedIsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{forged: true, engine: func(e *webrtc.SettingEngine) { e.DisableCloseByDTLS(true) }})
		defer w.close()
		time.Sleep(5 * time.Second)
		got := w.log.forget()
		require.Len(t, got.closed, 1)
		require.ErrorIs(t, got.closed[0], pionlink.ErrDTLSFailed)
		code, _ := status.CodeOf(got.closed[0])
		assert.Equal(t, status.ConnectionHealthReconnect, code)
	})
}

func TestHangUpHasNoCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		w.talk(time.Second)
		began := time.Now()
		require.NoError(t, w.server.Close())
		for len(w.log.closes()) == 0 {
			time.Sleep(time.Millisecond)
		}
		assert.Less(t, time.Since(began), oneWay+10*time.Millisecond, "Check was called")
		time.Sleep(5 * time.Second)
		got := w.log.forget()
		require.Len(t, got.closed, 1)
		require.ErrorIs(t, got.closed[0], pionlink.ErrHungUp)
		_, coded := status.CodeOf(got.closed[0])
		assert.False(t, coded)
	})
}

func TestHangUpIsSeenWithoutCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		defer w.close()
		w.client.OnConnectionStateChange(nil)
		time.Sleep(time.Second)
		require.NoError(t, w.server.Close())
		time.Sleep(220 * time.Millisecond)
		require.Len(t, w.log.closes(), 1)
		assert.ErrorIs(t, w.log.closes()[0], pionlink.ErrHungUp)
	})
}

func TestNegativeIntervalsLookOnlyWhenTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{options: pionlink.Options{PollEvery: -1, SampleEvery: -1}})
		defer w.close()
		synctest.Wait()
		w.log.forget()
		w.talk(time.Second)
		assert.Equal(t, &reports{}, w.log.forget())
		w.media.Check()
		synctest.Wait()
		assert.Len(t, w.log.forget().alive, 1)
	})
}

// TestWatchFromTheBeginning looks and probes all the time while Pion starts, and
// while it ends: under the race detector.
func TestWatchFromTheBeginning(t *testing.T) {
	for range 5 {
		stop := make(chan struct{})
		var probing sync.WaitGroup
		w := newWorld(t, setup{
			options: pionlink.Options{PollEvery: 5 * time.Microsecond, SampleEvery: 50 * time.Microsecond},
			watched: func(m *pionlink.Media) {
				probing.Go(func() {
					for id := uint64(0); ; id++ {
						select {
						case <-stop:
							return
						default:
							_ = m.ProbeMedia(t.Context(), id)
							time.Sleep(time.Millisecond)
						}
					}
				})
			},
		})
		w.talk(50 * time.Millisecond)
		require.NoError(t, w.server.Close())
		time.Sleep(50 * time.Millisecond)
		require.NoError(t, w.client.GracefulClose())
		close(stop)
		probing.Wait()
		w.close()
		assert.Len(t, w.log.closes(), 1)
		assert.NotEmpty(t, w.log.answers())
	}
}
