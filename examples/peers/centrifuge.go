package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
	centrifugeclient "github.com/centrifugal/centrifuge-go"
)

// centrifugeGo is the client of Centrifugo against the library that Centrifugo is
// built on.
var centrifugeGo = contestant{
	name:    "centrifuge-go",
	modules: []string{"github.com/centrifugal/centrifuge-go", "github.com/centrifugal/centrifuge"},
	what:    "NewProtobufClient with the zero Config, no subscription; a centrifuge.Node that lets everybody in",
	serve:   serveCentrifuge,
	dial:    dialCentrifuge,
	lesser:  true,
}

// centrifugePath is where Centrifugo takes WebSockets.
const centrifugePath = "/connection/websocket"

// centrifugeHost is a node with its web server.
type centrifugeHost struct {
	listener net.Listener
	node     *centrifuge.Node
	web      *http.Server
}

func serveCentrifuge(addr string) (host, error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	if err := node.Run(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, errors.Join(err, node.Shutdown(context.Background()))
	}
	mux := http.NewServeMux()
	mux.Handle(centrifugePath, centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	h := &centrifugeHost{listener: l, node: node, web: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}}
	go func() { _ = h.web.Serve(l) }() // ends with Close
	return h, nil
}

func (h *centrifugeHost) Addr() string { return h.listener.Addr().String() }

// Close stops to listen first, so that nobody comes back before the port is
// closed. The node then tells every client.
func (h *centrifugeHost) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	err := h.listener.Close()
	return errors.Join(err, h.node.Shutdown(ctx), ignoreClosed(h.web.Close()))
}

// ignoreClosed is for the second close of a listener.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

type centrifugeConn struct{ *centrifugeclient.Client }

func dialCentrifuge(t target, h hooks) (client, error) {
	c := centrifugeConn{centrifugeclient.NewProtobufClient("ws://"+t.addr+centrifugePath, centrifugeclient.Config{})}
	c.install(h)
	go func() { _ = c.Connect() }() // waits for the first dial, and goes on whatever that comes to
	return c, nil
}

func (c centrifugeConn) install(h hooks) {
	if h.connected != nil {
		c.OnConnected(func(centrifugeclient.ConnectedEvent) { h.connected(c) })
	}
	if h.lost != nil {
		c.OnConnecting(func(e centrifugeclient.ConnectingEvent) {
			if e.Code != 0 { // that of the call of Connect
				h.lost(c)
			}
		})
	}
	if h.ended != nil {
		c.OnDisconnected(func(centrifugeclient.DisconnectedEvent) { h.ended(c) })
	}
}

func (c centrifugeConn) Connected() bool { return c.State() == centrifugeclient.StateConnected }

// Stop can be taken back, by another Connect.
func (c centrifugeConn) Stop() { _ = c.Disconnect() }
