package callkit

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRequestsPairAnswers(t *testing.T) {
	var r requests
	r.settle(Message{ID: 1}) // asked by nobody
	one, first := r.open()
	two, second := r.open()
	assert.NotEqual(t, one, two)
	assert.NotZero(t, one, "0 stays off the wire")
	r.settle(Message{ID: two, Status: 2})
	r.settle(Message{ID: one, Status: 1})
	r.settle(Message{ID: one, Status: 3}) // once is enough, and nothing blocks
	assert.Equal(t, 1, (<-first).Status)
	assert.Equal(t, 2, (<-second).Status)
	assert.Empty(t, first)

	three, third := r.open()
	r.close(three)
	r.settle(Message{ID: three})
	assert.Empty(t, third)
	assert.Empty(t, r.waiting)
}
