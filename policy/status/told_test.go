package status

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTold(t *testing.T) {
	told := func(want Told) []Code { return withFlag(func(c Code) bool { return c.Told() == want }) }
	assert.Equal(t, []Code{0, 9, 10, 19, 25}, told(ToldInternal))
	assert.Equal(t, []Code{23, 24}, told(ToldDemote))
	assert.Equal(t, []Code{1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 26}, told(ToldStop))
}

func TestPublicNeverShowsAnInternalCode(t *testing.T) { // G7
	for _, c := range append(All(), strangers...) {
		assert.Equal(t, ToldStop, c.Public().Told(), c.String())
		assert.Equal(t, c.Public(), c.Public().Public(), "%s: a public code stays", c)
		if c.Told() == ToldStop {
			assert.Equal(t, c, c.Public())
		}
	}
	for _, c := range []Code{
		OK, VideoCallSwitchToViewOnly, IncompatibleSDP, AudioVideoWasRemovedFromPrimaryMeeting,
		AudioVideoDisconnectedWhilePromoted, AudioDisconnectAudio,
	} {
		assert.Equal(t, TaskFailed, c.Public(), c.String())
	}
	assert.Equal(t, SignalingInternalServerError, VideoCallAtSourceCapacity.Public(), "divergence 7.10")
}

func TestAudience(t *testing.T) {
	hears := func(want Audience) []Code { return withFlag(func(c Code) bool { return c.Audience() == want }) }
	assert.Equal(t, []Code{2, 4, 5, 22}, hears(Always))
	assert.Equal(t, []Code{12}, hears(WhileReconnecting))
	assert.Len(t, hears(Nobody), 22)
}

func TestToldAndAudienceNames(t *testing.T) {
	assert.Equal(t, "internal", Told(0).String())
	assert.Equal(t, "stop", ToldStop.String())
	assert.Equal(t, "demote", ToldDemote.String())
	assert.Equal(t, "Told(3)", Told(3).String())
	assert.Equal(t, "Told(-1)", Told(-1).String())
	assert.Equal(t, "nobody", Audience(0).String())
	assert.Equal(t, "while reconnecting", WhileReconnecting.String())
	assert.Equal(t, "always", Always.String())
	assert.Equal(t, "Audience(3)", Audience(3).String())
}
