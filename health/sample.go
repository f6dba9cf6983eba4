package health

import "encoding/json"

// Sample is one metrics report of the media layer, in the reference one each
// second. The zero value is a report that knows nothing; without the two
// received-audio figures a Monitor does not accept it.
//
// It holds no pointers, so making and passing one does not allocate. In JSON it
// has short names, which are stable, and leaves out what is zero or absent.
type Sample struct {
	// AudioPacketsReceived is the number of inbound audio packets per second.
	AudioPacketsReceived Value `json:"received,omitzero"`
	// AudioLoss is the share of inbound audio packets that got lost, in percent.
	AudioLoss Value `json:"loss,omitzero"`
	// AudioPacketsSent is the number of outbound audio packets per second. Leave it
	// absent while nothing is to be sent.
	AudioPacketsSent Value `json:"sent,omitzero"`
	// SpeakerDelay is the time audio waits before it is played, in milliseconds.
	SpeakerDelay Value `json:"delay,omitzero"`
	// BytesReceived is the running total of bytes over all candidate pairs. A total
	// that falls (counters restart with a new connection) voids its report only.
	BytesReceived uint64 `json:"bytes,omitzero"`
	// STUNMessages is the running total of STUN requests and responses received,
	// over all candidate pairs. It tells a silent peer from a dead path.
	STUNMessages uint64 `json:"stun,omitzero"`
	// Video describes the video that this client sends.
	Video Video `json:"video,omitzero"`
	// ContentShare says that this session shares content (a screen) rather than a
	// person's media.
	ContentShare bool `json:"share,omitzero"`
	// PublishedVideoSources is the number of video sources published in the meeting.
	PublishedVideoSources int `json:"sources,omitzero"`
	// VideoTiles is the number of remote videos shown. No policy here reads it: it
	// decides whether a poor connection is announced as such or as advice to stop
	// video.
	VideoTiles int `json:"tiles,omitzero"`
}

// Video sums up the local upstream video over all its streams. The zero value
// is no video. NaN and infinities count as 0 wherever they are used or written.
type Video struct {
	// Started says that local video is on, whether or not a stream exists yet.
	Started bool `json:"started,omitzero"`
	// Streams is the number of streams summed up.
	Streams int `json:"streams,omitzero"`
	// Hardware says that at least one stream is encoded by hardware.
	Hardware bool `json:"hw,omitzero"`
	// EncodeTime is the time spent encoding, in milliseconds per second.
	EncodeTime float64 `json:"encode,omitzero"`
	// CPULimited is the time in which the CPU limited quality, in milliseconds per second.
	CPULimited float64 `json:"cpu,omitzero"`
	// InputFPS is the frame rate that enters the encoders.
	InputFPS float64 `json:"in,omitzero"`
	// EncodedFPS is the frame rate that leaves the encoders.
	EncodedFPS float64 `json:"out,omitzero"`
}

// Upstream is what one outbound video stream reports, in the units of Video.
type Upstream struct {
	Hardware   bool    // encoded by hardware
	EncodeTime float64 // milliseconds per second
	CPULimited float64 // milliseconds per second
	InputFPS   float64 // frames per second
	EncodedFPS float64 // frames per second
}

// Add sums one stream in. It does not set Started: that is the application's
// wish, not a property of a stream.
func (v *Video) Add(u Upstream) {
	v.Streams++
	v.Hardware = v.Hardware || u.Hardware
	v.EncodeTime += finite(u.EncodeTime)
	v.CPULimited += finite(u.CPULimited)
	v.InputFPS += finite(u.InputFPS)
	v.EncodedFPS += finite(u.EncodedFPS)
}

// MarshalJSON writes a figure that is not finite as 0, which JSON could not
// express and a Monitor reads as 0 anyway: a recorded sample replays the same.
func (v Video) MarshalJSON() ([]byte, error) {
	type plain Video // without this method
	return json.Marshal(plain(v.cleaned()))
}

func (v Video) cleaned() Video {
	v.EncodeTime, v.CPULimited = finite(v.EncodeTime), finite(v.CPULimited)
	v.InputFPS, v.EncodedFPS = finite(v.InputFPS), finite(v.EncodedFPS)
	return v
}
