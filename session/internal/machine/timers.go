package machine

import (
	"math"
	"time"
)

// timer names one deadline of the machine.
type timer uint8

const (
	tConnect   timer = iota // end of the attempt's time
	tPresence               // the attendee must be on the roster
	tGrace                  // the old operation must have returned
	tReason                 // a reason for the loss must have come
	tRetry                  // the next attempt
	tStable                 // the connection counts as stable
	tPing                   // the next ping
	tUpdate                 // end of the update's time
	tPromotion              // end of the promotion's time
	tDetect                 // the detector of dead links is due
	tProof                  // the media path must have shown that it works
	tResync                 // the application must have caught up
	tOffline                // a hint that the network is down has expired
	tRefresh                // credentials are about to expire
	timerCount
)

// timers is a set of deadlines on the monotonic clock.
type timers struct {
	on  [timerCount]bool
	due [timerCount]time.Duration
}

func (t *timers) set(n timer, at time.Duration) { t.on[n], t.due[n] = true, at }

// later adds a span to a time on the monotonic clock; the end of time is late
// enough for everything.
func later(now, d time.Duration) time.Duration {
	if at := now + max(d, 0); at >= now {
		return at
	}
	return math.MaxInt64
}

// arm sets a deadline that is d away.
func (m *Machine) arm(n timer, d time.Duration) { m.timers.set(n, later(m.now.Mono, d)) }

func (t *timers) clear(names ...timer) {
	for _, n := range names {
		t.on[n] = false
	}
}

func (t *timers) clearAll() { t.on = [timerCount]bool{} }

func (t *timers) armed(n timer) bool { return t.on[n] }

func (t *timers) at(n timer) (time.Duration, bool) { return t.due[n], t.on[n] }

// next returns the earliest deadline.
func (t *timers) next() (at time.Duration, ok bool) {
	for n, on := range t.on {
		if on && (!ok || t.due[n] < at) {
			at, ok = t.due[n], true
		}
	}
	return at, ok
}

// take disarms and returns the earliest timer that is due. Of equal ones the
// first in order is taken.
func (t *timers) take(now time.Duration) (timer, bool) {
	best, found := timer(0), false
	for n := range timerCount {
		if t.on[n] && t.due[n] <= now && (!found || t.due[n] < t.due[best]) {
			best, found = n, true
		}
	}
	if found {
		t.on[best] = false
	}
	return best, found
}

// tick runs what is due, in order of time.
func (m *Machine) tick() {
	for {
		n, ok := m.timers.take(m.now.Mono)
		if !ok {
			return
		}
		m.expire(n)
	}
}

func (m *Machine) expire(n timer) {
	switch n {
	case tConnect:
		m.connectTimedOut()
	case tPresence:
		m.absent()
	case tGrace:
		m.graceOver()
	case tReason:
		m.reasonOver()
	case tRetry:
		m.retryOver()
	case tPing:
		m.ping()
	case tUpdate:
		m.updateTimedOut()
	case tPromotion:
		m.promotionTimedOut()
	case tDetect:
		m.detect()
	case tProof:
		m.unproven()
	case tResync:
		m.resyncTimedOut()
	case tOffline:
		m.downExpired()
	case tRefresh:
		m.refresh()
	}
}
