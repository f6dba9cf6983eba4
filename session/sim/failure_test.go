package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/policy/status"
)

// TestRefusalIsThatOfAServer: it has the status on the wire, and many suffer it.
func TestRefusalIsThatOfAServer(t *testing.T) {
	p := newPlan(Scenario{Clients: 1})
	st := p.failure(event{what: refused, code: 503, server: -1})
	assert.Equal(t, 503, st.Wire)
	assert.True(t, st.Shared)
	assert.Nil(t, st.Directive)
	st = p.failure(event{what: refused, code: 429, id: uint64(time.Second), server: 0})
	assert.Equal(t, &status.Directive{RetryAfter: time.Second, Endpoint: "server-1"}, st.Directive)
	assert.False(t, st.Shared)
	assert.Equal(t, status.AudioAuthenticationRejected, p.failure(event{what: refused, code: 403, server: -1}).Code)
	assert.True(t, p.failure(event{what: unreachable}).Shared, "nobody listens there, for anybody")
	assert.False(t, p.failure(event{what: broken}).Shared)
}

func TestGoodbye(t *testing.T) {
	st, bare := stretch{code: 1012}.goodbye()
	assert.False(t, bare)
	assert.True(t, st.Shared, "all of its clients lose it")
	_, bare = stretch{}.goodbye()
	assert.True(t, bare, "who crashes gives no reason")
}
