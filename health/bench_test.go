package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// steady is a session in the middle of a call: full windows, video, all counted.
type steady struct {
	monitor  Monitor
	policies policies
	now      time.Duration
	sample   Sample
}

// policies are all that are built in.
type policies struct {
	reconnection Reconnection
	audio        UnusableAudio
	sending      SendingAudio
	cpu          VideoCPU
	frames       VideoFrameRate
	senders      ConcurrentSenders
}

func newPolicies(c Config) policies {
	return policies{
		reconnection: NewReconnection(c.Reconnection),
		audio:        NewUnusableAudio(c.UnusableAudio),
		sending:      NewSendingAudio(c.SendingAudio),
		cpu:          NewVideoCPU(c.VideoCPU),
		frames:       NewVideoFrameRate(c.VideoFrameRate),
		senders:      NewConcurrentSenders(c.ConcurrentSenders),
	}
}

// count is how many policies there are.
const count = 6

func (p *policies) all() [count]Policy {
	return [count]Policy{&p.reconnection, &p.audio, &p.sending, &p.cpu, &p.frames, &p.senders}
}

func newSteady() *steady {
	s := &steady{policies: newPolicies(Config{})}
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
	healthy = true
	for _, p := range s.policies.all() {
		good, _ := p.Evaluate(s.now, s.monitor.Data())
		healthy = healthy && good
	}
	return healthy
}

// BenchmarkMonitorSample is the whole cost of one report: taking it in and
// judging it by every policy.
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
