package callkit

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	// packetEvery is the usual packet time of Opus: 50 packets a second.
	packetEvery = 20 * time.Millisecond
	// opusBytes is a typical payload of one packet of speech.
	opusBytes = 80
	// opusClock is the RTP clock rate of Opus (RFC 7587 section 4.1), in Hz.
	opusClock = 48000
)

// outbound sends one stream of packets that look like Opus.
type outbound struct {
	track  *webrtc.TrackLocalStaticRTP
	every  time.Duration
	silent atomic.Bool   // send nothing for now
	sent   atomic.Uint64 // packets so far
}

// newOutbound makes a stream with a packet every so often; 0 means 20 ms.
func newOutbound(every time.Duration) (*outbound, error) {
	if every <= 0 {
		every = packetEvery
	}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: opusClock, Channels: 2}
	track, err := webrtc.NewTrackLocalStaticRTP(opus, "audio", "callkit")
	if err != nil {
		return nil, err
	}
	return &outbound{track: track, every: every}, nil
}

// run sends until ctx ends. A packet that cannot be sent is lost, as any is.
func (o *outbound) run(ctx context.Context) {
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	p := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: make([]byte, opusBytes)}
	step := uint32(o.every.Seconds() * opusClock)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.Timestamp += step // runs on in silence, the sequence number does not
			o.send(p)
		}
	}
}

func (o *outbound) send(p *rtp.Packet) {
	if o.silent.Load() {
		return
	}
	p.SequenceNumber++
	if o.track.WriteRTP(p) == nil {
		o.sent.Add(1)
	}
}

// inbound counts the packets of the audio that comes in. Its zero value is ready.
type inbound struct {
	total atomic.Uint64 // packets so far
}

// run reads a track to its end.
func (in *inbound) run(track *webrtc.TrackRemote) {
	buf := make([]byte, 1500) // no packet of ours exceeds the MTU
	for {
		if _, _, err := track.Read(buf); err != nil {
			return
		}
		in.total.Add(1)
	}
}

// drain reads the RTCP that answers a stream, which the interceptors of Pion
// see only when it is read, until the stream ends.
func drain(sender *webrtc.RTPSender) {
	buf := make([]byte, 1500)
	for {
		if _, _, err := sender.Read(buf); err != nil {
			return
		}
	}
}
