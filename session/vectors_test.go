package session_test

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/session"
)

// The recording is compared like this. Every script is performed three times:
// by the real session with a scripted server (vectors_replay_test.go), by a
// model of our rules (vectors_model_test.go) and by a model of the recorded
// controller with its faults (vectors_recorded_test.go). The session must do
// what our rules say, always. Where the two models agree, no divergence makes a
// difference, and the session must do what was recorded. Where they do not, a
// divergence has been predicted from the script alone: the recording must
// differ from the session, and the models name the rules.

// scriptRun is one run of a script by the real session.
type scriptRun struct {
	outcome
	told     []toldCall
	err      error // why the newest session has stopped
	attempts []session.Attempt
}

// runScript has the real session perform a script.
func runScript(t *testing.T, c vectorCase) (r scriptRun) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newReplay(t, c.Options)
		defer p.finish()
		require.NoError(t, play(p, c.Script))
		told, _ := p.tape.played()
		r = scriptRun{p.outcome(), told, p.session.Err(), p.server.dialed()}
	})
	return r
}

func modelScript(t *testing.T, c vectorCase) *ourModel {
	t.Helper()
	m := newOurs(c.Options)
	require.NoError(t, play(m, c.Script))
	return m
}

func recordedScript(t *testing.T, c vectorCase) *recordedModel {
	t.Helper()
	r := newRecorded(c.Options)
	require.NoError(t, play(r, c.Script))
	return r
}

// requireAsModelled holds a run of the session against our rules: what is told
// and when, how it ends and for which reasons, what is asked of the transport.
func requireAsModelled(t *testing.T, m *ourModel, r scriptRun) {
	t.Helper()
	require.Equal(t, m.outcome().String(), r.outcome.String(), "our rules")
	for i, c := range m.told {
		assert.InDelta(t, c.at, r.told[i].at, float64(looseness), "when %s is told", c.name)
	}
	if m.state == modelEnded {
		require.Error(t, r.err)
		for _, reason := range m.reasons {
			assert.ErrorIs(t, r.err, reason)
		}
	}
	var asked []modelAttempt
	for _, a := range r.attempts {
		asked = append(asked, modelAttempt{a.ViewOnly, a.NoTransforms})
	}
	assert.Equal(t, m.asked, asked, "what each attempt is asked for")
}

// verdict is how a case compares with its recording.
type verdict struct {
	rules      []string // of divergence; none: equal
	beyond     bool     // not comparable, but held against our rules
	unforeseen bool     // a rule applies, but the prediction was no difference
	reproduced bool     // the model of the recorded controller says just what was recorded
}

// compareCase compares one case, as told above.
func compareCase(t *testing.T, c vectorCase) (v verdict) {
	r, m, e := runScript(t, c), modelScript(t, c), recordedScript(t, c)
	requireAsModelled(t, m, r)
	recorded, ours, predicted := c.recorded(), r.outcome, e.outcome()
	v.reproduced = predicted.equal(recorded)
	if m.state != modelEnded && m.behaviour.media != "ok" {
		// Health decides again and again, and both remember and count differently.
		v.beyond = true
		return v
	}
	if m.behaviour.pong != "ok" {
		// How often depends on when the pings begin: only the pattern counts.
		recorded, ours, predicted = recorded.pattern(), ours.pattern(), predicted.pattern()
	}
	if recorded.equal(ours) {
		require.True(t, predicted.equal(ours) || e.guessed,
			"an unexpected match: by %v it should be different, as in\n%s\nours: %s", e.notes, predicted, ours)
		return v
	}
	v.rules = unionOf(e.notes, m.notes)
	require.NotEmpty(t, v.rules, "a difference that no rule allows\nrecorded: %s\nours:     %s", recorded, ours)
	v.unforeseen = predicted.equal(ours)
	return v
}

// pattern is an outcome in which repeated reconnects count as one.
func (o outcome) pattern() outcome {
	var calls []string
	for _, c := range o.Callbacks {
		calls = append(calls, c)
		if n := len(calls); n >= 4 && slices.Equal(calls[n-4:n-2], calls[n-2:]) && c == didStart {
			calls = calls[:n-2]
		}
	}
	o.Callbacks = calls
	return o
}

func unionOf(a, b []string) []string {
	out := slices.Clone(a)
	for _, rule := range b {
		if !slices.Contains(out, rule) {
			out = append(out, rule)
		}
	}
	return out
}

// tally counts verdicts. The rule that counts is the first that the script touched.
type tally struct {
	compared, equal, beyond, unforeseen, reproduced int
	byRule                                          map[string]int
}

func (n *tally) add(v verdict) {
	n.compared++
	switch {
	case v.beyond:
		n.beyond++
	case len(v.rules) == 0:
		n.equal++
	default:
		n.byRule[v.rules[0]]++
	}
	if v.unforeseen {
		n.unforeseen++
	}
	if v.reproduced {
		n.reproduced++
	}
}

func (n *tally) log(t *testing.T, part string) {
	t.Helper()
	t.Logf("%s: %d cases compared, %d equal, %d not comparable; recorded side reproduced %d, not foreseen %d; divergences:",
		part, n.compared, n.equal, n.beyond, n.reproduced, n.unforeseen)
	for _, rule := range slices.Sorted(maps.Keys(n.byRule)) {
		t.Logf("%s: divergence %s: %d", part, rule, n.byRule[rule])
	}
}

func TestVectorsHandleStatus(t *testing.T) {
	families, scenarios, random := readHandleStatus(t)
	for part, cases := range map[string][]vectorCase{"families": families, "scenarios": scenarios, "random": random} {
		require.NotEmpty(t, cases, part)
		n := &tally{byRule: map[string]int{}}
		for _, c := range cases {
			t.Run(part+"/"+c.Name, func(t *testing.T) {
				v := compareCase(t, c)
				n.add(v)
				if len(v.rules) > 0 {
					t.Logf("differs by %v", v.rules)
				}
			})
		}
		n.log(t, part)
	}
}
