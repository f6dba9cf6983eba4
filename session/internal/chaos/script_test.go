package chaos

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
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

// goldenScript is a life in which that shows, and much else happens.
func goldenScript() *Script {
	s := &Script{Seed: 1, Profile: "by hand", Settings: plain, End: Gone}
	s.Settings.Can, s.Settings.ReasonGrace, s.Settings.Credentials = abilities("ping+resume+update"), 250*ms, true
	s.Steps = []Step{
		{Do: Start},
		{At: sec, Do: Update, Renegotiate: true},
		{At: 2 * sec, Do: Report, Status: status.Status{Code: status.AudioServiceUnavailable, Wire: 503, Shared: true}},
		{At: 8 * sec, Do: Hint, Hint: observer.NetworkChanged},
		{At: 9 * sec, Do: Close, Layer: status.LayerSignaling},
		{At: 11 * sec, Do: Report, Back: 1, Status: status.New(status.TaskFailed, nil)},
		{At: 16 * sec, Do: Promote},
	}
	s.Answers = []Answer{
		{To: ToConnect, Does: Fails, Status: status.New(status.AudioInternalServerError, nil)},
		{To: ToConnect, After: 20 * ms},
		{To: ToResume, Does: Refused, After: ms},
		{To: ToClose, After: sec},
	}
	return s
}

// The report on a seeded bug, whole.
func TestReportGolden(t *testing.T) {
	for _, bug := range seededBugs {
		if bug.name != goldenBug {
			continue
		}
		l := CheckCore(goldenScript(), bug.make)
		require.NotNil(t, l.Broken)
		got := FoundInCore(goldenScript(), bug.make, l.Broken).String()
		if *update {
			require.NoError(t, os.WriteFile("testdata/report.golden", []byte(got), 0o644))
		}
		want, err := os.ReadFile("testdata/report.golden")
		require.NoError(t, err)
		require.Equal(t, string(want), got)
		return
	}
	t.Fatal("there is no such bug")
}

var _ session.Transport = (*server)(nil)
