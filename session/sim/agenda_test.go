package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestAgendaIsInOrder(t *testing.T) {
	var a agenda
	assert.Equal(t, never, a.next())
	for i, at := range []int64{5, 3, 5, 9, 3, 1} {
		a.put(event{at: 0, id: uint64(i)}.later(at))
	}
	a.put(event{at: never})
	var ids []uint64
	for len(a) > 0 {
		assert.Equal(t, a[len(a)-1].at, a.next())
		ids = append(ids, a.take().id)
	}
	assert.Equal(t, []uint64{5, 1, 4, 0, 2, 3}, ids, "and of two at the same time the first one first")
}

func TestAgendaForgetsTheLink(t *testing.T) {
	var a agenda
	for k := dials; k <= disturbed; k++ {
		a.put(event{kind: k}.later(int64(k)))
	}
	a.forget()
	for _, e := range a {
		assert.NotContains(t, []happening{ponged, probed, sampled, died, closed, turned, drained}, e.kind)
	}
	assert.Len(t, a, 6)
}

func (e event) later(at int64) event {
	e.at += time.Duration(at)
	return e
}
