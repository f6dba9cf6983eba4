package chaos

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/internal/machine"
)

var (
	seeds  = flag.Uint64("seeds", 0, "how many scripts to play to the core, or to the runtime; 0: some thousands")
	from   = flag.Uint64("from", 0, "the first seed")
	lots   = flag.Bool("long", false, "play 10,000,000 scripts to the core and 100,000 to the runtime")
	script = flag.String("script", "", "play the script in this file, and nothing else")
)

// span is which seeds to play, as the flags say.
func span(long, usual uint64) Range {
	n := usual
	switch {
	case *seeds > 0:
		n = *seeds
	case *lots:
		n = long
	case raceEnabled:
		n = usual / 8
	case testing.Short():
		n = usual / 4
	}
	return Range{From: *from, Count: n}
}

// progress is where it is told, if that takes long.
func progress() io.Writer {
	if *lots || *seeds > 0 {
		return os.Stderr
	}
	return nil
}

// alone skips a test when one script is to be played and nothing else.
func alone(t *testing.T) {
	if *script != "" {
		t.Skip("a script is played")
	}
}

// TestCore plays scripts to the core.
func TestCore(t *testing.T) {
	alone(t)
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	r, begun := span(10_000_000, 40_000), time.Now()
	bad, broken, cover := Hunt(r, progress(), func(workers int, work func(Player)) {
		var all sync.WaitGroup
		for range workers {
			all.Go(func() { work(OnCore(Sound)) })
		}
		all.Wait()
	})
	summary(t, "core", r, begun, cover)
	t.Logf("all events were held to sessiontest.CheckEvents; 1 life in %d was led by two cores, which had to do the same", twins)
	if bad != nil {
		t.Error(FoundInCore(bad, Sound, broken))
	}
}

// TestRuntime plays scripts to sessions, in bubbles of fake time.
func TestRuntime(t *testing.T) {
	alone(t)
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	r, begun := span(100_000, 2_500), time.Now()
	bad, broken, cover := Hunt(r, progress(), func(workers int, work func(Player)) {
		t.Run("all", func(t *testing.T) {
			for range workers {
				t.Run("", func(t *testing.T) {
					t.Parallel()
					work(func(s *Script, cover *Coverage) Trace { return CheckRuntime(t, s, session.New, cover) })
				})
			}
		})
	})
	summary(t, "runtime", r, begun, cover)
	t.Logf("every session was recorded, and its recording replayed by session.Replay; %s", burdens(cover))
	if bad != nil {
		t.Error(FoundInRuntime(t, bad, session.New, broken))
		return
	}
	for _, b := range Burdens {
		assert.True(t, cover.Moments[b] > 0 || r.Count < 2000, "it never happened that %s", b)
	}
}

// burdens says what observers came to.
func burdens(cover *Coverage) string {
	var list []string
	for _, b := range Burdens {
		list = append(list, fmt.Sprintf("%s in %d", b, cover.Moments[b]))
	}
	return strings.Join(list, ", ")
}

func summary(t *testing.T, what string, r Range, begun time.Time, cover *Coverage) {
	took := time.Since(begun)
	t.Logf("%s, %s: %s in %s, %.0f a second", what, r, cover, took.Round(time.Millisecond), float64(cover.Scripts)/took.Seconds())
}

// TestScripts plays the scripts that have shown a fault once, or the one of -script.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	if *script != "" {
		files = []string{*script}
	}
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s := read(t, file)
			if l := CheckCore(s, Sound); l.Broken != nil {
				t.Error(FoundInCore(s, Sound, l.Broken))
			} else if *script != "" {
				f := Finding{Player: "core", Original: s, Script: s, Broken: new(Violation), Events: l.Events}
				t.Logf("nothing is broken\n%s", &f)
			}
			if l := CheckRuntime(t, s, session.New, nil); l.Broken != nil {
				t.Error(FoundInRuntime(t, s, session.New, l.Broken))
			}
		})
	}
}

func read(t *testing.T, file string) *Script {
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	s := new(Script)
	require.NoError(t, json.Unmarshal(raw, s), file)
	return s
}

// onlyWithoutRace leaves what runs on one goroutine to the plain run.
func onlyWithoutRace(t *testing.T) {
	if raceEnabled {
		t.Skip("nothing runs at the same time here")
	}
}

// What scripts come to covers all that matters, so that nothing can be missed
// because it never happens.
func TestScriptsReachEverything(t *testing.T) {
	alone(t)
	onlyWithoutRace(t)
	_, _, cover := Hunt(Range{Count: 8_000}, nil, onThisGoroutine(OnCore(Sound)))
	for k := machine.Start; k.String()[0] != 'K'; k++ {
		assert.NotZero(t, cover.Inputs[k], "input %s", k)
	}
	for k := machine.Open; k.String()[0] != 'E'; k++ {
		assert.NotZero(t, cover.Effects[k], "effect %s", k)
	}
	t.Logf("%s\ninputs: %s\neffects: %s\nevents: %s\nmoments: %s", cover, counts(cover.Inputs), counts(cover.Effects), counts(cover.Events),
		counts(cover.Moments))
	for _, m := range Moments {
		assert.NotZero(t, cover.Moments[m], m)
	}
	assert.Len(t, cover.Ends, 4)
	assert.Len(t, cover.Levels, 4, "each level, and none")
	assert.Len(t, cover.Profiles, len(profiles)+2)
}
