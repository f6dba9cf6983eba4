package machine

import (
	"os"
	"slices"
	"testing"

	"github.com/looplab/fsm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
)

const diagramFile = "testdata/diagram.mmd"

var states = []observer.State{
	observer.StateIdle, observer.StateConnecting, observer.StateConnected, observer.StateReconnecting, observer.StateStopped,
}

func TestDiagramGolden(t *testing.T) {
	if *rewrite {
		require.NoError(t, os.WriteFile(diagramFile, []byte(Diagram()), 0o644))
	}
	want, err := os.ReadFile(diagramFile)
	require.NoError(t, err)
	assert.Equal(t, string(want), Diagram())
}

// TestTransitions states the table once more, the other way round: where every
// event leads from every state.
func TestTransitions(t *testing.T) {
	leads := map[string]map[observer.State]observer.State{
		evStart:     {observer.StateIdle: observer.StateConnecting},
		evEstablish: {observer.StateConnecting: observer.StateConnected},
		evInterrupt: {observer.StateConnected: observer.StateReconnecting},
		evRecover:   {observer.StateReconnecting: observer.StateConnected},
		evStop: {
			observer.StateIdle: observer.StateStopped, observer.StateConnecting: observer.StateStopped,
			observer.StateConnected: observer.StateStopped, observer.StateReconnecting: observer.StateStopped,
		},
		"no such event": {},
	}
	for name, from := range leads {
		for _, state := range states {
			want, allowed := from[state]
			if !allowed {
				want = state
			}
			to, ok := transition(transitions, state, name)
			assert.Equal(t, allowed, ok, "%s in %s", name, state)
			assert.Equal(t, want, to, "%s in %s", name, state)
		}
	}
	for _, row := range transitions {
		assert.Contains(t, leads, row.Name)
	}
}

// mutant is the table with one mistake.
type mutant struct {
	name  string
	table fsm.Events
}

// mutants has every mistake that can be made with one transition of the
// table: it is missing, it leads elsewhere, or it answers to another event.
func mutants() (list []mutant) {
	for i, row := range transitions {
		for _, src := range row.Src {
			add := func(what string, replacement ...fsm.EventDesc) {
				list = append(list, mutant{row.Name + " from " + src + " " + what, altered(i, src, replacement)})
			}
			add("removed")
			add("renamed", fsm.EventDesc{Name: "renamed", Src: []string{src}, Dst: row.Dst})
			for _, state := range states {
				if to := string(state); to != row.Dst {
					add("leads to "+to, fsm.EventDesc{Name: row.Name, Src: []string{src}, Dst: to})
				}
			}
		}
	}
	return list
}

// altered is the table with a source state taken out of a row, and rows added.
func altered(row int, src string, replacement []fsm.EventDesc) fsm.Events {
	var table fsm.Events
	for i, r := range transitions {
		r.Src = slices.Clone(r.Src)
		if i == row {
			r.Src = slices.DeleteFunc(r.Src, func(s string) bool { return s == src })
		}
		table = append(table, r)
	}
	return append(table, replacement...)
}

// TestTableMutants makes sure that a mistake in the transition table cannot go
// unnoticed: the walk finds every one, and so does the explorer, which knows
// the guarantees only, with its smallest alphabet.
func TestTableMutants(t *testing.T) {
	require.NoError(t, checkWalk(transitions), "the table itself")
	require.NoError(t, smallest(transitions).run(), "the table itself")
	list := mutants()
	for i, m := range list {
		if raceEnabled && i%6 != 0 {
			continue // they are for the plain run
		}
		assert.Error(t, checkWalk(m.table), "the walk does not notice: %s", m.name)
		assert.Error(t, smallest(m.table).run(), "the explorer does not notice: %s", m.name)
	}
	t.Logf("%d mutants", len(list))
	assert.Len(t, list, 48)
}

// smallest is an exploration that takes little time.
func smallest(table fsm.Events) *exploration {
	all := explorations(table)
	return all[slices.IndexFunc(all, func(x *exploration) bool { return x.name == "no limit" })]
}

// TestPhaseMutants makes sure that no two phases may be taken for each other: a
// machine that believes to be in another phase than it is fails the walk.
func TestPhaseMutants(t *testing.T) {
	caught := 0
	for is := range phase(len(phaseNames)) {
		for taken := range phase(len(phaseNames)) {
			if is == taken {
				continue
			}
			if assert.True(t, mistaken(is, taken), "%s taken for %s", is, taken) {
				caught++
			}
		}
	}
	t.Logf("%d mutants caught", caught)
	assert.Equal(t, len(phaseNames)*(len(phaseNames)-1), caught)
}

// mistaken reports whether the mistake shows in some situation.
func mistaken(is, taken phase) bool {
	for _, s := range situations {
		at := s.arrive(transitions)
		if at.m.phase != is {
			continue
		}
		wrong := &rig{m: at.m.Clone(), now: at.now}
		wrong.m.phase = taken
		wrong.m.ails() // what it does wrong is not to be that of all
		for _, p := range probes(at.m) {
			if p.effects(at) != p.effects(wrong) {
				return true
			}
		}
	}
	return false
}

// effects is what comes out, without what is left inside.
func (p probe) effects(at *rig) string {
	r := &rig{m: at.m.Clone(), now: at.now}
	r.wait(p.wait)
	r.sleep(p.sleep, 0)
	return notation{probe: p.in.Status}.effects(r.do(p.in))
}
