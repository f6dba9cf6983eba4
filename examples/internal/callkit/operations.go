package callkit

import (
	"context"
	"errors"
	"fmt"

	"github.com/pion/webrtc/v4"
)

// ErrClosed is the error of an operation on a call that was closed meanwhile.
var ErrClosed = errors.New("callkit: call closed")

// Received counts the audio packets that have come in since the call began.
func (c *Call) Received() uint64 { return c.in.total.Load() }

// Sent counts the audio packets that have gone out since the call began.
func (c *Call) Sent() uint64 {
	if c.out == nil {
		return 0
	}
	return c.out.sent.Load()
}

// Ping sends a ping. Its answer goes to the handler's Pong, if it comes.
func (c *Call) Ping(ctx context.Context, id uint64) error {
	return c.send(ctx, c.current(), Message{Kind: KindPing, ID: id})
}

// ProbeMedia asks the media path for a sign of life. It is reported with the
// handler's Probed, if it comes.
func (c *Call) ProbeMedia(ctx context.Context, id uint64) error { return c.media.ProbeMedia(ctx, id) }

// RestartMedia makes the media path anew over the open signaling and returns when
// it carries traffic again. The error is errors.ErrUnsupported if no restart can
// bring the media back: the peer connection is closed, or DTLS has failed.
func (c *Call) RestartMedia(ctx context.Context) error {
	return c.restarted(c.negotiation(ctx, func() error {
		if c.mediaOver() {
			return errMediaOver
		}
		return c.media.Restart(ctx, c.reoffer)
	}))
}

// errMediaOver says that only another call can have media again.
var errMediaOver = fmt.Errorf("callkit: the peer connection is closed for good: %w", errors.ErrUnsupported)

func (c *Call) mediaOver() bool {
	dtls := c.peer.SCTP().Transport().State()
	return c.ctx.Err() != nil || c.peer.ConnectionState() == webrtc.PeerConnectionStateClosed ||
		dtls == webrtc.DTLSTransportStateClosed || dtls == webrtc.DTLSTransportStateFailed
}

// restarted judges the outcome of a restart. Media that is back can be lost again.
func (c *Call) restarted(err error) error {
	switch over := c.mediaOver(); {
	case over && c.closing() != nil:
		return errors.Join(ErrClosed, errMediaOver)
	case over && !errors.Is(err, errMediaOver):
		return errors.Join(err, errMediaOver)
	case err == nil:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.mediaGone = false
	}
	return err
}

// reoffer sends an offer during the call and gives the answer.
func (c *Call) reoffer(ctx context.Context, offer webrtc.SessionDescription) (webrtc.SessionDescription, error) {
	reply, err := c.ask(ctx, Message{Kind: KindUpdate, SDP: offer.SDP, ViewOnly: c.sending.Err() != nil})
	return webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: reply.SDP}, err
}

// Update is a change to a running call.
type Update struct {
	Renegotiate bool // exchange offer and answer anew
	ViewOnly    bool // send no media from now on; there is no way back
}

// Update changes the running call and returns when the server has agreed. An
// update that asks for nothing does nothing. After an error the two sides may
// disagree about the media until another update succeeds, or a restart.
func (c *Call) Update(ctx context.Context, u Update) error {
	if !u.Renegotiate && !u.ViewOnly {
		return nil
	}
	return c.negotiation(ctx, func() error {
		if u.ViewOnly {
			if err := c.muteForGood(); err != nil {
				return err
			}
		}
		return c.renegotiate(ctx)
	})
}

func (c *Call) renegotiate(ctx context.Context) error {
	sdp, err := offer(ctx, c.peer)
	if err == nil {
		err = c.exchange(ctx, Message{Kind: KindUpdate, SDP: sdp, ViewOnly: c.sending.Err() != nil})
	}
	if err != nil {
		takeBack(c.peer)
	}
	return err
}

// negotiation runs f when no other negotiation does.
func (c *Call) negotiation(ctx context.Context, f func() error) error {
	if err := c.take(ctx, c.negotiating); err != nil {
		return err
	}
	defer func() { <-c.negotiating }()
	return f()
}

// take waits for a token that one task at a time may hold.
func (c *Call) take(ctx context.Context, token chan<- struct{}) error {
	select {
	case token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.ctx.Done():
		return ErrClosed
	}
}

// muteForGood takes the audio track out of the call.
func (c *Call) muteForGood() error {
	if c.sender == nil || c.sending.Err() != nil {
		return nil // is view-only already
	}
	c.stopSending()
	return c.peer.RemoveTrack(c.sender)
}

// Promote takes the attendee into the primary meeting as well. The error carries
// a status.Status if the server refuses.
func (c *Call) Promote(ctx context.Context, t Token) error {
	_, err := c.ask(ctx, Message{Kind: KindPromote, Token: t})
	return err
}

// Demote takes the attendee out of the primary meeting.
func (c *Call) Demote(ctx context.Context) error {
	_, err := c.ask(ctx, Message{Kind: KindDemote})
	return err
}

// Leave says goodbye, so that the server knows that the attendee will not come
// back, and returns when the server has taken note. What the server closes then
// is not reported as a loss. The call still has to be closed.
func (c *Call) Leave(ctx context.Context) error {
	c.leaving.Store(true)
	_, err := c.ask(ctx, Message{Kind: KindLeave})
	return err
}

// Close ends the call without a word to the server (see Leave) and never waits
// for the network. It returns when everything is closed and every goroutine of
// the call has ended, or when ctx ends, with the clean-up going on. Every call
// of it waits.
func (c *Call) Close(ctx context.Context) error {
	c.closeOnce.Do(func() {
		c.end()
		go c.tearDown()
	})
	select {
	case <-c.closed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Call) tearDown() {
	defer close(c.closed)
	if l := c.current(); l != nil {
		l.cut()
	}
	if c.peer != nil {
		c.media.Close()
		_ = c.peer.GracefulClose() // waits for the goroutines of Pion
	}
	c.tasks.Wait()
}
