package sessiontest

import (
	"context"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/health"
)

// everything is both layers of a link.
const everything = health.Both

// closeRules are about Close, and about what is left afterwards.
var closeRules = []transportRule{
	{
		name:     "close-vanished",
		contract: "Close returns within the close grace, also when the server has vanished and nothing is answered any more",
		advice:   "bound the closing handshake by ctx, and close the connection below it at the end",
		needs:    []hook{needsVanish},
		check:    closeVanished,
	},
	{
		name:     "close-again",
		contract: "Close may be called again, and by several at once; a session calls it once, an application that has the link from Session.Link may, too",
		advice:   "release in a sync.Once, and let further calls wait for that or return",
		check:    closeAgain,
	},
	{
		name:     "close-context",
		contract: "Close with a context that has ended returns soon, and everything is released all the same",
		advice:   "release first and wait afterwards: the context bounds the wait, not the release",
		check:    closeContext,
	},
	{
		name:     "close-during-calls",
		contract: "calls of the link's abilities, their contexts ended, may still run when Close is called: it does not wait for them beyond its grace, and they return",
		advice:   "hold no lock while waiting for the server; let what waits end by its context and by Close",
		check:    closeDuringCalls,
	},
	{
		name:     "close-silent",
		contract: "nothing is reported once Close has returned",
		advice:   "let Close wait for the goroutines and timers that report, or have them ask under a lock whether it has begun",
		check:    closeSilent,
	},
	{
		name:     "close-goroutines",
		contract: "no goroutine is left when a link was closed",
		advice:   "let Close end every goroutine of the link: close what they read from and cancel what they wait for",
		check:    closeGoroutines,
	},
	{
		name:     "parity",
		contract: "every link that was opened is gone at the server when it was closed: opens and closes are in parity",
		advice:   "close the connection itself, not only what stands on it",
		needs:    []hook{needsLinks},
		check:    parity,
	},
}

func closeBounded(t *trial) {
	if o := t.open().close(); !o.returned {
		t.breaks("Close of a link that has just opened %v", o)
		return
	}
	s := t.open()
	t.hush(never)
	if o := s.close(); !o.returned {
		t.breaks("Close of a link that was open for %v %v", t.Quiet, o)
	}
}

func closeVanished(t *trial) {
	s := t.open()
	t.Vanish()
	if o := s.close(); !o.returned {
		t.breaks("with the server gone, Close %v", o)
	}
}

func closeAgain(t *trial) {
	s := t.open()
	for _, which := range []string{"first", "second"} {
		o := s.close()
		if _, is := o.err.(*panicked); is || !o.returned { //nolint:errorlint // ours, bare
			t.breaks("the %s Close %v", which, o)
			return
		}
	}
	s = t.open()
	ctx, cancel := context.WithTimeout(context.Background(), t.Grace)
	defer cancel()
	var calls []*call
	for range 4 {
		calls = append(calls, start(func() error { return s.has().Close(ctx) }))
	}
	for _, c := range calls {
		o := c.wait(slack(t.Grace))
		if _, is := o.err.(*panicked); is || !o.returned { //nolint:errorlint // ours, bare
			t.breaks("one of 4 calls of Close at once %v", o)
			return
		}
	}
	s.closed = true
}

func closeContext(t *trial) {
	t.open().shut()
	before := goroutines(t.bubble)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := t.open()
	o := s.closeIn(ctx)
	if !o.returned {
		t.breaks("Close %v, though its context had ended before", o)
		return
	}
	if t.Links != nil && !t.linksAre(0) {
		t.breaks("%v after a Close with a context that had ended, the server still has %d links", t.Patience, t.Links())
	}
	if left := t.leaked(before); len(left) > 0 {
		t.breaks("%v after a Close with a context that had ended, %d goroutines are left:%s",
			t.Patience, len(left), stacks(left))
	}
}

func closeDuringCalls(t *trial) {
	first := t.open()
	companies := len(first.companies())
	first.shut()
	if companies == 0 {
		t.skip("the link has no abilities")
	}
	for n := range companies {
		for _, pause := range []time.Duration{shortWhile, t.Quiet} {
			s := t.open()
			if !s.closeUnder(s.companies()[n], pause) {
				return
			}
		}
	}
}

// closeUnder closes the link while calls run, which have run for so long, and whose
// contexts end just before. It reports whether Close has returned.
func (s *subject) closeUnder(calls []abilityCall, pause time.Duration) bool {
	t := s.trial
	ctx, cancel := context.WithCancel(context.Background())
	var running []*call
	for _, c := range calls {
		running = append(running, start(func() error { return c.call(ctx) }))
	}
	t.settle(pause)
	cancel()
	if o := s.close(); !o.returned {
		t.breaks("while %s was running, its context ended, Close %v", namesOfCalls(calls), o)
		return false
	}
	for i, c := range running {
		if o := c.wait(slack(t.Grace)); !o.returned {
			t.breaks("%s had not returned %v after the end of its context and Close", calls[i].name, t.Grace)
		}
	}
	return true
}

func closeSilent(t *trial) {
	for _, wait := range []bool{true, false} { // with and without a question under way
		s := t.open()
		s.pulse(everything)
		if !wait {
			s.askBoth()
		}
		if o := s.close(); !o.returned {
			t.cannot("Close %v", o)
		}
		t.hush(func() bool { return len(s.afterMark()) > 0 })
		if late := s.afterMark(); len(late) > 0 {
			t.breaks("after Close had returned it was reported: %s", strings.Join(late, ", "))
			return
		}
	}
}

// cycles is how often a link is opened and closed to see what is left of it.
const cycles = 3

func closeGoroutines(t *trial) {
	t.open().shut() // what a process starts only once is there now
	before := goroutines(t.bubble)
	for range cycles {
		s := t.open()
		s.pulse(everything)
		s.shut()
	}
	if left := t.leaked(before); len(left) > 0 {
		t.breaks("%d goroutines were left %v after %d links had been closed:%s",
			len(left), t.Patience, cycles, stacks(left))
	}
}

func parity(t *trial) {
	for n := range cycles {
		s := t.open()
		if !holds(t.Patience, func() bool { return t.Links() == 1 }) {
			t.cannot("with one link open, Fixture.Links gives %d", t.Links())
		}
		s.shut()
		if !t.linksAre(0) {
			t.breaks("%v after link %d was closed the server still has %d", t.Patience, n+1, t.Links())
			return
		}
	}
}
