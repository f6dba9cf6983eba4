package chaos

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// Finding is a script that breaks a rule, shrunk.
type Finding struct {
	Player   string // what it was played to
	Original *Script
	Script   *Script
	Tries    int
	Broken   *Violation
	Events   []observer.Event
	// Log is what went in and came out, if that is known.
	Log []string
}

// String is the whole report: which rule was broken, and where; the script in words
// and as JSON, which can be played again; and what was seen.
func (f *Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %s, breaks a rule of the %s:\n%s\n", f.Original.Seed, cmp.Or(f.Original.Profile, "by hand"), f.Player, f.Broken.Error())
	fmt.Fprintf(&b, "shrunk from %d steps and %d answers to %d and %d, in %d runs\n\n",
		len(f.Original.Steps), len(f.Original.Answers), len(f.Script.Steps), len(f.Script.Answers), f.Tries)
	b.WriteString(f.Script.Text())
	raw, err := json.Marshal(f.Script)
	if err != nil {
		raw = []byte(err.Error())
	}
	fmt.Fprintf(&b, "\nto play it again, put this into a file for -script:\n%s\n\nevents:\n%s", raw, sessiontest.Format{}.Text(f.Events))
	if log := f.Log; len(log) > 0 {
		b.WriteString("\ninputs, and what they led to:\n")
		if n := len(log) - lastLines; n > 0 {
			fmt.Fprintf(&b, "%d lines before these\n", n)
			log = log[n:]
		}
		b.WriteString(strings.Join(log, "\n") + "\n")
	}
	return b.String()
}

// lastLines is how much of a log a report shows.
const lastLines = 60

// Text writes a script for people: what is not plain in the settings, then what
// happens, then what answers.
func (s *Script) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "settings: %s\n", cmp.Or(members(s.Settings, plain), "as usual"))
	for i := range s.Steps {
		step := s.Steps[i]
		line := fmt.Sprintf("%10s  %s %s", step.At, step.Do, members(step, Step{At: step.At, Do: step.Do}))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	fmt.Fprintf(&b, "%10s  %s\n", Span(s.last()+rest), endingTexts[s.End])
	for i := range s.Answers {
		a := s.Answers[i]
		fmt.Fprintf(&b, "  %s answers: %s\n", a.To, cmp.Or(members(a, Answer{To: a.To}), "at once"))
	}
	return b.String()
}

var endingTexts = map[Ending]string{
	Leaves: "the application stops the session", Gone: "the server is gone for good",
	Well:     "everything works",
	Vanished: "the server is gone for good, and nobody says so",
}

// members lists the members of v's JSON form that differ from those of usual.
func members(v, usual any) string {
	now, before := object(v), object(usual)
	var list []string
	for _, key := range sortedKeys(now) {
		if string(now[key]) != string(before[key]) {
			list = append(list, key+"="+strings.ReplaceAll(string(now[key]), `"`, ""))
		}
	}
	for _, key := range sortedKeys(before) {
		if _, there := now[key]; !there {
			list = append(list, key+"=0")
		}
	}
	return strings.Join(list, " ")
}

func object(v any) (m map[string]json.RawMessage) {
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		return map[string]json.RawMessage{"error": json.RawMessage(err.Error())}
	}
	return m
}

func sortedKeys(m map[string]json.RawMessage) []string { return slices.Sorted(maps.Keys(m)) }

// OnCore plays scripts to a core.
func OnCore(make NewCore) Player {
	return func(s *Script, cover *Coverage) Trace {
		t := checkCore(s, make, cover)
		cover.Lived(s, t.Events)
		return t
	}
}

// FoundInCore shrinks a script that breaks a rule when it is played to a core.
func FoundInCore(s *Script, make NewCore, broken *Violation) *Finding {
	f := &Finding{Player: "core", Original: s}
	f.Script, f.Tries = Shrink(s, func(c *Script) bool {
		t := CheckCore(c, make)
		return t.Broken != nil && t.Broken.Rule == broken.Rule
	})
	f.Broken = CheckCore(f.Script, make).Broken
	t := PlayCore(f.Script, make, nil, true)
	f.Events, f.Log = t.Events, t.Effects
	return f
}

// FoundInRuntime shrinks a script that breaks a rule when it is played to a session.
// What runs at the same moment need not always do the same: each script has three
// tries.
func FoundInRuntime(t *testing.T, s *Script, make NewSession, broken *Violation) *Finding {
	f := &Finding{Player: "runtime", Original: s}
	shows := func(c *Script) *Trace {
		for range 3 {
			if l := checkRuntime(t, c, make, nil, broken.Rule == ruleReplay); l.Broken != nil && l.Broken.Rule == broken.Rule {
				return &l
			}
		}
		return nil
	}
	f.Script, f.Tries = Shrink(s, func(c *Script) bool { return shows(c) != nil })
	f.Broken = broken
	if l := shows(f.Script); l != nil {
		f.Broken, f.Events = l.Broken, l.Events
	}
	return f
}
