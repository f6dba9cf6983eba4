package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
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
		c.Health.Custom = []health.CustomPolicy{crowd}
		surround(c)
	},
	transport: func() *sessiontest.Transport {
		tr := sessiontest.Script(fail(status.AudioServiceUnavailable))
		tr.Link = sessiontest.Able()
		return tr
	},
	acts: slices.Concat(
		[]act{promote(sec), demote(2 * sec), report(3*sec, 0, status.IncompatibleSDP), report(4*sec, 0, status.VideoCallSwitchToViewOnly)},
		every(5*sec, sec, 16, func(at time.Duration, i int) act { return sample(at, audio(i)) }),
		[]act{report(tourLoss, 0, lost), hint(26*sec, session.NetworkChanged), doubt(27*sec, status.LayerMedia), silence(30*sec, health.Media), silence(33*sec, 0)},
	),
	length: 40 * sec,
}

// tourLoss is when the tour's first outage begins.
const tourLoss = 25 * sec

// surround gives a session everything that an attempt can need besides its
// transport; all of it works at once.
func surround(c *session.Config) {
	c.Limiter = open{}
	c.EndpointSource = session.EndpointFunc(func(context.Context, session.EndpointRequest) ([]string, error) {
		return []string{"wss://a.example", "wss://b.example"}, nil
	})
	c.Credentials = session.CredentialFunc(func(context.Context, session.CredentialRequest) (session.Credentials, error) {
		return session.Credentials{Attendee: "a", Token: "secret", Expires: time.Now().Add(20 * sec)}, nil
	})
	c.Resync = func(context.Context, session.Resync) error { return nil }
}

// open is a limiter that lets everything through.
type open struct{}

func (open) WaitN(context.Context, int) error { return nil }

// crowd is a custom policy that finds a few senders of video too many.
var crowd = health.CustomPolicy{Name: "crowd", New: func() health.Policy {
	p := health.NewConcurrentSenders(health.ConcurrentSendersConfig{Sources: 4})
	return &p
}}

// audio is bad, then good, then bad again while video is shown. In the bad
// times at the beginning none is sent either, and in the good ones many send
// video for a while.
func audio(i int) health.Sample {
	hs := health.Sample{
		BytesReceived: uint64(i + 1), AudioLoss: health.Some(0),
		AudioPacketsReceived: health.Some(50), AudioPacketsSent: health.Some(50),
	}
	if i < 4 {
		hs.AudioPacketsSent = health.Some(0)
	}
	if i >= 6 && i < 8 {
		hs.PublishedVideoSources = 16
	}
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
	"Attached": {call: func(st stage) error {
		_, err := st.s.Attached()
		return only(err, nil, session.ErrReconnecting, session.ErrNotConnected, session.ErrStopped, status.Left)
	}},
	"StopWith": {call: func(st stage) error { st.s.StopWith(errEnough); return nil }},
	"Hint": {call: func(st stage) error {
		for _, h := range []session.Hint{session.NetworkDown, session.NetworkUp, session.NetworkChanged, session.Woke, "no hint"} {
			st.s.Hint(h)
		}
		return nil
	}},
	"Update": {call: func(st stage) error {
		return only(st.s.Update(session.Change{Renegotiate: true}), nil, session.ErrNotConnected, session.ErrStopped)
	}},
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
		v := visit(t, "Reconnecting", func(stage) error { advance(tour.length - tourLoss + observerGrace - 1); return nil })
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
