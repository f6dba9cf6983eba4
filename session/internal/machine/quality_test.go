package machine

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// after reports a fine sample, changed a little, a second after the last input.
func (r *rig) after(change func(*health.Sample)) []Effect {
	r.wait(time.Second)
	r.bytes += 1000
	s := &health.Sample{
		AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0), AudioPacketsSent: health.Some(50), BytesReceived: r.bytes,
	}
	change(s)
	return r.do(Input{Kind: Sampled, Epoch: r.m.epoch, Sample: s})
}

func fine(*health.Sample)      {}
func unsent(s *health.Sample)  { s.AudioPacketsSent = health.Some(0) }
func crowded(s *health.Sample) { s.PublishedVideoSources = 16 }
func slow(s *health.Sample) {
	s.Video.Started = true
	s.Video.Add(health.Upstream{CPULimited: 1, InputFPS: 30, EncodedFPS: 30})
}

func stalled(s *health.Sample) {
	s.Video.Started = true
	s.Video.Add(health.Upstream{InputFPS: 30})
}

// quiet is connected by a link without abilities, long enough for every wait to
// be over.
func quiet(changes ...func(*Config)) *rig {
	r := newRig(changes...)
	r.connectStable(0)
	return r
}

// toldIn writes the events among effects, in the short form of the goldens.
func toldIn(effects []Effect) string {
	var told []string
	for _, e := range effects {
		if e.Event != nil {
			told = append(told, notation{}.event(e.Event))
		}
	}
	return strings.Join(told, " ")
}

// TestVerdictsAreTold: each policy's events, at the sample that changes its
// verdict and at no other.
func TestVerdictsAreTold(t *testing.T) {
	type change = func(*health.Sample)
	for name, c := range map[string]struct {
		samples []change
		want    map[int]string // by number of the sample, from 1
	}{
		"nothing": {slices.Repeat([]change{fine}, 30), nil},
		"sending audio": {[]change{unsent, unsent, unsent, fine, fine, unsent}, map[int]string{
			2: "SendingAudioFailed", 4: "SendingAudioRecovered",
		}},
		"sending audio, absent": {[]change{unsent, func(s *health.Sample) { s.AudioPacketsSent = health.Value{} }, unsent}, map[int]string{
			3: "SendingAudioFailed",
		}},
		"video CPU": {slices.Repeat([]change{slow}, 23), map[int]string{
			11: "VideoDegradeSuggested(cpu)", 12: "VideoDegradeLifted(cpu)", 22: "VideoDegradeSuggested(cpu)", 23: "VideoDegradeLifted(cpu)",
		}},
		"video frame rate": {append(slices.Repeat([]change{stalled}, 6), fine), map[int]string{
			6: "VideoDegradeSuggested(frame-rate)", 7: "VideoDegradeLifted(frame-rate)",
		}},
		"concurrent senders": {[]change{crowded, crowded, fine}, map[int]string{
			1: "VideoDegradeSuggested(senders)", 3: "VideoDegradeLifted(senders)",
		}},
		"several at once": {
			append(slices.Repeat([]change{func(s *health.Sample) { unsent(s); stalled(s) }}, 5), func(s *health.Sample) { stalled(s); crowded(s) }),
			map[int]string{2: "SendingAudioFailed", 6: "SendingAudioRecovered VideoDegradeSuggested(frame-rate) VideoDegradeSuggested(senders)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := quiet()
			for i, change := range c.samples {
				assert.Equal(t, c.want[i+1], toldIn(r.after(change)), "sample %d", i+1)
			}
			assert.Equal(t, "connected/resting", place(r.m))
		})
	}
}

// TestVerdictsOutliveOutages: what was told stands until the next connection
// says otherwise, once it is adopted.
func TestVerdictsOutliveOutages(t *testing.T) {
	r := quiet()
	both := func(s *health.Sample) { unsent(s); crowded(s) }
	r.after(both)
	require.Equal(t, []string{"SendingAudioFailed"}, names(r.after(both)))
	r.reattempt()
	assert.Empty(t, names(r.after(fine)), "an attempt is not judged")
	r.opened(0)
	assert.Equal(t, "SendingAudioRecovered", toldIn(r.after(both)), "within the wait")
	assert.Equal(t, "VideoDegradeLifted(senders)", toldIn(r.after(fine)))
}

func TestVerdictsOff(t *testing.T) {
	asked := 0
	r := quiet(own("own", true, func(time.Duration, *health.Data) (bool, bool) { asked++; return false, true }),
		func(c *Config) { c.Health.Off = true })
	for range 30 {
		assert.Empty(t, names(r.after(func(s *health.Sample) { unsent(s); slow(s); stalled(s); crowded(s) })))
	}
	assert.Zero(t, asked)
}

// judgement is a policy made of a function.
type judgement func(time.Duration, *health.Data) (healthy, changed bool)

func (j judgement) Evaluate(now time.Duration, d *health.Data) (healthy, changed bool) {
	return j(now, d)
}

// own adds a custom policy to a config.
func own(name string, reconnect bool, evaluate judgement) func(*Config) {
	return func(c *Config) {
		c.Health.Custom = append(c.Health.Custom, health.CustomPolicy{
			Name: name, Reconnect: reconnect, New: func() health.Policy { return evaluate },
		})
	}
}

// talker is a policy with words of its own: unhealthy while sources are
// published.
type talker struct{ bad bool }

func (p *talker) Evaluate(_ time.Duration, d *health.Data) (healthy, changed bool) {
	bad := d.PublishedVideoSources > 0
	changed, p.bad = bad != p.bad, bad
	return !bad, changed
}

func (p *talker) Reason(*health.Data) string {
	if p.bad {
		return "too much to see"
	}
	return ""
}

func talking(reconnect bool) func(*Config) {
	return func(c *Config) {
		c.Health.Custom = append(c.Health.Custom, health.CustomPolicy{
			Name: "talker", Reconnect: reconnect, New: func() health.Policy { return &talker{} },
		})
	}
}

func published(s *health.Sample) { s.PublishedVideoSources = 1 }

func TestCustomPolicyIsTold(t *testing.T) {
	r := quiet(talking(false))
	assert.Empty(t, r.after(fine))
	e, ok := event[observer.PolicyChanged](r.after(published))
	require.True(t, ok)
	assert.Equal(t, []any{"talker", false, "too much to see"}, []any{e.Policy, e.Healthy, e.Reason})
	assert.Equal(t, observer.StateConnected, e.To)
	assert.Empty(t, r.after(published))
	e, ok = event[observer.PolicyChanged](r.after(fine))
	require.True(t, ok)
	assert.Equal(t, []any{"talker", true, ""}, []any{e.Policy, e.Healthy, e.Reason})
	assert.Equal(t, "connected/resting", place(r.m))
}

// TestCustomPolicyReconnects: an unhealthy verdict is told and is then a loss,
// with the policy's words; a healthy one is only told.
func TestCustomPolicyReconnects(t *testing.T) {
	r := quiet(talking(true))
	assert.Equal(t, []string{"PolicyChanged", "Reconnecting", "RetryScheduled"}, names(r.after(published)))
	assert.Equal(t, status.ConnectionHealthReconnect, r.m.trouble.last.Code)
	assert.EqualError(t, r.m.trouble.last.Cause, `health policy "talker": too much to see`)
	r.closeDone()
	r.tick()
	r.opened(0)
	assert.Equal(t, []string{"PolicyChanged"}, names(r.after(fine)))
	assert.Equal(t, "connected/resting", place(r.m))
}

// TestCustomPolicies are asked in their order, every one of them once per
// accepted sample, and together they are one loss.
func TestCustomPolicies(t *testing.T) {
	var asked []string
	bad := false
	judge := func(name string) judgement {
		last := false
		return func(time.Duration, *health.Data) (healthy, changed bool) {
			asked = append(asked, name)
			changed, last = bad != last, bad
			return !bad, changed
		}
	}
	r := quiet(own("a", true, judge("a")), own("b", false, judge("b")), own("c", true, judge("c")))
	r.after(fine)
	assert.Equal(t, []string{"a", "b", "c"}, asked)
	r.after(func(s *health.Sample) { s.AudioLoss = health.Value{} })
	assert.Len(t, asked, 3, "a rejected sample is not judged")

	late := func(s *health.Sample) { s.SpeakerDelay = health.Some(60_001) }
	for range 10 {
		require.Empty(t, r.after(late))
	}
	bad = true
	assert.Equal(t, []string{"PolicyChanged", "PolicyChanged", "PolicyChanged", "Reconnecting", "RetryScheduled"}, names(r.after(late)))
	assert.Equal(t, 1, r.m.outages)
	assert.EqualError(t, r.m.trouble.last.Cause,
		`speaker delay above 1m0s for more than 10 samples, now 60001 ms; health policy "a" is unhealthy; health policy "c" is unhealthy`)
	n := len(asked)
	r.after(fine)
	assert.Len(t, asked, n, "not judged while reconnecting")
}

// TestCustomPolicyPerSession: each session has policies of its own, made once.
func TestCustomPolicyPerSession(t *testing.T) {
	cfg := testConfig()
	made := 0
	cfg.Health.Custom = []health.CustomPolicy{{Name: "own", New: func() health.Policy { made++; return &talker{} }}}
	first, second := New(cfg), New(cfg)
	assert.Equal(t, 2, made)
	assert.NotSame(t, first.quality.custom[0].policy, second.quality.custom[0].policy)
	assert.Same(t, first.quality.custom[0].policy, first.Clone().quality.custom[0].policy, "a clone shares them")
}

// TestBuiltInPolicyAsCustom: a second instance with other thresholds.
func TestBuiltInPolicyAsCustom(t *testing.T) {
	r := quiet(func(c *Config) {
		c.Health.Custom = []health.CustomPolicy{{Name: "few", New: func() health.Policy {
			p := health.NewConcurrentSenders(health.ConcurrentSendersConfig{Sources: 4})
			return &p
		}}}
	})
	assert.Equal(t, "PolicyChanged(few)", toldIn(r.after(func(s *health.Sample) { s.PublishedVideoSources = 5 })))
	assert.Equal(t, "VideoDegradeSuggested(senders)", toldIn(r.after(crowded)))
	assert.Equal(t, "VideoDegradeLifted(senders) PolicyChanged(few healthy)", toldIn(r.after(fine)))
}

// TestPanicInACustomPolicy ends the session with RealtimeApiFailed, and names
// the policy; what was found before is still told.
func TestPanicInACustomPolicy(t *testing.T) {
	panics := func(time.Duration, *health.Data) (bool, bool) { panic(errProbe) }
	for name, change := range map[string]func(*Config){
		"evaluate": own("wild", true, panics),
		"reason": func(c *Config) {
			c.Health.Custom = []health.CustomPolicy{{Name: "wild", New: func() health.Policy { return wildReasons{} }}}
		},
		"nil": func(c *Config) {
			c.Health.Custom = []health.CustomPolicy{{Name: "wild", New: func() health.Policy { return nil }}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := quiet(change)
			require.NotPanics(t, func() { r.after(crowded) })
			assert.Equal(t, []string{"VideoDegradeSuggested"}, names(r.last))
			r.onlyTime()
			e := r.end(t)
			assert.Equal(t, status.RealtimeApiFailed, e.Status.Code)
			assert.Equal(t, observer.ByFault, e.Initiator)
			var panicked *observer.PanicError
			require.True(t, errors.As(e.Status, &panicked))
			assert.Equal(t, `health policy "wild"`, panicked.Where)
			assert.NotEmpty(t, panicked.Stack)
			assert.Equal(t, 1, r.count[CloseLink])
		})
	}
}

// wildReasons has no words when they are asked for.
type wildReasons struct{}

func (wildReasons) Evaluate(time.Duration, *health.Data) (bool, bool) { return false, true }
func (wildReasons) Reason(*health.Data) string                        { panic(errProbe) }

// TestPolicyPanicAfterACustomOne: the culprit is not whoever was asked before.
func TestPolicyPanicAfterACustomOne(t *testing.T) {
	r := quiet(talking(true), func(c *Config) {
		shared := &wild{next: 3} // after those of the failed attempts
		c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return shared }
	})
	r.after(published)
	r.onlyTime()
	var panicked *observer.PanicError
	require.True(t, errors.As(r.end(t).Status, &panicked))
	assert.Equal(t, "policy", panicked.Where)
}
