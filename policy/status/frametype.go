package status

import (
	"fmt"
	"strings"
)

// FrameType is the kind of a signaling frame; its values are the numbers on
// the wire (reference). The zero value, and any number not listed, is a kind
// that this package does not know: such a frame means something only if it
// carries an error status.
type FrameType int

// The kinds of frames, under their wire numbers.
const (
	FrameJoin                  FrameType = 1
	FrameJoinAck               FrameType = 2
	FrameSubscribe             FrameType = 3
	FrameSubscribeAck          FrameType = 4
	FrameIndex                 FrameType = 5
	FramePause                 FrameType = 7
	FrameResume                FrameType = 8
	FrameLeave                 FrameType = 9
	FrameLeaveAck              FrameType = 10
	FrameBitrates              FrameType = 13
	FrameAudioControl          FrameType = 16
	FrameAudioMetadata         FrameType = 17
	FrameAudioStreamIDInfo     FrameType = 18
	FramePingPong              FrameType = 19
	FrameAudioStatus           FrameType = 20
	FrameClientMetric          FrameType = 21
	FrameDataMessage           FrameType = 22
	FrameRemoteVideoUpdate     FrameType = 24
	FramePrimaryMeetingJoin    FrameType = 25
	FramePrimaryMeetingJoinAck FrameType = 26
	FramePrimaryMeetingLeave   FrameType = 27
	FrameNotification          FrameType = 34
	FrameMeetingSessionTiming  FrameType = 43
)

var frameNames = map[FrameType]string{
	FrameJoin:                  "JOIN",
	FrameJoinAck:               "JOIN_ACK",
	FrameSubscribe:             "SUBSCRIBE",
	FrameSubscribeAck:          "SUBSCRIBE_ACK",
	FrameIndex:                 "INDEX",
	FramePause:                 "PAUSE",
	FrameResume:                "RESUME",
	FrameLeave:                 "LEAVE",
	FrameLeaveAck:              "LEAVE_ACK",
	FrameBitrates:              "BITRATES",
	FrameAudioControl:          "AUDIO_CONTROL",
	FrameAudioMetadata:         "AUDIO_METADATA",
	FrameAudioStreamIDInfo:     "AUDIO_STREAM_ID_INFO",
	FramePingPong:              "PING_PONG",
	FrameAudioStatus:           "AUDIO_STATUS",
	FrameClientMetric:          "CLIENT_METRIC",
	FrameDataMessage:           "DATA_MESSAGE",
	FrameRemoteVideoUpdate:     "REMOTE_VIDEO_UPDATE",
	FramePrimaryMeetingJoin:    "PRIMARY_MEETING_JOIN",
	FramePrimaryMeetingJoinAck: "PRIMARY_MEETING_JOIN_ACK",
	FramePrimaryMeetingLeave:   "PRIMARY_MEETING_LEAVE",
	FrameNotification:          "NOTIFICATION",
	FrameMeetingSessionTiming:  "MEETING_SESSION_TIMING",
}

// String returns the protocol's name of the kind, such as "JOIN_ACK". A kind
// without a name is written "FrameType(6)".
func (t FrameType) String() string {
	if name, ok := frameNames[t]; ok {
		return name
	}
	return numbered("FrameType", int(t))
}

// ParseFrameType reads what String writes; the case of letters in a name does
// not matter. The error quotes what could not be read.
func ParseFrameType(s string) (FrameType, error) {
	for t, name := range frameNames {
		if strings.EqualFold(s, name) {
			return t, nil
		}
	}
	if n, ok := parseNumbered("FrameType", s); ok {
		return FrameType(n), nil
	}
	return 0, fmt.Errorf("status: no frame type is called %.64q", s)
}
