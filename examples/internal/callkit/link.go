package callkit

import (
	"context"
	"net"
	"sync"
)

// link is one forwarded connection: a client's side and, later, a server's.
type link struct {
	ctx    context.Context // ends with the link
	cancel context.CancelFunc

	mu    sync.Mutex
	conns []net.Conn // closed by stop
}

func newLink(parent context.Context, client net.Conn) *link {
	l := &link{conns: []net.Conn{client}}
	l.ctx, l.cancel = context.WithCancel(parent)
	return l
}

// join adds the server's side, or closes it if the link has ended meanwhile.
func (l *link) join(server net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		_ = server.Close()
		return false
	}
	l.conns = append(l.conns, server)
	return true
}

// stop ends the link, and both connections after prepare has had them.
func (l *link) stop(prepare func(net.Conn)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancel()
	for _, c := range l.conns {
		prepare(c)
		_ = c.Close()
	}
	l.conns = nil
}

// read takes in what a side sends until it ends.
func (l *link) read(from net.Conn, held chan<- []byte) {
	defer close(held)
	for {
		b := make([]byte, 16<<10)
		n, err := from.Read(b)
		if err != nil {
			return
		}
		select {
		case held <- b[:n]:
		case <-l.ctx.Done():
			return
		}
	}
}
