package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Every built-in policy can serve where one of the application's own does.
var (
	_ Policy   = (*Reconnection)(nil)
	_ Reasoner = (*Reconnection)(nil)
	_ Policy   = (*UnusableAudio)(nil)
	_ Policy   = (*SendingAudio)(nil)
	_ Policy   = (*VideoCPU)(nil)
	_ Policy   = (*VideoFrameRate)(nil)
	_ Policy   = (*ConcurrentSenders)(nil)
)

// policyCase is one evaluation and what it must give.
type policyCase struct {
	name             string
	now              time.Duration
	data             *Data
	healthy, changed bool
}

func runPolicy(t *testing.T, p Policy, cases []policyCase) {
	t.Helper()
	for _, c := range cases {
		healthy, changed := p.Evaluate(c.now, c.data)
		assert.Equal(t, c.healthy, healthy, c.name)
		assert.Equal(t, c.changed, changed, c.name)
	}
}

// firstUnhealthy evaluates n times and gives the number of the first unhealthy
// verdict, 0 if there was none.
func firstUnhealthy(p Policy, n int, d Data) int {
	for i := range n {
		if healthy, _ := p.Evaluate(time.Duration(i)*second, &d); !healthy {
			return i + 1
		}
	}
	return 0
}
