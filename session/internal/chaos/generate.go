package chaos

import (
	"math"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// Generate makes the script of a seed. The same seed gives the same script.
func Generate(seed uint64) *Script {
	d := dice(seed*0x2545f4914f6cdd1d + 0x9e37)
	p := &profiles[d.n(len(profiles))]
	if seed%32 == 31 {
		p = &marathon
	}
	if seed%64 == 47 {
		p = &burdened
	}
	s := &Script{Seed: seed, Profile: p.name, Settings: anySettings(&d)}
	p.settle(&d, &s.Settings)
	at := Span(0)
	if d.one(40) {
		at = gap(&d, p.gaps) // before the start
		s.Steps = append(s.Steps, anyStep(&d, p, at))
	}
	s.Steps = append(s.Steps, Step{At: at, Do: Start})
	for range p.steps + d.n(p.steps) {
		at += gap(&d, p.gaps)
		s.Steps = append(s.Steps, anyStep(&d, p, at))
	}
	for range d.n(p.answers + 1) {
		s.Answers = append(s.Answers, anyAnswer(&d, p, &s.Settings))
	}
	if d.one(2) {
		s.End = Gone
		if s.noticeable() {
			s.End = Vanished
		}
	} else if d.one(2) && s.healthy() {
		s.End = Well
	}
	return s
}

// noticeable reports whether a session finds out by itself that its server is gone.
func (s *Script) noticeable() bool {
	asks := abilities("ping+probe")
	for i := range s.Steps {
		if s.Steps[i].Do == CannotPing {
			return false
		}
	}
	for i := range s.Answers {
		if s.Answers[i].Lacks&asks != 0 {
			return false
		}
	}
	return s.Settings.Detector && s.Settings.PingInterval > 0 && s.Settings.Can&asks == asks
}

// healthy reports whether links can show that they work when everything does.
func (s *Script) healthy() bool {
	for i := range s.Steps {
		if s.Steps[i].Do == Declare || s.Steps[i].Do == Flap {
			return false
		}
	}
	c, probe := &s.Settings, abilities("probe")
	probes := c.Can&probe != 0
	for i := range s.Answers {
		a := &s.Answers[i]
		if a.To == ToCredentials && a.Manner != Polite {
			return false // a source is asked one question at a time
		}
		probes = probes && a.Lacks&probe == 0
	}
	shows := probes || c.Expect == health.ExpectUnknown || c.Expect == health.ExpectNothing
	return c.RTT <= 300*ms && shows
}

const (
	ms  = Span(time.Millisecond)
	sec = Span(time.Second)
)

// gap is the time to the next step: mostly one at which something is due.
func gap(d *dice, gaps []Span) Span { return pick(d, gaps) }

// anySettings are those of a session with all defaults, but for smaller budgets.
func anySettings(d *dice) Settings {
	s := Settings{
		Elapsed: pick(d, []Span{10 * sec, 20 * sec, 20 * sec, 40 * sec, 90 * sec}), Idle: -1, Attempts: -1,
		Extension: pick(d, []Span{0, 30 * sec, 600 * sec}), Rejections: pick(d, []int{0, 1, 2, 5, -1}),
		BackOff: pick(d, []string{"adaptive", "adaptive", "jitter"}), StableAfter: pick(d, []Span{10 * sec, 10 * sec, 2 * sec, 0}),
		MaxRetryAfter: pick(d, []Span{300 * sec, 20 * sec, 0}), Ladder: !d.one(4),
		ConnectTimeout: pick(d, []Span{15 * sec, 3 * sec}), CloseGrace: pick(d, []Span{2 * sec, 500 * ms}),
		ReasonGrace: pick(d, []Span{250 * ms, 250 * ms, 0}), PingInterval: pick(d, []Span{10 * sec, 0}), ProofTimeout: 3 * sec,
		PrepareTimeout: pick(d, []Span{10 * sec, sec}), DownTimeout: pick(d, []Span{600 * sec, 15 * sec}),
		Can: Can(d.n(64)), RTT: pick(d, []Span{0, ms, 20 * ms, 20 * ms, 150 * ms, 150 * ms, 300 * ms, 3 * sec}),
	}
	s.Echo, s.Chatty = d.one(2), d.one(3)
	if d.one(6) {
		s.PresenceTimeout = 3 * sec
	}
	return s
}

// anyStep is one thing that happens.
func anyStep(d *dice, p *profile, at Span) Step {
	s := Step{At: at, Do: pick(d, p.deeds)}
	if d.one(p.strays) {
		s.Back = 1 + d.n(3)
	}
	switch s.Do {
	case Report:
		s.Status = anyStatus(d, p)
	case Close:
		s.Layer = pick(d, layers)
		if !d.one(2) {
			s.Status = anyStatus(d, p)
		}
	case Doubt, Hear:
		s.Layer = pick(d, layers)
	case Samples:
		s.Times, s.Flowing = 1+d.n(4), !d.one(3)
		if d.one(8) {
			s.Times = 30
		}
	case Declare:
		s.Expect = health.Expectation(d.n(4))
	case Silence:
		s.Layers = pick(d, []health.Layers{health.Media, health.Signaling, health.Both, health.Both, 0})
		if s.Layers != 0 && !d.one(3) {
			s.For = pick(d, []Span{300 * ms, 2 * sec, 2800 * ms, 3 * sec, 4500 * ms, 4600 * ms, 4800 * ms, 5 * sec, 20 * sec})
		}
	case Hint:
		s.Hint = pick(d, hints)
	case Sleep:
		s.For = pick(d, []Span{sec, 2 * sec, 60 * sec, 8 * 3600 * sec, -5 * sec, -3600 * sec})
	case Stall:
		s.For = pick(d, []Span{100 * ms, sec, 5 * sec, 40 * sec})
	case Block:
		s.For = pick(d, []Span{sec, 300 * sec, 560 * sec, 560 * sec})
	case Flap:
		s.Times, s.For = pick(d, []int{3, 300, 300}), pick(d, []Span{sec, 2 * sec, 2 * sec})
	case Update:
		s.Renegotiate, s.ViewOnly = d.one(2), d.one(4)
	}
	return s
}

var (
	layers = []status.Layer{status.LayerSignaling, status.LayerSignaling, status.LayerMedia, status.LayerUnknown, status.LayerClient}
	hints  = []observer.Hint{
		observer.NetworkDown, observer.NetworkUp, observer.NetworkChanged, observer.Woke, observer.NetworkDown, "nonsense",
	}
)

// failures are codes of which a session tries to recover.
var failures = []status.Code{
	status.SignalingChannelClosedUnexpectedly, status.SignalingInternalServerError, status.AudioInternalServerError,
	status.AudioServiceUnavailable, status.ConnectionHealthReconnect, status.ICEGatheringTimeoutWorkaround, status.TaskFailed,
	status.NoAttendeePresent, status.SignalingChannelClosedUnexpectedly, 99,
}

// others change a session, or nothing.
var others = []status.Code{
	status.OK, status.VideoCallSwitchToViewOnly, status.IncompatibleSDP, status.AudioVideoWasRemovedFromPrimaryMeeting,
	status.AudioVideoDisconnectedWhilePromoted, status.AudioDisconnectAudio, status.EncodedTransformManagerFailed,
	status.AudioAuthenticationRejected, -1, math.MaxInt32,
}

// anyStatus is a failure, most of the time.
func anyStatus(d *dice, p *profile) status.Status {
	st := status.Status{Code: pick(d, failures)}
	switch {
	case d.one(p.final):
		st.Code = pick(d, status.All())
	case d.one(4):
		st.Code = pick(d, others)
	}
	if st.Code == status.ConnectionHealthReconnect || d.one(6) {
		st.Layer = pick(d, layers)
	}
	if d.one(8) {
		st.Wire = pick(d, []int{1006, 1012, 503, 4500})
	}
	st.Shared = d.one(8)
	st.Permanent = d.one(6 * p.final)
	if d.one(6) {
		st.Directive = anyDirective(d)
	}
	return st
}

func anyDirective(d *dice) *status.Directive {
	return &status.Directive{
		RetryAfter: time.Duration(pick(d, []Span{0, 0, -sec, 1, 2 * sec, 20 * sec, math.MaxInt64})),
		Recovery:   status.Recovery(d.n(3)), Endpoint: pick(d, []string{"", "", "elsewhere"}),
	}
}

// anyAnswer is what one call does.
func anyAnswer(d *dice, p *profile, s *Settings) Answer {
	a := Answer{To: anyCall(d, s)}
	if d.one(2) {
		a.After = pick(d, []Span{ms, 20 * ms, 200 * ms, sec, 2 * sec, 4 * sec, 14 * sec, 40 * sec})
	}
	if a.To == ToConnect {
		if d.one(6) {
			a.Mute = health.Layers(1 + d.n(3))
		}
		a.Absent = d.one(4)
		if d.one(4) {
			a.Lacks = Can(d.n(64))
		}
	}
	if d.n(100) < p.bad {
		a.Does = pick(d, p.outcomes)
		if a.Does == Fails || a.Does == Hangs && d.one(2) {
			a.Status = anyStatus(d, p)
		}
	}
	if d.one(p.rude) {
		a.Manner = pick(d, []Manner{Deaf, Late, Late})
	}
	return a
}

// anyCall is a call that there will be.
func anyCall(d *dice, s *Settings) Call {
	calls := []Call{ToConnect, ToConnect, ToConnect, ToClose, ToRestart, ToResume, ToResume, ToUpdate, ToPromote, ToDemote, ToLeave}
	if s.Credentials {
		calls = append(calls, ToCredentials, ToCredentials, ToCredentials)
	}
	if s.FindEndpoints {
		calls = append(calls, ToEndpoints, ToEndpoints)
	}
	if s.Limiter {
		calls = append(calls, ToLimiter, ToLimiter)
	}
	if s.ResyncTimeout > 0 {
		calls = append(calls, ToResync, ToResync)
	}
	return pick(d, calls)
}
