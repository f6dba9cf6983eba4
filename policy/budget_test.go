package policy

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestBudgetWithAForgottenField: a limit beside a 0 is refused, because the 0
// would allow nothing (NEEDS 41).
func TestBudgetWithAForgottenField(t *testing.T) {
	for _, tt := range []struct {
		b     Budget
		names []string
	}{
		{Budget{}, nil},
		{Budget{Elapsed: NoLimit, Idle: NoLimit, Attempts: NoLimit}, nil},
		{Budget{Elapsed: 0, Idle: NoLimit, Attempts: NoLimit}, nil},
		{Budget{Elapsed: time.Minute, Idle: NoLimit, Attempts: 3}, nil},
		{Budget{Elapsed: time.Minute}, []string{"Budget.Idle", "Budget.Attempts"}},
		{Budget{Attempts: 3}, []string{"Budget.Elapsed", "Budget.Idle"}},
		{Budget{Elapsed: time.Minute, Idle: time.Minute, Attempts: 0}, []string{"Budget.Attempts"}},
	} {
		err := Policy{Budget: tt.b}.Validate()
		assert.Equal(t, tt.names == nil, err == nil, "%+v: %v", tt.b, err)
		for _, name := range tt.names {
			assert.ErrorContains(t, err, name)
		}
	}
}

// TestRenewKeepsSilence: a stable connection restarts everything but the clock
// that counts silence.
func TestRenewKeepsSilence(t *testing.T) {
	r := NewRetries(Budget{Elapsed: 100, Idle: 30, Attempts: 2}, constant(0))
	r.Begin(0)
	r.Alive(5)
	r.Attempt()
	r.Renew()
	assert.Equal(t, Left{100, 30 - 15, 2}, r.Left(20))
	assert.Equal(t, RefusedIdle, r.Refuse(35))
	r.Reset()
	assert.Equal(t, RefusedNot, r.Refuse(35))
}

// TestGrantAtTheEndOfTime: what is granted never makes a limit wrap.
func TestGrantAtTheEndOfTime(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{
		0: 5, math.MaxInt64 - 6: math.MaxInt64 - 1, math.MaxInt64 - 5: math.MaxInt64, math.MaxInt64 - 4: math.MaxInt64 - 4, math.MaxInt64: math.MaxInt64,
	} {
		r := NewRetries(Budget{Elapsed: limit, Idle: NoLimit, Attempts: NoLimit, Extension: NoLimit}, constant(0))
		r.Begin(0)
		r.Grant(5)
		assert.Equal(t, want, r.Left(0).Elapsed, limit)
	}
}
