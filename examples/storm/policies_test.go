package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/session"
)

func TestChoose(t *testing.T) {
	for names, want := range map[string][]string{
		"ours":                     {"ours"},
		" nats.go , OURS":          {"nats.go", "ours"},
		"nats,nats.go,NATS.GO":     {"nats.go"},
		"signalr,paho":             {"signalr (ts)", "paho autopaho"},
		"lib-jitsi":                {"lib-jitsi-meet (XMPP resume)"},
		"reference,centrifuge-go,": nil,
	} {
		chosen, err := choose(known(t), names)
		if want == nil {
			require.ErrorContains(t, err, `there is no policy ""`)
			continue
		}
		require.NoError(t, err, names)
		assert.Equal(t, want, namesOf(chosen), names)
	}
}

func TestChooseAll(t *testing.T) {
	chosen, err := choose(known(t), "All")
	require.NoError(t, err)
	assert.Len(t, chosen, 2+len(known(t).Systems))
	assert.Equal(t, []string{"ours", "reference", "livekit-server-sdk-go"}, namesOf(chosen[:3]))
}

// TestOursIsTheDefault: nothing is set for the occasion.
func TestOursIsTheDefault(t *testing.T) {
	ours := contestants(known(t))[0]
	assert.Equal(t, session.Config{}, ours.client)
	assert.Nil(t, ours.openLoop)
}

// TestUnknownPolicies: the error lists those that there are, or says why there is
// none.
func TestUnknownPolicies(t *testing.T) {
	for name, want := range map[string]string{
		"nobody":               `there is no policy "nobody": choose from all, ours, reference, livekit-server-sdk-go, centrifuge-go,`,
		"centrifuge":           `the policy "centrifuge" may be centrifuge-go or centrifuge-js`,
		"mediasoup-client":     "mediasoup-client cannot be compared: does not reconnect",
		"amazon-chime-sdk-ios": "amazon-chime-sdk-ios cannot be compared: its schedule is inside a closed library",
	} {
		_, err := choose(known(t), "ours,"+name)
		require.ErrorContains(t, err, want)
	}
}
