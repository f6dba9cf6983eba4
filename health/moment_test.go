package health

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

const (
	start = time.Duration(math.MinInt64) // of time
	end   = time.Duration(math.MaxInt64)
)

func TestMoment(t *testing.T) {
	at, ok := Moment{}.Get()
	assert.Zero(t, at)
	assert.False(t, ok)
	assert.True(t, Moment{}.IsZero())
	assert.Equal(t, "never", Moment{}.String())

	at, ok = At(0).Get()
	assert.Zero(t, at)
	assert.True(t, ok, "a clock may begin at 0")
	assert.False(t, At(0).IsZero())
	assert.Equal(t, "1.5s", At(1500*time.Millisecond).String())
}

func TestMomentWithin(t *testing.T) {
	tests := []struct {
		name   string
		m      Moment
		now, d time.Duration
		want   bool
	}{
		{"never", Moment{}, 0, time.Second, false},
		{"at once", At(5), 5, 1, true},
		{"just before the end", At(0), time.Second - 1, time.Second, true},
		{"at the end", At(0), time.Second, time.Second, false},
		{"before it began", At(5), 4, 0, true},
		{"nothing lasts 0", At(5), 5, 0, false},
		{"switched off", At(5), 0, -1, false},
		{"end of time does not wrap", At(end - 1), 0, time.Second, true},
		{"longest", At(0), end - 1, end, true},
		{"whole span", At(start), -1, end, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, tt.m.within(tt.now, tt.d)) })
	}
}

func TestBetween(t *testing.T) {
	tests := []struct {
		name           string
		from, to, want time.Duration
	}{
		{"forwards", 2, 5, 3},
		{"same", 5, 5, 0},
		{"backwards", 5, 2, 0},
		{"too long", start, end, end},
		{"too long backwards", end, start, 0},
		{"exactly the longest", -1, end - 1, end},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, between(tt.from, tt.to)) })
	}
}
