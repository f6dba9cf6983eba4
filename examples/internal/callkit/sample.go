package callkit

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/pion/webrtc/v4"
)

// sample measures the media until the call is closed.
func (c *Call) sample() {
	tick := time.NewTicker(c.o.SampleEvery)
	defer tick.Stop()
	m := meter{call: c, last: time.Now()}
	for {
		select {
		case <-c.ctx.Done():
			return
		case now := <-tick.C:
			c.h.Sample(m.read(now))
		}
	}
}

// meter turns counters into the figures of a sample.
type meter struct {
	call *Call
	last time.Time // of the last reading
	sent uint64    // at that time
	// The last known totals of the path. A peer connection that has ended knows
	// them no more; a total that stands still says what there is to say.
	bytes, stun uint64
}

// read gives the sample of the time since the last one, by the true length of
// that time: ticks can be late.
func (m *meter) read(now time.Time) health.Sample {
	seconds := now.Sub(m.last).Seconds()
	m.last = now
	received, expected := m.call.in.take()
	m.readPath()
	return health.Sample{
		AudioPacketsReceived: health.Some(float64(received) / seconds),
		AudioLoss:            health.Some(lossPercent(received, expected)),
		AudioPacketsSent:     m.readSent(seconds),
		BytesReceived:        m.bytes,
		STUNMessages:         m.stun,
	}
}

// readSent is absent while nothing is to be sent, which is no fault.
func (m *meter) readSent(seconds float64) health.Value {
	if m.call.out == nil || m.call.sending.Err() != nil {
		return health.Value{}
	}
	sent := m.call.out.sent.Load()
	defer func() { m.sent = sent }()
	return health.Some(float64(sent-m.sent) / seconds)
}

// readPath reads the selected candidate pair, the only one that carries traffic.
// That is far cheaper than all statistics, and costs the count of STUN requests:
// the responses to our own are what shows that the path works both ways.
func (m *meter) readPath() {
	pc := m.call.peer
	if pc.ConnectionState() == webrtc.PeerConnectionStateClosed {
		return // asking now would make Pion log an error
	}
	pair, ok := pc.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats()
	if ok {
		m.bytes, m.stun = pair.BytesReceived, pair.ResponsesReceived
	}
}

// lossPercent is the share of the expected packets that did not come; 0 if none
// were expected.
func lossPercent(received, expected uint64) float64 {
	if received >= expected {
		return 0
	}
	return 100 * float64(expected-received) / float64(expected)
}
