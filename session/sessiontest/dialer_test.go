package sessiontest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// This is how a client's own transport is tested: a small one, over TCP, whose server
// greets with "hello" and sends each line back, and a fixture for it.

// dialer is the Transport.
type dialer struct{ addr string }

// Connect dials and waits for the greeting.
func (d dialer) Connect(ctx context.Context, _ session.Attempt, r *session.Reporter) (session.Link, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, err
	}
	l := &line{conn: conn, in: bufio.NewReader(conn), r: r, done: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { conn.Close() }) // ends the read below
	greeting, err := l.in.ReadString('\n')
	if !stop() {
		return nil, context.Cause(ctx)
	}
	if err != nil || greeting != "hello\n" {
		conn.Close()
		return nil, errors.Join(err, fmt.Errorf("the server says %q", greeting))
	}
	go l.read()
	return l, nil
}

// line is the link, with the abilities Close and Ping.
type line struct {
	conn net.Conn
	in   *bufio.Reader
	r    *session.Reporter
	done chan struct{} // closed when nothing is reported any more
}

func (l *line) read() {
	defer close(l.done)
	for {
		text, err := l.in.ReadString('\n')
		if err != nil {
			l.r.Closed(status.LayerSignaling, err)
			return
		}
		var id uint64
		if _, err := fmt.Sscanf(text, "ping %d", &id); err == nil {
			l.r.Pong(id)
		}
	}
}

func (l *line) Ping(ctx context.Context, id uint64) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, err := fmt.Fprintf(l.conn, "ping %d\n", id) // fits into the socket's buffer
	return err
}

// Close waits for the reader, which reports.
func (l *line) Close(context.Context) error {
	l.conn.Close()
	<-l.done
	return nil
}

// greeter is the server.
type greeter struct {
	net.Listener
	mu       sync.Mutex
	greeting string // "": it says nothing
	conns    map[net.Conn]bool
	running  sync.WaitGroup
}

func newGreeter(tb testing.TB) *greeter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	g := &greeter{Listener: l, greeting: "hello\n", conns: map[net.Conn]bool{}}
	g.running.Go(g.serve)
	tb.Cleanup(func() { l.Close(); g.drop(); g.running.Wait() })
	return g
}

func (g *greeter) serve() {
	for {
		conn, err := g.Accept()
		if err != nil {
			return
		}
		g.running.Go(func() { g.echo(conn) })
	}
}

func (g *greeter) echo(conn net.Conn) {
	g.mu.Lock()
	g.conns[conn] = true
	greeting := g.greeting
	g.mu.Unlock()
	_, _ = io.WriteString(conn, greeting)
	_, _ = io.Copy(conn, conn)
	conn.Close()
	g.mu.Lock()
	delete(g.conns, conn)
	g.mu.Unlock()
}

// drop closes what is open.
func (g *greeter) drop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for conn := range g.conns {
		conn.Close()
	}
}

func (g *greeter) say(greeting string) func() {
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.greeting = greeting
	}
}

func (g *greeter) links() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

func TestDialerConforms(t *testing.T) {
	sessiontest.TestTransport(t, func(tb testing.TB) sessiontest.Fixture {
		g := newGreeter(tb)
		return sessiontest.Fixture{
			Transport: dialer{g.Addr().String()},
			Has:       sessiontest.CanPing,
			Drop:      g.drop,
			Refuse:    g.say("go away\n"),
			Hang:      map[string]func(){"greeting": g.say("")},
			Heal:      g.say("hello\n"),
			Links:     g.links,
		}
	})
}
