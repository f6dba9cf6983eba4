package sessiontest

import (
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// CheckEvents holds all events of one session, from the first to the last,
// against what is guaranteed of them, and reports what is broken with
// tb.Error:
//
//   - Seq counts from 1 without a gap, a Missed standing for all that it says;
//   - there is exactly one Stopped, and it is the last event (G2);
//   - Reconnecting is followed by Connected or Stopped (G12);
//   - each event's From is the To of the one before, the first one's is idle,
//     and each event leads only where events of its kind may lead;
//   - Elapsed and Epoch never fall, and Epoch grows with each attempt to rejoin,
//     and with nothing else;
//   - attempts are counted from 1 in every outage, one at a time, without those
//     that turned out to be unsupported; a failed one is followed by RetryScheduled
//     or Stopped;
//   - the level of the attempts in an outage never falls, unless a directive of the
//     server says so;
//   - Recovered follows Connected after an outage, and nothing else;
//   - LinkSuspected and LinkDead come while connected, LinkCleared after a
//     LinkSuspected of the same epoch;
//   - LinkHealed comes in an outage that LinkDead began and in which no attempt has
//     begun; Connected and a Recovered that says so follow, and only then;
//   - MediaProven comes in an attempt to reconnect, and Connected, or Resyncing,
//     follows;
//   - Resyncing comes in an attempt to reconnect;
//   - the session ends with a code that observers may see (G7).
//
// It never leaves its goroutine, so it may be called inside a bubble.
func CheckEvents(tb testing.TB, events []observer.Event) {
	tb.Helper()
	report(tb, check(events, true))
}

// CheckPart is CheckEvents for events in a row that need not begin with the
// session or reach its end: what was recorded so far, or by an observer that
// was added later.
func CheckPart(tb testing.TB, events []observer.Event) {
	tb.Helper()
	report(tb, check(events, false))
}

func report(tb testing.TB, broken []string) {
	tb.Helper()
	for _, b := range broken {
		tb.Error("sessiontest: " + b)
	}
}

// check applies every rule. whole says that the events are all of a session.
func check(events []observer.Event, whole bool) []string {
	v := verdict{whole: whole}
	for _, rule := range rules {
		rule(&v, events)
	}
	return v.broken
}

// rules are independent of each other.
var rules = []func(*verdict, []observer.Event){
	sequence, oneEnd, outagesEnd, chain, clocks, epochs, attemptsCount, recoveries, suspicions, healings, proofs, resyncs, publicEnd,
}

// verdict collects what is broken.
type verdict struct {
	whole  bool
	broken []string
}

func (v *verdict) breaks(e observer.Event, format string, args ...any) {
	v.broken = append(v.broken, Format{}.Line(e)+": "+fmt.Sprintf(format, args...))
}

func firstSeq(e observer.Event) uint64 {
	if m, ok := e.(observer.Missed); ok {
		return m.FirstSeq
	}
	return e.Head().Seq
}

// sequence: no event is missing and none comes twice.
func sequence(v *verdict, events []observer.Event) {
	next := uint64(1)
	if !v.whole && len(events) > 0 {
		next = firstSeq(events[0])
	}
	for _, e := range events {
		seq := e.Head().Seq
		if first := firstSeq(e); first != next {
			v.breaks(e, "sequence number %d where %d is due", first, next)
		}
		if m, ok := e.(observer.Missed); ok && (m.Events < 1 || m.FirstSeq+uint64(m.Events) != seq+1) {
			v.breaks(e, "%d events do not reach from %d to %d", m.Events, m.FirstSeq, seq)
		}
		next = seq + 1
	}
}

// oneEnd: G2.
func oneEnd(v *verdict, events []observer.Event) {
	ended := false
	for i, e := range events {
		if _, stopped := e.(observer.Stopped); !stopped {
			continue
		}
		if ended = true; i < len(events)-1 {
			v.breaks(e, "Stopped is not the last event (G2)")
		}
	}
	if v.whole && !ended {
		v.broken = append(v.broken, fmt.Sprintf("there is no Stopped (G2) in %v", namesOf(events)))
	}
}

// outagesEnd: G12.
func outagesEnd(v *verdict, events []observer.Event) {
	var open observer.Event
	for _, e := range events {
		switch e.(type) {
		case observer.Reconnecting:
			if open != nil {
				v.breaks(open, "another Reconnecting comes before Connected or Stopped (G12)")
			}
			open = e
		case observer.Connected, observer.Stopped:
			open = nil
		}
	}
	if v.whole && open != nil {
		v.breaks(open, "neither Connected nor Stopped follows (G12)")
	}
}

// moves are the changes of state that events tell. Others change nothing.
var moves = map[string][]observer.Header{
	"Connecting":   {{From: observer.StateIdle, To: observer.StateConnecting}},
	"Connected":    {{From: observer.StateConnecting, To: observer.StateConnected}, {From: observer.StateReconnecting, To: observer.StateConnected}},
	"Reconnecting": {{From: observer.StateConnected, To: observer.StateReconnecting}},
	"Stopped": {
		{From: observer.StateIdle, To: observer.StateStopped},
		{From: observer.StateConnecting, To: observer.StateStopped},
		{From: observer.StateConnected, To: observer.StateStopped},
		{From: observer.StateReconnecting, To: observer.StateStopped},
	},
}

// chain: each event begins in the state where the one before has ended.
func chain(v *verdict, events []observer.Event) {
	for i, e := range events {
		h := e.Head()
		switch {
		case i > 0 && h.From != events[i-1].Head().To:
			v.breaks(e, "the event before it has led to %q", events[i-1].Head().To)
		case i == 0 && v.whole && h.From != observer.StateIdle:
			v.breaks(e, "a session begins in %q", observer.StateIdle)
		}
		if !mayMove(e) {
			v.breaks(e, "%s does not lead from %q to %q", e.Name(), h.From, h.To)
		}
	}
}

func mayMove(e observer.Event) bool {
	h := e.Head()
	if _, missed := e.(observer.Missed); missed {
		return true
	}
	allowed, moving := moves[e.Name()]
	if !moving {
		return h.From == h.To
	}
	for _, m := range allowed {
		if m.From == h.From && m.To == h.To {
			return true
		}
	}
	return false
}

// clocks: the monotonic clock does not go back, and the session is the same.
func clocks(v *verdict, events []observer.Event) {
	for i := 1; i < len(events); i++ {
		before, h := events[i-1].Head(), events[i].Head()
		if h.Elapsed < before.Elapsed {
			v.breaks(events[i], "the event before it was at %s", before.Elapsed)
		}
		if h.Session != before.Session {
			v.breaks(events[i], "it is of session %q, the one before of %q", h.Session, before.Session)
		}
	}
}

// epochs: an attempt, and nothing else, begins a new epoch.
func epochs(v *verdict, events []observer.Event) {
	for i := 1; i < len(events); i++ {
		before, now := events[i-1].Head().Epoch, events[i].Head().Epoch
		switch e := events[i].(type) {
		case observer.AttemptStarted:
			if restores := e.Level == policy.RestartMedia || e.Level == policy.Resume; restores == (now > before) || now < before {
				v.breaks(e, "an attempt begins a new epoch if it rejoins, and only then; the one before was %d", before)
			}
		case observer.Missed:
			if now < before {
				v.breaks(events[i], "the epoch before was %d", before)
			}
		default:
			if now != before {
				v.breaks(events[i], "only an attempt begins a new epoch, the one before was %d", before)
			}
		}
	}
}

// count is where the attempts of an outage, or of the first connect, stand.
type count struct {
	known   bool // false after a Missed, and at the beginning of a part
	number  int
	running bool
	level   policy.Level // of the last attempt
	told    bool         // a directive has asked for a level
}

// attemptsCount: attempts are numbered, one runs at a time, and a failed one
// is followed by a decision.
func attemptsCount(v *verdict, events []observer.Event) {
	var c count
	for i, e := range events {
		c.step(v, e)
		if _, failed := e.(observer.AttemptFailed); !failed || i == len(events)-1 {
			continue
		}
		switch events[i+1].(type) {
		case observer.RetryScheduled, observer.Stopped, observer.Missed:
		default:
			v.breaks(e, "%s follows, not RetryScheduled or Stopped", events[i+1].Name())
		}
	}
}

func (c *count) step(v *verdict, e observer.Event) {
	switch e := e.(type) {
	case observer.Connecting, observer.Reconnecting:
		*c = count{known: true}
	case observer.Missed:
		*c = count{}
	case observer.AttemptStarted:
		if c.known && (c.running || e.Number != c.number+1) {
			v.breaks(e, "attempt %d was the last, running: %t", c.number, c.running)
		}
		if c.known && e.Level < c.level && !c.told {
			v.breaks(e, "the attempt before it was a %s", c.level)
		}
		*c = count{known: true, number: e.Number, running: true, level: e.Level}
	case observer.RetryScheduled:
		d := e.Decision.Facts.Status.Directive
		c.told = c.told || d != nil && d.Recovery != status.RecoverAnyhow
	case observer.AttemptFailed:
		c.ends(v, e, e.Number)
		if e.Unsupported {
			c.number--
		}
	case observer.Connected:
		if e.Attempts > 0 || e.From != observer.StateReconnecting {
			c.ends(v, e, e.Attempts)
		} else if c.known && c.number > 0 {
			v.breaks(e, "the link cannot have healed after attempt %d", c.number)
		}
	}
}

// ends notes the end of the attempt of that number.
func (c *count) ends(v *verdict, e observer.Event, number int) {
	if c.known && (!c.running || number != c.number) {
		v.breaks(e, "attempt %d was the last, running: %t", c.number, c.running)
	}
	c.running = false
}

// recoveries: Recovered and the end of an outage belong together.
func recoveries(v *verdict, events []observer.Event) {
	due := false // the next event must be Recovered
	for i, e := range events {
		recovered, ok := e.(observer.Recovered)
		_, missed := e.(observer.Missed)
		switch {
		case due && !ok && !missed:
			v.breaks(e, "Recovered should follow the end of the outage")
		case ok && !due && (i > 0 || v.whole):
			v.breaks(e, "Recovered without the end of an outage")
		case ok && due:
			if c := events[i-1].(observer.Connected); c.Attempts != recovered.Outage.Attempts {
				v.breaks(e, "Connected counts %d attempts", c.Attempts)
			}
		}
		_, connected := e.(observer.Connected)
		due = connected && e.Head().From == observer.StateReconnecting
	}
}

// publicEnd: G7.
func publicEnd(v *verdict, events []observer.Event) {
	for _, e := range events {
		if s, ok := e.(observer.Stopped); ok && (s.Status.Code == status.OK || s.Status.Code.Public() != s.Status.Code) {
			v.breaks(e, "no session may end with the code %v (G7)", s.Status.Code.String())
		}
	}
}
