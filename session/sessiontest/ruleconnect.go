package sessiontest

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// basicRules are what all others take for granted: that a link opens, and that it
// closes in time, without which every link that a rule opens would cost the grace.
var basicRules = []transportRule{
	{
		name:     "connect-opens",
		contract: "Connect opens one link and returns once media may flow, whatever Attempt.ViewOnly and NoTransforms say",
		advice:   "if it returns an error, make the fixture's server and its Attempt work; if it only takes long, raise Fixture.Patience; a panic or a missing link is to be mended in Connect",
		check:    connectOpens,
	},
	{
		name:     "close-bounded",
		contract: "Close returns within the close grace (Config.CloseGrace, at which its context ends)",
		advice:   "close the connection without waiting for the other side, or wait in a select with ctx.Done()",
		check:    closeBounded,
	},
}

// connectRules are about Connect once it works.
var connectRules = []transportRule{
	{
		name:     "connect-result",
		contract: "Connect returns either a link or an error, never both and never neither",
		advice:   "return nil, err on every failure, the end of the context included, with an untyped nil, and close what was opened",
		check:    connectResult,
	},
	{
		name:     "connect-cancelled-before",
		contract: "Connect returns soon when its context has ended, and a session may call it with one that has ended already",
		advice:   "pass ctx to whatever blocks, or look at ctx.Err() first",
		check:    connectCancelledBefore,
	},
	{
		name:     "connect-cancelled-during",
		contract: "Connect returns soon after its context has ended, whatever step it is in, with an error that says something or a link",
		advice:   "select on ctx.Done() wherever Connect waits; close the connection to end a read or write that knows no context",
		check:    connectCancelledDuring,
	},
	{
		name:     "connect-hung-server",
		contract: "Connect returns soon after its context has ended, with an error, also while a server that has taken the connection says nothing more",
		advice:   "wait for each answer of the server in a select with ctx.Done(), not with a bare read",
		needs:    []hook{needsHang},
		check:    connectHungServer,
	},
	{
		name:     "connect-late",
		contract: "a link that opens when its context has ended is returned, or closed by Connect; it is never left open with an error",
		advice:   "close what was opened on every way out of Connect that returns an error",
		needs:    []hook{needsLinks},
		check:    connectLate,
	},
	{
		name:     "connect-refused",
		contract: "a Connect that the server refuses returns an error that says why, a status.Code or status.Status if possible; it is an error of a context only if Connect's own has ended",
		advice:   "return the server's reason; put timeouts of your own into words or a status (errors.New, not %w of context.DeadlineExceeded)",
		needs:    []hook{needsRefuse},
		check:    connectRefused,
	},
	{
		name:     "connect-failed-goroutines",
		contract: "a Connect that fails leaves no goroutine behind",
		advice:   "end and wait for every goroutine that Connect has started before it returns an error",
		check:    connectFailedGoroutines,
	},
	{
		name:     "connect-failed-silent",
		contract: "nothing is reported through an attempt's Reporter once its Connect has failed",
		advice:   "end what reports, and wait for it, before Connect returns an error",
		check:    connectFailedSilent,
	},
	{
		name:     "connect-again",
		contract: "a Transport whose Connect has failed can open a link later",
		advice:   "keep nothing of an attempt in the Transport (no sync.Once, no sticky error, no shared connection)",
		check:    connectAgain,
	},
	{
		name:     "connect-context-over",
		contract: "Connect's context may end any time after Connect has returned; the link must not depend on it",
		advice:   "give the link a context of its own, from context.WithoutCancel(ctx), which its Close ends",
		check:    connectContextOver,
	},
	{
		name:     "connect-attempt",
		contract: "each attempt goes to its Attempt.Endpoint with its Attempt.Credentials; so does a resume",
		advice:   "read them from the Attempt each time and fall back on the configured ones only if they are empty",
		needs:    []hook{needsUsed},
		check:    connectAttempt,
	},
	{
		name:     "two-links",
		contract: "two links of one Transport may be open at the same time, as when a session has left an old one behind that will not close; they share nothing",
		advice:   "keep connections and state in the link, not in the Transport",
		check:    twoLinks,
	},
	{
		name:     "own-reporter",
		contract: "a link reports through the Reporter of its own attempt and no other",
		advice:   "keep the Reporter in the link, not in the Transport",
		check:    ownReporter,
	},
}

func connectOpens(t *trial) {
	for _, flags := range []string{"", " with Attempt.ViewOnly", " with Attempt.NoTransforms"} {
		a := t.attempt()
		a.ViewOnly, a.NoTransforms = strings.HasSuffix(flags, "ViewOnly"), strings.HasSuffix(flags, "NoTransforms")
		ctx, cancel := context.WithCancel(context.Background())
		s := t.connect(ctx, cancel, a)
		if o := s.call.wait(t.Patience); !s.opened(o) {
			t.breaks("Connect%s %v%s", flags, o, s.empty(o))
			return
		}
		if !s.close().returned {
			return // of which the next rule complains
		}
	}
}

// empty says what is missing where nothing has failed.
func (s *subject) empty(o result) string {
	switch {
	case !o.returned || o.err != nil || s.has() != nil:
		return ""
	case s.hollow:
		return ", but the link is a nil pointer in an interface"
	}
	return ", but there is no link"
}

func connectResult(t *trial) {
	judge := func(when string, s *subject, o result) {
		t.tb.Helper()
		switch link := s.has(); {
		case !o.returned: // other rules' concern
		case s.hollow:
			t.breaks("Connect returned a link that is a nil pointer in an interface (%s)", when)
		case link == nil && o.err == nil:
			t.breaks("Connect returned neither a link nor an error (%s)", when)
		case link != nil && o.err != nil:
			t.breaks("Connect returned a link and the error %q (%s)", o.err, when)
		}
	}
	s := t.begin()
	judge("in peace", s, s.call.wait(t.Patience))
	s.shut()
	t.interrupt(func(i interrupted) { judge("its context ended "+i.moment.String(), i.subject, i.result) })
	if t.Refuse != nil {
		t.Refuse()
		s := t.begin()
		judge("refused by the server", s, s.call.wait(t.Patience))
	}
}

func connectCancelledBefore(t *trial) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := t.connect(ctx, cancel, t.attempt())
	t.returns("Connect", s.call)
}

func connectCancelledDuring(t *trial) {
	ended, opened := 0, 0
	t.interrupt(func(i interrupted) {
		if i.ended {
			ended++
		}
		switch {
		case i.ended && i.opened(i.result):
			opened++
		case !i.returned:
			t.breaks("Connect had not returned %v after its context ended %v", t.Grace, i.moment)
		case i.err != nil && strings.TrimSpace(i.err.Error()) == "":
			t.breaks("Connect returned an error that says nothing when its context ended %v", i.moment)
		}
	})
	if opened == ended && len(t.Hang) == 0 {
		t.skip("no Connect failed when its context ended (%d opened a link all the same, within the grace), "+
			"and there is no Hang to tell whether Connect heeds it", opened)
	}
}

func connectHungServer(t *trial) {
	for _, step := range slices.Sorted(maps.Keys(t.Hang)) {
		t.Hang[step]()
		s := t.begin()
		o := s.call.wait(t.Quiet)
		s.cancel()
		if !o.returned {
			o = t.returns("Connect, to a server that hangs in "+step+",", s.call)
		}
		if s.has() != nil {
			t.breaks("Connect returned a link to a server that hangs in %s", step)
		}
		if !o.returned || len(t.Hang) > 1 && t.Heal == nil {
			return
		}
		s.shut()
		if t.Heal != nil {
			t.Heal()
		}
	}
}

func connectLate(t *trial) {
	for _, m := range t.connectMoments() {
		links := t.Links()
		i := t.interruptAt(m)
		if i.returned && i.err != nil && !t.linksAre(links) {
			t.breaks("%v after a Connect had failed (%v), whose context ended %v, the server had %d links, where it had %d",
				t.Patience, i.err, m, t.Links(), links)
		}
		i.shut()
	}
}

func connectRefused(t *trial) {
	t.Refuse()
	s := t.begin()
	o := s.call.wait(t.Patience)
	switch fault := unsound(o.err); {
	case !o.returned:
		t.breaks("Connect had not returned %v after it was called, though the server refuses", t.Patience)
	case o.err == nil && s.has() != nil:
		t.breaks("Connect returned a link, though the server refuses")
	case fault != "":
		t.breaks("Connect returned %s", fault)
	}
}

// failing makes attempts that should fail, and gives those that did.
func (t *trial) failing(list []moment) (failed []*subject) {
	for _, m := range list {
		i := t.interruptAt(m)
		switch {
		case !i.returned:
			t.skip("a Connect has not returned whose context had ended: see rule connect-cancelled-during")
		case i.err != nil:
			failed = append(failed, i.subject)
		}
		i.shut()
	}
	if t.Refuse != nil {
		t.Refuse()
		s := t.begin()
		if o := s.call.wait(t.Patience); o.returned && o.err != nil {
			failed = append(failed, s)
		}
		s.shut()
	}
	return failed
}

func connectFailedGoroutines(t *trial) {
	list := t.connectMoments()
	if len(t.failing(list)) == 0 { // what a process starts only once is there after this
		t.skip("no Connect failed when its context ended, and there is no Refuse")
	}
	if t.Refuse != nil && t.Heal == nil {
		t.skip("there is a Refuse, but no Heal to undo it")
	}
	if t.Heal != nil {
		t.Heal()
	}
	before := goroutines(t.bubble)
	t.failing(list)
	if left := t.leaked(before); len(left) > 0 {
		t.breaks("%d goroutines were left %v after attempts had failed:%s", len(left), t.Patience, stacks(left))
	}
}

func connectFailedSilent(t *trial) {
	failed := t.failing(t.connectMoments())
	if len(failed) == 0 {
		t.skip("no Connect failed when its context ended, and there is no Refuse")
	}
	pass := func() bool {
		return slices.ContainsFunc(failed, func(s *subject) bool { return len(s.afterMark()) > 0 })
	}
	t.hush(pass)
	for _, s := range failed {
		if late := s.afterMark(); len(late) > 0 {
			t.breaks("after Connect of attempt %d had failed it was reported: %s", s.attempt.Epoch, strings.Join(late, ", "))
		}
	}
}

func connectAgain(t *trial) {
	t.failing(t.connectMoments())
	if t.Refuse != nil && t.Heal == nil {
		t.skip("there is a Refuse, but no Heal to undo it")
	}
	if t.Heal != nil {
		t.Heal()
	}
	s := t.begin()
	if o := s.call.wait(t.Patience); !s.opened(o) {
		t.breaks("after attempts that failed Connect %v%s", o, s.empty(o))
	}
}

func connectContextOver(t *trial) {
	s := t.open()
	before, losses := s.pulse(everything), s.losses()
	s.cancel()
	t.hush(func() bool { return s.losses() > losses })
	if fault := s.harmed(before, losses); fault != "" {
		t.breaks("after the end of Connect's context %s", fault)
	}
}

func connectAttempt(t *trial) {
	s := t.open()
	if err := t.Used(s.attempt); err != nil {
		t.breaks("after Connect: %v", err)
	}
	elsewhere := t.Other.Endpoint != ""
	if elsewhere {
		s.attempt.Endpoint, s.attempt.Credentials = t.Other.Endpoint, t.Other.Credentials
	}
	if o, tried := s.resume(false); tried && o.returned && o.err == nil { // or it is another rule's concern
		if err := t.Used(s.attempt); err != nil {
			t.breaks("after Resume: %v", err)
		}
	}
	s.shut()
	if !elsewhere {
		return
	}
	t.Attempt = t.Other
	if s := t.open(); t.Used(s.attempt) != nil {
		t.breaks("after a Connect to elsewhere: %v", t.Used(s.attempt))
	}
}

func twoLinks(t *trial) {
	first := t.open()
	second := t.begin()
	if o := second.call.wait(t.Patience); !second.opened(o) {
		t.breaks("with one link open, the Connect of another %v%s", o, second.empty(o))
		return
	}
	before, losses := second.pulse(everything), second.losses()
	if o := first.close(); !o.returned {
		t.breaks("with another link open, Close %v", o)
	}
	t.hush(func() bool { return second.losses() > losses })
	if fault := second.harmed(before, losses); fault != "" {
		t.breaks("after the first of two links was closed, of the second one: %s", fault)
	}
}

func ownReporter(t *trial) {
	first := t.open()
	first.pulse(everything)
	first.shut()
	t.hush(never)
	n := first.count()
	second := t.open()
	second.pulse(everything)
	t.hush(func() bool { return first.count() > n })
	if first.count() > n {
		t.breaks("what the second link had to report went to the Reporter of the first one, which was closed: %s",
			strings.Join(first.since(n), ", "))
	}
}
