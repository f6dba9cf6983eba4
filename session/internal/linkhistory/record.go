package linkhistory

import "time"

// truth is what nobody but the history knows.
type truth struct {
	dead     Verdict       // the layers that are
	at       time.Duration // since when
	final    bool          // the trial is about this death
	answered Verdict       // MediaDead: binding requests are answered all the same

	excusedFrom, excusedUntil time.Duration // a gap that may be taken for a death
	hushedUntil               time.Duration // the server sends no messages
}

// record collects what the watcher said.
type record struct {
	seed     uint64
	false    []FalseVerdict
	detected bool
	took     time.Duration
}

const (
	reconnectTakes = time.Second
	retryEvery     = 100 * time.Millisecond
)

// judge takes a verdict and ends the link; after the death of a trial, the trial:
// one that names the wrong layer has missed it.
func (w *world) judge(v Verdict) {
	right := v&w.truth.dead != 0
	if !right && !w.excused() {
		w.record.false = append(w.record.false, w.falseVerdict(v))
	}
	w.client.linked = false
	if !w.truth.final {
		w.after(reconnectTakes, reconnects, 0)
		return
	}
	w.end = w.now
	if right {
		w.record.detected, w.record.took = true, w.now-w.truth.at
	}
}

func (w *world) excused() bool {
	return w.now >= w.truth.excusedFrom && w.now <= w.truth.excusedUntil
}

// reconnect gives the client a new link, once it can get one.
func (w *world) reconnect() {
	if w.client.pause.on || w.up.dark > 0 || w.down.dark > 0 {
		w.after(retryEvery, reconnects, 0)
		return
	}
	w.connect(w.client.watcher)
}

// connect begins a link, over a path that works.
func (w *world) connect(watcher Watcher) {
	w.epoch++
	w.up.dead, w.down.dead, w.truth.dead, w.truth.answered = 0, 0, 0, 0
	w.flight.clear()
	rtt := w.up.delay + w.down.delay
	w.ping.open(rtt)
	w.push.open(rtt)
	w.client.connect(watcher)
}
