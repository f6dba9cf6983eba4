package session

import "time"

// SetLastActive makes the last sign of life that r has noted, on both layers,
// as old as ago. It counts from the next report through r on, as Alive does.
func SetLastActive(r *Reporter, ago time.Duration) {
	at := int64(time.Since(r.s.birth) - ago)
	r.signaling.Store(at)
	r.media.Store(at)
}
