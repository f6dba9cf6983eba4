package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEventsComeInOrder(t *testing.T) {
	var q events
	r := source(1, 1)
	for i := range uint64(1000) {
		q.push(event{at: time.Duration(r.IntN(100)), id: i})
		if oneIn(r, 3) {
			q.pop()
		}
	}
	last := q.pop()
	for q.next() != never {
		e := q.pop()
		require.True(t, last.at < e.at || last.at == e.at && last.id < e.id, "%v %v", last, e)
		last = e
	}
	assert.Empty(t, q.heap)
}
