package health

import "time"

// Pinger decides when pings go out and which answers count. It sends nothing
// itself: ask Due when to call Tick, and send the ping Tick asks for. The zero
// value is switched off.
type Pinger struct {
	interval time.Duration // > 0 while switched on
	running  bool
	due      time.Duration // when the next ping goes out; valid while running
	id       uint64        // of the last ping; never reused, so late answers cannot be mistaken
	sent     time.Duration // when the last ping went out; valid while waiting
	waiting  bool          // the last ping is unanswered
}

// NewPinger gives a stopped pinger with that time between pings (reference:
// 10 s); 0 or less switches it off for good.
func NewPinger(interval time.Duration) Pinger { return Pinger{interval: interval} }

// Start begins pinging, the first ping being due at once (reference: when the
// socket opens). On a running pinger it begins anew: an unanswered ping of
// before is forgotten, not missed.
func (p *Pinger) Start(now time.Duration) {
	p.running, p.due, p.waiting = p.interval > 0, now, false
}

// Stop ends pinging; the answer to a ping sent before no longer counts.
func (p *Pinger) Stop() { p.running, p.waiting = false, false }

// Due gives the time of the next ping, false if there will be none.
func (p *Pinger) Due() (time.Duration, bool) {
	if !p.running {
		return 0, false
	}
	return p.due, true
}

// Tick says whether to send a ping now and with which id; ids start at 1 and
// grow by 1 for the life of the pinger. The result missed says that the ping
// before it is unanswered, which is when a miss is noticed (reference). A tick
// before its time does nothing; after a late one the interval counts from now, so
// that a stall does not end in a burst.
func (p *Pinger) Tick(now time.Duration) (id uint64, send, missed bool) {
	if !p.running || now < p.due {
		return 0, false, false
	}
	missed = p.waiting
	p.id++
	p.sent, p.waiting, p.due = now, true, later(now, p.interval)
	return p.id, true, missed
}

// Pong takes the answer to ping id and gives the round-trip time. Only the first
// answer to the last ping counts; any other is ignored, with false. A clock that
// ran backwards gives a time of 0.
func (p *Pinger) Pong(id uint64, now time.Duration) (rtt time.Duration, ok bool) {
	if !p.waiting || id != p.id {
		return 0, false
	}
	p.waiting = false
	return between(p.sent, now), true
}
