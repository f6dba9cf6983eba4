package session_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// hop is the time of one answer of the scripted server: 10 ms, and a little
// more so that a step of a script at the same instant comes first, as it did
// when the script was recorded.
const hop = 10*time.Millisecond + 10*time.Microsecond

// The rest of a connection's time, in hops: gathering candidates is local work.
const (
	gatherHops    = 5
	subscribeHops = 2 // the answer, and taking it over
)

// teardownLimit is how long an attempt that was given up waits for the server's
// answers to its goodbye.
const teardownLimit = 50 * time.Millisecond

// scriptServer is the scripted server together with a client's transport that
// talks to it, as an adapter would: it translates frames and close codes with
// package status and reports through the Reporter.
type scriptServer struct {
	presence bool // the attendee's presence is awaited

	mu        sync.Mutex
	behaviour behaviour
	gathering *status.Code // what a cancelled gathering fails with; nil: its own code
	counts    map[string]int
	socket    *scriptConn       // the newest connection
	reporter  *session.Reporter // the newest
	attempts  []session.Attempt
	sockets   []*scriptConn
	served    bool // a link was opened and its attendee present: later losses are reconnects
}

func newScriptServer(presence bool) *scriptServer {
	return &scriptServer{behaviour: newBehaviour(), counts: map[string]int{}, presence: presence}
}

// scriptConn is one connection to the server and, once open, a session's link.
type scriptConn struct {
	s      *scriptServer
	r      *session.Reporter
	failed chan error    // ends the handshake; the first one counts
	answer chan struct{} // the answer to the join
	closed chan struct{} // ends the health samples

	// Under the server's lock:
	open        bool // the socket
	joining     bool // the join is not answered
	subscribing bool
	attached    bool
	left        bool
}

// Connect opens a link in the steps of the recorded client: socket, join and
// index, candidates, subscribe.
func (s *scriptServer) Connect(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
	c := &scriptConn{
		s: s, r: r, failed: make(chan error, 1), answer: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	s.mu.Lock()
	if a.Cause.IsZero() {
		s.served = false // a new session
	}
	s.socket, s.reporter = c, r
	s.attempts, s.sockets = append(s.attempts, a), append(s.sockets, c)
	s.mu.Unlock()
	if err := c.handshake(ctx); err != nil {
		c.abandon()
		return nil, err
	}
	c.attach()
	return c, nil
}

func (c *scriptConn) handshake(ctx context.Context) error {
	for _, step := range []func(context.Context) error{c.openSocket, c.join, c.gather, c.subscribe} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *scriptConn) openSocket(ctx context.Context) error {
	mode := c.s.now().open
	if mode == "hang" {
		return c.pause(ctx, scriptNever)
	}
	if err := c.pause(ctx, hop); err != nil {
		return err
	}
	if mode == "fail" {
		c.s.note("socketFailed")
		st := status.FromWebSocketError(0, status.Joining)
		st.Cause = errors.New("the socket could not be opened")
		return st
	}
	c.s.mu.Lock()
	c.open, c.joining = true, true
	c.s.mu.Unlock()
	return nil
}

func (c *scriptConn) join(ctx context.Context) error {
	c.s.note("joinSent")
	if c.s.now().join == "ok" {
		c.answerJoin()
	}
	select {
	case <-c.answer:
	case err := <-c.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	return c.pause(ctx, 2*hop) // the answer, then the index
}

// answerJoin lets an outstanding join go on.
func (c *scriptConn) answerJoin() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.open && c.joining {
		c.joining = false
		c.answer <- struct{}{}
	}
}

// gather collects candidates. When it is cancelled it names itself as the step
// that hung, or fails with the code of the script.
func (c *scriptConn) gather(ctx context.Context) error {
	d := gatherHops * hop
	if c.s.now().ice == "never" {
		d = scriptNever
	}
	err := c.pause(ctx, d)
	if err == nil || ctx.Err() == nil {
		return err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.gathering != nil {
		return *c.s.gathering
	}
	return status.New(status.ICEGatheringTimeoutWorkaround, err)
}

func (c *scriptConn) subscribe(ctx context.Context) error {
	c.s.mu.Lock()
	c.subscribing = true
	c.s.mu.Unlock()
	c.s.note("subscribeSent")
	if c.s.now().subscribe != "ok" {
		return c.pause(ctx, scriptNever)
	}
	return c.pause(ctx, subscribeHops*hop)
}

const scriptNever = 1000 * time.Hour

// pause passes time within the handshake.
func (c *scriptConn) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case err := <-c.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fail ends the handshake.
func (c *scriptConn) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// abandon closes what a failed handshake has opened. The recorded client says
// goodbye after a first connect and just lets go of the socket in a reconnect.
func (c *scriptConn) abandon() {
	c.s.mu.Lock()
	open, served, b := c.open, c.s.served, c.s.behaviour
	c.open = false
	c.s.counts["leaveSent"]++
	c.s.mu.Unlock()
	if open && !served {
		<-time.NewTimer(goodbye(b.leave, teardownLimit)).C
		<-time.NewTimer(goodbye(b.closing, teardownLimit)).C
	}
}

// goodbye is how long the server takes to answer, if it does so in time.
func goodbye(mode string, limit time.Duration) time.Duration {
	if mode == "ok" {
		return hop
	}
	return limit
}

// attach begins what an open link does by itself.
func (c *scriptConn) attach() {
	c.s.mu.Lock()
	c.attached = true
	c.s.served = c.s.served || !c.s.presence || c.s.behaviour.presence == "ok"
	presence := c.s.presence && c.s.behaviour.presence == "ok"
	c.s.mu.Unlock()
	if presence {
		time.AfterFunc(hop, c.r.Present)
	}
	go c.sample()
}

// The recorded statistics: what arrives in a second.
const (
	sampleEvery     = time.Second
	packetsASecond  = 50
	bytesASecond    = 5000
	messagesASecond = 1
)

func (c *scriptConn) sample() {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	var media scriptMedia
	for {
		select {
		case <-tick.C:
			c.r.Sample(media.next(c.s.now().media))
		case <-c.closed:
			return
		}
	}
}

// scriptMedia makes health samples out of the server's behaviour.
type scriptMedia struct{ bytes, messages uint64 }

func (m *scriptMedia) next(mode string) health.Sample {
	received, loss := 0.0, 100.0
	if mode == "ok" {
		received, loss = packetsASecond, 0
		m.bytes += bytesASecond
		m.messages += messagesASecond
	}
	return health.Sample{
		AudioPacketsReceived: health.Some(received), AudioLoss: health.Some(loss),
		AudioPacketsSent: health.Some(packetsASecond), BytesReceived: m.bytes, STUNMessages: m.messages,
	}
}

// Ping answers by itself.
func (c *scriptConn) Ping(ctx context.Context, id uint64) error {
	c.s.mu.Lock()
	answered := c.open && c.s.behaviour.pong == "ok"
	c.s.mu.Unlock()
	if !answered {
		return nil
	}
	err := c.pause(ctx, hop)
	if err == nil {
		c.r.Pong(id)
	}
	return err
}

// Update negotiates anew; to stop sending needs nothing from the server.
func (c *scriptConn) Update(ctx context.Context, change session.Change) error {
	if !change.Renegotiate {
		return nil
	}
	if err := c.pause(ctx, gatherHops*hop); err != nil {
		return err
	}
	c.s.note("subscribeSent")
	if c.s.now().subscribe != "ok" {
		return c.pause(ctx, scriptNever)
	}
	return c.pause(ctx, subscribeHops*hop)
}

func (c *scriptConn) Promote(ctx context.Context, _ session.Credentials) error {
	return c.pause(ctx, hop)
}

func (c *scriptConn) Demote(ctx context.Context) error { return c.pause(ctx, hop) }

// Leave says goodbye on an open socket.
func (c *scriptConn) Leave(ctx context.Context) error {
	c.s.mu.Lock()
	open, mode := c.open, c.s.behaviour.leave
	c.left = true
	c.s.counts["leaveSent"]++
	c.s.mu.Unlock()
	if !open {
		return nil
	}
	return c.pause(ctx, goodbye(mode, scriptNever))
}

// Close closes the socket.
func (c *scriptConn) Close(ctx context.Context) error {
	close(c.closed)
	c.s.mu.Lock()
	open, mode := c.open, c.s.behaviour.closing
	c.open = false
	if !c.left {
		c.s.counts["leaveSent"]++ // what matters is that the link is torn down
	}
	c.s.mu.Unlock()
	if !open {
		return nil
	}
	return c.pause(ctx, goodbye(mode, scriptNever))
}

// closeSocket is the server closing the newest connection.
func (s *scriptServer) closeSocket(code int, errorFirst bool) {
	s.mu.Lock()
	c := s.socket
	if c == nil || !c.open {
		s.mu.Unlock()
		return
	}
	c.open = false
	phase := c.phase()
	s.mu.Unlock()
	var told []status.Status
	if errorFirst {
		told = append(told, status.FromWebSocketError(0, phase))
	}
	for _, st := range append(told, status.FromWebSocketClose(code, phase)) {
		if phase == status.Attached {
			c.r.Closed(status.LayerSignaling, st)
		} else {
			c.fail(st)
		}
	}
}

// phase is how far the connection is, with the server's lock held.
func (c *scriptConn) phase() status.Phase {
	switch {
	case c.attached:
		return status.Attached
	case c.subscribing:
		return status.Subscribing
	}
	return status.Joining
}

// frame is the server sending a frame on the newest connection.
func (s *scriptServer) frame(f status.Frame) {
	s.mu.Lock()
	c := s.socket
	if c == nil || !c.open {
		s.mu.Unlock()
		return
	}
	answer := c.joining && f.Type == status.FrameJoinAck
	if answer {
		c.joining = false // an index does not follow
	}
	s.mu.Unlock()
	f.NoJoinBody = f.NoJoinBody && answer // it is judged only by who waits for it
	st, reported := status.FromFrame(f)
	failure, failed := status.Status{}, false
	if answer {
		failure, failed = status.FromJoinAnswer(f)
	}
	if reported && !(failed && failure.Code == st.Code) {
		c.r.Status(st)
	}
	if failed {
		c.fail(failure)
	}
}

func (s *scriptServer) answerJoin() {
	s.mu.Lock()
	c := s.socket
	s.mu.Unlock()
	if c != nil {
		c.answerJoin()
	}
}

// now is the server's present behaviour.
func (s *scriptServer) now() behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour
}

func (s *scriptServer) setServer(changes map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour.set(changes)
}

func (s *scriptServer) failGathering(code *status.Code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gathering = code
}

// note counts something that a script may wait for.
func (s *scriptServer) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

func (s *scriptServer) noted(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[what]
}

func (s *scriptServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.counts)
}

// dialed gives a copy of all attempts.
func (s *scriptServer) dialed() []session.Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]session.Attempt(nil), s.attempts...)
}

// leaked counts the sockets that are open.
func (s *scriptServer) leaked() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.sockets {
		if c.open {
			n++
		}
	}
	return n
}

func (s *scriptServer) newest() *session.Reporter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reporter
}
