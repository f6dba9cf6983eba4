package words

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// TestEveryEvent: each event has words of its own.
func TestEveryEvent(t *testing.T) {
	seen := map[string]string{}
	for _, e := range observer.Kinds() {
		text := Event(e)[0]
		require.NotEmpty(t, text)
		assert.NotContains(t, text, "%!")
		assert.NotEqual(t, e.Name(), text)
		assert.Empty(t, seen[text], "%s and %s read alike", e.Name(), seen[text])
		seen[text] = e.Name()
	}
}

// TestDecision: what a decision went by.
func TestDecision(t *testing.T) {
	d := policy.Decision{
		Rule: policy.RuleBudget, Refusal: policy.RefusedElapsed, Attempts: 7, Elapsed: 5 * time.Minute, Left: policy.Left{Idle: policy.NoLimit, Attempts: 3},
		Facts: policy.Facts{
			Status:   status.Status{Code: status.AudioServiceUnavailable, Wire: 503},
			Recovery: policy.Recovery{Damage: policy.MediaDead, At: policy.Resume, Refused: true, Local: true},
		},
	}
	assert.Equal(t, []string{
		`rule "budget", for AudioServiceUnavailable (503), media`,
		"7 attempts so far, lost for 5m0s, budget left 0s, 3 attempts, used up: elapsed, dead: media, failed: resume, refused, this client alone",
	}, Decision(&d))
	assert.Equal(t, "without limit", left(policy.Left{Elapsed: policy.NoLimit, Idle: policy.NoLimit, Attempts: policy.NoLimit}))
}
