package status

// FromSignaling gives the meaning of the status in a signaling error frame
// (reference). Some numbers have a meaning of their own, the rest goes by the
// hundred: 2xx OK, 4xx SignalingBadRequest, 5xx SignalingInternalServerError,
// anything else SignalingRequestFailed. Zero counts as an absent status and
// gives the zero Status.
func FromSignaling(wire int) Status {
	if wire == 0 {
		return Status{}
	}
	return Status{Code: signalingCode(wire), Layer: LayerSignaling, Wire: wire}
}

func signalingCode(wire int) Code {
	switch wire {
	case 206:
		return VideoCallSwitchToViewOnly
	case 403:
		return AudioAuthenticationRejected
	case 409:
		return AudioCallAtCapacity
	case 509:
		return VideoCallAtSourceCapacity
	}
	switch wire / 100 {
	case 2:
		return OK
	case 4:
		return SignalingBadRequest
	case 5:
		return SignalingInternalServerError
	}
	return SignalingRequestFailed
}

// FromAudio gives the meaning of the number in an audio status frame
// (reference). 2xx is OK; a number without a meaning of its own is
// AudioDisconnected, zero (no number) among them. The frame travels over
// signaling, but what it speaks of is the media layer.
func FromAudio(wire int) Status {
	return Status{Code: audioCode(wire), Layer: LayerMedia, Wire: wire}
}

func audioCode(wire int) Code {
	switch wire {
	case 301:
		return AudioJoinedFromAnotherDevice
	case 302:
		return AudioDisconnectAudio
	case 403:
		return AudioAuthenticationRejected
	case 409:
		return AudioCallAtCapacity
	case 410:
		return MeetingEnded
	case 411:
		return AudioAttendeeRemoved
	case 500:
		return AudioInternalServerError
	case 503:
		return AudioServiceUnavailable
	}
	if wire/100 == 2 {
		return OK
	}
	return AudioDisconnected
}
