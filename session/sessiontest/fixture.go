package sessiontest

import (
	"cmp"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/session"
)

// Fixture is what TestTransport tries one rule on: a fresh transport, and the hooks by
// which the test can change the world around it. Only Transport is required. A rule
// that needs a hook which is nil is skipped and says so.
//
// Hooks are called from one goroutine at a time, and have taken effect when they
// return.
type Fixture struct {
	// Transport is what is tested. It has opened nothing yet.
	Transport session.Transport

	// Attempt is what Connect, RestartMedia and Resume are asked for: an Endpoint and
	// Credentials that work, if the transport wants some. Epoch, Number, Level,
	// RestartMedia and Timeout are set by the rules.
	Attempt session.Attempt
	// Other has another Endpoint and other Credentials that work, too; optional. With it
	// the rule "connect-attempt" finds a transport that sticks to its first ones.
	Other session.Attempt
	// Promotion are the credentials for Promote.
	Promotion session.Credentials
	// Has are the abilities that links are meant to have. One that is missing fails the
	// rule "abilities"; one that is not in it, and that links have all the same, is
	// tried, too.
	Has Ability

	// Vanish makes the server fall silent on every layer without a word, as if its
	// cable were cut: nothing of it arrives any more.
	Vanish func()
	// Drop makes the server end the signaling of the links that are open, with a
	// close that they can see. It keeps their sessions if it can resume them.
	Drop func()
	// Refuse makes the server refuse whoever wants to join from now on.
	Refuse func()
	// Hang lists by name the steps of joining in which the server can fall silent, and
	// makes it do so for everyone who joins from now on. More than one takes Heal. Without
	// it a Connect that ignores its context, but takes no longer than Grace, is not
	// found out: the rule "connect-cancelled-during" is skipped then, and says so.
	Hang map[string]func()
	// Forget makes the server forget the sessions of the links that are open, so that
	// none can be resumed.
	Forget func()
	// Heal undoes Vanish, Refuse and Hang.
	Heal func()
	// Links counts the links that the server knows of. The rules wait for Patience
	// until those that were closed are gone.
	Links func() int
	// Used says what is wrong if the newest attempt, a resume included, that reached the
	// server was not made with the Endpoint and the Credentials of a.
	Used func(a session.Attempt) error

	// Patience is how long what should happen soon may take: to connect, to answer, to
	// notice that a server has gone. 0: 5 s, in a bubble a minute.
	Patience time.Duration
	// Grace is how long a call may run on when its context has ended, and how long Close
	// may take. 0: 2 s, which is Config.CloseGrace by default.
	Grace time.Duration
	// Quiet is how long is listened for what must not happen. 0: 100 ms, in a bubble
	// 10 s.
	Quiet time.Duration
	// Ignore says, by its stack, that a goroutine which is left over is none of the
	// transport's; nil: all are. Goroutines that a server of the test keeps for longer
	// than Patience after a link was closed are the case for it.
	Ignore func(stack string) bool
}

// Ability is a set of the optional abilities of a link.
type Ability uint8

// The abilities: session.Pinger, MediaProber, MediaRestarter, Resumer, Updater,
// Promoter and Leaver.
const (
	CanPing Ability = 1 << iota
	CanProbe
	CanRestartMedia
	CanResume
	CanUpdate
	CanPromote
	CanLeave
)

// The waits of a Fixture that names none, in real time and in a bubble, where they
// cost nothing.
const (
	defaultPatience, bubblePatience = 5 * time.Second, time.Minute
	defaultQuiet, bubbleQuiet       = 100 * time.Millisecond, 10 * time.Second
	defaultGrace                    = 2 * time.Second
)

// effective fills in what was left out.
func (f Fixture) effective(bubble bool) Fixture {
	patience, quiet := defaultPatience, defaultQuiet
	if bubble {
		patience, quiet = bubblePatience, bubbleQuiet
	}
	f.Patience = cmp.Or(f.Patience, patience)
	f.Quiet = cmp.Or(f.Quiet, quiet)
	f.Grace = cmp.Or(f.Grace, defaultGrace)
	return f
}

// TestTransport proves a session.Transport: it holds it, and the links that it opens,
// against all that package session expects of them, one subtest for each rule. The
// factory makes a fresh transport for a rule, with a server of its own if it needs
// one; what has to be cleaned up belongs into tb.Cleanup. Everything runs in real time:
// some seconds, as long as the transport connects fast. Run it with -race. Other tests
// must not run at the same time: their goroutines would be taken for leaks.
//
//	func TestMyTransport(t *testing.T) {
//		sessiontest.TestTransport(t, func(tb testing.TB) sessiontest.Fixture {
//			server := startServer(tb)
//			return sessiontest.Fixture{Transport: dialer{server.Addr()}, Drop: server.DropAll}
//		})
//	}
//
// A failure names the rule, says what was wrong, what the contract is and what to do.
// If "connect-opens" or "close-bounded" fails nothing else is tried: the former is what
// all rules need, and with a Close that hangs each of them would wait for it many times.
func TestTransport(t *testing.T, factory func(tb testing.TB) Fixture) {
	t.Helper()
	tryAll(t, factory, false)
}

// TestTransportInBubble is TestTransport in fake time: the factory and the rule run in
// a testing/synctest bubble, one for each rule. The network has to be in memory, as
// net.Pipe or Pion's vnet are, and what Patience, Grace and Quiet wait for costs
// nothing. Goroutines that nothing ends are told and then end the test binary, since a
// bubble does not let go of them.
func TestTransportInBubble(t *testing.T, factory func(tb testing.TB) Fixture) {
	t.Helper()
	tryAll(t, factory, true)
}

func tryAll(t *testing.T, factory func(tb testing.TB) Fixture, bubble bool) {
	t.Helper()
	broken := "" // the basic rule that is
	for i := range transportRules {
		r := &transportRules[i]
		passed := t.Run(r.name, func(t *testing.T) {
			switch {
			case broken != "":
				t.Skipf("not tried, since rule %q is broken", broken)
			case bubble:
				r.tryInBubble(t, factory)
			default:
				r.try(t, factory, bubble)
			}
		})
		if !passed && i < len(basicRules) {
			broken = r.name
		}
	}
}
