package machine

import (
	"encoding/json"
	"errors"
	"math"
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

// fullInput has every field set.
func fullInput(k Kind) Input {
	return Input{
		Kind: k, Epoch: math.MaxUint64, ID: 1 << 63, Layer: status.LayerMedia, Abilities: restorable | askable, Bare: true, Unsupported: true,
		Refused: true, Rejected: true, Renegotiate: true, ViewOnly: true, Hint: observer.NetworkChanged,
		Ready:  &Ready{Endpoints: []string{"a", "\"b\""}, Authorized: true, ExpireIn: math.MaxInt64},
		Expect: health.ExpectKeepalives,
		Status: status.Status{
			Code: status.MeetingEnded, Layer: status.LayerSignaling, Wire: 4410, Shared: true, Permanent: true, Cause: errors.New("a \"cause\" <&>"),
			Directive: &status.Directive{RetryAfter: time.Hour, Recovery: status.RecoverByResume, Endpoint: "wss://there/?a=<&>"},
		},
		Sample: &health.Sample{AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0), BytesReceived: math.MaxUint64, VideoTiles: 3},
		Heard:  Heard{Signaling: time.Second, Media: math.MaxInt64},
	}
}

func TestInputJSON(t *testing.T) {
	for k := Start; k < kindEnd; k++ {
		for name, in := range map[string]Input{"empty": {Kind: k}, "full": fullInput(k)} {
			t.Run(k.String()+" "+name, func(t *testing.T) {
				text, err := json.Marshal(in)
				require.NoError(t, err)
				var back Input
				require.NoError(t, json.Unmarshal(text, &back))
				assert.Equal(t, plain(in), plain(back))
				again, err := json.Marshal(back)
				require.NoError(t, err)
				assert.Equal(t, string(text), string(again))
			})
		}
	}
}

// TestInputJSONIsShort: a recorded log has a line for every sample.
func TestInputJSONIsShort(t *testing.T) {
	text, err := json.Marshal(Input{Kind: Tick})
	require.NoError(t, err)
	assert.Equal(t, `{"kind":"tick"}`, string(text))
	text, err = json.Marshal(Input{Kind: Reported, Epoch: 3, Status: status.New(status.MeetingEnded, nil)})
	require.NoError(t, err)
	assert.Equal(t, `{"kind":"status","epoch":3,"status":{"code":"MeetingEnded"}}`, string(text))
}

// plain is an input whose cause is compared by its text, which is all
// that the JSON form keeps, and its sample by value.
func plain(in Input) any {
	cause := ""
	if in.Status.Cause != nil {
		cause = in.Status.Cause.Error()
		in.Status.Cause = errProbe
	}
	var sample health.Sample
	if in.Sample != nil {
		sample, in.Sample = *in.Sample, &health.Sample{}
	}
	return []any{in, cause, sample}
}

func TestKindJSONErrors(t *testing.T) {
	for _, in := range []any{Input{}, Input{Kind: kindEnd}, Input{Kind: 200}, Effect{}, Effect{Kind: effectEnd}} {
		_, err := json.Marshal(in)
		assert.Error(t, err, "%+v", in)
	}
	for _, text := range []string{`{"kind":""}`, `{"kind":"explode"}`, `{"kind":"Kind(3)"}`, `{"kind":7}`} {
		var in Input
		assert.Error(t, json.Unmarshal([]byte(text), &in), text)
		var e Effect
		assert.Error(t, json.Unmarshal([]byte(text), &e), text)
	}
	var e Effect
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"kind":"notify","event":{"event":"Exploded","data":{}}}`), &e), "Exploded")
}

func TestKindNames(t *testing.T) {
	seen := map[string]bool{}
	for k := Start; k < kindEnd; k++ {
		assert.NotContains(t, k.String(), "(", "a kind without a name")
		assert.False(t, seen[k.String()], k.String())
		seen[k.String()] = true
	}
	seen = map[string]bool{}
	for k := Open; k < effectEnd; k++ {
		assert.NotContains(t, k.String(), "(", "an effect without a name")
		assert.False(t, seen[k.String()], k.String())
		seen[k.String()] = true
	}
	assert.Equal(t, "Kind(0)", kindInvalid.String())
	assert.Equal(t, "Kind(99)", Kind(99).String())
	assert.Equal(t, "EffectKind(0)", effectInvalid.String())
}

// TestEffectJSON writes and reads everything that comes out of the walk.
func TestEffectJSON(t *testing.T) {
	onlyWithoutRace(t)
	kinds := map[EffectKind]int{}
	events := map[string]int{}
	for _, s := range situations {
		at := s.arrive(transitions)
		for _, p := range probes(at.m) {
			r := &rig{m: at.m.Clone(), now: at.now}
			r.wait(p.wait)
			for _, e := range r.do(p.in) {
				kinds[e.Kind]++
				if e.Event != nil {
					events[e.Event.Name()]++
				}
				checkEffectJSON(t, e)
			}
		}
	}
	for k := Open; k < effectEnd; k++ {
		assert.Positive(t, kinds[k], k.String())
	}
	assert.Len(t, events, 26, "every event but Missed and those of the policies that need many samples: %v", events)
}

func checkEffectJSON(t *testing.T, e Effect) {
	t.Helper()
	text, err := json.Marshal(e)
	require.NoError(t, err)
	var back Effect
	require.NoError(t, json.Unmarshal(text, &back), string(text))
	again, err := json.Marshal(back)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
	assert.Equal(t, e.Kind, back.Kind)
	assert.Equal(t, e.Epoch, back.Epoch)
	assert.Equal(t, e.Attempt.Timeout, back.Attempt.Timeout)
	if e.Event != nil {
		require.NotNil(t, back.Event)
		assert.Equal(t, e.Event.Name(), back.Event.Name())
		assert.True(t, e.Event.Head().Time.Equal(back.Event.Head().Time))
	}
}

func TestEffectJSONForm(t *testing.T) {
	text, err := json.Marshal(Effect{
		Kind: Open, Epoch: 2,
		Attempt: Attempt{Number: 1, Level: policy.Rejoin, Cause: status.New(status.TaskFailed, nil), ViewOnly: true, Timeout: time.Second},
	})
	require.NoError(t, err)
	assert.Equal(t, `{"kind":"open","epoch":2,"attempt":{"number":1,"level":"rejoin","cause":{"code":"TaskFailed"},"viewOnly":true,"timeout":1000000000}}`, string(text))
	text, err = json.Marshal(Effect{Kind: Notify, Event: observer.Promoted{Header: observer.Header{Seq: 1, Time: origin, From: "connected", To: "connected"}}})
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), `{"kind":"notify","event":{"event":"Promoted","data":{"seq":1,`), string(text))
}

func FuzzInputJSON(f *testing.F) {
	f.Add(uint8(Reported), uint64(1), uint64(2), 5, 1, 4410, uint8(3), "cause", 1.5, uint64(7), int64(9))
	f.Add(uint8(Sampled), uint64(0), uint64(0), -1, 9, -1, uint8(255), "", math.Inf(1), uint64(math.MaxUint64), int64(-1))
	f.Add(uint8(LinkClosed), uint64(3), uint64(0), 99, 2, 1006, uint8(1), "\xff<", math.Copysign(0, -1), uint64(0), int64(0))
	f.Add(uint8(Prepared), uint64(3), uint64(0), 6, 2, 1, uint8(64+8), "there", 0.0, uint64(0), int64(77))
	f.Add(uint8(kindInvalid), uint64(3), uint64(0), 27, 0, 0, uint8(0), "", 0.0, uint64(0), int64(0))
	f.Fuzz(func(t *testing.T, kind uint8, epoch, id uint64, code, layer, wire int, flags uint8, cause string, number float64, total uint64, at int64) {
		in := Input{
			Kind: Kind(kind), Epoch: epoch, ID: id, Layer: status.Layer(layer), Abilities: Abilities(flags), Bare: flags&1 != 0, Unsupported: flags&2 != 0,
			Status:  status.Status{Code: status.Code(code), Layer: status.Layer(layer), Wire: wire, Shared: flags&4 != 0, Permanent: flags&8 != 0},
			Heard:   Heard{Signaling: time.Duration(at), Media: time.Duration(at / 2)},
			Expect:  health.Expectation(flags), // undefined ones, too
			Refused: flags&1 != 0, Rejected: flags&2 != 0, Renegotiate: flags&4 != 0, ViewOnly: flags&8 != 0,
			Hint: observer.Hint(strings.ToValidUTF8(cause, "?")),
		}
		if flags&64 != 0 {
			in.Ready = &Ready{Endpoints: []string{string(in.Hint)}, Authorized: flags&1 != 0, ExpireIn: time.Duration(at)}
			in.Status.Directive = &status.Directive{RetryAfter: time.Duration(at), Recovery: status.Recovery(wire & 1), Endpoint: string(in.Hint)}
		}
		if flags&16 != 0 {
			in.Status.Cause = errors.New(cause)
		}
		if flags&32 != 0 {
			in.Sample = &health.Sample{AudioPacketsReceived: health.Some(number), SpeakerDelay: health.Some(-number), BytesReceived: total, STUNMessages: total / 3, PublishedVideoSources: wire}
		}
		text, err := json.Marshal(in)
		if kind == 0 || kind >= uint8(kindEnd) {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		var back Input
		require.NoError(t, json.Unmarshal(text, &back), string(text))
		if in.Status.Cause != nil {
			in.Status.Cause = errors.New(strings.ToValidUTF8(in.Status.Cause.Error(), "\ufffd"))
		}
		require.Equal(t, normalized(in), normalized(back), string(text))
	})
}

// normalized replaces runs of broken UTF-8 by one mark, however many marks the
// decoder made of them.
func normalized(in Input) any {
	if in.Status.Cause != nil {
		text := in.Status.Cause.Error()
		for strings.Contains(text, "\ufffd\ufffd") {
			text = strings.ReplaceAll(text, "\ufffd\ufffd", "\ufffd")
		}
		in.Status.Cause = errors.New(text)
	}
	return plain(in)
}
