package status

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func FuzzFromFrame(f *testing.F) {
	f.Add(int(FrameJoinAck), 0, false, 0, true)
	f.Add(int(FrameJoinAck), 206, false, 0, true)
	f.Add(int(FrameAudioStatus), 0, true, 410, false)
	f.Add(int(FrameAudioStatus), 500, true, 200, false)
	f.Add(int(FramePrimaryMeetingLeave), 0, false, 0, false)
	f.Add(int(FrameNotification), 403, false, 0, false)
	f.Add(-1, -1, true, -1, true)
	f.Fuzz(func(t *testing.T, kind, errorStatus int, hasAudio bool, audio int, noBody bool) {
		frame := Frame{FrameType(kind), errorStatus, hasAudio, audio, noBody}
		s, reported := FromFrame(frame)
		require.True(t, s.Code.Known())
		require.Nil(t, s.Cause)
		if errorStatus != 0 {
			require.Equal(t, FromSignaling(errorStatus), s, "the error decides first")
		}
		silent := frame.Type == FrameNotification || frame.Type == FramePrimaryMeetingJoinAck
		require.Equal(t, s.Code != OK && !silent, reported)
		if refused, failed := FromJoinAnswer(frame); failed {
			require.Equal(t, FrameJoinAck, frame.Type)
			require.True(t, refused.Code.Failure(), "an attempt fails with a failure")
		} else {
			require.True(t, refused.IsZero())
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "Left", "meetingended", "26", "27", "-1", "+5", "007", "Code(99)", "Code(-1)", "Code(", "ſ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse(s)
		if err != nil {
			require.Equal(t, OK, c)
			require.Less(t, len(err.Error()), 1024)
			return
		}
		back, err := Parse(c.String())
		require.NoError(t, err)
		require.Equal(t, c, back)
		if n, err := strconv.Atoi(s); err == nil {
			require.Equal(t, n, int(c))
			require.True(t, c.Known(), "a plain number names a known code")
		}
		var text Code
		require.NoError(t, text.UnmarshalText([]byte(s)))
		require.Equal(t, c, text)
	})
}

func FuzzStatusJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"code":5}`, `{"code":"Code(99)","layer":"Layer(-3)"}`, `{"code":null,"cause":""}`,
		`{"code":"MeetingEnded","layer":"signaling","wire":4410,"shared":true,"permanent":true,"cause":"text"}`,
		`{"code":"Left","cause":"\ud800<&>"}`, `{"wire":1e3}`,
		`{"directive":{}}`, `{"directive":{"retryAfter":-9223372036854775808,"recovery":"Recovery(4)"}}`,
		`{"code":12,"directive":{"retryAfter":30000000000,"recovery":"resume","endpoint":"wss://\ud800"},"cause":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var first Status
		if json.Unmarshal(data, &first) != nil {
			require.True(t, first.IsZero(), "kept after an error")
			return
		}
		text, err := json.Marshal(first)
		require.NoError(t, err)
		var second Status
		require.NoError(t, json.Unmarshal(text, &second))
		assertSame(t, first, second)
		assert.Equal(t, first.Error(), second.Error())
		assert.Equal(t, first.Unexplained(), second.Unexplained(), "causes from JSON carry no code")
	})
}

func FuzzWireMappings(f *testing.F) {
	for _, wire := range []int{-1, 0, 200, 206, 403, 410, 509, 999, 1001, 1006, 4410, 4500, 4599, 4600, 1 << 40} {
		for phase := range 4 {
			f.Add(wire, phase)
		}
	}
	f.Fuzz(func(t *testing.T, wire, phase int) {
		closed, failed := FromWebSocketClose(wire, Phase(phase)), FromWebSocketError(wire, Phase(phase))
		for _, s := range []Status{FromSignaling(wire), FromAudio(wire), closed, failed} {
			require.True(t, s.Code.Known())
			require.Nil(t, s.Cause)
			require.Nil(t, s.Directive)
			require.False(t, s.Permanent)
			require.NotEmpty(t, s.Error())
			require.NotEqual(t, OK, s.Code.Public())
		}
		require.Equal(t, max(wire, 0), closed.Wire)
		require.Equal(t, closed.Wire, failed.Wire)
		require.Equal(t, FromWebSocketClose(wire, Attached), closed, "the phase makes no difference")
		require.NotEqual(t, closed.Code.Terminal(), closed.Code.Failure(), "a close ends or is retried")
		require.True(t, failed.Code.Failure() && !failed.Code.Terminal(), "a socket error is retried")
		require.Equal(t, wire == 1001 || wire == 1012 || wire == 1013, closed.Shared)
	})
}
