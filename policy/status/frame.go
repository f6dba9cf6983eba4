package status

// Frame holds those parts of a received signaling frame that can carry a
// status. The zero value is a frame of unknown kind that means nothing.
type Frame struct {
	// Type is the kind of frame.
	Type FrameType
	// ErrorStatus is the number in the frame's error, 0 if there is no error or
	// no number in it.
	ErrorStatus int
	// HasAudioStatus says that the body of an audio status is there.
	HasAudioStatus bool
	// AudioStatus is the number in that body, 0 if the body has none. Without
	// HasAudioStatus it is ignored, as it is in frames of any other kind.
	AudioStatus int
	// NoJoinBody says that a join answer came without its body. It is for a
	// transport that waits for the answer; left false, the body is not judged.
	// In frames of any other kind it is ignored.
	NoJoinBody bool
}

// FromFrame gives the meaning of a signaling frame, and whether a session
// should be told (reference). An error status other than zero decides before
// the kind of frame does. Without one, an audio status says what FromAudio
// makes of it, an audio status or a join answer without its body is
// SignalingRequestFailed, leaving the primary meeting is
// AudioVideoWasRemovedFromPrimaryMeeting, and everything else is OK.
//
// OK is never reported, nor is anything in a notification or in the answer to
// joining the primary meeting, even if it carries an error.
//
// Whether a join answer ends the attempt that waits for it is a question for
// FromJoinAnswer.
func FromFrame(f Frame) (s Status, reported bool) {
	s = f.meaning()
	return s, s.Code != OK && f.Type != FrameNotification && f.Type != FramePrimaryMeetingJoinAck
}

func (f Frame) meaning() Status {
	switch {
	case f.ErrorStatus != 0:
		return FromSignaling(f.ErrorStatus)
	case f.Type == FrameAudioStatus && f.HasAudioStatus:
		return FromAudio(f.AudioStatus)
	case f.Type == FrameAudioStatus, f.lacksJoinBody():
		return Status{Code: SignalingRequestFailed, Layer: LayerSignaling}
	case f.Type == FramePrimaryMeetingLeave:
		return Status{Code: AudioVideoWasRemovedFromPrimaryMeeting, Layer: LayerSignaling}
	default:
		return Status{}
	}
}

func (f Frame) lacksJoinBody() bool { return f.Type == FrameJoinAck && f.NoJoinBody }

// FromJoinAnswer tells whether a join answer fails the attempt that waits for
// it, and with what. A status that says failure does, with one status and no
// second one for the body that such an answer lacks (divergence 7.6). Other
// statuses (2xx) let the join go on, provided that the body is there; without
// it the attempt has failed with SignalingRequestFailed, after whatever
// FromFrame reports, as when 206 asks for view-only. Frames of another kind
// fail nothing here.
func FromJoinAnswer(f Frame) (s Status, failed bool) {
	if f.Type != FrameJoinAck {
		return Status{}, false
	}
	if s := FromSignaling(f.ErrorStatus); s.Code.Failure() {
		return s, true
	}
	if f.NoJoinBody {
		return Status{Code: SignalingRequestFailed, Layer: LayerSignaling, Wire: f.ErrorStatus}, true
	}
	return Status{}, false
}
