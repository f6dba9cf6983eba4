package main

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// TestRateLimiter: a rate.Limiter is a session.Limiter, and keeps many sessions of
// one process from storming (NEEDS 39). A rejoin takes 4 of it, or all that it has.
func TestRateLimiter(t *testing.T) {
	for _, burst := range []int{4, 1} {
		synctest.Test(t, func(t *testing.T) { storm(t, rate.NewLimiter(40, burst), 40/burst) })
	}
}

// storm has a hundred sessions lose their links at once, and counts the attempts.
func storm(t *testing.T, limiter *rate.Limiter, perSecond int) {
	const many = 100
	var transports [many]sessiontest.Transport
	var sessions [many]*session.Session
	for i := range sessions {
		s, err := session.New(session.Config{Transport: &transports[i], Limiter: limiter})
		require.NoError(t, err)
		require.NoError(t, s.Start(t.Context()))
		sessions[i] = s
	}
	lost := time.Now()
	for i := range transports {
		transports[i].Report(sessiontest.Newest, status.SignalingInternalServerError)
	}
	var at []time.Duration
	for i, s := range sessions {
		require.NoError(t, s.WaitConnected(t.Context()))
		attempts := transports[i].Snapshot().Named("Connect")
		at = append(at, attempts[len(attempts)-1].At.Sub(lost))
		require.NoError(t, s.Close())
	}
	slices.Sort(at)
	for i := range at[perSecond+1:] {
		assert.GreaterOrEqual(t, at[i+perSecond+1]-at[i], time.Second-time.Millisecond, "attempts %d to %d", i, i+perSecond+1)
	}
	assert.Greater(t, at[many-1], time.Duration(many/perSecond-2)*time.Second)
}
