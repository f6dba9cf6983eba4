package pionlink_test

import (
	"net"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/session/pionlink"
)

// loopback keeps everything on this machine.
func loopback(e *webrtc.SettingEngine) {
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	e.SetIncludeLoopbackCandidate(true)
	e.SetIPFilter(net.IP.IsLoopback)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
}

// TestRealSockets: probes and a restart over sockets of the operating system, each
// side with its own or with all on one that the application has opened (a mux).
func TestRealSockets(t *testing.T) {
	for name, muxed := range map[string]bool{"own sockets": false, "one socket for all": true} {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t, log: &reports{}, connected: make(chan struct{})}
			w.tap = pionlink.NewTap(nil)
			prepare := func(e *webrtc.SettingEngine) { w.tap.Prepare(e); loopback(e) }
			if muxed {
				c, err := w.tap.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
				require.NoError(t, err)
				mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: c})
				defer c.Close()
				defer mux.Close()
				own := prepare
				prepare = func(e *webrtc.SettingEngine) { own(e); e.SetICEUDPMux(mux) }
			}
			w.client = w.peer(prepare, w.tap, webrtc.Configuration{})
			w.server = w.peer(loopback, nil, webrtc.Configuration{})
			w.media = pionlink.Watch(w.client, w.log, pionlink.Options{Tap: w.tap})
			defer func() {
				w.media.Close()
				require.NoError(t, w.client.GracefulClose())
				require.NoError(t, w.server.GracefulClose())
				w.ends.Wait()
			}()
			w.client.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
				if st == webrtc.PeerConnectionStateConnected {
					w.once.Do(func() { close(w.connected) })
				}
			})
			w.out, w.back = w.audio(w.client), w.audio(w.server)
			w.count(w.client, &w.received)
			w.count(w.server, &w.reached)
			w.negotiate(nil)
			<-w.connected
			probe := func(id uint64) time.Duration {
				sent := time.Now()
				require.NoError(t, w.media.ProbeMedia(t.Context(), id))
				require.Eventually(t, func() bool { return len(w.log.answers()) == int(id) }, 5*time.Second, time.Millisecond)
				return w.log.answers()[id-1].at.Sub(sent)
			}
			best := time.Hour
			for id := range uint64(20) {
				best = min(best, probe(id+1))
			}
			t.Logf("a probe took %v", best)
			w.talk(200 * time.Millisecond)
			require.Positive(t, w.received.Load())

			began := time.Now()
			require.NoError(t, w.media.Restart(t.Context(), w.answer))
			t.Logf("a restart took %v", time.Since(began))
			in := w.received.Load()
			w.talk(500 * time.Millisecond)
			assert.Greater(t, w.received.Load(), in+10)
			probe(21)
			assert.Empty(t, w.log.closes())
		})
	}
}
