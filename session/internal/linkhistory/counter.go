package linkhistory

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
)

// counter counts what a media stack counts.
type counter struct {
	bytes, stun uint64
	packets     uint64 // of audio
	next        uint64 // number after that of the newest
	started     bool

	at          time.Duration // of the last report
	lastPackets uint64
	lastNext    uint64
	sample      health.Sample
}

// bytesOf is how long inbound datagrams are.
var bytesOf = [reconnects + 1]uint64{rtpHeard: 120, rtcpHeard: 80, checkHeard: 100, answerHeard: 100}

// count takes an inbound datagram; id is the number of an audio packet.
func (c *counter) count(k kind, id uint64) {
	c.bytes += bytesOf[k]
	switch k {
	case checkHeard, answerHeard:
		c.stun++
	case rtpHeard:
		c.packets++
		if !c.started {
			c.started, c.next, c.lastNext = true, id, id
		}
		c.next = max(c.next, id+1)
	}
}

// report gives the sample of the time since the last one, valid until the next.
func (c *counter) report(mono time.Duration, content Content) *health.Sample {
	seconds := 1.0
	if c.at > 0 {
		seconds = (mono - c.at).Seconds()
	}
	got, expected := float64(c.packets-c.lastPackets), float64(c.next-c.lastNext)
	c.sample = health.Sample{
		AudioPacketsReceived: health.Some(got / seconds), AudioLoss: health.Some(lost(got, expected)),
		BytesReceived: c.bytes, STUNMessages: c.stun,
	}
	if content != ReceiveOnly {
		c.sample.AudioPacketsSent = health.Some(1 / packetEvery.Seconds())
	}
	c.at, c.lastPackets, c.lastNext = mono, c.packets, c.next
	return &c.sample
}

// lost is the share of the packets that is missing, in percent; late ones may
// make up for it in the next report.
func lost(got, expected float64) float64 {
	if expected <= got {
		return 0
	}
	return 100 * (1 - got/expected)
}
