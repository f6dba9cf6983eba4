package machine

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/looplab/fsm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// exploration is one walk through all that can happen to a session, breadth
// first, from a small alphabet. Every machine that is new under the
// abstraction is tried with every input at every interesting time.
type exploration struct {
	name  string
	table fsm.Events
	cfg   *Config
	codes []status.Code // that links report and Connects fail with
	able  []Abilities   // of the links that open
	// detects: the links report what the detector of dead links goes by.
	detects func(w *world) []choice
	// recovers: what is recovered with is in the alphabet, too.
	recovers *recoveries
	slow     bool // too slow for the race detector, which has nothing to find here

	visited map[abstract]int // index into trail
	seen    map[string]bool  // places, effects and events on the way
	trail   []visit
	edges   int

	worlds []*world // the frontier: seen, but not expanded yet
	ids    []int    // of them, in trail
}

// visit remembers how a world was reached.
type visit struct {
	parent int
	by     string
}

// forget drops what no longer matters of the surroundings, so that they stay
// finite: of the closes that were left behind only the newest may still end.
func (w *world) forget() {
	left := 0
	for i := len(w.lives) - 1; i >= 0; i-- {
		l := w.lives[i]
		if l.stage != closing || w.now.Mono < l.since+w.m.cfg.CloseGrace {
			continue
		}
		if left++; left > 1 {
			w.lives = slices.Delete(w.lives, i, i+1)
		}
	}
}

// run explores until nothing new is found, or to the first violation, which
// it tells with the shortest way there.
func (x *exploration) run() error {
	x.visited, x.seen = map[abstract]int{}, map[string]bool{}
	start := newWorld(x.cfg)
	if x.table != nil {
		start.m.table = x.table
	}
	if err := x.see(start, -1, ""); err != nil {
		return err
	}
	for len(x.worlds) > 0 {
		w, id := x.worlds[0], x.ids[0]
		x.worlds[0] = nil
		x.worlds, x.ids = x.worlds[1:], x.ids[1:]
		if err := x.expand(w, id); err != nil {
			return err
		}
	}
	return nil
}

// expand tries everything that may happen to a world.
func (x *exploration) expand(w *world, id int) error {
	for _, c := range x.choices(w) {
		x.edges++
		next := w.clone()
		next.nextID = max(next.nextID, c.in.ID)
		effects, err := next.step(c.at, c.in)
		if err != nil {
			return x.blame(err, id, c.name)
		}
		x.note(next, effects)
		if c.lasts {
			if err := next.spell(c.alive, func(effects []Effect) { x.note(next, effects) }); err != nil {
				return x.blame(err, id, c.name)
			}
		}
		if x.recovers.promptly() {
			if err := next.tidy(func(effects []Effect) { x.note(next, effects) }); err != nil {
				return x.blame(err, id, c.name)
			}
		}
		next.forget()
		if err := x.see(next, id, c.name); err != nil {
			return err
		}
	}
	return nil
}

// note remembers what has been met.
func (x *exploration) note(w *world, effects []Effect) {
	x.seen[place(w.m)] = true
	for _, e := range effects {
		x.seen[e.Kind.String()] = true
		if e.Event != nil {
			x.seen[e.Event.Name()] = true
		}
	}
}

// see takes a world into the frontier if it is new, and makes sure that it
// comes to an end by itself.
func (x *exploration) see(w *world, parent int, by string) error {
	a := w.abstraction()
	if _, ok := x.visited[a]; ok {
		return nil
	}
	id := len(x.trail)
	x.visited[a] = id
	x.trail = append(x.trail, visit{parent, by})
	x.worlds, x.ids = append(x.worlds, w), append(x.ids, id)
	if err := w.clone().endsAlone(); err != nil {
		return x.blame(err, id, "silence")
	}
	return nil
}

// endsAlone lets only time pass: a session that is neither idle nor connected
// must connect or stop, and so it must stop, at the latest after the budget
// and the graces of the last attempt and of its end.
func (w *world) endsAlone() error {
	if w.m.state == observer.StateIdle || w.m.state == observer.StateConnected || w.finished {
		return nil
	}
	begin, slack := w.now.Mono, 2*w.m.cfg.CloseGrace
	if w.m.cfg.Policy.Budget.Elapsed == 0 {
		slack += w.m.cfg.ConnectTimeout // the first attempt has its time
	}
	if w.account.living && w.m.cfg.Policy.Budget.Idle >= 0 {
		slack += w.m.cfg.ConnectTimeout // an attempt is not clipped to a clock that its own link has started
	}
	for range 1000 {
		at, ok := w.m.Deadline()
		if !ok {
			break
		}
		if _, err := w.step(afterwards(w.now, max(at-w.now.Mono, 0)), Input{Kind: Tick}); err != nil {
			return err
		}
	}
	limit := begin + time.Hour // without a budget
	if end, ok := w.end(); ok {
		limit = max(end, begin) // what was granted meanwhile included
	}
	limit += slack
	switch {
	case !w.finished && w.rescue.asking != 0 && w.m.cfg.Policy.Budget.Elapsed < 0: // the limiter has to answer
	case !w.finished:
		return fmt.Errorf("NEEDS 3: the session does not end; it is %s", place(w.m))
	case w.now.Mono > limit:
		return fmt.Errorf("the session ends %s later than the budget allows", w.now.Mono-limit)
	}
	return nil
}

// blame tells how a violation is reached.
func (x *exploration) blame(err error, id int, last string) error {
	steps := []string{last}
	for id > 0 {
		steps = append(steps, x.trail[id].by)
		id = x.trail[id].parent
	}
	slices.Reverse(steps)
	return fmt.Errorf("%s: after %s: %w", x.name, strings.Join(steps, " · "), err)
}

// explorations are the alphabets. One alphabet for everything would multiply
// what does not touch: operations of a link and the ways in which its attempt
// may fail.
func explorations(table fsm.Events) []*exploration {
	small := func(changes ...func(*Config)) *Config {
		cfg := testConfig()
		cfg.Policy.Budget.Elapsed = 20 * time.Second // one failed attempt away from its end
		for _, change := range changes {
			change(cfg)
		}
		return cfg
	}
	few := []status.Code{
		status.MeetingEnded, status.AudioInternalServerError, status.SignalingChannelClosedUnexpectedly, status.IncompatibleSDP,
		status.VideoCallSwitchToViewOnly, status.AudioVideoWasRemovedFromPrimaryMeeting, status.EncodedTransformManagerFailed,
	}
	layers := []status.Layer{status.LayerMedia, status.LayerSignaling}
	hints := []observer.Hint{observer.NetworkDown, observer.NetworkUp, observer.Woke}
	wishes := []status.Directive{
		{RetryAfter: 3 * time.Second}, {Endpoint: "elsewhere"}, {Recovery: status.RecoverByResume}, {Recovery: status.RecoverByRejoin},
	}
	return []*exploration{
		{name: "statuses", slow: true, table: table, cfg: small(), codes: classCodes, able: []Abilities{0}},
		{name: "updates", slow: true, table: table, cfg: small(), codes: few, able: []Abilities{0, CanUpdate}},
		{name: "promotions", slow: true, table: table, cfg: small(), codes: few, able: []Abilities{0, CanPromote}},
		{name: "pings", slow: true, table: table, cfg: small(), codes: few[:3], able: []Abilities{CanPing}},
		{name: "presence", slow: true, table: table, cfg: small(presence), codes: few, able: []Abilities{0}},
		{name: "limits", slow: true, table: table, cfg: small(attempts(2), func(c *Config) { c.Policy.Budget.Idle = 10 * time.Second }), codes: few[:3], able: []Abilities{0}},
		{name: "as the reference", slow: true, table: table, cfg: small(func(c *Config) {
			c.ReasonGrace, c.Policy.StableAfter = 0, 0
			c.Policy.Budget.Idle = 20 * time.Second
		}), codes: few[:3], able: []Abilities{0, CanPing}},
		{name: "detector", slow: true, table: table, cfg: small(coarse, noPinger), codes: few[:2], able: []Abilities{askable}, detects: answers},
		{name: "ignored verdicts", slow: true, table: table, cfg: small(coarse, noPinger, ignoring, unsettled), codes: few[:1], able: []Abilities{askable}, detects: answers},
		{name: "proof", slow: true, table: table, cfg: small(coarse, presence, unsettled), codes: few[:2], able: []Abilities{CanProbe, 0}, detects: declarations},
		{name: "ladder", slow: true, table: table, cfg: small(), codes: few[:3], able: []Abilities{CanRestart | CanResume}, recovers: &recoveries{dead: layers}},
		{name: "limiter", slow: true, table: table, cfg: small(unsettled, limited), codes: few[:1], able: []Abilities{CanRestart}, recovers: &recoveries{dead: layers}},
		{name: "limiter, offline", slow: true, table: table, cfg: small(unsettled, limited), codes: few[:1], able: []Abilities{CanRestart | CanResume}, recovers: &recoveries{prompt: true, dead: layers, hints: hints[:2]}},
		{name: "limiter without a budget", table: table, cfg: small(unsettled, limited, budget(policy.NoLimit)), codes: few[:1], able: []Abilities{CanRestart}, recovers: &recoveries{prompt: true, dead: layers[:1]}},
		{name: "resync", slow: true, table: table, cfg: small(unsettled, catchesUp), codes: few[:2], able: []Abilities{CanRestart | CanResume}, recovers: &recoveries{prompt: true, dead: layers}},
		{name: "preparation", slow: true, table: table, cfg: small(unsettled, finds, authorizes, rejections(2)), codes: few[:2], able: []Abilities{0}, recovers: &recoveries{prompt: true}},
		{name: "resumed with credentials", slow: true, table: table, cfg: small(unsettled, authorizes, rejections(2)), codes: few[:1], able: []Abilities{CanResume}, recovers: &recoveries{prompt: true, dead: layers[1:]}},
		{name: "hints", slow: true, table: table, cfg: small(unsettled), codes: few[:2], able: []Abilities{CanResume}, recovers: &recoveries{prompt: true, dead: layers[1:], hints: hints}},
		{name: "hints about a condemned link", slow: true, table: table, cfg: small(coarse, noPinger, unsettled), codes: few[:1], able: []Abilities{askable | CanRestart}, detects: answers, recovers: &recoveries{prompt: true, hints: hints[:2]}},
		{name: "asked updates", slow: true, table: table, cfg: small(unsettled), codes: few[:2], able: []Abilities{CanUpdate | CanRestart}, recovers: &recoveries{prompt: true, dead: layers, asks: true}},
		{name: "kept promotions", slow: true, table: table, cfg: small(unsettled), codes: few[:1], able: []Abilities{CanPromote | CanRestart}, recovers: &recoveries{prompt: true, dead: layers}},
		{name: "directed delays and moves", slow: true, table: table, cfg: small(unsettled, endpointsAt("first", "second"), extension(10*time.Second)), codes: few[:1], able: []Abilities{CanResume}, recovers: &recoveries{prompt: true, wishes: wishes[:2]}},
		{name: "directed levels", slow: true, table: table, cfg: small(unsettled), codes: few[:1], able: []Abilities{CanRestart | CanResume}, recovers: &recoveries{prompt: true, dead: layers[:1], wishes: wishes[2:]}},
		{name: "no delay", table: table, cfg: small(func(c *Config) { c.Policy.NewBackOff = steadily(0) }), codes: few[:3], able: []Abilities{0}},
		{name: "no budget", table: table, cfg: small(budget(0)), codes: few[:3], able: []Abilities{0}},
		{name: "no limit", table: table, cfg: small(budget(policy.NoLimit)), codes: few[:3], able: []Abilities{0}},
	}
}

// TestExplore searches all that can happen to a session, from alphabets small
// enough to come to an end, for a violation of the guarantees, and for a life
// that never ends by itself (NEEDS 3).
func TestExplore(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	states, edges := 0, 0
	seen := map[string]bool{}
	for _, x := range exploreAll(t) {
		states += len(x.visited)
		edges += x.edges
		maps.Copy(seen, x.seen)
	}
	t.Logf("together: %d states, %d edges", states, edges)
	if raceEnabled || os.Getenv(alphabetEnv) != "" {
		return
	}
	assert.Greater(t, states, 190_000, "the exploration has shrunk")
	assert.Greater(t, edges, 13_000_000, "the exploration has shrunk")
	for _, name := range reachable() {
		assert.True(t, seen[name], "%s was never met", name)
	}
}

// alphabetEnv is a regular expression for the names of the explorations that are to
// be run alone.
const alphabetEnv = "ALPHABET"

// exploreAll runs the explorations, as many at once as there are processors.
func exploreAll(t *testing.T) (done []*exploration) {
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	var running sync.WaitGroup
	only := regexp.MustCompile(os.Getenv(alphabetEnv))
	for _, x := range explorations(transitions) {
		if !only.MatchString(x.name) || raceEnabled && x.slow {
			continue
		}
		done = append(done, x)
		running.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			begin := time.Now()
			assert.NoError(t, x.run())
			t.Logf("%s: %d states, %d edges, %s", x.name, len(x.visited), x.edges, time.Since(begin).Round(time.Millisecond))
		})
	}
	running.Wait()
	require.False(t, t.Failed())
	return done
}

// reachable lists what the explorations must meet: every place, every effect,
// and every event but those of audio quality, for which there are no samples.
func reachable() []string {
	list := []string{
		"idle/resting", "connecting/opening", "connecting/aborting", "connecting/awaiting", "connecting/waiting",
		"connected/resting", "reconnecting/reasoning", "reconnecting/waiting", "reconnecting/opening",
		"reconnecting/aborting", "reconnecting/awaiting", "reconnecting/condemned", "reconnecting/proving", "stopped/leaving", "stopped/resting",
		"connecting/queueing", "reconnecting/queueing", "reconnecting/holding", "reconnecting/restoring", "reconnecting/resyncing",
		"Connecting", "AttemptStarted", "AttemptFailed", "RetryScheduled", "Connected", "Reconnecting", "Recovered",
		"Stopped", "Promoted", "Demoted", "VideoSendUnavailable", "Updating", "Updated",
		"LinkSuspected", "LinkCleared", "LinkDead", "LinkHealed", "MediaProven",
		"AttemptQueued", "EndpointsFound", "CredentialsRefreshed", "Hinted", "Resyncing",
	}
	for k := effectInvalid + 1; k < effectEnd; k++ {
		list = append(list, k.String())
	}
	return list
}
