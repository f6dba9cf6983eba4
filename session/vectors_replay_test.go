package session_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// scriptDelays is the scripted backoff.
type scriptDelays struct {
	options vectorOptions
	n       int
}

func (d *scriptDelays) NextBackOff() time.Duration {
	d.n++
	return d.options.delay(d.n - 1)
}

func (d *scriptDelays) Reset() { d.n = 0 }

// replay is the player with the real session and the scripted server. It lives
// inside a synctest bubble.
type replay struct {
	t       *testing.T
	options vectorOptions
	server  *scriptServer
	session *session.Session // the newest
	tape    *tape
	began   time.Time
	starts  sync.WaitGroup
}

func newReplay(t *testing.T, o vectorOptions) *replay {
	r := &replay{t: t, options: o, server: newScriptServer(o.presence() > 0), began: time.Now()}
	r.tape = &tape{t: t, server: r.server, options: o, began: r.began, counts: map[string]int{}}
	r.renew()
	return r
}

// renew makes a new session, with what the recorded controller does not have
// switched off: detector, healing, proof of media, reason grace, stable-period
// reset (divergence 7.14).
func (r *replay) renew() {
	p := policy.Reference()
	p.Budget.Elapsed, p.Budget.Idle = r.options.budget(), r.options.budget()
	p.StableAfter = 0
	p.NewBackOff = func(func() float64) backoff.BackOff { return &scriptDelays{options: r.options} }
	r.tape.newSession()
	s, err := session.New(session.Config{
		Name: "replay", Transport: r.server, Observers: []observer.Observer{r.tape.watch()}, Policy: &p,
		ConnectTimeout: connectLimit, CloseGrace: closeLimit, ReasonGrace: -1,
		PresenceTimeout: r.options.presence(), PingInterval: pingEvery,
		Health: health.Config{Detector: health.DetectorConfig{Off: true}}, NoHealing: true, ProofTimeout: -1,
	})
	require.NoError(r.t, err)
	r.session = s
}

const (
	connectLimit = 15 * time.Second
	closeLimit   = 2 * time.Second
	pingEvery    = 10 * time.Second
	// looseness is how far times may be off.
	looseness = 200 * time.Millisecond
)

// settle lets everything that can happen at this instant happen.
func (r *replay) settle() { synctest.Wait() }

// start starts the session. After its end that takes a new one (divergence
// 7.13); a session that was started before refuses.
func (r *replay) start() {
	if r.session.State() == session.StateStopped && r.session.Err() != nil {
		r.renew()
	}
	s, fresh := r.session, r.session.State() == session.StateIdle
	if !fresh {
		require.ErrorIs(r.t, s.Start(context.Background()), session.ErrStarted)
		return
	}
	r.starts.Go(func() { _ = s.Start(context.Background()) }) // how it ends the observer hears
	r.settle()
}

func (r *replay) stop() {
	r.session.Stop()
	r.settle()
}

// report is one status that is judged, whatever comes of it.
func (r *replay) report(code status.Code) { r.hand(code, 1) }

func (r *replay) transformFailure() { r.hand(status.EncodedTransformManagerFailed, 0) }

// update has the session negotiate anew. The recorded controller is told so
// directly; ours learns it by a status, which a script does not wait for.
func (r *replay) update() { r.hand(status.IncompatibleSDP, 0) }

// hand gives the newest reporter a status that counts as so many.
func (r *replay) hand(code status.Code, judged int) {
	before := r.tape.counted(judgedStatus)
	r.server.newest().Status(status.New(code, nil))
	r.settle()
	r.tape.recount(judgedStatus, before+judged)
}

func (r *replay) promote() {
	require.NoError(r.t, r.session.Promote(context.Background(), session.Credentials{}))
	r.settle()
}

func (r *replay) setServer(changes map[string]string) error { return r.server.setServer(changes) }

func (r *replay) failGathering(code *status.Code) { r.server.failGathering(code) }

func (r *replay) closeSocket(code int, errorFirst bool) {
	r.server.closeSocket(code, errorFirst)
	r.settle()
}

func (r *replay) frame(f status.Frame) {
	r.server.frame(f)
	r.settle()
}

func (r *replay) answerJoin() {
	r.server.answerJoin()
	r.settle()
}

func (r *replay) setLastActive(ago time.Duration) {
	session.SetLastActive(r.server.newest(), ago)
}

func (r *replay) wait(d time.Duration) {
	<-time.NewTimer(d).C
	r.settle()
}

func (r *replay) mark() {
	r.settle()
	r.server.forget()
	r.tape.mark()
}

func (r *replay) count(what string) (int, error) {
	switch what {
	case "joinSent", "subscribeSent", "socketFailed", "leaveSent":
		return r.server.noted(what), nil
	case judgedStatus, "retryRequested":
		return r.tape.counted(what), nil
	}
	return 0, fmt.Errorf("nothing of ours corresponds to the log entry %q", what)
}

func (r *replay) connected() bool { return r.session.State() == session.StateConnected }

// finish ends the session for good, and sees that nothing is left (G8, G11).
func (r *replay) finish() {
	require.NoError(r.t, r.session.Close())
	r.starts.Wait()
	r.wait(closeLimit)
	assert.Zero(r.t, r.server.leaked(), "sockets open at the end")
	assert.Len(r.t, r.server.dialed(), r.tape.begun(), "attempts that no observer heard of")
}

// outcome is what the run came to.
func (r *replay) outcome() outcome {
	state := r.session.State()
	told, retried := r.tape.played()
	o := outcome{
		Stopped:   state == session.StateStopped || state == session.StateIdle,
		Connected: state == session.StateConnected, Retried: retried,
	}
	for _, call := range told {
		o.Callbacks = append(o.Callbacks, call.name)
	}
	return o
}

// toldCall is one thing that observers are told, and when.
type toldCall struct {
	name string
	at   time.Duration
}

// tape writes down what observers hear, in the recording's terms, and checks
// on the way what must hold in every run.
type tape struct {
	t       *testing.T
	server  *scriptServer
	options vectorOptions
	began   time.Time

	mu      sync.Mutex
	sess    int // number of the newest session
	told    []toldCall
	retried bool
	counts  map[string]int
	tries   int // attempts, of all sessions

	// Of the newest session:
	lost     bool // Reconnecting was told, Connected was not
	stopped  bool
	accepted int // retries since the last reset
	retry    *observer.RetryScheduled
	timeout  time.Duration // of the running attempt
}

func (p *tape) newSession() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sess++
	p.lost, p.stopped, p.accepted, p.retry = false, false, 0, nil
}

// watch is the observer for the newest session.
func (p *tape) watch() observer.Observer {
	p.mu.Lock()
	defer p.mu.Unlock()
	number := p.sess
	return observer.Func(func(e observer.Event) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if assert.Equal(p.t, number, p.sess, "%s of a session that has ended", e.Name()) {
			assert.False(p.t, p.stopped, "%s after Stopped (G2)", e.Name())
			p.hear(e)
		}
	})
}

func (p *tape) hear(e observer.Event) {
	switch e := e.(type) {
	case observer.Connecting:
		p.tell(didConnect)
	case observer.AttemptStarted:
		p.attempt(e)
	case observer.AttemptFailed:
		p.count(judgedStatus)
		p.failed(e)
	case observer.RetryScheduled:
		p.count("retryRequested")
		p.scheduled(e)
	case observer.Reconnecting:
		p.count(judgedStatus)
		assert.False(p.t, p.lost, "Reconnecting is told once in an outage (7.12)")
		p.lost = true
	case observer.Connected:
		p.lost, p.accepted = false, 0
		p.tell(didStart)
	case observer.Stopped:
		p.count(judgedStatus)
		p.stopped = true
		p.tell(didStop(e.Status.Code))
	case observer.Demoted:
		p.count(judgedStatus)
		p.tell(didDemote(e.Status.Code))
	case observer.VideoSendUnavailable:
		p.count(judgedStatus)
		p.tell(didViewOnly)
	case observer.ConnectionPoor:
		p.tell(didPoor)
	case observer.VideoStopSuggested:
		p.tell(didSuggest)
	case observer.ConnectionGood:
		p.tell(didGood)
	}
}

// attempt takes the beginning of an attempt. The first one of an outage is what
// the recording calls to start connecting again (divergence 7.12).
func (p *tape) attempt(e observer.AttemptStarted) {
	assert.LessOrEqual(p.t, e.Timeout, connectLimit, "an attempt's time")
	p.timeout = e.Timeout
	p.tries++
	if e.To == observer.StateReconnecting {
		assert.True(p.t, p.lost, "Reconnecting is told at the loss, before the attempts (7.12)")
		if e.Number == 1 {
			p.tell(didReconnect)
		}
	}
	if p.retry == nil {
		return
	}
	p.retried = true
	waited := e.Elapsed - p.retry.Elapsed
	assert.GreaterOrEqual(p.t, waited, p.retry.Decision.Delay, "the delay before an attempt")
	if p.server.now().closing == "ok" {
		assert.Less(p.t, waited, p.retry.Decision.Delay+looseness, "the delay before an attempt")
	}
	p.retry = nil
}

func (p *tape) failed(e observer.AttemptFailed) {
	assert.Less(p.t, e.After, p.timeout+looseness, "an attempt's time")
}

// scheduled takes an accepted retry, which must have the scripted delay.
func (p *tape) scheduled(e observer.RetryScheduled) {
	assert.Equal(p.t, p.options.delay(p.accepted), e.Decision.Delay, "delay %d", p.accepted)
	assert.Equal(p.t, policy.Rejoin, e.Decision.Level)
	p.accepted++
	p.retry = &e
}

func (p *tape) tell(name string) {
	p.told = append(p.told, toldCall{name, time.Since(p.began)})
}

func (p *tape) count(what string) {
	p.counts[what]++
}

func (p *tape) counted(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[what]
}

func (p *tape) recount(what string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[what] = n
}

func (p *tape) mark() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told, p.retried = nil, false
	clear(p.counts)
}

func (p *tape) begun() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries
}

func (p *tape) played() (told []toldCall, retried bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]toldCall(nil), p.told...), p.retried
}
