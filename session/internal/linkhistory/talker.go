package linkhistory

import (
	"math/rand/v2"
	"time"
)

const (
	packetEvery  = 20 * time.Millisecond
	comfortEvery = 400 * time.Millisecond
	meanSpurt    = 3 * time.Second // of talk or of silence
)

// talker is when the server sends RTP packets.
type talker struct {
	content Content
	due     time.Duration // of the next packet
	number  uint64        // of the next packet
	silent  bool          // DTX
	turns   time.Duration // when silent changes, with DTX
	r       *rand.Rand
}

// start begins a content.
func (t *talker) start(now time.Duration, c Content) {
	t.content, t.silent, t.turns, t.due = c, false, never, never
	if c.packets() {
		t.due = now + between(t.r, 0, packetEvery)
	}
	if c == DTX {
		t.turns = now
	}
}

// next gives the number of the packet that is due.
func (t *talker) next() uint64 {
	for t.due >= t.turns {
		t.silent = !t.silent
		t.turns += exponential(t.r, meanSpurt)
	}
	before := t.due
	t.due += packetEvery
	if t.silent {
		t.due = max(t.due, min(before+comfortEvery, t.turns))
	}
	t.number++
	return t.number - 1
}

// skip leaves out what would be sent before then: nobody can receive it.
func (t *talker) skip(then time.Duration) {
	if !t.content.packets() || t.due >= then {
		return
	}
	missed := (then - t.due) / packetEvery
	t.due += missed * packetEvery
	t.number += uint64(missed)
	if t.content == DTX {
		t.turns = max(t.turns, t.due)
	}
}
