package machine

import (
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// roundTrip is how long answers take in the tests of the detector.
const roundTrip = 10 * time.Millisecond

// detecting switches the detector and the proof of media on.
func detecting(c *Config) {
	c.Health.Detector = health.Config{}.WithDefaults().Detector
	c.ProofTimeout = proofTimeout
}

// coarse is detecting with few ticks on the way to a verdict.
func coarse(c *Config) {
	detecting(c)
	d := &c.Health.Detector
	d.ProbeEvery, d.ProbeFast, d.CleanFor = time.Second, time.Second/2, 6*time.Second
	d.Suspicion = 2 * time.Second
	c.ProofTimeout = 5 * time.Second // long enough for signaling to become suspicious
}

// noPinger leaves the pings to the detector.
func noPinger(c *Config) { c.PingInterval = 1000 * time.Hour }

// unsettled has every connection count as stable at once.
func unsettled(c *Config) { c.Policy.StableAfter = 0 }

// ignoring has the policy ignore what the detector finds.
func ignoring(c *Config) { classed(status.ConnectionHealthReconnect, policy.Ignore)(c) }

// classed gives a code another class.
func classed(code status.Code, class policy.Class) func(*Config) {
	return func(c *Config) { c.Policy.Classes = c.Policy.Classes.With(code, class) }
}

// lookout is how long a rig waits for what must come.
const lookout = time.Hour

// pass lets time pass, with a tick at every deadline. The layers that live answer
// what they are asked, after a round trip.
func (r *rig) pass(d time.Duration, alive health.Layers) {
	for end := r.now.Mono + d; ; {
		at, ok := r.m.Deadline()
		if !ok || at > end {
			r.wait(max(end-r.now.Mono, 0))
			return
		}
		r.beat(alive)
	}
}

// until lets time pass until an event of that name is told, and gives the effects
// that it was among.
func (r *rig) until(name string, alive health.Layers) []Effect {
	for end := r.now.Mono + lookout; r.now.Mono < end; {
		n := len(r.told)
		effects := r.beat(alive)
		for _, e := range r.told[n:] {
			if e.Name() == name {
				return effects
			}
		}
	}
	panic("no " + name)
}

// almost lets time pass until the event would be told at the next tick.
func (r *rig) almost(name string, alive health.Layers) {
	for end := r.now.Mono + lookout; r.now.Mono < end; r.beat(alive) {
		next := r.fork()
		next.beat(alive)
		for _, e := range next.told {
			if e.Name() == name {
				return
			}
		}
	}
	panic("no " + name)
}

// beforeTimer lets time pass until a timer is due next.
func (r *rig) beforeTimer(n timer, alive health.Layers) {
	for {
		at, ok := r.m.timers.at(n)
		if next, _ := r.m.Deadline(); !ok || at == next {
			return
		}
		r.beat(alive)
	}
}

// fork is a copy that has told nothing yet.
func (r *rig) fork() *rig {
	return &rig{m: r.m.Clone(), now: r.now, bytes: r.bytes, owed: slices.Clone(r.owed)}
}

// beat goes on to the next deadline and has the living layers answer what was
// asked until then. Signaling is reliable: when it lives again it answers what it
// was asked while it did not. It gives the effects of all that.
func (r *rig) beat(alive health.Layers) (all []Effect) {
	if _, ok := r.m.Deadline(); !ok {
		panic("nothing is due in " + place(r.m))
	}
	all = append(all, r.tick()...)
	var pings, probes []Effect
	if alive.Has(health.Signaling) {
		pings, r.owed = r.owed, nil
	}
	if alive.Has(health.Media) {
		probes = find(all, Probe)
	}
	if len(pings)+len(probes) > 0 {
		r.wait(roundTrip)
	}
	for _, e := range pings {
		all = append(all, r.do(Input{Kind: Ponged, Epoch: e.Epoch, ID: e.ID})...)
	}
	for _, e := range probes {
		all = append(all, r.do(Input{Kind: Probed, Epoch: e.Epoch, ID: e.ID})...)
	}
	return all
}

// calm connects and lives until the path counts as clean.
func (r *rig) calm(a Abilities) {
	r.connect(a)
	r.clean()
}

func (r *rig) clean() { r.pass(r.m.cfg.Health.Detector.CleanFor, health.Both) }

// calmBy is calm on a link that declares what comes in.
func (r *rig) calmBy(a Abilities, e health.Expectation) {
	r.connect(a)
	r.expect(e)
	for end := r.now.Mono + r.m.cfg.Health.Detector.CleanFor; r.now.Mono < end; {
		r.pass(500*time.Millisecond, health.Both)
		r.hear()
	}
}

// hear reports bytes that have just come in on the media path.
func (r *rig) hear() []Effect {
	return r.do(Input{Kind: Sampled, Epoch: r.m.epoch, Heard: Heard{Signaling: r.m.heard.Signaling, Media: r.now.Mono}})
}

func (r *rig) expect(e health.Expectation) []Effect {
	return r.do(Input{Kind: Expected, Epoch: r.m.epoch, Expect: e})
}

func (r *rig) doubt(l status.Layer) []Effect {
	return r.do(Input{Kind: Doubted, Epoch: r.m.epoch, Layer: l, Status: status.Status{Layer: l, Cause: errProbe}})
}

// condemn has a calm link be found dead, of which the given layers still answer.
func (r *rig) condemn(alive health.Layers) []Effect {
	r.calm(askable | allAbilities)
	return r.until("LinkDead", alive)
}
