package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// NewSession makes the session that a script is played to: session.New, or
// something that was broken on purpose.
type NewSession func(session.Config) (*session.Session, error)

// shell plays a script to a session in fake time. One goroutine does the steps,
// one after the other; those of the same moment run at the same time.
type shell struct {
	script *Script
	s      *Settings
	server *server
	sess   *session.Session
	rec    sessiontest.Recorder
	birth  time.Time
	second second
	ctx    context.Context
	cancel context.CancelFunc
	guests []*guest // observers that have come later
	well   time.Duration
	// recording is what the session has written down of itself, if it is recorded.
	recording bytes.Buffer
	recorded  bool

	steps   sync.WaitGroup // deeds that run at the same time
	waiting sync.WaitGroup // methods of the session that have not returned
	pending atomic.Int32   // and how many these are
	started atomic.Bool
	asked   atomic.Int64 // when to stop, in nanoseconds from 1; 0: it was not
	flaps   sync.WaitGroup
	done    time.Duration // when Done was closed; only after the end
	bytes   atomic.Uint64 // total of the samples
}

// observerGrace is the default of session.Config.
const observerGrace = 2 * time.Second

// CheckRuntime plays a script to a session in a bubble of its own and holds that to
// the guarantees. A goroutine that is left behind is a fault, too. Coverage may be
// nil. It must not be called inside a bubble.
func CheckRuntime(t *testing.T, s *Script, make NewSession, cover *Coverage) (trace Trace) {
	return checkRuntime(t, s, make, cover, true)
}

// checkRuntime is CheckRuntime. Only what is recorded is held to G14.
func checkRuntime(t *testing.T, s *Script, make NewSession, cover *Coverage, recorded bool) (trace Trace) {
	defer func() {
		if p := recover(); p != nil && trace.Broken == nil {
			trace.Broken = &Violation{Rule: ruleLeftovers, Text: fmt.Sprint(p)}
		}
	}()
	synctest.Test(t, func(*testing.T) { trace = playSeed(s.Seed, s, make, recorded) })
	if cover != nil {
		cover.Lived(s, trace.Events)
		for _, b := range trace.Burdens {
			cover.Moments[b]++
		}
	}
	return trace
}

// playSeed has the seed as an argument so that it shows in a goroutine trace.
//
//go:noinline
func playSeed(seed uint64, s *Script, make NewSession, recorded bool) Trace {
	t := playRuntime(s, make, recorded)
	if seed != s.Seed {
		panic("chaos: another script")
	}
	return t
}

func playRuntime(s *Script, make NewSession, recorded bool) Trace {
	r := &shell{script: s, s: &s.Settings, server: newServer(s), birth: time.Now(), recorded: recorded}
	r.second = second{r: r, fell: -1}
	r.rec.Then = r.hears
	r.ctx, r.cancel = context.WithCancel(context.Background())
	defer r.cancel()
	random := dice(s.Seed ^ 0x5eed)
	cfg := s.Settings.session(r.server, random.float, &r.rec, &r.second)
	r.server.equip(&cfg)
	if recorded {
		cfg.Recorder = session.NewRecorder(&r.recording)
	}
	sess, err := make(cfg)
	if err != nil {
		return Trace{Broken: &Violation{Rule: ruleDefined, Text: err.Error()}}
	}
	r.sess = sess
	over := r.watch()
	r.play()
	r.finish()
	<-over
	return r.verdict()
}

// watch notes when Done is closed. What it returns is closed then, or when all is over.
func (r *shell) watch() <-chan struct{} {
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-r.sess.Done():
			r.done = time.Since(r.birth)
		case <-r.server.release:
		}
	}()
	return over
}

// hears is told what the fast observer hears, which is at once, whatever the second one
// does (G5). After the end that one has the observer grace.
func (r *shell) hears(e observer.Event) {
	if late := time.Since(r.birth) - e.Head().Elapsed; late != 0 {
		r.server.complain(ruleDelays, "the fast observer hears %s %s late", e.Name(), late)
	}
	if e.Name() != "Stopped" {
		return
	}
	go func() {
		if !r.ends(observerGrace) {
			r.server.complain(ruleGrace, "Done is not closed after the observer grace")
		}
	}()
}

// asks notes that the application asks for the end, and askedBy reports whether it had.
func (r *shell) asks() { r.asked.CompareAndSwap(0, int64(time.Since(r.birth))+1) }

func (r *shell) askedBy(at time.Duration) bool {
	asked := r.asked.Load()
	return asked > 0 && asked-1 <= int64(at)
}

// chat calls the session from inside a callback (G4).
func (r *shell) chat(e observer.Event) {
	if s := r.sess.Snapshot(); s.Seq < e.Head().Seq {
		r.server.complain(ruleView, "the snapshot is of event %d, and event %d was told", s.Seq, e.Head().Seq)
	}
	_, _ = r.sess.Attached()
	switch e.Head().Seq % 16 {
	case 3:
		r.sess.Hint(session.NetworkChanged)
	case 7:
		_ = r.sess.Reconnect(errReason)
	case 11:
		_ = r.sess.Demote(r.ctx)
	case 15:
		_, done := r.sess.Subscribe(observer.Func(nil))
		done()
	}
	if e.Name() == "Stopped" {
		_ = r.sess.Close() // which waits for this very call, and gets the end after the grace
	}
}

func (r *shell) play() {
	for i := range r.script.Steps {
		s := &r.script.Steps[i]
		time.Sleep(time.Duration(s.At) - time.Since(r.birth))
		if alone := i+1 >= len(r.script.Steps) || r.script.Steps[i+1].At > s.At; alone {
			r.promptly(s)
			r.steps.Wait()
			r.view()
			continue
		}
		r.steps.Add(1)
		go func() {
			defer r.steps.Done()
			r.promptly(s)
		}()
	}
	r.steps.Wait()
	r.flaps.Wait()
	r.end()
}

// promptly does a step: no method and no report waits for an observer (G5).
func (r *shell) promptly(s *Step) {
	begun := time.Now()
	r.step(s)
	if took := time.Since(begun); took > 0 {
		r.server.complain(ruleDelays, "%s takes %s", s.Do, took)
	}
}

// view checks, when everything has come to rest, that the snapshot says what was
// told.
func (r *shell) view() {
	synctest.Wait()
	snap, told := r.sess.Snapshot(), r.rec.Events()
	if len(told) == 0 {
		return
	}
	rule := ruleView
	if r.second.fallen() {
		rule = rulePanic // which is no matter of the other observers
	}
	if h := told[len(told)-1].Head(); h.Seq != snap.Seq || h.To != snap.State {
		r.server.complain(rule, "the snapshot is of event %d, in %s; event %d has led to %s", snap.Seq, snap.State, h.Seq, h.To)
	}
}

// step does a step of the script.
func (r *shell) step(s *Step) {
	switch s.Do {
	case Start:
		r.start()
	case Stop, StopWith:
		r.stop(s.Do == StopWith)
	case Cancel:
		r.cancels()
	case Subscribe:
		r.subscribes()
	case Fault:
		r.second.fall()
		r.sess.Hint(session.Woke)
	case Sleep:
		r.sess.Hint(session.Woke) // both clocks of a bubble run together
	case Stall:
	case Block:
		r.second.block(time.Duration(s.For))
	case Flap:
		r.flaps.Go(func() { r.flap(s) })
	case Hint:
		r.sess.Hint(s.Hint)
	case Update:
		_ = r.sess.Update(session.Change{Renegotiate: s.Renegotiate, ViewOnly: s.ViewOnly})
	case Promote:
		r.call(func(ctx context.Context) error { return r.sess.Promote(ctx, session.Credentials{Token: "primary"}) })
	case Demote:
		r.call(r.sess.Demote)
	case Reconnect:
		_ = r.sess.Reconnect(errReason)
	default:
		if socket := r.server.newest(s.Back); socket != nil {
			r.onLink(socket, s)
		}
	}
}

// onLink does a step that concerns a link.
func (r *shell) onLink(l *socket, s *Step) {
	switch s.Do {
	case Report:
		l.r.Status(s.Status)
	case Close:
		if s.Status.IsZero() {
			l.r.Closed(s.Layer, nil)
		} else {
			l.r.Closed(s.Layer, s.Status)
		}
	case Doubt:
		l.r.Doubt(s.Layer, errReason)
	case Samples:
		go r.samples(l, s)
	case Hear:
		l.r.Alive(s.Layer)
	case Declare:
		l.r.Expect(s.Expect)
	case Present:
		l.r.Present()
	case StrayPong:
		l.r.Pong(1 << 40)
	case Silence:
		l.silence(s.Layers)
		if s.For > 0 {
			time.AfterFunc(time.Duration(s.For), func() { l.silence(0) })
		}
	case CannotPing:
		r.server.mu.Lock()
		l.mutters = true
		r.server.mu.Unlock()
	}
}

func (r *shell) samples(l *socket, s *Step) {
	for range s.Times {
		if s.Flowing {
			r.bytes.Add(4000)
		}
		l.r.Sample(sampleOf(s, r.bytes.Load()))
		time.Sleep(time.Second)
	}
}

// flap takes the newest link away again and again.
func (r *shell) flap(s *Step) {
	for range s.Times {
		if l := r.server.newest(0); l != nil {
			l.r.Closed(flap.Layer, flap)
		}
		if r.ends(time.Duration(s.For)) {
			return
		}
	}
}

// call runs a method of the session that waits, in its own time.
func (r *shell) call(f func(context.Context) error) {
	r.pending.Add(1)
	r.waiting.Add(1)
	go func() {
		defer r.waiting.Done()
		defer r.pending.Add(-1)
		_ = f(context.Background())
	}()
}

// start begins the session, by Start or by Run.
func (r *shell) start() {
	if r.started.Swap(true) {
		return
	}
	method := r.sess.Start
	if r.script.runs() {
		method = r.sess.Run
	}
	r.call(func(context.Context) error { return method(r.ctx) })
	r.call(r.sess.WaitConnected)
}

// cancels ends the context of Start or Run.
func (r *shell) cancels() {
	r.asks()
	r.cancel()
}

// stop ends the session, which must not take longer than it may.
func (r *shell) stop(with bool) {
	r.asks()
	if with {
		r.sess.StopWith(errReason)
	} else {
		r.sess.Stop()
	}
	r.server.mu.Lock()
	r.server.stopped = true
	r.server.mu.Unlock()
	go func() {
		if !r.ends(time.Duration(r.s.CloseGrace) + observerGrace) {
			r.server.complain(ruleInTime, "Done is not closed after the close grace and the observer grace, in %s", r.sess.State())
		}
	}()
}

// ends waits for the end, for so long, and for what is due at that very moment.
func (r *shell) ends(within time.Duration) bool {
	timer := time.NewTimer(within + 1)
	defer timer.Stop()
	select {
	case <-r.sess.Done():
		return true
	case <-timer.C:
		return false
	}
}

// end is what happens after the last step.
func (r *shell) end() {
	time.Sleep(rest)
	switch r.script.End {
	case Leaves:
		r.stop(false)
		return
	case Well:
		r.well = time.Since(r.birth)
		r.server.recovers()
		time.Sleep(patience)
		r.stop(false)
		return
	}
	vanished := r.script.End == Vanished
	r.server.leave(vanished)
	limit, ok := r.s.endsWithin()
	if vanished {
		limit += unnoticed
	}
	if !ok || r.sess.State() == session.StateIdle {
		time.Sleep(patience)
		r.stop(false)
		return
	}
	if !r.ends(limit + observerGrace) {
		r.server.complain(ruleEnds, "the server has been gone for %s, in %s", limit, r.sess.State())
		r.stop(false)
	}
}

// finish waits for the end, and for what may still come back afterwards.
func (r *shell) finish() {
	if !r.ends(time.Duration(r.s.CloseGrace) + observerGrace) {
		r.server.complain(ruleInTime, "no end, in %s", r.sess.State())
	}
	r.server.mu.Lock()
	r.server.stopped, r.server.done = true, true
	r.server.mu.Unlock()
	r.afterwards()
	close(r.server.release)
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	if n := r.pending.Load(); n > 0 {
		r.server.complain(ruleAnswer, "%d methods of the session have not returned", n)
	}
	r.server.left()
}

// afterwards checks what the methods say at the end.
func (r *shell) afterwards() {
	var end *session.Error
	stopped, told := sessiontest.Last[observer.Stopped](&r.rec)
	_, attached := r.sess.Attached()
	switch err := r.sess.Err(); {
	case !told && r.second.fallen():
		r.server.complain(rulePanic, "the other observer does not hear Stopped")
	case !errors.As(err, &end) || !told:
		r.server.complain(ruleView, "Done is closed; Err is %v, Stopped was told: %t", err, told)
	case end.Status.Code != stopped.Status.Code || end.Initiator != stopped.Initiator:
		r.server.complain(ruleView, "Err is %v, Stopped says %v", err, stopped.Status)
	case r.sess.State() != session.StateStopped:
		r.server.complain(ruleView, "Done is closed, in %s", r.sess.State())
	case end.Initiator == observer.ByApplication && !r.askedBy(time.Since(r.birth)):
		r.server.complain(ruleReason, "stopped by the application, which has not asked for it")
	case attached == nil, r.sess.Update(session.Change{Renegotiate: true}) == nil, r.sess.Reconnect(nil) == nil,
		r.sess.Promote(context.Background(), session.Credentials{}) == nil, r.sess.WaitConnected(context.Background()) == nil:
		r.server.complain(ruleView, "a method works after the end")
	}
	r.sess.Hint(session.NetworkUp)
	r.sess.Stop()
}

// verdict is what was broken in the whole life.
func (r *shell) verdict() Trace {
	t := Trace{Events: r.rec.Events(), Burdens: r.second.burdens()}
	r.server.mu.Lock()
	t.Broken, t.Inputs = r.server.broken, r.server.asked
	r.server.mu.Unlock()
	for _, check := range []func([]observer.Event) *Violation{r.lawful, r.budget, r.codes, r.second.check, r.heard, r.works, r.replays} {
		if t.Broken == nil {
			t.Broken = check(t.Events)
		}
	}
	return t
}

// lawful is what the checks of package sessiontest say.
func (r *shell) lawful(events []observer.Event) *Violation {
	var c complaints
	r.rec.Check(&c)
	return c.violation(events)
}

// budget holds the events to the budget (G9).
func (r *shell) budget(events []observer.Event) *Violation {
	a := account{s: r.s}
	for _, e := range events {
		if rule, text := a.hears(e); rule != "" {
			return &Violation{Rule: rule, At: e.Head().Elapsed, Text: text}
		}
	}
	return nil
}

// works checks that attempts succeed when everything works.
func (r *shell) works(events []observer.Event) *Violation {
	var begun observer.AttemptStarted
	for _, e := range events {
		switch e := e.(type) {
		case observer.AttemptStarted:
			begun = e
		case observer.AttemptFailed:
			if r.well > 0 && begun.Elapsed > r.well && begun.Timeout >= fair && !e.Unsupported {
				return &Violation{Rule: ruleWorks, At: e.Elapsed, Text: "it fails: " + e.Status.Error()}
			}
		}
	}
	return nil
}

// replays: what was recorded leads to the same, and to all of it (G14).
func (r *shell) replays(events []observer.Event) *Violation {
	if !r.recorded {
		return nil
	}
	told := 0
	for step, err := range session.Replay(&r.recording) {
		if err != nil {
			return &Violation{Rule: ruleReplay, At: step.Elapsed, Text: err.Error()}
		}
		told += len(step.Events)
	}
	if told != len(events) {
		return &Violation{Rule: ruleReplay, Text: fmt.Sprintf("%d events were told, and %d in the replay", len(events), told)}
	}
	return nil
}

// codes: G7.
func (r *shell) codes(events []observer.Event) *Violation {
	for _, e := range events {
		stopped, is := e.(observer.Stopped)
		if is && stopped.Status.Code.Told() != status.ToldStop {
			return &Violation{Rule: ruleCodes, At: e.Head().Elapsed, Text: "Stopped tells " + stopped.Status.Code.String()}
		}
	}
	return nil
}
