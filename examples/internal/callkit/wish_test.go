package callkit

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWishOnTheWire(t *testing.T) {
	tests := map[string]struct {
		in   string
		want *status.Directive
	}{
		"nothing":           {`{}`, nil},
		"all":               {`{"retryAfter":1.5,"recovery":"resume","endpoint":"ws://b/call"}`, &status.Directive{RetryAfter: 1500 * time.Millisecond, Recovery: status.RecoverByResume, Endpoint: "ws://b/call"}},
		"rejoin":            {`{"recovery":"rejoin"}`, &status.Directive{Recovery: status.RecoverByRejoin}},
		"of a newer server": {`{"recovery":"teleport","colour":"red"}`, nil},
		"too long":          {`{"retryAfter":1e300}`, &status.Directive{RetryAfter: math.MaxInt64}},
		"negative":          {`{"retryAfter":-1}`, nil},
		"plain text":        {`see you`, nil},
		"of another type":   {`{"retryAfter":"soon"}`, nil},
		"no text at all":    {``, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, wishOf(tt.in).directive()) })
	}
}

func TestWishInACloseFrame(t *testing.T) {
	w := Wish{RetryAfter: 2, Recovery: "rejoin", Endpoint: "ws://127.0.0.1:12345/call"}
	assert.Equal(t, w, wishOf(w.reason()))
	assert.Empty(t, Wish{}.reason())
	long := Wish{Endpoint: strings.Repeat("x", maxReason)}
	assert.Empty(t, long.reason(), "there is no room for it")
	b, err := json.Marshal(Message{Kind: KindError, Wish: w})
	require.NoError(t, err)
	m, err := decode(b)
	require.NoError(t, err)
	assert.Equal(t, w, m.Wish)
}

// wishes are what the tests below send, and must arrive.
var (
	testWish      = Wish{RetryAfter: 3, Recovery: "rejoin", Endpoint: "ws://elsewhere/call"}
	testDirective = status.Directive{RetryAfter: 3 * time.Second, Recovery: status.RecoverByRejoin, Endpoint: "ws://elsewhere/call"}
)

func TestHandshakesAreRefused(t *testing.T) {
	tests := map[string]struct {
		http   int
		code   status.Code
		shared bool
		unauth bool
	}{
		"401": {http.StatusUnauthorized, status.TaskFailed, false, true},
		"403": {http.StatusForbidden, status.AudioAuthenticationRejected, false, true},
		"404": {http.StatusNotFound, status.TaskFailed, false, false},
		"429": {http.StatusTooManyRequests, status.TaskFailed, false, false},
		"500": {http.StatusInternalServerError, status.SignalingInternalServerError, true, false},
		"503": {http.StatusServiceUnavailable, status.SignalingInternalServerError, true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, ServerOptions{})
			c, _ := call(t, options(s, alice))
			check := func(st status.Status) {
				assert.Equal(t, tt.code, st.Code)
				assert.Equal(t, tt.http, st.Wire)
				assert.Equal(t, tt.shared, st.Shared)
				assert.Equal(t, status.LayerSignaling, st.Where())
				if tt.unauth {
					assert.ErrorIs(t, st, ErrUnauthorized)
				} else {
					assert.NotErrorIs(t, st, ErrUnauthorized)
				}
				require.NotNil(t, st.Directive)
				assert.Equal(t, 7*time.Second, st.Directive.RetryAfter)
			}
			s.RefuseHandshakes(tt.http, "7")
			check(refused(t, options(s, bob), PhaseOpen, tt.code))
			check(failsToResume(t, c, ResumeOptions{}))
			s.RefuseHandshakes(tt.http, "")
			assert.Nil(t, failsToResume(t, c, ResumeOptions{}).Directive)
			s.RefuseHandshakes(0, "7")
			require.NoError(t, c.Resume(soon(t), ResumeOptions{}))
			call(t, options(s, bob))
		})
	}
}

func TestRetryAfterAsADate(t *testing.T) {
	s := startServer(t, ServerOptions{})
	s.RefuseHandshakes(http.StatusServiceUnavailable, time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
	st := refused(t, options(s, alice), PhaseOpen, status.SignalingInternalServerError)
	require.NotNil(t, st.Directive)
	assert.InDelta(t, time.Minute, st.Directive.RetryAfter, float64(10*time.Second))
}

func TestJoinsAreRefused(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, _ := call(t, options(s, alice))
	s.RefuseJoins(503, testWish)
	for _, st := range []status.Status{
		refused(t, options(s, bob), PhaseJoin, status.SignalingInternalServerError),
		failsToResume(t, c, ResumeOptions{}),
	} {
		assert.Equal(t, status.SignalingInternalServerError, st.Code)
		assert.Equal(t, 503, st.Wire)
		assert.Equal(t, &testDirective, st.Directive)
	}
	s.RefuseJoins(0, Wish{})
	require.NoError(t, c.Resume(soon(t), ResumeOptions{}))
	call(t, options(s, bob))
}

func TestUpdatesAreRefused(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	s.RefuseUpdates(503)
	require.ErrorIs(t, c.RestartMedia(soon(t)), status.SignalingInternalServerError)
	require.ErrorIs(t, c.Update(soon(t), Update{Renegotiate: true}), status.SignalingInternalServerError)
	require.ErrorIs(t, c.Update(soon(t), Update{ViewOnly: true}), status.SignalingInternalServerError)
	assert.False(t, s.ViewOnly(alice))
	require.ErrorIs(t, c.Resume(soon(t), ResumeOptions{RestartMedia: true}), status.SignalingInternalServerError)
	s.RefuseUpdates(0)
	require.NoError(t, c.Resume(soon(t), ResumeOptions{RestartMedia: true}))
	assert.True(t, s.ViewOnly(alice))
	in := c.Received()
	eventually(t, "audio at the client", func() bool { return c.Received() > in+2 })
	require.NoError(t, c.Update(soon(t), Update{Renegotiate: true}))
	assert.Empty(t, h.losses())
}

func TestErrorsCarryWishes(t *testing.T) {
	s := startServer(t, ServerOptions{})
	_, h := call(t, options(s, alice))
	require.True(t, s.SendErrorAsking(alice, 503, testWish))
	assert.Equal(t, &testDirective, h.told(t, status.SignalingInternalServerError).Directive)
	require.True(t, s.SendError(alice, 206))
	assert.Nil(t, h.told(t, status.VideoCallSwitchToViewOnly).Directive)
}

func TestClosesCarryWishes(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, a := call(t, options(s, alice))
	_, b := call(t, options(s, bob))
	s.CloseAll(4503, testWish)
	for _, h := range []*recorder{a, b} {
		st := h.lost(t, status.LayerSignaling)
		assert.Equal(t, status.SignalingInternalServerError, st.Code)
		assert.Equal(t, 4503, st.Wire)
		assert.Equal(t, &testDirective, st.Directive)
	}
	require.NoError(t, c.Resume(soon(t), ResumeOptions{}))
	flows(t, s, c, alice)
}

func TestRestartLeavesNothingToResume(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	s.Restart(testWish)
	st := h.lost(t, status.LayerSignaling)
	assert.Equal(t, status.SignalingChannelClosedUnexpectedly, st.Code)
	assert.Equal(t, 1012, st.Wire)
	assert.True(t, st.Shared)
	assert.Equal(t, &testDirective, st.Directive)
	h.hungUp(t)
	refusesResume(t, c)
	callWithAudio(t, s, alice)
}

func TestDrainLeavesTheSignalingOpen(t *testing.T) {
	s := startServer(t, ServerOptions{})
	c, h := callWithAudio(t, s, alice)
	s.Drain("ws://elsewhere/call")
	st := h.told(t, status.SignalingChannelClosedUnexpectedly)
	assert.Equal(t, 1001, st.Wire)
	assert.True(t, st.Shared)
	assert.Equal(t, &status.Directive{Endpoint: "ws://elsewhere/call"}, st.Directive)
	answersPings(t, c, h)
	flows(t, s, c, alice)
	assert.Len(t, h.losses(), 1)
}
