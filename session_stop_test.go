package holdfast_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
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

// stage is what a scenario plays on.
type stage struct {
	s  *session.Session
	tr *sessiontest.Transport
}

// act is something that happens to a session from outside, at a time since its
// start.
type act struct {
	at time.Duration
	do func(stage)
}

// scenario is a session's life in the hands of a test.
type scenario struct {
	name      string
	config    func(*session.Config)
	transport func() *sessiontest.Transport
	acts      []act // in order of time
	observer  func(observer.Event)
	length    time.Duration
	// faults says that the session may end with RealtimeApiFailed at the same
	// moment as something else happens.
	faults bool
}

// has reports whether an epoch's attempt has begun, so that it may report.
func (st stage) has(epoch uint64) bool {
	return len(st.tr.Snapshot().Attempts()) > 0 && uint64(len(st.tr.Snapshot().Attempts())) >= epoch
}

// report lets the link of an epoch, 0 for the newest, report a status.
func report(at time.Duration, epoch uint64, err error) act {
	return act{at, func(st stage) {
		if st.has(epoch) {
			st.tr.Report(epoch, err)
		}
	}}
}

func closed(at time.Duration, epoch uint64, layer status.Layer) act {
	return act{at, func(st stage) {
		if st.has(epoch) {
			st.tr.Closed(epoch, layer, errors.New("connection reset by peer"))
		}
	}}
}

func present(at time.Duration) act {
	return act{at, func(st stage) {
		if st.has(1) {
			st.tr.Present(sessiontest.Newest)
		}
	}}
}

func sample(at time.Duration, hs health.Sample) act {
	return act{at, func(st stage) {
		if st.has(1) {
			st.tr.Sample(sessiontest.Newest, hs)
		}
	}}
}

// doubt lets the newest link report bad evidence about a layer.
func doubt(at time.Duration, l status.Layer) act {
	return act{at, func(st stage) {
		if st.has(1) {
			st.tr.Doubt(sessiontest.Newest, l, errors.New("disconnected"))
		}
	}}
}

// silence makes layers of the newest link a black hole; none lets it come back.
func silence(at time.Duration, l health.Layers) act {
	return act{at, func(st stage) {
		if st.has(1) {
			st.tr.Silence(sessiontest.Newest, l)
		}
	}}
}

func hint(at time.Duration, h session.Hint) act {
	return act{at, func(st stage) { st.s.Hint(h) }}
}

func wants(at time.Duration, c session.Change) act {
	return act{at, func(st stage) { _ = st.s.Update(c) }}
}

func promote(at time.Duration) act {
	return act{at, func(st stage) { go st.s.Promote(context.Background(), session.Credentials{}) }}
}

func demote(at time.Duration) act {
	return act{at, func(st stage) { go st.s.Demote(context.Background()) }}
}

// every repeats what make gives, n times from at on.
func every(at, interval time.Duration, n int, make func(at time.Duration, i int) act) (acts []act) {
	for i := range n {
		acts = append(acts, make(at+time.Duration(i)*interval, i))
	}
	return acts
}

func script(steps ...sessiontest.Step) func() *sessiontest.Transport {
	return func() *sessiontest.Transport { return sessiontest.Script(steps...) }
}

// links gives all links of a transport that opens at once the same abilities.
func links(l sessiontest.Link) func() *sessiontest.Transport {
	return func() *sessiontest.Transport { return &sessiontest.Transport{Link: l} }
}

const (
	ms  = time.Millisecond
	sec = time.Second
)

var (
	ok    = sessiontest.OK
	fail  = sessiontest.Fail
	hang  = sessiontest.Hang
	lost  = status.SignalingInternalServerError
	stall = health.Sample{BytesReceived: 1, AudioPacketsReceived: health.Some(0), AudioLoss: health.Some(0)}
)

// scenarios are the lives that Stop is thrown into.
var scenarios = []scenario{
	{
		name: "connects",
		transport: func() *sessiontest.Transport {
			return sessiontest.Script(ok().After(300 * ms).With(sessiontest.Able()))
		},
		length: 4 * sec,
	},
	{
		name:      "refused twice",
		transport: script(fail(status.AudioServiceUnavailable).After(200*ms).Times(2), ok()),
		length:    5 * sec,
	},
	{
		name: "hangs in each phase",
		transport: script(hang("signaling"), fail(status.ICEGatheringTimeoutWorkaround).AtCancel().In("ICE"),
			fail(status.NoAttendeePresent).AtCancel().In("join"), ok()),
		length: 55 * sec,
	},
	{
		name:      "opens late",
		transport: script(ok().AtCancel().After(sec), ok().AtCancel().After(10*sec), ok()),
		length:    60 * sec,
	},
	{
		name:      "presence is awaited",
		config:    func(c *session.Config) { c.PresenceTimeout = 3 * sec },
		transport: script(),
		acts:      []act{present(5 * sec)},
		length:    10 * sec,
	},
	{
		name:      "lost with a reason",
		transport: script(ok(), ok().After(500*ms)),
		acts:      []act{report(sec, 1, lost), closed(1100*ms, 1, status.LayerSignaling)},
		length:    10 * sec,
	},
	{
		name:      "lost without a reason",
		transport: script(ok(), ok().After(500*ms)),
		acts:      []act{closed(sec, 1, status.LayerSignaling), report(20*sec, 2, status.FromWebSocketClose(1006, status.Attached)), report(20100*ms, 2, status.AudioAttendeeRemoved)},
		length:    25 * sec,
	},
	{
		name:      "reconnect attempts fail",
		transport: script(ok(), fail(nil).After(500*ms).Times(2), hang("TLS"), fail(status.IncompatibleSDP), fail(status.VideoCallSwitchToViewOnly), ok()),
		acts:      []act{report(sec, 1, lost)},
		length:    40 * sec,
	},
	{
		name:      "failures reported during attempts",
		transport: script(ok().After(5*sec), ok().After(5*sec).Times(3)),
		acts:      []act{report(sec, 1, lost), report(3300*ms, 2, status.TaskFailed), report(4400*ms, 2, lost)},
		length:    15 * sec,
	},
	{
		name:      "updates",
		transport: links(sessiontest.Link{Update: ok().After(2 * sec)}),
		acts:      []act{report(sec, 1, status.IncompatibleSDP), report(2*sec, 1, status.VideoCallSwitchToViewOnly)},
		length:    8 * sec,
	},
	{
		name: "updates fail",
		transport: script(ok().With(sessiontest.Link{Update: hang("renegotiation")}),
			ok().With(sessiontest.Link{Update: fail(nil).After(sec)}), ok().With(sessiontest.Link{Update: sessiontest.Panic("sdp")}), ok()),
		acts:   []act{report(sec, 1, status.IncompatibleSDP), report(20*sec, 2, status.IncompatibleSDP), report(25*sec, 3, status.IncompatibleSDP)},
		length: 30 * sec,
	},
	{
		name:      "promotion",
		transport: links(sessiontest.Link{Promote: ok().After(sec), Demote: ok().After(sec)}),
		acts:      []act{promote(sec), demote(3 * sec), promote(5 * sec), report(7*sec, 1, lost), promote(9 * sec), report(9500*ms, 2, lost)},
		length:    12 * sec,
	},
	{
		name:      "promotion hangs",
		transport: links(sessiontest.Link{Promote: hang("primary meeting")}),
		acts:      []act{promote(sec)},
		length:    20 * sec,
	},
	{
		name:      "pings stay unanswered",
		config:    countingPongs,
		transport: links(sessiontest.Link{Ping: sessiontest.Nothing()}),
		length:    35 * sec,
	},
	{
		name:      "pings hang",
		config:    countingPongs,
		transport: links(sessiontest.Link{Ping: hang("ping").After(sec)}),
		length:    35 * sec,
	},
	{
		name:      "nothing comes in",
		config:    func(c *session.Config) { c.Health.Reconnection.NoPackets = 2 },
		transport: script(),
		acts:      every(9*sec, sec, 6, func(at time.Duration, _ int) act { return sample(at, stall) }),
		length:    18 * sec,
	},
	{
		name:      "closing takes long",
		transport: links(sessiontest.Link{Close: ok().After(1500 * ms)}),
		acts:      []act{report(sec, 1, lost)},
		length:    5 * sec,
	},
	{
		name:      "closing never ends",
		transport: links(sessiontest.Link{Close: sessiontest.Deaf("close")}),
		acts:      []act{report(sec, 1, lost)},
		length:    6 * sec,
	},
	{
		name:      "leaving takes long",
		transport: links(sessiontest.Link{Leave: ok().After(500 * ms), Close: ok().After(500 * ms)}),
		length:    2 * sec,
	},
	{
		name:      "leaving never ends",
		transport: links(sessiontest.Link{Leave: sessiontest.Deaf("goodbye"), Close: ok().After(500 * ms)}),
		length:    2 * sec,
	},
	{
		name: "the transport panics",
		transport: script(sessiontest.Panic("nil map"), sessiontest.Exit(), ok().With(sessiontest.Link{
			Ping: sessiontest.Panic("ping"), Close: sessiontest.Panic("close"),
		}), ok().With(sessiontest.Link{Ping: sessiontest.Exit(), Close: sessiontest.Exit(), Leave: sessiontest.Exit()})),
		length: 5 * sec,
	},
	{
		name:      "an observer panics",
		transport: script(),
		observer: func(e observer.Event) {
			if e.Name() == "Recovered" {
				panic("observer")
			}
		},
		acts:   []act{report(sec, 1, lost)},
		length: 5 * sec,
		faults: true,
	},
	{
		name:      "the budget ends",
		config:    func(c *session.Config) { c.Policy.Budget.Elapsed = 4 * sec },
		transport: script(ok(), fail(nil).After(100*ms).Times(100)),
		acts:      []act{report(sec, 1, lost)},
		length:    10 * sec,
	},
	{
		name:      "the meeting ends",
		transport: links(sessiontest.Link{Close: ok().After(sec)}),
		acts:      []act{report(sec, 1, status.MeetingEnded)},
		length:    5 * sec,
	},
	{
		name:      "refused for good",
		transport: script(fail(status.AudioAuthenticationRejected).After(sec)),
		length:    5 * sec,
	},
	{
		name:      "deaf to its context",
		transport: func() *sessiontest.Transport { return new(sessiontest.Transport).Otherwise(sessiontest.Deaf("TLS")) },
		length:    40 * sec,
	},
	{
		name: "opens at release only",
		transport: func() *sessiontest.Transport {
			return sessiontest.Script(ok()).Otherwise(ok().AtRelease())
		},
		acts:   []act{report(sec, 1, lost)},
		length: 40 * sec,
	},
	{
		name:      "neither a link nor an error",
		transport: script(sessiontest.Nothing(), ok()),
		length:    3 * sec,
	},
	{
		name:      "the link flaps",
		transport: script(),
		acts:      every(sec, 4*sec, 4, func(at time.Duration, i int) act { return report(at, uint64(i+1), lost) }),
		length:    20 * sec,
	},
	{
		name:      "the media path dies",
		config:    slowProbes,
		transport: links(quiet(50 * ms)),
		acts:      []act{silence(2*sec, health.Media)},
		length:    7 * sec,
	},
	{
		name:      "signaling dies",
		config:    slowProbes,
		transport: links(sessiontest.Link{Ping: ok(), Media: 500 * ms, Expect: health.ExpectMedia}),
		acts:      []act{silence(12*sec, health.Signaling)},
		length:    26 * sec,
	},
	{
		name:      "both layers die, and the link closes slowly",
		config:    slowProbes,
		transport: links(sessiontest.Link{Ping: ok(), Probe: ok(), Close: ok().After(sec)}),
		acts:      []act{silence(2*sec, health.Both)},
		length:    9 * sec,
	},
	{
		name:      "a dead link heals",
		config:    slowProbes,
		transport: links(sessiontest.Link{Ping: ok(), Probe: ok(), Close: ok().After(sec)}),
		acts:      append([]act{silence(2*sec, health.Media)}, comesBack(4*sec, 3*sec)...),
		length:    8 * sec,
	},
	{
		name:      "a false alarm",
		config:    slowProbes,
		transport: links(quiet(0)),
		acts:      []act{doubt(sec, status.LayerMedia), silence(2*sec, health.Both), silence(4*sec, 0)},
		length:    6 * sec,
	},
	{
		name: "no proof of media, then one",
		config: func(c *session.Config) {
			slowProbes(c)
			c.ProofTimeout = 2900 * ms // apart from the ends of probes that hang
		},
		transport: script(ok(), ok().With(sessiontest.Link{Probe: sessiontest.Nothing()}),
			ok().With(sessiontest.Link{Probe: hang("probe")}), ok().With(quiet(310*ms))),
		acts:   []act{report(sec, 1, lost)},
		length: 15 * sec,
	},
	{
		name:   "probes go wrong",
		config: slowProbes,
		transport: script(ok().With(sessiontest.Link{Probe: sessiontest.Panic("STUN")}), ok().With(sessiontest.Link{Probe: sessiontest.Exit()}),
			ok().With(sessiontest.Link{Probe: sessiontest.Deaf("probe")}), ok().With(sessiontest.Link{Probe: fail(errors.ErrUnsupported)})),
		length: 12 * sec,
	},
	{
		name:      "media is restarted",
		transport: links(sessiontest.Link{RestartMedia: ok().After(300 * ms)}),
		acts:      []act{report(sec, 1, mediaLost)},
		length:    3 * sec,
	},
	{
		name: "a restart is proven by media, and lost again",
		config: func(c *session.Config) {
			slowProbes(c)
			c.ProofTimeout = 2900 * ms
		},
		transport: links(sessiontest.Link{Probe: ok().After(310 * ms), RestartMedia: ok()}),
		acts:      []act{report(sec, 1, mediaLost), report(3*sec, 1, mediaLost)},
		length:    5 * sec,
	},
	{
		name:      "a restart hangs, a resume works",
		transport: links(sessiontest.Link{RestartMedia: hang("ICE"), Resume: ok().After(300 * ms)}),
		acts:      []act{report(sec, 1, mediaLost)},
		length:    8 * sec,
	},
	{
		name:      "a restart is deaf",
		transport: links(sessiontest.Link{RestartMedia: sessiontest.Deaf("ICE"), Resume: ok()}),
		acts:      []act{report(sec, 1, mediaLost)},
		length:    10 * sec,
	},
	{
		name: "signaling dies in a restart that returns too late",
		transport: func() *sessiontest.Transport {
			return links(sessiontest.Link{RestartMedia: turns(lags(3*sec, works)), Resume: ok().After(300 * ms)})()
		},
		acts:   []act{report(sec, 1, mediaLost), report(2*sec, 1, lost)},
		length: 6 * sec,
	},
	{
		name:      "the session is resumed",
		transport: links(sessiontest.Link{Resume: ok().After(300 * ms)}),
		acts:      []act{closed(sec, 1, status.LayerSignaling), closed(1900*ms, 1, status.LayerSignaling)},
		length:    3 * sec,
	},
	{
		name:      "a resume is refused",
		transport: links(sessiontest.Link{Resume: fail(session.ErrRefused).After(300 * ms), Close: ok().After(300 * ms)}),
		acts:      []act{report(sec, 1, lost)},
		length:    4 * sec,
	},
	{
		name:      "a resume hangs",
		transport: links(sessiontest.Link{Resume: hang("signaling")}),
		acts:      []act{report(sec, 1, lost)},
		length:    25 * sec,
	},
	{
		name:      "a resume is deaf",
		transport: links(sessiontest.Link{Resume: sessiontest.Deaf("signaling")}),
		acts:      []act{report(sec, 1, lost)},
		length:    16 * sec,
	},
	{
		name: "up the whole ladder",
		transport: func() *sessiontest.Transport {
			return sessiontest.Script(ok().With(climbing3), fail(nil).After(100*ms), ok())
		},
		acts:   []act{report(sec, 1, mediaLost)},
		length: 8 * sec,
	},
	{
		name:      "restarts and resumes go wrong",
		transport: links(sessiontest.Link{RestartMedia: sessiontest.Panic("ICE"), Resume: sessiontest.Exit()}),
		acts:      []act{report(sec, 1, mediaLost)},
		length:    4 * sec,
	},
	{
		name:      "the limiter has the session wait",
		config:    func(c *session.Config) { c.Limiter = slowly(700*ms, 0) },
		transport: links(sessiontest.Link{RestartMedia: fail(nil), Resume: ok()}),
		acts:      []act{report(2*sec, 1, mediaLost)},
		length:    6 * sec,
	},
	{
		name:      "the limiter is deaf",
		config:    func(c *session.Config) { c.Limiter = slowly(0, forLong) },
		transport: script(),
		acts:      []act{report(sec, 1, lost)},
		length:    4 * sec,
	},
	{
		name:      "credentials are slow, and renewed",
		config:    func(c *session.Config) { c.Credentials = keyed{slowly(300*ms, 0)} },
		transport: script(fail(session.ErrUnauthorized), ok().With(sessiontest.Link{Resume: ok()})),
		acts:      []act{report(28*sec, 2, lost)},
		length:    30 * sec,
	},
	{
		name:      "credentials hang",
		config:    func(c *session.Config) { c.Credentials = keyed{slowly(0, 20*sec)} },
		transport: script(),
		acts:      []act{report(sec, 1, lost)},
		length:    25 * sec,
	},
	{
		name:      "the source of credentials is deaf",
		config:    func(c *session.Config) { c.Credentials = keyed{unheeding{slowly(0, forLong)}} },
		transport: script(),
		acts:      []act{report(sec, 1, lost)},
		length:    27 * sec,
	},
	{
		name:      "endpoints hang, then come",
		config:    func(c *session.Config) { c.EndpointSource = mapped{slowly(0, 20*sec)} },
		transport: script(),
		acts:      []act{report(12*sec, 0, lost)},
		length:    15 * sec,
	},
	{
		name:      "the source of endpoints is deaf",
		config:    func(c *session.Config) { c.EndpointSource = mapped{unheeding{slowly(0, forLong)}} },
		transport: script(),
		acts:      []act{report(sec, 1, lost)},
		length:    16 * sec,
	},
	{
		name:      "catching up takes a while",
		config:    hooked(func() session.Limiter { return slowly(0, 700*ms) }),
		transport: links(sessiontest.Link{RestartMedia: ok(), Close: ok().After(300 * ms)}),
		acts:      []act{report(sec, 1, mediaLost), report(5*sec, 1, someLost)},
		length:    8 * sec,
	},
	{
		name:      "catching up hangs",
		config:    hooked(func() session.Limiter { return slowly(0, 20*sec) }),
		transport: script(),
		acts:      []act{report(sec, 1, lost)},
		length:    14 * sec,
	},
	{
		name:      "catching up is deaf",
		config:    hooked(func() session.Limiter { return unheeding{slowly(0, forLong)} }),
		transport: links(sessiontest.Link{Resume: ok()}),
		acts:      []act{report(sec, 1, lost)},
		length:    14 * sec,
	},
	{
		name:      "offline",
		config:    func(c *session.Config) { c.DownTimeout = 6 * sec },
		transport: links(sessiontest.Link{RestartMedia: ok().After(300 * ms)}),
		acts: []act{
			report(sec, 1, mediaLost), hint(1100*ms, session.NetworkDown), hint(4*sec, session.NetworkUp),
			report(6*sec, 1, mediaLost), hint(6100*ms, session.NetworkDown),
		},
		length: 15 * sec,
	},
	{
		name:      "the application wants changes",
		transport: links(sessiontest.Link{Update: ok().After(sec), RestartMedia: ok().After(300 * ms)}),
		acts: []act{
			wants(sec, session.Change{Renegotiate: true}), wants(1500*ms, session.Change{ViewOnly: true}), report(2200*ms, 1, mediaLost),
			wants(2300*ms, session.Change{Renegotiate: true}),
		},
		length: 6 * sec,
	},
	{
		name:      "everything at once",
		config:    surround,
		transport: links(sessiontest.Link{RestartMedia: fail(nil), Resume: fail(session.ErrRefused), Update: ok(), Promote: ok(), Leave: ok()}),
		acts:      []act{report(sec, 1, mediaLost), hint(1200*ms, session.NetworkChanged)},
		length:    4 * sec,
	},
	{
		name:      "recovery by hand",
		transport: script(),
		acts:      []act{{sec, func(st stage) { _ = st.s.Reconnect(errors.New("network changed")) }}},
		length:    4 * sec,
	},
}

// climbing3 is a link on which nothing helps.
var climbing3 = sessiontest.Link{RestartMedia: fail(nil).After(100 * ms), Resume: fail(nil).After(100 * ms)}

// forLong is longer than any scenario, but not for ever: no bubble ends while a call
// hangs.
const forLong = 50 * time.Minute

// pause is a wait of some time, the first one, or each, as long as its context lets it.
// As a limiter, a source or a hook it is slow, and works.
type pause struct {
	each, first time.Duration
	begun       *atomic.Bool
}

// slowly waits so long each time, and the first time so long.
func slowly(each, first time.Duration) pause { return pause{each, first, new(atomic.Bool)} }

func (p pause) WaitN(ctx context.Context, _ int) error {
	d := p.each
	if !p.begun.Swap(true) {
		d = max(d, p.first)
	}
	select {
	case <-time.NewTimer(d).C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// unheeding waits whatever its context says.
type unheeding struct{ session.Limiter }

func (u unheeding) WaitN(ctx context.Context, n int) error {
	return u.Limiter.WaitN(context.WithoutCancel(ctx), n)
}

// keyed gives credentials that soon expire, after a wait; mapped gives endpoints.
type (
	keyed  struct{ session.Limiter }
	mapped struct{ session.Limiter }
)

func (k keyed) Credentials(ctx context.Context, _ session.CredentialRequest) (session.Credentials, error) {
	err := k.WaitN(ctx, 1)
	return session.Credentials{Attendee: "a", Token: rand.Text(), Expires: time.Now().Add(50 * sec)}, err
}

func (m mapped) Endpoints(ctx context.Context, _ session.EndpointRequest) ([]string, error) {
	return []string{"a", "b"}, m.WaitN(ctx, 1)
}

// hooked lets the application take its time to catch up.
func hooked(waits func() session.Limiter) func(*session.Config) {
	return func(c *session.Config) {
		wait := waits()
		c.Resync = func(ctx context.Context, _ session.Resync) error { return wait.WaitN(ctx, 1) }
	}
}

// slowProbes leaves fewer points at which Stop is to be tried.
func slowProbes(c *session.Config) {
	c.Health.Detector.ProbeEvery, c.Health.Detector.ProbeFast = 490*ms, 230*ms
}

// comesBack lets the silent layers of the newest link come back as soon as it was
// found dead, when that is between at and so much later.
func comesBack(at, within time.Duration) []act {
	const often = 50 * ms
	return every(at, often, int(within/often), func(at time.Duration, _ int) act {
		return act{at, func(st stage) {
			if st.s.Snapshot().Liveness.Dead > 0 {
				st.tr.Silence(sessiontest.Newest, 0)
			}
		}}
	})
}

// countingPongs leaves dead links to the policy of the reference.
func countingPongs(c *session.Config) {
	c.Health.Reconnection.MissedPongs = 2
	c.Health.Detector.Off = true
}

// manners say how a transport treats the contexts that it is given.
type manners string

const (
	polite manners = "polite" // it returns when its context ends
	deaf   manners = "deaf"   // it goes on as if the context never ended
	frozen manners = "frozen" // once Stop was called no call ever returns
)

// deafContext has ended when its parent has, but nobody is told.
type deafContext struct{ context.Context }

func (deafContext) Done() <-chan struct{} { return nil }

// tap shows each call that a session makes to a scripted transport, to its links, and
// to what surrounds them, from inside the call: when it begins and before it returns.
type tap struct {
	*sessiontest.Transport
	manners
	at   func(point string)
	stop <-chan struct{} // closed when Stop was called
	over <-chan struct{} // closed when that has returned
	thaw <-chan struct{} // closed when what is frozen may return

	mu     sync.Mutex
	counts map[string]int // calls so far, by name
	late   []string       // calls that began after the end, with a live context
}

// call runs one call of the session between its two points.
func (t *tap) call(ctx context.Context, name string, epoch uint64, f func(context.Context) error) error {
	point := t.name(fmt.Sprintf("%s of epoch %d", name, epoch))
	if name != "Leave" && name != "Close" {
		t.watch(ctx, point)
	}
	t.at("begin " + point)
	defer func() {
		t.at("end " + point)
		t.freeze()
	}()
	if t.manners == deaf {
		ctx = deafContext{ctx}
	}
	return f(ctx)
}

// name tells calls apart that happen more than once.
func (t *tap) name(call string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[call]++
	return fmt.Sprintf("%s #%d", call, t.counts[call])
}

// watch notes a call that should not begin.
func (t *tap) watch(ctx context.Context, point string) {
	select {
	case <-t.over:
		if ctx.Err() == nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.late = append(t.late, point)
		}
	default:
	}
}

// around taps what a session was given besides its transport.
func (t *tap) around(c *session.Config) {
	if source := c.Credentials; source != nil {
		c.Credentials = session.CredentialFunc(func(ctx context.Context, r session.CredentialRequest) (out session.Credentials, err error) {
			err = t.call(ctx, "Credentials", 0, func(ctx context.Context) (err error) { out, err = source.Credentials(ctx, r); return err })
			return out, err
		})
	}
	if source := c.EndpointSource; source != nil {
		c.EndpointSource = session.EndpointFunc(func(ctx context.Context, r session.EndpointRequest) (out []string, err error) {
			err = t.call(ctx, "Endpoints", 0, func(ctx context.Context) (err error) { out, err = source.Endpoints(ctx, r); return err })
			return out, err
		})
	}
	if hook := c.Resync; hook != nil {
		c.Resync = func(ctx context.Context, r session.Resync) error {
			return t.call(ctx, "Resync", sessiontest.EpochOf(r.Link), func(ctx context.Context) error { return hook(ctx, r) })
		}
	}
	if c.Limiter != nil {
		c.Limiter = tappedLimiter{c.Limiter, t}
	}
}

type tappedLimiter struct {
	session.Limiter
	t *tap
}

func (l tappedLimiter) WaitN(ctx context.Context, n int) error {
	return l.t.call(ctx, "WaitN", 0, func(ctx context.Context) error { return l.Limiter.WaitN(ctx, n) })
}

func (t *tap) freeze() {
	if t.manners != frozen {
		return
	}
	select {
	case <-t.stop:
		<-t.thaw
	default:
	}
}

func (t *tap) Connect(ctx context.Context, a session.Attempt, r *session.Reporter) (l session.Link, err error) {
	err = t.call(ctx, "Connect", a.Epoch, func(ctx context.Context) (err error) {
		l, err = t.Transport.Connect(ctx, a, r)
		return err
	})
	if l != nil {
		l = t.tapped(l, a.Epoch)
	}
	return l, err
}

// tapped wraps a link and each of its abilities.
func (t *tap) tapped(l session.Link, epoch uint64) session.Link {
	base := tappedLink{l, t, epoch}
	var out session.Link = base
	if p, ok := abilityOf[session.Pinger](l); ok {
		out = tappedPinger{wrap{base, out}, p}
	}
	if p, ok := abilityOf[session.MediaProber](l); ok {
		out = tappedProber{wrap{base, out}, p}
	}
	if r, ok := abilityOf[session.MediaRestarter](l); ok {
		out = tappedRestarter{wrap{base, out}, r}
	}
	if r, ok := abilityOf[session.Resumer](l); ok {
		out = tappedResumer{wrap{base, out}, r}
	}
	if u, ok := abilityOf[session.Updater](l); ok {
		out = tappedUpdater{wrap{base, out}, u}
	}
	if p, ok := abilityOf[session.Promoter](l); ok {
		out = tappedPromoter{wrap{base, out}, p}
	}
	if p, ok := abilityOf[session.Leaver](l); ok {
		out = tappedLeaver{wrap{base, out}, p}
	}
	return out
}

// abilityOf finds an ability of a link as the session does.
func abilityOf[A any](l session.Link) (ability A, ok bool) {
	for l != nil {
		if ability, ok = l.(A); ok {
			return ability, true
		}
		w, wraps := l.(interface{ Unwrap() session.Link })
		if !wraps {
			break
		}
		l = w.Unwrap()
	}
	return ability, false
}

type tappedLink struct {
	inner session.Link
	t     *tap
	epoch uint64
}

func (l tappedLink) Close(ctx context.Context) error {
	return l.t.call(ctx, "Close", l.epoch, l.inner.Close)
}

type wrap struct {
	tappedLink
	next session.Link
}

func (w wrap) Unwrap() session.Link { return w.next }

type tappedPinger struct {
	wrap
	p session.Pinger
}

func (l tappedPinger) Ping(ctx context.Context, id uint64) error {
	return l.t.call(ctx, "Ping", l.epoch, func(ctx context.Context) error { return l.p.Ping(ctx, id) })
}

type tappedProber struct {
	wrap
	p session.MediaProber
}

func (l tappedProber) ProbeMedia(ctx context.Context, id uint64) error {
	return l.t.call(ctx, "ProbeMedia", l.epoch, func(ctx context.Context) error { return l.p.ProbeMedia(ctx, id) })
}

type tappedRestarter struct {
	wrap
	r session.MediaRestarter
}

func (l tappedRestarter) RestartMedia(ctx context.Context, a session.Attempt) error {
	return l.t.call(ctx, "RestartMedia", l.epoch, func(ctx context.Context) error { return l.r.RestartMedia(ctx, a) })
}

type tappedResumer struct {
	wrap
	r session.Resumer
}

func (l tappedResumer) Resume(ctx context.Context, a session.Attempt) error {
	return l.t.call(ctx, "Resume", l.epoch, func(ctx context.Context) error { return l.r.Resume(ctx, a) })
}

type tappedUpdater struct {
	wrap
	u session.Updater
}

func (l tappedUpdater) Update(ctx context.Context, c session.Change) error {
	return l.t.call(ctx, "Update", l.epoch, func(ctx context.Context) error { return l.u.Update(ctx, c) })
}

type tappedPromoter struct {
	wrap
	p session.Promoter
}

func (l tappedPromoter) Promote(ctx context.Context, c session.Credentials) error {
	return l.t.call(ctx, "Promote", l.epoch, func(ctx context.Context) error { return l.p.Promote(ctx, c) })
}

func (l tappedPromoter) Demote(ctx context.Context) error {
	return l.t.call(ctx, "Demote", l.epoch, l.p.Demote)
}

type tappedLeaver struct {
	wrap
	l session.Leaver
}

func (l tappedLeaver) Leave(ctx context.Context) error {
	return l.t.call(ctx, "Leave", l.epoch, l.l.Leave)
}

// blow is how Stop is thrown in.
type blow string

const (
	inside    blow = "Stop inside"           // from inside the callback or the call
	elsewhere blow = "Stop elsewhere"        // from another goroutine, at the same time
	closing   blow = "Close inside"          // Close, which waits, from inside
	never     blow = "Stop at the very end"  // none: the scenario is played to its end
	ending    blow = "Stop after everything" // what is done at that end
)

// performance is one run of a scenario, with Stop at one of its points.
type performance struct {
	scenario
	manners
	blow
	point string

	mu     sync.Mutex
	points []string  // that were passed, in order
	ended  time.Time // of the first point that the session passed while ending

	stage
	tap      *tap
	birth    time.Time
	acting   sessiontest.Recorder // throws Stop in
	hearing  sessiontest.Recorder // only listens
	throwing atomic.Bool
	asked    chan struct{} // closed before Stop is called
	thrown   chan struct{} // closed when the call of Stop has returned
	// What was found when Stop was called, and when it had returned.
	before session.Snapshot
	at     time.Time
	took   time.Duration
	mark   sessiontest.Mark
}

// play runs the scenario in a bubble and checks what Stop must bring about. It
// returns the code with which the session has ended.
func (p *performance) play(t *testing.T) status.Code {
	thaw := make(chan struct{})
	p.asked, p.thrown = make(chan struct{}), make(chan struct{})
	p.tr = p.scenario.transport()
	p.acting.Then = func(e observer.Event) { p.pass(fmt.Sprintf("event %d %s", e.Head().Seq, e.Name())) }
	p.tap = &tap{
		Transport: p.tr, manners: p.manners, at: p.pass, stop: p.asked, over: p.thrown, thaw: thaw, counts: map[string]int{},
	}
	cfg := production(p.tap, &p.acting, &p.hearing)
	if p.observer != nil {
		cfg.Observers = append(cfg.Observers, observer.Func(p.observer))
	}
	if p.config != nil {
		p.config(&cfg)
	}
	p.tap.around(&cfg)
	p.birth = time.Now()
	p.s = newSession(t, cfg)
	done := p.done()
	started := starting(p.s)
	p.perform()
	p.throw(ending)
	<-p.thrown
	code := p.judge(t, <-done)
	close(thaw)
	synctest.Wait() // a call that was held up by Close may only begin now
	p.tr.Release()
	p.tr.Parity(t)
	if err := <-started; err != nil {
		assert.Equal(t, p.s.Err(), err, "Start tells the reason")
	}
	p.silence(t)
	return code
}

// pass notes a point, and throws Stop in if this is the one.
func (p *performance) pass(point string) {
	snap := p.s.Snapshot()
	p.mu.Lock()
	p.points = append(p.points, point)
	if p.ended.IsZero() && (snap.Ending || snap.State == session.StateStopped) {
		p.ended = time.Now()
	}
	p.mu.Unlock()
	if point == p.point {
		p.throw(p.blow)
	}
}

func (p *performance) throw(b blow) {
	if p.throwing.Swap(true) {
		return
	}
	switch b {
	case elsewhere:
		go p.end(p.s.Stop)
	case closing:
		p.end(func() { p.s.Close() })
	default:
		p.end(p.s.Stop)
	}
}

func (p *performance) end(stop func()) {
	p.before, p.at = p.s.Snapshot(), time.Now()
	close(p.asked)
	stop()
	p.took = time.Since(p.at)
	p.mark = p.tr.Mark()
	close(p.thrown)
}

// perform lets everything happen that the scenario says.
func (p *performance) perform() {
	now := time.Duration(0)
	for _, a := range p.acts {
		advance(a.at - now)
		now = a.at
		synctest.Wait()
		a.do(p.stage)
	}
	settle(p.length - now)
}

// done tells when the end has come.
func (p *performance) done() <-chan time.Time {
	at := make(chan time.Time, 1)
	go func() {
		<-p.s.Done()
		at <- time.Now()
	}()
	return at
}

// judge checks everything that holds at Done (G2, G3, G8).
func (p *performance) judge(t *testing.T, done time.Time) status.Code {
	assert.Equal(t, session.StateStopped, p.s.State())
	stopped, ok := sessiontest.Last[observer.Stopped](&p.hearing)
	if !assert.True(t, ok, "Done is closed before Stopped was told") {
		return status.OK
	}
	told := p.birth.Add(stopped.Elapsed)
	assert.LessOrEqual(t, told.Sub(p.at), closeGrace, "G3: Stopped comes within the close grace")
	if p.blow == closing {
		assert.LessOrEqual(t, p.took, closeGrace+observerGrace, "Close takes no longer than both graces")
		assert.LessOrEqual(t, done.Sub(told), observerGrace, "Done comes at the observer grace")
	} else {
		assert.Zero(t, p.took, "Stop returns at once")
		assert.Equal(t, told, done, "Done comes with Stopped when every observer is prompt")
	}
	assert.Empty(t, p.mark.Attempts(), "G8: an attempt with a live context has begun after Stop")
	p.hearing.Check(t)
	if p.blow != closing {
		p.acting.Check(t)
	}
	for _, e := range p.hearing.Events() {
		if p.birth.Add(e.Head().Elapsed).After(p.at) {
			assert.Equal(t, "Stopped", e.Name(), "nothing else happens after Stop")
		}
	}
	assert.ErrorIs(t, p.s.Err(), stopped.Status.Code)
	return stopped.Status.Code
}

// silence checks that nothing follows the end (G2, G8, G11).
func (p *performance) silence(t *testing.T) {
	events, calls := len(p.hearing.Events()), len(p.tr.Snapshot().Calls)
	settle(time.Hour)
	assert.Len(t, p.hearing.Events(), events, "G2: an event after Done")
	assert.Len(t, p.tr.Snapshot().Calls, calls, "a call after everything was closed")
	assert.Empty(t, p.tr.Snapshot().Open)
	assert.Empty(t, p.tap.late, "G8: a call with a live context has begun after Stop")
}

// TestScenarios: what Stop is thrown into happens.
func TestScenarios(t *testing.T) {
	met := map[string]map[string]bool{}
	for _, sc := range scenarios {
		met[sc.name] = map[string]bool{}
		bubble(t, sc.name, func(t *testing.T) {
			p := performance{scenario: sc, manners: polite, blow: never}
			p.play(t)
			for _, name := range p.hearing.Names() {
				met[sc.name][name] = true
			}
			for _, point := range p.points {
				met[sc.name][strings.Split(point, " ")[1]] = true // the call
			}
			for _, e := range sessiontest.Of[observer.Recovered](&p.hearing) {
				met[sc.name][e.Outage.Level.String()] = true
			}
		})
	}
	for name, all := range map[string][]string{
		"the media path dies":                               {"LinkSuspected", "LinkDead", "MediaProven"},
		"signaling dies":                                    {"LinkDead", "Recovered"},
		"both layers die, and the link closes slowly":       {"LinkDead", "MediaProven"},
		"a dead link heals":                                 {"LinkDead", "LinkHealed"},
		"a false alarm":                                     {"LinkSuspected", "LinkCleared"},
		"no proof of media, then one":                       {"AttemptFailed", "MediaProven"},
		"probes go wrong":                                   {"ProbeMedia", "Recovered"},
		"media is restarted":                                {"RestartMedia", "restart-media"},
		"a restart is proven by media, and lost again":      {"RestartMedia", "MediaProven"},
		"a restart hangs, a resume works":                   {"RestartMedia", "AttemptFailed", "resume"},
		"a restart is deaf":                                 {"RestartMedia", "rejoin"},
		"signaling dies in a restart that returns too late": {"AttemptFailed", "rejoin"},
		"the session is resumed":                            {"Resume", "resume"},
		"a resume is refused":                               {"Resume", "rejoin"},
		"a resume hangs":                                    {"Resume", "rejoin"},
		"a resume is deaf":                                  {"Resume", "rejoin"},
		"up the whole ladder":                               {"RestartMedia", "Resume", "rejoin"},
		"restarts and resumes go wrong":                     {"RestartMedia", "Resume", "rejoin"},
		"the limiter has the session wait":                  {"AttemptQueued", "WaitN", "resume"},
		"the limiter is deaf":                               {"AttemptQueued", "WaitN"},
		"credentials are slow, and renewed":                 {"AttemptFailed", "CredentialsRefreshed", "resume"},
		"credentials hang":                                  {"Credentials", "AttemptFailed", "Connected"},
		"the source of credentials is deaf":                 {"Credentials", "AttemptFailed"},
		"endpoints hang, then come":                         {"AttemptFailed", "EndpointsFound", "rejoin"},
		"the source of endpoints is deaf":                   {"AttemptFailed", "Connected"},
		"catching up takes a while":                         {"Resyncing", "restart-media", "rejoin"},
		"catching up hangs":                                 {"Resyncing", "AttemptFailed", "rejoin"},
		"catching up is deaf":                               {"Resyncing", "AttemptFailed", "resume"},
		"offline":                                           {"Hinted", "restart-media"},
		"the application wants changes":                     {"Update", "Updated", "restart-media"},
		"everything at once":                                {"Credentials", "Endpoints", "WaitN", "Resync", "Resume", "rejoin"},
	} {
		for _, what := range all {
			assert.True(t, met[name][what], "%s: %s", name, what)
		}
	}
}

// TestStopAtEveryStep plays every scenario once to learn its points: each event
// it tells, and the beginning and the end of each call it makes. Then it plays
// it again for each of them, with Stop at that very point (NEEDS 1, 2, 26; G2,
// G3, G8, G11).
func TestStopAtEveryStep(t *testing.T) {
	runs := 0
	for _, sc := range scenarios {
		for _, m := range []manners{polite, deaf, frozen} {
			t.Run(fmt.Sprintf("%s/%s", sc.name, m), func(t *testing.T) {
				runs += stopEverywhere(t, sc, m)
			})
		}
	}
	t.Logf("%d runs", runs)
}

func stopEverywhere(t *testing.T, sc scenario, m manners) (runs int) {
	learnt := performance{scenario: sc, manners: m, blow: never}
	var natural status.Code
	synctest.Test(t, func(t *testing.T) { natural = learnt.play(t) })
	require.NotEmpty(t, learnt.points)
	for i, point := range learnt.points {
		for j, b := range []blow{inside, elsewhere, closing} {
			if testing.Short() && (i+j+len(m))%3 != 0 {
				continue // with the race detector a third of them will do
			}
			p := performance{scenario: sc, manners: m, blow: b, point: point}
			synctest.Test(t, func(t *testing.T) { // goes no further when it fails
				p.verdict(t, p.play(t), natural, learnt.ended)
				if t.Failed() {
					t.Logf("%s, at: %s\n%s", b, point, p.hearing.Text())
				}
			})
			runs++
		}
	}
	return runs
}

// verdict checks the reason: Left, unless the session was at its end already, or
// reached it at the very moment when another goroutine called Stop.
func (p *performance) verdict(t *testing.T, got, natural status.Code, ended time.Time) {
	assert.Contains(t, p.points, p.point, "the point was not reached")
	switch {
	case p.before.Ending || p.before.State == session.StateStopped:
		assert.Equal(t, natural.String(), got.String(), "the session had ended before")
	case p.faults && got == status.RealtimeApiFailed:
	case p.blow == elsewhere && got == natural && p.at.Equal(ended):
	default:
		assert.Equal(t, status.Left.String(), got.String())
		assert.ErrorIs(t, p.s.Err(), status.Left)
	}
}

// Stop ends the session at the close grace, not a moment before what hangs has
// had its chance and not a moment after (G3, NEEDS 2).
func TestStopWaitsForTheCloseGrace(t *testing.T) {
	deafClose := sessiontest.Link{Close: sessiontest.Deaf("close")}
	tests := []struct {
		name    string
		tr      *sessiontest.Transport
		play    func(stage)
		elapsed time.Duration
	}{
		{"a link that closes at once", new(sessiontest.Transport), nil, 0},
		{"a link that takes its time", &sessiontest.Transport{Link: sessiontest.Link{Close: ok().After(700 * ms)}}, nil, 700 * ms},
		{"a link that heeds the grace", &sessiontest.Transport{Link: sessiontest.Link{Close: hang("close")}}, nil, closeGrace},
		{"a link that never closes", &sessiontest.Transport{Link: deafClose}, nil, closeGrace},
		{"a Connect that never returns", sessiontest.Script(sessiontest.Deaf("DNS")), nil, closeGrace},
		{"a Connect that heeds its context", sessiontest.Script(hang("DNS")), nil, 0},
		{"a Connect that opens late", sessiontest.Script(ok().AtCancel().After(900 * ms)), nil, 900 * ms},
		{"a Connect that opens late what never closes", sessiontest.Script(ok().AtCancel().After(900 * ms).With(deafClose)), nil, closeGrace},
		{"a goodbye, then a close", &sessiontest.Transport{Link: sessiontest.Link{
			Leave: ok().After(300 * ms), Close: ok().After(400 * ms),
		}}, nil, 700 * ms},
		{"neither goodbye nor close", &sessiontest.Transport{Link: sessiontest.Link{
			Leave: sessiontest.Deaf("leave"), Close: sessiontest.Deaf("close"),
		}}, nil, closeGrace},
		{"a lost link half closed", &sessiontest.Transport{Link: deafClose}, func(st stage) {
			st.tr.Report(1, lost)
			advance(1500 * ms) // the next attempt waits for the close
		}, 500 * ms},
		{"a loss whose reason is awaited", &sessiontest.Transport{Link: deafClose}, func(st stage) {
			st.tr.Closed(1, status.LayerSignaling, nil)
			advance(100 * ms)
		}, closeGrace},
		{"a delay", sessiontest.Script(ok(), fail(nil)), func(st stage) {
			st.tr.Report(1, lost)
			advance(700 * ms)
		}, 0},
		{"an attempt in its second grace", sessiontest.Script(sessiontest.Deaf("DNS")), func(stage) {
			advance(connectTimeout + 900*ms)
		}, sec},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rec sessiontest.Recorder
				s := newSession(t, production(tt.tr, &rec))
				starting(s)
				settle(100 * ms)
				if tt.play != nil {
					tt.play(stage{s, tt.tr})
				}
				s.Stop()
				if tt.elapsed > 0 {
					endsAfter(t, s, tt.elapsed)
				}
				synctest.Wait()
				assert.ErrorIs(t, s.Err(), status.Left)
				verify(t, s, tt.tr, &rec)
			})
		})
	}
}

// A goodbye that hangs does not cost the link its close (NEEDS 27), and only the
// application says goodbye.
func TestLeaveAndClose(t *testing.T) {
	for name, leave := range map[string]sessiontest.Step{
		"works": ok(), "hangs": hang("leave"), "deaf": sessiontest.Deaf("leave"), "fails": fail(nil),
		"panics": sessiontest.Panic("leave"), "exits": sessiontest.Exit(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := sessiontest.Transport{Link: sessiontest.Link{Leave: leave}}
				var rec sessiontest.Recorder
				s := start(t, production(&tr, &rec))
				tr.Report(1, lost)
				settle(sec)
				require.Empty(t, tr.Snapshot().Named("Leave"), "a lost link is not said goodbye to")
				began := time.Now()
				s.Stop()
				<-s.Done()
				assert.LessOrEqual(t, time.Since(began), closeGrace)
				assert.Len(t, tr.Snapshot().Named("Leave"), 1)
				assert.Len(t, tr.Snapshot().Named("Close"), 2)
				verify(t, s, &tr, &rec)
			})
		})
	}
}

// The server ends the meeting: there is nobody to say goodbye to.
func TestNoGoodbyeAfterTerminalStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := sessiontest.Transport{Link: sessiontest.Able()}
		s := start(t, production(&tr))
		tr.Report(1, status.MeetingEnded)
		<-s.Done()
		assert.Empty(t, tr.Snapshot().Named("Leave"))
		verify(t, s, &tr)
	})
}

// A link that opens long after the end is closed at once by whoever opened it
// (NEEDS 9, G8).
func TestLinkOpensAfterTheEnd(t *testing.T) {
	for name, late := range map[string]sessiontest.Step{
		"within the grace":      ok().AtCancel().After(sec),
		"at the end of it":      ok().AtCancel().After(closeGrace),
		"an hour later":         ok().AtCancel().After(time.Hour),
		"when it is told to":    ok().AtRelease(),
		"an hour later, slowly": ok().AtCancel().After(time.Hour).With(sessiontest.Link{Close: ok().After(sec)}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := sessiontest.Script(late)
				var rec sessiontest.Recorder
				s := newSession(t, production(tr, &rec))
				answer := starting(s)
				settle(sec)
				s.Stop()
				mark := tr.Mark()
				require.ErrorIs(t, <-answer, status.Left)
				settle(2 * time.Hour)
				tr.Release()
				synctest.Wait()
				assert.Equal(t, []uint64{1}, mark.Opened())
				_, has := s.Link()
				assert.False(t, has)
				assert.Equal(t, []string{"Connecting", "AttemptStarted", "Stopped"}, rec.Names())
				verify(t, s, tr, &rec)
			})
		})
	}
}

// Stop is idempotent, and 100 at once are one (NEEDS 2, G2).
func TestManyStops(t *testing.T) {
	calls := map[string]func(*session.Session){
		"Stop": func(s *session.Session) { s.Stop() }, "Close": func(s *session.Session) { s.Close() },
	}
	for name, end := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := sessiontest.Transport{Link: sessiontest.Link{Close: ok().After(sec)}}
				var rec sessiontest.Recorder
				s := start(t, production(&tr, &rec))
				var all sync.WaitGroup
				for range 100 {
					all.Go(func() { end(s) })
				}
				all.Wait()
				<-s.Done()
				end(s)
				assert.Equal(t, []string{"Connecting", "AttemptStarted", "Connected", "Stopped"}, rec.Names())
				assert.Len(t, tr.Snapshot().Named("Close"), 1)
				verify(t, s, &tr, &rec)
			})
		})
	}
}

// Wait, and every other wait, returns promptly with the cause of its context,
// and the session goes on (NEEDS 33).
func TestWaitsHonourTheirContext(t *testing.T) {
	waits := map[string]func(*session.Session, context.Context) error{
		"Wait":          (*session.Session).Wait,
		"WaitConnected": (*session.Session).WaitConnected,
		"Promote": func(s *session.Session, ctx context.Context) error {
			return s.Promote(ctx, session.Credentials{})
		},
		"Demote": func(s *session.Session, ctx context.Context) error {
			go s.Promote(context.Background(), session.Credentials{})
			synctest.Wait()
			return s.Demote(ctx)
		},
	}
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := sessiontest.Script(ok().With(sessiontest.Link{
					Promote: sessiontest.Deaf("promotion"), Demote: sessiontest.Deaf("demotion"),
				}), fail(nil).Times(3))
				if name == "Demote" {
					tr = sessiontest.Script(ok().With(sessiontest.Link{Promote: ok(), Demote: sessiontest.Deaf("demotion")}))
				}
				s := start(t, production(tr))
				if name == "WaitConnected" {
					tr.Report(1, lost)
					synctest.Wait()
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				began := time.Now()
				time.AfterFunc(time.Second, func() { cancel(errEnough) })
				assert.ErrorIs(t, wait(s, ctx), errEnough)
				assert.Equal(t, time.Second, time.Since(began))
				assert.False(t, ended(s))
				tr.Release()
				require.NoError(t, s.Close())
				require.NoError(t, s.Wait(t.Context()))
				require.NoError(t, s.Wait(ctx), "what is there is not waited for")
				tr.Parity(t)
			})
		})
	}
}

// Stop cancels what is running at once, and says why (NEEDS 1).
func TestStopCancelsConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := make(chan error, 1)
		tr := sessiontest.Script(sessiontest.Func(func(ctx context.Context, _ session.Attempt, _ *session.Reporter) error {
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return ctx.Err()
		}))
		s := newSession(t, production(tr))
		starting(s)
		synctest.Wait()
		s.Stop()
		assert.ErrorIs(t, <-cause, status.Left)
		<-s.Done()
		verify(t, s, tr)
	})
}

// What a call returns that Stop has cancelled is no failure, however fast it is.
func TestStopIsNoFailure(t *testing.T) {
	for range 200 {
		tr := sessiontest.Script(hang("join"))
		var rec sessiontest.Recorder
		s := newSession(t, sessiontest.Quick(tr, &rec))
		starting(s)
		require.NoError(t, tr.WaitHanging(t.Context(), "join"))
		s.Stop()
		<-s.Done()
		require.Equal(t, []string{"Connecting", "AttemptStarted", "Stopped"}, rec.Names())
		require.NoError(t, tr.WaitIdle(t.Context()))
	}
}

// A session that nobody starts costs nothing and needs no end (G11).
func TestNeverStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr sessiontest.Transport
		s := newSession(t, production(&tr))
		settle(time.Hour)
		assert.Equal(t, session.StateIdle, s.State())
		assert.NoError(t, s.Err())
		assert.ErrorIs(t, s.Reconnect(nil), session.ErrNotConnected)
		assert.ErrorIs(t, s.Promote(t.Context(), session.Credentials{}), session.ErrNotConnected)
		assert.ErrorIs(t, s.Demote(t.Context()), session.ErrNotConnected)
		assert.Empty(t, tr.Snapshot().Calls)
	})
}
