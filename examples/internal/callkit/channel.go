package callkit

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/coder/websocket"
)

// channel is one signaling connection: messages over a WebSocket. One goroutine
// may receive while any number send and close.
type channel struct {
	ws *websocket.Conn
	// raw is the connection below the WebSocket. Only closing this one works at
	// any moment: once a close handshake has begun, the library's CloseNow waits
	// for the handshake, which a silent peer draws out to many seconds.
	raw io.Closer
}

// receive blocks for the next message. Ending ctx closes the connection.
func (c *channel) receive(ctx context.Context) (Message, error) {
	_, b, err := c.ws.Read(ctx)
	if err != nil {
		return Message{}, err
	}
	return decode(b)
}

// send writes one message. If ctx ends in mid-write the connection is closed,
// because half a frame cannot be taken back.
func (c *channel) send(ctx context.Context, m Message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return c.ws.Write(ctx, websocket.MessageText, b)
}

// close does the closing handshake (RFC 6455 section 7.1.2) and gives a peer
// that does not answer no longer than patience.
func (c *channel) close(code websocket.StatusCode, w Wish) {
	cut := time.AfterFunc(patience, c.cut)
	defer cut.Stop()
	_ = c.ws.Close(code, w.reason()) // the connection is gone either way
}

// cut drops the connection without a close frame, at once.
func (c *channel) cut() {
	_ = c.raw.Close()
	_ = c.ws.CloseNow()
}
