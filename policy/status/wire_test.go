package status

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The recorded ranges cover 0..999; these are the numbers around and beyond.
func TestFromSignalingOutsideTheRecordedRange(t *testing.T) {
	for wire, want := range map[int]Code{
		-1: SignalingRequestFailed, -206: SignalingRequestFailed, -250: SignalingRequestFailed,
		1000: SignalingRequestFailed, 4403: SignalingRequestFailed, 20600: SignalingRequestFailed,
		1 << 32: SignalingRequestFailed, 1<<63 - 1: SignalingRequestFailed, -1 << 63: SignalingRequestFailed,
	} {
		assert.Equal(t, Status{Code: want, Layer: LayerSignaling, Wire: wire}, FromSignaling(wire))
	}
	assert.True(t, FromSignaling(0).IsZero(), "an absent status says nothing")
	assert.Equal(t, Status{Layer: LayerSignaling, Wire: 200}, FromSignaling(200))
}

func TestFromAudioOutsideTheRecordedRange(t *testing.T) {
	for wire, want := range map[int]Code{
		-1: AudioDisconnected, -250: AudioDisconnected, 1000: AudioDisconnected, 20000: AudioDisconnected,
		1<<63 - 1: AudioDisconnected, -1 << 63: AudioDisconnected, 0: AudioDisconnected,
	} {
		assert.Equal(t, Status{Code: want, Layer: LayerMedia, Wire: wire}, FromAudio(wire))
	}
	assert.Equal(t, Status{Layer: LayerMedia, Wire: 299}, FromAudio(299))
}
