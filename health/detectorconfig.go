package health

import (
	"cmp"
	"errors"
	"time"
)

// DetectorConfig holds the settings of a Detector. Zero fields stand for the
// defaults; the package documentation says what negative values mean. More than a
// day counts as a day.
type DetectorConfig struct {
	// Off leaves dead links to the policies.
	Off bool
	// ProbeEvery is the time between two media probes while nothing is suspicious.
	// Default 300 ms; negative: no media probes.
	ProbeEvery time.Duration
	// ProbeFast is the time between two media probes during a suspicion. Default
	// 100 ms.
	ProbeFast time.Duration
	// ProbeTimeout is how long the answer to a media probe may take before it
	// counts as lost. Default 1.5 s.
	ProbeTimeout time.Duration
	// PingIdle is how long signaling may be idle before it is pinged, one ping at a
	// time. Default 1 s; negative: no pings but those of a Pinger.
	PingIdle time.Duration
	// Suspicion is the silence of the media path, or the age of an unanswered ping,
	// that is suspicious. Default 1 s.
	Suspicion time.Duration
	// MediaSilence is the silence that proves the media path dead while signaling
	// answers quickly and the link can probe media. Default 2.6 s.
	MediaSilence time.Duration
	// QuietMediaSilence is MediaSilence for links that cannot probe media. It
	// grows with the gaps that a link has lived through. Default 6 s.
	QuietMediaSilence time.Duration
	// SignalingSilence is the age of an unanswered ping that proves signaling dead
	// while media flows over a clean path. On any other path a connection can stall
	// longer and live, so that more is needed there. Default 3.6 s.
	SignalingSilence time.Duration
	// BothSilence is how long neither layer may answer, on top of a round trip,
	// before both are dead. It is also the longest gap that is always lived
	// through. Default 4 s.
	BothSilence time.Duration
	// CleanFor is how long a path must have been without a lost or slow answer, a
	// gap or a pause of this machine to count as clean. Default 60 s.
	CleanFor time.Duration
	// LateTick is how late a tick may come. After a later one the machine was not
	// running, and the silence of the meantime proves nothing. Default 600 ms.
	LateTick time.Duration
}

func (c DetectorConfig) withDefaults() DetectorConfig {
	return DetectorConfig{
		Off:               c.Off,
		ProbeEvery:        span(c.ProbeEvery, 300*time.Millisecond),
		ProbeFast:         span(c.ProbeFast, 100*time.Millisecond),
		ProbeTimeout:      span(c.ProbeTimeout, 1500*time.Millisecond),
		PingIdle:          span(c.PingIdle, time.Second),
		Suspicion:         span(c.Suspicion, time.Second),
		MediaSilence:      span(c.MediaSilence, 2600*time.Millisecond),
		QuietMediaSilence: span(c.QuietMediaSilence, 6*time.Second),
		SignalingSilence:  span(c.SignalingSilence, 3600*time.Millisecond),
		BothSilence:       span(c.BothSilence, 4*time.Second),
		CleanFor:          span(c.CleanFor, 60*time.Second),
		LateTick:          span(c.LateTick, 600*time.Millisecond),
	}
}

// longestSpan keeps sums of spans within the range of their type.
const longestSpan = 24 * time.Hour

// span is a setting with its default.
func span(given, standard time.Duration) time.Duration {
	return min(cmp.Or(given, standard), longestSpan)
}

// bothSilence is the longest silence that a gap of BothSilence leads to, on a
// path with that one-way delay.
func (c *DetectorConfig) bothSilence(oneWay time.Duration) time.Duration {
	return c.BothSilence + max(c.ProbeEvery, 0) + c.ProbeFast + oneWay
}

// leastInterval keeps a mistaken setting from becoming a busy loop.
const leastInterval = 10 * time.Millisecond

func (c DetectorConfig) validate() error {
	c = c.withDefaults()
	interval := "at least 10 ms, 0 for the default, or negative for off"
	least := "at least 10 ms, or 0 for the default"
	span := "a positive duration, or 0 for the default"
	return errors.Join(
		check(c.ProbeEvery < 0 || c.ProbeEvery >= leastInterval, "Detector.ProbeEvery", c.ProbeEvery, interval),
		check(c.PingIdle < 0 || c.PingIdle >= leastInterval, "Detector.PingIdle", c.PingIdle, interval),
		check(c.ProbeEvery <= c.Suspicion/2, "Detector.ProbeEvery", c.ProbeEvery, "at most half of Detector.Suspicion"),
		check(c.ProbeFast >= leastInterval, "Detector.ProbeFast", c.ProbeFast, least),
		check(c.ProbeTimeout >= leastInterval, "Detector.ProbeTimeout", c.ProbeTimeout, least),
		check(c.Suspicion > 0, "Detector.Suspicion", c.Suspicion, span),
		check(c.MediaSilence > c.Suspicion, "Detector.MediaSilence", c.MediaSilence, "more than Detector.Suspicion, or 0 for the default"),
		check(c.QuietMediaSilence > c.Suspicion, "Detector.QuietMediaSilence", c.QuietMediaSilence, "more than Detector.Suspicion, or 0 for the default"),
		check(c.SignalingSilence > c.Suspicion, "Detector.SignalingSilence", c.SignalingSilence, "more than Detector.Suspicion, or 0 for the default"),
		check(c.BothSilence > c.Suspicion, "Detector.BothSilence", c.BothSilence, "more than Detector.Suspicion, or 0 for the default"),
		check(c.CleanFor > 0, "Detector.CleanFor", c.CleanFor, span),
		check(c.LateTick > 0, "Detector.LateTick", c.LateTick, span),
	)
}
