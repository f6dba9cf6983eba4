package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session"
)

// sessionRules run a real session over the transport.
var sessionRules = []transportRule{
	{
		name:     "session-recovers",
		contract: "a session over the transport recovers when it has lost its link: a later attempt works as the first one did, whatever its Number, Epoch, Level and Cause",
		advice:   "look at the events in the message: AttemptFailed says what went wrong",
		check:    sessionRecovers,
	},
	{
		name:     "session-survives-vanishing",
		contract: "a session over the transport notices that the server has vanished, and is back when the server is",
		advice:   "implement session.Pinger, report what comes in, and let no call outlast its context on a dead connection",
		needs:    []hook{needsVanish, needsHeal},
		check:    sessionSurvivesVanishing,
	},
	{
		name:     "session-stops",
		contract: "a session over the transport stops within the close grace at any moment, with no call of the transport still running and every link closed",
		advice:   "see that Connect, the abilities and Close end with their contexts",
		check:    sessionStops,
	},
}

// attached is a real session over the transport, and what it calls.
type attached struct {
	*session.Session
	trial *trial
	Recorder
	running, open atomic.Int64
	started       *call

	mu     sync.Mutex
	failed error // that of the last Connect which has failed; events have only its status
}

// attach starts a session, which may try the cheaper levels of recovery or not.
func (t *trial) attach(cheaply bool) *attached {
	t.tb.Helper()
	a := &attached{trial: t}
	c := t.config(a, &a.Recorder)
	c.Name, c.ConnectTimeout, c.CloseGrace = "rule "+t.rule.name, t.Patience+t.Grace, t.Grace
	if !cheaply {
		c.Policy.Ladder = policy.Ladder{}
	}
	c.Endpoints = endpointsOf(t.Attempt)
	if t.Attempt.Credentials != (session.Credentials{}) {
		c.Credentials = session.CredentialFunc(func(context.Context, session.CredentialRequest) (session.Credentials, error) {
			return t.Attempt.Credentials, nil
		})
	}
	s, err := session.New(c)
	if err != nil {
		t.cannot("session.New failed: %v", err)
	}
	a.Session = s
	t.sessions = append(t.sessions, a)
	a.started = start(func() error { return s.Start(context.Background()) })
	return a
}

// config has the delays of production where they cost nothing.
func (t *trial) config(tr session.Transport, o observer.Observer) session.Config {
	c := Quick(tr, o)
	if t.bubble {
		p := policy.Default()
		c.Policy, c.ReasonGrace, c.Random = &p, 0, nil
	}
	return c
}

func endpointsOf(a session.Attempt) []string {
	if a.Endpoint == "" {
		return nil
	}
	return []string{a.Endpoint}
}

// Connect passes on to the transport and counts.
func (a *attached) Connect(ctx context.Context, at session.Attempt, r *session.Reporter) (session.Link, error) {
	a.running.Add(1)
	defer a.running.Add(-1)
	l, err := a.trial.Transport.Connect(ctx, at, r)
	if err != nil {
		a.mu.Lock()
		a.failed = err
		a.mu.Unlock()
	}
	if l != nil && err == nil {
		a.open.Add(1)
		l = &counted{l, a}
	}
	return l, err
}

// counted is a link whose Close is counted.
type counted struct {
	link session.Link
	a    *attached
}

// Unwrap leads to the abilities.
func (c *counted) Unwrap() session.Link { return c.link }

// Close closes the link.
func (c *counted) Close(ctx context.Context) error {
	c.a.running.Add(1)
	defer c.a.running.Add(-1)
	defer c.a.open.Add(-1)
	return c.link.Close(ctx)
}

// maxEvents is how many events a message shows.
const maxEvents = 20

// text is what has happened in the end, for messages.
func (a *attached) text() string {
	events := a.Events()
	events = events[max(0, len(events)-maxEvents):]
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		return "\n" + Format{}.Text(events)
	}
	return fmt.Sprintf("\n%sthe last Connect that failed: %v\n", Format{}.Text(events), a.failed)
}

// connected waits until the session has started.
func (a *attached) connected() bool {
	o := a.started.wait(a.trial.Patience)
	return o.returned && o.err == nil
}

// stops ends the session, which must leave nothing behind.
func (a *attached) stops(when string) {
	t := a.trial
	o := t.within(slack(t.Grace)+time.Second, a.Close)
	running, open := a.running.Load(), a.open.Load()
	if !o.returned || o.took > slack(t.Grace) {
		t.breaks("stopped %s, the session took %v to end:%s", when, o.took, a.text())
	} else if running > 0 || open > 0 {
		t.breaks("stopped %s, the session had to leave behind %d calls that were running and %d open links:%s",
			when, running, open, a.text())
	}
}

// abandon ends a session that the rule is done with.
func (a *attached) abandon() { a.trial.within(slack(a.trial.Grace)+time.Second, a.Close) }

// recovered waits for as many outages to end, within limit.
func (a *attached) recovered(n int, limit time.Duration) bool {
	return holds(limit, func() bool { return len(Of[observer.Recovered](&a.Recorder)) >= n })
}

func sessionRecovers(t *trial) {
	for _, cheaply := range []bool{false, true} {
		a := t.attach(cheaply)
		a.recovers()
		a.abandon()
	}
}

// recovers makes the session lose its link, by hand and, if there is a hook, by the
// server.
func (a *attached) recovers() {
	t := a.trial
	if !a.connected() {
		t.breaks("the session does not connect:%s", a.text())
		return
	}
	if err := a.Reconnect(errors.New("the test asks for it")); err != nil {
		t.cannot("Reconnect failed: %v", err)
	}
	if !a.recovered(1, t.Patience) {
		t.breaks("%v after Session.Reconnect the session had not recovered:%s", t.Patience, a.text())
		return
	}
	if t.Drop == nil {
		return
	}
	t.Drop()
	if !a.recovered(2, 2*t.Patience) {
		t.breaks("%v after the server had dropped the link the session had not recovered:%s", 2*t.Patience, a.text())
	}
}

// vanishedFor is how long a server is gone: longer than it takes to notice that on a
// link that can ping and nothing else, and within the budget. It is also what the way
// back may take.
const vanishedFor = 2 * time.Minute

func sessionSurvivesVanishing(t *trial) {
	if !t.bubble {
		t.skip("minutes have to pass, which is done in a bubble only: see TestTransportInBubble")
	}
	a := t.attach(true)
	if !a.connected() {
		t.cannot("the session does not connect:%s", a.text())
	}
	t.hush(never) // what has never been heard is not missed
	t.Vanish()
	t.settle(vanishedFor)
	noticed := a.State() == session.StateReconnecting
	t.Heal()
	switch {
	case !noticed:
		t.breaks("%v after the server had vanished the session was %v:%s", vanishedFor, a.State(), a.text())
	case !a.recovered(1, vanishedFor):
		t.breaks("%v after the server had come back the session was %v:%s", vanishedFor, a.State(), a.text())
	}
}

func sessionStops(t *trial) {
	a := t.attach(true)
	if !a.connected() {
		t.cannot("the session does not connect:%s", a.text())
	}
	a.stops("while connected")
	for _, after := range []time.Duration{0, shortWhile, a.started.took / 4, a.started.took / 2, 3 * a.started.took / 4} {
		a := t.attach(true)
		t.settle(after)
		a.stops("while connecting, after " + after.String())
	}
	if t.Vanish == nil {
		return
	}
	a = t.attach(true)
	if !a.connected() {
		t.cannot("the session does not connect:%s", a.text())
	}
	t.Vanish()
	a.stops("with the server gone")
}
