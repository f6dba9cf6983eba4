package pionlink

import (
	"encoding/binary"
	"strings"
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

// counter counts the audio packets of one peer connection. It is an interceptor:
// what comes in counts when the application reads it from its track.
type counter struct {
	interceptor.NoOp
	tap     *Tap
	id      string
	claimed bool // under the tap's mutex

	mu      sync.Mutex
	streams map[uint32]*stream // inbound, by SSRC
	senders int                // outbound streams
	figures figures
}

// figures are totals of packets.
type figures struct{ received, expected, sent uint64 }

// totals gives the packets so far, and whether audio is received and sent at all.
func (c *counter) totals() (f figures, receiving, sending bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		receiving = receiving || s.started
	}
	return c.figures, receiving, c.senders > 0
}

// audio tells the streams that count from those that repair others.
func audio(info *interceptor.StreamInfo) bool {
	kind, codec, _ := strings.Cut(strings.ToLower(info.MimeType), "/")
	return kind == "audio" && codec != "rtx" && !strings.Contains(codec, "fec")
}

// BindRemoteStream counts what comes in.
func (c *counter) BindRemoteStream(info *interceptor.StreamInfo, next interceptor.RTPReader) interceptor.RTPReader {
	if !audio(info) {
		return next
	}
	s := &stream{}
	c.mu.Lock()
	c.streams[info.SSRC] = s
	c.mu.Unlock()
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, a, err := next.Read(b, a)
		if err == nil && n >= rtpHeader {
			c.count(s, binary.BigEndian.Uint16(b[2:]))
		}
		return n, a, err
	})
}

const rtpHeader = 12

func (c *counter) count(s *stream, seq uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.figures.received++
	c.figures.expected += s.expect(seq)
}

// UnbindRemoteStream forgets a stream.
func (c *counter) UnbindRemoteStream(info *interceptor.StreamInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.streams, info.SSRC)
}

// BindLocalStream counts what goes out.
func (c *counter) BindLocalStream(info *interceptor.StreamInfo, next interceptor.RTPWriter) interceptor.RTPWriter {
	if !audio(info) {
		return next
	}
	c.mu.Lock()
	c.senders++
	c.mu.Unlock()
	return interceptor.RTPWriterFunc(func(h *rtp.Header, p []byte, a interceptor.Attributes) (int, error) {
		n, err := next.Write(h, p, a)
		if err == nil {
			c.mu.Lock()
			c.figures.sent++
			c.mu.Unlock()
		}
		return n, err
	})
}

// UnbindLocalStream forgets a stream.
func (c *counter) UnbindLocalStream(info *interceptor.StreamInfo) {
	if audio(info) {
		c.mu.Lock()
		c.senders--
		c.mu.Unlock()
	}
}

// Close ends the counter with its peer connection.
func (c *counter) Close() error {
	c.tap.uncount(c)
	return nil
}

// stream follows the sequence numbers of one inbound stream.
type stream struct {
	started bool
	last    uint16 // the highest, wraps
}

// maxDropout is the longest gap that is taken for loss: RFC 3550 appendix A.1. The
// numbers of a stream that begins anew look like a longer one.
const maxDropout = 3000

// maxMisorder is how far behind a late packet may come.
const maxMisorder = 100

// expect says how many more packets should have come, now that this one has. One
// that is late or doubled was expected before.
func (s *stream) expect(seq uint16) uint64 {
	step := int16(seq - s.last) //nolint:gosec // the numbers wrap
	switch {
	case s.started && step > 0 && step <= maxDropout:
		s.last = seq
		return uint64(step)
	case s.started && step <= 0 && step > -maxMisorder:
		return 0
	}
	s.started, s.last = true, seq
	return 1
}
