package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
)

// referenceTable is the classification written out, independent of the
// properties that package status keeps.
var referenceTable = map[status.Code]Class{
	status.OK:                                     Ignore,
	status.Left:                                   Terminal,
	status.AudioJoinedFromAnotherDevice:           Terminal,
	status.AudioAuthenticationRejected:            Terminal,
	status.AudioCallAtCapacity:                    Terminal,
	status.MeetingEnded:                           Terminal,
	status.AudioInternalServerError:               Failure,
	status.AudioServiceUnavailable:                Failure,
	status.AudioDisconnected:                      Terminal,
	status.VideoCallSwitchToViewOnly:              ViewOnly,
	status.VideoCallAtSourceCapacity:              Terminal,
	status.SignalingBadRequest:                    Terminal,
	status.SignalingInternalServerError:           Failure,
	status.SignalingRequestFailed:                 Terminal,
	status.SignalingChannelClosedUnexpectedly:     Failure,
	status.ICEGatheringTimeoutWorkaround:          Failure,
	status.ConnectionHealthReconnect:              Failure,
	status.RealtimeApiFailed:                      Terminal,
	status.TaskFailed:                             Failure,
	status.IncompatibleSDP:                        Renegotiation,
	status.TURNCredentialsForbidden:               Terminal,
	status.NoAttendeePresent:                      Failure,
	status.AudioAttendeeRemoved:                   Terminal,
	status.AudioVideoWasRemovedFromPrimaryMeeting: Demotion,
	status.AudioVideoDisconnectedWhilePromoted:    Ignore,
	status.AudioDisconnectAudio:                   Ignore,
	status.EncodedTransformManagerFailed:          WithoutTransforms,
}

// Every code is classified as in the reference; one that nobody knows is a failure
// (NEEDS 5).
func TestClassesReference(t *testing.T) {
	var c Classes
	require.Len(t, referenceTable, 27)
	for _, code := range status.All() {
		want, ok := referenceTable[code]
		require.True(t, ok, code.String())
		assert.Equal(t, want, c.Of(code), code.String())
	}
	for _, code := range []status.Code{-1, 27, 99, 1 << 40} {
		assert.Equal(t, Failure, c.Of(code), code.String())
	}
	assert.NoError(t, c.Validate())
}

func TestClassesWith(t *testing.T) {
	var zero Classes
	one := zero.With(status.MeetingEnded, Failure)
	two := one.With(status.AudioServiceUnavailable, Terminal).With(status.MeetingEnded, Ignore)

	assert.Equal(t, Terminal, zero.Of(status.MeetingEnded), "the original is unchanged")
	assert.Equal(t, Failure, one.Of(status.MeetingEnded), "the first copy is unchanged")
	assert.Equal(t, Failure, one.Of(status.AudioServiceUnavailable))
	assert.Equal(t, Ignore, two.Of(status.MeetingEnded))
	assert.Equal(t, Terminal, two.Of(status.AudioServiceUnavailable))
	assert.NoError(t, two.Validate())
}

// No internal code can be made final, and displacement nothing but that (NEEDS 8).
func TestClassesValidate(t *testing.T) {
	// The codes that may never end a session: internal but for
	// VideoCallAtSourceCapacity, and demotion codes.
	endless := map[status.Code]bool{
		status.VideoCallSwitchToViewOnly:              true,
		status.IncompatibleSDP:                        true,
		status.AudioVideoWasRemovedFromPrimaryMeeting: true,
		status.AudioVideoDisconnectedWhilePromoted:    true,
		status.AudioDisconnectAudio:                   true,
	}
	codes := append(status.All(), -1, unknownCode)
	for _, code := range codes {
		for class := Class(-1); class <= Class(len(classTexts)); class++ {
			undefined := class < Ignore || class > WithoutTransforms
			refused := code == status.OK || !code.Known() || undefined ||
				class == Terminal && endless[code] ||
				class != Terminal && code == status.AudioJoinedFromAnotherDevice
			c := Classes{}.With(code, class)
			err := c.Validate()
			if !refused {
				assert.NoError(t, err)
				assert.Equal(t, class, c.Of(code))
				continue
			}
			require.Error(t, err, "%s: %v", code.String(), class)
			assert.Contains(t, err.Error(), code.String())
			assert.Contains(t, err.Error(), class.String())
			assert.Equal(t, Classes{}.Of(code), c.Of(code), "a refused override has no effect")
		}
	}
}

func TestClassesValidateNamesAll(t *testing.T) {
	c := Classes{}.
		With(status.IncompatibleSDP, Terminal).
		With(status.OK, Failure).
		With(status.MeetingEnded, Failure).
		With(unknownCode, Ignore)
	assert.EqualError(t, c.Validate(), ""+
		"policy: OK cannot be of class failure: it is not an event\n"+
		"policy: IncompatibleSDP cannot be of class terminal: the code is never told as the end of a session\n"+
		"policy: Code(99) cannot be of class ignore: the code is unknown")
}
