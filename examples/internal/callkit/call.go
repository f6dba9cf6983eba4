package callkit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/pionlink"
	"github.com/pion/webrtc/v4"
)

// Call is a client's place in a meeting. It ends with Close, and only with that:
// a call that has lost its signaling or its media still has to be closed. All
// methods may be called from any goroutine but not from a Handler.
type Call struct {
	o Options
	h Handler
	// ctx is the call's life. Close ends it, and then no handler is called any
	// more and every task ends.
	ctx    context.Context
	cancel context.CancelFunc
	// sending ends with ctx, or when the call becomes view-only.
	sending     context.Context
	stopSending context.CancelFunc
	tasks       sync.WaitGroup

	// Set by Dial in this order and not changed afterwards; nil if Dial did not
	// come that far.
	sig    *channel
	peer   *webrtc.PeerConnection
	media  *pionlink.Media
	out    *outbound // nil in a call that began view-only
	sender *webrtc.RTPSender

	in       inbound
	requests requests
	leaving  atomic.Bool // the server was told; its close is no loss

	connected     chan struct{} // closed when media is connected
	connectedOnce sync.Once
	// lost is closed when an attempt fails by what the server says or does, or the
	// call loses its signaling: no answer will come.
	lost     chan struct{}
	lostOnce sync.Once
	// negotiating holds a token while an update runs: one at a time.
	negotiating chan struct{}

	closeOnce sync.Once
	closed    chan struct{} // everything is closed and every task has ended

	mu          sync.Mutex
	established bool  // Dial has succeeded, the handler is told of losses
	failure     error // first thing that went wrong before that
	signalGone  error // why the signaling is lost, nil while it stands
	mediaGone   bool
}

func newCall(o Options, h Handler) *Call {
	c := &Call{
		o: o, h: h,
		connected: make(chan struct{}), lost: make(chan struct{}), closed: make(chan struct{}),
		negotiating: make(chan struct{}, 1),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.sending, c.stopSending = context.WithCancel(c.ctx)
	if o.ViewOnly {
		c.stopSending()
	}
	return c
}

// begin makes Close wait until tasks.Done is called, unless the call is being
// closed already.
func (c *Call) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return false
	}
	c.tasks.Add(1)
	return true
}

// during runs f in a goroutine that is not the call's own.
func (c *Call) during(f func()) {
	if c.begin() {
		defer c.tasks.Done()
		f()
	}
}

// end makes every task end and lets no other begin.
func (c *Call) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel()
}

// establish turns the attempt into a call, unless something has failed meanwhile.
func (c *Call) establish() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.established = c.failure == nil
	return c.failure
}

// fail takes note of what ends an attempt and reports whether there is still one
// to end. The caller holds mu.
func (c *Call) fail(err error) bool {
	if c.established {
		return false
	}
	if c.failure == nil {
		c.failure = err
	}
	c.noAnswers()
	return true
}

func (c *Call) noAnswers() { c.lostOnce.Do(func() { close(c.lost) }) }

// readSignaling handles messages until the signaling is lost.
func (c *Call) readSignaling() {
	for {
		m, err := c.sig.receive(c.ctx)
		if err != nil {
			c.signalingLost(err)
			return
		}
		c.h.Alive(status.LayerSignaling)
		c.handle(m)
	}
}

func (c *Call) handle(m Message) {
	if answers[m.Kind] {
		c.requests.settle(m)
		return
	}
	switch m.Kind {
	case KindPong:
		c.h.Pong(m.ID)
	case KindPresent:
		c.h.Present()
	case KindAudioStatus:
		c.told(status.FromAudio(m.Status))
	case KindError:
		c.told(status.FromSignaling(m.Status))
	case KindPrimaryLeave:
		c.told(status.New(status.AudioVideoWasRemovedFromPrimaryMeeting, nil))
	}
}

// told deals with a status from the server: whatever is not OK ends an attempt.
func (c *Call) told(st status.Status) {
	if st.Code == status.OK {
		return
	}
	c.mu.Lock()
	ended := c.fail(st)
	c.mu.Unlock()
	if !ended {
		c.h.Status(st)
	}
}

// signalingLost runs once, at the end of the reader.
func (c *Call) signalingLost(cause error) {
	st := status.FromWebSocketClose(int(websocket.CloseStatus(cause)), status.Attached)
	st.Cause = cause
	c.mu.Lock()
	c.signalGone = st
	ended := c.fail(st)
	c.mu.Unlock()
	c.noAnswers()
	if !ended && !c.leaving.Load() && c.ctx.Err() == nil {
		c.h.Closed(status.LayerSignaling, st)
	}
}

// ask sends a request and waits for its answer. A status in the answer that is
// not OK is an error.
func (c *Call) ask(ctx context.Context, m Message) (Message, error) {
	var answer <-chan Message
	m.ID, answer = c.requests.open()
	defer c.requests.close(m.ID)
	if err := c.send(ctx, m); err != nil {
		return Message{}, err
	}
	select {
	case reply := <-answer:
		return judged(reply)
	case <-c.lost:
	case <-ctx.Done():
		return Message{}, context.Cause(ctx)
	case <-c.ctx.Done():
		return Message{}, ErrClosed
	}
	select {
	case reply := <-answer:
		return judged(reply) // the server's last word, read before the loss
	default:
		return Message{}, c.whyLost()
	}
}

// judged makes an error of an answer with a status.
func judged(reply Message) (Message, error) {
	if st := status.FromSignaling(reply.Status); st.Code != status.OK {
		return Message{}, st
	}
	return reply, nil
}

// send writes a message, or says why there is no one to send it to. The write
// itself does not end with ctx: the WebSocket library closes a connection on
// which a write is abandoned, and giving up one operation must not end the call.
func (c *Call) send(ctx context.Context, m Message) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !c.begin() {
		return ErrClosed
	}
	sent := make(chan error, 1)
	go func() {
		defer c.tasks.Done()
		sent <- c.sig.send(c.ctx, m)
	}()
	select {
	case err := <-sent:
		return c.sent(ctx, err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sent judges the outcome of a write.
func (c *Call) sent(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case c.ctx.Err() != nil:
		return ErrClosed
	}
	return c.awaitLoss(ctx, err)
}

// awaitLoss exchanges the error of a failed write for the reason that the
// reader, which the same loss ends, finds: it may still have the server's last
// words to read.
func (c *Call) awaitLoss(ctx context.Context, err error) error {
	select {
	case <-c.lost:
		return c.whyLost()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.ctx.Done():
		return errors.Join(ErrClosed, err)
	}
}

func (c *Call) whyLost() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return c.failure
	}
	return c.signalGone
}
