package health

import (
	"encoding/binary"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tape reads operations and numbers from fuzzed bytes; at the end it gives
// zeros.
type tape []byte

func (b *tape) byte() byte {
	if len(*b) == 0 {
		return 0
	}
	v := (*b)[0]
	*b = (*b)[1:]
	return v
}

func (b *tape) bool() bool { return b.byte()&1 == 1 }

func (b *tape) uint64() uint64 {
	switch n := b.byte(); {
	case n < 250:
		return uint64(n)
	case n < 253:
		return math.MaxUint64 - uint64(n-250)
	}
	var raw [8]byte
	for i := range raw {
		raw[i] = b.byte()
	}
	return binary.LittleEndian.Uint64(raw[:])
}

// float gives small numbers, odd ones and any bit pattern.
func (b *tape) float() float64 {
	odd := [...]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, -1, 60001, 0.5}
	switch n := int(b.byte()); {
	case n < 200:
		return float64(n)
	case n < 200+len(odd):
		return odd[n-200]
	}
	return math.Float64frombits(b.uint64())
}

func (b *tape) value() Value {
	if b.bool() {
		return Some(b.float())
	}
	return Value{}
}

func (b *tape) time(now time.Duration) time.Duration {
	switch n := b.byte(); {
	case n < 200:
		return now + time.Duration(n)*100*time.Millisecond
	case n < 202:
		return start
	case n < 204:
		return end
	}
	return time.Duration(b.uint64())
}

func (b *tape) sample() Sample {
	s := Sample{
		AudioPacketsReceived: b.value(), AudioLoss: b.value(), AudioPacketsSent: b.value(), SpeakerDelay: b.value(),
		BytesReceived: b.uint64(), STUNMessages: b.uint64(),
		ContentShare: b.bool(), PublishedVideoSources: int(b.uint64()), VideoTiles: int(b.uint64()),
	}
	s.Video = Video{Started: b.bool(), Streams: int(b.uint64()), EncodeTime: b.float(), EncodedFPS: b.float()}
	for range b.byte() % 4 {
		s.Video.Add(Upstream{Hardware: b.bool(), EncodeTime: b.float(), CPULimited: b.float(), InputFPS: b.float(), EncodedFPS: b.float()})
	}
	return s
}

func (b *tape) config() Config {
	return Config{
		Reconnection: ReconnectionConfig{
			Wait: b.time(0), NoPackets: int(b.uint64()), MissedPongs: int(b.uint64()),
			SpeakerDelay: b.time(0), SpeakerDelayEvaluations: int(b.uint64()),
		},
		UnusableAudio: UnusableAudioConfig{
			Cooldown: b.time(0), Samples: int(b.uint64()), Loss: b.float(),
			PacketsPerSample: b.float(), Warnings: int(b.uint64()),
		},
		SendingAudio: SendingAudioConfig{
			Wait: b.time(0), Samples: int(b.uint64()), Cooldown: b.time(0), Warnings: int(b.uint64()),
		},
		VideoCPU: VideoCPUConfig{
			Evaluations: int(b.uint64()), EncodeTime: b.time(0), EncodeTimePerFrame: b.time(0),
		},
		VideoFrameRate:    VideoFrameRateConfig{Evaluations: int(b.uint64())},
		ConcurrentSenders: ConcurrentSendersConfig{Sources: int(b.uint64())},
	}
}

// rig is everything of this package that keeps state, with what the invariants
// need to know of the past.
type rig struct {
	now      time.Duration
	monitor  Monitor
	policies policies
	pinger   Pinger
	bad      [count]bool // last verdicts
	lastID   uint64
}

// same compares all state. Only those limits are left out that may be NaN, which
// would not equal itself: they never change. All other numbers are finite.
func (r rig) same(o rig) bool {
	r.policies.audio.limits, o.policies.audio.limits = UnusableAudioConfig{}, UnusableAudioConfig{}
	return reflect.DeepEqual(r, o)
}

// step performs one operation and checks what must hold of its result.
func (r *rig) step(t *testing.T, b *tape) {
	op := b.byte()
	r.now = b.time(r.now)
	switch op % 10 {
	case 0, 1, 2:
		r.sample(t, b.sample())
	case 3:
		r.monitor.Signal(r.now, b.float())
	case 4:
		r.monitor.MissedPong()
		r.policies.reconnection.Dead(r.now, r.monitor.Data())
	case 5:
		r.monitor.Pong()
	case 6:
		r.monitor.Start(r.now)
		r.pinger.Start(r.now)
	case 7:
		r.tick(t, b)
	case 8:
		r.monitor.Reset(r.now)
	case 9:
		r.monitor.Stop()
		r.pinger.Stop()
	}
}

func (r *rig) sample(t *testing.T, s Sample) {
	before := r.monitor
	accepted, traffic := r.monitor.Sample(r.now, s)
	require.True(t, accepted || !traffic)
	if !accepted {
		want := before.data
		want.SpeakerDelay = r.monitor.data.SpeakerDelay
		require.True(t, want == r.monitor.data, "a rejected report changed more than the speaker delay")
	}
	r.evaluate(t, r.monitor.Data())
	if r.policies.reconnection.Dead(r.now, r.monitor.Data()) {
		require.True(t, r.bad[0])
		require.NotEmpty(t, r.policies.reconnection.Reason(r.monitor.Data()))
	}
}

// evaluate feeds every policy: each says of itself rightly whether it changed.
func (r *rig) evaluate(t *testing.T, d *Data) {
	for i, p := range r.policies.all() {
		healthy, changed := p.Evaluate(r.now, d)
		require.Equal(t, r.bad[i] == healthy, changed)
		r.bad[i] = !healthy
	}
}

func (r *rig) tick(t *testing.T, b *tape) {
	at, on := r.pinger.Due()
	id, send, missed := r.pinger.Tick(r.now)
	require.Equal(t, on && r.now >= at, send)
	if !send {
		require.False(t, missed)
		require.Zero(t, id)
		return
	}
	require.Equal(t, r.lastID+1, id)
	r.lastID = id
	if b.bool() {
		rtt, ok := r.pinger.Pong(id, b.time(r.now))
		require.True(t, ok)
		require.GreaterOrEqual(t, rtt, time.Duration(0))
	}
}

func (r *rig) check(t *testing.T) {
	d := r.monitor.Data()
	require.Equal(t, d.AudioReceived.Len(), d.AudioLoss.Len())
	require.LessOrEqual(t, d.AudioReceived.Len(), WindowSize)
	require.True(t, d.NoPackets >= 0 && d.NoAudioSent >= 0 && d.MissedPongs >= 0)
	require.True(t, d.AudioReceived.At(0) >= 0 && d.AudioLoss.At(0) >= 0)
	for _, v := range []float64{
		d.AudioReceived.At(0), d.AudioLoss.At(0), d.SpeakerDelay, d.Encoder.Time, d.Encoder.TimePerFrame,
		d.Encoder.CPULimited, d.Encoder.InputFPS, d.Encoder.EncodedFPS,
	} {
		require.True(t, isFinite(v))
	}
}

// FuzzMonitor runs fuzzed operations twice, on a rig and on a copy made before
// each: no panic, no broken invariant, and the same outcome for both.
func FuzzMonitor(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("0 reports, pongs and signals in any order; then some"))
	f.Add([]byte{6, 0, 0, 10, 1, 50, 1, 0, 1, 50, 1, 20, 5, 5, 4, 100, 4, 100, 4, 100, 4, 100, 8, 0, 7, 0, 1})
	f.Add([]byte{0, 201, 1, 200, 1, 201, 1, 202, 1, 203, 250, 251, 6, 203, 7, 201, 7, 203, 1, 201})
	f.Fuzz(func(t *testing.T, in []byte) {
		b := tape(in)
		c := Config{}
		if b.bool() {
			c = b.config()
		}
		_ = c.Validate()
		r := rig{policies: newPolicies(c), pinger: NewPinger(b.time(0))}
		for len(b) > 0 {
			twin, rest := r, b
			twin.monitor = r.monitor.Clone()
			r.step(t, &b)
			r.check(t)
			twin.step(t, &rest)
			require.True(t, r.same(twin), "a copy went another way")
		}
	})
}

// data gives any data, such as no monitor would make.
func (b *tape) data() *Data {
	d := &Data{
		NoPackets: int(b.uint64()), NoAudioSent: int(b.uint64()), MissedPongs: int(b.uint64()),
		SpeakerDelay: b.float(), ContentShare: b.bool(), PublishedVideoSources: int(b.uint64()),
		Encoder: Encoder{
			Hardware: b.bool(), Time: b.float(), TimePerFrame: b.float(), CPULimited: b.float(),
			InputFPS: b.float(), EncodedFPS: b.float(),
		},
	}
	if b.bool() {
		d.ConnectionStart = At(b.time(0))
	}
	for range b.byte() {
		d.AudioReceived.Push(b.float())
	}
	return d
}

// FuzzPolicies feeds every policy any data at any time, whole rows of the same
// too: no panic, changes told rightly, and what is switched off finds everything
// healthy.
func FuzzPolicies(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("0 and everything else that may stand in the data of a connection"))
	f.Add([]byte{0, 40, 12, 30, 30, 9, 0, 0, 99, 0, 250, 250, 210, 1, 1, 0, 0, 20})
	f.Add([]byte{1, 0, 1, 1, 201, 1, 1, 1, 200, 200, 1, 1, 1, 201, 1, 1, 1, 1, 5, 5, 0, 1, 9, 9})
	f.Fuzz(func(t *testing.T, in []byte) {
		b := tape(in)
		c := Config{}
		if b.bool() {
			c = b.config()
		}
		r, off := rig{policies: newPolicies(c)}, rig{}
		for len(b) > 0 {
			r.now = b.time(r.now)
			d := b.data()
			for range b.byte() % 16 {
				r.evaluate(t, d)
				off.evaluate(t, d)
				require.Zero(t, off.bad)
			}
		}
	})
}
