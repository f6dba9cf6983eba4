package status

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFromWebSocketClose(t *testing.T) {
	lost, fault := SignalingChannelClosedUnexpectedly, SignalingInternalServerError
	for code, want := range map[int]Status{
		-1 << 63: {Code: lost},
		-1:       {Code: lost},
		0:        {Code: lost},
		999:      {Code: lost, Wire: 999},
		1000:     {Code: lost, Wire: 1000},
		1001:     {Code: lost, Wire: 1001, Shared: true},
		1002:     {Code: lost, Wire: 1002},
		1005:     {Code: lost, Wire: 1005},
		1006:     {Code: lost, Wire: 1006},
		1011:     {Code: lost, Wire: 1011},
		1012:     {Code: lost, Wire: 1012, Shared: true},
		1013:     {Code: lost, Wire: 1013, Shared: true},
		1014:     {Code: lost, Wire: 1014},
		4409:     {Code: lost, Wire: 4409},
		4410:     {Code: MeetingEnded, Wire: 4410},
		4411:     {Code: lost, Wire: 4411},
		4499:     {Code: lost, Wire: 4499},
		4500:     {Code: fault, Wire: 4500},
		4599:     {Code: fault, Wire: 4599},
		4600:     {Code: lost, Wire: 4600},
		1 << 40:  {Code: lost, Wire: 1 << 40},
	} {
		want.Layer = LayerSignaling
		for _, phase := range []Phase{Joining, Subscribing, Attached, Phase(9)} {
			assert.Equal(t, want, FromWebSocketClose(code, phase), "%d while %s", code, phase)
		}
	}
}

func TestFromWebSocketError(t *testing.T) {
	for _, test := range []struct {
		code    int
		attempt Code
		attach  Code
		wire    int
	}{
		{-1, TaskFailed, SignalingChannelClosedUnexpectedly, 0},
		{0, TaskFailed, SignalingChannelClosedUnexpectedly, 0},
		{1001, TaskFailed, SignalingChannelClosedUnexpectedly, 1001},
		{4410, TaskFailed, SignalingChannelClosedUnexpectedly, 4410},
		{4499, TaskFailed, SignalingChannelClosedUnexpectedly, 4499},
		{4500, SignalingInternalServerError, SignalingInternalServerError, 4500},
		{4599, SignalingInternalServerError, SignalingInternalServerError, 4599},
		{4600, TaskFailed, SignalingChannelClosedUnexpectedly, 4600},
	} {
		want := Status{Code: test.attempt, Layer: LayerSignaling, Wire: test.wire}
		for _, phase := range []Phase{Joining, Subscribing, Phase(-1)} {
			assert.Equal(t, want, FromWebSocketError(test.code, phase), "%d while %s", test.code, phase)
		}
		want.Code = test.attach
		assert.Equal(t, want, FromWebSocketError(test.code, Attached), "%d", test.code)
	}
}

func TestPhaseNames(t *testing.T) {
	assert.Equal(t, "joining", Phase(0).String())
	assert.Equal(t, "subscribing", Subscribing.String())
	assert.Equal(t, "attached", Attached.String())
	assert.Equal(t, "Phase(3)", Phase(3).String())
}
