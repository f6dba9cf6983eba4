package policy

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/policy/status"
)

// told is a backoff that keeps the cause it was asked for, and says 2 s.
type told struct{ causes []Cause }

func (b *told) Reset() {}

func (b *told) NextBackOff() time.Duration { return b.NextFor(Cause{}) }

func (b *told) NextFor(c Cause) time.Duration {
	b.causes = append(b.causes, c)
	return 2 * time.Second
}

// inOutage gives the accounts of an outage that began a minute ago.
func inOutage(attempts int) (*Retries, *told, time.Duration) {
	b := &told{}
	r := NewRetries(Budget{Elapsed: NoLimit, Idle: NoLimit, Attempts: NoLimit, Extension: NoLimit}, b)
	r.Begin(0)
	for range attempts {
		r.Attempt()
	}
	return &r, b, time.Minute
}

// TestCause states what the backoff is told, for each thing that the cause depends
// on: what the status says, what else is known, how many attempts there were.
func TestCause(t *testing.T) {
	gone := status.Status{Code: status.SignalingChannelClosedUnexpectedly, Layer: status.LayerSignaling}
	shared, trouble, ours := gone, gone, gone
	shared.Shared = true
	trouble.Code, trouble.Wire = status.AudioServiceUnavailable, 503
	ours.Code = status.AudioInternalServerError
	sharedTrouble := ours
	sharedTrouble.Shared = true
	closed := gone
	closed.Wire = 1006
	for name, tt := range map[string]struct {
		st       status.Status
		r        Recovery
		attempts int
		want     Cause
	}{
		"lost":                             {st: gone, want: Cause{First: true}},
		"lost, with a number":              {st: closed, want: Cause{First: true}},
		"shared":                           {st: shared, want: Cause{First: true, Reach: ReachShared}},
		"a server in trouble":              {st: trouble, want: Cause{First: true, Reach: ReachShared, Refused: true}},
		"trouble that is our own guess":    {st: ours, want: Cause{First: true}},
		"trouble that is shared":           {st: sharedTrouble, want: Cause{First: true, Reach: ReachShared}},
		"local":                            {st: gone, r: Recovery{Local: true}, want: Cause{First: true, Reach: ReachLocal}},
		"local, though shared":             {st: shared, r: Recovery{Local: true}, want: Cause{First: true, Reach: ReachLocal}},
		"local, then refused":              {st: trouble, r: Recovery{Local: true, At: Rejoin}, attempts: 1, want: Cause{Reach: ReachShared, Refused: true}},
		"local, then lost again":           {st: gone, r: Recovery{Local: true, At: Rejoin}, attempts: 1, want: Cause{Reach: ReachLocal}},
		"after an attempt":                 {st: gone, attempts: 1, want: Cause{}},
		"at a level, no attempt counted":   {st: gone, r: Recovery{At: Rejoin}, want: Cause{}},
		"media alone, over open signaling": {st: losses[MediaDead], r: Recovery{CanRestartMedia: true}, want: Cause{First: true, Light: true}},
	} {
		r, b, now := inOutage(tt.attempts)
		tt.want.Elapsed = time.Minute
		p := Default()
		d := Decide(&p, Facts{Phase: Attached, Lost: true, Status: tt.st, Recovery: tt.r}, r, now)
		assert.Equal(t, []Cause{tt.want}, b.causes, name)
		assert.Equal(t, Retry, d.Action, name)
		assert.Equal(t, 2*time.Second, d.Delay, name)
	}
}

// TestWait: what a server asks for is waited for, within what is granted, and spread;
// the delay is drawn only if it asks, and the budget stays as it is.
func TestWait(t *testing.T) {
	p := Default()
	for name, tt := range map[string]struct {
		asked, most, want time.Duration
	}{
		"asks":              {3 * time.Second, time.Minute, 5 * time.Second},
		"asks for too long": {time.Hour, time.Minute, time.Minute + 2*time.Second},
		"asks for ever":     {math.MaxInt64, math.MaxInt64, math.MaxInt64},
		"asks for nothing":  {0, time.Minute, 0},
		"asks for less":     {-time.Second, time.Minute, 0},
	} {
		r, b, now := inOutage(0)
		p.MaxRetryAfter = tt.most
		left := r.Left(now)
		st := status.Status{Code: status.TaskFailed, Directive: &status.Directive{RetryAfter: tt.asked}}
		assert.Equal(t, tt.want, Wait(&p, st, r, now), name)
		assert.Equal(t, left, r.Left(now), name)
		if tt.want == 0 {
			assert.Empty(t, b.causes, name)
			continue
		}
		assert.Equal(t, []Cause{{First: true, Elapsed: time.Minute, Asked: min(tt.asked, tt.most)}}, b.causes, name)
	}
	r, _, now := inOutage(0)
	assert.Zero(t, Wait(&p, status.New(status.TaskFailed, nil), r, now), "no directive")
}

// TestGrantedTime: what a server asks for, and half of it at most for the spread, is
// added to the budget.
func TestGrantedTime(t *testing.T) {
	for asked, granted := range map[time.Duration]time.Duration{
		time.Second: time.Second * 3 / 2, 4 * time.Second: 6 * time.Second, 10 * time.Second: 12 * time.Second,
	} {
		r := NewRetries(Budget{Elapsed: time.Minute, Idle: NoLimit, Attempts: NoLimit, Extension: NoLimit}, &told{})
		r.Begin(0)
		p := Default()
		st := status.Status{Code: status.AudioServiceUnavailable, Wire: 503, Directive: &status.Directive{RetryAfter: asked}}
		d := Decide(&p, Facts{Phase: Attached, Lost: true, Status: st}, &r, 0)
		assert.Equal(t, asked+2*time.Second, d.Delay)
		assert.Equal(t, time.Minute+granted, r.Left(0).Elapsed, asked)
	}
}

// TestNothingIsGrantedInTheEnd: where the backoff gives up, what the server asks for is
// neither waited for nor added to the budget.
func TestNothingIsGrantedInTheEnd(t *testing.T) {
	r := NewRetries(Budget{Elapsed: time.Minute, Idle: NoLimit, Attempts: NoLimit, Extension: NoLimit}, Limited(&told{}, 0))
	r.Begin(0)
	p := Default()
	st := status.Status{Code: status.AudioServiceUnavailable, Wire: 503, Directive: &status.Directive{RetryAfter: time.Second}}
	d := Decide(&p, Facts{Phase: Attached, Lost: true, Status: st}, &r, 0)
	assert.Equal(t, Stop, d.Action)
	assert.Equal(t, RuleBackoff, d.Rule)
	assert.Zero(t, d.Delay)
	assert.Equal(t, time.Minute, r.Left(0).Elapsed)
}
