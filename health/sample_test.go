package health

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVideoAdd(t *testing.T) {
	var v Video
	v.Add(Upstream{EncodeTime: 100, CPULimited: 5, InputFPS: 30, EncodedFPS: 29})
	assert.Equal(t, Video{Streams: 1, EncodeTime: 100, CPULimited: 5, InputFPS: 30, EncodedFPS: 29}, v)
	v.Add(Upstream{Hardware: true, EncodeTime: 50, CPULimited: 1, InputFPS: 15, EncodedFPS: 14})
	v.Add(Upstream{EncodeTime: math.NaN(), CPULimited: math.Inf(1), InputFPS: math.Inf(-1), EncodedFPS: math.NaN()})
	assert.Equal(t, Video{Streams: 3, Hardware: true, EncodeTime: 150, CPULimited: 6, InputFPS: 45, EncodedFPS: 43}, v)
}

func TestSampleJSON(t *testing.T) {
	tests := []struct {
		name   string
		sample Sample
		json   string
	}{
		{"zero", Sample{}, `{}`},
		{
			"present zeros stay",
			Sample{AudioPacketsReceived: Some(0), AudioLoss: Some(0), AudioPacketsSent: Some(0), SpeakerDelay: Some(0)},
			`{"received":0,"loss":0,"sent":0,"delay":0}`,
		},
		{"complete", Sample{
			AudioPacketsReceived: Some(50), AudioLoss: Some(1.5), AudioPacketsSent: Some(49), SpeakerDelay: Some(20.25),
			BytesReceived: math.MaxUint64, STUNMessages: 7,
			Video:        Video{Started: true, Streams: 2, Hardware: true, EncodeTime: 1, CPULimited: 2, InputFPS: 3, EncodedFPS: 4},
			ContentShare: true, PublishedVideoSources: 16, VideoTiles: 9,
		}, `{"received":50,"loss":1.5,"sent":49,"delay":20.25,"bytes":18446744073709551615,"stun":7,` +
			`"video":{"started":true,"streams":2,"hw":true,"encode":1,"cpu":2,"in":3,"out":4},"share":true,"sources":16,"tiles":9}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := json.Marshal(tt.sample)
			require.NoError(t, err)
			assert.Equal(t, tt.json, string(b))
			var back Sample
			require.NoError(t, json.Unmarshal(b, &back))
			assert.Equal(t, tt.sample, back)
		})
	}
}

func TestSampleJSONNotFinite(t *testing.T) {
	s := Sample{Video: Video{Streams: 1, EncodeTime: math.NaN(), CPULimited: math.Inf(1), InputFPS: math.Inf(-1), EncodedFPS: 3}}
	b, err := json.Marshal(s)
	require.NoError(t, err)
	assert.Equal(t, `{"video":{"streams":1,"out":3}}`, string(b))
}
