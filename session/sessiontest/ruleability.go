package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/session"
)

// abilityRules are about what a link can do besides Close.
var abilityRules = []transportRule{
	{
		name:     "abilities",
		contract: "the abilities of a link are found by type assertion, also on what its Unwrap() session.Link returns: names, arguments and results have to fit exactly",
		advice:   "give the methods the signatures of package session, and check that when compiling: var _ session.Pinger = (*link)(nil)",
		check:    abilities,
	},
	{
		name:     "unsupported",
		contract: "errors.ErrUnsupported from an ability means that the link has not got it, now and later; nothing has been changed",
		advice:   "return another error if it may work later",
		check:    unsupported,
	},
	{
		name:     "ping",
		contract: "each Ping is answered by one Reporter.Pong with the id of that ping",
		advice:   "send the id along and report the one that comes back",
		check:    func(t *trial) { answersItsOwn(t, CanPing) },
	},
	{
		name:     "probe-media",
		contract: "each ProbeMedia is answered by one Reporter.Probed with the id of that probe",
		advice:   "keep the id with the request and report it when its answer comes",
		check:    func(t *trial) { answersItsOwn(t, CanProbe) },
	},
	{
		name:     "calls-cancelled",
		contract: "each ability returns soon after its context has ended, be that before the call or in the middle, and leaves a link that can be closed",
		advice:   "select on ctx.Done() wherever it waits",
		check:    callsCancelled,
	},
	{
		name:     "calls-together",
		contract: "Ping, ProbeMedia, Update, and Promote or Demote may run at the same time; so may Ping, ProbeMedia and one of RestartMedia and Resume",
		advice:   "hold no lock while waiting for the server; run this with -race",
		check:    callsTogether,
	},
	{
		name:     "update",
		contract: "Update returns when the change is in force, and the link goes on",
		advice:   "change what is open; let nothing of the link depend on the call's context",
		check:    update,
	},
	{
		name:     "promote",
		contract: "Promote returns when the server has acknowledged it, Demote leaves the promotion; the link goes on",
		advice:   "give the fixture a Promotion that the server takes; let nothing of the link depend on the call's context",
		check:    promote,
	},
	{
		name:     "leave",
		contract: "Leave says goodbye within its context, and Close, which follows, closes the link as ever, whether or not Leave has returned",
		advice:   "wait for the server's answer in a select with ctx.Done(); leave the closing to Close",
		check:    leave,
	},
}

// abilityMethods are the methods of each ability.
var abilityMethods = []struct {
	Ability
	name    string
	methods []string
}{
	{CanPing, "Pinger", []string{"Ping"}},
	{CanProbe, "MediaProber", []string{"ProbeMedia"}},
	{CanRestartMedia, "MediaRestarter", []string{"RestartMedia"}},
	{CanResume, "Resumer", []string{"Resume"}},
	{CanUpdate, "Updater", []string{"Update"}},
	{CanPromote, "Promoter", []string{"Promote", "Demote"}},
	{CanLeave, "Leaver", []string{"Leave"}},
}

func abilities(t *trial) {
	s := t.open()
	found := s.abilities()
	for _, a := range abilityMethods {
		switch signature := looksLike(s.has(), a.methods); {
		case found&a.Ability != 0:
		case signature != "":
			t.breaks("the link has a method %s, but is no session.%s: the session will not find it", signature, a.name)
		case t.Has&a.Ability != 0:
			t.breaks("Fixture.Has says that the link is a session.%s, and it is none", a.name)
		}
	}
}

// looksLike finds a method by its name, whatever its form.
func looksLike(l session.Link, names []string) string {
	for range 16 {
		for _, name := range names {
			if m := reflect.ValueOf(l).MethodByName(name); m.IsValid() {
				return name + strings.TrimPrefix(m.Type().String(), "func")
			}
		}
		wrapper, wraps := l.(interface{ Unwrap() session.Link })
		if !wraps || wrapper.Unwrap() == nil {
			break
		}
		l = wrapper.Unwrap()
	}
	return ""
}

func unsupported(t *trial) {
	first := t.open()
	all := first.every()
	first.shut()
	var none []string
	for _, c := range all {
		s := t.open()
		if s.make(mustCalled(s, c.name)).unsupported() {
			none = append(none, c.name)
			s.denies(c.name)
		}
		s.shut()
	}
	if len(none) == 0 {
		t.skip("the link supports all abilities that it has")
	}
}

func mustCalled(s *subject, name string) abilityCall {
	c, _ := s.called(name)
	return c
}

// denies holds the link to an ErrUnsupported that it has returned.
func (s *subject) denies(name string) {
	t := s.trial
	for _, a := range abilityMethods {
		if slices.Contains(a.methods, name) && t.Has&a.Ability != 0 {
			t.breaks("%s returns errors.ErrUnsupported, though Fixture.Has says that the link can do it", name)
		}
	}
	before, losses := s.pulse(everything), s.losses()
	if o := s.make(mustCalled(s, name)); !o.unsupported() {
		t.breaks("%s returned errors.ErrUnsupported first, and when it was called again it %v", name, o)
	}
	if fault := s.harmed(before, losses); fault != "" {
		t.breaks("after %s had returned errors.ErrUnsupported %s", name, fault)
	}
}

// questions is how often each is asked.
const questions = 3

func answersItsOwn(t *trial, what Ability) {
	s := t.open()
	var ask func(context.Context, uint64) error
	heard, name := s.ponged, "Ping"
	switch what {
	case CanPing:
		if p, ok := abilityOf[session.Pinger](s.has()); ok {
			ask = p.Ping
		}
	case CanProbe:
		heard, name = s.probed, "ProbeMedia"
		if p, ok := abilityOf[session.MediaProber](s.has()); ok {
			ask = p.ProbeMedia
		}
	}
	if ask == nil {
		t.skip("the link has no method %s", name)
	}
	for range questions {
		if fault, ok := s.answered(name, ask, heard); !ok {
			t.skip("%s", fault)
		} else if fault != "" {
			t.breaks("%s", fault)
			return
		}
	}
	t.hush(never)
	if twice := s.repeated(what); twice != 0 {
		t.breaks("the answer to %s %d was reported more than once", name, twice)
	}
}

// answered asks one question and waits for its answer; false if the ability is
// missing after all. A single one may be lost on its way.
func (s *subject) answered(name string, ask func(context.Context, uint64) error, heard func(uint64) bool) (fault string, ok bool) {
	t := s.trial
	for range tries {
		n := s.count()
		id, o := s.ask(ask)
		switch {
		case o.unsupported():
			return name + " returns errors.ErrUnsupported", false
		case !o.returned:
			return fmt.Sprintf("%s %v", name, o), true
		case holds(t.Patience/tries, func() bool { return heard(id) }):
			return "", true
		}
		fault = fmt.Sprintf("%s(%d) had no answer for %v; it %v; meanwhile it was reported: [%s]",
			name, id, t.Patience/tries, o, strings.Join(s.since(n), ", "))
	}
	return fault, true
}

func callsCancelled(t *trial) {
	first := t.open()
	all := first.every()
	first.shut()
	if len(all) == 0 {
		t.skip("the link has no abilities")
	}
	for _, c := range all {
		for look := range int64(3) {
			s := t.open()
			ctx, cancel := watch(moment{look: look})
			if look == 0 {
				cancel()
			}
			running := start(func() error { return mustCalled(s, c.name).call(ctx) })
			running.wait(t.Quiet)
			cancel()
			if o := t.returns(c.name, running); !o.returned {
				return
			}
			if o := s.close(); !o.returned {
				t.breaks("after a call of %s, whose context had ended, Close %v", c.name, o)
				return
			}
		}
	}
}

func callsTogether(t *trial) {
	first := t.open()
	companies := len(first.companies())
	first.shut()
	if companies == 0 {
		t.skip("the link has no abilities")
	}
	for n := range companies {
		s := t.open()
		before, losses := s.pulse(everything), s.losses()
		calls := s.companies()[n]
		if !s.together(calls) {
			return
		}
		if fault := s.harmed(before, losses); fault != "" && calls[0].name != "Leave" {
			t.breaks("after %s at the same time %s", namesOfCalls(calls), fault)
		}
		s.shut()
	}
}

// together makes calls at the same time, those that ask again and again, and reports
// whether they have all returned.
func (s *subject) together(calls []abilityCall) bool {
	t := s.trial
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	asking := s.asking()
	var running []*call
	for _, c := range calls {
		running = append(running, start(func() error { return c.call(ctx) }))
	}
	t.settle(shortWhile)
	for _, c := range asking {
		calls, running = append(calls, c), append(running, start(func() error { return c.call(ctx) }))
	}
	for i, c := range running {
		if o := c.wait(t.Patience); !o.returned {
			t.breaks("%s, called together with %s, %v", calls[i].name, namesOfCalls(calls), o)
			return false
		}
	}
	return true
}

// harmless makes a call that leaves the link as well as it was, or complains. It skips
// the rule if the link cannot do that.
func (s *subject) harmless(c abilityCall, what string) bool {
	t := s.trial
	before, losses := s.pulse(everything), s.losses()
	switch o := s.make(c); {
	case o.unsupported():
		t.skip("%s returns errors.ErrUnsupported", what)
	case !o.returned || o.err != nil:
		t.breaks("%s %v", what, o)
		return false
	}
	if fault := s.harmed(before, losses); fault != "" {
		t.breaks("after %s %s", what, fault)
		return false
	}
	return true
}

func update(t *trial) {
	s := t.open()
	u, ok := abilityOf[session.Updater](s.has())
	if !ok {
		t.skip("the link is no session.Updater")
	}
	for _, change := range []session.Change{{Renegotiate: true}, {ViewOnly: true}, {Renegotiate: true, ViewOnly: true}} {
		what := fmt.Sprintf("Update(%+v)", change)
		if !s.harmless(abilityCall{"Update", func(ctx context.Context) error { return u.Update(ctx, change) }}, what) {
			return
		}
	}
}

func promote(t *trial) {
	s := t.open()
	p, ok := abilityOf[session.Promoter](s.has())
	if !ok {
		t.skip("the link is no session.Promoter")
	}
	join := abilityCall{"Promote", func(ctx context.Context) error { return p.Promote(ctx, t.Promotion) }}
	if s.harmless(join, "Promote") {
		s.harmless(abilityCall{"Demote", p.Demote}, "Demote")
	}
}

func leave(t *trial) {
	s := t.open()
	l, ok := abilityOf[session.Leaver](s.has())
	if !ok {
		t.skip("the link is no session.Leaver")
	}
	if o := s.make(abilityCall{"Leave", l.Leave}); errors.Is(o.err, errors.ErrUnsupported) {
		t.skip("Leave returns errors.ErrUnsupported")
	} else if !o.returned || o.err != nil {
		t.breaks("Leave %v", o)
	}
	if o := s.close(); !o.returned {
		t.breaks("after Leave, Close %v", o)
		return
	}
	if t.Vanish == nil {
		return
	}
	s = t.open()
	l, _ = abilityOf[session.Leaver](s.has())
	t.Vanish()
	ctx, cancel := context.WithTimeout(context.Background(), t.Grace/2)
	defer cancel()
	running := start(func() error { return l.Leave(ctx) })
	running.wait(t.Grace / 2)
	cancel()
	if o := s.close(); !o.returned {
		t.breaks("while Leave was running, with the server gone, Close %v", o)
	}
	t.returns("Leave, with the server gone,", running)
}
