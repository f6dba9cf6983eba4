package chaos

import (
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// guest is an observer that comes later, and may go before the end.
type guest struct {
	rec   sessiontest.Recorder
	since uint64 // the last event that its snapshot includes
	leave func()
}

// subscribes adds a guest, and lets the last one go.
func (r *shell) subscribes() {
	g := new(guest)
	now, leave := r.sess.Subscribe(&g.rec)
	g.since, g.leave = now.Seq, leave
	r.server.mu.Lock()
	r.guests = append(r.guests, g)
	last := len(r.guests) - 2
	r.server.mu.Unlock()
	if last >= 0 {
		r.guests[last].leave()
	}
}

// guest holds what a guest has heard against what everybody has: the part that
// begins after its snapshot.
func (g *guest) check(all []observer.Event) *Violation {
	heard := g.rec.Events()
	var c complaints
	sessiontest.CheckPart(&c, heard)
	if v := c.violation(heard); v != nil {
		return v
	}
	for i, e := range heard {
		if at := int(g.since) + i; at >= len(all) || all[at].Head() != e.Head() {
			return &Violation{Rule: ruleOrder, At: e.Head().Elapsed, Text: "a later observer hears " + e.Name() + ", which is not its turn"}
		}
	}
	return nil
}

func (r *shell) heard(events []observer.Event) *Violation {
	for _, g := range r.guests {
		if v := g.check(events); v != nil {
			return v
		}
	}
	return r.stayed(events)
}

// stayed: the guest who has not left hears all, to the end.
func (r *shell) stayed(events []observer.Event) *Violation {
	if len(r.guests) == 0 {
		return nil
	}
	g := r.guests[len(r.guests)-1]
	if heard := len(g.rec.Events()); int(g.since)+heard < len(events) {
		return &Violation{Rule: ruleOrder, At: events[int(g.since)+heard].Head().Elapsed, Text: "a later observer does not hear the end"}
	}
	return nil
}
