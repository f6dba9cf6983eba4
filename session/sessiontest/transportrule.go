package sessiontest

import (
	"slices"
	"testing"
	"testing/synctest"
)

// transportRule is one thing that a session.Transport has to keep.
type transportRule struct {
	name     string
	contract string // what it has to keep
	advice   string // what to do if it does not
	// needs lists the hooks without which the rule cannot be tried.
	needs []hook
	check func(*trial)
}

// hook is one of the hooks of a Fixture.
type hook struct {
	name string
	has  func(*Fixture) bool
}

var (
	needsVanish = hook{"Vanish", func(f *Fixture) bool { return f.Vanish != nil }}
	needsDrop   = hook{"Drop", func(f *Fixture) bool { return f.Drop != nil }}
	needsRefuse = hook{"Refuse", func(f *Fixture) bool { return f.Refuse != nil }}
	needsHang   = hook{"Hang", func(f *Fixture) bool { return len(f.Hang) > 0 }}
	needsForget = hook{"Forget", func(f *Fixture) bool { return f.Forget != nil }}
	needsHeal   = hook{"Heal", func(f *Fixture) bool { return f.Heal != nil }}
	needsLinks  = hook{"Links", func(f *Fixture) bool { return f.Links != nil }}
	needsUsed   = hook{"Used", func(f *Fixture) bool { return f.Used != nil }}
)

// transportRules are in the order in which they are tried. If one of the basicRules,
// with which they begin, is broken none of the others is.
var transportRules = slices.Concat(basicRules, connectRules, closeRules, abilityRules, restoreRules, serverRules, sessionRules)

// try holds one fixture against the rule.
func (r *transportRule) try(tb testing.TB, factory func(testing.TB) Fixture, bubble bool) {
	tb.Helper()
	if bubble {
		tb.Cleanup(func() { r.nothingLeft(tb) }) // called when those of the factory were
	}
	f := factory(tb)
	if f.Transport == nil {
		tb.Fatal("sessiontest: the factory has made a Fixture without a Transport")
	}
	for _, h := range r.needs {
		if !h.has(&f) {
			tb.Skipf("the Fixture has no %s, which rule %q needs", h.name, r.name)
		}
	}
	t := &trial{tb: tb, rule: r, bubble: bubble, Fixture: f.effective(bubble)}
	defer t.finish()
	r.check(t)
}

// tryInBubble is try in a bubble, out of which a test does not tell that it was
// skipped. Why was logged.
func (r *transportRule) tryInBubble(t *testing.T, factory func(testing.TB) Fixture) {
	t.Helper()
	skipped := false
	synctest.Test(t, func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		r.try(t, factory, true)
	})
	if skipped {
		t.SkipNow()
	}
}

// nothingLeft says what keeps a bubble from ending, which panics without a word about
// the rule.
func (r *transportRule) nothingLeft(tb testing.TB) {
	tb.Helper()
	t := &trial{Fixture: Fixture{}.effective(true), bubble: true}
	if left := t.leaked(nil); len(left) > 0 {
		tb.Errorf("after rule %q, when everything was closed and cleaned up, %d goroutines are left, with which a bubble cannot end; "+
			"see what the rules close-bounded, connect-failed-goroutines and close-goroutines ask for:%s", r.name, len(left), stacks(left))
	}
}
