package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTally(t *testing.T) {
	one, two := newTally(2, time.Second), newTally(2, time.Second)
	one.enter(0, Connected)
	one.enter(1, Connected)
	one.move(0, preroll+450*time.Millisecond, Connected, Reconnecting)
	two.rehome(0, 1, preroll+500*time.Millisecond, Reconnecting)
	two.count(1, preroll+999*time.Millisecond, turnedAway)
	two.count(1, preroll+time.Second, turnedAway) // too late
	one.add(&two)
	first, second := one.part(0), one.part(1)
	assert.Equal(t, []Point{
		{Connected: 1},
		{At: 500 * time.Millisecond, Reconnecting: 1},
		{At: time.Second},
	}, first.series(500*time.Millisecond))
	assert.Equal(t, []Point{
		{Connected: 1},
		{At: 700 * time.Millisecond, Connected: 1, Reconnecting: 1},
		{At: time.Second, Connected: 1, Reconnecting: 1, Attempts: Attempts{Refused: 1}},
	}, second.series(700*time.Millisecond))
	all := one.sum()
	assert.Equal(t, 1, all.peak(turnedAway, ignored))
	assert.Zero(t, all.peak(letIn))
}

// TestPeakIsThatOfASecond, wherever it begins.
func TestPeakIsThatOfASecond(t *testing.T) {
	tally := newTally(1, 5*time.Second)
	for _, at := range []time.Duration{500, 1400, 1500, 2399, 4000} {
		tally.count(0, preroll+at*time.Millisecond, dead)
	}
	assert.Equal(t, 3, tally.peak(dead, lost))
}

func TestReached(t *testing.T) {
	back := []time.Duration{1, 2, 3}
	assert.EqualValues(t, 2, reached(back, 4, 50))
	assert.EqualValues(t, 3, reached(back, 4, 51))
	assert.Equal(t, Never, reached(back, 4, 90))
	assert.Zero(t, reached(nil, 0, 99))
	assert.Equal(t, 1+2+3+4+5+6, Attempts{1, 2, 3, 4, 5, 6}.Total())
}

func TestStatesHaveNames(t *testing.T) {
	b, err := Unnoticed.MarshalText()
	assert.NoError(t, err)
	assert.Equal(t, "unnoticed", string(b))
	assert.Equal(t, "State(9)", State(9).String())
}
