package policy

import (
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
)

func TestDefault(t *testing.T) {
	p := Default()
	require.NoError(t, p.Validate())
	assert.Equal(t, Budget{
		Elapsed: 300 * time.Second, Idle: NoLimit, Attempts: NoLimit, Extension: 600 * time.Second, Rejections: 5,
	}, p.Budget)
	assert.Equal(t, 10*time.Second, p.StableAfter)
	assert.Equal(t, 300*time.Second, p.MaxRetryAfter)
	assert.Equal(t, Ladder{
		RestartMedia: Rung{Timeout: 5 * time.Second, Attempts: 1},
		Resume:       Rung{Timeout: 10 * time.Second, Attempts: 2, Window: 120 * time.Second},
	}, p.Ladder)
	assert.Equal(t, Terminal, p.Classes.Of(status.MeetingEnded))
}

func TestReference(t *testing.T) {
	p := Reference()
	require.NoError(t, p.Validate())
	assert.Equal(t, Budget{Elapsed: 120 * time.Second, Idle: 120 * time.Second, Attempts: NoLimit}, p.Budget)
	assert.Zero(t, p.StableAfter)
}

// TestPolicyBackOffDefault checks the delays of the reference: no fixed part, 1 s
// at first, at most 5 s.
func TestPolicyBackOffDefault(t *testing.T) {
	for _, p := range []Policy{Default(), Reference(), {}} {
		bo := p.BackOff(func() float64 { return 0.5 })
		for _, want := range []time.Duration{500, 1000, 2000, 2500, 2500} {
			assert.Equal(t, want*time.Millisecond, bo.NextBackOff())
		}
	}
}

func TestPolicyBackOffOwn(t *testing.T) {
	p := Policy{NewBackOff: func(random func() float64) backoff.BackOff {
		return &FullJitter{Short: 100, Long: 100, Random: random}
	}}
	assert.Equal(t, time.Duration(75), p.BackOff(func() float64 { return 0.75 }).NextBackOff())
	d := p.BackOff(nil).NextBackOff()
	assert.True(t, d >= 0 && d < 100, "random numbers are never nil")
	assert.NotSame(t, p.BackOff(nil), p.BackOff(nil))
}

func TestPolicyValidate(t *testing.T) {
	p := Default()
	p.Classes = p.Classes.With(status.IncompatibleSDP, Terminal)
	p.NewBackOff = func(random func() float64) backoff.BackOff {
		assert.Zero(t, random(), "the random numbers are usable")
		return nil
	}
	err := p.Validate()
	require.Error(t, err)
	assert.Contains(t, err.Error(), "IncompatibleSDP")
	assert.Contains(t, err.Error(), "NewBackOff returned nil")

	p = Default()
	p.NewBackOff = func(func() float64) backoff.BackOff { return constant(1) }
	assert.NoError(t, p.Validate())
	assert.NoError(t, Policy{}.Validate(), "a policy that never tries twice is a policy")
}
