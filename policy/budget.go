package policy

import "time"

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
