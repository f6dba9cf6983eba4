package machine

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// choice is one thing that may happen next.
type choice struct {
	name string
	at   Instant
	in   Input
	// lasts: time passes after the input, until an event is told, and the layers
	// that are alive answer what they are asked.
	lasts bool
	alive health.Layers
}

// choices lists everything that may happen next: every input that the
// surroundings can give, now, just before the next deadline and at it, and the
// passing of time.
func (x *exploration) choices(w *world) []choice {
	inputs := slices.Concat(x.reports(w), x.operations(w), x.application(w), x.recovers.choices(w))
	list := x.strays(w)
	for _, t := range x.times(w) {
		for _, c := range inputs {
			c.at, c.name = t.at, c.name+t.name
			list = append(list, c)
		}
	}
	return slices.Concat(list, x.ticks(w), x.spells(w))
}

// spells are the passing of time on a link that is watched, while one layer
// answers, or none; or a sleep so short that no other deadline has passed.
func (x *exploration) spells(w *world) (list []choice) {
	if !w.m.watching() {
		return nil
	}
	nap := w.now
	nap.Wall = nap.Wall.Add(8 * time.Hour)
	list = append(list, choice{name: "a tick after a sleep at once", at: nap, in: Input{Kind: Tick}})
	for alive := range health.Both {
		list = append(list, choice{
			name: fmt.Sprintf("a while with %s alive", alive), at: w.now, in: Input{Kind: Tick}, lasts: true, alive: alive,
		})
	}
	return list
}

// longestSpell bounds a spell, in deadlines.
const longestSpell = 200

// spell lets time pass until something is told, or suspected by a link of which
// nothing is told yet.
func (w *world) spell(alive health.Layers, note func([]Effect)) error {
	suspicious := w.watched().suspicious
	for range longestSpell {
		at, ok := w.m.Deadline()
		if !ok {
			return nil
		}
		effects, err := w.step(afterwards(w.now, max(at-w.now.Mono, 0)), Input{Kind: Tick})
		if err != nil {
			return err
		}
		note(effects)
		told := len(find(effects, Notify)) > 0
		for _, e := range effects {
			if w.m.state == observer.StateStopped || e.Kind != Ping && e.Kind != Probe {
				continue
			}
			more, err := w.answer(e, alive)
			if err != nil {
				return err
			}
			note(more)
			told = told || len(find(more, Notify)) > 0
		}
		if told || w.watched().suspicious != suspicious {
			return nil
		}
	}
	return nil
}

// answer answers a ping or a probe at once, if its layer is alive.
func (w *world) answer(e Effect, alive health.Layers) ([]Effect, error) {
	switch {
	case e.Kind == Ping && alive.Has(health.Signaling):
		return w.step(w.now, Input{Kind: Ponged, Epoch: e.Epoch, ID: e.ID})
	case e.Kind == Probe && alive.Has(health.Media):
		return w.step(w.now, Input{Kind: Probed, Epoch: e.Epoch, ID: e.ID})
	}
	return nil, nil
}

// moment is a time at which inputs are tried.
type moment struct {
	name string
	at   Instant
}

func afterwards(now Instant, d time.Duration) Instant {
	return Instant{Mono: now.Mono + d, Wall: now.Wall.Add(d)}
}

func (x *exploration) times(w *world) []moment {
	list := []moment{{"", w.now}}
	at, ok := w.m.Deadline()
	if !ok {
		return append(list, moment{" after an hour", afterwards(w.now, time.Hour)})
	}
	if left := at - w.now.Mono; left > 0 {
		list = append(list, moment{" just before the deadline", afterwards(w.now, left-1)}, moment{" at the deadline", afterwards(w.now, left)})
	}
	return list
}

// strays are reports of other epochs. For the previous one the time matters.
func (x *exploration) strays(w *world) (list []choice) {
	current := w.m.epoch
	if current == 0 {
		return nil
	}
	for i, name := range []string{"future", "current", "previous", "older", "zero"} {
		if x.recovers != nil && name != "previous" {
			continue // the other alphabets have them
		}
		epoch := current + 1 - uint64(i)
		if name == "zero" {
			epoch = 0
		}
		if name == "current" || epoch > current+1 || epoch == 0 && name != "zero" {
			continue
		}
		times := []moment{{"", w.now}}
		if end := w.m.priorUntil; name == "previous" && end-1 > w.now.Mono {
			times = append(times, moment{" within the authority", afterwards(w.now, end-1-w.now.Mono)}, moment{" after the authority", afterwards(w.now, end-w.now.Mono)})
		}
		for _, t := range times {
			for _, in := range x.strayInputs(w, epoch) {
				list = append(list, choice{name: fmt.Sprintf("%s %s of the %s epoch%s", in.Kind, in.Status.Code, name, t.name), at: t.at, in: in})
			}
		}
	}
	return list
}

func (x *exploration) strayInputs(w *world, epoch uint64) []Input {
	if x.recovers != nil {
		return x.recovers.strays(w, epoch)
	}
	if x.detects != nil {
		return append(strayInputs(epoch), Input{Kind: Probed, Epoch: epoch, ID: w.watch.probe}, Input{Kind: CannotProbe, Epoch: epoch},
			Input{Kind: Expected, Epoch: epoch, Expect: health.ExpectMedia}, Input{Kind: Doubted, Epoch: epoch, Layer: status.LayerMedia})
	}
	return strayInputs(epoch)
}

func strayInputs(epoch uint64) []Input {
	report := func(c status.Code) Input { return Input{Kind: Reported, Epoch: epoch, Status: status.New(c, nil)} }
	return []Input{
		report(status.MeetingEnded), report(status.AudioJoinedFromAnotherDevice), report(status.AudioInternalServerError),
		{Kind: LinkClosed, Epoch: epoch, Status: status.New(status.AudioAttendeeRemoved, nil)},
		{Kind: LinkClosed, Epoch: epoch, Layer: status.LayerSignaling, Bare: true},
		{Kind: Present, Epoch: epoch},
		{Kind: Sampled, Epoch: epoch, Heard: Heard{Media: 1}},
	}
}

func (x *exploration) ticks(w *world) []choice {
	tick := Input{Kind: Tick}
	list := []choice{{name: "early tick", at: w.now, in: tick}}
	if at, ok := w.m.Deadline(); ok {
		due := afterwards(w.now, max(at-w.now.Mono, 0))
		list = append(list, choice{name: "tick", at: due, in: tick}, choice{name: "tick after a stall", at: afterwards(due, 30*time.Second), in: tick})
	}
	slept := w.now
	slept.Mono += time.Second
	slept.Wall = slept.Wall.Add(8 * time.Hour)
	return append(list, choice{name: "tick after a sleep", at: slept, in: tick})
}

func chosen(in Input, format string, args ...any) choice {
	return choice{name: fmt.Sprintf(format, args...), in: in}
}

// reports are what the link of the running epoch reports.
func (x *exploration) reports(w *world) (list []choice) {
	current := w.m.epoch
	if w.m.state == observer.StateIdle {
		return nil
	}
	add := func(in Input, format string, args ...any) { list = append(list, chosen(in, format, args...)) }
	for _, c := range x.codes {
		add(Input{Kind: Reported, Epoch: current, Status: status.New(c, nil)}, "status %d", c)
	}
	for _, c := range []status.Code{status.OK, status.MeetingEnded, status.AudioInternalServerError, status.EncodedTransformManagerFailed, status.VideoCallSwitchToViewOnly} {
		if slices.Contains(x.codes, c) {
			add(Input{Kind: LinkClosed, Epoch: current, Layer: status.LayerSignaling, Status: status.New(c, nil)}, "closed %d", c)
		}
	}
	for _, l := range []status.Layer{status.LayerSignaling, status.LayerMedia} {
		add(Input{Kind: LinkClosed, Epoch: current, Layer: l, Bare: true}, "%s closed", l)
	}
	if x.recovers == nil {
		add(Input{Kind: Reported, Epoch: current, Status: status.Status{Code: status.AudioInternalServerError, Permanent: true}}, "permanent status 6")
		add(Input{Kind: Present, Epoch: current}, "present")
	}
	add(Input{Kind: Sampled, Epoch: current, Heard: Heard{Media: w.now.Mono}}, "bytes came in")
	if x.detects != nil {
		list = append(list, x.detects(w)...)
	}
	return list
}

// answers are what a link reports that the detector asks.
func answers(w *world) []choice {
	return ofEpoch(w.m.epoch,
		chosen(Input{Kind: Sampled, Heard: Heard{Signaling: w.now.Mono}}, "signaling came in"),
		chosen(Input{Kind: Probed, ID: w.watch.probe}, "probed"),
		chosen(Input{Kind: Probed, ID: w.watch.probe + 1}, "probed by nobody"),
		chosen(Input{Kind: Ponged, ID: w.watch.ping}, "pong of the detector"),
		chosen(Input{Kind: Doubted, Layer: status.LayerSignaling, Status: status.Status{Layer: status.LayerSignaling}}, "doubted signaling"),
		chosen(Input{Kind: Doubted, Layer: status.LayerMedia, Status: status.Status{Layer: status.LayerMedia}}, "doubted media"),
	)
}

// declarations are what a link reports that says itself what to go by.
func declarations(w *world) []choice {
	return ofEpoch(w.m.epoch,
		chosen(Input{Kind: Sampled, Sample: &health.Sample{
			AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0), BytesReceived: w.watch.bytes + 1,
		}}, "sample with traffic"),
		chosen(Input{Kind: Probed, ID: w.watch.probe}, "probed"),
		chosen(Input{Kind: CannotProbe}, "cannot probe"),
		chosen(Input{Kind: CannotPing}, "cannot ping"),
		chosen(Input{Kind: Expected, Expect: health.ExpectMedia}, "expected media"),
		chosen(Input{Kind: Expected, Expect: health.ExpectNothing}, "expected nothing"),
		chosen(Input{Kind: Doubted, Layer: status.LayerMedia, Status: status.Status{Layer: status.LayerMedia}}, "doubted media"),
	)
}

func ofEpoch(epoch uint64, list ...choice) []choice {
	for i := range list {
		list[i].in.Epoch = epoch
	}
	return list
}

// operations are how what runs may end: Connects, closes, pings, updates and
// promotions, the ones that nobody waits for any more included.
func (x *exploration) operations(w *world) (list []choice) {
	add := func(in Input, format string, args ...any) { list = append(list, chosen(in, format, args...)) }
	for _, l := range w.lives {
		switch l.stage {
		case dialing, cancelled:
			if w.finished {
				continue // whoever opened it closes it
			}
			for _, a := range x.able {
				add(Input{Kind: Opened, Epoch: l.epoch, Abilities: a}, "opened e-%d with %d", w.m.epoch-l.epoch, a)
			}
			for _, c := range x.codes {
				add(Input{Kind: OpenFailed, Epoch: l.epoch, Status: status.New(c, nil)}, "open of e-%d failed with %d", w.m.epoch-l.epoch, c)
			}
		case closing:
			add(Input{Kind: CloseDone, Epoch: l.epoch}, "close of e-%d done", w.m.epoch-l.epoch)
		}
	}
	for i, id := range []uint64{w.running, w.dropped} {
		if id == 0 {
			continue
		}
		name := [...]string{"", "late "}[i]
		in := Input{Kind: UpdateDone, Epoch: w.m.epoch, ID: id}
		add(in, "%supdate done", name)
		in.Unsupported = true
		add(in, "%supdate unsupported", name)
		in.Unsupported = false
		for _, c := range []status.Code{status.TaskFailed, status.MeetingEnded, status.IncompatibleSDP} {
			in.Status = status.New(c, nil)
			add(in, "%supdate failed with %d", name, c)
		}
	}
	for i, id := range []uint64{w.calling, w.forgone} {
		if id == 0 {
			continue
		}
		name := [...]string{"", "late "}[i]
		in := Input{Kind: PromoteDone, Epoch: w.m.epoch, ID: id}
		if w.m.promotion.demote {
			in.Kind = DemoteDone
		}
		add(in, "%spromotion done", name)
		in.Status = status.New(status.TaskFailed, nil)
		add(in, "%spromotion failed", name)
	}
	if w.m.abilities&CanPing != 0 && w.m.state == observer.StateConnected {
		add(Input{Kind: Ponged, Epoch: w.m.epoch, ID: lastPing(w.m)}, "pong")
		add(Input{Kind: CannotPing, Epoch: w.m.epoch}, "cannot ping")
	}
	return list
}

// application is what the application may do.
func (x *exploration) application(w *world) []choice {
	list := []choice{
		chosen(Input{Kind: Start}, "start"),
		chosen(Input{Kind: Stop, Status: status.New(status.Left, nil)}, "stop"),
		chosen(Input{Kind: Fault, Status: status.New(status.RealtimeApiFailed, nil)}, "fault"),
		chosen(Input{Kind: Reconnect, Status: status.New(status.ConnectionHealthReconnect, nil)}, "reconnect"),
	}
	if !w.finished && slices.ContainsFunc(x.able, func(a Abilities) bool { return a&CanPromote != 0 }) {
		list = append(list, chosen(Input{Kind: Promote, ID: w.nextID + 1}, "promote"), chosen(Input{Kind: Demote, ID: w.nextID + 1}, "demote"))
	}
	return list
}
