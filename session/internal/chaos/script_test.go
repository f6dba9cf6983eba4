package chaos

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

var update = flag.Bool("update", false, "write the golden file anew")

// A seed gives the same script each time, and every script survives its JSON form.
func TestScriptsAreReadBack(t *testing.T) {
	for seed := range uint64(2000) {
		s := Generate(seed)
		require.Equal(t, s, Generate(seed))
		raw, err := json.Marshal(s)
		require.NoError(t, err)
		read := new(Script)
		require.NoError(t, json.Unmarshal(raw, read))
		require.Equal(t, s, read, "%s", raw)
	}
	assert.Error(t, new(Can).UnmarshalText([]byte("ping+fly")))
}

// Every script has settings that a session takes.
func TestSettingsAreValid(t *testing.T) {
	for seed := range uint64(2000) {
		s := Generate(seed)
		cfg := s.Settings.session(newServer(s), nil)
		require.NoError(t, cfg.Validate(), "seed %d", seed)
	}
}

// What a core is set to is what a session sets it to.
func TestSettingsAgree(t *testing.T) {
	for seed := range uint64(500) {
		s := Generate(seed)
		set, c := s.Settings.machine(nil), s.Settings.session(newServer(s), nil).Effective()
		assert.Equal(t, set.Policy.Budget, c.Policy.Budget)
		assert.Equal(t, set.Health, c.Health)
		assert.Equal(t, set.ConnectTimeout, c.ConnectTimeout)
		assert.Equal(t, set.CloseGrace, c.CloseGrace)
		assert.Equal(t, set.ReasonGrace, max(c.ReasonGrace, 0))
		assert.Equal(t, set.PingInterval, max(c.PingInterval, 0))
		assert.Equal(t, set.PrepareTimeout, c.PrepareTimeout)
		assert.Equal(t, set.Endpoints, c.Endpoints)
	}
}

// Of a script only what shows the fault is left.
func TestShrink(t *testing.T) {
	s := Generate(3)
	s.Settings.Credentials = true
	s.Steps = append(s.Steps, Step{At: s.Steps[len(s.Steps)-1].At + 30*sec, Do: Report, Back: 1, Layers: health.Both, Status: status.Status{
		Code: status.MeetingEnded, Wire: 5, Shared: true, Directive: &status.Directive{Endpoint: "x"},
	}})
	s.Answers = append(s.Answers, Answer{To: ToClose, Does: Panics, After: sec})
	shortest, tries := Shrink(s, func(c *Script) bool {
		reports, panics := false, false
		for _, step := range c.Steps {
			reports = reports || step.Do == Report && step.Status.Code == status.MeetingEnded && step.At >= 4*sec
		}
		for _, a := range c.Answers {
			panics = panics || a.To == ToClose && a.Does == Panics
		}
		return reports && panics && c.Settings.Credentials
	})
	want := plain
	want.Credentials = true
	assert.Equal(t, want, shortest.Settings)
	assert.Equal(t, []Step{{At: 5 * sec, Do: Report, Status: status.New(status.MeetingEnded, nil)}}, shortest.Steps)
	assert.Equal(t, []Answer{{To: ToClose, Does: Panics}}, shortest.Answers)
	assert.Less(t, tries, 300)
}

const goldenBug = "the budget begins anew with each connection"

// One seeded bug, hunted from seed 0 on: found, shrunk, and printed.
func TestReportGolden(t *testing.T) {
	alone(t)
	i := slices.IndexFunc(seededBugs, func(b seeded) bool { return b.name == goldenBug })
	require.GreaterOrEqual(t, i, 0, "there is no such bug")
	begun := time.Now()
	bad, broken, _ := Hunt(Range{Count: 20_000}, nil, onThisGoroutine(OnCore(seededBugs[i].make)))
	require.NotNil(t, bad)
	found := time.Since(begun)
	f := FoundInCore(bad, seededBugs[i].make, broken)
	t.Logf("found after %d scripts, in %s, and shrunk by %s", bad.Seed+1, found.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
	got := "a bug that was put in on purpose: " + goldenBug + "\n\n" + f.String()
	if *update {
		require.NoError(t, os.WriteFile("testdata/report.golden", []byte(got), 0o644))
	}
	want, err := os.ReadFile("testdata/report.golden")
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

var _ session.Transport = (*server)(nil)
