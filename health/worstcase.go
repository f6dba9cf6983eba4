package health

import "time"

// WorstOneWay is the one-way delay up to which the bounds of WorstCaseDetection
// hold. A longer path adds to them what it is longer.
const WorstOneWay = 300 * time.Millisecond

// Bounds say how long after its death a layer is found dead at the latest.
type Bounds struct {
	// MediaDead is for a dead media path while signaling answers.
	MediaDead time.Duration
	// SignalingDead is for dead signaling while media flows over a clean path.
	SignalingDead time.Duration
	// BothDead is for the death of both layers.
	BothDead time.Duration
	// OneWay is for a death in the direction away from this client, while media still
	// comes in. Only a media probe shows it.
	OneWay time.Duration
}

// WorstCase holds the bounds of a Detector.
type WorstCase struct {
	// Probed are those of links that can probe media and ping signaling, Unprobed
	// those of links that can only ping, and have declared what should come in, on a
	// clean path with something to be heard at least every two seconds. Bounds of
	// what is switched off are 0.
	Probed, Unprobed Bounds
	// AfterPause is what is added when this machine was not running just before,
	// counted from when it runs again. For SignalingDead twice the pause is added,
	// unless signaling has answered since.
	AfterPause time.Duration
	// BadPath bounds SignalingDead on a path that is not clean. A reliable
	// connection may stall there for long and live, so it depends on the loss that
	// was measured: these are the least and the most.
	BadPathLeast, BadPathMost time.Duration
}

// WorstCaseDetection computes how long after its death a layer is found dead at
// the latest, on a path with a one-way delay of at most WorstOneWay, when this
// machine runs. The tests hold it.
//
// The last byte before a death may still be on its way for the one-way delay.
// From then on the silence counts, and every limit is looked at within one fast
// tick.
func (c Config) WorstCaseDetection() WorstCase {
	d := c.WithDefaults().Detector
	if c.Off || d.Off {
		return WorstCase{}
	}
	late := WorstOneWay + d.ProbeFast
	w := WorstCase{
		Unprobed: Bounds{
			MediaDead:     late + d.QuietMediaSilence,
			SignalingDead: late + d.PingIdle + max(aloneSilence, d.SignalingSilence) + quietCadence,
			BothDead:      late + d.QuietMediaSilence,
		},
		AfterPause: d.ProbeFast, BadPathLeast: late + d.PingIdle + leastPatience, BadPathMost: late + d.PingIdle + mostPatience,
	}
	if d.ProbeEvery > 0 {
		w.Probed = Bounds{
			MediaDead:     late + d.MediaSilence,
			SignalingDead: late + d.PingIdle + d.SignalingSilence,
			BothDead:      WorstOneWay + d.bothSilence(WorstOneWay),
			OneWay:        2*WorstOneWay + d.bothSilence(WorstOneWay) + oneWayBenefit,
		}
	}
	if d.PingIdle < 0 {
		return w.withoutPings(d)
	}
	return w
}

// withoutPings are the bounds of links whose signaling cannot be asked: it is never
// found dead, and a silent media path is taken for dead after longer.
func (w WorstCase) withoutPings(d DetectorConfig) WorstCase {
	w.Probed.SignalingDead = 0
	w.Probed.MediaDead = w.Probed.BothDead
	w.Unprobed = Bounds{MediaDead: w.Unprobed.MediaDead + d.BothSilence}
	w.Unprobed.BothDead = w.Unprobed.MediaDead
	w.BadPathLeast, w.BadPathMost = 0, 0
	return w
}

// quietCadence is how far apart the signs of life of a quiet call are: ICE consent
// checks come every 2 s in Pion, and at most every 6 s (RFC 7675 section 5.1).
const quietCadence = 2 * time.Second
