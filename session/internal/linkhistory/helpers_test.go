package linkhistory

import (
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// call is one that a watcher got.
type call struct {
	name  string
	now   Instant
	id    uint64
	layer status.Layer
	state ICEState
	e     Expectation
	s     health.Sample
}

// diary is a watcher that notes all its calls.
type diary struct {
	calls    []call
	c        Client
	ticks    time.Duration // between its ticks; 0: none
	deadline time.Duration
	onTick   func(d *diary, now Instant)
}

func (d *diary) note(c call) { d.calls = append(d.calls, c) }

func (d *diary) Connected(now Instant, c Client) {
	d.c, d.deadline = c, now.Mono+d.ticks
	d.note(call{name: "connected", now: now})
}

func (d *diary) Heard(now Instant, l status.Layer) { d.note(call{name: "heard", now: now, layer: l}) }
func (d *diary) Packet(now Instant)                { d.note(call{name: "packet", now: now}) }
func (d *diary) Sample(now Instant, s *health.Sample) {
	d.note(call{name: "sample", now: now, s: *s})
}
func (d *diary) Pong(now Instant, id uint64)       { d.note(call{name: "pong", now: now, id: id}) }
func (d *diary) Probed(now Instant, id uint64)     { d.note(call{name: "probed", now: now, id: id}) }
func (d *diary) Expect(now Instant, e Expectation) { d.note(call{name: "expect", now: now, e: e}) }
func (d *diary) ICE(now Instant, s ICEState)       { d.note(call{name: "ice", now: now, state: s}) }
func (d *diary) Deadline() (time.Duration, bool)   { return d.deadline, d.ticks > 0 }
func (d *diary) Tick(now Instant) {
	d.note(call{name: "tick", now: now})
	d.deadline = now.Mono + d.ticks
	if d.onTick != nil {
		d.onTick(d, now)
	}
}

// of gives the calls of that name.
func (d *diary) of(name string) (found []call) {
	for _, c := range d.calls {
		if c.name == name {
			found = append(found, c)
		}
	}
	return found
}

// oracle knows the truth and looks ten times a second. It asks all it can, so
// that what a detector does is part of every history.
type oracle struct {
	diary
	id uint64
}

const looks = 100 * time.Millisecond

func newOracle() Watcher {
	o := &oracle{diary: diary{ticks: looks}}
	o.onTick = func(d *diary, _ Instant) {
		o.calls = o.calls[:0]
		o.id++
		d.c.Probe(o.id)
		if o.id%10 == 0 {
			d.c.Ping(o.id)
		}
		if v := d.c.(*client).w.truth.dead; v != 0 {
			d.c.Verdict(v)
		}
	}
	return o
}

// still is a world with a clean path of 50 ms each way, and talk.
func still(seed uint64) *world {
	w := newWorld(seed)
	w.up.delay, w.down.delay = 50*time.Millisecond, 50*time.Millisecond
	w.client.declares = true
	w.hold(Talk)
	return w
}
