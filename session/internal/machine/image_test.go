package machine

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session/internal/image"
)

// TestImageKnowsEveryField fails when a machine or a config gets a field of a kind
// that is not written, or a text of which it is not said whether it may hold an
// endpoint.
func TestImageKnowsEveryField(t *testing.T) {
	require.NoError(t, stateForm.Check(reflect.TypeFor[Machine]()))
	require.NoError(t, stateForm.Check(reflect.TypeFor[policy.AdaptiveJitter]()))
	require.NoError(t, configForm.Check(reflect.TypeFor[Config]()))
	for _, name := range append(stateForm.Skip, stateForm.Kept...) {
		assert.True(t, exists(name), "%s: there is no such field any more", name)
	}
}

// exists finds a field by its name in the types that are written.
func exists(name string) bool {
	for _, t := range []reflect.Type{
		reflect.TypeFor[Machine](), reflect.TypeFor[custom](), reflect.TypeFor[policy.Retries](), reflect.TypeFor[policy.AdaptiveJitter](),
		reflect.TypeFor[health.Pinger](), reflect.TypeFor[health.Detector](), reflect.TypeFor[health.Reconnection](),
		reflect.TypeFor[health.UnusableAudio](), reflect.TypeFor[health.SendingAudio](), reflect.TypeFor[health.VideoCPU](),
		reflect.TypeFor[health.VideoFrameRate](), reflect.TypeFor[health.ConcurrentSenders](),
	} {
		for i := range t.NumField() {
			if t.String()+"."+t.Field(i).Name == name {
				return true
			}
		}
	}
	return false
}

// twin continues the life of a machine from an image of it.
func twin(t *testing.T, m *Machine, cfg *Config) *Machine {
	t.Helper()
	data, err := m.Image(image.Scrub{})
	require.NoError(t, err)
	c, err := Restore(cfg, data)
	require.NoError(t, err, "%s", data)
	again, err := c.Image(image.Scrub{})
	require.NoError(t, err)
	require.JSONEq(t, string(data), string(again))
	return c
}

// TestImageContinues (G14): at every k-th input of random lives a machine is made
// from the image of the one that lives; both then do the same, to the next one.
func TestImageContinues(t *testing.T) {
	lives, checkpoints, size := 120, 0, 0
	if raceEnabled {
		lives = 20
	}
	for seed := range uint64(lives) {
		source := rand.New(rand.NewPCG(seed, 11))
		kind, every := source.IntN(len(playerConfigs(seed))), 1+source.IntN(12)
		cfg, other := playerConfigs(seed)[kind], playerConfigs(seed)[kind]
		var live, again Tape
		own := cfg.Policy.NewBackOff != nil
		live.Record(cfg)
		again.Play(other, own)
		p := player{w: newWorld(cfg), pick: source.IntN}
		var copied *Machine
		for i := range maxPlayed {
			if i%every == 0 {
				copied = twin(t, p.w.m, other)
				checkpoints++
				if text, _ := p.w.m.Image(image.Scrub{}); len(text) > size {
					size = len(text)
				}
			}
			at, in := p.next()
			live.Take()
			want, err := p.w.step(at, in)
			require.NoError(t, err, "seed %d", seed)
			again.Answers = slices.Clone(live.Take())
			got := copied.Handle(at, in)
			require.Equal(t, asJSON(t, want), asJSON(t, got), "seed %d, input %d, %s", seed, i, in.Kind)
			require.Equal(t, known(t, p.w.m), known(t, copied), "seed %d, input %d", seed, i)
			require.Empty(t, again.Answers)
			require.Empty(t, again.Missed)
			wantAt, wantOK := p.w.m.Deadline()
			gotAt, gotOK := copied.Deadline()
			require.Equal(t, []any{wantAt, wantOK}, []any{gotAt, gotOK}, "seed %d, input %d", seed, i)
		}
	}
	t.Logf("%d checkpoints, the largest of %d bytes", checkpoints, size)
}

func asJSON(t *testing.T, effects []Effect) string {
	t.Helper()
	text, err := json.Marshal(effects)
	require.NoError(t, err)
	return string(text)
}

// known is a machine's snapshot; of causes it keeps the text.
func known(t *testing.T, m *Machine) string {
	t.Helper()
	text, err := json.Marshal(m.Snapshot())
	require.NoError(t, err)
	return string(text)
}

// TestImageFromEverySituation (G14): the same from everything that the walk knows,
// with some of the inputs of the walk.
func TestImageFromEverySituation(t *testing.T) {
	onlyWithoutRace(t)
	n := 0
	for i, s := range situations {
		at := s.arrive(transitions)
		data, err := at.m.Image(image.Scrub{})
		require.NoError(t, err)
		for j, p := range probes(at.m) {
			if (i+j)%11 != 0 {
				continue
			}
			copied, err := Restore(at.m.cfg, data)
			require.NoError(t, err)
			r := &rig{m: at.m.Clone(), now: at.now}
			c := &rig{m: copied, now: at.now}
			r.wait(p.wait)
			c.wait(p.wait)
			require.Equal(t, asJSON(t, r.do(p.in)), asJSON(t, c.do(p.in)), "%s, %s", s.name, p.in.Kind)
			require.Equal(t, known(t, r.m), known(t, c.m), "%s, %s", s.name, p.in.Kind)
			n++
		}
	}
	t.Logf("%d inputs", n)
}

// TestImageExplored (G14): the same from states that the explorer finds, with what may
// happen in them. HOLDFAST_IMAGES is how many states of each alphabet.
func TestImageExplored(t *testing.T) {
	onlyWithoutRace(t)
	states, tried := number("HOLDFAST_IMAGES", 15), 0
	for _, x := range explorations(transitions) {
		pick := rand.New(rand.NewPCG(5, 6))
		x.visited, x.seen = map[abstract]int{}, map[string]bool{}
		require.NoError(t, x.see(newWorld(x.cfg), -1, ""))
		for range states {
			if len(x.worlds) == 0 {
				break
			}
			i := pick.IntN(len(x.worlds)) // anywhere between the beginning and the depth
			w, id := x.worlds[i], x.ids[i]
			x.worlds, x.ids = slices.Delete(x.worlds, i, i+1), slices.Delete(x.ids, i, i+1)
			tried += continues(t, x, w, pick.IntN(3))
			require.NoError(t, x.expand(w, id))
		}
	}
	t.Logf("%d inputs", tried)
}

// continues tries every third choice on what was made from the image of a world's
// machine.
func continues(t *testing.T, x *exploration, w *world, from int) (tried int) {
	t.Helper()
	data, err := w.m.Image(image.Scrub{})
	require.NoError(t, err)
	choices := x.choices(w)
	for i := from; i < len(choices); i += 3 {
		c := choices[i]
		live := w.clone()
		copied, err := Restore(w.m.cfg, data)
		require.NoError(t, err)
		in := live.heed(c.in)
		require.Equal(t, asJSON(t, live.m.Handle(c.at, in)), asJSON(t, copied.Handle(c.at, in)), "%s: %s", x.name, c.name)
		require.Equal(t, known(t, live.m), known(t, copied), "%s: %s", x.name, c.name)
		require.Equal(t, live.m.timers.on, copied.timers.on)
		tried++
	}
	return tried
}

// TestConfigImage: a config comes back with all its data.
func TestConfigImage(t *testing.T) {
	for i, cfg := range playerConfigs(1) {
		cfg.Policy.Classes = cfg.Policy.Classes.With(status.IncompatibleSDP, policy.Failure)
		data, err := cfg.Image(image.Scrub{})
		require.NoError(t, err)
		back, err := ReadConfig(data)
		require.NoError(t, err, "%d: %s", i, data)
		assert.Nil(t, back.Random)
		back.Random, back.Policy.NewBackOff = nil, nil
		want := *cfg
		want.Random, want.Policy.NewBackOff = nil, nil
		for i := range want.Health.Custom {
			want.Health.Custom[i].New = nil
		}
		assert.Equal(t, &want, back)
	}
	for _, text := range []string{`{`, `{"Session":7}`, `{"Nonsense":1}`, `{}`, `{"ConnectTimeout":-1}`} {
		_, err := ReadConfig([]byte(text))
		assert.Error(t, err, text)
	}
}

// TestReadConfigChecks: a config that no session could have is refused, by the name of
// the field.
func TestReadConfigChecks(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"ConnectTimeout": func(c *Config) { c.ConnectTimeout = 0 },
		"CloseGrace":     func(c *Config) { c.CloseGrace = 0 },
		"PrepareTimeout": func(c *Config) { c.PrepareTimeout = -1 },
		"DownTimeout":    func(c *Config) { c.DownTimeout = 0 },
		"PingInterval":   func(c *Config) { c.PingInterval = time.Millisecond - 1 },
		"Budget":         func(c *Config) { c.Policy.Budget = policy.Budget{Elapsed: time.Second} },
		"Suspicion":      func(c *Config) { c.Health.Detector.Suspicion = -1 },
		"":               func(c *Config) { c.PingInterval, c.ConnectTimeout, c.DownTimeout = time.Millisecond, 1, 1 },
		" no pings":      func(c *Config) { c.PingInterval = 0 },
	} {
		cfg := testConfig()
		change(cfg)
		data, err := cfg.Image(image.Scrub{})
		require.NoError(t, err)
		_, err = ReadConfig(data)
		if name == "" || name[0] == ' ' {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, name)
		}
	}
}

// TestImageInTheMiddle: while effects wait for the next input there is no image.
func TestImageInTheMiddle(t *testing.T) {
	r := newRig(func(c *Config) { c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return goner{} } })
	r.start()
	elsewhere(func() []Effect { return r.report(status.AudioInternalServerError) })
	_, err := r.m.Image(image.Scrub{})
	require.ErrorIs(t, err, errBetween)
	r.do(Input{Kind: Fault, Status: status.New(status.RealtimeApiFailed, errProbe)})
	_, err = r.m.Image(image.Scrub{})
	require.NoError(t, err)
}

// TestImageErrors: what is no image of this machine is refused, with a reason.
func TestImageErrors(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                           "cannot unmarshal array",
		`{"future":1}`:                 `no field "future"`,
		`{"phase":300}`:                "machine.Machine.phase",
		`{"deaf":[1,2,3]}`:             "3 elements",
		`{"quality":null,"epoch":"x"}`: "machine.Machine.epoch",
	} {
		_, err := Restore(testConfig(), []byte(text))
		assert.ErrorContains(t, err, want, text)
	}
	cfg := testConfig()
	listening(false)(cfg)
	_, err := Restore(cfg, []byte(`{}`))
	assert.ErrorContains(t, err, "custom health policies")
}

// TestRestoreWantsItsPolicies: an image of a session with custom health policies needs a
// config with as many.
func TestRestoreWantsItsPolicies(t *testing.T) {
	with := func(n int) *Config {
		cfg := testConfig()
		for range n {
			listening(false)(cfg)
		}
		return cfg
	}
	for name, c := range map[string]struct {
		image, config int
		ok            bool
	}{
		"none": {0, 0, true}, "one": {1, 1, true}, "two": {2, 2, true}, "one less": {2, 1, false}, "one more": {1, 2, false},
		"one, and none were there": {0, 1, false},
	} {
		data, err := New(with(c.image)).Image(image.Scrub{})
		require.NoError(t, err)
		m, err := Restore(with(c.config), data)
		if !c.ok {
			assert.ErrorContains(t, err, "custom health policies", name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, c.image == 0, m.quality == nil, name)
	}
}

// TestRestoredTrouble: an outage comes back with all that it has learned. What has none
// shares none with other sessions, as an image may have it written to.
func TestRestoredTrouble(t *testing.T) {
	r := newRig()
	r.start()
	r.opened(allAbilities)
	calmly := twin(t, r.m, r.m.cfg)
	assert.NotSame(t, calm, calmly.trouble)
	assert.Zero(t, *calmly.trouble)
	assert.NotSame(t, calmly.trouble, calmly.calmed(), "nor later on")

	r.report(status.AudioInternalServerError)
	back := twin(t, r.m, r.m.cfg)
	assert.Equal(t, status.AudioInternalServerError, back.trouble.first.Code)
	assert.Equal(t, known(t, r.m), known(t, back))
	_, err := Restore(testConfig(), []byte(`{"phase":"x"}`))
	assert.ErrorContains(t, err, "machine.Machine.phase")
}

// TestScrubbedInput: what a source has found is written without the names of the
// endpoints, if they are to be hidden; the input itself keeps them.
func TestScrubbedInput(t *testing.T) {
	hide := image.Scrub{Endpoint: func(s string) string { return "<" + s + ">" }}
	in := Input{Kind: Prepared, Ready: &Ready{Endpoints: []string{"a", "b"}, Authorized: true, ExpireIn: time.Minute}}
	assert.Equal(t, &Ready{Endpoints: []string{"<a>", "<b>"}, Authorized: true, ExpireIn: time.Minute}, in.Scrubbed(hide).Ready)
	assert.Equal(t, []string{"a", "b"}, in.Ready.Endpoints)
	assert.Same(t, in.Ready, in.Scrubbed(image.Scrub{}).Ready, "nothing is to be hidden")
	assert.Nil(t, Input{Kind: Tick}.Scrubbed(hide).Ready)
	assert.Nil(t, Input{Kind: Tick}.Scrubbed(image.Scrub{}).Ready)
}

// TestRestoreOfNonsense: whatever numbers an image has, the machine made from it ends
// every input, if only in a panic.
func TestRestoreOfNonsense(t *testing.T) {
	onlyWithoutRace(t)
	cfg := playerConfigs(1)[0]
	p := player{w: newWorld(cfg), pick: rand.New(rand.NewPCG(3, 4)).IntN}
	number := regexp.MustCompile(`-?[0-9]+([.e][0-9e.-]*)?|true|false`)
	tried, refused, panicked := 0, 0, 0
	for i := range 300 {
		at, in := p.next()
		_, err := p.w.step(at, in)
		require.NoError(t, err)
		if i%25 != 0 || p.w.m.state == observer.StateStopped {
			continue
		}
		data, err := p.w.m.Image(image.Scrub{})
		require.NoError(t, err)
		for _, at := range number.FindAllIndex(data, -1) {
			for _, n := range []string{"0", "1", "-1", "255", "9223372036854775807", "-9223372036854775808", "true"} {
				changed := string(data[:at[0]]) + n + string(data[at[1]:])
				m, err := Restore(playerConfigs(1)[0], []byte(changed))
				tried++
				if err != nil {
					refused++
				} else if !survives(m, p.w.now) {
					panicked++
				}
			}
		}
	}
	t.Logf("%d images, %d refused, %d panicked", tried, refused, panicked)
	assert.Greater(t, tried, 10*panicked)
}

// survives gives a machine some inputs.
func survives(m *Machine, now Instant) (yes bool) {
	defer func() { yes = recover() == nil }()
	for _, in := range []Input{
		{Kind: Tick},
		{Kind: Probed, Epoch: 1, ID: 1},
		{Kind: Ponged, Epoch: 1, ID: 1},
		{Kind: Sampled, Epoch: 1, Sample: &health.Sample{AudioPacketsReceived: health.Some(1), AudioLoss: health.Some(1)}},
		{Kind: LinkClosed, Epoch: 1},
		{Kind: Tick},
		{Kind: Stop},
		{Kind: Tick},
	} {
		if in.Epoch == 1 {
			in.Epoch = m.epoch
		}
		now.Mono, now.Wall = now.Mono+30*time.Second, now.Wall.Add(30*time.Second)
		m.Handle(now, in)
		m.Snapshot()
		m.Deadline()
	}
	return true
}

// BenchmarkImage is a checkpoint of a watched session, and what is made of it.
func BenchmarkImage(b *testing.B) {
	r := newRig(detecting)
	r.calm(askable | allAbilities)
	r.sample(50, true)
	data, err := r.m.Image(image.Scrub{})
	require.NoError(b, err)
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			_, _ = r.m.Image(image.Scrub{})
		}
		b.ReportMetric(float64(len(data)), "B")
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			_, _ = Restore(r.m.cfg, data)
		}
	})
}
