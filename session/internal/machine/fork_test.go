package machine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// TestForkGoesItsOwnWay: it is where the other one was, and neither hears of what
// happens to the other.
func TestForkGoesItsOwnWay(t *testing.T) {
	r := newRig(func(c *Config) {
		c.Health.Detector.Off = false
		c.Policy.NewBackOff = nil // one with a memory of its own
		c.Health.Custom = []health.CustomPolicy{{Name: "own", New: func() health.Policy { return new(countingPolicy) }}}
	})
	r.start()
	r.opened(allAbilities | CanProbe)
	r.do(Input{Kind: Sampled, Epoch: 1, Sample: &health.Sample{}})
	cfg := *r.m.cfg
	cfg.Random = func() float64 { return 0.25 }
	fork := r.m.Fork(&cfg)
	require.Equal(t, r.m.Snapshot(), fork.Snapshot())
	due, ok := r.m.Deadline()
	forkDue, forkOK := fork.Deadline()
	assert.Equal(t, due, forkDue)
	assert.Equal(t, ok, forkOK)
	assert.NotSame(t, r.m.quality.custom[0].policy, fork.quality.custom[0].policy)

	lost := Input{Kind: Reported, Epoch: 1, Status: status.New(status.SignalingInternalServerError, nil)}
	effects := fork.Handle(r.now, lost)
	assert.Equal(t, observer.StateReconnecting, fork.Snapshot().State)
	assert.Equal(t, observer.StateConnected, r.m.Snapshot().State)
	assert.Equal(t, 250*time.Millisecond, delayIn(t, effects), "drawn from its own random numbers")
	assert.Equal(t, 500*time.Millisecond, delayIn(t, r.m.Handle(r.now, lost)))
}

// countingPolicy is a policy with a memory.
type countingPolicy struct{ asked int }

func (p *countingPolicy) Evaluate(time.Duration, *health.Data) (healthy, changed bool) {
	p.asked++
	return true, false
}

// delayIn is the delay that a retry was scheduled with.
func delayIn(t *testing.T, effects []Effect) time.Duration {
	for _, e := range effects {
		if s, ok := e.Event.(observer.RetryScheduled); ok {
			return s.Decision.Delay
		}
	}
	require.Fail(t, "no retry was scheduled")
	return 0
}

// TestLentRoomIsUsed: a Handle that has something to say needs no memory of its own.
func TestLentRoomIsUsed(t *testing.T) {
	r := newRig()
	room := make([]Effect, 3, 16)
	r.m.Lend(room)
	effects := r.m.Handle(r.now, Input{Kind: Start})
	require.NotEmpty(t, effects)
	assert.Same(t, &room[0], &effects[0])
	r.m.Lend(effects)
	assert.Empty(t, r.m.Handle(r.now, Input{Kind: Tick}), "what was in it is gone")
}
