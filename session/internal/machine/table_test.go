package machine

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/looplab/fsm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
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
	onlyWithoutRace(t)
	require.NoError(t, checkWalk(transitions), "the table itself")
	require.NoError(t, smallest(transitions).run(), "the table itself")
	list := mutants()
	for _, m := range list {
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
	return shows(func(m *Machine) bool {
		if m.phase != is {
			return false
		}
		m.phase = taken
		return true
	})
}

// shows reports whether some input has other effects, in some situation, on a
// machine that was changed, at once or in what follows. change reports whether it
// has changed it.
func shows(change func(m *Machine) bool) bool {
	return showsIn(change, probe.effects) || showsIn(change, probe.consequences)
}

func showsIn(change func(m *Machine) bool, of func(probe, *rig) string) bool {
	for _, s := range situations {
		at := s.arrive(transitions)
		wrong := &rig{m: at.m.Clone(), now: at.now}
		wrong.m.ails() // what it does wrong is not to be that of all
		if !change(wrong.m) {
			continue
		}
		for _, p := range probes(at.m) {
			if of(p, at) != of(p, wrong) {
				return true
			}
		}
	}
	return false
}

// telling are the inputs whose consequences are worth a look.
var telling = []string{"tick", "restored", "open-failed", "opened", "hint", "admitted", "prepared", "refreshed"}

// consequences is what comes out in the rest of the outage, in which every attempt
// fails.
func (p probe) consequences(at *rig) string {
	if !slices.Contains(telling, p.kind) {
		return ""
	}
	r := &rig{m: at.m.Clone(), now: at.now}
	r.wait(p.wait)
	r.sleep(p.sleep, 0)
	r.do(p.in)
	var b strings.Builder
	for range 12 {
		r.settleOld()
		r.tick()
		b.WriteString(r.now.Mono.String() + notation{}.effects(r.last))
		switch r.m.phase {
		case opening:
			r.openFailed(status.TaskFailed)
		case restoring:
			r.restoreFailed(status.TaskFailed)
		case queueing:
			r.admit()
		}
		b.WriteString(notation{}.effects(r.last))
	}
	return b.String()
}

// TestFactMutants makes sure that nothing of what a machine knows about a recovery
// could be forgotten, or made up, without notice.
func TestFactMutants(t *testing.T) {
	onlyWithoutRace(t)
	flip := func(of func(m *Machine) *bool) [2]func(m *Machine) bool {
		set := func(to bool) func(m *Machine) bool {
			return func(m *Machine) bool { was := *of(m); *of(m) = to; return was != to }
		}
		return [2]func(m *Machine) bool{set(false), set(true)}
	}
	list := map[string]func(m *Machine) bool{
		"the operation is forgotten":     func(m *Machine) bool { was := m.op; m.op = 0; return was != 0 },
		"the operation is another one":   func(m *Machine) bool { m.op++; return m.op > 1 },
		"the question is forgotten":      func(m *Machine) bool { was := m.queued; m.queued = 0; return was != 0 },
		"the renewal is forgotten":       func(m *Machine) bool { was := m.fresh.id; m.fresh.id = 0; return was != 0 },
		"credentials have expired":       func(m *Machine) bool { was := m.fresh.until; m.fresh.until = 1; return was != 0 },
		"the old operation is forgotten": func(m *Machine) bool { was := m.old; m.old = operation{}; return was.restore },
		"the old operation is a close":   func(m *Machine) bool { was := m.old.restore; m.old.restore = false; return was },
		"the damage is forgotten":        func(m *Machine) bool { r := &m.trouble.recovery; was := r.Damage; r.Damage = 0; return was != 0 },
		"the floor is forgotten":         func(m *Machine) bool { r := &m.trouble.recovery; was := r.Floor; r.Floor = 0; return was != 0 },
		"restarts are forgotten":         func(m *Machine) bool { r := &m.trouble.recovery; was := r.Restarts; r.Restarts = 0; return was != 0 },
		"resumes are forgotten":          func(m *Machine) bool { r := &m.trouble.recovery; was := r.Resumes; r.Resumes = 0; return was != 0 },
		"rejections are forgotten": func(m *Machine) bool {
			r := &m.trouble.recovery
			was := r.Rejections
			r.Rejections = 0
			return was != 0
		},
		"the level is forgotten": func(m *Machine) bool { was := m.trouble.level; m.trouble.level = 0; return was != 0 },
		"the level is that of a rejoin": func(m *Machine) bool {
			was := m.trouble.level
			m.trouble.level = policy.Rejoin
			return was != policy.Rejoin
		},
		"the attempt is a rejoin": func(m *Machine) bool {
			was := m.attempt.Level
			m.attempt.Level = policy.Rejoin
			return was != policy.Rejoin
		},
		"it is at another step":           func(m *Machine) bool { m.step = (m.step + 1) % 3; return true },
		"the endpoint is another one":     func(m *Machine) bool { m.endpoints.cursor++; return len(m.list()) > 1 },
		"the move is forgotten":           func(m *Machine) bool { was := m.endpoints.move; m.endpoints.move = ""; return was != "" },
		"what was found is forgotten":     func(m *Machine) bool { was := m.trouble.found; m.trouble.found = false; return was },
		"what the link could do":          func(m *Machine) bool { was := m.offered; m.offered = 0; return was != 0 },
		"abilities are forgotten":         func(m *Machine) bool { m.abilities &^= CanRestart | CanResume; return m.offered != m.abilities },
		"what was asked for is forgotten": func(m *Machine) bool { was := m.deferred.asked; m.deferred.asked = change{}; return !was.none() },
		"what was interrupted is forgotten": func(m *Machine) bool {
			was := m.deferred.interrupted
			m.deferred.interrupted = change{}
			return !was.none()
		},
		"the last hint is forgotten":    func(m *Machine) bool { was := m.network.nudged; m.network.nudged = 0; return was != 0 },
		"the change is forgotten":       func(m *Machine) bool { was := m.network.changed; m.network.changed = 0; return was != 0 },
		"the hint's end is forgotten":   func(m *Machine) bool { was := m.network.until; m.network.until = 0; return was != 0 },
		"what was lost was never heard": func(m *Machine) bool { was := m.trouble.silent; m.trouble.silent = 0; return was != 0 },
		"the lost link is forgotten":    func(m *Machine) bool { was := m.priorUntil; m.priorUntil, m.lostUntil = 0, 0; return was != 0 },
	}
	for name, of := range map[string]func(m *Machine) *bool{
		"held":           func(m *Machine) *bool { return &m.held },
		"adopted":        func(m *Machine) *bool { return &m.adopted },
		"admitted":       func(m *Machine) *bool { return &m.admitted },
		"the retry due":  func(m *Machine) *bool { return &m.retryDue },
		"offline":        func(m *Machine) *bool { return &m.network.down },
		"asked to wait":  func(m *Machine) *bool { return &m.trouble.asked },
		"rejected":       func(m *Machine) *bool { return &m.trouble.rejected },
		"link view-only": func(m *Machine) *bool { return &m.linkViewOnly },
	} {
		both := flip(of)
		list["not "+name], list[name] = both[0], both[1]
	}
	for name, change := range list {
		assert.True(t, shows(change), "nobody notices: %s", name)
	}
	t.Logf("%d mutants caught", len(list))
}

// effects is what comes out, without what is left inside.
func (p probe) effects(at *rig) string {
	r := &rig{m: at.m.Clone(), now: at.now}
	r.wait(p.wait)
	r.sleep(p.sleep, 0)
	return notation{probe: p.in.Status}.effects(r.do(p.in))
}
