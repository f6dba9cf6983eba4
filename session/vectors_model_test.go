package session_test

import (
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// ourModel is a model of what this library has to tell, written from its rules and
// not from its code: one outage with one attempt at a time, a stop that is
// final, a budget that begins at the loss. It is exact in time, too, for the
// scripted server.
type ourModel struct {
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
	modelIdle modelState = iota
	modelConnecting
	modelUp
	modelReconnecting
	modelLeaving
	modelEnded
)

// modelAttempt is what the transport is asked for.
type modelAttempt struct{ viewOnly, withoutTransforms bool }

func newOurs(o vectorOptions) *ourModel {
	m := &ourModel{world: newWorld(o)}
	m.renew()
	return m
}

// renew is a new session.
func (m *ourModel) renew() {
	m.state, m.promoted, m.viewOnly, m.plain, m.started = modelIdle, false, false, false, false
	m.lostAt, m.aliveAt, m.silence, m.reasons, m.delays, m.freeAt = nil, nil, nil, nil, 0, 0
	m.health = newVitals(&m.world, func() { m.judge(status.ConnectionHealthReconnect) }, m.alive)
}

func (m *ourModel) outcome() outcome {
	return m.world.outcome(m.state == modelIdle || m.state == modelEnded, m.connected())
}

func (m *ourModel) connected() bool { return m.state == modelUp }

func (m *ourModel) alive() { m.aliveAt = moment(m.now) }

func moment(t time.Duration) *time.Duration { return &t }

func (m *ourModel) start() {
	if m.state == modelEnded {
		m.renew()
	}
	if m.state != modelIdle {
		return
	}
	m.state, m.number, m.lostAt = modelConnecting, 0, moment(m.now)
	m.tell(didConnect)
	m.attempt()
}

// budgetEnd is when no attempt may start any more.
func (m *ourModel) budgetEnd() time.Duration { return *m.lostAt + m.options.budget() }

// refused: no retry any more. A budget of 0 refuses always.
func (m *ourModel) refused() bool {
	idle := m.aliveAt != nil && m.now-*m.aliveAt >= m.options.budget()
	return idle || m.now >= m.budgetEnd()
}

func (m *ourModel) attempt() {
	limit := min(connectLimit, m.budgetEnd()-m.now)
	if m.number == 0 && m.state == modelConnecting && m.options.budget() == 0 {
		limit = connectLimit
	}
	if limit <= 0 {
		m.note(ruleBudget)
		m.end(m.last)
		return
	}
	m.number++
	if m.state == modelReconnecting && m.number == 1 {
		m.tell(didReconnect)
	}
	m.retried = m.retried || m.state == modelReconnecting || m.number > 1
	m.started = true
	m.asked = append(m.asked, modelAttempt{m.viewOnly, m.plain})
	m.dial = m.world.dial(m.opened, m.closedAndFailed)
	m.deadline = m.after(limit, func() { m.giveUp(m.dial.cancelled()) })
	m.dial.open()
}

// opened: the link is there; the attendee may have to be.
func (m *ourModel) opened() {
	m.deadline.cancel()
	if m.options.presence() == 0 {
		m.establish()
		return
	}
	m.present = m.after(min(m.options.presence(), m.budgetEnd()-m.now), func() {
		m.happened("leaveSent")
		m.closeLink()
		m.failed(status.NoAttendeePresent)
	})
	if m.behaviour.presence == "ok" {
		m.after(hop, m.arrived)
	}
}

func (m *ourModel) arrived() {
	if m.present.pending() {
		m.present.cancel()
		m.establish()
	}
}

func (m *ourModel) establish() {
	m.state, m.lostAt, m.aliveAt, m.delays = modelUp, nil, nil, 0
	m.tell(didStart)
	m.health.start()
}

// attempting: an attempt is running.
func (m *ourModel) attempting() bool { return m.dial.running() || m.present.pending() }

// giveUp ends the running attempt for lack of time: it fails when it is closed.
func (m *ourModel) giveUp(code status.Code) {
	m.abandon()
	m.after(m.freeAt-m.now, func() { m.failedIn(code) })
}

func (m *ourModel) failedIn(code status.Code) {
	if m.state == modelConnecting || m.state == modelReconnecting {
		m.failed(code)
	}
}

// abandon ends the running attempt, of which the closing takes a while.
func (m *ourModel) abandon() {
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
	if m.socket && m.state == modelConnecting {
		m.freeAt += goodbye(m.behaviour.leave, teardownLimit) + goodbye(m.behaviour.closing, teardownLimit)
	}
	m.socket = false
}

// closedAndFailed: the handshake has failed by itself, the socket is gone.
func (m *ourModel) closedAndFailed(code status.Code) {
	m.dial.end()
	m.deadline.cancel()
	m.present.cancel()
	m.happened("leaveSent")
	m.socket, m.freeAt = false, m.now
	m.failed(code)
}

// failed judges the end of an attempt. What does not speak of failing counts as
// TaskFailed (divergence 7.5).
func (m *ourModel) failed(code status.Code) {
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
func (m *ourModel) schedule() {
	m.happened("retryRequested")
	due := min(m.now+m.options.delay(m.delays), m.budgetEnd())
	m.delays++
	m.retry = m.after(max(due, m.freeAt)-m.now, m.attempt)
}

// lose takes a failure of the connection.
func (m *ourModel) lose(code status.Code) {
	m.demoteOnLoss()
	m.health.stop()
	m.dropUpdate()
	m.lostAt, m.last, m.reasons = moment(m.now), code, []status.Code{code}
	refused := m.refused()
	m.happened(judgedStatus)
	m.closeLink()
	if refused {
		m.finishing(code)
		return
	}
	m.state, m.number = modelReconnecting, 0
	m.schedule()
}

func (m *ourModel) closeLink() {
	m.freeAt = m.now
	if m.socket {
		m.freeAt += goodbye(m.behaviour.closing, closeLimit)
	}
	m.socket = false
}

func (m *ourModel) demoteOnLoss() {
	if m.promoted {
		m.promoted = false
		m.tell(didDemote(status.AudioVideoDisconnectedWhilePromoted))
	}
}

func (m *ourModel) switchToViewOnly() {
	m.viewOnly = true
	m.happened(judgedStatus)
	m.tell(didViewOnly)
}

// report hands a status to the newest link. It is one that is judged, whatever
// comes of it.
func (m *ourModel) report(code status.Code) { m.hand(code, 1) }

func (m *ourModel) transformFailure() { m.hand(status.EncodedTransformManagerFailed, 0) }

func (m *ourModel) update() { m.hand(status.IncompatibleSDP, 0) }

func (m *ourModel) hand(code status.Code, judged int) {
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
func (m *ourModel) judge(code status.Code) {
	switch {
	case m.state == modelIdle, m.state == modelLeaving, m.state == modelEnded:
	case code.Terminal():
		m.end(code)
	case code == status.VideoCallSwitchToViewOnly:
		m.switchToViewOnly()
	case code == status.AudioVideoWasRemovedFromPrimaryMeeting:
		m.promoted = false
		m.happened(judgedStatus)
		m.tell(didDemote(code))
	case m.state == modelUp:
		m.judgeConnected(code)
	case code.Failure() && m.attempting():
		m.note("7.7")
		m.abandon()
		m.failed(code)
	case code.Failure():
		m.note("7.3")
	}
}

func (m *ourModel) judgeConnected(code status.Code) {
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
func (m *ourModel) end(code status.Code) { m.endFor(code, []status.Code{code}) }

func (m *ourModel) endFor(code status.Code, reasons []status.Code) {
	m.reasons = reasons
	m.demoteOnLoss()
	switch {
	case m.state == modelUp || m.present.pending():
		m.present.cancel()
		m.happened("leaveSent")
		m.closeLink()
	case m.dial.running():
		m.abandon()
	}
	m.finishing(code)
}

// stop is the application's. It is final (divergence 7.13), and told once.
func (m *ourModel) stop() {
	if m.state == modelLeaving || m.state == modelEnded {
		return
	}
	if m.state == modelUp {
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
func (m *ourModel) finishing(code status.Code) {
	m.state = modelLeaving
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

func (m *ourModel) finish(code status.Code) {
	m.state = modelEnded
	m.happened(judgedStatus)
	m.tell(didStop(code))
}

// renegotiate runs one update at a time, of at most the time of an attempt.
func (m *ourModel) renegotiate() {
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

func (m *ourModel) updated() {
	if m.again {
		m.again = false
		m.renegotiate()
	}
}

func (m *ourModel) dropUpdate() {
	m.updating.cancel()
	m.again = false
}

func (m *ourModel) promote() {
	m.after(hop, func() { m.promoted = m.state == modelUp })
	m.wait(hop)
}

func (m *ourModel) setLastActive(ago time.Duration) { m.silence = moment(m.now - ago) }

// nobody: a frame or a close finds no socket. The recorded controller may have
// the lost one still open.
func (m *ourModel) nobody() {
	if m.state == modelReconnecting {
		m.note(ruleClosed)
	}
}

func (m *ourModel) answerJoin() { m.dial.answered() }

func (m *ourModel) closeSocket(code int, errorFirst bool) {
	if !m.socket {
		m.nobody()
		return
	}
	m.socket = false
	meaning := closeMeaning(code)
	if m.state != modelUp {
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

func (m *ourModel) frame(f status.Frame) {
	if !m.socket {
		m.nobody()
		return
	}
	answer := f.Type == status.FrameJoinAck && m.dial.running() && m.dial.at == stageJoining
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
func (m *ourModel) joinRefused(code status.Code) {
	if m.state != modelConnecting && m.state != modelReconnecting {
		return
	}
	m.giveUp(code)
}
