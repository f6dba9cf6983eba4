package health

import "time"

// warnings keeps a policy from warning too often. The zero value has given none.
type warnings struct {
	last  Moment // when the last one was given or suppressed
	count int    // how many there were, suppressed ones included
}

// cooling says whether the last warning is less than cooldown ago. A negative
// cooldown is none.
func (w *warnings) cooling(now, cooldown time.Duration) bool { return w.last.within(now, cooldown) }

// give counts a warning and says whether to give it: not if there are more than
// limit. A negative limit is none.
func (w *warnings) give(now time.Duration, limit int) bool {
	w.last = At(now)
	w.count++
	return limit < 0 || w.count <= limit
}
