package linkhistory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestScoreSums(t *testing.T) {
	var c tally
	c.add(&record{false: make([]FalseVerdict, 150)}, 30*time.Minute)
	for i := range 5 {
		c.addDeath(talking, &record{detected: i < 3, took: time.Duration(3-i) * time.Second})
	}
	c.addDeath(quiet, &record{detected: true, took: 10 * time.Second})
	s := c.sum(true)
	assert.Equal(t, []any{0.5, 30_000.0, 150, mostFalse}, []any{s.Hours, s.FalsePer100h, s.FalseTotal, len(s.False)})
	assert.Equal(t, []any{2 * time.Second, 10 * time.Second, 4, 2}, []any{s.P50, s.Worst, s.Detected, s.Missed})
	assert.Equal(t, []VariantScore{
		{"talking", 2 * time.Second, 3 * time.Second, 3, 2},
		{"quiet", 10 * time.Second, 10 * time.Second, 1, 0},
		{"stalled", 0, 0, 0, 0},
	}, s.Variants)
}

func TestScoreOfNothing(t *testing.T) {
	assert.Equal(t, Score{}, new(tally).sum(false))
}
