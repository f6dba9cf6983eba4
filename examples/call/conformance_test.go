package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/examples/internal/callkit/fakenet"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// everyAbility is what a call can do.
const everyAbility = sessiontest.CanPing | sessiontest.CanProbe | sessiontest.CanRestartMedia | sessiontest.CanResume |
	sessiontest.CanUpdate | sessiontest.CanPromote | sessiontest.CanLeave

type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// proving is a server, the way to it, and what the transport was seen to do.
type proving struct {
	tb     testing.TB
	server *callkit.Server
	proxy  *callkit.Proxy
	black  func() // loses all media
	heal   func()

	mu        sync.Mutex
	dialed    string         // the last address
	presented map[string]int // how often each token was, when it was looked at last
}

// fixture is what the rules need of all that.
func (p *proving) fixture(o callkit.Options, endpoint, other string, dial dialer) sessiontest.Fixture {
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		p.mu.Lock()
		p.dialed = address
		p.mu.Unlock()
		return dial(ctx, network, address)
	}
	o.Attendee, o.URL, o.Token = attendee, "ws://127.0.0.1:1/nowhere", "not-this-one" // an attempt has better ones
	f := sessiontest.Fixture{
		Transport: caller{o},
		Attempt:   session.Attempt{Endpoint: endpoint, Credentials: session.Credentials{Attendee: attendee, Token: token}},
		Other:     session.Attempt{Endpoint: other, Credentials: session.Credentials{Attendee: attendee, Token: "or-so"}},
		Promotion: session.Credentials{Attendee: attendee, Token: "on-stage"},
		Has:       everyAbility,
		Vanish:    func() { p.proxy.Freeze(); p.black() },
		Drop:      func() { p.server.CutSignaling(attendee) },
		Refuse:    func() { p.server.RefuseJoins(503, callkit.Wish{}) },
		Hang:      map[string]func(){},
		Forget:    p.forget,
		Links:     func() int { return len(p.server.Attendees()) },
		Used:      p.used,
	}
	phases := []callkit.Phase{callkit.PhaseOpen, callkit.PhaseJoin, callkit.PhaseNegotiate, callkit.PhaseMedia}
	for _, phase := range phases {
		f.Hang[string(phase)] = func() { p.server.HangIn(phase, true) }
	}
	f.Heal = func() {
		for _, phase := range phases {
			p.server.HangIn(phase, false)
		}
		p.server.RefuseJoins(0, callkit.Wish{})
		p.proxy.Heal()
		p.heal()
	}
	return f
}

// forget restarts the server and waits until nobody is there any more.
func (p *proving) forget() {
	p.server.Restart(callkit.Wish{})
	for range 1000 {
		if len(p.server.Attendees()) == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.tb.Error("the server does not forget")
}

// used looks at where the last attempt went and whether it has shown its token.
func (p *proving) used(a session.Attempt) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, now := p.presented[a.Credentials.Token], p.server.Presented(callkit.Token(a.Credentials.Token))
	p.presented[a.Credentials.Token] = now
	u, err := url.Parse(a.Endpoint)
	switch {
	case err != nil:
		return err
	case p.dialed != u.Host && p.dialed != u.Host+":80":
		return fmt.Errorf("it went to %s, not to %s", p.dialed, a.Endpoint)
	case now == before:
		return errors.New("it has not shown its token")
	}
	return nil
}

// either lets in whoever has one of the two tokens.
func either(attendee string, t callkit.Token) bool { return t == "or-so" || known(attendee, t) }

// inBubble proves the transport over a network in memory, 10 ms away.
func inBubble(tb testing.TB) sessiontest.Fixture {
	n, err := fakenet.NewNetwork(10 * time.Millisecond)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, n.Close()) })
	web, front := fakenet.NewListener("server"), fakenet.NewListener("proxy")
	p := &proving{
		tb: tb, presented: map[string]int{}, black: func() { n.BlackHole(fakenet.BothWays) }, heal: func() { n.Heal(fakenet.BothWays) },
	}
	p.server = callkit.NewServer(callkit.ServerOptions{Check: either, Media: sitting(n.ServerMedia), PacketEvery: time.Second})
	serves := make(chan error, 1)
	go func() { serves <- p.server.Serve(web) }()
	p.proxy = callkit.NewProxy(front, web.Dial)
	tb.Cleanup(func() { require.NoError(tb, p.proxy.Close()) })
	tb.Cleanup(func() { require.NoError(tb, p.server.Close()); <-serves })
	return p.fixture(callkit.Options{
		PacketEvery: time.Second, Net: n.Client(), Media: sitting(n.ClientMedia),
	}, callkit.URL("server"), callkit.URL("another"), front.DialContext) // all names lead there
}

// sitting lets Pion sit out what the rules do to a path.
func sitting(move func(*webrtc.SettingEngine)) func(*webrtc.SettingEngine) {
	return func(e *webrtc.SettingEngine) {
		move(e)
		patient(e)
	}
}

// onLoopback proves it over sockets of the operating system.
func onLoopback(tb testing.TB) sessiontest.Fixture {
	media, err := callkit.NewFaultNet(nil, nil)
	require.NoError(tb, err)
	p := &proving{tb: tb, presented: map[string]int{}, black: media.BlackHole, heal: media.Heal}
	p.server = callkit.NewServer(callkit.ServerOptions{Check: either, ResumeGrace: time.Second})
	require.NoError(tb, p.server.Listen("127.0.0.1:0"))
	tb.Cleanup(func() { require.NoError(tb, p.server.Close()) })
	p.proxy, err = callkit.ListenProxy(p.server.Addr().String())
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, p.proxy.Close()) })
	other, err := callkit.ListenProxy(p.server.Addr().String())
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, other.Close()) })
	return p.fixture(callkit.Options{Net: media}, callkit.URL(p.proxy.Addr().String()), callkit.URL(other.Addr().String()),
		new(net.Dialer).DialContext)
}

// TestTransportConforms: the transport of this example keeps all that package session
// expects of one: real Pion and real WebSockets, in fake time and over loopback.
func TestTransportConforms(t *testing.T) {
	t.Run("in a bubble", func(t *testing.T) { sessiontest.TestTransportInBubble(t, inBubble) })
	t.Run("on loopback", func(t *testing.T) { sessiontest.TestTransport(t, onLoopback) })
}
