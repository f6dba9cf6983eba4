package sim

import (
	"time"

	"github.com/holdfast-go/holdfast/policy"
)

// binWidth is how finely everything is counted.
const binWidth = 100 * time.Millisecond

// fate is what has become of an attempt.
type fate uint8

const (
	letIn      fate = iota
	turnedAway      // refused by a running server
	ignored         // not answered by a running server
	unknown         // a resume of a session that the server does not have
	dead            // refused by the machine of a server that is gone
	lost            // no server has seen it
	fates
)

// tally counts what happens in one shard, or at one server, by server and by bin. All
// of it are whole numbers, so that the sum of several does not depend on their order.
type tally struct {
	bins     int
	end      time.Duration // of the scenario
	attempts []uint32      // by server, bin and fate
	moves    []int32       // by server, bin and state: how many more are in it
	begun    int           // attempts
	levels   [policy.Rejoin + 1]int
}

func newTally(servers int, length time.Duration) tally {
	bins := 1 + int((length+binWidth-1)/binWidth)
	return tally{bins: bins, end: preroll + length, attempts: make([]uint32, servers*bins*int(fates)), moves: make([]int32, servers*bins*int(states))}
}

// bin is where a time is counted. The first one is for what happens before the
// scenario begins.
func (t *tally) bin(server int16, at time.Duration) int {
	i := 0
	if at >= preroll {
		i = 1 + int((at-preroll)/binWidth)
	}
	return int(server)*t.bins + min(i, t.bins-1)
}

// count counts an attempt at the time when it met its fate, unless that is after the
// end.
func (t *tally) count(server int16, at time.Duration, f fate) {
	if at >= t.end {
		return
	}
	t.attempts[t.bin(server, at)*int(fates)+int(f)]++
}

// move counts a change of state. One at the end of a bin belongs to the next one.
func (t *tally) move(server int16, at time.Duration, from, to State) {
	i := t.bin(server, at) * int(states)
	t.moves[i+int(from)]--
	t.moves[i+int(to)]++
}

// enter counts a client for the first time.
func (t *tally) enter(server int16, s State) { t.moves[t.bin(server, 0)*int(states)+int(s)]++ }

// rehome counts a client at another server.
func (t *tally) rehome(from, to int16, at time.Duration, s State) {
	t.moves[t.bin(from, at)*int(states)+int(s)]--
	t.moves[t.bin(to, at)*int(states)+int(s)]++
}

// add adds what another one has counted.
func (t *tally) add(other *tally) {
	for i, n := range other.attempts {
		t.attempts[i] += n
	}
	for i, n := range other.moves {
		t.moves[i] += n
	}
	t.begun += other.begun
	for i, n := range other.levels {
		t.levels[i] += n
	}
}
