package machine

import (
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// liveness watches over the link of this epoch.
type liveness struct {
	// detector is nil until a link has something to watch.
	detector *health.Detector
	expect   health.Expectation // what the link of this epoch declares
	doubt    status.Status      // its last bad evidence, until told
	paused   time.Duration      // of this machine, until told
	counts   observer.Liveness
}

func (l liveness) clone() liveness {
	if l.detector != nil {
		d := *l.detector
		l.detector = &d
	}
	return l
}

// watching says whether the link is being watched.
func (m *Machine) watching() bool { return m.live.detector != nil && m.live.detector.Running() }

// watch begins to watch the link, if there is anything to go by.
func (m *Machine) watch() {
	c := &m.cfg.Health
	canPing := m.abilities&CanPing != 0 && m.cfg.PingInterval > 0 && c.Detector.PingIdle > 0
	canProbe := m.canProbe()
	if c.Off || c.Detector.Off || !canPing && !canProbe && !m.expects() {
		return
	}
	if m.live.detector == nil {
		d := health.NewDetector(m.cfg.Health.Detector)
		m.live.detector = &d
	}
	m.live.detector.Start(m.now.Mono, canPing, canProbe)
	m.live.detector.Expect(m.now.Mono, m.live.expect)
	m.feed()
	m.detect()
}

// canProbe says whether media probes go out over the link.
func (m *Machine) canProbe() bool {
	return m.abilities&CanProbe != 0 && m.cfg.Health.Detector.ProbeEvery > 0
}

// expects says whether the link has declared that something comes in by itself.
func (m *Machine) expects() bool {
	return m.live.expect == health.ExpectMedia || m.live.expect == health.ExpectKeepalives
}

// unwatch ends that.
func (m *Machine) unwatch() {
	m.timers.clear(tDetect)
	m.live.paused = 0
	if m.live.detector != nil {
		m.live.detector.Stop()
	}
}

// feed tells the detector what was heard.
func (m *Machine) feed() {
	if m.watching() {
		m.live.detector.HeardMedia(m.heard.Media)
		m.live.detector.HeardSignaling(m.heard.Signaling)
	}
}

// notice notes the time before anything that came in with it is judged. What was
// due long ago shows that this machine was not running; so does a jump between
// its clocks.
func (m *Machine) notice(jump time.Duration) {
	if !m.watching() {
		return
	}
	paused := m.live.detector.Notice(m.now.Mono)
	if jump >= sleepJump {
		paused = max(paused, jump)
		m.live.detector.Void(m.now.Mono, paused)
	}
	if paused == 0 {
		return
	}
	m.live.counts.Paused++
	m.live.paused = max(m.live.paused, paused)
	m.timers.set(tDetect, m.now.Mono)
	if m.phase == proving {
		m.arm(tProof, m.clipped(m.cfg.ProofTimeout)) // nobody was there to see the proof
	}
}

// detect looks at the link and does what that calls for.
func (m *Machine) detect() {
	if !m.watching() {
		return
	}
	epoch, d := m.epoch, m.live.detector
	suspicion := d.Suspicion(m.now.Mono)
	step := d.Tick(m.now.Mono)
	if due, ok := d.Due(); ok {
		m.timers.set(tDetect, due)
	}
	if step.Ping != 0 {
		m.do(Effect{Kind: Ping, Epoch: epoch, ID: step.Ping})
	}
	if step.Probe != 0 {
		m.do(Effect{Kind: Probe, Epoch: epoch, ID: step.Probe})
	}
	switch m.phase {
	case resting:
		m.concluded(step, suspicion)
	case condemned:
		if step.Healed {
			m.heal()
		}
	case proving:
		m.timers.set(tDetect, later(m.now.Mono, proofPoll))
	case resyncing:
		if step.Dead != 0 {
			m.attemptLost(deathOf(d.Diagnose(m.now.Mono, step.Dead)))
		}
	}
	m.live.paused = 0
}

// concluded tells what a step has found on an adopted link, and acts on it.
func (m *Machine) concluded(step health.Step, suspicion time.Duration) {
	d := m.live.detector
	if step.Cleared {
		m.live.counts.Cleared++
		m.live.doubt = status.Status{}
		m.tell(observer.LinkCleared{Header: m.here(), After: suspicion, Paused: m.live.paused})
	}
	if step.Suspected != 0 {
		m.live.counts.Suspected++
		m.tell(observer.LinkSuspected{
			Header: m.here(), Diagnosis: d.Diagnose(m.now.Mono, step.Suspected), Doubt: m.live.doubt,
		})
		m.live.doubt = status.Status{}
	}
	switch {
	case step.Dead != 0:
		m.condemn(d.Diagnose(m.now.Mono, step.Dead))
	case step.Healed:
		d.Revive(m.now.Mono) // the policy had not taken it for a loss
	}
}

// condemn takes a link that was found dead for lost. Until the next attempt
// touches it, it may heal.
func (m *Machine) condemn(g health.Diagnosis) {
	m.live.counts.Dead++
	m.tell(observer.LinkDead{Header: m.here(), Diagnosis: g})
	st := deathOf(g)
	touched := m.promoted || m.promotion.id != 0 || m.update.id != 0
	if m.cfg.NoHealing || touched || !m.losing(st) {
		m.reportedAttached(st, false)
		return
	}
	m.retries.Begin(m.now.Mono)
	d := m.decideLoss(st)
	if d.Action != policy.Retry {
		m.ails().blame(d.Status)
		m.act(d)
		return
	}
	m.phase = condemned
	m.interrupt(st)
	m.retry(d, st)
	m.phase = condemned
}

// deathOf is the status for a diagnosis.
func deathOf(g health.Diagnosis) status.Status {
	return status.Status{Code: status.ConnectionHealthReconnect, Layer: layerOf(g.Layers), Cause: errors.New(g.String())}
}

// touch gives up a link that might have healed.
func (m *Machine) touch() {
	if m.phase == condemned {
		m.letGo(m.trouble.level)
		m.phase = m.waitingPhase()
	}
}

// heal takes back a link that was found dead and has come back by itself.
func (m *Machine) heal() {
	m.timers.clear(tRetry)
	m.live.counts.Healed++
	m.tell(observer.LinkHealed{
		Header: m.here(), Layers: layersOf(m.trouble.first.Layer), After: m.now.Mono - m.trouble.since.Mono,
	})
	m.establish()
}

// layerOf names layers in a status; there is no word for both.
func layerOf(l health.Layers) status.Layer {
	switch l {
	case health.Media:
		return status.LayerMedia
	case health.Signaling:
		return status.LayerSignaling
	}
	return status.LayerUnknown
}

// layersOf is the reverse of layerOf.
func layersOf(l status.Layer) health.Layers {
	switch l {
	case status.LayerMedia:
		return health.Media
	case status.LayerSignaling:
		return health.Signaling
	}
	return health.Both
}

// expected takes what the link declares.
func (m *Machine) expected(e health.Expectation) {
	m.live.expect = e
	if m.watching() {
		m.live.detector.Expect(m.now.Mono, e)
	}
	switch {
	case m.phase == proving && !m.wantsProof():
		m.adopt()
	case m.watching():
		m.detect()
	case m.state == observer.StateConnected:
		m.watch()
	}
}

// doubted takes bad evidence that is no verdict.
func (m *Machine) doubted(in Input) {
	if m.state == observer.StateConnected && m.watching() {
		m.live.doubt = in.Status
		m.live.detector.Doubt(m.now.Mono, layersOf(in.Layer))
		m.detect()
	}
}

// probed takes the answer to a media probe.
func (m *Machine) probed(id uint64) {
	if !m.watching() || !m.live.detector.Probed(id, m.now.Mono) {
		return
	}
	m.retries.Alive(m.now.Mono)
	m.lives()
}

// lives acts at once on a sign of life that was waited for.
func (m *Machine) lives() {
	m.proven()
	if m.phase == condemned {
		m.detect()
	}
}

func (m *Machine) cannotProbe() {
	m.abilities &^= CanProbe
	if m.watching() {
		m.live.detector.CannotProbe()
	}
	if m.phase == proving && !m.wantsProof() {
		m.adopt()
	}
}
