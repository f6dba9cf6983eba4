package callkit

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/pionlink"
	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"
)

// giveUp bounds the clean-up after a failed Dial, which is a matter of
// milliseconds unless something in Pion is stuck.
const giveUp = 2 * time.Second

// dialer opens a connection, as in http.Transport.
type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// Options says what to dial. URL and Attendee are required.
type Options struct {
	URL      string // see Server.URL
	Attendee string
	Token    Token
	// ViewOnly joins without sending media.
	ViewOnly bool
	// Dial opens the connection below the WebSocket, as in http.Transport; nil
	// means TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Net is the network for media; nil means that of the operating system.
	Net transport.Net
	// Media changes the setting engine of the peer connection, but not its network;
	// nil changes nothing. See Loopback and pionlink.Tap.Prepare for what is set
	// before.
	Media func(*webrtc.SettingEngine)
	// PacketEvery is the time between two audio packets; 0 or less: 20 ms.
	PacketEvery time.Duration
	// SampleEvery is the time between two samples; 0: 1 s, negative: no samples.
	SampleEvery time.Duration
}

// Dial joins a meeting and returns when signaling stands and media is connected:
// ICE has found a path and DTLS has shown that it carries traffic both ways. It
// does not wait for audio, which a silent meeting never has.
//
// A failed Dial returns a *PhaseError and leaves nothing open. Ctx bounds all of
// Dial and has no influence on the call afterwards. H hears of the call until it
// is closed.
func Dial(ctx context.Context, o Options, h Handler) (*Call, error) {
	c := newCall(o, h)
	for _, step := range []struct {
		phase Phase
		run   func(context.Context) error
	}{
		{PhaseOpen, c.open}, {PhaseJoin, c.join}, {PhaseNegotiate, c.negotiate}, {PhaseMedia, c.connect},
	} {
		if err := step.run(ctx); err != nil {
			c.abandon()
			return nil, failed(ctx, step.phase, err)
		}
	}
	return c, nil
}

// abandon closes what a failed Dial has opened.
func (c *Call) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), giveUp)
	defer cancel()
	_ = c.Close(ctx)
}

func (c *Call) open(ctx context.Context) error {
	l, err := c.openLine(ctx, c.o.URL)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.line = l
	c.mu.Unlock()
	c.tasks.Go(func() { c.read(l) })
	return nil
}

// openLine opens a line that nobody reads yet.
func (c *Call) openLine(ctx context.Context, url string) (*line, error) {
	ch, answer, err := openChannel(ctx, url, c.o.Dial)
	switch {
	case err == nil:
		return newLine(ch), nil
	case ctx.Err() != nil:
		return nil, unopened(nil, context.Cause(ctx))
	}
	return nil, unopened(answer, err)
}

// openChannel opens a WebSocket over a connection that it keeps hold of. On an error
// it gives the server's answer, if there was one.
func openChannel(ctx context.Context, url string, dial dialer) (*channel, *http.Response, error) {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	var raw net.Conn
	// A transport of its own, since the shared one would keep the connection of a
	// refused upgrade for later.
	web := &http.Transport{DisableKeepAlives: true}
	web.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		raw = c
		return c, err
	}
	defer web.CloseIdleConnections()
	ws, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: &http.Client{Transport: web}})
	if err != nil {
		return nil, answer, err
	}
	return &channel{ws: ws, raw: raw}, nil, nil
}

func (c *Call) join(ctx context.Context) error {
	ack, err := c.ask(ctx, Message{Kind: KindJoin, Attendee: c.o.Attendee, Token: c.o.Token, ViewOnly: c.o.ViewOnly})
	c.session = ack.Session
	return err
}

var errNoCandidates = errors.New("no ICE candidates")

func (c *Call) negotiate(ctx context.Context) error {
	if err := c.openMedia(); err != nil {
		return err
	}
	sdp, err := offer(ctx, c.peer)
	if err != nil {
		return err
	}
	if !strings.Contains(sdp, "a=candidate:") {
		return status.New(status.ICEGatheringTimeoutWorkaround, errNoCandidates)
	}
	return c.exchange(ctx, Message{Kind: KindOffer, SDP: sdp})
}

// exchange sends an offer and takes the answer.
func (c *Call) exchange(ctx context.Context, m Message) error {
	reply, err := c.ask(ctx, m)
	if err != nil {
		return err
	}
	if err := accept(c.peer, reply.SDP); err != nil {
		return status.New(status.IncompatibleSDP, err)
	}
	return nil
}

// openMedia makes the peer connection with one audio transceiver in it.
func (c *Call) openMedia() error {
	tap := pionlink.NewTap(c.o.Net)
	pc, err := newTapped(tap, c.o.Media)
	if err != nil {
		return err
	}
	c.peer = pc
	c.media = pionlink.Watch(pc, evidence{c}, pionlink.Options{Tap: tap, SampleEvery: c.o.SampleEvery})
	pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		if st == webrtc.PeerConnectionStateConnected {
			c.connectedOnce.Do(func() { close(c.connected) })
		}
		c.media.Check()
	})
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		c.during(func() { c.in.run(t) })
	})
	if c.o.ViewOnly {
		_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio,
			webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		return err
	}
	return c.addAudio()
}

func (c *Call) addAudio() error {
	out, err := newOutbound(c.o.PacketEvery)
	if err != nil {
		return err
	}
	sender, err := c.peer.AddTrack(out.track)
	if err != nil {
		return err
	}
	c.out, c.sender = out, sender
	c.tasks.Go(func() { drain(sender) })
	return nil
}

// connect waits for the media and lets the call begin.
func (c *Call) connect(ctx context.Context) error {
	l := c.current()
	select {
	case <-c.connected:
	case <-l.ctx.Done():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := c.stand(l); err != nil {
		return err
	}
	if c.out != nil {
		c.tasks.Go(func() { c.out.run(c.sending) })
	}
	return nil
}
