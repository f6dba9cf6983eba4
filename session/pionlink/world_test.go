package pionlink_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v5/vnet"
	"github.com/pion/turn/v5"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/pionlink"
)

const (
	clientIP = "192.0.2.1"
	serverIP = "192.0.2.2"
	helperIP = "192.0.2.3"
	// oneWay is how long a packet takes.
	oneWay = 10 * time.Millisecond
)

// world is two peers on a virtual network. The client is watched.
type world struct {
	t              testing.TB
	router         *vnet.Router
	tap            *pionlink.Tap
	serverTap      *pionlink.Tap
	client, server *webrtc.PeerConnection
	media          *pionlink.Media
	log            *reports

	dark     atomic.Bool   // nothing passes
	darkPort atomic.Uint32 // nothing passes to or from this port of the client's
	// passes, if set, decides about each packet.
	passes atomic.Pointer[func(toServer bool, packet []byte) bool]

	out, back *webrtc.TrackLocalStaticRTP
	seq       atomic.Uint32
	received  atomic.Uint64 // by the client
	reached   atomic.Uint64 // the server
	ends      sync.WaitGroup
	helper    func() // starts a server that helps ICE
	closers   []func() error
	connected chan struct{}
	once      sync.Once
}

type setup struct {
	options pionlink.Options
	// engine changes the settings of both after Prepare.
	engine func(*webrtc.SettingEngine)
	// untapped leaves the tap out of the setting engine.
	untapped bool
	// noTrack adds no audio.
	noTrack bool
	// nat puts the client behind a NAT, with candidates from outside only.
	nat bool
	// relay lets the client use nothing but a relay.
	relay bool
	// forged makes the server's certificate another than its answer says, so that
	// nothing connects.
	forged bool
	// watched is called when the watch begins.
	watched func(*pionlink.Media)
}

func newWorld(t testing.TB, s setup) *world {
	t.Helper()
	w := &world{t: t, log: &reports{}, connected: make(chan struct{})}
	var err error
	w.router, err = vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "192.0.2.0/24", MinDelay: oneWay, LoggerFactory: logging.NewDefaultLoggerFactory(),
	})
	require.NoError(t, err)
	w.router.AddChunkFilter(w.filter)
	server := w.host(w.router, serverIP)
	var client *vnet.Net
	conf := webrtc.Configuration{}
	switch {
	case s.nat:
		client = w.host(w.behindNAT(), "10.0.0.1")
		conf = w.stunServer(w.host(w.router, helperIP))
	case s.relay:
		client = w.host(w.router, clientIP)
		conf = w.turnServer(w.host(w.router, helperIP))
	default:
		client = w.host(w.router, clientIP)
	}
	require.NoError(t, w.router.Start())
	if w.helper != nil {
		w.helper()
	}

	w.tap = pionlink.NewTap(client)
	w.client = w.peer(func(e *webrtc.SettingEngine) {
		w.tap.Prepare(e)
		if s.untapped {
			e.SetNet(client)
		}
		if s.engine != nil {
			s.engine(e)
		}
	}, w.tap, conf)
	w.serverTap = pionlink.NewTap(server)
	w.server = w.peer(func(e *webrtc.SettingEngine) { // one that nobody has prepared
		e.SetNet(w.serverTap)
		e.SetICETimeouts(time.Minute, 10*time.Minute, 2*time.Second)
		if s.engine != nil {
			s.engine(e)
		}
	}, nil, webrtc.Configuration{})
	s.options.Tap = w.tap
	w.media = pionlink.Watch(w.client, w.log, s.options)
	if s.watched != nil {
		s.watched(w.media)
	}
	w.client.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		w.media.Check()
		if st == webrtc.PeerConnectionStateConnected {
			w.once.Do(func() { close(w.connected) })
		}
	})
	if !s.noTrack {
		w.out, w.back = w.audio(w.client), w.audio(w.server)
		w.count(w.client, &w.received)
		w.count(w.server, &w.reached)
	} else {
		_, err := w.client.CreateDataChannel("none", nil)
		require.NoError(t, err)
	}
	if s.forged {
		w.negotiate(func(sdp string) string {
			return strings.Replace(sdp, "a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:", 1)
		})
		return w
	}
	w.negotiate(nil)
	<-w.connected
	return w
}

func (w *world) host(r *vnet.Router, ip string) *vnet.Net {
	n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
	require.NoError(w.t, err)
	require.NoError(w.t, r.AddNet(n))
	return n
}

// behindNAT gives a network whose hosts all look like the client from outside.
func (w *world) behindNAT() *vnet.Router {
	lan, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "10.0.0.0/24", StaticIPs: []string{clientIP}, LoggerFactory: logging.NewDefaultLoggerFactory(),
		NATType: &vnet.NATType{
			MappingBehavior: vnet.EndpointIndependent, FilteringBehavior: vnet.EndpointAddrPortDependent,
			MappingLifeTime: time.Hour,
		},
	})
	require.NoError(w.t, err)
	require.NoError(w.t, w.router.AddRouter(lan))
	return lan
}

// stunServer tells whoever asks the address that it sees.
func (w *world) stunServer(host *vnet.Net) webrtc.Configuration {
	w.helper = func() {
		c, err := host.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(helperIP), Port: 3478})
		require.NoError(w.t, err)
		w.closers = append(w.closers, c.Close)
		w.ends.Go(func() {
			b := make([]byte, 1500)
			for {
				n, from, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				m := &stun.Message{Raw: append([]byte(nil), b[:n]...)}
				if m.Decode() != nil {
					continue
				}
				at := from.(*net.UDPAddr)
				answer, err := stun.Build(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: at.IP, Port: at.Port}, stun.Fingerprint)
				if err == nil {
					_, _ = c.WriteTo(answer.Raw, from)
				}
			}
		})
	}
	return webrtc.Configuration{
		ICEServers:         []webrtc.ICEServer{{URLs: []string{"stun:" + helperIP + ":3478"}}},
		ICETransportPolicy: webrtc.ICETransportPolicyNoHost,
	}
}

// turnServer relays for everyone.
func (w *world) turnServer(host *vnet.Net) webrtc.Configuration {
	w.helper = func() {
		c, err := host.ListenPacket("udp4", helperIP+":3478")
		require.NoError(w.t, err)
		s, err := turn.NewServer(turn.ServerConfig{
			Realm: "test",
			AuthHandler: func(ra *turn.RequestAttributes) (string, []byte, bool) {
				return ra.Username, turn.GenerateAuthKey("user", "test", "secret"), true
			},
			PacketConnConfigs: []turn.PacketConnConfig{{
				PacketConn: c,
				RelayAddressGenerator: &turn.RelayAddressGeneratorStatic{
					RelayAddress: net.ParseIP(helperIP), Address: helperIP, Net: host,
				},
			}},
		})
		require.NoError(w.t, err)
		w.closers = append(w.closers, s.Close)
	}
	return webrtc.Configuration{
		ICEServers: []webrtc.ICEServer{{
			URLs: []string{"turn:" + helperIP + ":3478?transport=udp"}, Username: "user", Credential: "secret",
		}},
		ICETransportPolicy: webrtc.ICETransportPolicyRelay,
	}
}

func (w *world) filter(c vnet.Chunk) bool {
	from, _ := c.SourceAddr().(*net.UDPAddr)
	to, _ := c.DestinationAddr().(*net.UDPAddr)
	if from == nil || to == nil || w.dark.Load() {
		return false
	}
	toServer := to.IP.String() == serverIP
	port := to.Port
	if toServer {
		port = from.Port
	}
	if int(w.darkPort.Load()) == port {
		return false
	}
	f := w.passes.Load()
	return f == nil || (*f)(toServer, c.UserData())
}

func (w *world) peer(
	prepare func(*webrtc.SettingEngine), f interceptor.Factory, conf webrtc.Configuration,
) *webrtc.PeerConnection {
	var e webrtc.SettingEngine
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	prepare(&e)
	m, r := &webrtc.MediaEngine{}, &interceptor.Registry{}
	require.NoError(w.t, m.RegisterDefaultCodecs())
	if f != nil {
		r.Add(f)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(e), webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(r)).
		NewPeerConnection(conf)
	require.NoError(w.t, err)
	return pc
}

func (w *world) audio(pc *webrtc.PeerConnection) *webrtc.TrackLocalStaticRTP {
	track, err := webrtc.NewTrackLocalStaticRTP(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "audio", "test")
	require.NoError(w.t, err)
	_, err = pc.AddTrack(track)
	require.NoError(w.t, err)
	return track
}

func (w *world) count(pc *webrtc.PeerConnection, n *atomic.Uint64) {
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		w.ends.Go(func() {
			b := make([]byte, 1500)
			for {
				if _, _, err := t.Read(b); err != nil {
					return
				}
				n.Add(1)
			}
		})
	})
}

// answer is the server's side of an exchange.
func (w *world) answer(ctx context.Context, offer webrtc.SessionDescription) (webrtc.SessionDescription, error) {
	none := webrtc.SessionDescription{}
	if err := w.server.SetRemoteDescription(offer); err != nil {
		return none, err
	}
	a, err := w.server.CreateAnswer(nil)
	if err != nil {
		return none, err
	}
	if err := w.server.SetLocalDescription(a); err != nil {
		return none, err
	}
	select {
	case <-webrtc.GatheringCompletePromise(w.server):
		return *w.server.LocalDescription(), nil
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// exchange is answer with a round trip of signaling.
func (w *world) exchange(ctx context.Context, offer webrtc.SessionDescription) (webrtc.SessionDescription, error) {
	time.Sleep(oneWay)
	defer time.Sleep(oneWay)
	return w.answer(ctx, offer)
}

// negotiate exchanges offer and answer, which forge may change.
func (w *world) negotiate(forge func(sdp string) string) {
	offer, err := w.client.CreateOffer(nil)
	require.NoError(w.t, err)
	require.NoError(w.t, w.client.SetLocalDescription(offer))
	<-webrtc.GatheringCompletePromise(w.client)
	answer, err := w.answer(context.Background(), *w.client.LocalDescription())
	require.NoError(w.t, err)
	if forge != nil {
		answer.SDP = forge(answer.SDP)
	}
	require.NoError(w.t, w.client.SetRemoteDescription(answer))
}

// talk sends audio packets both ways, one every 20 ms, for so long.
func (w *world) talk(d time.Duration) {
	p := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: make([]byte, 80)}
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		seq := w.seq.Add(1)
		p.SequenceNumber, p.Timestamp = uint16(seq), seq*960
		_ = w.out.WriteRTP(p)
		_ = w.back.WriteRTP(p)
	}
}

// port is that of the client's selected candidate.
func (w *world) port() uint16 {
	pair, err := w.client.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	require.NoError(w.t, err)
	require.NotNil(w.t, pair)
	return pair.Local.Port
}

func (w *world) close() {
	w.media.Close()
	require.NoError(w.t, w.client.GracefulClose())
	require.NoError(w.t, w.server.GracefulClose())
	for _, c := range w.closers {
		require.NoError(w.t, c())
	}
	w.ends.Wait()
	require.NoError(w.t, w.router.Stop())
}

// reports remembers what was reported, and when.
type reports struct {
	mu      sync.Mutex
	alive   []time.Time
	samples []health.Sample
	expects []health.Expectation
	doubts  []error
	probed  []answered
	closed  []error
}

type answered struct {
	id uint64
	at time.Time
}

func (r *reports) do(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *reports) Alive(l status.Layer) {
	r.do(func() {
		if l == status.LayerMedia {
			r.alive = append(r.alive, time.Now())
		}
	})
}

func (r *reports) Sample(s health.Sample) { r.do(func() { r.samples = append(r.samples, s) }) }

func (r *reports) Expect(e health.Expectation) { r.do(func() { r.expects = append(r.expects, e) }) }

func (r *reports) Doubt(_ status.Layer, why error) { r.do(func() { r.doubts = append(r.doubts, why) }) }

func (r *reports) Probed(id uint64) {
	r.do(func() { r.probed = append(r.probed, answered{id, time.Now()}) })
}

func (r *reports) Closed(_ status.Layer, err error) {
	r.do(func() { r.closed = append(r.closed, err) })
}

// forget begins anew and gives what was there.
func (r *reports) forget() *reports {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := &reports{
		alive: r.alive, samples: r.samples, expects: r.expects, doubts: r.doubts, probed: r.probed, closed: r.closed,
	}
	r.alive, r.samples, r.expects, r.doubts, r.probed, r.closed = nil, nil, nil, nil, nil, nil
	return old
}

func (r *reports) answers() []answered {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]answered(nil), r.probed...)
}

var errTest = errors.New("test")
