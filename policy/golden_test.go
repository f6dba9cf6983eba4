package policy

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
)

var update = flag.Bool("update", false, "write testdata/decisions.golden anew")

const goldenFile = "testdata/decisions.golden"

// unknownCode stands for all the codes that the reference does not know.
const unknownCode = status.Code(99)

// account is a state of the budget in which the golden table asks.
type account struct {
	name string
	open func(backoff.BackOff) Retries
}

// goldenNow is the time of all decisions in the golden table.
const goldenNow = 10 * time.Minute

// accountWith gives accounts of two minutes on either clock and three attempts,
// with the given use of them at goldenNow.
func accountWith(elapsed, idle time.Duration, attempts int) func(backoff.BackOff) Retries {
	return func(bo backoff.BackOff) Retries {
		r := NewRetries(Budget{Elapsed: 2 * time.Minute, Idle: 2 * time.Minute, Attempts: 3}, bo)
		r.Begin(goldenNow - elapsed)
		r.Alive(goldenNow - idle)
		for range attempts {
			r.Attempt()
		}
		return r
	}
}

var accounts = []account{
	{"open", accountWith(time.Minute, time.Minute, 1)},
	{"elapsed over", accountWith(2*time.Minute, time.Minute, 1)},
	{"idle over", accountWith(time.Minute, 2*time.Minute, 1)},
	{"attempts over", accountWith(time.Minute, time.Minute, 3)},
	{"disabled", func(bo backoff.BackOff) Retries {
		r := accountWith(time.Minute, time.Minute, 1)(bo)
		r.Disable()
		return r
	}},
	{"backoff stops", func(bo backoff.BackOff) Retries {
		return accountWith(time.Minute, time.Minute, 1)(Limited(bo, 0))
	}},
}

// occasion is how a status comes up.
type occasion struct {
	name      string
	permanent bool
	stopAsked bool
}

var occasions = []occasion{
	{name: "plain"},
	{name: "permanent", permanent: true},
	{name: "stop asked", stopAsked: true},
}

var phases = []Phase{Attached, Attempting, Failed, Waiting}

// goldenTable makes every decision with the given rules and writes it down: a
// paragraph for each code, in it a block for each occasion and for each set of
// phases that are decided alike.
func goldenTable(rules []rule) string {
	var b strings.Builder
	b.WriteString("# code: phases | occasion | accounts | action by rule, status, and what the attempt is like\n")
	for _, code := range append(status.All(), unknownCode) {
		fmt.Fprintf(&b, "\n%d %s\n", int(code), code.String())
		for _, o := range occasions {
			writeOccasion(&b, rules, code, o)
		}
	}
	return b.String()
}

func writeOccasion(b *strings.Builder, rules []rule, code status.Code, o occasion) {
	names := make([]string, len(phases))
	blocks := make([]string, len(phases))
	for i, p := range phases {
		names[i] = p.String()
		blocks[i] = phaseBlock(rules, code, o, p)
	}
	groups(names, blocks, func(phases, block string) {
		for _, line := range strings.Split(block, "\n") {
			fmt.Fprintf(b, "  %-38s | %-10s | %s\n", phases, o.name, line)
		}
	})
}

// phaseBlock is a line for each outcome and the accounts that lead to it.
func phaseBlock(rules []rule, code status.Code, o occasion, p Phase) string {
	names := make([]string, len(accounts))
	outcomes := make([]string, len(accounts))
	for i, a := range accounts {
		names[i] = a.name
		outcomes[i] = outcome(rules, code, o, p, a)
	}
	var lines []string
	groups(names, outcomes, func(accounts, outcome string) {
		lines = append(lines, fmt.Sprintf("%-13s | %s", accounts, outcome))
	})
	return strings.Join(lines, "\n")
}

// groups calls yield once for each different text, in order of appearance, with
// the names that have it: "any" for all.
func groups(names, texts []string, yield func(names, text string)) {
	var seen []string
	for _, text := range texts {
		if slices.Contains(seen, text) {
			continue
		}
		seen = append(seen, text)
		var of []string
		for i := range texts {
			if texts[i] == text {
				of = append(of, names[i])
			}
		}
		if len(of) == len(names) {
			of = []string{"any"}
		}
		yield(strings.Join(of, ", "), text)
	}
}

// outcome decides once and writes down all that distinguishes decisions.
func outcome(rules []rule, code status.Code, o occasion, p Phase, a account) string {
	draws := 0
	r := a.open(&FullJitter{Short: time.Second, Long: 5 * time.Second, Random: func() float64 {
		draws++
		return 0.25
	}})
	policy := Default()
	f := Facts{StopAsked: o.stopAsked, Phase: p, Status: status.Status{Code: code, Permanent: o.permanent}}
	d := decideWith(rules, &policy, f, &r, goldenNow)

	text := fmt.Sprintf("%v by %v, %v", d.Action, d.Rule, d.Status.Code.String())
	if cause, ok := status.CodeOf(d.Status.Cause); ok {
		text += fmt.Sprintf(" because of %v", cause.String())
	}
	if d.Status.Permanent {
		text += ", permanent"
	}
	if d.Refusal != RefusedNot {
		text += fmt.Sprintf(", refused: %v", d.Refusal)
	}
	if d.Level != 0 {
		text += fmt.Sprintf(", level %v", d.Level)
	}
	if d.Delay != 0 {
		text += fmt.Sprintf(", after %v", d.Delay)
	}
	if draws != 0 {
		text += fmt.Sprintf(", drawn %d", draws)
	}
	if d.ViewOnly {
		text += ", view-only"
	}
	if d.WithoutTransforms {
		text += ", without transforms"
	}
	return text
}

func TestDecisionsGolden(t *testing.T) {
	got := goldenTable(rules)
	if *update {
		require.NoError(t, os.WriteFile(goldenFile, []byte(got), 0o644))
	}
	want, err := os.ReadFile(goldenFile)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// TestDecideUsesTheRules ties the exported function to the table that the golden
// file was made from.
func TestDecideUsesTheRules(t *testing.T) {
	p := Default()
	a, b := accounts[0].open(constant(time.Second)), accounts[0].open(constant(time.Second))
	f := Facts{Status: status.New(status.TaskFailed, nil)}
	assert.Equal(t, decideWith(rules, &p, f, &a, goldenNow), Decide(&p, f, &b, goldenNow))
}

// TestMutations changes the order of decisions and the table of in-session
// actions in every small way, and demands that the golden file notices. No
// change of this kind leaves the meaning as it was.
func TestMutations(t *testing.T) {
	golden, err := os.ReadFile(goldenFile)
	require.NoError(t, err)
	require.Equal(t, string(golden), goldenTable(rules), "the unchanged rules must agree with the file")
	mutants := append(orderMutants(), tableMutants()...)
	for _, m := range mutants {
		assert.False(t, goldenTable(m.rules) == string(golden), "not noticed: %s", m.name)
	}
	t.Logf("%d mutants noticed", len(mutants))
}

type mutant struct {
	name  string
	rules []rule
}

// orderMutants swaps every two neighbours and leaves out every rule.
func orderMutants() []mutant {
	var mutants []mutant
	for i := range rules {
		dropped := slices.Delete(slices.Clone(rules), i, i+1)
		mutants = append(mutants, mutant{fmt.Sprintf("without %q", rules[i].name), dropped})
		if i == 0 {
			continue
		}
		swapped := slices.Clone(rules)
		swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
		name := fmt.Sprintf("%q before %q", rules[i].name, rules[i-1].name)
		mutants = append(mutants, mutant{name, swapped})
	}
	return mutants
}

// tableMutants leaves out every entry of settled, gives it every other action,
// and adds every entry that is not there. A final class never gets as far as
// this table, so entries for it would mean nothing.
func tableMutants() []mutant {
	var mutants []mutant
	for _, p := range phases {
		for c := range Class(len(classTexts)) {
			if c == Terminal {
				continue
			}
			for a := range Action(len(actionTexts)) {
				if old, ok := settled[p][c]; ok && old == a {
					mutants = append(mutants, tableMutant("without %v %v: %v", p, c, a, func(row map[Class]Action) { delete(row, c) }))
				} else {
					mutants = append(mutants, tableMutant("%v %v: %v", p, c, a, func(row map[Class]Action) { row[c] = a }))
				}
			}
		}
	}
	return mutants
}

func tableMutant(format string, p Phase, c Class, a Action, change func(map[Class]Action)) mutant {
	table := inSession{}
	for _, phase := range phases {
		table[phase] = map[Class]Action{}
		for class, action := range settled[phase] {
			table[phase][class] = action
		}
	}
	change(table[p])
	return mutant{fmt.Sprintf(format, p, c, a), rulesFor(table)}
}

// TestEveryDecisionNamesItsRule also shows that the last rule leaves nothing
// open, whatever classes an application chooses.
func TestEveryDecisionNamesItsRule(t *testing.T) {
	for c := range Class(len(classTexts)) {
		p := Default()
		p.Classes = p.Classes.With(status.TaskFailed, c)
		for _, phase := range phases {
			for _, a := range accounts {
				r := a.open(constant(0))
				d := Decide(&p, Facts{Phase: phase, Status: status.New(status.TaskFailed, nil)}, &r, goldenNow)
				assert.NotEmpty(t, d.Rule, "%v %v %v", c, phase, a.name)
			}
		}
	}
}

// constant is a backoff that always waits as long.
type constant time.Duration

func (c constant) NextBackOff() time.Duration { return time.Duration(c) }
func (c constant) Reset()                     {}
