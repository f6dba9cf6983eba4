package health

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWarningsLimit(t *testing.T) {
	tests := []struct{ limit, given int }{{0, 0}, {1, 1}, {3, 3}, {-1, 9}}
	for _, tt := range tests {
		var w warnings
		given := 0
		for range 9 {
			if w.give(0, tt.limit) {
				given++
			}
		}
		assert.Equal(t, tt.given, given, "limit %d", tt.limit)
	}
}

func TestWarningsCooldown(t *testing.T) {
	var w warnings
	assert.False(t, w.cooling(0, second), "none was given")
	w.give(0, 1)
	assert.True(t, w.cooling(second-1, second))
	assert.False(t, w.cooling(second, second))
	assert.False(t, w.cooling(0, -1), "off")
	w.give(second, 1)
	assert.True(t, w.cooling(2*second-1, second), "a suppressed one counts")
}
