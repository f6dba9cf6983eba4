package session_test

import (
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// recordedModel is a model of the controller that was recorded, faults included. It
// predicts from a script alone whether the recording differs from what this
// library does, and notes by which divergences.
type recordedModel struct {
	world

	state    string
	deferred *deferral
	promoted bool
	revoked  bool // the promotion, which the recorded controller overlooks
	attached bool // isSessionConnected

	enabled bool // to retry
	begun   *time.Duration
	active  *time.Duration // last, where the script has set it
	retries int
	newest  *alarm // the newest retry; only this one can be called off
	armed   int    // retries that have not fired

	dial     *dial
	deadline *alarm
	first    bool          // the running attempt is not a reconnect
	stale    time.Duration // until then tasks of an aborted first attempt hang about
	finished bool          // Stopped was told: what follows is too much
	health   *vitals
	// guessed says that the run has come upon something that no recording
	// shows: the prediction does not bind.
	guessed bool
}

// deferral is an action that waits for its turn.
type deferral struct {
	action string
	work   func()
}

// recordedStates is the recorded state table.
var recordedStates = map[string]map[string]string{
	"NotConnected":  {"Connect": "Connecting"},
	"Connecting":    {"FinishConnecting": "Connected", "Fail": "Disconnecting"},
	"Connected":     {"Update": "Updating", "Reconnect": "Connecting", "Disconnect": "Disconnecting", "Fail": "Disconnecting"},
	"Updating":      {"FinishUpdating": "Connected", "Fail": "Disconnecting"},
	"Disconnecting": {"FinishDisconnecting": "NotConnected"},
}

// recordedDeferrals are the actions that wait, and which of two goes first.
var recordedDeferrals = map[string]int{"Update": 1, "Reconnect": 2, "Disconnect": 3}

func newRecorded(o vectorOptions) *recordedModel {
	c := &recordedModel{world: newWorld(o), state: "NotConnected", enabled: true}
	c.health = newVitals(&c.world, func() { c.handle(status.ConnectionHealthReconnect) }, func() {})
	c.health.lazy = true
	return c
}

func (c *recordedModel) outcome() outcome {
	return c.world.outcome(c.state == "NotConnected", c.connected())
}

func (c *recordedModel) connected() bool { return c.state == "Connected" && c.attached }

// perform is the recorded state controller.
func (c *recordedModel) perform(action string, work func()) {
	next, ok := recordedStates[c.state][action]
	if !ok {
		busy := c.state == "Connecting" || c.state == "Updating"
		if rank := recordedDeferrals[action]; busy && rank > 0 &&
			(c.deferred == nil || rank >= recordedDeferrals[c.deferred.action]) {
			c.deferred = &deferral{action, work}
		}
		return
	}
	c.state = next
	work()
	if d := c.deferred; d != nil {
		c.deferred = nil
		c.perform(d.action, d.work)
	}
}

func (c *recordedModel) start() {
	if c.finished || c.state == "NotConnected" && c.armed > 0 {
		c.note("7.13")
		c.guessed = c.guessed || c.armed > 0
	}
	c.perform("Connect", func() {
		c.finished = false
		c.reset()
		c.tell(didConnect)
		c.connect()
	})
}

// reset is what a first start and every connection do to the retries.
func (c *recordedModel) reset() {
	if c.newest.pending() {
		c.newest.cancel()
		c.armed--
	}
	c.enabled, c.begun, c.active, c.retries = true, nil, nil, 0
}

// begin starts the clock, at the first attempt; then it is the first.
func (c *recordedModel) begin() bool {
	if c.begun != nil {
		return false
	}
	c.begun = moment(c.now)
	return true
}

// connect is an attempt from nothing. While tasks of an aborted one hang about
// it opens no socket and ends with them.
func (c *recordedModel) connect() {
	c.begin()
	c.first, c.attached = true, false
	if c.now < c.stale {
		c.note("7.6")
		c.guessed = c.guessed || !c.retried
		c.dial = nil
		c.deadline = c.after(c.stale-c.now, func() { c.connectFailed(status.TaskFailed) })
		return
	}
	c.dial = c.world.dial(c.connectDone, c.connectFailed)
	c.deadline = c.after(connectLimit+time.Millisecond, func() { c.connectFailed(c.dial.cancelled()) })
	c.open()
}

// open closes a socket that is still there first.
func (c *recordedModel) open() {
	if !c.socket {
		c.dial.open()
		return
	}
	c.dial.then(hop, func() {
		c.socket = false
		c.dial.open()
	})
}

func (c *recordedModel) connectDone() {
	if c.options.presence() == 0 {
		c.connectUp()
		return
	}
	c.deadline.cancel()
	c.deadline = c.after(c.options.presence(), func() { c.connectFailed(status.NoAttendeePresent) })
	if c.behaviour.presence == "ok" {
		c.after(hop, c.connectUp)
	}
}

func (c *recordedModel) connectUp() {
	c.deadline.cancel()
	c.perform("FinishConnecting", c.finishConnecting)
}

func (c *recordedModel) connectFailed(code status.Code) {
	c.deadline.cancel()
	c.dial.end()
	c.perform("Fail", func() {
		c.disconnect(func() {
			c.unfit(code)
			if !c.handle(code) {
				c.tellStopped(code)
			}
		})
	})
}

// unfit notes an attempt that failed with a code which does not speak of it.
func (c *recordedModel) unfit(code status.Code) {
	if !code.Terminal() && !code.Failure() {
		c.note("7.5")
	}
}

// reconnect is an attempt from a connection. One that fails leaves the state
// connected.
func (c *recordedModel) reconnect() {
	if c.begin() {
		c.tell(didReconnect)
	}
	c.first, c.attached = false, false
	c.health.stop()
	d := c.world.dial(c.connectUp, c.reconnectFailed)
	c.dial = d
	c.deadline = c.after(connectLimit, func() {
		if c.dial != d { // an aborted attempt ends the one after it
			c.note("7.6")
			c.guessed = true
		}
		c.reconnectFailed(d.cancelled())
	})
	c.open()
}

func (c *recordedModel) reconnectFailed(code status.Code) {
	c.deadline.cancel()
	c.dial.end()
	c.perform("FinishConnecting", func() {
		c.unfit(code)
		c.handle(code)
	})
}

func (c *recordedModel) finishConnecting() {
	c.attached = true
	c.tell(didStart)
	c.reset()
	c.health.start()
}

// handle is what the recorded controller does with every status.
func (c *recordedModel) handle(code status.Code) bool {
	c.happened(judgedStatus)
	switch code {
	case status.IncompatibleSDP:
		c.update()
		return true
	case status.VideoCallSwitchToViewOnly:
		c.tellMore(didViewOnly)
		return false
	case status.AudioVideoWasRemovedFromPrimaryMeeting:
		c.revoked = c.promoted
		c.tellMore(didDemote(code))
		return false
	}
	if !code.Terminal() && !code.Failure() {
		return false
	}
	if c.promoted {
		if c.revoked {
			c.note("7.8")
		}
		c.promoted = false
		c.tellMore(didDemote(status.AudioVideoDisconnectedWhilePromoted))
	}
	if code.Terminal() {
		c.enabled = false
	}
	return c.askRetry(code)
}

// tellMore tells something that this library does not tell after the end.
func (c *recordedModel) tellMore(name string) {
	if c.finished || c.state == "Disconnecting" {
		c.note("7.13")
	}
	c.tell(name)
}

func (c *recordedModel) askRetry(code status.Code) bool {
	c.happened("retryRequested")
	if !c.enabled || c.late() {
		c.noteEnd(code)
		c.perform("Fail", func() {
			c.abort()
			c.disconnect(func() { c.tellStopped(code) })
		})
		return false
	}
	if c.armed > 0 {
		c.note("7.3")
	}
	if c.state == "Connecting" || c.state == "Updating" {
		c.note("7.7")
	}
	delay := c.options.delay(c.retries)
	c.retries++
	c.armed++
	c.newest = c.after(delay, c.fire)
	return true
}

// noteEnd notes why what follows an end is not as ours. Stopping leaves the
// retries armed.
func (c *recordedModel) noteEnd(code status.Code) {
	if code == status.VideoCallAtSourceCapacity {
		c.note("7.10")
	}
	if c.armed > 0 || c.state == "NotConnected" && !c.finished {
		c.note("7.1")
	}
}

// late: the time for retrying is over.
func (c *recordedModel) late() bool {
	over := func(t *time.Duration) bool { return t != nil && c.now-*t >= c.options.budget() }
	return c.options.budget() == 0 || over(c.begun) || over(c.active)
}

func (c *recordedModel) fire() {
	c.armed--
	c.retried = true
	if !c.enabled || c.finished {
		c.note("7.1")
	}
	if c.state == "NotConnected" {
		c.perform("Connect", c.connect)
		return
	}
	c.perform("Reconnect", c.reconnect)
}

// abort gives the running attempt up without telling it: its time goes on.
func (c *recordedModel) abort() {
	if !c.dial.running() {
		return
	}
	c.dial.step.cancel()
	if c.first {
		c.deadline.cancel()
		c.stale = c.deadline.at
	}
}

// disconnect says goodbye, if there is anybody to say it to.
func (c *recordedModel) disconnect(then func()) {
	c.attached = false
	c.health.stop()
	done := func() {
		c.socket = false
		c.perform("FinishDisconnecting", func() {})
		then()
	}
	if !c.socket {
		done()
		return
	}
	c.happened("leaveSent")
	c.after(goodbye(c.behaviour.leave, connectLimit)+goodbye(c.behaviour.closing, closeLimit), func() {
		if c.dial.running() {
			c.handle(status.SignalingBadRequest) // the aborted attempt sees its socket close
			c.dial.end()
		}
		done()
	})
}

func (c *recordedModel) tellStopped(code status.Code) {
	if c.finished {
		c.note("7.6")
	}
	c.finished = true
	if code == status.VideoCallAtSourceCapacity {
		c.note("7.10")
	}
	c.tell(didStop(code))
}

func (c *recordedModel) stop() {
	c.enabled = false
	if c.promoted {
		c.note("7.8")
		c.guessed = true
	}
	if c.state == "Connecting" || c.state == "Updating" {
		c.note("7.2")
	}
	if c.armed > 0 {
		c.note("7.1")
	}
	if c.state == "NotConnected" {
		if !c.finished {
			c.note("7.13") // nothing is told
		}
		return
	}
	c.perform("Disconnect", func() {
		c.disconnect(func() { c.tellStopped(status.Left) })
	})
}

func (c *recordedModel) report(code status.Code) {
	if code == status.EncodedTransformManagerFailed && (c.state == "Connected" || c.state == "Updating") {
		c.note("7.9")
	}
	c.handle(code)
}

func (c *recordedModel) transformFailure() {
	c.guessed = c.guessed || !c.connected()
	c.askRetry(status.EncodedTransformManagerFailed)
}

// update negotiates anew, on a lost link too: then the retry waits for it.
func (c *recordedModel) update() {
	if c.armed > 0 {
		c.note(ruleClosed)
	}
	c.perform("Update", func() {
		limit := c.now + connectLimit
		c.after(gatherHops*hop, func() {
			c.happened("subscribeSent")
			c.guessed = c.guessed || !c.socket // then nobody answers
			if c.socket && c.behaviour.subscribe == "ok" {
				c.after(subscribeHops*hop, func() { c.perform("FinishUpdating", func() {}) })
				return
			}
			c.after(limit-c.now, func() {
				c.perform("FinishUpdating", func() { c.handle(status.TaskFailed) })
			})
		})
	})
}

func (c *recordedModel) promote() {
	c.after(hop, func() { c.promoted = true })
	c.wait(hop)
}

// setLastActive holds until the next health sample.
func (c *recordedModel) setLastActive(ago time.Duration) {
	c.active = moment(c.now - ago)
	c.after(sampleEvery, func() { c.active = nil })
}

func (c *recordedModel) answerJoin() { c.dial.answered() }

func (c *recordedModel) closeSocket(code int, errorFirst bool) {
	if !c.socket {
		return
	}
	c.socket = false
	c.health.silence()
	for _, st := range c.closeCodes(code, errorFirst) {
		c.handle(st)
	}
}

// closeCodes are the statuses that come of a close.
func (c *recordedModel) closeCodes(code int, errorFirst bool) (told []status.Code) {
	fault := code >= 4500 && code <= 4599
	switch {
	case c.state == "Connecting" && c.dial.running() && c.dial.at == stageSubscribing:
		return c.subscribeClose(fault, code, errorFirst)
	case c.state == "Connecting":
		return c.joinClose(fault, code)
	case c.state != "Connected" && c.state != "Updating":
		return nil
	case !c.attached: // a reconnect has failed; closes count again after the next
		c.guessed = true
		return nil
	}
	if errorFirst {
		told = append(told, status.SignalingChannelClosedUnexpectedly)
	}
	switch {
	case fault:
		told = append(told, status.SignalingInternalServerError)
	case code == 1006:
		told = append(told, status.SignalingChannelClosedUnexpectedly)
	case len(told) == 0:
		c.note("7.4")
	}
	return told
}

func (c *recordedModel) joinClose(fault bool, code int) []status.Code {
	switch {
	case fault:
		return []status.Code{status.SignalingInternalServerError}
	case code == 4410:
		return []status.Code{status.MeetingEnded}
	}
	c.note("7.4")
	return []status.Code{status.SignalingBadRequest}
}

func (c *recordedModel) subscribeClose(fault bool, code int, errorFirst bool) (told []status.Code) {
	if errorFirst {
		told = append(told, status.TaskFailed)
	}
	if fault {
		return append(told, status.SignalingInternalServerError)
	}
	if code == 4410 {
		c.note("7.4")
	}
	return append(told, status.TaskFailed)
}

func (c *recordedModel) frame(f status.Frame) {
	if !c.socket {
		return
	}
	answer := f.Type == status.FrameJoinAck && c.dial.running() && c.dial.at == stageJoining
	if answer {
		c.dial.refused()
	}
	noBody := f.NoJoinBody && answer
	f.NoJoinBody = false
	if st, reported := status.FromFrame(f); reported {
		if noBody && st.Code.Failure() && !st.Code.Terminal() {
			c.note("7.6")
		}
		c.handle(st.Code)
	}
	if noBody {
		c.handle(status.SignalingRequestFailed)
	}
}
