package callkit

import (
	"context"
	"net"
	"sync"
)

// backlog is how many reads of one direction a frozen proxy takes in, as the
// socket buffers of a dead path would: a writer does not notice at once.
const backlog = 256

// Proxy forwards connections and can be told to break them. It stands in for the
// network between a client and its signaling server.
//
// All methods may be called from any goroutine.
type Proxy struct {
	listener net.Listener
	dial     func(ctx context.Context) (net.Conn, error)
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu    sync.Mutex
	flow  chan struct{} // closed while data flows
	links map[*link]bool
}

// NewProxy starts to forward what comes in at l, which it owns from now on, to
// what dial opens. Either may be in memory.
func NewProxy(l net.Listener, dial func(ctx context.Context) (net.Conn, error)) *Proxy {
	p := &Proxy{listener: l, dial: dial, flow: make(chan struct{}), links: map[*link]bool{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	close(p.flow)
	p.running.Go(p.serve)
	return p
}

// ListenProxy starts a proxy on a free TCP port of the loopback interface, for a
// server at the address target.
func ListenProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return NewProxy(l, func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", target)
	}), nil
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() net.Addr { return p.listener.Addr() }

// Freeze stops forwarding, in both directions and of closes too: connections
// stay up and silent, as on a path that died. New connections are taken and get
// no further.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flowing() {
		p.flow = make(chan struct{})
	}
}

// Heal forwards again, beginning with what was held back.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.flowing() {
		close(p.flow)
	}
}

// flowing says that the proxy is not frozen. The caller holds mu.
func (p *Proxy) flowing() bool {
	select {
	case <-p.flow:
		return true
	default:
		return false
	}
}

// Cut closes all connections on both sides. New ones are welcome.
func (p *Proxy) Cut() { p.breakAll(func(net.Conn) {}) }

// Reset is Cut with a TCP reset instead of an orderly end. Connections that are
// not TCP are closed.
func (p *Proxy) Reset() {
	p.breakAll(func(c net.Conn) {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // closing discards data and sends RST
		}
	})
}

func (p *Proxy) breakAll(prepare func(net.Conn)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.stop(prepare)
	}
}

// Links counts the connections that stand.
func (p *Proxy) Links() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Close closes the listener and all connections and returns when no goroutine of
// the proxy is left.
func (p *Proxy) Close() error {
	p.cancel()
	err := p.listener.Close()
	p.Cut()
	p.running.Wait()
	return err
}

func (p *Proxy) serve() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.running.Go(func() { p.forward(c) })
	}
}

// forward is the life of one connection.
func (p *Proxy) forward(client net.Conn) {
	l := newLink(p.ctx, client)
	p.note(l, true)
	defer p.note(l, false)
	defer l.stop(func(net.Conn) {})
	if !p.pass(l) {
		return
	}
	server, err := p.dial(l.ctx)
	if err != nil || !l.join(server) {
		return
	}
	var pumps sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		held := make(chan []byte, backlog)
		pumps.Go(func() { l.read(way[0], held) })
		pumps.Go(func() { p.write(l, way[1], held) })
	}
	pumps.Wait()
}

// note adds a link to those that Cut breaks, or takes it away.
func (p *Proxy) note(l *link, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on {
		p.links[l] = true
		return
	}
	delete(p.links, l)
}

// pass waits until data may flow; false if the link has ended first.
func (p *Proxy) pass(l *link) bool {
	p.mu.Lock()
	flow := p.flow
	p.mu.Unlock()
	select {
	case <-flow:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// write forwards what was read. When that has come to its end, so has the link.
func (p *Proxy) write(l *link, to net.Conn, held <-chan []byte) {
	defer l.stop(func(net.Conn) {})
	for b := range held {
		if !p.pass(l) {
			return
		}
		if _, err := to.Write(b); err != nil {
			return
		}
	}
	p.pass(l) // a close is held back as well
}
