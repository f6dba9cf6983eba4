package session_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// result is one run of a script by the real session.
type result struct {
	outcome
	told     []call
	err      error // why the newest session has stopped
	attempts []session.Attempt
}

// runScript has the real session perform a script.
func runScript(t *testing.T, c vectorCase) (r result) {
	synctest.Test(t, func(t *testing.T) {
		p := newReplay(t, c.Options)
		defer p.finish()
		require.NoError(t, play(p, c.Script))
		told, _ := p.tape.played()
		r = result{p.outcome(), told, p.session.Err(), p.server.dialed()}
	})
	return r
}

// modelScript has the model of our rules perform it.
func modelScript(t *testing.T, c vectorCase) *ours {
	m := newOurs(c.Options)
	require.NoError(t, play(m, c.Script))
	return m
}

// recordedScript has the model of the recorded controller perform it.
func recordedScript(t *testing.T, c vectorCase) *recorded {
	r := newRecorded(c.Options)
	require.NoError(t, play(r, c.Script))
	return r
}

// requireAsModelled holds a run of the session against our rules: what is told
// and when, how it ends and for which reasons, and what was asked of the transport.
func requireAsModelled(t *testing.T, m *ours, r result) {
	t.Helper()
	require.Equal(t, m.outcome().String(), r.outcome.String(), "our rules")
	for i, c := range m.told {
		assert.InDelta(t, c.at, r.told[i].at, float64(looseness), "the time of %s", c.name)
	}
	for _, reason := range m.reasons {
		if m.state == ended && reason != status.OK {
			assert.ErrorIs(t, r.err, reason)
		}
	}
	var asked []modelAttempt
	for _, a := range r.attempts {
		asked = append(asked, modelAttempt{a.ViewOnly, a.WithoutTransforms})
	}
	assert.Equal(t, m.asked, asked, "view-only and without transforms, by attempt")
}

var errDebug = errors.New("")

func TestVectorsHandleStatus(t *testing.T) {
	families, scenarios, random := readHandleStatus(t)
	for _, cases := range [][]vectorCase{families, scenarios, random} {
		for _, c := range cases {
			r := runScript(t, c)
			m := modelScript(t, c)
			e := recordedScript(t, c)
			if !e.outcome().equal(c.recorded()) {
				t.Logf("REF %s: recorded %s\n    predicted %s", c.Name, c.recorded(), e.outcome())
			}
			if !m.outcome().equal(r.outcome) {
				t.Logf("OURS %s: model %s\n    session %s", c.Name, m.outcome(), r.outcome)
			}
			if !c.recorded().equal(r.outcome) {
				t.Logf("DIFF %v %v %s: rec %s\n    session %s", e.notes, m.notes, c.Name, c.recorded(), r.outcome)
			}
		}
	}
}

var _ = slices.Contains[[]int]
var _ = strings.Join
