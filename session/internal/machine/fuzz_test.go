package machine

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
)

// maxPlayed bounds a life that is made up.
const maxPlayed = 400

// bytesPicker picks by the bytes of data; more says whether any are left.
func bytesPicker(data []byte) (pick func(n int) int, more func() bool) {
	i := 0
	pick = func(n int) int {
		if i >= len(data) {
			return 0
		}
		i++
		return int(data[i-1]) % n
	}
	return pick, func() bool { return i < len(data) }
}

// FuzzMachine makes up lives of sessions and holds each step against the
// guarantees, as the explorer does, but with concrete times, real jitter, every
// code, and samples of any kind.
func FuzzMachine(f *testing.F) {
	for seed := range uint64(24) {
		f.Add(randomBytes(seed, 600))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		pick, more := bytesPicker(data)
		configs := playerConfigs(1)
		p := player{w: newWorld(configs[pick(len(configs))]), pick: pick}
		for i := 0; more() && i < maxPlayed; i++ {
			at, in := p.next()
			_, err := p.w.step(at, in)
			require.NoError(t, err, "step %d, %s", i, in.Kind)
		}
		require.NoError(t, p.leave())
	})
}

func randomBytes(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, seed))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

// FuzzMachineNonsense feeds inputs that no surroundings give: ends of what
// never began, any epoch, any number, clocks that run backwards. Nothing is
// promised for them but that they do no harm: no panic, one Stopped and then
// silence, effects that can be recorded, and memory within bounds.
func FuzzMachineNonsense(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(randomBytes(seed, 500))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pick, more := bytesPicker(data)
		configs := playerConfigs(1)
		m := New(configs[pick(len(configs))])
		now := instant(time.Second)
		finished := false
		for i := 0; more() && i < maxPlayed; i++ {
			now.Mono += extremes[pick(len(extremes))]
			now.Wall = now.Wall.Add(extremes[pick(len(extremes))])
			effects := m.Handle(now, nonsense(pick))
			require.False(t, finished && len(effects) > 0, "G2: effects after Finish")
			require.LessOrEqual(t, len(effects), 64)
			finished = finished || len(find(effects, Finish)) > 0
			_, err := json.Marshal(effects)
			require.NoError(t, err)
		}
	})
}

var extremes = []time.Duration{0, 0, 1, time.Millisecond, time.Second, 15 * time.Second, time.Hour, -time.Second, 1000 * time.Hour}

func nonsense(pick func(int) int) Input {
	number := func() uint64 { return []uint64{0, 1, 2, 3, 4, 5, ownPings + 1, ownPings + 2, math.MaxUint64}[pick(9)] }
	in := Input{
		Kind: Kind(pick(int(kindEnd) + 2)), Epoch: number(), ID: number(), Layer: status.Layer(pick(6) - 1), Abilities: Abilities(pick(256)),
		Bare: pick(2) == 0, Unsupported: pick(4) == 0, Heard: Heard{Media: extremes[pick(len(extremes))]}, Expect: health.Expectation(pick(6)),
		Status: status.Status{Code: status.Code(pick(32) - 2), Wire: pick(3), Permanent: pick(20) == 0},
	}
	in.Refused, in.Rejected, in.Renegotiate, in.ViewOnly = pick(4) == 0, pick(4) == 0, pick(2) == 0, pick(4) == 0
	in.Hint = []observer.Hint{observer.NetworkDown, observer.NetworkUp, observer.NetworkChanged, observer.Woke, "", "x"}[pick(6)]
	if pick(3) == 0 {
		in.Ready = &Ready{Endpoints: [][]string{nil, {}, {""}, {"a", "b"}}[pick(4)], Authorized: pick(2) == 0, ExpireIn: extremes[pick(len(extremes))]}
		in.Status.Directive = &status.Directive{RetryAfter: extremes[pick(len(extremes))], Recovery: status.Recovery(pick(4)), Endpoint: []string{"", "x"}[pick(2)]}
	}
	if pick(2) == 0 {
		in.Sample = &health.Sample{AudioPacketsReceived: health.Some(float64(pick(3) - 1)), AudioLoss: health.Some(0), BytesReceived: number()}
	}
	if in.Kind == Stop || in.Kind == Fault {
		in.Kind = []Kind{in.Kind, Tick, Tick, Tick}[pick(4)]
	}
	return in
}
