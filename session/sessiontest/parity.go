package sessiontest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// patience is how long Parity waits for what is still going on.
const patience = 5 * time.Second

// Parity checks, after the end of the session, that every link that was opened
// was closed exactly once, that no call is still running (G11), and that the
// attempts kept to the rules: growing epochs, one at a time. What is still
// going on gets 5 s, of fake time in a bubble, to come to its end; call Release
// before if calls hang. It reports with tb.Error and may be called from the
// goroutines that allow it.
func (t *Transport) Parity(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = t.WaitIdle(ctx) // what it would complain of is told in detail
	for _, fault := range t.faults() {
		tb.Error("sessiontest: " + fault)
	}
}

func (t *Transport) faults() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.ledger.snapshot()
	out := slices.Clone(t.ledger.broken)
	for _, c := range s.Running {
		out = append(out, fmt.Sprintf("the %v has not returned", c))
	}
	closed := make(map[uint64]int, len(s.Closed))
	for _, epoch := range s.Closed {
		closed[epoch]++
	}
	for _, epoch := range s.Opened {
		if n := closed[epoch]; n != 1 {
			out = append(out, fmt.Sprintf("the link of epoch %d was closed %d times", epoch, n))
		}
	}
	return out
}
