package machine

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// TestDivergence75FailedAttempts: an attempt that fails with a code which says
// nothing about failing has failed all the same.
func TestDivergence75FailedAttempts(t *testing.T) {
	for _, c := range []status.Code{
		status.VideoCallSwitchToViewOnly, status.IncompatibleSDP, status.AudioVideoWasRemovedFromPrimaryMeeting,
		status.AudioVideoDisconnectedWhilePromoted, status.AudioDisconnectAudio, status.EncodedTransformManagerFailed,
	} {
		r := newRig()
		r.start()
		retry, ok := event[observer.RetryScheduled](r.openFailed(c))
		require.True(t, ok, c.String())
		assert.Equal(t, status.TaskFailed, retry.Decision.Status.Code)
		assert.ErrorIs(t, retry.Decision.Status, c)
		next := find(r.tick(), Open)
		require.Len(t, next, 1)
		assert.Equal(t, c == status.VideoCallSwitchToViewOnly, next[0].Attempt.ViewOnly, c.String())
		assert.Equal(t, c == status.EncodedTransformManagerFailed, next[0].Attempt.WithoutTransforms, c.String())
	}
}

// TestDivergence77ClosedDuringAnAttempt: whatever code a link closes with while
// its attempt runs, the attempt ends.
func TestDivergence77ClosedDuringAnAttempt(t *testing.T) {
	for _, c := range append(status.All(), unknownCode) {
		r := newRig(presence)
		r.start()
		r.opened(0)
		r.do(Input{Kind: LinkClosed, Epoch: r.m.epoch, Layer: status.LayerMedia, Status: status.New(c, nil)})
		assert.NotEqual(t, "connecting/awaiting", place(r.m), c.String())
		require.Len(t, find(r.last, CloseLink), 1, c.String())
	}
}

// TestDivergence78DemotedOnce: whoever leaves connected while promoted is told
// Demoted first, once (NEEDS 42).
func TestDivergence78DemotedOnce(t *testing.T) {
	for name, leave := range map[string]func(r *rig){
		"loss":     func(r *rig) { r.report(status.AudioInternalServerError) },
		"bare":     func(r *rig) { r.closedBare(status.LayerSignaling) },
		"terminal": func(r *rig) { r.report(status.MeetingEnded) },
		"stop":     func(r *rig) { r.stop() },
		"fault":    func(r *rig) { r.do(Input{Kind: Fault, Status: status.New(status.RealtimeApiFailed, nil)}) },
		"by hand": func(r *rig) {
			r.do(Input{Kind: Reconnect, Status: status.New(status.ConnectionHealthReconnect, nil)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			promoted(r)
			r.told = nil
			leave(r)
			r.report(status.AudioVideoDisconnectedWhilePromoted)
			r.onlyTime()
			require.IsType(t, observer.Demoted{}, r.told[0])
			assert.Equal(t, status.AudioVideoDisconnectedWhilePromoted, r.told[0].(observer.Demoted).Status.Code)
			for _, e := range r.told[1:] {
				assert.NotEqual(t, "Demoted", e.Name())
			}
		})
	}
}

// TestDivergence710InternalEnd: code 10 ends the session under its public name.
func TestDivergence710InternalEnd(t *testing.T) {
	r := newRig()
	r.connectStable(0)
	r.report(status.VideoCallAtSourceCapacity)
	r.closeDone()
	e := r.end(t)
	assert.Equal(t, status.SignalingInternalServerError, e.Status.Code)
	assert.ErrorIs(t, e.Status, status.VideoCallAtSourceCapacity)
	assert.Equal(t, observer.ByStatus, e.Initiator)
}
