package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// steady is a session in the middle of a call: full windows, video, all counted.
type steady struct {
	monitor      Monitor
	reconnection Reconnection
	audio        UnusableAudio
	now          time.Duration
	sample       Sample
}

func newSteady() *steady {
	s := &steady{reconnection: NewReconnection(ReconnectionConfig{}), audio: NewUnusableAudio(UnusableAudioConfig{})}
	s.monitor.Start(0)
	s.sample = Sample{AudioPacketsReceived: Some(50), AudioLoss: Some(0.5), AudioPacketsSent: Some(50), SpeakerDelay: Some(20)}
	s.sample.Video.Started = true
	s.sample.Video.Add(Upstream{EncodeTime: 100, InputFPS: 30, EncodedFPS: 30})
	for range 2 * WindowSize {
		s.tick()
	}
	return s
}

func (s *steady) tick() (healthy bool) {
	s.now += time.Second
	s.sample.BytesReceived += 8000
	s.sample.STUNMessages++
	s.monitor.Sample(s.now, s.sample)
	link, _ := s.reconnection.Evaluate(s.now, s.monitor.Data())
	audio, _ := s.audio.Evaluate(s.now, s.monitor.Data())
	return link && audio
}

// BenchmarkMonitorSample is the whole cost of one report: taking it in and
// judging it by both policies.
func BenchmarkMonitorSample(b *testing.B) {
	s := newSteady()
	b.ReportAllocs()
	for b.Loop() {
		if !s.tick() {
			b.Fatal("unhealthy")
		}
	}
}

func TestSamplingDoesNotAllocate(t *testing.T) {
	s := newSteady()
	assert.Zero(t, testing.AllocsPerRun(100, func() { s.tick() }))
}
