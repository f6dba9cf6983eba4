package fakenet

import (
	"context"
	"net"
	"sync"
)

// Listener is a net.Listener whose connections are pipes in memory. A pipe has
// no buffer: a write lasts until the other side reads, or the deadline. All
// methods may be called from any goroutine.
type Listener struct {
	name    string
	pending chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

// NewListener makes a listener; name is its address, without any meaning.
func NewListener(name string) *Listener {
	return &Listener{name: name, pending: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for the next connection; after Close it returns net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.pending:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close refuses connections from now on. Those that stand are not touched.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr gives the name of the listener.
func (l *Listener) Addr() net.Addr { return address(l.name) }

// Dial connects to the listener and waits to be accepted, until ctx ends.
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	err := l.offer(ctx, theirs)
	if err != nil {
		_, _ = ours.Close(), theirs.Close()
		return nil, err
	}
	return ours, nil
}

func (l *Listener) offer(ctx context.Context, c net.Conn) error {
	select {
	case l.pending <- c:
		return nil
	case <-l.closed:
		return net.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// DialContext is Dial with the arguments that http.Transport passes, all of
// which lead here.
func (l *Listener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	return l.Dial(ctx)
}

type address string

func (address) Network() string  { return "memory" }
func (a address) String() string { return string(a) }
