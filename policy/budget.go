package policy

import (
	"errors"
	"fmt"
	"time"
)

// NoLimit, or any other negative number, in a field of Budget lifts that limit.
// In Left it marks what is not limited.
const NoLimit = -1

// Budget limits how long a session goes on trying to connect. Its values are
// literal: 0 allows nothing at all, a negative value (NoLimit) everything. A
// limit is used up when it is reached, as in the reference. With all three
// lifted a session that fails to connect never ends by itself.
type Budget struct {
	// Elapsed is the time since the first loss after the last stable connection.
	// No attempt begins at its end or later, and a running one is cut off there.
	Elapsed time.Duration `json:"elapsed"`
	// Idle is the time since the last sign of life from the other side. It counts
	// when a retry is decided on; an attempt that was granted keeps its time.
	Idle time.Duration `json:"idle"`
	// Attempts is the number of attempts within one budget period.
	Attempts int `json:"attempts"`
	// Extension is how much of what servers ask a client to wait (Retry-After) is
	// added to Elapsed and Idle in one budget period. 0: nothing, negative: all.
	Extension time.Duration `json:"extension,omitzero"`
	// Rejections is how many answers that reject the credentials, with no link in
	// between that has opened, end the session. Fewer are retried, with other
	// credentials if there is a source of them: a server that has just started may
	// reject what is good. 0: the first one is final, negative: none is. A status of class Terminal without a source of
	// credentials, and a source that says so itself, are final all the same.
	Rejections int `json:"rejections,omitempty"`
}

// validate refuses a 0 beside a limit: it allows nothing, and is most often a
// field that was forgotten.
func (b Budget) validate() error {
	if b.Elapsed <= 0 && b.Idle <= 0 && b.Attempts <= 0 {
		return nil
	}
	var errs []error
	for _, f := range []struct {
		name string
		zero bool
	}{{"Elapsed", b.Elapsed == 0}, {"Idle", b.Idle == 0}, {"Attempts", b.Attempts == 0}} {
		if f.zero {
			errs = append(errs, fmt.Errorf("policy: Budget.%s is 0, which allows no retry at all: "+
				"set NoLimit, or all fields to 0 for a session that never retries", f.name))
		}
	}
	return errors.Join(errs...)
}

// Left is what remains of a Budget: never below 0, NoLimit where the budget has
// no limit. In JSON durations are nanoseconds.
type Left struct {
	Elapsed  time.Duration `json:"elapsed"`
	Idle     time.Duration `json:"idle"`
	Attempts int           `json:"attempts"`
}

// over reports whether spent uses up limit, read as Budget reads its fields.
func over[T int | time.Duration](spent, limit T) bool {
	return limit >= 0 && spent >= limit
}

// remaining gives what spent leaves of limit, written as Left writes its fields.
func remaining[T int | time.Duration](spent, limit T) T {
	if limit < 0 {
		return NoLimit
	}
	return max(limit-spent, 0)
}
