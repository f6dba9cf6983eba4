package health

import "time"

// Detector finds dead links: it holds the answers that a link gives, and the
// bytes that come in over it, against what should be there, and finds the media
// path dead, signaling dead, or both. The zero value is switched off; make one
// with NewDetector for each link.
//
// Silence makes it suspicious; suspicion asks both layers at once and often; only
// what the layers say together becomes a verdict. Any inbound byte, and any
// answer, is life. It sends nothing itself: call Tick at the time that Due gives
// and send what it asks for. It must be told of what came in before it is ticked.
type Detector struct {
	limits *DetectorConfig // effective; nil: switched off

	running  bool
	canPing  bool
	canProbe bool
	expect   Expectation
	due      time.Duration // of the next tick
	path     path
	calm     quality // of the path, as it was before the alert

	// mediaFrom and signalingFrom are when the silence of the layer began: at its
	// last inbound byte, or later, when silence before that proves nothing.
	mediaFrom, signalingFrom time.Duration
	// answeredFrom is the same of answers to media probes, which other bytes on the
	// media path do not end: a path may be dead in one direction.
	answeredFrom time.Duration
	heard        bool // anything at all has come in on the media path
	answered     bool // any media probe was ever answered: the probe works here
	unanswered   int  // probes sent since answeredFrom

	probeDue time.Duration
	ping     question // on signaling; one at a time
	pong     question // the last one that was answered
	pingSoon bool     // signaling is to be asked at once
	// mediaVouched and answersVouched are when signaling first answered quickly to a
	// ping that was sent when the silence since mediaFrom, or answeredFrom, had raised
	// the alert; what is not after that is of an older silence.
	mediaVouched, answersVouched time.Duration

	longest   time.Duration // longest silence that media has come back from
	longestAt time.Duration // when that was, or when it was last halved

	doubt     Layers        // bad evidence of the link's own
	doubtAt   time.Duration // when the last of it came
	suspected Layers        // told in a Step
	since     time.Duration
	dead      Layers        // told in a Step; the detector then only looks for healing
	deadAt    time.Duration // when
	oneWay    bool          // media was found dead though bytes came in
}

// question is a ping.
type question struct {
	id      uint64
	sent    time.Duration
	waiting bool
	rtt     time.Duration // once answered
	quick   bool          // it was answered about as fast as usual
}

// firstPing is where the ids of a detector's pings begin, out of the way of
// those of a Pinger, and small enough for a number in any language's JSON.
const firstPing = 1 << 32

// NewDetector gives a stopped detector with the settings of c, zero fields standing
// for the defaults. With fields that Config.Validate refuses it is switched off.
func NewDetector(c DetectorConfig) Detector {
	c = c.withDefaults()
	if c.Off || c.validate() != nil {
		return Detector{}
	}
	return Detector{limits: &c}
}

// Start begins to watch a link that has just been opened, and what it can do.
// What is known of the quality of the path is kept: it is mostly that of the
// network.
func (d *Detector) Start(now time.Duration, canPing, canProbe bool) {
	if d.limits == nil {
		return
	}
	*d = Detector{
		limits: d.limits, running: true, expect: d.expect,
		canPing: canPing && d.limits.PingIdle > 0, canProbe: canProbe && d.limits.ProbeEvery > 0,
		ping: question{id: max(d.ping.id, firstPing)}, path: d.path.reopened(now), calm: d.path.quality,
		mediaFrom: now, signalingFrom: now, answeredFrom: now, probeDue: now, longestAt: now, due: now,
	}
}

// Revive goes on watching a link that was found dead and has come back, or whose
// suspicions so far nobody was to hear of: every silence counts from now on, and
// whatever is suspicious after that is told.
func (d *Detector) Revive(now time.Duration) {
	if d.running {
		d.doubt &^= d.dead
		d.dead, d.suspected, d.oneWay = 0, 0, false
		d.mediaFrom, d.answeredFrom, d.signalingFrom = now, now, now
		d.ping.waiting, d.pong, d.unanswered = false, question{}, 0
		d.due = now
	}
}

// Stop ends watching. Nothing is due any more.
func (d *Detector) Stop() { d.running = false }

// Running says whether a link is being watched.
func (d *Detector) Running() bool { return d.running }

// Due gives the time of the next tick, false if there will be none.
func (d *Detector) Due() (time.Duration, bool) { return d.due, d.running }

// Judges says which layers the detector would find dead by itself: those it can
// ask, or of which it knows what should come in.
func (d *Detector) Judges() (l Layers) {
	if d.running && d.mediaArmed() {
		l |= Media
	}
	if d.running && d.canPing {
		l |= Signaling
	}
	return l
}

// Expect takes what the link declares; it holds across Start. Losing
// an expectation ends the silence that counted under it.
func (d *Detector) Expect(now time.Duration, e Expectation) {
	if e != d.expect && !d.probing() && d.dead == 0 {
		d.mediaFrom = max(d.mediaFrom, now)
	}
	d.expect = e
}

// CannotProbe and CannotPing say that the link has not got the ability after all.
func (d *Detector) CannotProbe() { d.canProbe, d.answered = false, false }

// CannotPing is CannotProbe for pings.
func (d *Detector) CannotPing() { d.canPing, d.ping.waiting = false, false }

// Doubt takes bad evidence about a layer that is no verdict, such as ICE state
// "disconnected": the layer is asked at once. It passes with the next answer, or
// with the next inbound byte where the layer cannot be asked.
func (d *Detector) Doubt(now time.Duration, l Layers) {
	if d.running {
		d.doubt, d.doubtAt = d.doubt|l&Both, now
		d.due = now
		if l.Has(Media) {
			d.probeDue = min(d.probeDue, now)
		}
	}
}

// HeardMedia takes the time of an inbound byte on the media path. An older one
// than the last, or none, changes nothing.
func (d *Detector) HeardMedia(at time.Duration) {
	if !d.running || at <= 0 || at < d.mediaFrom {
		return
	}
	d.noteGap(at)
	d.heard = true
	d.mediaFrom = at
	if !d.probing() && at > d.doubtAt {
		d.doubt &^= Media
	}
}

// gapMemory is after how long the longest gap counts half.
const gapMemory = 5 * time.Minute

// noteGap learns how long media can be silent and come back. What was suspicious
// was a gap of the path.
func (d *Detector) noteGap(at time.Duration) {
	if at-d.longestAt >= gapMemory {
		d.longest, d.longestAt = d.longest/2, at
	}
	gone := at - d.mediaFrom
	if gone >= d.suspiciousAfter() {
		d.path.soil(at)
	}
	if gone > d.longest {
		d.longest, d.longestAt = gone, at
	}
}

// HeardSignaling is HeardMedia for signaling.
func (d *Detector) HeardSignaling(at time.Duration) {
	if !d.running {
		return
	}
	d.signalingFrom = max(d.signalingFrom, at)
	if !d.canPing && at > d.doubtAt {
		d.doubt &^= Signaling
	}
}

// Probed takes the answer to a media probe, however late. It is false for an id
// that was not sent over this link.
func (d *Detector) Probed(id uint64, now time.Duration) bool {
	if !d.running || !d.path.answer(id, now) {
		return false
	}
	d.answered, d.unanswered, d.answeredFrom = true, 0, max(d.answeredFrom, now)
	d.doubt &^= Media
	d.HeardMedia(now)
	return true
}

// Heard says whether anything has come in on the media path since Start.
func (d *Detector) Heard() bool { return d.heard }

// Pong takes the answer to a ping that Tick has asked for, and gives its round
// trip. It is false for any other.
func (d *Detector) Pong(id uint64, now time.Duration) (rtt time.Duration, ok bool) {
	if !d.running || !d.ping.waiting || id != d.ping.id {
		return 0, false
	}
	q := &d.ping
	q.waiting, q.rtt = false, max(between(q.sent, now), 1) // 0 means none
	q.quick = q.rtt <= d.quickest()
	if usual := d.path.ping; usual > 0 && !d.probing() {
		d.path.account(now, q.rtt > slow(usual), pongMemory) // a lost segment comes late
	}
	d.path.note(&d.path.ping, q.rtt, now)
	d.path.resumed()
	d.pong = *q
	if q.quick {
		d.vouch(&d.mediaVouched, d.mediaFrom, now)
		d.vouch(&d.answersVouched, d.answeredFrom, now)
	}
	d.doubt &^= Signaling
	d.HeardSignaling(now)
	return between(q.sent, now), true
}

// vouch notes a quick pong, if it is the first one of a silence with an alert.
func (d *Detector) vouch(at *time.Duration, from, now time.Duration) {
	if *at <= from && d.ping.sent >= from+d.alertAfter() {
		*at = now
	}
}

// quickest is the round trip up to which a pong counts as quick.
func (d *Detector) quickest() time.Duration {
	if d.path.ping == 0 {
		return d.limits.Suspicion
	}
	return min(slow(d.path.ping), d.limits.ProbeTimeout)
}

// Void says that the silence so far proves nothing, because this machine was not
// running for so long: every silence counts from now on, and both layers are
// asked at once. What was found dead stays so until it is heard.
func (d *Detector) Void(now, paused time.Duration) {
	if !d.running {
		return
	}
	if d.dead == 0 {
		d.mediaFrom, d.answeredFrom, d.signalingFrom = now, now, now
	}
	d.probeDue, d.ping.waiting, d.pong, d.pingSoon = now, false, question{}, true
	d.unanswered, d.longestAt = 0, now
	d.path.paused(now, paused)
	d.due = now
}

// probing says whether the link has shown that its media probes are answered.
func (d *Detector) probing() bool { return d.canProbe && d.answered }

// mediaArmed says whether silence of the media path proves anything.
func (d *Detector) mediaArmed() bool {
	return d.probing() || d.heard && (d.expect == ExpectMedia || d.expect == ExpectKeepalives)
}
