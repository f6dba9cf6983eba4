package main

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/examples/internal/callkit/fakenet"
	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// wire is the way of signaling to one server: TCP in memory, which takes its time.
// Dialing takes the round trip of TCP's handshake (TLS 1.3 would add one, TLS 1.2
// two, and the name server its own), and what is written arrives one way later.
// Nothing is lost and there is no limit of bandwidth: the messages of a call fit
// into the first window of TCP.
//
// A connection has no goroutine, and no lock is held while somebody waits: who waits
// for a mutex would stop fake time.
type wire struct {
	oneWay time.Duration

	mu    sync.Mutex
	door  *door // who listens, nil if nobody does
	lines []*end
}

// dial opens a connection, or is refused one round trip later.
func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := elapse(ctx, w.oneWay); err != nil { // the way there
		return nil, err
	}
	ours, taken := w.connect()
	if err := elapse(ctx, w.oneWay); err != nil { // the way back
		return nil, err
	}
	if !taken {
		return nil, syscall.ECONNREFUSED
	}
	return ours, nil
}

// connect makes a connection, of which the server has the other end if it wants it.
func (w *wire) connect() (*end, bool) {
	up, down := newHalf(w.oneWay), newHalf(w.oneWay)
	ours, theirs := &end{in: down, out: up}, &end{in: up, out: down}
	w.mu.Lock()
	w.lines = append(w.lines, ours)
	d := w.door
	w.mu.Unlock()
	return ours, d != nil && d.take(theirs)
}

// listen opens the server's door; close closes it.
func (w *wire) listen() *door {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.door = &door{come: make(chan net.Conn), shut: make(chan struct{})}
	return w.door
}

// cut drops all connections, as a balancer in front of the server does: the server
// knows at once, the client one way later.
func (w *wire) cut() {
	w.each(func(e *end) {
		e.out.discard()
		e.out.add(0, nil, syscall.ECONNRESET)
		e.in.add(w.oneWay, nil, syscall.ECONNRESET)
	})
}

// freeze silences all connections for good: nothing arrives any more, nobody is
// told. New ones work.
func (w *wire) freeze() {
	w.each(func(e *end) {
		e.in.freeze()
		e.out.freeze()
	})
}

func (w *wire) each(do func(*end)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.lines {
		do(e)
	}
	w.lines = nil
}

// elapse lets time pass.
func elapse(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// door is the listener at the end of a wire.
type door struct {
	come chan net.Conn
	once sync.Once
	shut chan struct{}
}

func (d *door) take(c net.Conn) bool {
	select {
	case d.come <- c:
		return true
	case <-d.shut:
		return false
	}
}

func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.come:
		return c, nil
	case <-d.shut:
		return nil, net.ErrClosed
	}
}

func (d *door) Close() error {
	d.once.Do(func() { close(d.shut) })
	return nil
}

func (d *door) Addr() net.Addr { return place{} }

// place is the address of everybody on a wire.
type place struct{}

func (place) Network() string { return "memory" }
func (place) String() string  { return "server" }

// end is one end of a connection. Writing never blocks; it fails once the other end's
// close, or a reset, has arrived.
type end struct {
	in, out *half
	closed  atomic.Bool
}

func (e *end) Read(b []byte) (int, error) { return e.in.read(b) }

func (e *end) Write(b []byte) (int, error) {
	switch {
	case e.closed.Load():
		return 0, net.ErrClosed
	case e.in.ended():
		return 0, syscall.EPIPE
	case len(b) > 0:
		e.out.add(e.out.takes, append([]byte(nil), b...), nil)
	}
	return len(b), nil
}

// Close sends the other end an end of file, behind what was written.
func (e *end) Close() error {
	if !e.closed.Swap(true) {
		e.in.close()
		e.out.add(e.out.takes, nil, io.EOF)
	}
	return nil
}

func (e *end) LocalAddr() net.Addr                { return place{} }
func (e *end) RemoteAddr() net.Addr               { return place{} }
func (e *end) SetDeadline(at time.Time) error     { return e.SetReadDeadline(at) }
func (e *end) SetWriteDeadline(_ time.Time) error { return nil }

func (e *end) SetReadDeadline(at time.Time) error {
	e.in.change(func() { e.in.deadline = at })
	return nil
}

// half is one direction of a connection.
type half struct {
	takes time.Duration

	mu       sync.Mutex
	under    []segment // on their way, the next one first
	frozen   bool
	closed   bool          // by who reads
	deadline time.Time     // of who reads
	changed  chan struct{} // closed at the next change of any of these
}

// segment is on its way: data, or what the reader gets after it for ever.
type segment struct {
	due  time.Time
	data []byte
	err  error
}

func newHalf(takes time.Duration) *half { return &half{takes: takes, changed: make(chan struct{})} }

func (h *half) change(how func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	how()
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *half) add(takes time.Duration, data []byte, err error) {
	h.change(func() { h.under = append(h.under, segment{time.Now().Add(takes), data, err}) })
}

func (h *half) discard() { h.change(func() { h.under = nil }) }
func (h *half) freeze()  { h.change(func() { h.frozen = true }) }
func (h *half) close()   { h.change(func() { h.closed = true }) }

func (h *half) read(b []byte) (int, error) {
	for {
		n, err, again, changed := h.poll(b)
		if n > 0 || err != nil {
			return n, err
		}
		t := time.NewTimer(again)
		select {
		case <-changed:
		case <-t.C:
		}
		t.Stop()
	}
}

// poll reads what has arrived. If that is nothing it says when to look again.
func (h *half) poll(b []byte) (n int, err error, again time.Duration, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	switch {
	case h.closed:
		return 0, net.ErrClosed, 0, nil
	case !h.deadline.IsZero() && !h.deadline.After(now):
		return 0, os.ErrDeadlineExceeded, 0, nil
	case !h.frozen && len(h.under) > 0 && !h.under[0].due.After(now):
		n, err = h.shift(b)
		return n, err, 0, nil
	}
	return 0, nil, h.next(now), h.changed
}

// shift takes from the first segment.
func (h *half) shift(b []byte) (int, error) {
	s := &h.under[0]
	if s.err != nil {
		return 0, s.err
	}
	n := copy(b, s.data)
	if s.data = s.data[n:]; len(s.data) == 0 {
		h.under = h.under[1:]
	}
	return n, nil
}

// ended says whether the end has arrived, read or not.
func (h *half) ended() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := len(h.under) - 1
	return !h.frozen && last >= 0 && h.under[last].err != nil && !h.under[last].due.After(time.Now())
}

// next is how long nothing happens by itself.
func (h *half) next(now time.Time) time.Duration {
	wait := 1000 * time.Hour
	if !h.deadline.IsZero() {
		wait = min(wait, h.deadline.Sub(now))
	}
	if !h.frozen && len(h.under) > 0 {
		wait = min(wait, h.under[0].due.Sub(now))
	}
	return wait
}

// ports is a host's network for media. It knows its sockets, and can take from those
// that are open what lies outside: the old path. Sockets that are opened later, as
// by an ICE restart, have another one.
type ports struct {
	transport.Net
	ip  net.IP
	ear ear

	mu   sync.Mutex
	open []*port
}

func (p *ports) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	c, err := p.Net.ListenUDP(network, local)
	if err != nil {
		return nil, err
	}
	made := &port{UDPConn: c, ear: &p.ear, outside: c, opened: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, made)
	return made, nil
}

// darken loses all that goes through the sockets of now, for good.
func (p *ports) darken() {
	p.each(func(c *port) { c.dark.Store(true) })
}

// rebind gives the sockets of now other addresses outside, as a NAT does that has
// forgotten its table. They do not know it. What is sent to the old ones is lost.
func (p *ports) rebind() error {
	var failed error
	p.each(func(c *port) {
		if err := c.rebind(p.Net, p.ip); err != nil {
			failed = err
		}
	})
	return failed
}

func (p *ports) each(do func(*port)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		do(c)
	}
}

// port is a socket whose address stays what it was at first, whatever it is outside.
type port struct {
	transport.UDPConn // as it was at first
	ear               *ear
	opened            time.Time
	dark              atomic.Bool

	mu       sync.Mutex
	outside  transport.UDPConn
	deadline time.Time
	closed   bool
}

func (c *port) rebind(on transport.Net, ip net.IP) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	fresh, err := on.ListenUDP("udp4", &net.UDPAddr{IP: ip})
	if err != nil {
		return err
	}
	_ = fresh.SetReadDeadline(c.deadline)
	old := c.outside
	c.outside = fresh
	return old.Close() // wakes who reads
}

func (c *port) now() transport.UDPConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.outside
}

func (c *port) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		at := c.now()
		n, from, err := at.ReadFrom(b)
		switch {
		case err != nil && c.now() != at: // it was rebound
		case err == nil && c.dark.Load():
		default:
			c.ear.hear(c, b[:max(n, 0)])
			return n, from, err
		}
	}
}

func (c *port) WriteTo(b []byte, to net.Addr) (int, error) {
	if c.dark.Load() {
		return len(b), nil
	}
	return c.now().WriteTo(b, to)
}

func (c *port) SetDeadline(at time.Time) error { return c.SetReadDeadline(at) }

func (c *port) SetReadDeadline(at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = at
	return c.outside.SetReadDeadline(at)
}

func (c *port) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.outside.Close()
}

// ear listens for audio.
type ear struct {
	mu    sync.Mutex
	since time.Time
	heard chan time.Time // nil: it does not listen
}

// next gives the time of the first audio packet that will come in over a new path: a
// socket that is opened from now on.
func (e *ear) next() <-chan time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.since, e.heard = time.Now(), make(chan time.Time, 1)
	return e.heard
}

func (e *ear) hear(at *port, packet []byte) {
	if !isAudio(packet) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heard != nil && !at.opened.Before(e.since) {
		e.heard <- time.Now()
		e.heard = nil
	}
}

// isAudio tells RTP from RTCP, whose types are 192 to 223 (RFC 5761 section 4).
func isAudio(packet []byte) bool {
	return callkit.IsRTP(packet) && len(packet) > 1 && (packet[1] < 192 || packet[1] > 223)
}

// road is a server, and what lies between it and a client.
type road struct {
	t         *testing.T
	oneWay    time.Duration // of media
	net       *fakenet.Network
	near, far *ports // the sockets of the client and of the server
	wire      *wire
	server    *callkit.Server
	serves    chan error
	// engine changes the client's setting engine, if it is set.
	engine func(*webrtc.SettingEngine)
}

// slower is how much longer signaling takes one way. If both took the same time, the
// server's answer and its first check of ICE would come at the same instant, and
// which is first decides whether the check is understood: a difference of a round
// trip, by lot.
const slower = 100 * time.Microsecond

// newRoad starts a server with that round trip to it, for signaling and for media.
// All ends with the test.
func newRoad(t *testing.T, rtt time.Duration) *road {
	n, err := fakenet.NewNetwork(rtt / 2)
	require.NoError(t, err)
	r := &road{
		t: t, oneWay: rtt / 2, net: n, wire: &wire{oneWay: rtt/2 + slower},
		near: &ports{Net: n.Client(), ip: net.ParseIP(fakenet.ClientIP)},
		far:  &ports{Net: n.Server(), ip: net.ParseIP(fakenet.ServerIP)},
	}
	r.startServer()
	t.Cleanup(r.close)
	return r
}

// dial opens a call by hand. It is closed in the end, if not before.
func (r *road) dial(h callkit.Handler) (*callkit.Call, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := callkit.Dial(ctx, r.options(), h)
	if err == nil {
		r.t.Cleanup(func() { assert.NoError(r.t, c.Close(context.Background())) })
	}
	return c, err
}

// options are those of a call over the road.
func (r *road) options() callkit.Options {
	return callkit.Options{
		URL: callkit.URL("server"), Attendee: attendee, Token: token,
		Dial: r.wire.dial, Net: r.near, Media: func(e *webrtc.SettingEngine) {
			r.net.ClientMedia(e)
			if r.engine != nil {
				r.engine(e)
			}
		},
	}
}

func (r *road) startServer() {
	r.server, r.serves = callkit.NewServer(callkit.ServerOptions{
		Media: func(e *webrtc.SettingEngine) { r.net.ServerMedia(e); e.SetNet(r.far); patient(e) },
	}), make(chan error, 1)
	go func(s *callkit.Server, l net.Listener, done chan<- error) { done <- s.Serve(l) }(r.server, r.wire.listen(), r.serves)
}

// killServer ends the server as the end of its process does: its connections are
// dropped, its media is gone without a word, and nobody listens.
func (r *road) killServer() {
	r.far.darken()
	r.wire.cut()
	r.stopServer()
}

func (r *road) stopServer() {
	assert.NoError(r.t, r.server.Close())
	assert.ErrorIs(r.t, <-r.serves, callkit.ErrServerClosed)
}

// close ends everything.
func (r *road) close() {
	r.stopServer()
	assert.NoError(r.t, r.net.Close())
}

// deaf hears nothing: an oracle needs no evidence.
type deaf struct{}

func (deaf) Status(status.Status)           {}
func (deaf) Sample(health.Sample)           {}
func (deaf) Pong(uint64)                    {}
func (deaf) Probed(uint64)                  {}
func (deaf) Alive(status.Layer)             {}
func (deaf) Expect(health.Expectation)      {}
func (deaf) Doubt(status.Layer, error)      {}
func (deaf) Present()                       {}
func (deaf) Closed(_ status.Layer, _ error) {}

// TestWire: a connection takes a round trip to open, what is written arrives one way
// later, in order, and so does the end.
func TestWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const oneWay = 100 * time.Millisecond
		w := &wire{oneWay: oneWay}
		began := time.Now()
		_, err := w.dial(t.Context(), "", "")
		require.ErrorIs(t, err, syscall.ECONNREFUSED, "nobody listens")
		assert.Equal(t, 2*oneWay, time.Since(began))

		near, far := wired(t, w)
		began = time.Now()
		for _, s := range []string{"ab", "cd"} {
			_, err = near.Write([]byte(s))
			require.NoError(t, err)
			time.Sleep(oneWay / 2)
		}
		require.NoError(t, near.Close())
		assert.Equal(t, "a", reads(t, far, 1))
		assert.Equal(t, "b", reads(t, far, 10))
		assert.Equal(t, oneWay, time.Since(began))
		assert.Equal(t, "cd", reads(t, far, 10))
		assert.Equal(t, oneWay*3/2, time.Since(began))
		_, err = far.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		assert.Equal(t, 2*oneWay, time.Since(began))
		_, err = near.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = near.Write([]byte("x"))
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// wired opens a connection and gives both ends of it.
func wired(t *testing.T, w *wire) (near, far net.Conn) {
	d := w.listen()
	taken := make(chan net.Conn, 1)
	go func() {
		c, _ := d.Accept()
		taken <- c
	}()
	began := time.Now()
	near, err := w.dial(t.Context(), "", "")
	require.NoError(t, err)
	assert.Equal(t, 2*w.oneWay, time.Since(began))
	return near, <-taken
}

func reads(t *testing.T, from net.Conn, most int) string {
	b := make([]byte, most)
	n, err := from.Read(b)
	require.NoError(t, err)
	return string(b[:n])
}

// TestWireFaults: a frozen connection is silent, a cut one ends at both ends.
func TestWireFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const oneWay = 100 * time.Millisecond
		w := &wire{oneWay: oneWay}
		near, far := wired(t, w)
		_, _ = near.Write([]byte("under way"))
		w.freeze()
		_, err := near.Write([]byte("later"))
		require.NoError(t, err, "it does not know")
		require.NoError(t, far.SetReadDeadline(time.Now().Add(time.Hour)))
		began := time.Now()
		_, err = far.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, time.Hour, time.Since(began))

		near, far = wired(t, w)
		_, _ = near.Write([]byte("lost"))
		_, _ = far.Write([]byte("ab"))
		began = time.Now()
		w.cut()
		_, err = far.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		assert.Zero(t, time.Since(began))
		assert.Equal(t, "ab", reads(t, near, 10), "it was past the break")
		_, err = near.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		assert.Equal(t, oneWay, time.Since(began))
	})
}

// TestWireWakes: a deadline that is set, and a close, end a read that runs.
func TestWireWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wired(t, &wire{})
		time.AfterFunc(time.Second, func() { _ = near.SetReadDeadline(time.Now()) })
		_, err := near.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		time.AfterFunc(time.Second, func() { _ = far.Close() })
		_, err = far.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// talk lets a call go on for a second and a round trip, and says how many packets
// have come in at either side meanwhile. Nothing is lost: 50.
func (r *road) talk(c *callkit.Call) (in, out int) {
	time.Sleep(2 * r.oneWay)
	in, out = int(c.Received()), int(r.server.PacketsFrom(attendee)) //nolint:gosec // few
	time.Sleep(time.Second)
	return int(c.Received()) - in, int(r.server.PacketsFrom(attendee)) - out //nolint:gosec // few
}

// calls opens a call over a road with a round trip of 100 ms.
func calls(t *testing.T) (*road, *callkit.Call) {
	r := newRoad(t, 100*time.Millisecond)
	c, err := r.dial(deaf{})
	require.NoError(t, err)
	time.Sleep(time.Second)
	return r, c
}

// TestDarkPath: nothing comes through the sockets that were open, and all through
// those of an ICE restart.
func TestDarkPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := calls(t)
		in, out := r.talk(c)
		assert.InDelta(t, 50, in, 1)
		assert.InDelta(t, 50, out, 1)
		r.near.darken()
		in, out = r.talk(c)
		assert.Zero(t, in)
		assert.Zero(t, out)
		require.NoError(t, c.ProbeMedia(t.Context(), 1))

		audio := r.near.ear.next()
		require.NoError(t, c.RestartMedia(t.Context()))
		<-audio
		in, out = r.talk(c)
		assert.InDelta(t, 50, in, 1)
		assert.InDelta(t, 50, out, 1)
	})
}

// probes notes the answers to media probes.
type probes struct {
	deaf
	answered atomic.Int32
}

func (p *probes) Probed(uint64) { p.answered.Add(1) }

// TestRebinding: behind a NAT that has forgotten the mapping the server hears the
// client again, after the client's next check has shown it the new address, and
// answers its probes. But the media that it sends goes to the old address until an
// ICE restart.
func TestRebinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, p := newRoad(t, 100*time.Millisecond), &probes{}
		c, err := r.dial(p)
		require.NoError(t, err)
		time.Sleep(time.Second)
		require.NoError(t, r.near.rebind())
		time.Sleep(1200 * time.Millisecond)
		for range 5 {
			require.NoError(t, c.ProbeMedia(t.Context(), 1))
			in, out := r.talk(c)
			assert.Zero(t, in)
			assert.InDelta(t, 50, out, 1)
		}
		assert.EqualValues(t, 5, p.answered.Load())
		require.NoError(t, c.RestartMedia(t.Context()))
		in, out := r.talk(c)
		assert.InDelta(t, 50, in, 1)
		assert.InDelta(t, 50, out, 1)
	})
}

// TestServerKilled: the client loses signaling one way later, hears nothing of the
// media, is refused, and is welcome when the server is back.
func TestServerKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := calls(t)
		began := time.Now()
		r.killServer()
		assert.Zero(t, time.Since(began))
		time.Sleep(2 * r.oneWay)
		require.Error(t, c.Ping(t.Context(), 1), "signaling is lost")
		_, err := r.dial(deaf{})
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.Equal(t, 2*r.oneWay+2*r.wire.oneWay, time.Since(began))
		r.startServer()
		fresh, err := r.dial(deaf{})
		require.NoError(t, err)
		time.Sleep(time.Second)
		in, out := r.talk(fresh)
		assert.InDelta(t, 50, in, 1)
		assert.InDelta(t, 50, out, 1)
	})
}
