package status_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// A session's error carries a code, however deeply it is wrapped.
func ExampleCodeOf() {
	err := fmt.Errorf("session %q: %w", "standup", status.New(status.MeetingEnded, nil))

	if errors.Is(err, status.MeetingEnded) {
		fmt.Println("take the meeting screen away")
	}
	switch code, _ := status.CodeOf(err); code {
	case status.Left, status.MeetingEnded:
		fmt.Println("a normal end:", code.String())
	default:
		fmt.Println("log it:", code)
	}
	// Output:
	// take the meeting screen away
	// a normal end: MeetingEnded
}

// The table of codes says whether an end user should hear of a code at all.
func ExampleCode_UserMessage() {
	for _, code := range []status.Code{status.AudioCallAtCapacity, status.SignalingBadRequest} {
		fmt.Printf("%s (%s): %s\n", code.String(), code.Audience(), code.UserMessage())
	}
	// Output:
	// AudioCallAtCapacity (always): This meeting is full.
	// SignalingBadRequest (nobody): The call has ended because of a technical problem.
}

// A transport maps the close code of its socket and adds the error it got.
func ExampleFromWebSocketClose() {
	s := status.FromWebSocketClose(1012, status.Attached)
	s.Cause = errors.New("received close frame: restarting")

	fmt.Println(s.Code.String(), s.Where(), "shared:", s.Shared)
	fmt.Println(s)
	// Output:
	// SignalingChannelClosedUnexpectedly signaling shared: true
	// SignalingChannelClosedUnexpectedly (14) from wire 1012: the signaling socket went away; a network change is the usual cause: received close frame: restarting
}

// An error status decides before the kind of frame does.
func ExampleFromFrame() {
	s, reported := status.FromFrame(status.Frame{
		Type:           status.FrameAudioStatus,
		HasAudioStatus: true, AudioStatus: 200,
		ErrorStatus: 500,
	})
	fmt.Println(s.Code.String(), reported)
	// Output: SignalingInternalServerError true
}

// A join that asks for view-only goes on, if the answer has its body.
func ExampleFromJoinAnswer() {
	answer := status.Frame{Type: status.FrameJoinAck, ErrorStatus: 206}
	s, reported := status.FromFrame(answer)
	fmt.Println(s.Code.String(), reported)
	_, failed := status.FromJoinAnswer(answer)
	fmt.Println("failed:", failed)
	// Output:
	// VideoCallSwitchToViewOnly true
	// failed: false
}

// Configurations may name codes, or give their numbers.
func ExampleParse() {
	for _, s := range []string{"TaskFailed", "taskfailed", "18", "99"} {
		code, err := status.Parse(s)
		fmt.Println(code.String(), err)
	}
	// Output:
	// TaskFailed <nil>
	// TaskFailed <nil>
	// TaskFailed <nil>
	// OK status: code number 99 is outside 0..26
}

// An internal code ends a session under a public name, and stays reachable.
func ExampleCode_Public() {
	raw := status.FromSignaling(509)
	told := status.New(raw.Code.Public(), raw)

	fmt.Println(told.Code.String(), errors.Is(told, status.VideoCallAtSourceCapacity))
	// Output: SignalingInternalServerError true
}

func ExampleStatus_MarshalJSON() {
	s := status.FromWebSocketClose(1001, status.Attached)
	s.Cause = errors.New("server going away")
	data, _ := json.Marshal(s)
	fmt.Println(string(data))
	// Output: {"code":"SignalingChannelClosedUnexpectedly","layer":"signaling","wire":1001,"shared":true,"cause":"server going away"}
}

// A server that is too busy to take a client back says for how long.
func ExampleParseRetryAfter() {
	st := status.FromSignaling(503)
	if after, ok := status.ParseRetryAfter("30", time.Now()); ok {
		st.Directive = &status.Directive{RetryAfter: after}
	}
	fmt.Println(st)
	// Output:
	// SignalingInternalServerError (12) from wire 503: a server fault prevented or broke signaling; the network may be behind it; asks to retry after 30s
}
