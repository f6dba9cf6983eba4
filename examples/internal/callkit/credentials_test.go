package callkit

import (
	"testing"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCredentialsRotate(t *testing.T) {
	s := startServer(t, ServerOptions{Check: func(_ string, tk Token) bool { return tk == "first" }})
	o := options(s, alice)
	o.Token = "first"
	c, _ := call(t, o)
	flows(t, s, c, alice)

	s.Revoke("first")
	assert.Equal(t, status.AudioAuthenticationRejected, failsToResume(t, c, ResumeOptions{}).Code)
	refused(t, o, PhaseJoin, status.AudioAuthenticationRejected)
	flows(t, s, c, alice)

	assert.Equal(t, status.AudioAuthenticationRejected, failsToResume(t, c, ResumeOptions{Token: "second"}).Code)
	s.Accept("second")
	require.NoError(t, c.Resume(soon(t), ResumeOptions{Token: "second"}))
	require.NoError(t, c.Resume(soon(t), ResumeOptions{}), "with the last one that was good")
	require.ErrorIs(t, c.Promote(soon(t), "first"), status.AudioAuthenticationRejected)
	require.NoError(t, c.Promote(soon(t), "second"))
	flows(t, s, c, alice)

	s.Accept("first")
	require.NoError(t, c.Resume(soon(t), ResumeOptions{Token: "first"}))
	assert.Equal(t, 5, s.Presented("first"))
	assert.Equal(t, 4, s.Presented("second"))
	assert.Zero(t, s.Presented("third"))
}
