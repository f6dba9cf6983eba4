package linkhistory

import "time"

// clock is both clocks of the client, as functions of true time.
type clock struct {
	offset time.Duration // of the monotonic clock
	origin time.Time     // wall clock at true time 0
}

func newClock(offset time.Duration) clock {
	return clock{offset: offset, origin: time.Unix(1_800_000_000, 0).UTC()}
}

func (c *clock) at(now time.Duration) Instant {
	return Instant{Mono: now + c.offset, Wall: c.origin.Add(now)}
}

// when is the true time of a monotonic one.
func (c *clock) when(mono time.Duration) time.Duration {
	if mono >= never/2 {
		return never
	}
	return mono - c.offset
}

// lag holds the monotonic clock back.
func (c *clock) lag(d time.Duration) { c.offset -= d }

// step sets the wall clock.
func (c *clock) step(d time.Duration) { c.origin = c.origin.Add(d) }
