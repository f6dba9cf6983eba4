package main

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/examples/internal/callkit/fakenet"
	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// hourPacket is one audio packet a second instead of 50: every packet of the
// hour is really encrypted and decrypted.
const hourPacket = time.Second

// hour is a call in fake time: the real WebSocket and the real WebRTC stack on
// a virtual network, with Holdfast at its default settings.
type hour struct {
	t     *testing.T
	began time.Time
	net   *fakenet.Network
	media *callkit.FaultNet // the client's side of it
	proxy *callkit.Proxy
	pace  time.Duration // of the audio packets
	s     *session.Session
	rec   sessiontest.Recorder

	mu     sync.Mutex
	web    *fakenet.Listener
	server *callkit.Server
	serves chan error
}

func newHour(t *testing.T) *hour { return newHourOn(t, 10*time.Millisecond, hourPacket, nil) }

// newHourOn is one on a path with that one-way delay, with that pace of packets.
// Random decides what is lost.
func newHourOn(t *testing.T, delay, pace time.Duration, random func() float64) *hour {
	n, err := fakenet.NewNetwork(delay)
	require.NoError(t, err)
	h := &hour{t: t, began: time.Now(), net: n, pace: pace}
	h.media, err = callkit.NewFaultNet(n.Client(), random)
	require.NoError(t, err)
	h.startServer()
	front := fakenet.NewListener("proxy")
	h.proxy = callkit.NewProxy(front, func(ctx context.Context) (net.Conn, error) {
		h.mu.Lock()
		web := h.web
		h.mu.Unlock()
		return web.Dial(ctx)
	})
	h.s, err = session.New(session.Config{
		Name: attendee,
		Transport: caller{callkit.Options{
			URL: callkit.URL("server"), Attendee: attendee, Token: token, Dial: front.DialContext,
			PacketEvery: pace, Net: h.media, Media: n.ClientMedia,
		}},
		Observers: []observer.Observer{&h.rec},
		// That is the full rate of this call. All else are the defaults.
		Health: health.Config{UnusableAudio: health.UnusableAudioConfig{PacketsPerSample: float64(time.Second / pace)}},
	})
	require.NoError(t, err)
	return h
}

// patient keeps the server's ICE from giving up: what is judged here is the client.
func patient(e *webrtc.SettingEngine) { e.SetICETimeouts(5*time.Second, 10*time.Minute, 2*time.Second) }

func (h *hour) startServer() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.web, h.serves = fakenet.NewListener("server"), make(chan error, 1)
	h.server = callkit.NewServer(callkit.ServerOptions{
		Media: func(e *webrtc.SettingEngine) { h.net.ServerMedia(e); patient(e) }, PacketEvery: h.pace,
	})
	go func(s *callkit.Server, l net.Listener, done chan<- error) { done <- s.Serve(l) }(h.server, h.web, h.serves)
}

func (h *hour) stopServer() {
	require.NoError(h.t, h.server.Close())
	require.ErrorIs(h.t, <-h.serves, callkit.ErrServerClosed)
}

// close ends everything.
func (h *hour) close() {
	require.NoError(h.t, h.s.Close())
	h.stopServer()
	require.NoError(h.t, h.proxy.Close())
	require.NoError(h.t, h.net.Close())
}

// until lets fake time pass until so long after the beginning.
func (h *hour) until(at time.Duration) {
	<-time.NewTimer(at - time.Since(h.began)).C
	synctest.Wait()
}

// strike breaks something at a time, and heals it later. It returns how long it
// took to notice the fault and to recover from it.
func (h *hour) strike(at time.Duration, breaks func(), healAfter time.Duration, heal func()) (detect, recovered time.Duration) {
	h.until(at)
	require.Equal(h.t, session.StateConnected, h.s.State(), "before the fault at %s", at)
	require.NotZero(h.t, h.received(), "audio flows")
	breaks()
	if heal != nil {
		h.until(at + healAfter)
		heal()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	lost, err := h.rec.Wait(ctx, "Reconnecting")
	require.NoError(h.t, err, "the fault at %s", at)
	back, err := h.rec.Wait(ctx, "Recovered")
	require.NoError(h.t, err, "the fault at %s", at)
	return lost.Head().Elapsed - at, back.Head().Elapsed - at
}

func (h *hour) received() uint64 {
	l, ok := h.s.Link()
	require.True(h.t, ok)
	return l.(link).Received()
}

// TestAnHourWithFaults runs a call of an hour through every kind of loss (NEEDS 38).
func TestAnHourWithFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHour(t)
		require.NoError(t, h.s.Start(t.Context()))

		detect, back := h.strike(5*time.Minute, h.proxy.Cut, 0, nil)
		assert.Less(t, detect, 100*time.Millisecond)
		assert.Less(t, back, 2*time.Second, "reason grace, first delay, rejoin")

		detect, back = h.strike(10*time.Minute, func() { h.server.CloseSignaling(attendee, 1001) }, 0, nil)
		assert.Less(t, detect, 100*time.Millisecond)
		assert.Less(t, back, 6*time.Second, "a server that goes away is shared: the first attempt is spread over 5 s")

		worst := health.Config{}.WorstCaseDetection().Probed
		detect, back = h.strike(15*time.Minute, h.proxy.Freeze, 70*time.Second, h.proxy.Heal)
		assert.Greater(t, detect, 3*time.Second)
		assert.LessOrEqual(t, detect, worst.SignalingDead)
		assert.Greater(t, back, 70*time.Second)
		assert.Less(t, back, 70*time.Second+25*time.Second, "an attempt and a delay after the repair")

		detect, back = h.strike(25*time.Minute, func() { h.net.BlackHole(fakenet.BothWays) },
			time.Minute, func() { h.net.Heal(fakenet.BothWays) })
		assert.Greater(t, detect, 2*time.Second)
		assert.LessOrEqual(t, detect, worst.MediaDead)
		assert.Less(t, back, time.Minute+25*time.Second)

		detect, _ = h.strike(35*time.Minute, func() { h.net.BlackHole(fakenet.BothWays); h.proxy.Freeze() },
			90*time.Second, func() { h.net.Heal(fakenet.BothWays); h.proxy.Heal() })
		assert.Greater(t, detect, 3*time.Second)
		assert.LessOrEqual(t, detect, worst.BothDead)

		detect, _ = h.strike(45*time.Minute, h.stopServer, 20*time.Second, h.startServer)
		assert.Less(t, detect, 100*time.Millisecond)

		h.until(time.Hour)
		assert.NotZero(t, h.received())
		require.True(t, h.server.Remove(attendee))
		<-h.s.Done()
		assert.ErrorIs(t, h.s.Err(), status.AudioAttendeeRemoved)
		assert.Less(t, time.Since(h.began), time.Hour+5*time.Second)
		h.rec.Check(t)
		assert.Len(t, sessiontest.Of[observer.Recovered](&h.rec), 6)
		t.Log("\n" + h.rec.Text())

		h.stopServer()
		require.NoError(t, h.proxy.Close())
		require.NoError(t, h.net.Close())
	})
}

// TestLateReason: the server hangs up media first and gives the reason 200 ms
// later, as real ones are seen to do. The session waits for it instead of
// coming back (reason grace; NEEDS 6).
func TestLateReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHour(t)
		require.NoError(t, h.s.Start(t.Context()))
		h.until(time.Minute)
		h.server.TellLate(200 * time.Millisecond)
		require.True(t, h.server.Remove(attendee))
		<-h.s.Done()
		assert.ErrorIs(t, h.s.Err(), status.AudioAttendeeRemoved)
		assert.Len(t, sessiontest.Of[observer.AttemptStarted](&h.rec), 1, "it never tried to come back")
		h.rec.Check(t)
		h.stopServer()
		require.NoError(t, h.proxy.Close())
		require.NoError(t, h.net.Close())
	})
}

// TestQuietAndOneWay: a call in which nobody talks is no dead one, a dead one is
// found as fast, and so is a path on which only the way to the server is dead
// (NEEDS 11, 12).
func TestQuietAndOneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHour(t)
		h.server.Silence(attendee, true)
		require.NoError(t, h.s.Start(t.Context()))
		h.until(15 * time.Minute)
		require.Empty(t, sessiontest.Of[observer.LinkSuspected](&h.rec), "in 15 minutes of silence")

		worst := health.Config{}.WorstCaseDetection().Probed
		for i, tt := range []struct {
			dead  fakenet.Direction
			worst time.Duration
		}{
			{fakenet.BothWays, worst.MediaDead},
			{fakenet.ToClient, worst.MediaDead},
			{fakenet.ToServer, worst.OneWay},
		} {
			at := time.Duration(15+5*i) * time.Minute
			h.until(at)
			h.net.BlackHole(tt.dead)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			lost, err := h.rec.Wait(ctx, "Reconnecting")
			require.NoError(t, err)
			h.net.Heal(tt.dead)
			_, err = h.rec.Wait(ctx, "Recovered")
			require.NoError(t, err)
			cancel()
			t.Logf("direction %d found dead after %v", tt.dead, lost.Head().Elapsed-at)
			assert.LessOrEqual(t, lost.Head().Elapsed-at, tt.worst)
		}
		h.until(40 * time.Minute)
		assert.Equal(t, session.StateConnected, h.s.State())
		assert.Len(t, sessiontest.Of[observer.Recovered](&h.rec), 3, "healed, or at once by an attempt")
		h.close()
		h.rec.Check(t)
	})
}
