package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestCounterReports(t *testing.T) {
	var c counter
	for id := range uint64(50) {
		if id%5 != 4 {
			c.count(rtpHeard, 100+id)
		}
	}
	c.count(rtcpHeard, 0)
	c.count(checkHeard, 0)
	c.count(answerHeard, 7)
	s := c.report(time.Second, Talk)
	received, _ := s.AudioPacketsReceived.Get()
	loss, _ := s.AudioLoss.Get()
	assert.InDelta(t, 40, received, 1e-9)
	assert.InDelta(t, 100*9.0/49, loss, 1e-9, "of a last loss nothing is known yet")
	assert.Equal(t, []uint64{40*120 + 80 + 200, 2}, []uint64{s.BytesReceived, s.STUNMessages})
	assert.False(t, s.AudioPacketsSent.IsZero())
	c.count(rtpHeard, 149)
	s = c.report(3*time.Second, ReceiveOnly)
	received, _ = s.AudioPacketsReceived.Get()
	assert.InDelta(t, 0.5, received, 1e-9)
	assert.True(t, s.AudioPacketsSent.IsZero())
}
