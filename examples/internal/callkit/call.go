package callkit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

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

	// Set by Dial in this order and not changed afterwards; zero if Dial did not
	// come that far.
	session Token // what the call resumes with; "" if the server keeps no sessions
	peer    *webrtc.PeerConnection
	media   *pionlink.Media
	out     *outbound // nil in a call that began view-only
	sender  *webrtc.RTPSender

	in       inbound
	requests requests
	leaving  atomic.Bool // the server was told; its close is no loss
	promoted atomic.Bool // as far as the server has said

	connected     chan struct{} // closed when media is connected
	connectedOnce sync.Once
	// negotiating and resuming hold a token while an update or a Resume runs: one
	// of each at a time.
	negotiating, resuming chan struct{}
	access                access // guarded by resuming

	closeOnce sync.Once
	closed    chan struct{} // everything is closed and every task has ended

	telling     sync.Mutex // held while a line tells the handler; before mu
	mu          sync.Mutex
	line        *line // nil until Dial has opened it
	established bool  // Dial has succeeded, the handler is told of losses
	mediaGone   bool
}

func newCall(o Options, h Handler) *Call {
	c := &Call{
		o: o, h: h,
		access: access{o.URL, o.Token}, connected: make(chan struct{}), closed: make(chan struct{}),
		negotiating: make(chan struct{}, 1), resuming: make(chan struct{}, 1),
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

// closing is ErrClosed once the call is being closed.
func (c *Call) closing() error {
	if c.ctx.Err() != nil {
		return ErrClosed
	}
	return nil
}

// end makes every task end and lets no other begin.
func (c *Call) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel()
}

// ask sends a request over the line that counts and waits for its answer. A status
// in the answer that is not OK is an error.
func (c *Call) ask(ctx context.Context, m Message) (Message, error) {
	return c.askOver(ctx, c.current(), m)
}

func (c *Call) askOver(ctx context.Context, l *line, m Message) (Message, error) {
	var answer <-chan Message
	m.ID, answer = c.requests.open()
	defer c.requests.close(m.ID)
	if err := c.send(ctx, l, m); err != nil {
		return Message{}, err
	}
	select {
	case reply := <-answer:
		return judged(reply)
	case <-l.ctx.Done():
	case <-ctx.Done():
		return Message{}, context.Cause(ctx)
	case <-c.ctx.Done():
		return Message{}, ErrClosed
	}
	select {
	case reply := <-answer:
		return judged(reply) // the server's last word, read before the loss
	default:
		return Message{}, l.lost()
	}
}

// judged makes an error of an answer with a status.
func judged(reply Message) (Message, error) {
	if st := status.FromSignaling(reply.Status); st.Code != status.OK {
		return Message{}, reply.asked(st)
	}
	return reply, nil
}

// send writes a message, or says why there is no one to send it to. The write
// itself does not end with ctx: the WebSocket library closes a connection on
// which a write is abandoned, and giving up one operation must not end the call.
func (c *Call) send(ctx context.Context, l *line, m Message) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !c.begin() {
		return ErrClosed
	}
	sent := make(chan error, 1)
	go func() {
		defer c.tasks.Done()
		sent <- l.send(c.ctx, m)
	}()
	select {
	case err := <-sent:
		return c.sent(ctx, l, err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sent judges the outcome of a write.
func (c *Call) sent(ctx context.Context, l *line, err error) error {
	switch {
	case err == nil:
		return nil
	case c.ctx.Err() != nil:
		return ErrClosed
	}
	return c.awaitLoss(ctx, l, err)
}

// awaitLoss exchanges the error of a failed write for the reason that the
// reader, which the same loss ends, finds: it may still have the server's last
// words to read.
func (c *Call) awaitLoss(ctx context.Context, l *line, err error) error {
	select {
	case <-l.ctx.Done():
		return l.lost()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.ctx.Done():
		return errors.Join(ErrClosed, err)
	}
}
