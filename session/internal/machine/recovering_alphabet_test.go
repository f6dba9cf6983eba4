package machine

import (
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// recoveries is the part of an alphabet that has to do with recoveries. What the
// config of a session asks for, and what its links can do, is answered anyway.
type recoveries struct {
	dead   []status.Layer // that links find dead
	wishes []status.Directive
	hints  []observer.Hint
	asks   bool // the application asks for updates
	// prompt: closes, and Connects that were cancelled, end at once. That they do
	// not is for the other alphabets.
	prompt bool
}

func (r *recoveries) promptly() bool { return r != nil && r.prompt }

// tidy ends what is on its way to its end.
func (w *world) tidy(note func([]Effect)) error {
	for _, l := range slices.Clone(w.lives) {
		in := Input{Kind: CloseDone, Epoch: l.epoch}
		switch l.stage {
		case dialing, open:
			continue
		case cancelled:
			in = Input{Kind: OpenFailed, Epoch: l.epoch, Status: status.New(status.TaskFailed, nil)}
		}
		effects, err := w.step(w.now, in)
		if err != nil {
			return err
		}
		note(effects)
	}
	return nil
}

// choices are what may happen besides.
func (r *recoveries) choices(w *world) []choice {
	if r == nil {
		return nil
	}
	return slices.Concat(r.reports(w), restores(w), prepares(w), answersOf(w), r.application(w))
}

// reports are what the link of the running epoch says.
func (r *recoveries) reports(w *world) (list []choice) {
	if w.m.state == observer.StateIdle {
		return nil
	}
	for _, l := range r.dead {
		st := status.Status{Code: status.ConnectionHealthReconnect, Layer: l}
		list = append(list, chosen(Input{Kind: Reported, Epoch: w.m.epoch, Status: st}, "%s dead", l))
	}
	for i := range r.wishes {
		st := status.Status{Code: status.AudioInternalServerError, Directive: &r.wishes[i]}
		list = append(list, chosen(Input{Kind: Reported, Epoch: w.m.epoch, Status: st}, "status 6 [%s]", directive(r.wishes[i])))
		for _, l := range w.lives {
			if (l.stage == dialing || l.stage == cancelled) && !w.finished {
				list = append(list, chosen(Input{Kind: OpenFailed, Epoch: l.epoch, Status: st}, "open of e-%d failed with 6 [%s]", w.m.epoch-l.epoch, directive(r.wishes[i])))
			}
		}
	}
	return list
}

// restores are how a restart, a resume or a resync may end: the one that runs, or
// was cancelled and is still to return, and the one before it.
func restores(w *world) (list []choice) {
	if op := w.rescue.before; op.id != 0 && w.m.phase != opening {
		list = append(list, chosen(op.done(), "late end of a %s", op.kind))
	}
	op := w.rescue.op
	if op.id == 0 {
		return list
	}
	ends := func(format string, change func(*Input)) {
		in := op.done()
		change(&in)
		list = append(list, chosen(in, format, op.kind))
	}
	ends("%s done", func(*Input) {})
	ends("%s failed", func(in *Input) { in.Status = status.New(status.TaskFailed, errProbe) })
	ends("%s failed for good", func(in *Input) { in.Status = status.New(status.MeetingEnded, nil) })
	ends("%s unsupported", func(in *Input) { in.Unsupported = true })
	if op.kind == Resync {
		return list
	}
	ends("%s refused", func(in *Input) { in.Status, in.Refused = status.New(status.TaskFailed, nil), true })
	if w.m.cfg.Authorizes && op.kind == Resume {
		ends("%s rejected", func(in *Input) { in.Status, in.Rejected = status.New(status.AudioAuthenticationRejected, nil), true })
	}
	return list
}

// done is the good end of an operation.
func (o running) done() Input {
	in := Input{Kind: Restored, Epoch: o.epoch, ID: o.id}
	if o.kind == Resync {
		in.Kind = Resynced
	}
	return in
}

// prepares are what the sources of an attempt answer.
func prepares(w *world) (list []choice) {
	add := func(in Input, format string, args ...any) { list = append(list, chosen(in, format, args...)) }
	if w.m.cfg.FindEndpoints && w.m.phase == opening {
		add(Input{Kind: Prepared, Epoch: w.m.epoch, Ready: &Ready{Endpoints: []string{"first", "second"}}}, "endpoints found")
	}
	if !w.m.cfg.Authorizes {
		return list
	}
	if w.m.phase == opening || w.m.phase == restoring {
		add(Input{Kind: Prepared, Epoch: w.m.epoch, Ready: &Ready{Authorized: true, ExpireIn: 40 * time.Second}}, "authorized")
	}
	rejection := status.New(status.AudioAuthenticationRejected, nil)
	add(Input{Kind: Reported, Epoch: w.m.epoch, Status: rejection}, "status 3")
	for _, l := range w.lives {
		if (l.stage == dialing || l.stage == cancelled) && !w.finished {
			add(Input{Kind: OpenFailed, Epoch: l.epoch, Status: rejection, Rejected: true}, "open of e-%d rejected", w.m.epoch-l.epoch)
		}
	}
	return list
}

// answersOf are the answers of what belongs to no link: the limiter, and the source
// of credentials ahead of need.
func answersOf(w *world) (list []choice) {
	add := func(in Input, format string, args ...any) { list = append(list, chosen(in, format, args...)) }
	if id := w.rescue.asking; id != 0 {
		add(Input{Kind: Admitted, ID: id}, "admitted")
		add(Input{Kind: Admitted, ID: id, Status: status.New(status.TaskFailed, nil)}, "not admitted")
	}
	if w.m.cfg.Limited {
		add(Input{Kind: Admitted, ID: w.rescue.asked}, "late answer of the limiter")
	}
	if id := w.rescue.refreshing; id != 0 {
		add(Input{Kind: Refreshed, ID: id, Ready: &Ready{Authorized: true, ExpireIn: 40 * time.Second}}, "refreshed")
		add(Input{Kind: Refreshed, ID: id, Status: status.New(status.TaskFailed, nil)}, "not refreshed")
	}
	if id := w.rescue.refreshed; id != 0 {
		add(Input{Kind: Refreshed, ID: id, Ready: &Ready{Authorized: true}}, "refreshed too late")
	}
	return list
}

// application is what the application knows and asks for.
func (r *recoveries) application(w *world) (list []choice) {
	for _, h := range r.hints {
		list = append(list, chosen(Input{Kind: Hinted, Hint: h}, "hint %s", h))
	}
	if r.asks {
		list = append(list,
			chosen(Input{Kind: Ask, Renegotiate: true}, "asked to renegotiate"),
			chosen(Input{Kind: Ask, ViewOnly: true}, "asked to be view-only"))
	}
	return list
}

// strays are reports of the epoch before.
func (r *recoveries) strays(w *world, epoch uint64) []Input {
	return []Input{
		{Kind: Reported, Epoch: epoch, Status: status.New(status.MeetingEnded, nil)},
		{Kind: Reported, Epoch: epoch, Status: status.New(status.AudioInternalServerError, nil)},
		{Kind: LinkClosed, Epoch: epoch, Layer: status.LayerSignaling, Bare: true},
		{Kind: Restored, Epoch: epoch, ID: w.m.op},
		{Kind: Resynced, Epoch: epoch, ID: w.m.op},
		{Kind: Prepared, Epoch: epoch, Ready: &Ready{Authorized: true}},
	}
}
