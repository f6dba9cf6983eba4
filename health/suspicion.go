package health

import "time"

// Step is what a tick of a Detector leads to. The zero value is nothing.
type Step struct {
	// Voided says that the tick came too late, and by how much: this machine was
	// not running, and every silence counts anew.
	Voided time.Duration
	// Ping and Probe are the ids of what to send now; 0 is nothing.
	Ping, Probe uint64
	// Suspected has the layers that have become suspicious with this tick, Cleared
	// that nothing is suspicious any more, for the first time since.
	Suspected Layers
	Cleared   bool
	// Dead has the layers that are found dead. Each link gets one verdict.
	Dead Layers
	// Healed says that everything that was found dead has been heard again.
	Healed bool
}

// Tick looks at the link and says what to do. One that comes before its time is
// taken, too: it judges, and sends what is due.
func (d *Detector) Tick(now time.Duration) (s Step) {
	if !d.running {
		return Step{}
	}
	s.Voided = d.Notice(now)
	d.path.expire(now, d.limits.ProbeTimeout)
	if !d.alert(now) {
		d.calm = d.path.quality
	}
	d.suspect(now, &s)
	d.judge(now, &s)
	s.Probe = d.probe(now)
	s.Ping = d.pingNow(now)
	d.due = d.nextTick(now)
	return s
}

// Notice takes note of the time, as Tick does first. If the next tick is overdue,
// this machine was not running: the silence is void, and it gives for how long.
// Call it before anything else is told that came in after a pause.
func (d *Detector) Notice(now time.Duration) (paused time.Duration) {
	if !d.running || now-d.due <= d.limits.LateTick {
		return 0
	}
	paused = now - d.due
	d.Void(now, paused)
	return paused
}

// silences are how long what is still missing now.
type silences struct {
	media     time.Duration // since the last byte on the media path
	answer    time.Duration // since the last answer of a media probe; media if there are none
	ping      time.Duration // age of the unanswered ping; 0 = none
	signaling time.Duration // of that, since the last byte of signaling
}

func (d *Detector) silences(now time.Duration) (s silences) {
	s.media = between(d.mediaFrom, now)
	s.answer = s.media
	if d.probing() {
		s.answer = between(d.answeredFrom, now)
	}
	if d.ping.waiting {
		s.ping = between(d.ping.sent, now)
		s.signaling = min(s.ping, between(d.signalingFrom, now))
	}
	return s
}

// alertAfter is the silence from which on the layers are asked often.
func (d *Detector) alertAfter() time.Duration { return d.suspiciousAfter() * 6 / 10 }

// suspiciousAfter is the silence of the media path that is suspicious.
func (d *Detector) suspiciousAfter() time.Duration {
	if d.probing() {
		return d.limits.Suspicion
	}
	return d.quietSilence() / 2
}

// suspiciousPing is the age of an unanswered ping that is suspicious.
func (d *Detector) suspiciousPing() time.Duration {
	return max(d.limits.Suspicion, slow(d.path.ping))
}

// suspect works out what is suspicious, and tells what is new.
func (d *Detector) suspect(now time.Duration, s *Step) {
	found, gone := d.suspicious(now), d.silences(now)
	if found == 0 {
		s.Cleared = d.suspected != 0 && d.dead == 0
		d.suspected = 0
		return
	}
	if d.suspected == 0 {
		d.since = now - max(gone.media, gone.ping)
	}
	s.Suspected = found &^ d.suspected
	d.suspected |= found
}

func (d *Detector) suspicious(now time.Duration) (l Layers) {
	gone := d.silences(now)
	if d.mediaArmed() && max(gone.media, gone.answer) >= d.suspiciousAfter() {
		l |= Media
	}
	if d.canPing && gone.ping >= d.suspiciousPing() {
		l |= Signaling
	}
	return l | d.doubt
}

// alert says whether the layers are to be asked often.
func (d *Detector) alert(now time.Duration) bool {
	if d.dead != 0 || d.suspected != 0 || d.doubt != 0 {
		return true
	}
	gone := d.silences(now)
	return d.mediaArmed() && max(gone.media, gone.answer) >= d.alertAfter() || gone.ping >= d.suspiciousPing()
}

// judge decides whether a layer is dead, once, and afterwards whether it has come
// back.
func (d *Detector) judge(now time.Duration, s *Step) {
	if d.dead != 0 {
		s.Healed = d.healed()
		return
	}
	gone := d.silences(now)
	switch {
	case d.bothDead(gone):
		d.dead = Both
	case d.mediaDead(now, gone):
		d.dead = Media
	case d.signalingDead(now, gone):
		d.dead = Signaling
	default:
		return
	}
	s.Dead, d.deadAt = d.dead, now
	d.path.quality = d.calm // what the death itself has cost says nothing of the network
	d.oneWay = d.dead.Has(Media) && d.mediaFrom > d.answeredFrom && d.probing()
}

// healed says whether every dead layer has been heard again. At the verdict each
// was silent, so what was heard at that very time has come in after it.
func (d *Detector) healed() bool {
	media := d.mediaFrom >= d.deadAt && (!d.oneWay || d.answeredFrom >= d.deadAt)
	return (!d.dead.Has(Media) || media) && (!d.dead.Has(Signaling) || d.signalingFrom >= d.deadAt)
}

// bothSilence is BothSilence as it can be seen here: the last answer before a gap
// may be one probe older than the gap, and the first one after it takes a probe
// and half a round trip more than the last one.
func (d *Detector) bothSilence() time.Duration {
	return d.limits.bothSilence(min(max(d.path.probe, d.path.ping)/2, longestWay))
}

// longestWay bounds what is believed of a path.
const longestWay = 2 * time.Second

// bothDead: neither layer answers. Bytes that still come in do not count where
// the link can probe: the other side does not hear this one.
func (d *Detector) bothDead(gone silences) bool {
	asked := max(d.limits.BothSilence-d.limits.PingIdle, d.limits.Suspicion)
	if !d.mediaArmed() || !d.canPing || gone.ping < asked {
		return false
	}
	if !d.probing() {
		return gone.media >= d.quietSilence()
	}
	return gone.answer >= d.bothSilence()+d.benefit(gone)
}

// oneWayBenefit is what bytes that still come in are worth: a full queue in the
// other direction holds up answers, too.
const oneWayBenefit = 1500 * time.Millisecond

func (d *Detector) benefit(gone silences) time.Duration {
	if gone.media < d.alertAfter() {
		return oneWayBenefit
	}
	return 0
}

// slowMedia is the silence that proves the media path dead whatever the pace of
// signaling: longer than answers were seen to be held up by full queues.
const slowMedia = 10 * time.Second

// mediaDead: media is silent although signaling answers. A quick answer shows
// that the silence is not that of the whole path.
func (d *Detector) mediaDead(now time.Duration, gone silences) bool {
	switch {
	case !d.mediaArmed():
		return false
	case !d.canPing && d.probing():
		return gone.answer >= d.bothSilence()
	case !d.canPing:
		return gone.media >= d.quietSilence()+d.limits.BothSilence
	case !d.probing():
		return gone.media >= d.quietSilence() && d.confirmed(now, d.mediaFrom, d.mediaVouched)
	case gone.media >= d.limits.MediaSilence && d.improbable() && d.confirmed(now, d.mediaFrom, d.mediaVouched):
		return true
	case gone.answer >= d.bothSilence()+d.benefit(gone) && d.confirmed(now, d.answeredFrom, d.answersVouched):
		return true // one direction only
	}
	return gone.media >= slowMedia && d.pong.sent > d.mediaFrom
}

// improbable says whether more probes are unanswered than the path usually loses.
// Those that are still on their way do not count.
func (d *Detector) improbable() bool {
	onTheirWay := int(d.path.probe / d.limits.ProbeFast)
	return d.calm.unlikely(d.unanswered - onTheirWay)
}

// confirmed says whether signaling has answered during the silence that began at
// from, so long ago that media would have answered since, too: after a gap of the
// whole path signaling may be back first.
func (d *Detector) confirmed(now, from, vouched time.Duration) bool {
	return vouched > from && now >= later(vouched, d.path.probe+d.limits.ProbeFast)
}

// aloneSilence is SignalingSilence on a link that cannot probe media: there is
// nothing to tell a dead connection from a path with a gap, after which a reliable
// connection takes as long again.
const aloneSilence = 10 * time.Second

// signalingDead: a ping is unanswered although media flows over a path on which
// nothing is lost. On any other, a live connection may stall for longer.
func (d *Detector) signalingDead(now time.Duration, gone silences) bool {
	if !d.canPing || gone.signaling == 0 {
		return false
	}
	if d.mediaArmed() && max(gone.media, gone.answer) >= d.alertAfter() {
		return false // the whole path may be silent
	}
	return gone.signaling >= d.signalingSilence(now)
}

// signalingSilence is how old an unanswered ping must be to prove signaling dead.
func (d *Detector) signalingSilence(now time.Duration) time.Duration {
	if d.probing() && (d.path.clean(now, d.limits) || d.path.cleanBut(now, d.signalingFrom, d.limits)) {
		return d.limits.SignalingSilence
	}
	if longer, ok := d.path.afterPause(now, d.limits); ok && d.probing() {
		return d.limits.SignalingSilence + longer
	}
	if !d.probing() && d.path.clean(d.ping.sent, d.limits) { // nothing was asked since
		return max(aloneSilence, d.limits.SignalingSilence)
	}
	return max(d.path.patience(), d.limits.SignalingSilence)
}

// quietSilence is the silence that is no longer explained by the pauses of a link
// that cannot be probed.
func (d *Detector) quietSilence() time.Duration {
	return max(d.limits.QuietMediaSilence, d.longest*5/2)
}

// probe gives the id of a media probe if one is due.
func (d *Detector) probe(now time.Duration) uint64 {
	if !d.canProbe || now < d.probeDue {
		return 0
	}
	every := d.limits.ProbeEvery
	if d.answered && d.alert(now) {
		every = d.limits.ProbeFast
	}
	d.probeDue = later(now, every)
	d.unanswered++
	return d.path.send(now)
}

// pingNow gives the id of a ping if one is due: when signaling was idle for a
// while, when media has become silent, and once more when that is suspicious.
func (d *Detector) pingNow(now time.Duration) uint64 {
	if !d.canPing || d.ping.waiting || now < d.pingDue() {
		return 0
	}
	d.ping, d.pingSoon = question{id: d.ping.id + 1, sent: now, waiting: true}, false
	return d.ping.id
}

// pingDue is when the next ping goes out, if none waits.
func (d *Detector) pingDue() time.Duration {
	if d.pingSoon {
		return 0
	}
	due := later(max(d.signalingFrom, d.ping.sent), d.limits.PingIdle)
	if d.dead != 0 || d.doubt.Has(Signaling) {
		return min(due, later(d.ping.sent, d.limits.ProbeFast))
	}
	if !d.mediaArmed() {
		return due
	}
	for _, from := range [2]time.Duration{d.mediaFrom, d.answeredFrom} {
		for _, after := range [2]time.Duration{d.alertAfter(), d.suspiciousAfter()} {
			if d.ping.sent < from+after {
				due = min(due, from+after)
			}
		}
	}
	return due
}

// nextTick is when something is to be done or judged next.
func (d *Detector) nextTick(now time.Duration) time.Duration {
	next := later(now, d.calmTick(now))
	if d.canProbe {
		next = min(next, d.probeDue)
	}
	if d.canPing && !d.ping.waiting {
		next = min(next, max(d.pingDue(), later(now, 1)))
	}
	for _, at := range d.limitsAhead() {
		if at > now {
			next = min(next, at)
		}
	}
	return next
}

// idleTick is how often a calm link is looked at that cannot be asked.
const idleTick = time.Second

func (d *Detector) calmTick(now time.Duration) time.Duration {
	if d.alert(now) {
		return d.limits.ProbeFast
	}
	return idleTick
}

// limitsAhead lists when silences reach what matters, if they last.
func (d *Detector) limitsAhead() (at [6]time.Duration) {
	if d.mediaArmed() {
		at[0] = later(d.mediaFrom, d.alertAfter())
		at[1] = later(d.mediaFrom, d.suspiciousAfter())
		at[2] = later(d.mediaFrom, d.limits.MediaSilence)
		if d.probing() {
			at[3] = later(d.answeredFrom, d.bothSilence())
		} else {
			at[3] = later(d.mediaFrom, d.quietSilence())
		}
	}
	if d.ping.waiting {
		at[4] = later(d.ping.sent, d.suspiciousPing())
		at[5] = later(max(d.ping.sent, d.signalingFrom), d.limits.SignalingSilence)
	}
	return at
}

// Suspicion gives how long the suspicion has lasted, 0 without one.
func (d *Detector) Suspicion(now time.Duration) time.Duration {
	if d.suspected == 0 {
		return 0
	}
	return between(d.since, now)
}

// Diagnose gives what is known now of the layers, which are suspected or dead.
func (d *Detector) Diagnose(now time.Duration, l Layers) Diagnosis {
	gone := d.silences(now)
	g := Diagnosis{
		Layers: l, MediaSilence: gone.media, PingAge: gone.ping,
		SignalingUnknown: !d.canPing, Doubt: d.doubt != 0,
	}
	from := d.mediaFrom
	if d.probing() {
		g.Unanswered, g.UnansweredFor = d.unanswered, gone.answer
		from = min(from, d.answeredFrom)
	}
	if d.pong.sent > from {
		g.RTT = d.pong.rtt
	}
	return g
}
