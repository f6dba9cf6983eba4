package health

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

type monitorTrace struct {
	ID      int            `json:"id"`
	Label   string         `json:"label"`
	StartMs float64        `json:"startMs"`
	Initial map[string]any `json:"initial"`
	Steps   []monitorStep  `json:"steps"`
	Final   map[string]any `json:"final"`
}

type monitorStep struct {
	Op         string         `json:"op"`
	AdvanceMs  float64        `json:"advanceMs"`
	Report     *metrics       `json:"report"`
	Strength   float64        `json:"strength"`
	Notified   int            `json:"notified"`
	Changed    map[string]any `json:"changed"`
	WindowLen  int            `json:"windowLen"`
	WindowHead []float64      `json:"windowHead"`
	Full       map[string]any `json:"full"`
}

type metrics struct {
	Received     *float64 `json:"audioPacketsReceived"`
	Loss         *float64 `json:"audioPacketsReceivedFractionLoss"`
	Sent         *float64 `json:"audioPacketsSent"`
	SpeakerDelay *float64 `json:"audioSpeakerDelayMs"`
	DelayNaN     bool     `json:"audioSpeakerDelayNaN"`
	Started      bool     `json:"localVideoStarted"`
	Upstream     []struct {
		Hardware   float64 `json:"encoderHardware"`
		EncodeTime float64 `json:"encodeTimeMs"`
		CPULimited float64 `json:"cpuLimitationMs"`
		InputFPS   float64 `json:"inputFps"`
		EncodedFPS float64 `json:"encodedFps"`
	} `json:"videoUpstream"`
	Stats []struct {
		Type      string `json:"type"`
		Bytes     uint64 `json:"bytesReceived"`
		Requests  uint64 `json:"requestsReceived"`
		Responses uint64 `json:"responsesReceived"`
	} `json:"stats"`
}

func (m *metrics) sample() Sample {
	s := Sample{
		AudioPacketsReceived: optional(m.Received), AudioLoss: optional(m.Loss),
		AudioPacketsSent: optional(m.Sent), SpeakerDelay: optional(m.SpeakerDelay),
	}
	if m.DelayNaN {
		s.SpeakerDelay = Some(math.NaN())
	}
	for _, stat := range m.Stats {
		if stat.Type == "candidate-pair" {
			s.BytesReceived += stat.Bytes
			s.STUNMessages += stat.Requests + stat.Responses
		}
	}
	s.Video.Started = m.Started
	for _, u := range m.Upstream {
		s.Video.Add(Upstream{Hardware: u.Hardware != 0, EncodeTime: u.EncodeTime, CPULimited: u.CPULimited, InputFPS: u.InputFPS, EncodedFPS: u.EncodedFPS})
	}
	return s
}

func optional(v *float64) Value {
	if v == nil {
		return Value{}
	}
	return Some(*v)
}

// apply performs a recorded step and gives the number of notifications that it
// would cause: none for what was not taken in.
func (s *monitorStep) apply(t *testing.T, m *Monitor, c *clock) int {
	c.advance(s.AdvanceMs)
	taken := false
	switch s.Op {
	case "metrics":
		taken, _ = m.Sample(c.now, s.Report.sample())
	case "signal":
		taken = m.Signal(c.now, s.Strength)
	case "pong":
		m.Pong()
		taken = true
	case "missedPongs":
		m.MissedPong()
		taken = true
	case "start":
		m.Start(c.now)
	case "stop":
		m.Stop()
	case "resetData":
		m.Reset(c.now)
	case "setConnectionStartTime":
		m.SetStart(c.now)
	default:
		t.Fatalf("unknown operation %q", s.Op)
	}
	return number(taken)
}

// scalars gives all data but the windows under their recorded names.
func scalars(d *Data, c *clock) map[string]any {
	return map[string]any{
		"connectionStartTimestampMs":             c.recorded(d.ConnectionStart),
		"consecutiveStatsWithNoPackets":          float64(d.NoPackets),
		"consecutiveStatsWithNoAudioPacketsSent": float64(d.NoAudioSent),
		"lastPacketLossInboundTimestampMs":       c.recorded(d.LastPacketLoss),
		"lastGoodSignalTimestampMs":              c.recorded(d.LastGood),
		"lastWeakSignalTimestampMs":              c.recorded(d.LastWeak),
		"lastNoSignalTimestampMs":                c.recorded(d.LastNoSignal),
		"consecutiveMissedPongs":                 float64(d.MissedPongs),
		"audioSpeakerDelayMs":                    d.SpeakerDelay,
		"isVideoEncoderHardware":                 d.Encoder.Hardware,
		"videoEncodingTimeInMs":                  d.Encoder.Time,
		"videoEncodingTimePerFrameInMs":          d.Encoder.TimePerFrame,
		"cpuLimitationDuration":                  d.Encoder.CPULimited,
		"videoInputFps":                          d.Encoder.InputFPS,
		"videoEncodeFps":                         d.Encoder.EncodedFPS,
		"isContentShare":                         d.ContentShare,
		"numberOfPublishedVideoSources":          float64(d.PublishedVideoSources),
	}
}

// complete gives all data under their recorded names.
func complete(d *Data, c *clock) map[string]any {
	all := scalars(d, c)
	all["packetsReceivedInLastMinute"] = numbers(&d.AudioReceived)
	all["fractionPacketsLostInboundInLastMinute"] = numbers(&d.AudioLoss)
	return all
}

func numbers(w *Window) []any {
	out := []any{}
	for _, v := range list(w) {
		out = append(out, v)
	}
	return out
}

// difference gives the entries of after that differ from before.
func difference(before, after map[string]any) map[string]any {
	d := map[string]any{}
	for k, v := range after {
		if before[k] != v {
			d[k] = v
		}
	}
	return d
}

// requireWindows compares both windows completely with what the step says: a
// head was pushed, or nothing changed, or they were emptied.
func requireWindows(t *testing.T, s *monitorStep, before, after *Data, where ...any) {
	require.Equal(t, s.WindowLen, after.AudioReceived.Len(), where...)
	require.Equal(t, s.WindowLen, after.AudioLoss.Len(), where...)
	received, loss := list(&before.AudioReceived), list(&before.AudioLoss)
	switch {
	case s.WindowHead != nil:
		require.Len(t, s.WindowHead, 2, where...)
		received = append([]float64{s.WindowHead[0]}, received...)
		loss = append([]float64{s.WindowHead[1]}, loss...)
	case s.WindowLen == 0:
		received, loss = nil, nil
	}
	require.Equal(t, received[:min(len(received), WindowSize)], append(received[:0:0], list(&after.AudioReceived)...), where...)
	require.Equal(t, loss[:min(len(loss), WindowSize)], append(loss[:0:0], list(&after.AudioLoss)...), where...)
}

func replayMonitorTrace(t *testing.T, trace *monitorTrace) {
	c := newClock(trace.StartMs)
	var m Monitor
	m.Start(c.now)
	require.Equal(t, trace.Initial, complete(m.Data(), c), "trace %d (%s)", trace.ID, trace.Label)
	for i := range trace.Steps {
		s := &trace.Steps[i]
		where := []any{"trace %d (%s) step %d, %s", trace.ID, trace.Label, i, s.Op}
		before := *m.Data()
		require.Equal(t, s.Notified, s.apply(t, &m, c), where...)
		require.Equal(t, s.Changed, difference(scalars(&before, c), scalars(m.Data(), c)), where...)
		requireWindows(t, s, &before, m.Data(), where...)
		if s.Full != nil {
			require.Equal(t, s.Full, complete(m.Data(), c), where...)
		}
	}
	require.Equal(t, trace.Final, complete(m.Data(), c), "trace %d (%s)", trace.ID, trace.Label)
}

// TestVectorsMonitor compares every step with the recording. Nothing may differ;
// that a notification is a sign of life there but not here (divergence 7.11) is
// for the session, and shows here only as Sample's second result.
func TestVectorsMonitor(t *testing.T) {
	var recorded struct {
		Traces []monitorTrace `json:"traces"`
	}
	readVectors(t, "monitor.json", &recorded)
	steps := 0
	for i := range recorded.Traces {
		replayMonitorTrace(t, &recorded.Traces[i])
		steps += len(recorded.Traces[i].Steps)
	}
	require.NotZero(t, steps, "no case")
	t.Logf("monitor: compared %d steps in %d traces", steps, len(recorded.Traces))
}
