package chaos

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// seeded is a bug that was put into the core on purpose.
type seeded struct {
	name string
	make NewCore
	// rules are those of which one must be found broken.
	rules []string
}

// settled is a core that runs by other settings than it was given.
func settled(change func(*machine.Config)) NewCore {
	return func(cfg *machine.Config) Core {
		c := *cfg
		change(&c)
		return machine.New(&c)
	}
}

// wrapped is a core whose inputs and effects are tampered with.
type wrapped struct {
	*machine.Machine
	before func(*machine.Input)
	after  func(w *wrapped, now machine.Instant, in *machine.Input, effects []machine.Effect) []machine.Effect
	seen   int
	epoch  uint64 // the newest one
	late   []machine.Effect
}

func (w *wrapped) Handle(now machine.Instant, in machine.Input) []machine.Effect {
	if w.before != nil {
		w.before(&in)
	}
	effects := w.Machine.Handle(now, in)
	for i := range effects {
		if effects[i].Kind == machine.Open {
			w.epoch = effects[i].Epoch
		}
	}
	if w.after != nil {
		effects = w.after(w, now, &in, effects)
	}
	return effects
}

// after is a core whose effects are tampered with.
func after(f func(w *wrapped, now machine.Instant, in *machine.Input, effects []machine.Effect) []machine.Effect) NewCore {
	return func(cfg *machine.Config) Core { return &wrapped{Machine: machine.New(cfg), after: f} }
}

// without drops effects.
func without(drop func(w *wrapped, e *machine.Effect) bool) NewCore {
	return after(func(w *wrapped, _ machine.Instant, _ *machine.Input, effects []machine.Effect) []machine.Effect {
		return slices.DeleteFunc(effects, func(e machine.Effect) bool { return drop(w, &e) })
	})
}

func withoutKind(k machine.EffectKind) NewCore {
	return without(func(_ *wrapped, e *machine.Effect) bool { return e.Kind == k })
}

// changed rewrites events.
func changed(change func(e observer.Event) observer.Event) NewCore {
	return after(func(_ *wrapped, _ machine.Instant, _ *machine.Input, effects []machine.Effect) []machine.Effect {
		for i := range effects {
			if effects[i].Event != nil {
				effects[i].Event = change(effects[i].Event)
			}
		}
		return effects
	})
}

// doubled is a core that does something twice.
func doubled(twice func(e *machine.Effect) bool) NewCore {
	return after(func(_ *wrapped, _ machine.Instant, _ *machine.Input, effects []machine.Effect) (out []machine.Effect) {
		for i := range effects {
			if out = append(out, effects[i]); twice(&effects[i]) {
				out = append(out, effects[i])
			}
		}
		return out
	})
}

// hasty is a core that is told at once what it should wait for.
func hasty(answer func(e *machine.Effect) (machine.Input, bool)) NewCore {
	return after(func(w *wrapped, now machine.Instant, _ *machine.Input, effects []machine.Effect) []machine.Effect {
		for i := 0; i < len(effects); i++ {
			if in, ok := answer(&effects[i]); ok {
				effects = append(effects, w.Machine.Handle(now, in)...)
			}
		}
		return effects
	})
}

// forgetful is a core that forgets its deadline.
type forgetful struct {
	*machine.Machine
	down bool
}

func (f *forgetful) Handle(now machine.Instant, in machine.Input) []machine.Effect {
	if in.Kind == machine.Hinted {
		f.down = in.Hint == observer.NetworkDown
	}
	return f.Machine.Handle(now, in)
}

func (f *forgetful) Deadline() (time.Duration, bool) {
	at, ok := f.Machine.Deadline()
	return at, ok && !f.down
}

func freshen(cfg *machine.Config) Core {
	w := &wrapped{Machine: machine.New(cfg)}
	w.before = func(in *machine.Input) {
		if in.Kind == machine.Reported && in.Epoch != 0 {
			in.Epoch = w.epoch
		}
	}
	return w
}

var errSeeded = errors.New("seeded")

var seededBugs = []seeded{
	{"a link is not closed", without(func(w *wrapped, e *machine.Effect) bool {
		if e.Kind != machine.CloseLink {
			return false
		}
		w.seen++
		return w.seen == 3
	}), []string{ruleOneLink, ruleLeftovers, ruleClosed, ruleWaits, ruleInTime}},
	{"a Connect is not cancelled", withoutKind(machine.CancelOpen), []string{ruleOneLink, ruleLeftovers}},
	{"a restart or resume is not cancelled", withoutKind(machine.CancelRestore), []string{ruleCancel, ruleLeftovers, ruleOneCall}},
	{"a resync is not cancelled", withoutKind(machine.CancelResync), []string{ruleCancel, ruleLeftovers, ruleOneCall}},
	{"the limiter's question is not taken back", withoutKind(machine.CancelAdmit), []string{ruleLeftovers, ruleLimiter}},
	{"a link is closed twice", doubled(func(e *machine.Effect) bool { return e.Kind == machine.CloseLink }), []string{ruleClosed}},
	{"Stopped is told twice", doubled(func(e *machine.Effect) bool { _, is := e.Event.(observer.Stopped); return is }), []string{ruleSilence}},
	{"a promotion gets no answer", withoutKind(machine.Settle), []string{ruleAnswer}},
	{"updates have no time limit", without(func(w *wrapped, e *machine.Effect) bool {
		return e.Kind == machine.CancelUpdate && e.Epoch == w.epoch
	}), []string{ruleTimely, ruleOneCall, ruleLeftovers}},
	{"promotions have no time limit", withoutKind(machine.CancelPromotion), []string{ruleTimely, ruleLeftovers, ruleCancel}},
	{"an older link's report passes for one of the newest", freshen, []string{ruleStale}},
	{"the budget begins anew with each connection", settled(func(c *machine.Config) { c.Policy.StableAfter = 0 }), []string{ruleBudget}},
	{"the budget is twice as long", settled(func(c *machine.Config) { c.Policy.Budget.Elapsed *= 2 }), []string{ruleBudget}},
	{"the budget is half as long", settled(func(c *machine.Config) {
		if c.Policy.Budget.Elapsed > 0 {
			c.Policy.Budget.Elapsed /= 2
		}
	}), []string{ruleGiveUp}},
	{"what servers ask for is not added to the budget", settled(func(c *machine.Config) { c.Policy.Budget.Extension = 0 }), []string{ruleGiveUp}},
	{"the close grace is longer", settled(func(c *machine.Config) { c.CloseGrace += time.Second }), []string{ruleInTime}},
	{"the close grace is shorter", settled(func(c *machine.Config) { c.CloseGrace /= 2 }), []string{ruleWaits}},
	{"the deadline is forgotten offline", func(cfg *machine.Config) Core { return &forgetful{Machine: machine.New(cfg)} }, []string{ruleStuck, ruleInTime, ruleEnds}},
	{"dead links are not found", settled(func(c *machine.Config) { c.Health.Off = true }), []string{ruleEnds}},
	{"what comes in on the media path gets lost", func(cfg *machine.Config) Core {
		return &wrapped{Machine: machine.New(cfg), before: func(in *machine.Input) {
			if in.Heard.Media = 0; in.Kind == machine.Probed {
				in.ID = 1 << 40
			}
		}}
	}, []string{ruleWorks}},
	{"the limiter is not asked", settled(func(c *machine.Config) { c.Limited = false }), []string{ruleLimiter}},
	{"rejections are not counted", settled(func(c *machine.Config) { c.Policy.Budget.Rejections = -1 }), []string{ruleCredentials}},
	{"a rejection is forgotten", after(func(_ *wrapped, _ machine.Instant, _ *machine.Input, effects []machine.Effect) []machine.Effect {
		for i := range effects {
			effects[i].Attempt.Rejected = false
		}
		return effects
	}), []string{ruleCredentials}},
	{"the end of the meeting is a failure like another", settled(func(c *machine.Config) {
		c.Policy.Classes = c.Policy.Classes.With(status.MeetingEnded, policy.Failure)
	}), []string{ruleInTime, ruleTerminal, ruleReports}},
	{"a reason is not waited for", settled(func(c *machine.Config) { c.ReasonGrace = 0 }), []string{ruleReports}},
	{"an internal code is told as the end", changed(func(e observer.Event) observer.Event {
		s, is := e.(observer.Stopped)
		if is && s.Initiator == observer.ByStatus {
			s.Status.Code = status.VideoCallAtSourceCapacity
			return s
		}
		return e
	}), []string{ruleCodes}},
	{"Recovered is not told", without(func(_ *wrapped, e *machine.Effect) bool { _, is := e.Event.(observer.Recovered); return is }), []string{ruleOrder}},
	{"a loss does not demote", without(func(_ *wrapped, e *machine.Effect) bool { _, is := e.Event.(observer.Demoted); return is }), []string{ruleOrder}},
	{"the next attempt does not wait for the close", hasty(func(e *machine.Effect) (machine.Input, bool) {
		return machine.Input{Kind: machine.CloseDone, Epoch: e.Epoch}, e.Kind == machine.CloseLink
	}), []string{ruleWaits}},
	{"Connects that do not return are not counted", hasty(func(e *machine.Effect) (machine.Input, bool) {
		return machine.Input{Kind: machine.OpenFailed, Epoch: e.Epoch, Status: status.New(status.TaskFailed, errSeeded)}, e.Kind == machine.CancelOpen
	}), []string{ruleWaits, ruleDeaf}},
	{"a level is tried once too often", settled(func(c *machine.Config) {
		c.Policy.Ladder.RestartMedia.Attempts++
		c.Policy.Ladder.Resume.Attempts++
	}), []string{ruleLadder}},
	{"the application does not catch up", settled(func(c *machine.Config) { c.ResyncTimeout = 0 }), []string{ruleEvents}},
	{"the jitter is not the session's own", settled(func(c *machine.Config) { c.Random = rand.Float64 }), []string{ruleReplay}},
	{"a hint of nonsense panics", func(cfg *machine.Config) Core {
		return &wrapped{Machine: machine.New(cfg), before: func(in *machine.Input) {
			if in.Kind == machine.Hinted && !in.Hint.Known() {
				panic(errSeeded)
			}
		}}
	}, []string{ruleDefined}},
	{"a ping comes too late", after(func(w *wrapped, _ machine.Instant, _ *machine.Input, effects []machine.Effect) []machine.Effect {
		late := w.late
		w.late = nil
		effects = slices.DeleteFunc(effects, func(e machine.Effect) bool {
			if e.Kind == machine.Ping {
				w.late = append(w.late, e)
			}
			return e.Kind == machine.Ping
		})
		return append(late, effects...)
	}), []string{ruleClosed, ruleSilence, ruleLadder, ruleStale}},
	{"a goodbye is said at every loss", after(func(_ *wrapped, _ machine.Instant, _ *machine.Input, effects []machine.Effect) []machine.Effect {
		for i := range effects {
			effects[i].Leave = effects[i].Kind == machine.CloseLink
		}
		return effects
	}), []string{ruleReason}},
}

// Each bug that is put into the core on purpose is found, and the script that shows
// it is shrunk to a few steps.
func TestSeededBugsAreFound(t *testing.T) {
	alone(t)
	onlyWithoutRace(t)
	for _, bug := range seededBugs {
		t.Run(bug.name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			bad, broken, cover := Hunt(Range{Count: 20_000}, nil, onThisGoroutine(OnCore(bug.make)))
			require.NotNil(t, bad, "not found in %d scripts", cover.Scripts)
			f := FoundInCore(bad, bug.make, broken)
			t.Logf("found after %d scripts, %s; %d+%d steps and answers, of %d+%d, in %d runs: %s", bad.Seed+1, time.Since(begun).Round(time.Millisecond),
				len(f.Script.Steps), len(f.Script.Answers), len(f.Original.Steps), len(f.Original.Answers), f.Tries, f.Broken.Rule)
			assert.Contains(t, bug.rules, f.Broken.Rule, f.Broken.Text)
			assert.LessOrEqual(t, len(f.Script.Steps)+len(f.Script.Answers), 8, "%s", f)
			assert.Nil(t, CheckCore(f.Script, Sound).Broken, "the sound core is blamed, too")
		})
	}
}

// onThisGoroutine has one worker.
func onThisGoroutine(play Player) func(int, func(Player)) {
	return func(_ int, work func(Player)) { work(play) }
}
