package holdfast_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// eventNames reads from the source which events there are: a new one cannot be
// forgotten here.
func eventNames(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("observer/*.go")
	require.NoError(t, err)
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && f.Recv != nil && f.Name.Name == "Name" {
				names = append(names, f.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	var fields []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[observer.Funcs]()) {
		fields = append(fields, field.Name)
	}
	require.ElementsMatch(t, fields, names, "Funcs has a field for every event")
	return names
}

// tour is a life in which a session tells every event but Missed.
var tour = scenario{
	name: "tour",
	config: func(c *session.Config) {
		c.Health.UnusableAudio = health.UnusableAudioConfig{Samples: 3, Cooldown: 2 * sec}
	},
	transport: func() *sessiontest.Transport {
		tr := sessiontest.Script(fail(status.AudioServiceUnavailable))
		tr.Link = sessiontest.Able()
		return tr
	},
	acts: slices.Concat(
		[]act{promote(sec), demote(2 * sec), report(3*sec, 0, status.IncompatibleSDP), report(4*sec, 0, status.VideoCallSwitchToViewOnly)},
		every(5*sec, sec, 16, func(at time.Duration, i int) act { return sample(at, audio(i)) }),
		[]act{report(25*sec, 0, lost)},
	),
	length: 30 * sec,
}

// audio is bad, then good, then bad again while video is shown.
func audio(i int) health.Sample {
	hs := health.Sample{BytesReceived: uint64(i + 1), AudioLoss: health.Some(0), AudioPacketsReceived: health.Some(50)}
	if i < 4 || i >= 10 {
		hs.AudioPacketsReceived = health.Some(0)
	}
	if i >= 10 {
		hs.VideoTiles = 1
	}
	return hs
}

const manyOutages = 300

// longTour is a life of so many outages that a slow observer misses some.
var longTour = scenario{
	name:      "long tour",
	config:    func(c *session.Config) { c.Random = func() float64 { return 0 } },
	transport: script(),
	acts:      every(sec, 10*ms, manyOutages, func(at time.Duration, _ int) act { return report(at, 0, lost) }),
	length:    10 * sec,
}

// visitor is an observer that does something in the first event of a name, and
// an audience of others that must not suffer from it.
type visitor struct {
	stage
	birth  time.Time
	hears  sessiontest.Recorder // what the visitor heard
	others [2]sessiontest.Recorder
	before chan struct{} // the visitor hears nothing until it is closed

	mu       sync.Mutex
	called   time.Time
	returned time.Time
	result   error
}

// visit plays a session that tells every event, with do called inside the first
// one of that name, and ends it with Stop. free is called when Done is closed.
func visit(t *testing.T, name string, do func(stage) error) *visitor {
	sc := tour
	v := &visitor{before: make(chan struct{})}
	if name == "Missed" {
		sc = longTour
	} else {
		close(v.before)
	}
	v.tr = sc.transport()
	v.hears.Then = func(e observer.Event) {
		<-v.before
		if e.Name() == name && v.begin() {
			v.end(do(v.stage))
		}
	}
	cfg := production(v.tr, &v.others[0], &v.hears, &v.others[1])
	sc.config(&cfg)
	v.birth = time.Now()
	v.s = newSession(t, cfg)
	starting(v.s)
	(&performance{scenario: sc, stage: v.stage}).perform()
	if name == "Missed" {
		close(v.before)
		synctest.Wait()
	}
	v.s.Stop()
	return v
}

func (v *visitor) begin() (first bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if first = v.called.IsZero(); first {
		v.called = time.Now()
	}
	return first
}

func (v *visitor) end(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.returned, v.result = time.Now(), err
}

// judge waits for the end and checks that nobody else has suffered (G4, G5).
func (v *visitor) judge(t *testing.T) (told time.Time) {
	began := time.Now()
	<-v.s.Done()
	assert.LessOrEqual(t, time.Since(began), observerGrace, "G5: Done comes at the observer grace")
	synctest.Wait()
	for i := range v.others {
		v.others[i].Check(t)
	}
	assert.Equal(t, v.others[0].Events(), v.others[1].Events(), "G4: all hear the same")
	assert.False(t, v.called.IsZero(), "the event was not told")
	stopped, _ := sessiontest.Last[observer.Stopped](&v.others[0])
	return v.birth.Add(stopped.Elapsed)
}

// TestTourTellsEverything: what is tried inside every event is tried inside
// every event that there is.
func TestTourTellsEverything(t *testing.T) {
	told := map[string]bool{}
	for _, name := range []string{"Stopped", "Missed"} {
		synctest.Test(t, func(t *testing.T) {
			v := visit(t, name, func(stage) error { return nil })
			v.judge(t)
			for _, n := range v.hears.Names() {
				told[n] = true
			}
			verify(t, v.s, v.tr)
		})
	}
	for _, name := range eventNames(t) {
		assert.True(t, told[name], "%s is not told", name)
	}
}

// method is a call of a method of Session. waits says what it may wait for.
type method struct {
	call  func(stage) error
	waits bool
}

// methods are all methods of Session, by name.
var methods = map[string]method{
	"Start": {call: func(st stage) error { return only(st.s.Start(context.Background()), session.ErrStarted) }},
	"Run":   {call: func(st stage) error { return only(st.s.Run(context.Background()), session.ErrStarted) }},
	"Stop":  {call: func(st stage) error { st.s.Stop(); return nil }},
	"Wait": {waits: true, call: func(st stage) error {
		return st.s.Wait(context.Background())
	}},
	"Close": {waits: true, call: func(st stage) error { return st.s.Close() }},
	"Done":  {call: func(st stage) error { st.s.Done(); return nil }},
	"Err":   {call: func(st stage) error { _ = st.s.Err(); return nil }},
	"State": {call: func(st stage) error { st.s.State(); return nil }},
	"Snapshot": {call: func(st stage) error {
		st.s.Snapshot()
		return nil
	}},
	"Link": {call: func(st stage) error { st.s.Link(); return nil }},
	"WaitConnected": {waits: true, call: func(st stage) error {
		return only(st.s.WaitConnected(context.Background()), nil, status.Left)
	}},
	"Reconnect": {call: func(st stage) error { return only(st.s.Reconnect(errEnough), nil, session.ErrStopped) }},
	"Subscribe": {call: func(st stage) error {
		_, unsubscribe := st.s.Subscribe(observer.Func(func(observer.Event) {}))
		unsubscribe()
		return nil
	}},
	"Promote": {waits: true, call: func(st stage) error {
		return only(st.s.Promote(context.Background(), session.Credentials{}), nil, session.ErrNotConnected, session.ErrStopped, session.ErrBusy, errors.ErrUnsupported)
	}},
	"Demote": {waits: true, call: func(st stage) error {
		return only(st.s.Demote(context.Background()), nil, session.ErrNotConnected, session.ErrStopped, session.ErrBusy)
	}},
}

// only turns an answer that is one of these into nil.
func only(err error, expected ...error) error {
	for _, e := range expected {
		if errors.Is(err, e) || err == e {
			return nil
		}
	}
	return fmt.Errorf("unexpected answer: %w", err)
}

// TestEveryMethodInsideEveryEvent: any method may be called inside any callback;
// those that wait for the end get it at the observer grace, and nobody else
// notices (NEEDS 23; G4, G5).
func TestEveryMethodInsideEveryEvent(t *testing.T) {
	var names []string
	typ := reflect.TypeFor[*session.Session]()
	for i := range typ.NumMethod() {
		names = append(names, typ.Method(i).Name)
	}
	for name := range methods {
		require.Contains(t, names, name)
	}
	for _, name := range names {
		m, known := methods[name]
		require.True(t, known, "Session.%s is not tried inside callbacks: add it to methods", name)
		t.Run(name, func(t *testing.T) {
			for _, event := range eventNames(t) {
				synctest.Test(t, func(t *testing.T) { callInside(t, event, m) })
				require.False(t, t.Failed(), "inside %s", event)
			}
		})
	}
}

func callInside(t *testing.T, event string, m method) {
	v := visit(t, event, m.call)
	told := v.judge(t)
	assert.NoError(t, v.result)
	if !assert.False(t, v.returned.IsZero(), "it has not returned") {
		return
	}
	assert.LessOrEqual(t, v.returned.Sub(told), observerGrace)
	if !m.waits {
		assert.Equal(t, v.called, v.returned, "it waits")
	}
	verify(t, v.s, v.tr)
}

// An observer that never returns delays only itself. It is given the observer
// grace after Stopped, exactly, and hears nothing afterwards (NEEDS 25; G2, G5).
func TestObserverThatNeverReturns(t *testing.T) {
	for _, event := range eventNames(t) {
		t.Run(event, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				forever := make(chan struct{})
				v := visit(t, event, func(stage) error { <-forever; return nil })
				endsAfter(t, v.s, observerGrace)
				v.judge(t)
				heard := len(v.hears.Events())
				close(forever)
				settle(time.Hour)
				assert.Len(t, v.hears.Events(), heard, "the abandoned observer hears more after Done")
				verify(t, v.s, v.tr)
			})
		})
	}
}

// An observer that returns within the grace hears everything.
func TestObserverThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := visit(t, "Reconnecting", func(stage) error { advance(5*sec + observerGrace - 1); return nil })
		endsAfter(t, v.s, observerGrace-1)
		v.judge(t)
		assert.Equal(t, v.others[0].Events(), v.hears.Events())
		verify(t, v.s, v.tr, &v.hears)
	})
}

// A panic in a callback, or its goroutine left, ends the session with
// RealtimeApiFailed, and the others still hear Stopped (NEEDS 25; G6).
func TestObserverThatPanics(t *testing.T) {
	falls := map[string]func(stage) error{
		"panics":          func(stage) error { panic(errEnough) },
		"leaves":          func(stage) error { runtime.Goexit(); return nil },
		"stops and falls": func(st stage) error { st.s.Stop(); panic(errEnough) },
	}
	for how, fall := range falls {
		for _, event := range eventNames(t) {
			t.Run(how+"/"+event, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { fallInside(t, event, how, fall) })
			})
		}
	}
}

func fallInside(t *testing.T, event, how string, fall func(stage) error) {
	v := visit(t, event, fall)
	v.judge(t)
	err := v.s.Err()
	if event == "Stopped" || how == "stops and falls" {
		require.ErrorIs(t, err, status.Left, "the session had an end already")
		verify(t, v.s, v.tr, &v.hears)
		return
	}
	require.ErrorIs(t, err, status.RealtimeApiFailed)
	var panicked *observer.PanicError
	require.ErrorAs(t, err, &panicked)
	assert.Equal(t, "observer", panicked.Where)
	if how == "panics" {
		require.ErrorIs(t, err, errEnough, "what it panicked with is reachable")
		assert.NotEmpty(t, panicked.Stack)
	}
	stopped, _ := sessiontest.Last[observer.Stopped](&v.others[0])
	assert.Equal(t, observer.ByFault, stopped.Initiator)
	verify(t, v.s, v.tr, &v.hears)
}

// One observer panics, one blocks, one leaves: the others complete (NEEDS 25).
func TestEveryBadObserverAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forever := make(chan struct{})
		var tr sessiontest.Transport
		var recs [3]sessiontest.Recorder
		bad := func(f func()) observer.Observer {
			return observer.Funcs{Connected: func(observer.Connected) { f() }}
		}
		s := newSession(t, production(&tr, &recs[0], bad(func() { panic(1) }), &recs[1],
			bad(func() { <-forever }), bad(runtime.Goexit), &recs[2]))
		starting(s)
		endsAfter(t, s, observerGrace)
		require.ErrorIs(t, s.Err(), status.RealtimeApiFailed)
		assert.Equal(t, recs[0].Events(), recs[1].Events())
		assert.Equal(t, recs[0].Events(), recs[2].Events())
		close(forever)
		verify(t, s, &tr, &recs[0], &recs[1], &recs[2])
	})
}

// Several observers may wait for the end at the same time, and one of them in its
// last event.
func TestManyCloseInsideCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := sessiontest.Transport{Link: sessiontest.Link{Close: sessiontest.Deaf("close")}}
		var rec sessiontest.Recorder
		var s *session.Session
		returned := make(chan time.Time, 4)
		closes := func() { s.Close(); returned <- time.Now() }
		inConnected := observer.Funcs{Connected: func(observer.Connected) { closes() }}
		inStopped := observer.Funcs{Stopped: func(observer.Stopped) { closes() }}
		s = newSession(t, production(&tr, inConnected, &rec, inConnected, inStopped, inConnected))
		starting(s)
		endsAfter(t, s, closeGrace+observerGrace)
		now := time.Now()
		for range cap(returned) {
			assert.Equal(t, now, <-returned)
		}
		verify(t, s, &tr, &rec)
	})
}

// Who subscribes while the session ends hears the end, and is waited for.
func TestSubscribeWhileEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := sessiontest.Transport{Link: sessiontest.Link{Close: ok().After(sec)}}
		s := start(t, production(&tr))
		s.Stop()
		synctest.Wait()
		rec := sessiontest.Recorder{Then: func(observer.Event) { advance(500 * ms) }}
		now, _ := s.Subscribe(&rec)
		assert.True(t, now.Ending)
		endsAfter(t, s, 1500*ms)
		require.Equal(t, []string{"Stopped"}, rec.Names())
		assert.Equal(t, now.Seq+1, rec.Events()[0].Head().Seq)
		verify(t, s, &tr)
	})
}

// unruly is a backoff that does what it is told to.
type unruly struct {
	next, reset func()
	wait        time.Duration
}

func (u unruly) NextBackOff() time.Duration { u.next(); return u.wait }
func (u unruly) Reset()                     { u.reset() }

func nothing() {}

// after calls f, but not the first n times.
func after(n int, f func()) func() {
	return func() {
		if n--; n < 0 {
			f()
		}
	}
}

// What is pluggable inside the core may panic, or leave its goroutine: the
// session ends with RealtimeApiFailed, everything that was told before is heard,
// and what was open is closed (G6).
func TestPolicyThatPanics(t *testing.T) {
	falls := map[string]func(){"panics": func() { panic(errEnough) }, "leaves": runtime.Goexit}
	plugs := map[string]func(*session.Config, func()){
		"the backoff": func(c *session.Config, f func()) {
			c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return unruly{f, nothing, sec} }
		},
		"the reset of the backoff": func(c *session.Config, f func()) {
			c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return unruly{nothing, f, sec} }
		},
		"the random source": func(c *session.Config, f func()) {
			c.Random = func() float64 { f(); return 0 }
		},
	}
	lives := map[string]scenario{
		"when an attempt fails": {transport: script(fail(nil), fail(nil), fail(nil), fail(nil))},
		"when a link is lost": {transport: script(), acts: []act{
			report(20*sec, 1, lost), report(40*sec, 2, lost), report(60*sec, 3, lost),
		}},
		"when no reason comes": {transport: script(), acts: []act{
			closed(20*sec, 1, status.LayerSignaling), closed(40*sec, 2, status.LayerSignaling), closed(60*sec, 3, status.LayerSignaling),
		}},
		"when an attempt runs out of time": {transport: script(hang("ICE"), hang("ICE"), hang("ICE"), hang("ICE"))},
		"when the attendee does not come":  {transport: script(), config: func(c *session.Config) { c.PresenceTimeout = sec }},
	}
	fell := 0
	for how, fall := range falls {
		for what, plug := range plugs {
			for when, life := range lives {
				for n := range 2 {
					t.Run(fmt.Sprintf("%s/%s/%s/%d", what, how, when, n), func(t *testing.T) {
						reached := false
						synctest.Test(t, func(t *testing.T) {
							breakPolicy(t, life, &reached, func(c *session.Config) {
								plug(c, after(n, func() { reached = true; fall() }))
							})
						})
						if reached {
							fell++
						}
					})
				}
			}
		}
	}
	assert.Equal(t, 58, fell, "all but two: an endless first connect resets its backoff once")
}

// breakPolicy plays a session whose policy falls, and checks its end if it did.
func breakPolicy(t *testing.T, sc scenario, fell *bool, plug func(*session.Config)) {
	sc.length = 2 * time.Minute
	sc.acts = slices.Clone(sc.acts)
	for i, a := range sc.acts { // whoever reports may be who decides, and fall with the policy
		sc.acts[i].do = func(st stage) { go a.do(st) }
	}
	tr := sc.transport()
	var rec sessiontest.Recorder
	cfg := production(tr, &rec)
	plug(&cfg)
	if sc.config != nil {
		sc.config(&cfg)
	}
	s := newSession(t, cfg)
	starting(s)
	(&performance{scenario: sc, stage: stage{s, tr}}).perform()
	if assert.Equal(t, *fell, ended(s), "%v", s.State()); *fell {
		assert.ErrorIs(t, s.Err(), status.RealtimeApiFailed)
		var panicked *observer.PanicError
		assert.ErrorAs(t, s.Err(), &panicked)
		stopped, _ := sessiontest.Last[observer.Stopped](&rec)
		assert.Equal(t, observer.ByFault, stopped.Initiator)
	}
	finish(t, s, tr, &rec)
}

// What runs inside the core may call the session, as long as it does not wait.
func TestPolicyThatCallsTheSession(t *testing.T) {
	for name, m := range methods {
		if m.waits {
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := sessiontest.Script(fail(nil).Times(3))
				var rec sessiontest.Recorder
				cfg := production(tr, &rec)
				var st stage
				var answers []error
				cfg.Random = func() float64 {
					answers = append(answers, m.call(st))
					return 0.5
				}
				st = stage{newSession(t, cfg), tr}
				starting(st.s)
				settle(time.Minute)
				finish(t, st.s, tr, &rec)
				assert.NotEmpty(t, answers)
				for _, err := range answers {
					assert.NoError(t, err)
				}
			})
		})
	}
}

// A transport that panics, or leaves its goroutine, fails what it was asked for
// and nothing more.
func TestTransportThatPanics(t *testing.T) {
	falls := map[string]sessiontest.Step{"panics": sessiontest.Panic(errEnough), "leaves": sessiontest.Exit()}
	for how, fall := range falls {
		panicked := func(t *testing.T, err error) {
			t.Helper()
			var p *observer.PanicError
			assert.ErrorAs(t, err, &p)
			assert.Equal(t, how == "panics", errors.Is(err, errEnough), "%v", err)
		}
		recovered := func(t *testing.T, st stage, rec *sessiontest.Recorder) {
			settle(20 * sec)
			require.Equal(t, session.StateConnected, st.s.State())
			e, ok := sessiontest.Last[observer.Recovered](rec)
			require.True(t, ok, rec.Text())
			assert.Equal(t, status.TaskFailed, e.Outage.First.Code)
			panicked(t, e.Outage.First)
		}
		tests := map[string]struct {
			first sessiontest.Step
			play  func(*testing.T, stage, *sessiontest.Recorder)
		}{
			"Connect": {fall, func(t *testing.T, st stage, rec *sessiontest.Recorder) {
				failed := sessiontest.Of[observer.AttemptFailed](rec)
				require.Len(t, failed, 1)
				assert.Equal(t, status.TaskFailed, failed[0].Status.Code)
				panicked(t, failed[0].Status)
			}},
			"Ping": {ok().With(sessiontest.Link{Ping: fall}), recovered},
			"Update": {ok().With(sessiontest.Link{Update: fall}), func(t *testing.T, st stage, rec *sessiontest.Recorder) {
				st.tr.Report(1, status.IncompatibleSDP)
				recovered(t, st, rec)
			}},
			"Promote": {ok().With(sessiontest.Link{Promote: fall}), func(t *testing.T, st stage, rec *sessiontest.Recorder) {
				err := st.s.Promote(t.Context(), session.Credentials{})
				assert.ErrorIs(t, err, status.TaskFailed)
				panicked(t, err)
				assert.False(t, st.s.Snapshot().Promoted)
				assert.Empty(t, sessiontest.Of[observer.Promoted](rec))
			}},
			"Demote": {ok().With(sessiontest.Link{Promote: ok(), Demote: fall}), func(t *testing.T, st stage, rec *sessiontest.Recorder) {
				require.NoError(t, st.s.Promote(t.Context(), session.Credentials{}))
				err := st.s.Demote(t.Context())
				assert.ErrorIs(t, err, status.TaskFailed)
				panicked(t, err)
				assert.False(t, st.s.Snapshot().Promoted)
				synctest.Wait()
				assert.Len(t, sessiontest.Of[observer.Demoted](rec), 1)
			}},
			"Leave": {ok().With(sessiontest.Link{Leave: fall}), func(_ *testing.T, st stage, _ *sessiontest.Recorder) { st.s.Stop() }},
			"Close": {ok().With(sessiontest.Link{Close: fall}), func(t *testing.T, st stage, rec *sessiontest.Recorder) {
				st.tr.Report(1, lost)
				settle(20 * sec)
				require.Equal(t, session.StateConnected, st.s.State())
			}},
		}
		for name, tt := range tests {
			t.Run(name+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tr := sessiontest.Script(tt.first)
					var rec sessiontest.Recorder
					s := start(t, production(tr, &rec))
					tt.play(t, stage{s, tr}, &rec)
					assert.Len(t, tr.Snapshot().Calls, len(tr.Snapshot().Calls))
					began := time.Now()
					finish(t, s, tr, &rec)
					assert.Zero(t, time.Since(began), "nothing that has panicked is waited for")
					assert.ErrorIs(t, s.Err(), status.Left)
				})
			})
		}
	}
}

// hostileError is what careless transports return: a typed nil among others.
type hostileError struct{ inner error }

func (e *hostileError) Error() string { return e.inner.Error() }
func (e *hostileError) Unwrap() error { return e.inner }

// An error that panics when it is looked at fails the call that returned it.
func TestTransportWithAnErrorThatPanics(t *testing.T) {
	var typedNil *hostileError
	for name, hostile := range map[string]error{"typed nil": typedNil, "empty": &hostileError{}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := sessiontest.Script(fail(hostile), ok().With(sessiontest.Link{Ping: fail(hostile), Update: fail(hostile), Leave: fail(hostile), Close: fail(hostile)}),
					ok().With(sessiontest.Link{Promote: fail(hostile), Leave: fail(hostile)}))
				var rec sessiontest.Recorder
				log := observer.Log{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
				s := start(t, production(tr, &rec, log))
				tr.Report(2, status.IncompatibleSDP)
				settle(time.Minute)
				require.Equal(t, session.StateConnected, s.State())
				assert.ErrorIs(t, s.Promote(t.Context(), session.Credentials{}), status.TaskFailed)
				finish(t, s, tr, &rec)
				assert.NotEmpty(t, sessiontest.Format{Causes: true}.Text(rec.Events()))
			})
		})
	}
}

// What never returns does not pile up: a ping that hangs is not followed by
// another one, and links that never close are too much at some point (G11).
func TestHangingCallsDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := sessiontest.Script(ok().With(sessiontest.Link{Ping: sessiontest.Deaf("ping")}))
		cfg := production(tr)
		cfg.Health.Off = true
		s := start(t, cfg)
		settle(time.Hour)
		assert.Len(t, tr.Snapshot().Running, 1)
		tr.Change(1, func(l *sessiontest.Link) { l.Ping = ok() })
		tr.Release(1)
		settle(time.Minute)
		assert.Len(t, tr.Snapshot().Named("Ping"), 7, "pinging goes on")
		assert.Zero(t, s.Snapshot().MissedPongs)
		finish(t, s, tr)
	})
	synctest.Test(t, func(t *testing.T) {
		tr := sessiontest.Transport{Link: sessiontest.Link{Close: sessiontest.Deaf("close")}}
		var rec sessiontest.Recorder
		s := start(t, production(&tr, &rec))
		for range 100 {
			tr.Report(sessiontest.Newest, lost)
			settle(time.Minute)
		}
		assert.True(t, ended(s))
		assert.ErrorIs(t, s.Err(), status.TaskFailed)
		stopped, _ := sessiontest.Last[observer.Stopped](&rec)
		assert.Equal(t, observer.ByFault, stopped.Initiator)
		assert.LessOrEqual(t, len(tr.Snapshot().Running), 20)
		verify(t, s, &tr, &rec)
	})
}

// Everything at once, in real time: whatever many goroutines ask and report, the
// guarantees hold and, under the race detector, nothing is touched twice.
func TestEverythingAtOnce(t *testing.T) {
	outages := 0
	for seed := range uint64(15) {
		r := rand.New(rand.NewPCG(seed, 3))
		var tr sessiontest.Transport
		for range 200 {
			tr.Then(quickStep(r).With(sessiontest.Link{
				Ping: quickStep(r), Update: quickStep(r), Promote: quickStep(r), Demote: quickStep(r), Leave: quickStep(r), Close: quickStep(r),
			}))
		}
		var recs [2]sessiontest.Recorder
		cfg := sessiontest.Quick(&tr, &recs[0], &recs[1])
		cfg.Policy = &policy.Policy{Budget: policy.Budget{Elapsed: policy.NoLimit, Idle: policy.NoLimit, Attempts: policy.NoLimit}}
		cfg.PingInterval = ms
		s := newSession(t, cfg)
		starting(s)
		require.NoError(t, tr.WaitAttempts(t.Context(), 1))
		var all sync.WaitGroup
		for g := range uint64(8) {
			all.Go(func() { meddle(rand.New(rand.NewPCG(seed, g)), stage{s, &tr}) })
		}
		all.Wait()
		s.Stop()
		mark := tr.Mark()
		<-s.Done()
		assert.Empty(t, mark.Attempts(), "G8")
		verify(t, s, &tr, &recs[0], &recs[1])
		assert.Equal(t, recs[0].Events(), recs[1].Events())
		if t.Failed() {
			t.Fatalf("seed %d\n%s", seed, recs[0].Text())
		}
		outages += s.Snapshot().Outages
	}
	t.Logf("%d outages", outages)
	assert.Greater(t, outages, 20)
}

func quickStep(r *rand.Rand) sessiontest.Step {
	steps := []sessiontest.Step{
		ok(), ok(), ok(), ok(), ok().After(ms), fail(nil), fail(errors.ErrUnsupported), fail(status.VideoCallSwitchToViewOnly),
		sessiontest.Nothing(), sessiontest.Panic("quick"), sessiontest.Exit(), ok().AtCancel().After(ms),
	}
	return steps[r.IntN(len(steps)-r.IntN(2))]
}

// meddle does what applications and links do, in any order.
func meddle(r *rand.Rand, st stage) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*ms)
	defer cancel()
	for range 100 {
		epoch := uint64(len(st.tr.Snapshot().Attempts()))
		epoch -= min(epoch-1, r.Uint64N(3))
		switch r.IntN(12) {
		case 0:
			st.tr.Report(epoch, lost)
		case 1:
			st.tr.Closed(epoch, status.Layer(r.IntN(4)), nil)
		case 2:
			st.tr.Report(epoch, status.IncompatibleSDP)
		case 3:
			st.tr.Report(epoch, status.VideoCallSwitchToViewOnly)
		case 4:
			st.tr.Sample(epoch, stall)
		case 5:
			st.tr.Pong(epoch, r.Uint64N(9))
		case 6:
			st.tr.Alive(epoch, status.LayerMedia)
		case 7:
			_ = st.s.Promote(ctx, session.Credentials{})
		case 8:
			_ = st.s.Demote(ctx)
		case 9:
			_ = st.s.Reconnect(errEnough)
		case 10:
			_, unsubscribe := st.s.Subscribe(observer.Func(func(observer.Event) { st.s.Link() }))
			defer unsubscribe()
		case 11:
			_ = st.s.WaitConnected(ctx)
		}
	}
}

// 1,000 failures from 50 goroutines are one outage with one attempt (NEEDS 28).
func TestManyFailuresAreOneOutage(t *testing.T) {
	codes := []status.Code{
		status.SignalingInternalServerError, status.SignalingChannelClosedUnexpectedly, status.TaskFailed,
		status.ConnectionHealthReconnect, status.ICEGatheringTimeoutWorkaround, status.AudioServiceUnavailable,
	}
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			s := start(t, production(&tr, &rec))
			var all sync.WaitGroup
			for g := range 50 {
				all.Go(func() {
					for i := range 20 {
						if i%3 == 2 {
							tr.Closed(1, status.Layer(1+i%2), errEnough)
						} else {
							tr.Report(1, codes[(g+i)%len(codes)])
						}
					}
				})
			}
			all.Wait()
			settle(time.Hour)
			assert.Equal(t, session.StateConnected, s.State())
			assert.Len(t, tr.Snapshot().Attempts(), 2, "one attempt")
			assert.Len(t, sessiontest.Of[observer.Reconnecting](&rec), 1, "one outage")
			assert.Equal(t, 1, s.Snapshot().Outages)
			finish(t, s, &tr, &rec)
		})
	}
}

// All observers hear the same, in one order, each event deep in a state that
// follows from the one before (NEEDS 24; G4).
func TestObserversHearTheSame(t *testing.T) {
	tr := new(sessiontest.Transport)
	recs := make([]*sessiontest.Recorder, 8)
	cfg := sessiontest.Quick(tr)
	for i := range recs {
		recs[i] = new(sessiontest.Recorder)
		cfg.Observers = append(cfg.Observers, recs[i])
	}
	s := start(t, cfg)
	flap(t, s, tr, 50)
	finish(t, s, tr, recs...)
	for _, rec := range recs[1:] {
		assert.Equal(t, recs[0].Events(), rec.Events())
	}
	assert.Len(t, sessiontest.Of[observer.Recovered](recs[0]), 50)
}

// flap loses the link n times, in real time too, and waits for each recovery.
func flap(t testing.TB, s *session.Session, tr *sessiontest.Transport, n int) {
	t.Helper()
	for range n {
		before := len(tr.Snapshot().Opened)
		tr.Report(sessiontest.Newest, lost)
		require.NoError(t, tr.WaitOpened(t.Context(), before+1))
		require.NoError(t, s.WaitConnected(t.Context()))
	}
}

// A subscriber gets snapshot and stream in one piece, while events fly: its
// first event is the one after the snapshot (NEEDS 24).
func TestSubscribeIsAtomic(t *testing.T) {
	tr := new(sessiontest.Transport)
	s := start(t, sessiontest.Quick(tr))
	stop := make(chan struct{})
	var flapping sync.WaitGroup
	flapping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				flap(t, s, tr, 1)
			}
		}
	})
	for range 200 {
		subscribeOnce(t, s)
	}
	close(stop)
	flapping.Wait()
	finish(t, s, tr)
}

func subscribeOnce(t *testing.T, s *session.Session) {
	var rec sessiontest.Recorder
	enough := make(chan struct{})
	rec.Then = func(observer.Event) {
		if len(rec.Events()) == 4 {
			close(enough)
		}
	}
	now, unsubscribe := s.Subscribe(&rec)
	<-enough
	unsubscribe()
	events := rec.Events()
	assert.Equal(t, now.Seq+1, events[0].Head().Seq)
	assert.Equal(t, now.State, events[0].Head().From)
	assert.GreaterOrEqual(t, events[0].Head().Epoch, now.Epoch)
	sessiontest.CheckPart(t, events)
}

// A subscriber that has left hears nothing more, and is not waited for.
func TestUnsubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr sessiontest.Transport
		s := start(t, production(&tr))
		var rec, itself sessiontest.Recorder
		forever := make(chan struct{})
		_, unsubscribe := s.Subscribe(&rec)
		_, blocked := s.Subscribe(observer.Func(func(observer.Event) { <-forever }))
		var leave func()
		itself.Then = func(observer.Event) { leave() }
		_, leave = s.Subscribe(&itself)
		tr.Report(1, lost)
		synctest.Wait()
		heard := len(rec.Events())
		require.NotZero(t, heard)
		unsubscribe()
		unsubscribe()
		blocked()
		settle(time.Minute)
		assert.Len(t, rec.Events(), heard)
		assert.Len(t, itself.Events(), 1, "unsubscribed from inside the callback")
		s.Stop()
		synctest.Wait()
		assert.True(t, ended(s), "nobody is waited for")
		close(forever)
		verify(t, s, &tr)
	})
}

// A subscriber that comes when the session has ended hears nothing, and learns
// the end from the snapshot.
func TestSubscribeAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr sessiontest.Transport
		s := start(t, production(&tr))
		require.NoError(t, s.Close())
		var rec sessiontest.Recorder
		now, unsubscribe := s.Subscribe(&rec)
		settle(time.Hour)
		unsubscribe()
		assert.Equal(t, session.StateStopped, now.State)
		assert.Empty(t, rec.Events())
	})
}

// maxWaiting is how many events may wait for one observer (G5).
const maxWaiting = 1024

// A slow observer hears everything that matters: past maxWaiting events whole
// outages fold into Missed, its picture of the session stays right, and the
// events that wait for it stay few (NEEDS 25; G5).
func TestSlowObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const outages = 2000
		tr := sessiontest.Script()
		wake := make(chan struct{})
		slow := sessiontest.Recorder{Then: func(observer.Event) { <-wake }}
		var quick sessiontest.Recorder
		cfg := production(tr, &slow, &quick)
		cfg.Random = func() float64 { return 0 }
		s := start(t, cfg)
		for range outages {
			tr.Report(sessiontest.Newest, lost)
			synctest.Wait()
		}
		require.Equal(t, session.StateConnected, s.State(), "a slow observer delays only itself")
		require.Len(t, sessiontest.Of[observer.Recovered](&quick), outages)
		close(wake)
		synctest.Wait()
		assert.LessOrEqual(t, len(slow.Events()), maxWaiting+2)
		told, missed := 0, 0
		for _, m := range sessiontest.Of[observer.Missed](&slow) {
			missed += m.Outages
		}
		told = len(sessiontest.Of[observer.Recovered](&slow))
		assert.Equal(t, outages, told+missed)
		finish(t, s, tr, &slow, &quick)
		last, _ := sessiontest.Last[observer.Event](&slow)
		first, _ := sessiontest.Last[observer.Event](&quick)
		assert.Equal(t, first, last)
	})
}

// One outage with attempts without end folds too, and so does a session that is
// renegotiated without end.
func TestSlowObserverInOneLongOutage(t *testing.T) {
	tests := map[string]struct {
		tr  *sessiontest.Transport
		act func(*sessiontest.Transport)
	}{
		"attempts": {new(sessiontest.Transport).Otherwise(fail(nil)), func(*sessiontest.Transport) { advance(sec) }},
		"updates": {&sessiontest.Transport{Link: sessiontest.Able()}, func(tr *sessiontest.Transport) {
			tr.Report(1, status.IncompatibleSDP)
			tr.Report(1, status.VideoCallSwitchToViewOnly)
			tr.Report(1, status.AudioVideoWasRemovedFromPrimaryMeeting)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wake := make(chan struct{})
				slow := sessiontest.Recorder{Then: func(observer.Event) { <-wake }}
				var quick sessiontest.Recorder
				cfg := production(tt.tr, &slow, &quick)
				cfg.Policy.Budget = policy.Budget{Elapsed: policy.NoLimit, Idle: policy.NoLimit, Attempts: policy.NoLimit}
				cfg.Random = func() float64 { return 0.2 }
				s := newSession(t, cfg)
				starting(s)
				synctest.Wait()
				for range 3000 {
					tt.act(tt.tr)
					synctest.Wait()
				}
				require.Greater(t, len(quick.Events()), 2*maxWaiting)
				close(wake)
				synctest.Wait()
				assert.LessOrEqual(t, len(slow.Events()), maxWaiting+2)
				assert.Equal(t, pictureOf(quick.Events()), pictureOf(slow.Events()))
				finish(t, s, tt.tr, &slow, &quick)
			})
		})
	}
}

// picture is what an observer knows of the session from its events.
type picture struct {
	state              session.State
	promoted, viewOnly bool
	quality            string
}

func pictureOf(events []observer.Event) (p picture) {
	p.quality = "ConnectionGood"
	for _, e := range events {
		p.state = e.Head().To
		switch e := e.(type) {
		case observer.Promoted:
			p.promoted = true
		case observer.Demoted:
			p.promoted = false
		case observer.VideoSendUnavailable:
			p.viewOnly = true
		case observer.Connected:
			p.viewOnly = p.viewOnly || e.ViewOnly
		case observer.ConnectionGood, observer.ConnectionPoor, observer.VideoStopSuggested:
			p.quality = e.Name()
		}
	}
	return p
}

// Whatever a slow observer misses, its picture of the session is that of the
// others: promoted or not, view-only or not, good or poor (G5).
func TestSlowObserverKeepsThePicture(t *testing.T) {
	tests := map[string]func(st stage){
		"view-only between outages": func(st stage) { st.tr.Report(sessiontest.Newest, status.VideoCallSwitchToViewOnly) },
		"view-only by a failed attempt": func(st stage) {
			st.tr.Then(fail(status.VideoCallSwitchToViewOnly))
			st.tr.Report(sessiontest.Newest, lost)
		},
		"view-only reported to an attempt": func(st stage) {
			st.tr.Then(ok().After(sec))
			st.tr.Report(sessiontest.Newest, lost)
			settle(100 * ms)
			st.tr.Report(sessiontest.Newest, status.VideoCallSwitchToViewOnly)
			settle(2 * sec)
		},
		"promoted, then lost": func(st stage) { _ = st.s.Promote(context.Background(), session.Credentials{}) },
		"promoted and demoted": func(st stage) {
			_ = st.s.Promote(context.Background(), session.Credentials{})
			st.tr.Report(sessiontest.Newest, status.AudioVideoWasRemovedFromPrimaryMeeting)
		},
		"poor": func(st stage) {
			for i := range 4 {
				st.tr.Sample(sessiontest.Newest, audio(i))
				settle(sec)
			}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { keepPicture(t, change) })
		})
	}
}

func keepPicture(t *testing.T, change func(stage)) {
	tr := &sessiontest.Transport{Link: sessiontest.Able()}
	wake := make(chan struct{})
	slow := sessiontest.Recorder{Then: func(observer.Event) { <-wake }}
	var quick sessiontest.Recorder
	cfg := production(tr, &slow, &quick)
	cfg.Random = func() float64 { return 0 }
	cfg.Health.UnusableAudio.Samples = 3
	s := start(t, cfg)
	change(stage{s, tr})
	settle(0)
	for range 600 {
		tr.Report(sessiontest.Newest, lost)
		synctest.Wait()
	}
	for range 600 {
		tr.Report(sessiontest.Newest, status.IncompatibleSDP)
		synctest.Wait()
	}
	close(wake)
	synctest.Wait()
	assert.NotEmpty(t, sessiontest.Of[observer.Missed](&slow))
	assert.Equal(t, pictureOf(quick.Events()), pictureOf(slow.Events()))
	finish(t, s, tr, &slow, &quick)
}

// goroutine identifies the goroutine that runs.
func goroutine() string {
	var buf [64]byte
	id, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte(" ["))
	return string(id)
}

// looked is the cause of a loss without a reason. The core looks into it to see
// whether it names one, so that a test sees where and when each input is handled.
type looked struct{ at func() }

func (looked) Error() string { return "no reason" }
func (l looked) As(any) bool { l.at(); return false }

func lossWith(f func()) status.Status {
	return status.New(status.SignalingChannelClosedUnexpectedly, looked{f})
}

// batch is how many inputs a poster handles before it hands over.
const batch = 64

// bottled is a session in its second epoch that waits for the reason of a loss:
// it handles any number of further losses without an effect.
func bottled(t *testing.T) (*session.Session, *sessiontest.Transport) {
	t.Helper()
	tr := new(sessiontest.Transport)
	var rec sessiontest.Recorder
	cfg := sessiontest.Quick(tr, &rec)
	cfg.ReasonGrace = time.Hour
	s := start(t, cfg)
	flap(t, s, tr, 1)
	_, err := rec.Wait(t.Context(), "Recovered")
	require.NoError(t, err)
	tr.Report(2, status.SignalingChannelClosedUnexpectedly)
	_, err = rec.Wait(t.Context(), "Reconnecting")
	require.NoError(t, err)
	return s, tr
}

// cork is a loss that holds up whoever handles it until it is pulled.
type cork struct {
	inside, pulled chan struct{}
	held           atomic.Pointer[string] // the goroutine that it holds up
}

func newCork() *cork { return &cork{inside: make(chan struct{}), pulled: make(chan struct{})} }

func (c *cork) loss() status.Status {
	return lossWith(sync.OnceFunc(func() {
		id := goroutine()
		c.held.Store(&id)
		close(c.inside)
		<-c.pulled
	}))
}

// No report keeps its caller for long: whoever posts handles at most 64 inputs,
// however many others post meanwhile, and then hands over.
func TestPosterHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tr := bottled(t)
		synctest.Wait()
		c := newCork()
		poster := make(chan string, 1)
		go func() {
			tr.Report(2, c.loss())
			poster <- goroutine()
		}()
		<-c.inside // others pile up behind the report that is handled now
		var mu sync.Mutex
		handled := map[string]int{}
		note := func() {
			mu.Lock()
			defer mu.Unlock()
			handled[goroutine()]++
		}
		const others = 1000
		for range others {
			tr.Report(2, lossWith(note))
		}
		require.Empty(t, handled, "who comes later only queues")
		close(c.pulled)
		id := <-poster
		synctest.Wait()
		most, total := 0, 0
		for _, n := range handled {
			most, total = max(most, n), total+n
		}
		looks := total / others // the core may look more than once
		require.Positive(t, looks)
		assert.Equal(t, others*looks, total, "every report was handled")
		assert.Equal(t, (batch-1)*looks, handled[id], "the poster handles its batch")
		assert.LessOrEqual(t, most, batch*looks, "and so does each who goes on")
		finish(t, s, tr)
	})
}

// A batch takes less than a millisecond: of many tries the quickest counts, as
// the machine may be busy with something else during the others.
func TestBatchIsQuick(t *testing.T) {
	best, counted := time.Hour, 0
	for range 50 {
		if d, ok := batchTime(t); ok {
			best, counted = min(best, d), counted+1
		}
	}
	t.Logf("%d inputs in %v, best of %d", batch, best, counted)
	assert.Less(t, best, time.Millisecond)
}

// batchTime measures how long a post takes that finds many others behind it. It
// does not count if another goroutine was still at work.
func batchTime(t *testing.T) (took time.Duration, ok bool) {
	s, tr := bottled(t)
	c := newCork()
	poster := make(chan string)
	go func() {
		tr.Report(2, c.loss())
		took = time.Since(*began.Load())
		poster <- goroutine()
	}()
	<-c.inside
	for range 200 {
		tr.Report(2, status.SignalingChannelClosedUnexpectedly)
	}
	now := time.Now()
	began.Store(&now)
	close(c.pulled)
	id := <-poster
	finish(t, s, tr)
	return took, id == *c.held.Load()
}

// began is when the cork was pulled.
var began atomic.Pointer[time.Time]

// heapInUse is the memory in use after a collection.
func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// While the core is held up reports do not pile up without bound: 1,024 wait,
// the rest is dropped and counted. The end gets through nevertheless (G3, G13).
func TestQueueIsBounded(t *testing.T) {
	tests := map[string]struct {
		end  func(*session.Session, *sessiontest.Transport)
		want status.Code
	}{
		"Stop": {func(s *session.Session, _ *sessiontest.Transport) { s.Stop() }, status.Left},
		"a terminal status": {func(_ *session.Session, tr *sessiontest.Transport) {
			tr.Report(2, status.MeetingEnded)
		}, status.MeetingEnded},
		"a terminal status, after one of a link long gone": {func(_ *session.Session, tr *sessiontest.Transport) {
			tr.Report(1, status.AudioJoinedFromAnotherDevice)
			tr.Report(2, status.MeetingEnded)
		}, status.MeetingEnded},
		"a terminal status that closes the link": {func(_ *session.Session, tr *sessiontest.Transport) {
			tr.Closed(2, status.LayerSignaling, status.FromWebSocketClose(4410, status.Attached))
		}, status.MeetingEnded},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, tr := bottled(t)
			c := newCork()
			go tr.Report(2, c.loss())
			<-c.inside
			before, stale := heapInUse(), s.Snapshot().Stale
			const posts = 50_000
			for range posts {
				tr.Report(2, status.TaskFailed)
				tr.Sample(2, stall)
				tr.Pong(2, 7)
				tr.Alive(2, status.LayerMedia)
			}
			grown := int64(heapInUse()) - int64(before)
			assert.Less(t, grown, int64(2<<20), "memory grows with the reports")
			assert.EqualValues(t, posts-1024, s.Snapshot().Stale-stale, "what is dropped is counted")
			tt.end(s, tr)
			close(c.pulled)
			settled(t, s)
			assert.Equal(t, tt.want.String(), codeOf(s.Err()))
			finish(t, s, tr)
		})
	}
}

// settled waits, in real time, until a session has ended or is connected.
func settled(t *testing.T, s *session.Session) {
	t.Helper()
	if err := s.WaitConnected(t.Context()); err != nil {
		<-s.Done()
	}
}

// A flood of reports that change nothing does not keep out the one that does,
// nor what the application asks for (G13).
func TestFloodHidesNothing(t *testing.T) {
	says := func(code status.Code) func(*session.Session, *sessiontest.Transport) {
		return func(_ *session.Session, tr *sessiontest.Transport) { tr.Report(1, code) }
	}
	tests := map[string]struct {
		act   func(*session.Session, *sessiontest.Transport)
		event string
	}{
		"a loss":               {says(lost), "Recovered"},
		"a loss of transforms": {says(status.EncodedTransformManagerFailed), "Recovered"},
		"a closed layer": {func(_ *session.Session, tr *sessiontest.Transport) {
			tr.Closed(1, status.LayerMedia, status.AudioDisconnectAudio)
		}, "Recovered"},
		"view-only":  {says(status.VideoCallSwitchToViewOnly), "VideoSendUnavailable"},
		"an end":     {says(status.MeetingEnded), "Stopped"},
		"a demotion": {says(status.AudioVideoWasRemovedFromPrimaryMeeting), "Demoted"},
		"Reconnect": {func(s *session.Session, _ *sessiontest.Transport) {
			assert.NoError(t, s.Reconnect(errEnough))
		}, "Recovered"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			cfg, c := corked(&tr, &rec, 1)
			s := start(t, cfg)
			<-c.inside
			for range 5000 {
				tr.Report(1, status.OK)
				tr.Report(1, status.AudioDisconnectAudio)
			}
			tt.act(s, &tr)
			close(c.pulled)
			_, err := rec.Wait(t.Context(), tt.event)
			require.NoError(t, err)
			finish(t, s, &tr, &rec)
		})
	}
}

// What a link long gone reports does not take the place of what the present one
// does (NEEDS 9; G10).
func TestStaleReportsTakeNoPlace(t *testing.T) {
	tr := sessiontest.Transport{Link: sessiontest.Link{Ping: sessiontest.Nothing()}}
	var rec sessiontest.Recorder
	cfg, c := corked(&tr, &rec, 2)
	s := start(t, cfg)
	flap(t, s, &tr, 1)
	<-c.inside
	eventually(t, func() bool { return len(tr.Snapshot().Named("Ping")) == 2 })
	for _, ping := range tr.Snapshot().Named("Ping") {
		if ping.Epoch == 2 {
			tr.Pong(2, ping.ID)
		}
	}
	tr.Sample(2, stall)
	tr.Pong(1, 1)
	tr.Sample(1, stall)
	tr.Present(1)
	tr.Alive(1, status.LayerMedia)
	tr.Report(1, status.AudioJoinedFromAnotherDevice)
	close(c.pulled)
	eventually(t, func() bool { return s.Snapshot().Stale == 5 && s.Snapshot().RTT > 0 })
	finish(t, s, &tr, &rec)
}

// eventually waits, in real time, for what must come about by itself.
func eventually(t *testing.T, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * sec); !reached() && time.Now().Before(deadline); {
		advance(ms)
	}
	assert.True(t, reached())
}

// corked is a config whose backoff holds up the core when the connection of that
// epoch becomes stable.
func corked(tr *sessiontest.Transport, rec observer.Observer, epoch int) (session.Config, *cork) {
	c := newCork()
	once := sync.OnceFunc(func() { close(c.inside); <-c.pulled })
	hold := func() {
		if len(tr.Snapshot().Attempts()) == epoch {
			once()
		}
	}
	p := policy.Default()
	p.StableAfter = ms
	p.NewBackOff = func(func() float64) backoff.BackOff { return unruly{nothing, hold, ms} }
	cfg := sessiontest.Quick(tr, rec)
	cfg.Policy = &p
	return cfg, c
}

// flood posts reports of every kind from 8 goroutines at once, on a real clock.
func flood(tr *sessiontest.Transport, each int) {
	var all sync.WaitGroup
	var bytes atomic.Uint64
	for g := range 8 {
		all.Go(func() {
			for i := range each {
				switch (g + i) % 4 {
				case 0:
					tr.Sample(1, health.Sample{BytesReceived: bytes.Add(1), AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0)})
				case 1:
					tr.Pong(1, uint64(i))
				case 2:
					tr.Report(1, status.OK)
				case 3:
					tr.Alive(1, status.Layer(i%3))
				}
			}
		})
	}
	all.Wait()
}

// A flood of reports leaves nothing behind: no memory, no goroutine, no event.
func TestFloodLeavesNothing(t *testing.T) {
	var tr sessiontest.Transport
	var rec sessiontest.Recorder
	s := start(t, sessiontest.Quick(&tr, &rec))
	flood(&tr, 1000)
	before, goroutines := heapInUse(), runtime.NumGoroutine()
	flood(&tr, 20_000)
	require.NoError(t, s.Reconnect(errEnough), "behind everything that waits")
	require.NoError(t, tr.WaitOpened(t.Context(), 2))
	require.NoError(t, s.WaitConnected(t.Context()))
	assert.Less(t, int64(heapInUse())-int64(before), int64(1<<20))
	require.NoError(t, s.Close())
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines })
	assert.Equal(t, strings.Fields("Connecting AttemptStarted Connected Reconnecting RetryScheduled AttemptStarted Connected Recovered Stopped"), rec.Names())
	verify(t, s, &tr, &rec)
}
