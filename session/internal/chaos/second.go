package chaos

import (
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// second is the observer beside the one that is held to be fast: it is slow, blocks,
// panics, or calls the session back, as the script says. It keeps what it hears, and
// when, so that G5 and G6 can be held to that.
type second struct {
	r *shell

	mu     sync.Mutex // guards what follows
	panics bool       // at the next event
	blocks time.Duration
	heard  []hearing
	fell   int // the index of the callback that has panicked; -1: none
}

// hearing is one callback.
type hearing struct {
	e         observer.Event
	at, until time.Duration // until is -1 while it has not returned
}

// The situations of observers, as a life in the runtime may come to them.
const (
	burdenPanic   = "an observer panicked"
	burdenMissed  = "an observer missed events"
	burdenGivenUp = "an observer was given up"
)

// Burdens are all of them.
var Burdens = []string{burdenPanic, burdenMissed, burdenGivenUp}

// maxWaiting is how many events may wait for one observer, before they are folded, and
// unfolded how many more at the most: one outage for each matter of which it tells the
// last word.
const (
	maxWaiting = 1024
	unfolded   = 128
)

// Observe keeps the event, and does what the script says.
func (o *second) Observe(e observer.Event) {
	i, falls, blocks := o.enters(e)
	defer o.returns(i)
	if o.r.s.Chatty {
		o.r.chat(e)
	}
	if falls {
		panic("chaos")
	}
	o.dawdles(max(blocks, time.Duration(o.r.s.Slow)))
}

// dawdles takes its time, but not after all is over.
func (o *second) dawdles(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-o.r.server.release:
	}
}

// enters notes that a callback begins, and says what it is to do.
func (o *second) enters(e observer.Event) (index int, falls bool, blocks time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	index = len(o.heard)
	if o.heard = append(o.heard, hearing{e, time.Since(o.r.birth), -1}); o.panics {
		falls, o.panics = true, false
		if o.fell < 0 {
			o.fell = index
		}
	}
	blocks, o.blocks = o.blocks, 0
	return index, falls, blocks
}

func (o *second) returns(index int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.heard[index].until = time.Since(o.r.birth)
}

// fall has the next callback panic, and block has it take so long.
func (o *second) fall() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.panics = true
}

func (o *second) block(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.blocks = d
}

// fallen reports whether a callback has panicked.
func (o *second) fallen() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fell >= 0
}

// check holds what it has heard against what there was to hear, all of it.
func (o *second) check(all []observer.Event) *Violation {
	o.mu.Lock()
	defer o.mu.Unlock()
	h := hearings{o.heard, all, o.r.done}
	for _, check := range []func() *Violation{h.same, h.atOnce, h.folded, h.well, h.atTheEnd} {
		if v := check(); v != nil {
			return v
		}
	}
	return o.ended(all)
}

// burdens names what it has come to.
func (o *second) burdens() (list []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fell >= 0 {
		list = append(list, burdenPanic)
	}
	if slices.ContainsFunc(o.heard, func(h hearing) bool { _, is := h.e.(observer.Missed); return is }) {
		list = append(list, burdenMissed)
	}
	if n := len(o.heard); n > 0 && o.heard[n-1].e.Name() != "Stopped" {
		list = append(list, burdenGivenUp)
	}
	return list
}

// ended: after a panic the session ends, within the close grace and by that fault,
// unless its end was already due for another reason (G6). That the others hear so is
// a matter of what all observers hear.
func (o *second) ended(all []observer.Event) *Violation {
	if o.fell < 0 || len(all) == 0 {
		return nil
	}
	fell := o.heard[o.fell]
	stopped, told := all[len(all)-1].(observer.Stopped)
	v := &Violation{Rule: rulePanic, At: fell.at}
	switch {
	case !told:
		v.Text = "no end is told"
	case stopped.Elapsed < fell.at || fell.e.Name() == "Stopped":
		return nil // it had ended
	case stopped.Elapsed > fell.at+time.Duration(o.r.s.CloseGrace):
		v.Text = "the end comes " + (stopped.Elapsed - fell.at).String() + " later"
	case stopped.Initiator == observer.ByFault && stopped.Status.Code != status.RealtimeApiFailed:
		v.Text = "the end says " + stopped.Status.Code.String()
	case stopped.Initiator == observer.ByApplication && !o.r.askedBy(fell.at):
		v.Text = "the application has ended the session, says the end"
	default:
		return nil
	}
	return v
}

// hearings are what one observer has heard, all that there was to hear, and when Done
// was closed.
type hearings struct {
	heard []hearing
	all   []observer.Event
	done  time.Duration
}

// same: it hears what the others hear, in that order, but for what is missed (G4, G5).
func (h hearings) same() *Violation {
	next := 1
	for _, one := range h.heard {
		last := int(one.e.Head().Seq)
		first := last
		m, missed := one.e.(observer.Missed)
		if missed {
			first = int(m.FirstSeq)
		}
		switch {
		case first != next || last < first || last > len(h.all):
			return &Violation{Rule: ruleOrder, At: one.at, Text: "the second observer hears " + one.e.Name() + ", which is not its turn"}
		case missed:
			if text := standsFor(&m, h.all[first-1:last]); text != "" {
				return &Violation{Rule: ruleMissed, At: one.at, Text: text}
			}
		case one.e.Name() != h.all[last-1].Name() || one.e.Head() != h.all[last-1].Head():
			return &Violation{Rule: ruleOrder, At: one.at, Text: "the second observer hears another " + one.e.Name()}
		}
		next = last + 1
	}
	return nil
}

// standsFor says what is wrong about a Missed that stands for events.
func standsFor(m *observer.Missed, events []observer.Event) string {
	outages, within := 0, false
	for _, e := range events {
		switch e.(type) {
		case observer.Reconnecting:
			within = true
		case observer.Recovered:
			if !within {
				return "half an outage is missed, its end"
			}
			outages, within = outages+1, false
		case observer.Connecting, observer.Stopped:
			return e.Name() + " is missed"
		case observer.Connected:
			if !within {
				return e.Name() + " is missed, and not with its outage"
			}
		}
	}
	want := events[len(events)-1].Head()
	want.From = events[0].Head().From
	switch {
	case within:
		return "half an outage is missed, its beginning"
	case m.Events != len(events) || m.Outages != outages || m.Header != want:
		return "Missed does not say what it stands for"
	}
	return ""
}

// atOnce: an observer that has time hears what there is at once, whatever others do.
func (h hearings) atOnce() *Violation {
	free := time.Duration(0)
	for _, one := range h.heard {
		if due := max(free, one.e.Head().Elapsed); one.at != due {
			return &Violation{Rule: ruleDelays, At: one.at, Text: "the second observer hears " + one.e.Name() + " " + (one.at - due).String() + " late"}
		}
		free = one.until
	}
	return nil
}

// folded: nothing is missed before so many events wait, and not many more wait then.
func (h hearings) folded() *Violation {
	seq, most := 0, 0 // the last event that was heard, and how many have waited after one
	for i, one := range h.heard {
		if most = max(most, h.told(one.at+1)-seq); one.e.Name() == "Missed" && most < maxWaiting {
			return &Violation{Rule: ruleMissed, At: one.at, Text: "events are missed, and few have waited"}
		}
		waited := h.told(one.at) // before that moment
		j, _ := slices.BinarySearchFunc(h.heard[i:], waited, func(one hearing, seq int) int { return int(one.e.Head().Seq) - seq })
		if j > maxWaiting+unfolded {
			return &Violation{Rule: ruleMissed, At: one.at, Text: "too many events have waited, and were not folded"}
		}
		seq = int(one.e.Head().Seq)
	}
	return nil
}

// told is how many events there were before a moment.
func (h hearings) told(before time.Duration) int {
	i, _ := slices.BinarySearchFunc(h.all, before, func(e observer.Event, at time.Duration) int { return int(e.Head().Elapsed - at) })
	return i
}

// well: what it hears is a life, or the first part of one.
func (h hearings) well() *Violation {
	events := make([]observer.Event, len(h.heard))
	for i := range h.heard {
		events[i] = h.heard[i].e
	}
	var c complaints
	sessiontest.CheckPart(&c, events)
	return c.violation(events)
}

// atTheEnd: Done waits until it has heard the end, but not longer than the observer
// grace; then it hears nothing any more (G5).
func (h hearings) atTheEnd() *Violation {
	if len(h.all) == 0 || h.done == 0 {
		return nil
	}
	grace := h.all[len(h.all)-1].Head().Elapsed + observerGrace
	v := &Violation{Rule: ruleGrace, At: h.done}
	if len(h.heard) == 0 {
		v.Text = "the second observer has heard nothing"
		return v
	}
	last := h.heard[len(h.heard)-1]
	inside := last.until < 0 || last.until >= h.done
	switch {
	case h.done > grace:
		v.Text = "Done is closed " + (h.done - grace).String() + " after the observer grace"
	case last.at > h.done:
		v.Text = "the second observer hears " + last.e.Name() + " after Done"
	case h.done < grace && last.e.Name() != "Stopped":
		v.Text = "the second observer has not heard the end, and Done is closed " + (grace - h.done).String() + " before the grace is over"
	case h.done < grace && (last.until < 0 || last.until > h.done):
		v.Text = "the second observer is still inside, and Done is closed " + (grace - h.done).String() + " before the grace is over"
	case last.e.Name() != "Stopped" && !inside:
		v.Text = "the second observer is not told the end"
	default:
		return nil
	}
	return v
}
