package linkhistory

import "time"

const (
	leastTimeout   = 200 * time.Millisecond // above the round trip, as in Linux
	longestTimeout = 60 * time.Second
	givenUp        = 15 * time.Minute // so long nothing was acknowledged
)

// segment is one message on a stream, from when it is written until it is
// acknowledged.
type segment struct {
	payload uint64 // of a ping or pong the id, of anything else 0
	written time.Duration
	sent    time.Duration // last
	again   bool          // retransmitted
	got     bool          // by the receiver
}

// stream is one direction of a TCP connection, both ends of it: ordered delivery,
// retransmission by timeout with backoff, and, from three duplicate
// acknowledgements or a timeout on, of what is selectively found missing, and no new data between a timeout and the next
// acknowledgement.
type stream struct {
	segments    []segment // from una on
	una         uint64    // first segment that is not acknowledged
	nxt         uint64    // first one that was not sent yet
	expected    uint64    // first one that the receiver lacks
	recover     uint64    // what was sent before this may have been lost with what was
	duplicates  int
	srtt, rttv  time.Duration
	backoff     int
	timer       uint64 // the number of the only timer that counts
	abandoned   bool
	transmit    func(seq uint64)                     // puts a segment on the path
	acknowledge func(upTo uint64)                    // and an acknowledgement
	deliver     func(payload uint64)                 // hands to the receiver
	setTimer    func(in time.Duration, timer uint64) // calls timeout
}

// open begins a connection whose handshake took that long.
func (s *stream) open(rtt time.Duration) {
	s.segments = s.segments[:0]
	s.una, s.nxt, s.expected, s.recover, s.duplicates, s.backoff, s.abandoned = 0, 0, 0, 0, 0, 0, false
	s.timer++
	s.srtt, s.rttv = rtt, rtt/2
}

// write sends a message.
func (s *stream) write(now time.Duration, payload uint64) {
	s.segments = append(s.segments, segment{payload: payload, written: now})
	if s.backoff == 0 {
		s.sendNew(now)
	}
}

func (s *stream) end() uint64 { return s.una + uint64(len(s.segments)) }

// sendNew sends what was written and not sent yet.
func (s *stream) sendNew(now time.Duration) {
	if s.nxt == s.una && s.nxt < s.end() {
		s.arm()
	}
	for ; s.nxt < s.end(); s.nxt++ {
		s.segments[s.nxt-s.una].sent = now
		s.transmit(s.nxt)
	}
}

func (s *stream) retransmit(now time.Duration, seq uint64) {
	g := &s.segments[seq-s.una]
	g.sent, g.again = now, true
	s.transmit(seq)
}

// repair sends again what the acknowledgement that has just come shows to be
// missing (selective acknowledgement), unless it was sent within a round trip.
func (s *stream) repair(now time.Duration) {
	for seq := s.una; seq < s.recover; seq++ {
		if g := &s.segments[seq-s.una]; !g.got && now-g.sent >= s.srtt {
			s.retransmit(now, seq)
		}
	}
}

func (s *stream) arm() {
	s.timer++
	s.setTimer(min((s.srtt+max(4*s.rttv, leastTimeout))<<s.backoff, longestTimeout), s.timer)
}

// arrive takes a segment at the receiver.
func (s *stream) arrive(seq uint64) {
	if seq >= s.expected {
		s.segments[seq-s.una].got = true
	}
	for s.expected < s.nxt && s.segments[s.expected-s.una].got {
		s.expected++
		s.deliver(s.segments[s.expected-1-s.una].payload)
	}
	s.acknowledge(s.expected)
}

// acked takes an acknowledgement at the sender.
func (s *stream) acked(now time.Duration, upTo uint64) {
	switch {
	case upTo > s.una:
		s.advance(now, upTo)
	case upTo == s.una && s.nxt > s.una:
		s.duplicates++
		if s.duplicates == 3 && s.una >= s.recover {
			s.recover = s.nxt
		}
		s.repair(now)
	}
}

func (s *stream) advance(now time.Duration, upTo uint64) {
	s.measure(now, s.segments[:upTo-s.una])
	s.segments = s.segments[:copy(s.segments, s.segments[upTo-s.una:])]
	s.una, s.duplicates, s.backoff = upTo, 0, 0
	if s.una == s.nxt {
		s.timer++ // nothing to wait for
	} else {
		s.arm()
		s.repair(now)
	}
	s.sendNew(now)
}

// measure takes the round trip of what is acknowledged, by RFC 6298, unless some
// of it was sent twice or had to wait for something that was.
func (s *stream) measure(now time.Duration, acked []segment) {
	for i := range acked {
		if acked[i].again {
			return
		}
	}
	rtt := now - acked[len(acked)-1].sent
	s.rttv += ((rtt - s.srtt).Abs() - s.rttv) / 4
	s.srtt += (rtt - s.srtt) / 8
}

// timeout takes the end of a timer.
func (s *stream) timeout(now time.Duration, timer uint64) {
	if timer != s.timer || s.abandoned {
		return
	}
	if now-s.segments[0].written > givenUp {
		s.abandoned = true
		return
	}
	s.backoff = min(s.backoff+1, 20)
	s.recover = s.nxt
	s.retransmit(now, s.una)
	s.arm()
}
