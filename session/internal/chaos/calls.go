package chaos

import (
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// call is something that the core has asked its surroundings for.
type call struct {
	effect    machine.Effect
	stage     Call // what it is at: an attempt asks for endpoints and credentials first
	answer    Answer
	cancelled bool
	done      bool
	turn      uint64 // what is on its way for an earlier turn does not count any more
}

// keys is what the runtime keeps of credentials.
type keys struct {
	held  bool
	until time.Duration // 0: not known
	used  int           // number of the last token that an attempt was given
	given int           // and of the last one that there is
	bad   int           // the last one that was rejected
}

var (
	errReason = errors.New("because")
	errPanic  = errors.New("panic")
)

// answer is what the next call of a kind does.
func (s *Script) answer(cursor map[Call]int, to Call) Answer {
	n := cursor[to]
	for i := n; i < len(s.Answers); i++ {
		if s.Answers[i].To == to {
			cursor[to] = i + 1
			return s.Answers[i]
		}
	}
	cursor[to] = len(s.Answers)
	return Answer{To: to}
}

// perform begins what an effect asks for, or ends it.
func (c *core) perform(e *machine.Effect) {
	switch e.Kind {
	case machine.Open:
		c.links = append(c.links, link{media: time.Duration(c.s.Media)})
		c.begin(e, c.first(e))
	case machine.Restart, machine.Resume:
		c.begin(e, c.first(e))
	case machine.Update:
		c.begin(e, ToUpdate)
	case machine.CallPromote:
		c.begin(e, ToPromote)
	case machine.CallDemote:
		c.begin(e, ToDemote)
	case machine.Resync:
		c.begin(e, ToResync)
	case machine.Admit:
		c.begin(e, ToLimiter)
	case machine.Refresh:
		c.begin(e, ToCredentials)
	case machine.CloseLink:
		c.links[e.Epoch-1].closed = true
		if c.s.Echo {
			c.queue.put(arrival{at: c.now.Mono, what: anEcho, epoch: e.Epoch})
		}
		c.begin(e, ToClose)
	case machine.Ping:
		c.asked(e, aPong, health.Signaling)
	case machine.Probe:
		c.asked(e, aProbe, health.Media)
	case machine.Finish:
		c.ended = true
	default:
		c.cancel(e)
	}
}

// first is what an attempt begins with.
func (c *core) first(e *machine.Effect) Call {
	if e.Attempt.Rejected {
		c.keys.held, c.keys.bad = false, c.keys.used
	}
	if e.Attempt.FindEndpoint {
		return ToEndpoints
	}
	return c.second(e)
}

// second is what it goes on with: the credentials, unless those at hand will do.
func (c *core) second(e *machine.Effect) Call {
	if !c.s.Credentials || e.Attempt.Level == policy.RestartMedia {
		return itself(e.Attempt.Level)
	}
	return ToCredentials
}

func itself(level policy.Level) Call {
	switch level {
	case policy.RestartMedia:
		return ToRestart
	case policy.Resume:
		return ToResume
	}
	return ToConnect
}

func (c *core) begin(e *machine.Effect, stage Call) {
	c.calls = append(c.calls, call{effect: *e})
	c.enter(len(c.calls)-1, stage)
}

// enter begins a stage of a call.
func (c *core) enter(i int, stage Call) {
	a := &c.calls[i]
	a.stage = stage
	a.turn++
	if attempt := a.effect.Kind == machine.Open || a.effect.Kind == machine.Resume; attempt && stage == ToCredentials && c.keysDo() {
		a.answer = Answer{To: stage, Does: Again}
	} else {
		a.answer = c.script.answer(c.cursor, stage)
	}
	if c.well {
		a.answer = Answer{To: stage}
	}
	after := time.Duration(a.answer.After)
	switch {
	case a.answer.Does == Hangs && !(a.cancelled && a.answer.Manner != Deaf):
	case a.answer.Manner == Late && !a.cancelled:
	case a.cancelled && a.answer.Manner == Polite:
		c.due(i, 0)
	default:
		c.due(i, after)
	}
}

// keysDo reports whether the credentials at hand will do.
func (c *core) keysDo() bool {
	return c.keys.held && c.keys.until > 0 && c.keys.until-c.now.Mono >= time.Duration(c.s.ConnectTimeout)
}

func (c *core) due(i int, after time.Duration) {
	c.queue.put(arrival{at: c.now.Mono + after, what: aCall, index: i, id: c.calls[i].turn})
}

// cancels says which effects end which.
var cancels = map[machine.EffectKind][]machine.EffectKind{
	machine.CancelOpen:      {machine.Open},
	machine.CancelUpdate:    {machine.Update},
	machine.CancelPromotion: {machine.CallPromote, machine.CallDemote},
	machine.CancelRestore:   {machine.Restart, machine.Resume},
	machine.CancelResync:    {machine.Resync},
	machine.CancelAdmit:     {machine.Admit},
	machine.CancelRefresh:   {machine.Refresh},
}

// cancel ends the context of the newest call that the effect is meant for.
func (c *core) cancel(e *machine.Effect) {
	kinds := cancels[e.Kind]
	for i := len(c.calls) - 1; i >= 0; i-- {
		a := &c.calls[i]
		for _, k := range kinds {
			if a.effect.Kind == k && a.effect.Epoch == e.Epoch && (e.ID == 0 || a.effect.ID == e.ID) {
				c.cut(i)
				return
			}
		}
	}
}

func (c *core) cut(i int) {
	a := &c.calls[i]
	if a.done || a.cancelled {
		return
	}
	a.cancelled = true
	switch a.answer.Manner {
	case Polite:
		a.turn++
		c.due(i, 0)
	case Late:
		a.turn++
		if a.answer.Does != Hangs {
			c.due(i, time.Duration(a.answer.After))
		} else {
			c.due(i, 0)
		}
	}
}

// complete takes the end of a stage: a further one follows, or the call returns.
func (c *core) complete(i int) {
	a := &c.calls[i]
	r := c.resultOf(a)
	switch {
	case r.failed():
		c.returns(i, r)
	case a.stage == ToEndpoints:
		c.handle(machine.Input{Kind: machine.Prepared, Epoch: a.effect.Epoch, Ready: &machine.Ready{Endpoints: endpointNames}})
		c.goOn(i, c.second(&c.calls[i].effect))
	case a.stage == ToCredentials && a.effect.Kind != machine.Refresh:
		c.handle(machine.Input{Kind: machine.Prepared, Epoch: a.effect.Epoch, Ready: c.ready()})
		c.goOn(i, itself(c.calls[i].effect.Attempt.Level))
	default:
		c.returns(i, r)
	}
}

// goOn begins the next stage of a call.
func (c *core) goOn(i int, stage Call) {
	if !c.calls[i].done {
		c.enter(i, stage)
	}
}

// ready are credentials as the core hears of them.
func (c *core) ready() *machine.Ready {
	r := &machine.Ready{Authorized: true}
	if c.keys.until > 0 {
		r.ExpireIn = max(c.keys.until-c.now.Mono, 0)
	}
	return r
}

// result is how a call, or a stage of it, has ended.
type result struct {
	st                             status.Status
	refused, rejected, unsupported bool
}

func (r result) failed() bool { return !r.st.IsZero() || r.unsupported }

var (
	errServerGone = errors.New("no route to host")
	taskFailed    = status.New(status.TaskFailed, errReason)
	goneFailed    = status.New(status.TaskFailed, errServerGone)
)

// resultOf is what the answer of a call comes to.
func (c *core) resultOf(a *call) result {
	restores := a.stage == ToRestart || a.stage == ToResume
	switch does := a.answer.Does; {
	case c.gone && (restores || a.stage == ToConnect):
		return result{st: goneFailed}
	case a.cancelled && a.answer.Manner == Polite && does != Hangs:
		return result{st: taskFailed}
	case a.stage == ToCredentials:
		return c.credentials(a)
	case does == Works, does == Again, does == Nothing && a.stage != ToConnect && a.stage != ToEndpoints:
		return result{}
	case does == Unsupported && (restores || a.stage == ToUpdate || a.stage == ToPromote || a.stage == ToDemote):
		return result{unsupported: true}
	case does == Unauthorized:
		return result{st: taskFailed, rejected: true}
	case does == Refused:
		return result{st: taskFailed, refused: restores}
	case does == Fails || does == Hangs:
		return c.failure(a, restores)
	}
	return result{st: taskFailed}
}

// failure is the status of an answer as the runtime passes it on.
func (c *core) failure(a *call, restores bool) result {
	st := a.answer.Status
	if st.Code == status.OK {
		st = taskFailed
	}
	attempt := restores || a.stage == ToConnect
	return result{
		st: st, rejected: attempt && c.s.Credentials && st.Code == status.AudioAuthenticationRejected,
		refused: restores && st.Directive != nil && st.Directive.Recovery == status.RecoverByRejoin,
	}
}

// credentials is what the source's answer comes to.
func (c *core) credentials(a *call) result {
	switch a.answer.Does {
	case Works, Nothing:
		c.keys.given++
		c.keys.held, c.keys.until = true, 0
		if c.s.ExpireIn > 0 {
			c.keys.until = c.now.Mono + time.Duration(c.s.ExpireIn)
		}
	case Again:
		if c.keys.given == 0 || c.keys.given == c.keys.bad {
			c.keys.used = c.keys.given
			return result{st: taskFailed, rejected: c.keys.given != 0}
		}
		c.keys.held = true
	case Unauthorized:
		return result{st: status.Status{Code: status.AudioAuthenticationRejected, Layer: status.LayerClient, Permanent: true}}
	default:
		return result{st: taskFailed}
	}
	if a.effect.Kind != machine.Refresh {
		c.keys.used = c.keys.given
	}
	return result{}
}

// returns hands the end of a call to the core.
func (c *core) returns(i int, r result) {
	a := &c.calls[i]
	a.done = true
	e := &a.effect
	in := machine.Input{Epoch: e.Epoch, ID: e.ID, Status: r.st}
	switch e.Kind {
	case machine.Open:
		c.dialed(a, r)
		return
	case machine.Restart, machine.Resume:
		in.Kind, in.Refused, in.Rejected, in.Unsupported = machine.Restored, r.refused, r.rejected, r.unsupported
	case machine.Update:
		in.Kind, in.Unsupported = machine.UpdateDone, r.unsupported
	case machine.CallPromote:
		in.Kind, in.Unsupported = machine.PromoteDone, r.unsupported
	case machine.CallDemote:
		in.Kind, in.Unsupported = machine.DemoteDone, r.unsupported
	case machine.Resync:
		in.Kind = machine.Resynced
	case machine.Admit:
		in.Kind = machine.Admitted
	case machine.Refresh:
		in.Kind = machine.Refreshed
		if in.Ready = new(machine.Ready); !r.failed() {
			in.Ready = c.ready()
		}
	case machine.CloseLink:
		in = machine.Input{Kind: machine.CloseDone, Epoch: e.Epoch}
	}
	c.handle(in)
}

// presence is how long the attendee takes to show up.
const presence = 100 * time.Millisecond

// dialed hands over a link, or the reason why there is none. When the session has
// ended the runtime closes it.
func (c *core) dialed(a *call, r result) {
	e := a.effect
	if r.failed() || c.ended {
		if !r.failed() {
			r.st = taskFailed
		}
		c.handle(machine.Input{Kind: machine.OpenFailed, Epoch: e.Epoch, Status: r.st, Rejected: r.rejected})
		return
	}
	l := &c.links[e.Epoch-1]
	if c.s.PresenceTimeout > 0 && !a.answer.Absent {
		c.queue.put(arrival{at: c.now.Mono + presence, what: aPresent, epoch: e.Epoch})
	}
	l.opened, l.flows, l.silent = true, c.now.Mono, l.silent|a.answer.Mute
	if c.well {
		l.silent = 0
	}
	if expect := c.s.Expect; expect != 0 {
		c.handle(machine.Input{Kind: machine.Expected, Epoch: e.Epoch, Expect: expect})
	}
	c.handle(machine.Input{Kind: machine.Opened, Epoch: e.Epoch, Abilities: machine.Abilities(c.s.Can &^ a.answer.Lacks)})
}
