package main

import (
	"errors"
	"net"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// natsGo is the client of NATS against the server itself.
var natsGo = contestant{
	name:    "nats.go",
	modules: []string{"github.com/nats-io/nats.go", "github.com/nats-io/nats-server/v2"},
	what:    "nats.Connect without an option but for callbacks, no subscription; a server.Server with nothing but an address",
	serve:   serveNATS,
	dial:    dialNATS,
}

type natsHost struct{ *server.Server }

func serveNATS(addr string) (host, error) {
	ip, port, err := split(addr)
	if err != nil {
		return nil, err
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	s, err := server.NewServer(&server.Options{Host: ip, Port: port, NoLog: true, NoSigs: true})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(shutdownTime) {
		s.Shutdown()
		return nil, errors.New("the NATS server does not listen on " + addr)
	}
	return natsHost{s}, nil
}

func split(addr string) (ip string, port int, err error) {
	ip, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(text)
	return ip, port, err
}

func (h natsHost) Addr() string { return h.Server.Addr().String() }

func (h natsHost) Close() error {
	h.Shutdown()
	h.WaitForShutdown()
	return nil
}

type natsConn struct{ *nats.Conn }

// dialNATS returns when connected: there is no handle before.
func dialNATS(t target, h hooks) (client, error) {
	nc, err := nats.Connect("nats://"+t.addr, natsHooks(h)...)
	if err != nil {
		return nil, err
	}
	return natsConn{nc}, nil
}

func natsHooks(h hooks) (options []nats.Option) {
	if h.connected != nil {
		on := func(nc *nats.Conn) { h.connected(natsConn{nc}) }
		options = append(options, nats.ConnectHandler(on), nats.ReconnectHandler(on))
	}
	if h.lost != nil {
		options = append(options, nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if !nc.IsClosed() { // it is told of its own Close, too
				h.lost(natsConn{nc})
			}
		}))
	}
	if h.ended != nil {
		options = append(options, nats.ClosedHandler(func(nc *nats.Conn) { h.ended(natsConn{nc}) }))
	}
	return options
}

func (c natsConn) Connected() bool { return c.IsConnected() }
