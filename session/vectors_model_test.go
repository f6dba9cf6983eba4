package session_test

import (
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// ours is a model of what this library has to tell, written from its rules and
// not from its code: one outage with one attempt at a time, a stop that is
// final, a budget that begins at the loss. It is exact in time, too, for the
// scripted server.
type ours struct {
	world

	state    modelState
	promoted bool
	viewOnly bool
	plain    bool // without transforms

	dial     *dial
	deadline *alarm // of the attempt
	present  *alarm
	started  bool // an attempt has begun: there is somebody to report through
	number   int  // attempts of this outage
	asked    []modelAttempt

	retry   *alarm
	delays  int           // drawn since the last connection
	freeAt  time.Duration // when the old link or attempt is closed
	last    status.Code   // that a budget which runs out stops with
	lostAt  *time.Duration
	aliveAt *time.Duration
	silence *time.Duration // to be taken for the last sign of life

	updating *alarm // the next step of the running update
	again    bool   // another update is wanted

	health *vitals
	// reasons are the codes that the end must be found to have by errors.Is.
	reasons []status.Code
}

type modelState int

const (
	idle modelState = iota
	connecting
	up
	reconnecting
	leaving
	ended
)

// modelAttempt is what the transport is asked for.
type modelAttempt struct{ viewOnly, withoutTransforms bool }

func newOurs(o vectorOptions) *ours {
	m := &ours{world: newWorld(o)}
	m.renew()
	return m
}

// renew is a new session.
func (m *ours) renew() {
	m.state, m.promoted, m.viewOnly, m.plain, m.started = idle, false, false, false, false
	m.lostAt, m.aliveAt, m.silence, m.reasons, m.delays, m.freeAt = nil, nil, nil, nil, 0, 0
	m.health = newVitals(&m.world, func() { m.judge(status.ConnectionHealthReconnect) }, m.alive)
}

func (m *ours) outcome() outcome {
	return m.world.outcome(m.state == idle || m.state == ended, m.connected())
}

func (m *ours) connected() bool { return m.state == up }

func (m *ours) alive() { m.aliveAt = at(m.now) }

func at(t time.Duration) *time.Duration { return &t }

func (m *ours) start() {
	if m.state == ended {
		m.renew()
	}
	if m.state != idle {
		return
	}
	m.state, m.number, m.lostAt = connecting, 0, at(m.now)
	m.tell(didConnect)
	m.attempt()
}

// budgetEnd is when no attempt may start any more.
func (m *ours) budgetEnd() time.Duration { return *m.lostAt + m.options.budget() }

// refused: no retry any more. A budget of 0 refuses always.
func (m *ours) refused() bool {
	idle := m.aliveAt != nil && m.now-*m.aliveAt >= m.options.budget()
	return idle || m.now >= m.budgetEnd()
}

func (m *ours) attempt() {
	limit := min(connectLimit, m.budgetEnd()-m.now)
	if m.number == 0 && m.state == connecting && m.options.budget() == 0 {
		limit = connectLimit
	}
	if limit <= 0 {
		m.note(ruleBudget)
		m.end(m.last)
		return
	}
	m.number++
	if m.state == reconnecting && m.number == 1 {
		m.tell(didReconnect)
	}
	m.retried = m.retried || m.state == reconnecting || m.number > 1
	m.started = true
	m.asked = append(m.asked, modelAttempt{m.viewOnly, m.plain})
	m.dial = m.world.dial(m.opened, m.closedAndFailed)
	m.deadline = m.after(limit, func() { m.giveUp(m.dial.cancelled()) })
	m.dial.open()
}

// opened: the link is there; the attendee may have to be.
func (m *ours) opened() {
	m.deadline.cancel()
	if m.options.presence() == 0 {
		m.establish()
		return
	}
	m.present = m.after(m.options.presence(), func() {
		m.happened("leaveSent")
		m.closeLink()
		m.failed(status.NoAttendeePresent)
	})
	if m.behaviour.presence == "ok" {
		m.after(hop, m.arrived)
	}
}

func (m *ours) arrived() {
	if m.present.pending() {
		m.present.cancel()
		m.establish()
	}
}

func (m *ours) establish() {
	m.state, m.lostAt, m.aliveAt, m.delays = up, nil, nil, 0
	m.tell(didStart)
	m.health.start()
}

// attempting: an attempt is running.
func (m *ours) attempting() bool { return m.dial.running() || m.present.pending() }

// giveUp ends the running attempt for lack of time: it fails when it is closed.
func (m *ours) giveUp(code status.Code) {
	m.abandon()
	m.after(m.freeAt-m.now, func() { m.failedIn(code) })
}

func (m *ours) failedIn(code status.Code) {
	if m.state == connecting || m.state == reconnecting {
		m.failed(code)
	}
}

// abandon ends the running attempt, of which the closing takes a while.
func (m *ours) abandon() {
	m.deadline.cancel()
	if m.present.pending() {
		m.present.cancel()
		m.happened("leaveSent")
		m.closeLink()
		return
	}
	m.dial.end()
	m.happened("leaveSent")
	m.freeAt = m.now
	if m.socket && m.state == connecting {
		m.freeAt += goodbye(m.behaviour.leave, teardownLimit) + goodbye(m.behaviour.closing, teardownLimit)
	}
	m.socket = false
}

// closedAndFailed: the handshake has failed by itself, the socket is gone.
func (m *ours) closedAndFailed(code status.Code) {
	m.dial.end()
	m.deadline.cancel()
	m.present.cancel()
	m.happened("leaveSent")
	m.socket, m.freeAt = false, m.now
	m.failed(code)
}

// failed judges the end of an attempt. What does not speak of failing counts as
// TaskFailed (divergence 7.5).
func (m *ours) failed(code status.Code) {
	m.happened(judgedStatus)
	effective, reasons := code, []status.Code{code}
	if !code.Failure() && !code.Terminal() {
		m.note("7.5")
		effective = status.TaskFailed
	}
	m.last = effective
	if !code.Terminal() && m.refused() {
		m.note(ruleBudget)
	}
	if code.Terminal() || m.refused() {
		m.endFor(effective, reasons)
		return
	}
	m.reasons = reasons
	m.plain = m.plain || code == status.EncodedTransformManagerFailed
	m.schedule()
	if code == status.VideoCallSwitchToViewOnly {
		m.switchToViewOnly()
	}
}

// schedule arms the one retry of this outage. Where the budget ends, so does
// the wait.
func (m *ours) schedule() {
	m.happened("retryRequested")
	due := min(m.now+m.options.delay(m.delays), m.budgetEnd())
	m.delays++
	m.retry = m.after(max(due, m.freeAt)-m.now, m.attempt)
}

// lose takes a failure of the connection.
func (m *ours) lose(code status.Code) {
	m.demoteOnLoss()
	m.health.stop()
	m.dropUpdate()
	m.lostAt, m.last, m.reasons = at(m.now), code, []status.Code{code}
	refused := m.refused()
	m.happened(judgedStatus)
	m.closeLink()
	if refused {
		m.finishing(code)
		return
	}
	m.state, m.number = reconnecting, 0
	m.schedule()
}

func (m *ours) closeLink() {
	m.freeAt = m.now
	if m.socket {
		m.freeAt += goodbye(m.behaviour.closing, closeLimit)
	}
	m.socket = false
}

func (m *ours) demoteOnLoss() {
	if m.promoted {
		m.promoted = false
		m.tell(didDemote(status.AudioVideoDisconnectedWhilePromoted))
	}
}

func (m *ours) switchToViewOnly() {
	m.viewOnly = true
	m.happened(judgedStatus)
	m.tell(didViewOnly)
}

// report hands a status to the newest link. It is one that is judged, whatever
// comes of it.
func (m *ours) report(code status.Code) { m.hand(code, 1) }

func (m *ours) transformFailure() { m.hand(status.EncodedTransformManagerFailed, 0) }

func (m *ours) update() { m.hand(status.IncompatibleSDP, 0) }

func (m *ours) hand(code status.Code, judged int) {
	before := m.counts[judgedStatus]
	if m.started {
		if m.silence != nil {
			m.aliveAt, m.silence = m.silence, nil
		}
		m.judge(code)
	}
	m.counts[judgedStatus] = before + judged
}

// judge takes a status that is not the result of an attempt.
func (m *ours) judge(code status.Code) {
	switch {
	case m.state == idle, m.state == leaving, m.state == ended:
	case code.Terminal():
		m.end(code)
	case code == status.VideoCallSwitchToViewOnly:
		m.switchToViewOnly()
	case code == status.AudioVideoWasRemovedFromPrimaryMeeting:
		m.promoted = false
		m.happened(judgedStatus)
		m.tell(didDemote(code))
	case m.state == up:
		m.judgeConnected(code)
	case code.Failure() && m.attempting():
		m.note("7.7")
		m.abandon()
		m.failed(code)
	case code.Failure():
		m.note("7.3")
	}
}

func (m *ours) judgeConnected(code status.Code) {
	switch {
	case code.Failure():
		m.lose(code)
	case code == status.EncodedTransformManagerFailed:
		m.note("7.9")
		m.plain = true
		m.lose(code)
	case code == status.IncompatibleSDP:
		m.renegotiate()
	}
}

// end is the end by a status.
func (m *ours) end(code status.Code) { m.endFor(code, []status.Code{code}) }

func (m *ours) endFor(code status.Code, reasons []status.Code) {
	m.reasons = reasons
	m.demoteOnLoss()
	switch {
	case m.state == up || m.present.pending():
		m.present.cancel()
		m.happened("leaveSent")
		m.closeLink()
	case m.dial.running():
		m.abandon()
	}
	m.finishing(code)
}

// stop is the application's. It is final (divergence 7.13), and told once.
func (m *ours) stop() {
	if m.state == leaving || m.state == ended {
		return
	}
	if m.state == up {
		m.demoteOnLoss()
		took := time.Duration(0)
		if m.socket { // the goodbye has half of the time for closing
			took = min(closeLimit, goodbye(m.behaviour.leave, closeLimit/2)+goodbye(m.behaviour.closing, closeLimit))
		}
		m.happened("leaveSent")
		m.socket, m.freeAt = false, m.now+took
		m.reasons = []status.Code{status.Left}
		m.finishing(status.Left)
		return
	}
	m.end(status.Left)
}

// finishing waits for what is being closed, and tells Stopped.
func (m *ours) finishing(code status.Code) {
	m.state = leaving
	m.health.stop()
	m.dropUpdate()
	m.retry.cancel()
	m.deadline.cancel()
	if code == status.VideoCallAtSourceCapacity {
		m.note("7.10")
		code = status.SignalingInternalServerError
	}
	if m.freeAt <= m.now {
		m.finish(code)
		return
	}
	m.after(m.freeAt-m.now, func() { m.finish(code) })
}

func (m *ours) finish(code status.Code) {
	m.state = ended
	m.happened(judgedStatus)
	m.tell(didStop(code))
}

// renegotiate runs one update at a time, of at most the time of an attempt.
func (m *ours) renegotiate() {
	if m.updating.pending() {
		m.again = true
		return
	}
	limit := m.now + connectLimit
	m.updating = m.after(gatherHops*hop, func() {
		m.happened("subscribeSent")
		if m.behaviour.subscribe != "ok" {
			m.updating = m.after(limit-m.now, func() { m.lose(status.TaskFailed) })
			return
		}
		m.updating = m.after(subscribeHops*hop, m.updated)
	})
}

func (m *ours) updated() {
	if m.again {
		m.again = false
		m.renegotiate()
	}
}

func (m *ours) dropUpdate() {
	m.updating.cancel()
	m.again = false
}

func (m *ours) promote() {
	m.after(hop, func() { m.promoted = m.state == up })
	m.wait(hop)
}

func (m *ours) setLastActive(ago time.Duration) { m.silence = at(m.now - ago) }

// nobody: a frame or a close finds no socket. The recorded controller may have
// the lost one still open.
func (m *ours) nobody() {
	if m.state == reconnecting {
		m.note(ruleClosed)
	}
}

func (m *ours) answerJoin() { m.dial.answered() }

func (m *ours) closeSocket(code int, errorFirst bool) {
	if !m.socket {
		m.nobody()
		return
	}
	m.socket = false
	meaning := closeMeaning(code)
	if m.state != up {
		if errorFirst {
			meaning = status.TaskFailed
		}
		m.closedAndFailed(meaning)
		return
	}
	if errorFirst && code != 1006 {
		m.judge(status.SignalingChannelClosedUnexpectedly)
	}
	m.judge(meaning)
}

// closeMeaning is divergence 7.4.
func closeMeaning(code int) status.Code {
	switch {
	case code == 4410:
		return status.MeetingEnded
	case code >= 4500 && code <= 4599:
		return status.SignalingInternalServerError
	}
	return status.SignalingChannelClosedUnexpectedly
}

func (m *ours) frame(f status.Frame) {
	if !m.socket {
		m.nobody()
		return
	}
	answer := f.Type == status.FrameJoinAck && m.dial.running() && m.dial.at == joining
	f.NoJoinBody = f.NoJoinBody && answer
	st, reported := status.FromFrame(f)
	if answer {
		m.dial.refused()
		if failure, failed := status.FromJoinAnswer(f); failed {
			if reported && st.Code != failure.Code {
				m.report(st.Code)
			}
			m.joinRefused(failure.Code)
			return
		}
	}
	if reported {
		m.report(st.Code)
	}
}

// joinRefused: the attempt closes, and then fails with the answer's code.
func (m *ours) joinRefused(code status.Code) {
	if m.state != connecting && m.state != reconnecting {
		return
	}
	m.giveUp(code)
}
