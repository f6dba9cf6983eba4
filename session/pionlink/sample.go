package pionlink

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/pion/webrtc/v4"
)

// sample reports the figures of the time since the last sample.
func (m *Media) sample() {
	m.look()
	now := time.Now()
	s := m.measure(now.Sub(m.last).Seconds())
	m.last = now
	if m.o.Amend != nil {
		m.o.Amend(&s)
	}
	m.r.Sample(s)
}

// measure makes a sample of the differences over so many seconds: ticks can be
// late, so it is the true time.
func (m *Media) measure(seconds float64) health.Sample {
	s := health.Sample{BytesReceived: m.path.bytes, STUNMessages: m.path.stun}
	if m.count == nil || seconds <= 0 {
		return s
	}
	now, _, sending := m.count.totals()
	before := m.audio
	m.audio = now
	received, expected := now.received-before.received, now.expected-before.expected
	s.AudioPacketsReceived = health.Some(float64(received) / seconds)
	s.AudioLoss = health.Some(lossPercent(received, expected))
	if sending { // otherwise nothing is to be sent, which is no fault
		s.AudioPacketsSent = health.Some(float64(now.sent-before.sent) / seconds)
	}
	return s
}

// lossPercent is the share of the expected packets that did not come; 0 if none
// were expected.
func lossPercent(received, expected uint64) float64 {
	if received >= expected {
		return 0
	}
	return 100 * float64(expected-received) / float64(expected)
}

// totals are those of all candidate pairs that were ever selected. They never
// fall, though each pair counts from 0 and is gone when it is replaced.
type totals struct {
	bytes, stun uint64
	seen        []seen // the newest last
}

// seen is what is known of one pair.
type seen struct {
	local, remote    string // ids of the candidates
	bytes, responses uint64
}

// maxSeen bounds how many pairs are remembered, should one come back.
const maxSeen = 16

// add takes the statistics of the selected pair in, and says whether anything has
// come in since.
func (t *totals) add(s *webrtc.ICECandidatePairStats) (more bool) {
	p := t.pair(s.LocalCandidateID, s.RemoteCandidateID)
	if s.BytesReceived > p.bytes {
		t.bytes += s.BytesReceived - p.bytes
		p.bytes, more = s.BytesReceived, true
	}
	if s.ResponsesReceived > p.responses {
		t.stun += s.ResponsesReceived - p.responses
		p.responses, more = s.ResponsesReceived, true
	}
	return more
}

func (t *totals) pair(local, remote string) *seen {
	for i := len(t.seen) - 1; i >= 0; i-- {
		if p := &t.seen[i]; p.local == local && p.remote == remote {
			return p
		}
	}
	if len(t.seen) == maxSeen {
		t.seen = append(t.seen[:0], t.seen[1:]...)
	}
	t.seen = append(t.seen, seen{local: local, remote: remote})
	return &t.seen[len(t.seen)-1]
}
