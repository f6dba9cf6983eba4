package sessiontest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stand is a testing.TB that takes down how a test ends instead of ending itself.
type stand struct {
	testing.TB
	failed, skipped bool
	text            strings.Builder
	cleanups        []func()
}

func (s *stand) Helper()          {}
func (s *stand) Failed() bool     { return s.failed }
func (s *stand) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *stand) Errorf(format string, args ...any) {
	s.failed = true
	fmt.Fprintf(&s.text, format+"\n", args...)
}

func (s *stand) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}

func (s *stand) Skipf(format string, args ...any) {
	s.skipped = true
	fmt.Fprintf(&s.text, format+"\n", args...)
	runtime.Goexit()
}

// tried is how a rule ended that was tried on a fixture.
func tried(t *testing.T, r *transportRule, factory func(testing.TB) Fixture) *stand {
	t.Helper()
	s := &stand{TB: t}
	synctest.Test(t, func(*testing.T) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.try(s, factory, true)
		}()
		<-done
		for _, f := range slices.Backward(s.cleanups) {
			f()
		}
	})
	return s
}

// TestEachRuleIsNoticed: each way to break a rule fails that rule, with its name, the
// contract and advice, and no other but those that go with it.
func TestEachRuleIsNoticed(t *testing.T) {
	for _, f := range faults {
		t.Run(f.rule+"/"+f.name, func(t *testing.T) {
			t.Parallel() // a bubble sees no goroutines but its own
			for i := range transportRules {
				r := &transportRules[i]
				if testing.Short() && r.name != f.rule && !slices.Contains(f.also, r.name) {
					continue
				}
				s := tried(t, r, f.fixture)
				if slices.Contains(f.also, r.name) {
					assert.True(t, s.failed, r.name)
					continue
				}
				if r.name != f.rule {
					assert.False(t, s.failed, "rule %q failed as well: %s", r.name, &s.text)
					continue
				}
				require.True(t, s.failed, "not noticed: %s", &s.text)
				assert.Contains(t, s.text.String(), fmt.Sprintf("rule %q is broken: ", r.name))
				assert.Contains(t, s.text.String(), "\n\tcontract: "+r.contract+"\n\twhat to do: "+r.advice)
				t.Log(&s.text)
			}
		})
	}
}

// fixture is that of a transport with the fault.
func (f fault) fixture(tb testing.TB) Fixture {
	b := &broken{scripted: newScripted(tb), released: make(chan struct{})}
	tb.Cleanup(func() { close(b.released) })
	f.build(b)
	return b.fixture()
}

// TestEveryRuleCanBeBroken: there is a broken transport for each, which breaks nothing
// else.
func TestEveryRuleCanBeBroken(t *testing.T) {
	for _, r := range transportRules {
		assert.True(t, slices.ContainsFunc(faults, func(f fault) bool { return f.rule == r.name && len(f.also) == 0 }), r.name)
		assert.NotEmpty(t, r.contract, r.name)
		assert.NotEmpty(t, r.advice, r.name)
	}
}

// TestNothingBroken: without a fault no rule fails, and those that are skipped say why.
func TestNothingBroken(t *testing.T) {
	for i := range transportRules {
		s := tried(t, &transportRules[i], fault{build: func(*broken) {}}.fixture)
		assert.False(t, s.failed, &s.text)
		assert.Equal(t, transportRules[i].name == "unsupported", s.skipped, &s.text)
	}
}

// TestBareFixture: with nothing but a transport, rules that need a hook are skipped
// and name it; no other is.
func TestBareFixture(t *testing.T) {
	bare := func(tb testing.TB) Fixture { return Fixture{Transport: newScripted(tb).Transport} }
	for i := range transportRules {
		r := &transportRules[i]
		s := tried(t, r, bare)
		assert.False(t, s.failed, &s.text)
		if r.name == "unsupported" {
			continue
		}
		assert.Equal(t, len(r.needs) > 0, s.skipped, "%s: %s", r.name, &s.text)
		for _, h := range r.needs[:min(1, len(r.needs))] {
			assert.Contains(t, s.text.String(), "the Fixture has no "+h.name)
		}
	}
}

// TestAbleToNothing: a link that can only be closed passes, too.
func TestAbleToNothing(t *testing.T) {
	for i := range transportRules {
		s := tried(t, &transportRules[i], func(tb testing.TB) Fixture {
			f := newScripted(tb)
			f.Link = Link{}
			return Fixture{Transport: f, Drop: f.drop, Refuse: f.refuse, Heal: f.heal, Links: f.links}
		})
		assert.False(t, s.failed, &s.text)
	}
}

// breakEnv makes TestProvoked run on a broken transport, in a process of its own.
const breakEnv = "HOLDFAST_BROKEN_TRANSPORT"

// TestProvoked is run by TestFailuresAreFailures.
func TestProvoked(t *testing.T) {
	name := os.Getenv(breakEnv)
	i := slices.IndexFunc(faults, func(f fault) bool { return f.rule == name })
	if i < 0 {
		t.Skip("run by TestFailuresAreFailures")
	}
	TestTransportInBubble(t, faults[i].fixture)
}

// TestFailuresAreFailures: a broken rule fails its subtest for real; if nothing opens,
// nothing else is tried.
func TestFailuresAreFailures(t *testing.T) {
	for _, tt := range []struct {
		rule string
		rest string // how the others end
	}{{"connect-opens", "SKIP"}, {"close-bounded", "SKIP"}, {"ping", "PASS"}} {
		out := provoked(t, "TestProvoked", tt.rule)
		assert.Contains(t, out, "--- FAIL: TestProvoked/"+tt.rule)
		assert.Contains(t, out, "--- "+tt.rest+": TestProvoked/parity")
		assert.Equal(t, 2, strings.Count(out, "--- FAIL"), "%s", out)
	}
}

// provoked is the output of a test that fails on a broken transport.
func provoked(t *testing.T, test, rule string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), breakEnv+"="+rule)
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "%s", out)
	return string(out)
}

// TestProvokedInRealTime is run by TestCloseThatNeverReturns.
func TestProvokedInRealTime(t *testing.T) {
	if os.Getenv(breakEnv) == "" {
		t.Skip("run by TestCloseThatNeverReturns")
	}
	hangs := fault{build: func(b *broken) {
		b.bend = closing(func(*bent, context.Context) error { b.hang(); return nil })
	}}
	TestTransport(t, func(tb testing.TB) Fixture {
		f := hangs.fixture(tb)
		f.Grace = 200 * time.Millisecond
		return f
	})
}

// TestCloseThatNeverReturns: in real time, where each wait for a Close counts, the rule
// about it is what fails, and soon: one Close of it and one of connect-opens are all
// that is waited for.
func TestCloseThatNeverReturns(t *testing.T) {
	began := time.Now()
	out := provoked(t, "TestProvokedInRealTime", "close-bounded")
	assert.Less(t, time.Since(began), 5*time.Second)
	assert.Contains(t, out, `rule "close-bounded" is broken: Close of a link that has just opened has not returned after 25`)
	assert.Contains(t, out, "--- PASS: TestProvokedInRealTime/connect-opens")
	assert.Equal(t, len(transportRules)-2, strings.Count(out, `not tried, since rule "close-bounded" is broken`), "%s", out)
	assert.Equal(t, 2, strings.Count(out, "--- FAIL"), "%s", out)
}
