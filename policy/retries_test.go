package policy

import (
	"math"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
)

func TestRetriesRefuse(t *testing.T) {
	const limit = 120 * time.Second
	all := Budget{Elapsed: limit, Idle: limit, Attempts: 2}
	begun := func(r *Retries) { r.Begin(0) }
	alive := func(r *Retries) { r.Alive(0) }
	attempts := func(n int) func(*Retries) {
		return func(r *Retries) {
			for range n {
				r.Attempt()
			}
		}
	}
	tests := []struct {
		name   string
		budget Budget
		do     []func(*Retries)
		now    time.Duration
		want   Refusal
	}{
		{"no clock started", all, nil, math.MaxInt64, RefusedNot},
		{"elapsed, before the limit", all, []func(*Retries){begun}, limit - 1, RefusedNot},
		{"elapsed, at the limit", all, []func(*Retries){begun}, limit, RefusedElapsed},
		{"elapsed, at the end of time", all, []func(*Retries){begun}, math.MaxInt64, RefusedElapsed},
		{"idle, before the limit", all, []func(*Retries){alive}, limit - 1, RefusedNot},
		{"idle, at the limit", all, []func(*Retries){alive}, limit, RefusedIdle},
		{"idle, a sign of life yet to come", all, []func(*Retries){func(r *Retries) { r.Alive(500) }}, 0, RefusedNot},
		{"attempts, before the limit", all, []func(*Retries){attempts(1)}, 0, RefusedNot},
		{"attempts, at the limit", all, []func(*Retries){attempts(2)}, 0, RefusedAttempts},
		{"attempts, beyond the limit", all, []func(*Retries){attempts(9)}, 0, RefusedAttempts},
		{"disabled first", all, []func(*Retries){begun, alive, attempts(2), (*Retries).Disable}, limit, RefusedDisabled},
		{"elapsed before idle", all, []func(*Retries){begun, alive, attempts(2)}, limit, RefusedElapsed},
		{"idle before attempts", all, []func(*Retries){alive, attempts(2)}, limit, RefusedIdle},
		{"no elapsed time", Budget{Elapsed: 0, Idle: NoLimit, Attempts: NoLimit}, nil, 0, RefusedElapsed},
		{"no idle time", Budget{Elapsed: NoLimit, Idle: 0, Attempts: NoLimit}, nil, 0, RefusedIdle},
		{"no attempts", Budget{Elapsed: NoLimit, Idle: NoLimit, Attempts: 0}, nil, 0, RefusedAttempts},
		{"no limits", Budget{Elapsed: NoLimit, Idle: NoLimit, Attempts: NoLimit}, []func(*Retries){begun, alive, attempts(9)}, math.MaxInt64, RefusedNot},
		{"any negative number is no limit", Budget{Elapsed: -7, Idle: math.MinInt64, Attempts: -9}, []func(*Retries){begun, alive, attempts(9)}, math.MaxInt64, RefusedNot},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bo := &counting{}
			r := NewRetries(tt.budget, bo)
			for _, do := range tt.do {
				do(&r)
			}
			assert.Equal(t, tt.want, r.Refuse(tt.now))
			_, why := r.Next(tt.now)
			assert.Equal(t, tt.want, why)
			if tt.want == RefusedNot {
				assert.Equal(t, 1, bo.asked)
			} else {
				assert.Zero(t, bo.asked, "refused, and yet the backoff was asked")
			}
		})
	}
}

// counting counts the delays that it was asked for.
type counting struct{ asked int }

func (c *counting) NextBackOff() time.Duration { c.asked++; return time.Second }
func (c *counting) Reset()                     {}

func TestRetriesBegin(t *testing.T) {
	r := NewRetries(Budget{Elapsed: 10, Idle: NoLimit, Attempts: NoLimit}, constant(0))
	assert.Zero(t, r.Elapsed(99))
	r.Begin(5)
	r.Begin(9) // a further loss belongs to the same period
	assert.Equal(t, time.Duration(9), r.Elapsed(14))
	assert.Equal(t, RefusedNot, r.Refuse(14))
	assert.Equal(t, RefusedElapsed, r.Refuse(15))
	assert.Zero(t, r.Elapsed(4), "never below 0")
	r.Reset()
	assert.Zero(t, r.Elapsed(15))
	r.Begin(15)
	assert.Equal(t, RefusedNot, r.Refuse(24))
}

func TestRetriesAliveStartsAnew(t *testing.T) {
	r := NewRetries(Budget{Elapsed: NoLimit, Idle: 10, Attempts: NoLimit}, constant(0))
	assert.False(t, r.Living())
	r.Alive(0)
	r.Alive(8)
	assert.True(t, r.Living())
	assert.Equal(t, RefusedNot, r.Refuse(17))
	assert.Equal(t, RefusedIdle, r.Refuse(18))
	r.Alive(3) // the last call counts
	assert.Equal(t, RefusedIdle, r.Refuse(13))
}

func TestRetriesNewPeriod(t *testing.T) {
	tests := []struct {
		name  string
		begin func(*Retries)
		next  time.Duration
	}{
		{"Reset starts the delays anew", (*Retries).Reset, 1000},
		{"Restart lets them grow", (*Retries).Restart, 4000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewRetries(Budget{Elapsed: 10, Idle: 10, Attempts: 3}, &FullJitter{Fixed: 0, Short: 2000, Long: 99999, Random: func() float64 { return 0.5 }})
			r.Begin(0)
			r.Alive(0)
			r.Attempt()
			r.Attempt()
			_, _ = r.Delay()
			_, _ = r.Delay()
			r.Disable()
			require.Equal(t, RefusedDisabled, r.Refuse(0))

			tt.begin(&r)
			assert.Equal(t, RefusedNot, r.Refuse(1000))
			assert.Equal(t, Left{10, 10, 3}, r.Left(1000))
			assert.False(t, r.Living())
			assert.Zero(t, r.Attempts())
			_, limited := r.Deadline()
			assert.False(t, limited)
			r.Begin(1000) // does not disturb delays that go on growing
			delay, why := r.Next(1000)
			assert.Equal(t, RefusedNot, why)
			assert.Equal(t, tt.next, delay)
		})
	}
}

func TestRetriesDelay(t *testing.T) {
	tests := []struct {
		name    string
		backOff time.Duration
		want    time.Duration
		why     Refusal
	}{
		{"some", 5, 5, RefusedNot},
		{"none", 0, 0, RefusedNot},
		{"stop", backoff.Stop, 0, RefusedBackoff},
		{"below stop", backoff.Stop - 1, 0, RefusedNot},
		{"far below", math.MinInt64, 0, RefusedNot},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewRetries(Budget{Elapsed: NoLimit, Idle: NoLimit, Attempts: NoLimit}, constant(tt.backOff))
			delay, why := r.Next(0)
			assert.Equal(t, tt.want, delay)
			assert.Equal(t, tt.why, why)
		})
	}
}

func TestRetriesLeftAndDeadline(t *testing.T) {
	r := NewRetries(Budget{Elapsed: 100, Idle: 30, Attempts: 2}, constant(0))
	assert.Equal(t, Left{100, 30, 2}, r.Left(50))
	_, limited := r.Deadline()
	assert.False(t, limited, "no clock runs")

	r.Begin(10)
	at, limited := r.Deadline()
	assert.True(t, limited)
	assert.Equal(t, time.Duration(110), at)

	r.Alive(40)
	r.Attempt()
	at, _ = r.Deadline()
	assert.Equal(t, time.Duration(110), at, "silence ends at 70, but counts only when a retry is decided on")
	assert.Equal(t, RefusedNot, r.Refuse(69))
	assert.Equal(t, RefusedIdle, r.Refuse(70))
	assert.Equal(t, Left{60, 20, 1}, r.Left(50))

	r.Attempt()
	r.Attempt()
	assert.Equal(t, Left{0, 0, 0}, r.Left(1000), "never below 0")
}

func TestRetriesSomeLimits(t *testing.T) {
	r := NewRetries(Budget{Elapsed: -5, Idle: -6, Attempts: -7}, constant(0))
	r.Begin(0)
	r.Alive(0)
	_, limited := r.Deadline()
	assert.False(t, limited)
	assert.Equal(t, Left{NoLimit, NoLimit, NoLimit}, r.Left(time.Hour))

	idleOnly := NewRetries(Budget{Elapsed: NoLimit, Idle: 50, Attempts: NoLimit}, constant(0))
	idleOnly.Begin(0)
	idleOnly.Alive(7)
	_, limited = idleOnly.Deadline()
	assert.False(t, limited)
	assert.Equal(t, RefusedIdle, idleOnly.Refuse(57))

	nothing := NewRetries(Budget{Elapsed: 0, Idle: NoLimit, Attempts: NoLimit}, constant(0))
	nothing.Begin(9)
	at, limited := nothing.Deadline()
	assert.True(t, limited, "a limit of nothing is a limit")
	assert.Equal(t, time.Duration(9), at)
}

// TestRetriesFarDeadline: the largest duration, a common way to say "for ever",
// must not wrap round into the past.
func TestRetriesFarDeadline(t *testing.T) {
	r := NewRetries(Budget{Elapsed: math.MaxInt64, Idle: NoLimit, Attempts: NoLimit}, constant(0))
	r.Begin(time.Hour)
	at, limited := r.Deadline()
	assert.True(t, limited)
	assert.Equal(t, time.Duration(math.MaxInt64), at)
	assert.Equal(t, RefusedNot, r.Refuse(math.MaxInt64))
}

func TestRetriesZeroValue(t *testing.T) {
	var r Retries
	r.Begin(0)
	r.Alive(0)
	r.Attempt()
	r.Restart()
	r.Reset()
	_, why := r.Next(0)
	assert.Equal(t, RefusedElapsed, why)
	_, why = r.Delay()
	assert.Equal(t, RefusedBackoff, why)
	assert.Equal(t, Left{}, r.Left(5))
}

func TestRetriesWithoutBackOff(t *testing.T) {
	r := NewRetries(Default().Budget, nil)
	for range 50 {
		delay, why := r.Next(0)
		assert.Equal(t, RefusedNot, why)
		assert.GreaterOrEqual(t, delay, time.Duration(0))
		assert.Less(t, delay, 5*time.Second)
	}
}

// TestRetriesCopy: a copy has accounts of its own.
func TestRetriesCopy(t *testing.T) {
	r := NewRetries(Budget{Elapsed: 100, Idle: 100, Attempts: 5}, constant(3))
	r.Begin(0)
	c := r
	r.Disable()
	r.Attempt()
	r.Alive(0)
	assert.Equal(t, RefusedNot, c.Refuse(99))
	assert.Equal(t, Left{90, 100, 5}, c.Left(10))
	c.Reset()
	assert.Equal(t, 1, r.Attempts())
	assert.Equal(t, time.Duration(10), r.Elapsed(10))
}

// TestRetriesExponentialAfterHours: an ExponentialBackOff left at its default
// limit of 15 minutes must not refuse the first retry after ten good hours, and
// must not reach that limit before our budget ends.
func TestRetriesExponentialAfterHours(t *testing.T) {
	fake := &fakeClock{}
	p := Default()
	p.NewBackOff = func(func() float64) backoff.BackOff {
		return backoff.NewExponentialBackOff(backoff.WithClockProvider(fake), backoff.WithRandomizationFactor(0))
	}
	r := NewRetries(p.Budget, p.BackOff(nil))
	r.Begin(0)
	_, why := r.Next(0) // the first connect needs a retry
	require.Equal(t, RefusedNot, why)
	r.Reset() // stable

	const loss = 10 * time.Hour
	fake.now = fake.now.Add(loss)
	r.Begin(loss)
	delay, why := r.Next(loss)
	assert.Equal(t, RefusedNot, why)
	assert.Equal(t, backoff.DefaultInitialInterval, delay)

	fake.now = fake.now.Add(p.Budget.Elapsed - 1)
	_, why = r.Next(loss + p.Budget.Elapsed - 1)
	assert.Equal(t, RefusedNot, why, "one moment before the end of the budget")
	_, why = r.Next(loss + p.Budget.Elapsed)
	assert.Equal(t, RefusedElapsed, why)
}

type fakeClock struct{ now time.Time }

func (c *fakeClock) Now() time.Time { return c.now }

// TestDeadServerEnds plays a server that never answers: every attempt takes its
// full 15 seconds. No attempt may start at the deadline or later.
func TestDeadServerEnds(t *testing.T) {
	tests := []struct {
		name     string
		budget   Budget
		attempts int
		end      time.Duration
		rule     Rule
	}{
		// Delays of 0.5, 1, 2, 2.5, 2.5 … seconds: the seventh attempt ends at
		// 118.5 s, and the deadline comes before the next delay is over.
		{"reference", Reference().Budget, 7, 120 * time.Second, RuleBudget},
		{"attempts", Budget{Elapsed: NoLimit, Idle: NoLimit, Attempts: 3}, 3, 48500 * time.Millisecond, RuleBudget},
		{"nothing allowed", Budget{}, 0, 0, RuleBudget},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Policy{Budget: tt.budget}
			r := NewRetries(p.Budget, p.BackOff(func() float64 { return 0.5 }))
			var now time.Duration
			r.Begin(now)
			r.Alive(now)
			f := Facts{Phase: Attached, Status: status.New(status.SignalingChannelClosedUnexpectedly, nil)}
			d := Decide(&p, f, &r, now)
			for d.Action == Retry {
				now += d.Delay
				if end, limited := r.Deadline(); limited && now >= end {
					now = end
				} else {
					r.Attempt()
					now += 15 * time.Second
				}
				d = Decide(&p, Facts{Phase: Failed, Status: status.New(status.TaskFailed, nil)}, &r, now)
			}
			assert.Equal(t, tt.rule, d.Rule)
			assert.Equal(t, tt.attempts, d.Attempts)
			assert.Equal(t, tt.end, now)
		})
	}
}

// TestFlappingEnds plays a server that accepts and drops after a second, which is
// never stable: delays grow, and the budget counts from the first loss.
func TestFlappingEnds(t *testing.T) {
	p := Default()
	r := NewRetries(p.Budget, p.BackOff(func() float64 { return 0.5 }))
	var delays []time.Duration
	var now time.Duration
	d := Decision{Action: Retry}
	for d.Action == Retry {
		r.Begin(now)
		d = Decide(&p, Facts{Status: status.New(status.SignalingChannelClosedUnexpectedly, nil)}, &r, now)
		delays = append(delays, d.Delay.Round(time.Millisecond))
		r.Attempt()
		now += d.Delay + time.Second
	}
	assert.Equal(t, RefusedElapsed, d.Refusal)
	assert.GreaterOrEqual(t, d.Elapsed, p.Budget.Elapsed)
	assert.Less(t, d.Elapsed, p.Budget.Elapsed+4*time.Second)
	want := []time.Duration{500 * time.Millisecond, 833 * time.Millisecond, 833 * time.Millisecond, 833 * time.Millisecond, 2 * time.Second}
	assert.Equal(t, want, delays[:5])
}

// FuzzRetries performs random calls and compares with the accounts written down
// plainly.
func FuzzRetries(f *testing.F) {
	f.Add(int64(120), int64(120), 2, []byte("b0a5nn9tnr3n"))
	f.Add(int64(-1), int64(0), -1, []byte("nbnxnRn"))
	f.Add(int64(9), int64(-1), 1000, []byte("bnnnaaaxtrRbn"))
	f.Add(int64(500), int64(30), 9, []byte("battwnnnnnnnnnnbn"))
	f.Fuzz(func(t *testing.T, elapsed, idle int64, attempts int, calls []byte) {
		if len(calls) > 128 {
			return
		}
		bo := &counting{}
		b := Budget{Elapsed: time.Duration(elapsed), Idle: time.Duration(idle), Attempts: attempts}
		r := NewRetries(b, bo)
		plain := plainAccounts{budget: b}
		var now time.Duration
		for i, call := range calls {
			now += time.Duration(i % 7)
			plain.call(&r, call, now)
			checkRetries(t, &r, bo, &plain, now)
		}
	})
}

// plainAccounts is the rule in its simplest form: optional times and a count.
type plainAccounts struct {
	budget       Budget
	begun, alive *time.Duration
	attempts     int
	disabled     bool
}

func (p *plainAccounts) call(r *Retries, call byte, now time.Duration) {
	switch call {
	case 'b':
		r.Begin(now)
		if p.begun == nil {
			p.begun = &now
		}
	case 'a':
		r.Alive(now)
		p.alive = &now
	case 't':
		r.Attempt()
		p.attempts++
	case 'x':
		r.Disable()
		p.disabled = true
	case 'w':
		r.Renew()
		*p = plainAccounts{budget: p.budget, alive: p.alive}
	case 'r', 'R':
		if call == 'r' {
			r.Restart()
		} else {
			r.Reset()
		}
		*p = plainAccounts{budget: p.budget}
	}
}

func (p *plainAccounts) refuse(now time.Duration) Refusal {
	since := func(at *time.Duration) time.Duration {
		if at == nil {
			return 0
		}
		return now - *at
	}
	switch b := p.budget; {
	case p.disabled:
		return RefusedDisabled
	case b.Elapsed >= 0 && since(p.begun) >= b.Elapsed:
		return RefusedElapsed
	case b.Idle >= 0 && since(p.alive) >= b.Idle:
		return RefusedIdle
	case b.Attempts >= 0 && p.attempts >= b.Attempts:
		return RefusedAttempts
	}
	return RefusedNot
}

func checkRetries(t *testing.T, r *Retries, bo *counting, plain *plainAccounts, now time.Duration) {
	t.Helper()
	want := plain.refuse(now)
	asked := bo.asked
	left := r.Left(now)
	delay, why := r.Next(now)
	require.Equal(t, want, why)
	require.GreaterOrEqual(t, delay, time.Duration(0))
	require.Equal(t, why == RefusedNot, bo.asked == asked+1, "asks the backoff unless it refuses")
	require.Equal(t, left, r.Left(now), "asking costs no budget")
	checkLeft(t, left, want, plain.budget)
	if at, limited := r.Deadline(); limited && !plain.disabled {
		require.Equal(t, now >= at, why == RefusedElapsed)
	}
}

func checkLeft(t *testing.T, left Left, why Refusal, b Budget) {
	t.Helper()
	require.Equal(t, b.Elapsed < 0, left.Elapsed == NoLimit)
	require.Equal(t, b.Idle < 0, left.Idle == NoLimit)
	require.Equal(t, b.Attempts < 0, left.Attempts == NoLimit)
	used := left.Elapsed == 0 || left.Idle == 0 || left.Attempts == 0
	if why != RefusedDisabled {
		require.Equal(t, used, why != RefusedNot)
	}
}
