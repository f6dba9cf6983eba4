package session

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// drainBatch is how many inputs a poster handles before it hands the rest over
// to a goroutine, so that no report keeps its caller for long.
const drainBatch = 64

// post hands an input to the core, on this goroutine unless another one is at
// it already.
func (s *Session) post(in machine.Input) {
	switch in.Kind {
	case machine.Reported, machine.LinkClosed, machine.Present, machine.Doubted:
		drain, taken := s.box.putReport(in, s.classes())
		if !taken {
			s.stale.Add(1)
		}
		if drain {
			s.drain()
		}
	default:
		if s.box.put(in) {
			s.drain()
		}
	}
}

// postSample replaces the sample that waits.
func (s *Session) postSample(epoch uint64, sample *health.Sample) {
	if s.box.putSample(epoch, sample) {
		s.drain()
	}
}

// postPong replaces the pong that waits.
func (s *Session) postPong(epoch, id uint64) {
	if s.box.putPong(epoch, id) {
		s.drain()
	}
}

// postProbed replaces the probe answer that waits.
func (s *Session) postProbed(epoch, id uint64) {
	if s.box.putProbed(epoch, id) {
		s.drain()
	}
}

// postExpected replaces the expectation that waits.
func (s *Session) postExpected(epoch uint64, e health.Expectation) {
	if s.box.putExpected(epoch, e) {
		s.drain()
	}
}

// drain handles what waits. If code that is plugged into the policy leaves
// this goroutine with runtime.Goexit, another one goes on and ends the session.
func (s *Session) drain() {
	returned := false
	defer func() {
		if !returned {
			s.box.put(faultOf("policy", "the goroutine was left with runtime.Goexit"))
			go s.drain()
		}
	}()
	for range drainBatch {
		if !s.box.take(&s.owned.in, &s.owned.sample) {
			returned = true
			return
		}
		s.handle(&s.owned.in)
	}
	returned = true
	go s.drain()
}

// handle runs one input through the core and performs the effects.
func (s *Session) handle(in *machine.Input) {
	now := s.instant()
	if epoch := s.epoch.Load(); epoch != 0 && (in.Epoch == 0 || in.Epoch == epoch) {
		in.Heard = s.owned.heard()
	}
	if s.rec != nil {
		s.rec.begin(now, in)
	}
	effects := s.owned.core.Handle(now, *in)
	if s.rec != nil {
		s.rec.end(now, in, effects)
	}
	s.publish(in.Kind, effects)
	for i := range effects {
		s.perform(&effects[i])
	}
	s.arm(now.Mono)
}

// publish makes the new state visible and queues the events, in one step: a
// subscriber neither misses an event nor hears one that its snapshot has.
func (s *Session) publish(k machine.Kind, effects []machine.Effect) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(effects) == 0 && (k == machine.Sampled || k == machine.Ponged) {
		s.owned.core.Vitals(&s.snap)
		return
	}
	before := s.snap.State
	s.snap = s.owned.core.Snapshot()
	s.joined = s.joined || s.snap.State == StateConnected
	wake := s.snap.State != before
	for i := range effects {
		if e := effects[i].Event; e != nil {
			wake = s.tell(e) || wake
		}
	}
	if wake && s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// tell queues an event for every observer, with the lock held. It reports
// whether the event was the last one.
func (s *Session) tell(e observer.Event) bool {
	stopped, last := e.(observer.Stopped)
	if last {
		s.err = newError(stopped)
		s.ending.waitFor(s.watch)
		s.refusePromotions()
	}
	for _, d := range s.watch {
		d.send(e)
	}
	return last
}

// arm sets the timer to the core's deadline.
func (s *Session) arm(now time.Duration) {
	o := &s.owned
	at, ok := o.core.Deadline()
	if ok == o.armed && at == o.due {
		return
	}
	o.armed, o.due = ok, at
	switch {
	case !ok:
		o.timer.Stop()
	case o.timer == nil:
		o.timer = time.AfterFunc(at-now, func() { s.post(machine.Input{Kind: machine.Tick}) })
	default:
		o.timer.Reset(at - now)
	}
}
