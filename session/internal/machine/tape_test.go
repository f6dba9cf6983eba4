package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
)

// moody is a backoff and a policy that does what it is told to.
type moody struct {
	random      func() float64
	next, reset func() time.Duration
	judge       func() bool
}

func (m *moody) NextBackOff() time.Duration { return m.next() }
func (m *moody) Reset() {
	if m.reset != nil {
		m.reset()
	}
}
func (m *moody) Evaluate(time.Duration, *health.Data) (bool, bool) { return m.judge(), true }
func (m *moody) Reason(*health.Data) string                        { return "a mood" }

// taped gives a rig whose plug-ins are moody, the tape of it, and the config that
// plays the tape.
func taped(m *moody) (r *rig, live *Tape, played *Config, again *Tape) {
	plug := func(c *Config) {
		c.Policy.NewBackOff = func(random func() float64) backoff.BackOff { m.random = random; return m }
		c.Health.Custom = []health.CustomPolicy{{Name: "moody", New: func() health.Policy { return m }}}
	}
	live, again, played = &Tape{}, &Tape{}, testConfig()
	plug(played)
	again.Play(played, true)
	return newRig(plug, live.Record), live, played, again
}

// TestTapePlaysAnswers: an own backoff and an own policy, and what they draw.
func TestTapePlaysAnswers(t *testing.T) {
	m := &moody{judge: func() bool { return false }}
	r, live, cfg, again := taped(m)
	m.next = func() time.Duration { return time.Duration(m.random() * float64(time.Minute)) }
	copied := New(cfg)
	do := func(in Input, want string) {
		effects := r.do(in)
		text, err := json.Marshal(append([]Answer{}, live.Take()...))
		require.NoError(t, err)
		assert.JSONEq(t, want, string(text))
		require.NoError(t, json.Unmarshal(text, &again.Answers))
		assert.Equal(t, asJSON(t, effects), asJSON(t, copied.Handle(r.now, in)))
		assert.Empty(t, again.Answers)
		assert.Empty(t, again.Missed)
	}
	do(Input{Kind: Start}, `[]`)
	do(Input{Kind: OpenFailed, Epoch: 1, Status: status.New(status.TaskFailed, nil)}, `[{"to":"delay","delay":30000000000,"drawn":[0.5]}]`)
	r.now.Mono += time.Minute
	do(Input{Kind: Tick}, `[]`)
	do(Input{Kind: Opened, Epoch: 2}, `[]`)
	sample := &health.Sample{AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0)}
	do(Input{Kind: Sampled, Epoch: 2, Sample: sample}, `[{"to":"verdict","changed":true},{"to":"reason","text":"a mood"}]`)
}

// TestTapePlaysPanics: what panics, or leaves the goroutine, does so again.
func TestTapePlaysPanics(t *testing.T) {
	gone := func() time.Duration { goner{}.NextBackOff(); return 0 }
	values := map[string]any{
		"text": "boom", "number": 7, "nil": nil, "error": errors.New("broken"), "coded": fmt.Errorf("so: %w", status.MeetingEnded),
		"runtime": errProbe, "left": gone,
	}
	for name, value := range values {
		happen := func() time.Duration {
			if f, ok := value.(func() time.Duration); ok {
				return f()
			}
			panic(value)
		}
		for where, m := range map[string]*moody{
			"delay":   {next: happen},
			"reset":   {next: func() time.Duration { return 0 }, reset: happen},
			"verdict": {next: func() time.Duration { return 0 }, judge: func() bool { happen(); return true }},
		} {
			t.Run(where+" "+name, func(t *testing.T) {
				reset := m.reset
				m.reset = nil // Start resets
				r, live, cfg, again := taped(m)
				copied := New(cfg)
				inputs := []Input{
					{Kind: Start},
					{Kind: Opened, Epoch: 1},
					{Kind: Sampled, Epoch: 1, Sample: &health.Sample{AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0)}},
					{Kind: Reported, Epoch: 1, Status: status.New(status.TaskFailed, nil)},
					{Kind: Fault, Status: status.New(status.RealtimeApiFailed, errProbe)},
					{Kind: CloseDone, Epoch: 1},
				}
				if where != "verdict" {
					inputs = slices.Delete(inputs, 2, 3)
				}
				happened := false
				for i, in := range inputs {
					if i == 2 {
						m.reset = reset
					}
					want := elsewhere(func() []Effect { return r.do(in) })
					again.Answers = readBack(t, live.Take())
					happened = happened || slices.ContainsFunc(again.Answers, func(a Answer) bool {
						return string(a.To) == where && (a.Panicked || a.Left)
					})
					got := elsewhere(func() []Effect { return copied.Handle(r.now, in) })
					assert.Equal(t, asJSON(t, want), asJSON(t, got), in.Kind.String())
					assert.Empty(t, again.Answers)
					assert.Empty(t, again.Missed)
				}
				assert.True(t, happened)
				assert.Equal(t, "stopped/resting", place(r.m))
				assert.Equal(t, known(t, r.m), known(t, copied))
			})
		}
	}
}

// elsewhere calls f on a goroutine that may be left.
func elsewhere(f func() []Effect) (effects []Effect) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		effects = f()
	}()
	<-done
	return effects
}

func readBack(t *testing.T, answers []Answer) (back []Answer) {
	t.Helper()
	text, err := json.Marshal(answers)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &back))
	return back
}

// TestTapeMisses: a core that asks for more than there is on the tape is noticed.
func TestTapeMisses(t *testing.T) {
	cfg, tape := testConfig(), &Tape{}
	tape.Play(cfg, true)
	m := New(cfg)
	m.Handle(instant(1), Input{Kind: Start})
	require.Empty(t, tape.Missed)
	m.Handle(instant(2), Input{Kind: OpenFailed, Epoch: 1, Status: status.New(status.TaskFailed, nil)})
	assert.Equal(t, AskDelay, tape.Missed)
}

// TestTapedNumbers: what no number in [0,1) is, is written as what it counts for.
func TestTapedNumbers(t *testing.T) {
	for n, want := range map[float64]float64{0: 0, 0.25: 0.25, 1: 1, 7: 1, -1: 0, math.Inf(1): 1, math.Inf(-1): 0} {
		assert.Equal(t, want, written(n))
	}
	assert.Zero(t, written(math.NaN()))
}

// TestTapeOfNoBackOff: a NewBackOff that gives nothing is replaced as it is without
// a tape.
func TestTapeOfNoBackOff(t *testing.T) {
	cfg, tape := testConfig(), &Tape{}
	cfg.Policy.NewBackOff = func(func() float64) backoff.BackOff { return nil }
	tape.Record(cfg)
	m := New(cfg)
	m.Handle(instant(1), Input{Kind: Start})
	m.Handle(instant(2), Input{Kind: OpenFailed, Epoch: 1, Status: status.New(status.TaskFailed, nil)})
	require.Len(t, tape.Answers, 1)
	assert.Equal(t, []float64{0.5}, tape.Answers[0].Drawn)
}

// TestTapeOfOurOwnBackOff: without an own backoff there is none on the tape either; what
// ours draws is an answer by itself.
func TestTapeOfOurOwnBackOff(t *testing.T) {
	cfg, tape := testConfig(), &Tape{}
	cfg.Policy.NewBackOff = nil
	tape.Record(cfg)
	require.Nil(t, cfg.Policy.NewBackOff)
	m := New(cfg)
	m.Handle(instant(1), Input{Kind: Start})
	m.Handle(instant(2), Input{Kind: OpenFailed, Epoch: 1, Status: status.New(status.TaskFailed, nil)})
	assert.Equal(t, []Answer{{To: AskRandom, Number: 0.5, returned: true}}, tape.Take())
	assert.Empty(t, tape.Take())
}

// TestTapeOfDraws: whatever an own backoff draws, as it is made, as it is reset, or for a
// delay, is told with its next delay, and is no answer by itself. A draw that has
// panicked has no number.
func TestTapeOfDraws(t *testing.T) {
	cfg, tape, n := testConfig(), &Tape{}, 0.0
	cfg.Random = func() float64 {
		if n += 0.125; n == 0.375 {
			panic("no randomness")
		}
		return n
	}
	m := new(moody)
	cfg.Policy.NewBackOff = func(random func() float64) backoff.BackOff {
		random()
		m.reset = func() time.Duration { random(); return 0 }
		m.next = func() time.Duration {
			defer func() { _ = recover() }() // as careful code would
			return time.Duration(random())
		}
		return m
	}
	tape.Record(cfg)
	own := cfg.Policy.NewBackOff(cfg.Random)
	own.Reset()
	own.NextBackOff()
	own.NextBackOff()
	assert.Equal(t, []Answer{
		{To: AskDelay, Drawn: []float64{0.125, 0.25}, returned: true},
		{To: AskDelay, Drawn: []float64{0.5}, returned: true},
	}, tape.Take())
	cfg.Random()
	assert.Equal(t, []Answer{{To: AskRandom, Number: 0.625, returned: true}}, tape.Take(), "somebody else has drawn it")
}

// TestTapeMissesByQuestion: an answer to something else is none, and is left to who asks
// for it; the first question without an answer is the one that is told. A reset
// asks for nothing.
func TestTapeMissesByQuestion(t *testing.T) {
	cfg, tape := testConfig(), &Tape{Answers: []Answer{{To: AskDelay, Delay: time.Second}}}
	listening(false)(cfg)
	tape.Play(cfg, true)
	own, judge := cfg.Policy.NewBackOff(nil), cfg.Health.Custom[0].New()
	own.Reset()
	require.Empty(t, tape.Missed)
	healthy, changed := judge.Evaluate(0, nil)
	assert.Equal(t, []bool{true, false}, []bool{healthy, changed}, "nothing comes of it")
	assert.Equal(t, AskVerdict, tape.Missed)
	assert.Equal(t, time.Second, own.NextBackOff())
	assert.Zero(t, cfg.Random())
	assert.Equal(t, AskVerdict, tape.Missed, "the first one")
	own.Reset()
	assert.Empty(t, tape.Answers)
}
