package machine

import (
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// proofPoll is how often bytes are looked for that nobody reports but by noting
// the time.
const proofPoll = 50 * time.Millisecond

// ready goes on with a link that is open and whose attendee is present: in a
// recovery its media path has to show first that it works.
func (m *Machine) ready() {
	m.linkOpened = m.now.Mono
	if m.state == observer.StateReconnecting && m.wantsProof() {
		m.phase = proving
		m.arm(tProof, m.clipped(m.cfg.ProofTimeout))
		m.watch()
		m.proven()
		return
	}
	m.adopt()
}

// wantsProof says whether the media path can show that it works. Any inbound
// byte or answer will do; that packets of media are missing proves nothing, as
// nobody may be talking.
func (m *Machine) wantsProof() bool {
	off := m.cfg.ProofTimeout <= 0 || m.cfg.Health.Off || m.cfg.Health.Detector.Off
	return !off && (m.canProbe() || m.expects())
}

// proven adopts the link if it waits for its proof and has it.
func (m *Machine) proven() {
	if m.phase != proving || !m.mediaSeen() {
		return
	}
	m.timers.clear(tProof)
	m.live.counts.Proven++
	m.tell(observer.MediaProven{Header: m.here(), After: m.now.Mono - m.linkOpened})
	m.adopt()
}

// mediaSeen says whether anything has come in on the media path of this attempt.
func (m *Machine) mediaSeen() bool {
	since := time.Duration(0) // of a new link nothing was heard before
	if m.attempt.Level < policy.Rejoin {
		since = m.attemptStarted
	}
	return m.heard.Media > since || m.watching() && m.live.detector.Heard()
}

// unproven gives up a link whose media path shows no life.
func (m *Machine) unproven() {
	m.live.counts.Unproven++
	waited := m.now.Mono - m.linkOpened
	m.giveUp()
	m.failedAs(status.Status{
		Code: status.ConnectionHealthReconnect, Layer: status.LayerMedia,
		Cause: fmt.Errorf("nothing came in over the new media path for %s", waited),
	}, failing{silent: m.adopted})
}
