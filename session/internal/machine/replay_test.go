package machine

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
)

// record is a line of a recorded log: an input and when it was handled.
type record struct {
	At    Instant `json:"at"`
	Input Input   `json:"input"`
}

func readLog(t *testing.T, text []byte) (log []record) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var r record
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r), "%s", lines.Text())
		log = append(log, r)
	}
	require.NoError(t, lines.Err())
	return log
}

// replay gives the effects of a log, a line of JSON for each input.
func replay(t *testing.T, cfg *Config, log []record) string {
	t.Helper()
	m := New(cfg)
	var b strings.Builder
	for _, r := range log {
		text, err := json.Marshal(m.Handle(r.At, r.Input))
		require.NoError(t, err)
		b.Write(text)
		b.WriteByte('\n')
	}
	return b.String()
}

const (
	lifeFile    = "testdata/life.jsonl"
	effectsFile = "testdata/life.effects.golden"
)

// lifeConfig is the config that the recorded life was lived by. Its delays are
// drawn, so the random source is a part of the recording.
func lifeConfig() *Config {
	cfg := testConfig()
	cfg.Session = "recorded"
	cfg.Policy.NewBackOff = policy.Reference().NewBackOff
	cfg.PresenceTimeout = presenceTimeout
	cfg.Random = rand.New(rand.NewPCG(2026, 3)).Float64
	return cfg
}

// TestReplayRecordedLife (G14): a recorded log of a whole life, with failed
// attempts, a promotion, updates, outages, a sleep, dead health and a stop,
// gives the recorded effects.
func TestReplayRecordedLife(t *testing.T) {
	text, err := os.ReadFile(lifeFile)
	require.NoError(t, err)
	log := readLog(t, text)
	got := replay(t, lifeConfig(), log)
	if *rewrite {
		require.NoError(t, os.WriteFile(effectsFile, []byte(got), 0o644))
	}
	want, err := os.ReadFile(effectsFile)
	require.NoError(t, err)
	require.NoError(t, firstDifference(string(want), got))
	assert.Equal(t, got, replay(t, lifeConfig(), log), "and gives them again")
	for name, n := range map[string]int{"AttemptStarted": 8, "Recovered": 2, "Promoted": 2, "Demoted": 2, "Updated": 2, "ConnectionPoor": 2, "Stopped": 1} {
		assert.GreaterOrEqual(t, strings.Count(got, `"event":"`+name+`"`), n, "the inputs do not fit the life any more: %s", name)
	}
	t.Logf("%d inputs", len(log))
}

const (
	watchedFile        = "testdata/watched.jsonl"
	watchedEffectsFile = "testdata/watched.effects.golden"
)

// watchedLife lives through what the detector and the proof of media can lead to.
func watchedLife() (log []record) {
	r := newRig(watchedConfig)
	r.record = func(rec record) { log = append(log, rec) }
	r.calm(askable | allAbilities)
	r.doubt(status.LayerMedia)
	r.until("LinkCleared", health.Both)
	r.until("LinkSuspected", health.Signaling)
	r.sleep(time.Hour, time.Second)
	r.until("LinkCleared", health.Both)
	for _, alive := range []health.Layers{0, health.Signaling, health.Media} {
		r.clean()
		r.until("LinkDead", alive)
		r.until("LinkHealed", health.Both)
	}
	r.clean()
	r.until("LinkDead", health.Signaling)
	r.closedBare(status.LayerMedia)
	r.closeDone()
	r.until("AttemptStarted", 0)
	r.opened(askable)
	r.until("AttemptFailed", health.Signaling)
	r.closeDone()
	r.until("AttemptStarted", 0)
	r.expect(health.ExpectMedia)
	r.opened(CanPing | CanProbe)
	r.do(Input{Kind: CannotProbe, Epoch: r.m.epoch})
	r.pass(time.Second, health.Signaling)
	r.hear()
	r.expect(health.ExpectKeepalives)
	r.do(Input{Kind: CannotPing, Epoch: r.m.epoch})
	r.until("LinkDead", 0)
	r.stop()
	r.closeDone()
	return log
}

// watchedConfig is the config of that life.
func watchedConfig(c *Config) {
	detecting(c)
	c.Health.Detector.CleanFor = 6 * time.Second // a short life tells as much
	c.Session = "watched"
	c.Random = rand.New(rand.NewPCG(2026, 4)).Float64
}

// TestReplayWatchedLife (G14): the same of a life with suspicions, verdicts,
// healings and proofs of media.
func TestReplayWatchedLife(t *testing.T) {
	testLife(t, watchedFile, watchedEffectsFile, watchedConfig, watchedLife, map[string]int{
		"LinkSuspected": 7, "LinkCleared": 2, "LinkDead": 5, "LinkHealed": 3, "MediaProven": 1, "Stopped": 1,
	})
}

const (
	climbedFile        = "testdata/climbed.jsonl"
	climbedEffectsFile = "testdata/climbed.effects.golden"
)

// climbedConfig is the config of a life that recovers in every way, and whose
// attempts have to wait and to ask for everything.
func climbedConfig(c *Config) {
	detecting(c)
	limited(c)
	catchesUp(c)
	authorizes(c)
	finds(c)
	rejections(2)(c)
	c.Session = "climbed"
	c.Policy.NewBackOff = nil
	c.Health.Detector.CleanFor = 6 * time.Second
	c.Random = rand.New(rand.NewPCG(2026, 5)).Float64
}

// climbedLife is that life.
func climbedLife() (log []record) {
	r := newRig(climbedConfig)
	r.record = func(rec record) { log = append(log, rec) }
	begin := func() { // the next attempt
		r.queue()
		r.admit()
		if r.m.step == finding {
			r.found("first", "second")
		}
		if r.m.step == authorizing {
			r.authorized(time.Minute)
		}
	}
	opened := func() { r.opened(askable | restorable) }
	prove := func() { // the new path, and catch up
		r.until("Resyncing", health.Both)
		r.resynced()
		r.clean()
	}
	r.start()
	begin()
	r.rejected()
	begin()
	opened()
	r.clean()

	r.loseLayer(status.LayerMedia)
	begin()
	r.restored()
	prove()

	r.report(status.IncompatibleSDP)
	r.until("LinkDead", health.Signaling)
	r.ask(true, true)
	begin()
	r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Unsupported: true})
	begin()
	r.restored()
	prove()
	r.updated()

	r.closedBare(status.LayerSignaling)
	begin()
	r.tick() // out of time
	r.restoreFailed(status.TaskFailed)
	r.hint(observer.NetworkDown)
	r.pass(10*time.Second, 0)
	r.hint(observer.NetworkUp)
	begin()
	r.do(Input{Kind: Restored, Epoch: r.m.epoch, ID: r.m.op, Refused: true, Status: status.New(status.TaskFailed, errProbe)})
	r.do(Input{Kind: CloseDone, Epoch: r.m.epoch})
	r.tick()
	r.do(Input{Kind: Admitted, ID: r.m.queued, Status: status.New(status.TaskFailed, errProbe)})
	begin()
	r.do(Input{Kind: OpenFailed, Epoch: r.m.epoch, Status: status.Status{
		Code: status.AudioServiceUnavailable, Wire: 503, Directive: &status.Directive{RetryAfter: 3 * time.Second, Endpoint: "there"},
	}})
	r.hint(observer.Woke)
	begin()
	opened()
	prove()

	for r.m.fresh.id == 0 {
		r.beat(health.Both)
	}
	r.refreshed(time.Hour)
	r.loseLayer(status.LayerMedia)
	begin()
	r.tick() // out of time
	r.tick() // and deaf
	begin()
	opened()
	r.until("Resyncing", health.Both)
	r.do(Input{Kind: Resynced, Epoch: r.m.epoch, ID: r.m.op, Status: status.New(status.TaskFailed, errProbe)})
	r.sleep(8*time.Hour, time.Second)
	r.do(Input{Kind: Tick})
	begin()
	r.stop()
	r.openFailed(status.TaskFailed)
	return log
}

// TestReplayClimbedLife (G14): the same of a life with recoveries at every level, in
// which attempts wait for a limiter and a network, and ask for endpoints and
// credentials.
func TestReplayClimbedLife(t *testing.T) {
	testLife(t, climbedFile, climbedEffectsFile, climbedConfig, climbedLife, map[string]int{
		"Recovered": 3, "AttemptFailed": 7, "AttemptQueued": 13, "Resyncing": 4, "EndpointsFound": 2, "CredentialsRefreshed": 1,
		"Hinted": 3, "Updated": 1, "Stopped": 1,
	})
}

// testLife replays a recorded life, or records it anew if that is asked for. It must
// tell so many events of each name.
func testLife(t *testing.T, inputs, effects string, change func(*Config), live func() []record, events map[string]int) {
	t.Helper()
	config := func() *Config {
		cfg := testConfig()
		change(cfg)
		return cfg
	}
	if *rewrite {
		var b bytes.Buffer
		for _, rec := range live() {
			text, err := json.Marshal(rec)
			require.NoError(t, err)
			b.Write(append(text, '\n'))
		}
		require.NoError(t, os.WriteFile(inputs, b.Bytes(), 0o644))
	}
	text, err := os.ReadFile(inputs)
	require.NoError(t, err)
	log := readLog(t, text)
	got := replay(t, config(), log)
	if *rewrite {
		require.NoError(t, os.WriteFile(effects, []byte(got), 0o644))
	}
	want, err := os.ReadFile(effects)
	require.NoError(t, err)
	require.NoError(t, firstDifference(string(want), got))
	assert.Equal(t, got, replay(t, config(), log), "and gives them again")
	for name, n := range events {
		assert.GreaterOrEqual(t, strings.Count(got, `"event":"`+name+`"`), n, name)
	}
	t.Logf("%d inputs", len(log))
}

// TestReplayRandomLives (G14): whatever happens to a session, its inputs written
// down and read back give the same effects, and the same snapshot at the end.
func TestReplayRandomLives(t *testing.T) {
	lives, kinds, events := 600, map[string]int{}, map[string]int{}
	if raceEnabled {
		lives = 60
	}
	for seed := range uint64(lives) {
		source := rand.New(rand.NewPCG(seed, 7))
		kind := source.IntN(len(playerConfigs(seed)))
		live := playerConfigs(seed)[kind]
		p := player{w: newWorld(live), pick: source.IntN}
		var log bytes.Buffer
		var effects strings.Builder
		for range maxPlayed {
			at, in := p.next()
			text, err := json.Marshal(record{at, in})
			require.NoError(t, err)
			log.Write(append(text, '\n'))
			out, err := p.w.step(at, in)
			require.NoError(t, err, "seed %d", seed)
			text, err = json.Marshal(out)
			require.NoError(t, err)
			effects.Write(append(text, '\n'))
			kinds[in.Kind.String()]++
			for _, e := range out {
				if e.Event != nil {
					events[e.Event.Name()]++
				}
			}
		}
		again := playerConfigs(seed)[kind]
		require.NoError(t, firstDifference(effects.String(), replay(t, again, readLog(t, log.Bytes()))), "seed %d", seed)
	}
	t.Logf("%d lives, inputs %v, events %v", lives, kinds, events)
	if raceEnabled {
		return
	}
	for k := Start; k < kindEnd; k++ {
		assert.Greater(t, kinds[k.String()], 20, k.String())
	}
	assert.Greater(t, events["Recovered"], lives)
	assert.Greater(t, events["Promoted"], lives/10)
	assert.Greater(t, events["Updated"], lives/10)
	assert.Greater(t, events["Stopped"], lives/4)
	assert.Greater(t, events["PolicyChanged"], lives/4)
	assert.NotZero(t, events["SendingAudioFailed"])
	for _, name := range []string{"LinkSuspected", "LinkCleared", "LinkDead", "LinkHealed", "MediaProven"} {
		assert.Greater(t, events[name], lives/25, name)
	}
	assert.NotZero(t, events["VideoDegradeSuggested"])
}

// TestClone: a copy and its original do not feel each other.
func TestClone(t *testing.T) {
	r := newRig()
	r.connectStable(allAbilities)
	r.sample(50, true)
	c := &rig{m: r.m.Clone(), now: r.now, bytes: r.bytes}
	c.sample(10, true)
	r.sample(20, true)
	newest := func(r *rig) float64 { return r.m.monitor.Data().AudioReceived.At(0) }
	assert.Equal(t, []float64{20, 10}, []float64{newest(r), newest(c)})
	c.lose()
	c.stop()
	assert.Equal(t, "stopped/resting", place(c.m))
	assert.Equal(t, "connected/resting", place(r.m))
	assert.Zero(t, r.m.Snapshot().Outages)
	assert.Equal(t, 2, r.m.monitor.Data().AudioReceived.Len())
}
