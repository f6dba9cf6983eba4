package status

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFromFrame(t *testing.T) {
	signaling := func(c Code, wire int) Status { return Status{Code: c, Layer: LayerSignaling, Wire: wire} }
	for name, test := range map[string]struct {
		frame    Frame
		want     Status
		reported bool
	}{
		"zero frame":                           {Frame{}, Status{}, false},
		"unknown kind":                         {Frame{Type: 1234}, Status{}, false},
		"unknown kind, error":                  {Frame{Type: 1234, ErrorStatus: 500}, signaling(SignalingInternalServerError, 500), true},
		"join answer whose body is not judged": {Frame{Type: FrameJoinAck}, Status{}, false},
		"join answer without a body": {
			Frame{Type: FrameJoinAck, NoJoinBody: true}, signaling(SignalingRequestFailed, 0), true,
		},
		"join answer without a body: the error decides (7.6)": {
			Frame{Type: FrameJoinAck, NoJoinBody: true, ErrorStatus: 500}, signaling(SignalingInternalServerError, 500), true,
		},
		"join answer without a body, view-only": {
			Frame{Type: FrameJoinAck, NoJoinBody: true, ErrorStatus: 206}, signaling(VideoCallSwitchToViewOnly, 206), true,
		},
		"the join body is no matter elsewhere": {Frame{Type: FrameSubscribeAck, NoJoinBody: true}, Status{}, false},
		"audio status": {
			Frame{Type: FrameAudioStatus, HasAudioStatus: true, AudioStatus: 410},
			Status{Code: MeetingEnded, Layer: LayerMedia, Wire: 410},
			true,
		},
		"audio OK is not reported": {
			Frame{Type: FrameAudioStatus, HasAudioStatus: true, AudioStatus: 200},
			Status{Layer: LayerMedia, Wire: 200},
			false,
		},
		"audio body without a number": {
			Frame{Type: FrameAudioStatus, HasAudioStatus: true}, Status{Code: AudioDisconnected, Layer: LayerMedia}, true,
		},
		"audio status without a body ignores the number": {
			Frame{Type: FrameAudioStatus, AudioStatus: 410}, signaling(SignalingRequestFailed, 0), true,
		},
		"notification with an error": {
			Frame{Type: FrameNotification, ErrorStatus: 403}, signaling(AudioAuthenticationRejected, 403), false,
		},
		"primary join answer with an error": {
			Frame{Type: FramePrimaryMeetingJoinAck, ErrorStatus: 403}, signaling(AudioAuthenticationRejected, 403), false,
		},
		"primary meeting left": {
			Frame{Type: FramePrimaryMeetingLeave}, signaling(AudioVideoWasRemovedFromPrimaryMeeting, 0), true,
		},
		"negative error": {Frame{Type: FrameIndex, ErrorStatus: -5}, signaling(SignalingRequestFailed, -5), true},
	} {
		t.Run(name, func(t *testing.T) {
			s, reported := FromFrame(test.frame)
			assert.Equal(t, test.want, s)
			assert.Equal(t, test.reported, reported)
		})
	}
}

// The recorded session scenarios behind this table: first join answered by a
// join answer with error 206, 400, 403, 409, 500, 509 or 600, with and without
// a body, and by one without either.
func TestFromJoinAnswer(t *testing.T) {
	type outcome struct {
		code   Code
		failed bool
	}
	goesOn := outcome{}
	for _, test := range []struct {
		err           int
		with, without outcome
	}{
		{0, goesOn, outcome{SignalingRequestFailed, true}},
		{200, goesOn, outcome{SignalingRequestFailed, true}},
		{206, goesOn, outcome{SignalingRequestFailed, true}},
		{400, outcome{SignalingBadRequest, true}, outcome{SignalingBadRequest, true}},
		{403, outcome{AudioAuthenticationRejected, true}, outcome{AudioAuthenticationRejected, true}},
		{409, outcome{AudioCallAtCapacity, true}, outcome{AudioCallAtCapacity, true}},
		{500, outcome{SignalingInternalServerError, true}, outcome{SignalingInternalServerError, true}}, // 7.6
		{509, outcome{VideoCallAtSourceCapacity, true}, outcome{VideoCallAtSourceCapacity, true}},
		{600, outcome{SignalingRequestFailed, true}, outcome{SignalingRequestFailed, true}},
	} {
		s, failed := FromJoinAnswer(Frame{Type: FrameJoinAck, ErrorStatus: test.err})
		assert.Equal(t, test.with, outcome{s.Code, failed}, "%d with a body", test.err)
		s, failed = FromJoinAnswer(Frame{Type: FrameJoinAck, ErrorStatus: test.err, NoJoinBody: true})
		assert.Equal(t, test.without, outcome{s.Code, failed}, "%d without a body", test.err)
	}
	_, failed := FromJoinAnswer(Frame{Type: FrameIndex, ErrorStatus: 500, NoJoinBody: true})
	assert.False(t, failed, "not an answer to a join")
}

func TestFrameTypeText(t *testing.T) {
	for frameType, name := range frameNames {
		assert.Equal(t, name, frameType.String())
		back, err := ParseFrameType(name)
		require.NoError(t, err)
		assert.Equal(t, frameType, back)
	}
	for _, frameType := range []FrameType{0, 6, -1, 44} {
		back, err := ParseFrameType(frameType.String())
		require.NoError(t, err)
		assert.Equal(t, frameType, back)
	}
	lower, err := ParseFrameType("join_ack")
	require.NoError(t, err)
	assert.Equal(t, FrameJoinAck, lower)
	for _, bad := range []string{"", "JOINED", "2", "FrameType()"} {
		_, err := ParseFrameType(bad)
		assert.ErrorContains(t, err, `"`+bad+`"`)
	}
}
