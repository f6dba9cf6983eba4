package health

import "time"

// Data is what is known about one connection: the evidence that policies judge.
// A Monitor fills it; its times are on the clock of the Monitor's callers. The
// zero value is a connection that has not started and of which nothing is known.
type Data struct {
	// ConnectionStart is when the connection began.
	ConnectionStart Moment
	// NoPackets counts accepted reports in a row without any inbound byte or STUN
	// message. It stays 0 until some traffic has been seen (reference).
	NoPackets int
	// NoAudioSent counts accepted reports in a row that told of no outbound audio
	// packet; a report that does not mention them leaves it alone.
	NoAudioSent int
	// MissedPongs counts pings in a row that were not answered in time.
	MissedPongs int
	// LastPacketLoss is when inbound audio was last seen to lose packets, or to
	// bring none.
	LastPacketLoss Moment
	// LastGood, LastWeak and LastNoSignal are when the signal strength was last
	// reported as such. Starting a connection counts as good.
	LastGood, LastWeak, LastNoSignal Moment
	// AudioReceived and AudioLoss hold audio packets per second and percent lost of
	// the accepted reports. Both always have the same length.
	AudioReceived, AudioLoss Window
	// SpeakerDelay is the last known delay before playing, in milliseconds.
	SpeakerDelay float64
	// Encoder describes the local video encoders.
	Encoder Encoder
	// ContentShare and PublishedVideoSources are those of the last accepted report.
	ContentShare          bool
	PublishedVideoSources int
}

// Encoder holds the figures of the local video encoders, summed over streams,
// as of the last accepted report. All are finite. The zero value is no video.
type Encoder struct {
	// Hardware says that at least one stream is encoded by hardware.
	Hardware bool
	// Time is spent encoding, in milliseconds per second. Unlike the other fields it
	// keeps its last value when video stops (reference).
	Time float64
	// TimePerFrame is Time divided by EncodedFPS in milliseconds, 0 without frames.
	TimePerFrame float64
	// CPULimited is the time in which the CPU limited quality, in milliseconds per second.
	CPULimited float64
	// InputFPS and EncodedFPS are the frame rates before and after encoding.
	InputFPS, EncodedFPS float64
}

// start marks the beginning of a connection, which also counts as a good signal
// (reference).
func (d *Data) start(now time.Duration) {
	d.ConnectionStart, d.LastGood = At(now), At(now)
}

func (d *Data) countPackets(traffic, seenBefore bool) {
	switch {
	case traffic:
		d.NoPackets = 0
	case seenBefore:
		d.NoPackets++
	}
}

func (d *Data) countSent(sent Value) {
	switch packets, ok := sent.Get(); {
	case !ok:
	case packets > 0:
		d.NoAudioSent = 0
	default:
		d.NoAudioSent++
	}
}

func (d *Data) noteAudio(now time.Duration, received, loss float64) {
	d.AudioReceived.Push(received)
	d.AudioLoss.Push(loss)
	if received == 0 || loss > 0 {
		d.LastPacketLoss = At(now)
	}
}

func (d *Data) noteVideo(v *Video) {
	if !v.Started || v.Streams <= 0 {
		d.Encoder = Encoder{Time: d.Encoder.Time}
		return
	}
	c := v.cleaned()
	d.Encoder = Encoder{Hardware: c.Hardware, Time: c.EncodeTime, CPULimited: c.CPULimited, InputFPS: c.InputFPS, EncodedFPS: c.EncodedFPS}
	if c.EncodedFPS != 0 {
		d.Encoder.TimePerFrame = finite(c.EncodeTime / c.EncodedFPS)
	}
}
