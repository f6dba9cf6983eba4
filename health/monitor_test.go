package health

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// good is an acceptable report with the given totals.
func good(bytes, stun uint64) Sample {
	return Sample{AudioPacketsReceived: Some(50), AudioLoss: Some(0), BytesReceived: bytes, STUNMessages: stun}
}

func TestMonitorStart(t *testing.T) {
	var m Monitor
	assert.True(t, m.Data().ConnectionStart.IsZero())
	m.Start(3)
	assert.Equal(t, Data{ConnectionStart: At(3), LastGood: At(3)}, *m.Data())
	m.Stop()
	m.Start(4)
	assert.Equal(t, Data{ConnectionStart: At(3), LastGood: At(3)}, *m.Data(), "a second start changes no data")
	m.SetStart(5)
	assert.Equal(t, Data{ConnectionStart: At(5), LastGood: At(5)}, *m.Data())
}

func TestMonitorStartAtZero(t *testing.T) {
	var m Monitor
	m.Start(0)
	m.Start(time.Second)
	assert.Equal(t, At(0), m.Data().ConnectionStart)
}

func TestMonitorReset(t *testing.T) {
	var m Monitor
	m.Start(0)
	s := good(10, 0)
	s.SpeakerDelay, s.AudioPacketsSent, s.ContentShare, s.PublishedVideoSources = Some(5), Some(0), true, 4
	s.Video = Video{Started: true, Streams: 1, EncodeTime: 3}
	m.Sample(1, s)
	m.MissedPong()
	m.Signal(2, 0)
	m.Reset(9)
	assert.Equal(t, Data{ConnectionStart: At(9), LastGood: At(9)}, *m.Data())
	assert.True(t, m.Signal(10, 0), "still started")

	accepted, traffic := m.Sample(11, good(9, 0))
	assert.False(t, accepted || traffic, "totals survive, so a fallen one rejects")
	m.Sample(12, good(9, 0))
	assert.Equal(t, 1, m.Data().NoPackets, "that traffic was seen survives, too")
}

// TestMonitorRejected shows for each reason that a report changes the speaker
// delay and the totals to compare with, and nothing else.
func TestMonitorRejected(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Sample)
		reject bool
	}{
		{"nothing wrong", func(*Sample) {}, false},
		{"totals unchanged", func(s *Sample) { s.BytesReceived, s.STUNMessages = 100, 10 }, false},
		{"packets absent", func(s *Sample) { s.AudioPacketsReceived = Value{} }, true},
		{"packets not a number", func(s *Sample) { s.AudioPacketsReceived = Some(math.NaN()) }, true},
		{"packets just negative", func(s *Sample) { s.AudioPacketsReceived = Some(-math.SmallestNonzeroFloat64) }, true},
		{"packets zero", func(s *Sample) { s.AudioPacketsReceived = Some(0) }, false},
		{"loss absent", func(s *Sample) { s.AudioLoss = Value{} }, true},
		{"loss just negative", func(s *Sample) { s.AudioLoss = Some(-math.SmallestNonzeroFloat64) }, true},
		{"bytes fall while STUN rises", func(s *Sample) { s.BytesReceived = 99 }, true},
		{"STUN falls while bytes rise", func(s *Sample) { s.STUNMessages = 9 }, true},
		{"sent absent", func(s *Sample) { s.AudioPacketsSent = Value{} }, false},
		{"sent negative", func(s *Sample) { s.AudioPacketsSent = Some(-1) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m Monitor
			m.Start(0)
			m.Sample(1, good(100, 10))
			before := m.Clone()
			want := *before.Data()
			s := good(200, 20)
			s.SpeakerDelay, s.AudioPacketsSent, s.PublishedVideoSources, s.ContentShare = Some(33), Some(0), 3, true
			s.Video = Video{Started: true, Streams: 1, EncodeTime: 5}
			tt.change(&s)

			accepted, traffic := m.Sample(2, s)
			assert.Equal(t, !tt.reject, accepted)
			assert.Equal(t, accepted && (s.BytesReceived > 100 || s.STUNMessages > 10), traffic)
			assert.Equal(t, s.BytesReceived, m.bytes)
			assert.Equal(t, s.STUNMessages, m.stun)
			want.SpeakerDelay = 33
			if tt.reject {
				assert.Equal(t, want, *m.Data())
				return
			}
			assert.Equal(t, 2, m.Data().AudioReceived.Len())
			assert.Equal(t, 3, m.Data().PublishedVideoSources)
			assert.True(t, m.Data().ContentShare)
		})
	}
}

// TestMonitorNoPackets follows the count through the life of a connection.
func TestMonitorNoPackets(t *testing.T) {
	fallen := good(2, 9)
	bad := good(50, 9)
	bad.AudioLoss = Value{}
	steps := []struct {
		name    string
		sample  Sample
		traffic bool
		want    int
	}{
		{"nothing was ever seen", good(0, 0), false, 0},
		{"nothing was ever seen, again", good(0, 0), false, 0},
		{"a rejected report shows no traffic", bad, false, 0},
		{"so a stall is not counted yet", good(50, 9), false, 0},
		{"first bytes", good(51, 9), true, 0},
		{"stall", good(51, 9), false, 1},
		{"longer stall", good(51, 9), false, 2},
		{"rejected", fallen, false, 2},
		{"still stalled", good(2, 9), false, 3},
		{"STUN alone is life", good(2, 10), true, 0},
		{"stall again", good(2, 10), false, 1},
		{"both", good(3, 11), true, 0},
	}
	var m Monitor
	m.Start(0)
	for i, s := range steps {
		_, traffic := m.Sample(time.Duration(i)*time.Second, s.sample)
		assert.Equal(t, s.traffic, traffic, s.name)
		assert.Equal(t, s.want, m.Data().NoPackets, s.name)
	}
}

func TestMonitorFirstReport(t *testing.T) {
	var m Monitor
	accepted, traffic := m.Sample(0, good(1, 0))
	assert.True(t, accepted && traffic, "the totals begin at 0")
}

func TestMonitorNoAudioSent(t *testing.T) {
	var m Monitor
	for i, s := range []struct {
		sent Value
		want int
	}{{Some(0), 1}, {Some(-1), 2}, {Value{}, 2}, {Some(0), 3}, {Some(0.1), 0}, {Value{}, 0}} {
		sample := good(0, 0)
		sample.AudioPacketsSent = s.sent
		m.Sample(0, sample)
		assert.Equal(t, s.want, m.Data().NoAudioSent, i)
	}
}

func TestMonitorPacketLoss(t *testing.T) {
	tests := []struct {
		name           string
		received, loss float64
		want           Moment
	}{
		{"clean", 50, 0, Moment{}},
		{"few packets", 0.1, 0, Moment{}},
		{"no packets", 0, 0, At(7)},
		{"least loss", 50, math.SmallestNonzeroFloat64, At(7)},
		{"both", 0, 100, At(7)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m Monitor
			m.Sample(7, Sample{AudioPacketsReceived: Some(tt.received), AudioLoss: Some(tt.loss)})
			assert.Equal(t, tt.want, m.Data().LastPacketLoss)
			assert.Equal(t, []float64{tt.received}, list(&m.Data().AudioReceived))
			assert.Equal(t, []float64{tt.loss}, list(&m.Data().AudioLoss))
		})
	}
}

func TestMonitorSpeakerDelay(t *testing.T) {
	var m Monitor
	for i, s := range []struct {
		delay Value
		want  float64
	}{{Some(20), 20}, {Value{}, 20}, {Some(math.NaN()), 20}, {Some(-1), -1}, {Some(0), 0}} {
		m.Sample(0, Sample{SpeakerDelay: s.delay})
		assert.Equal(t, s.want, m.Data().SpeakerDelay, i)
	}
}

func TestMonitorVideo(t *testing.T) {
	before := Encoder{Hardware: true, Time: 600, TimePerFrame: 20, CPULimited: 9, InputFPS: 30, EncodedFPS: 30}
	cleared := Encoder{Time: 600}
	tests := []struct {
		name  string
		video Video
		want  Encoder
	}{
		{"off", Video{}, cleared},
		{"started without a stream", Video{Started: true, EncodeTime: 5}, cleared},
		{"started with a negative number of streams", Video{Started: true, Streams: -1, EncodeTime: 5}, cleared},
		{"streams but not started", Video{Streams: 2, EncodeTime: 5}, cleared},
		{
			"one stream",
			Video{Started: true, Streams: 1, EncodeTime: 100, CPULimited: 1, InputFPS: 26, EncodedFPS: 25},
			Encoder{Time: 100, TimePerFrame: 4, CPULimited: 1, InputFPS: 26, EncodedFPS: 25},
		},
		{
			"no frame encoded",
			Video{Started: true, Streams: 1, Hardware: true, EncodeTime: 100, InputFPS: 26},
			Encoder{Hardware: true, Time: 100, InputFPS: 26},
		},
		{
			"time per frame too large for a number",
			Video{Started: true, Streams: 1, EncodeTime: math.MaxFloat64, EncodedFPS: 0.1},
			Encoder{Time: math.MaxFloat64, EncodedFPS: 0.1},
		},
		{
			"not finite",
			Video{Started: true, Streams: 1, EncodeTime: math.NaN(), CPULimited: math.Inf(1), InputFPS: math.Inf(-1), EncodedFPS: math.NaN()},
			Encoder{},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m Monitor
			m.data.Encoder = before
			s := good(0, 0)
			s.Video = tt.video
			m.Sample(0, s)
			assert.Equal(t, tt.want, m.Data().Encoder)
		})
	}
}

func TestMonitorPongs(t *testing.T) {
	var m Monitor // not started: pongs count nevertheless
	m.MissedPong()
	m.MissedPong()
	assert.Equal(t, 2, m.Data().MissedPongs)
	m.Pong()
	assert.Zero(t, m.Data().MissedPongs)
}

func TestMonitorSignal(t *testing.T) {
	tests := []struct {
		strength         float64
		taken            bool
		none, weak, good Moment
	}{
		{math.Inf(-1), false, Moment{}, Moment{}, At(1)},
		{-1, true, At(7), Moment{}, At(1)},
		{0, true, At(7), Moment{}, At(1)},
		{math.SmallestNonzeroFloat64, true, Moment{}, At(7), At(1)},
		{0.5, true, Moment{}, At(7), At(1)},
		{math.Nextafter(0.5, 1), true, Moment{}, Moment{}, At(7)},
		{1, true, Moment{}, Moment{}, At(7)},
		{2, true, Moment{}, Moment{}, At(7)},
		{math.NaN(), false, Moment{}, Moment{}, At(1)},
	}
	for _, tt := range tests {
		var m Monitor
		m.Start(1)
		assert.Equal(t, tt.taken, m.Signal(7, tt.strength), tt.strength)
		d := m.Data()
		assert.Equal(t, []Moment{tt.none, tt.weak, tt.good}, []Moment{d.LastNoSignal, d.LastWeak, d.LastGood}, tt.strength)
	}
}

func TestMonitorStopped(t *testing.T) {
	var m Monitor
	assert.False(t, m.Signal(1, 1), "not started yet")
	m.Start(1)
	m.Stop()
	assert.False(t, m.Signal(2, 0))
	assert.Equal(t, Data{ConnectionStart: At(1), LastGood: At(1)}, *m.Data())
	accepted, _ := m.Sample(3, good(0, 0))
	assert.True(t, accepted, "only signal strength is ignored")
	m.Start(4)
	assert.True(t, m.Signal(5, 0))
}

func TestMonitorClone(t *testing.T) {
	var m Monitor
	m.Start(0)
	m.Sample(1, good(1, 0))
	c := m.Clone()
	want := []float64{50}
	m.Sample(2, good(1, 0))
	m.MissedPong()
	assert.Equal(t, want, list(&c.Data().AudioReceived))
	assert.Zero(t, c.Data().MissedPongs)
}
