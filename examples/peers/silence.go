package main

import (
	"fmt"
	"net"
	"runtime"
	"sync"
	"time"
)

// silences end a client whose server has accepted and says nothing.
var silences = []discipline{
	{
		name: "silent-first", title: always("Close in a silent first handshake"), cell: closingCell,
		limit: silentLimit, run: silentFirst,
	},
	{
		name: "silent-again", title: always("Close in a silent reconnect"), cell: closingCell,
		limit: silentLimit, run: silentAgain,
	},
}

func silentLimit(s settings) time.Duration { return closingLimit(s) + 2*joinTime }

// aMoment is how long after its connection was accepted a client is certainly
// waiting for the server.
const aMoment = 200 * time.Millisecond

// silent is a server that accepts and says nothing.
type silent struct {
	net.Listener
	taken chan struct{} // closed at the first connection

	mu    sync.Mutex
	conns []net.Conn
}

// keepSilent listens. For a moment the port of a server that has just ended may not
// be free.
func keepSilent(addr string) (*silent, error) {
	var l net.Listener
	var err error
	eventually(shutdownTime, func() bool {
		l, err = net.Listen("tcp", addr)
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	s := &silent{Listener: l, taken: make(chan struct{})}
	go s.accept()
	return s, nil
}

func (s *silent) accept() {
	for {
		c, err := s.Accept()
		if err != nil {
			return
		}
		s.keep(c)
	}
}

func (s *silent) keep(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns = append(s.conns, c); len(s.conns) == 1 {
		close(s.taken)
	}
}

// Close hangs up on everybody.
func (s *silent) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	return s.Listener.Close()
}

// hold waits until a client has been without an answer for a moment.
func (s *silent) hold() error {
	select {
	case <-s.taken:
		time.Sleep(aMoment)
		return nil
	case <-time.After(2 * joinTime):
		return fmt.Errorf("no client came within %s", seconds(2*joinTime))
	}
}

// silentFirst closes a client in its first handshake.
func silentFirst(c contestant, s settings) (reading, error) {
	server, err := keepSilent(anyPort)
	if err != nil {
		return reading{}, err
	}
	defer func() { _ = server.Close() }()
	e := newEnding(s, client.Close)
	e.before = runtime.NumGoroutine()
	return e.firstHandshake(c, server)
}

// dialed is what a dial has come to.
type dialed struct {
	client client
	err    error
	after  time.Duration
}

func (e *ending) firstHandshake(c contestant, server *silent) (reading, error) {
	result := make(chan dialed, 1)
	began := time.Now()
	go func() {
		made, err := c.dial(target{addr: server.Addr().String()}, hooks{})
		result <- dialed{made, err, time.Since(began)}
	}()
	if err := server.hold(); err != nil {
		return reading{}, err
	}
	select {
	case d := <-result:
		if d.err != nil {
			return reading{}, d.err
		}
		go e.call(d.client)
		return e.judged()
	default:
		return e.noHandle(result)
	}
}

// noHandle waits for a dial that gives its caller nothing to close.
func (e *ending) noHandle(result <-chan dialed) (reading, error) {
	select {
	case d := <-result:
		return reading{
			Text:   fmt.Sprintf("no handle; dialing ended after %s", seconds(d.after)),
			Values: map[string]float64{"dialSeconds": d.after.Seconds()},
		}, nil
	case <-time.After(e.Patience):
		return reading{Text: fmt.Sprintf("no handle within %s", seconds(e.Patience))}, nil
	}
}

// silentAgain closes a client whose server was replaced by a silent one.
func silentAgain(c contestant, s settings) (reading, error) {
	p, addr, err := oneServer(c)
	if err != nil {
		return reading{}, err
	}
	defer func() { _ = p.kill() }()
	e := newEnding(s, client.Close)
	e.before = runtime.NumGoroutine() + 1 // the silent server's
	made, err := join(c.dial, target{addr: addr}, hooks{})
	if err != nil {
		return reading{}, err
	}
	if err := p.kill(); err != nil {
		return reading{}, err
	}
	server, err := keepSilent(addr)
	if err != nil {
		return reading{}, err
	}
	defer func() { _ = server.Close() }()
	if err := server.hold(); err != nil {
		return reading{}, err
	}
	go e.call(made)
	return e.judged()
}
