package session_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
)

// scripts makes scripts in the style of the recorded random ones.
type scripts struct{ *rand.Rand }

func pick[T any](s scripts, from ...T) T { return from[s.IntN(len(from))] }

func (s scripts) script() vectorCase {
	timeout := 120000.0
	c := vectorCase{Options: vectorOptions{
		DelaysMs:           pick(s, []float64{1000}, []float64{1000, 3000}, []float64{1000, 1000, 7000}),
		ReconnectTimeoutMs: &timeout,
	}}
	c.Script = s.beginning()
	for range 1 + s.IntN(8) {
		c.Script = append(c.Script, s.step(), vectorStep{Do: "wait", Ms: pick(s, 300.0, 500, 2500, 5500, 25500, 45500)})
	}
	c.Script = append(c.Script,
		vectorStep{Do: "server", Set: map[string]string{"open": "ok", "join": "ok", "subscribe": "ok"}},
		vectorStep{Do: "wait", Ms: 90000})
	return c
}

func (s scripts) beginning() []vectorStep {
	switch s.IntN(10) {
	case 0, 1, 2:
		return []vectorStep{s.server(), {Do: "mark"}, {Do: "start"}, s.server()}
	case 3:
		return []vectorStep{{Do: "connect"}, {Do: "promote"}, {Do: "mark"}}
	}
	return []vectorStep{{Do: "connect"}, {Do: "mark"}}
}

func (s scripts) server() vectorStep {
	name := pick(s, "open", "join", "subscribe")
	mode := "ok"
	if s.IntN(2) == 0 {
		mode = map[string]string{"open": "fail", "join": "stall", "subscribe": "stall"}[name]
	}
	return vectorStep{Do: "server", Set: map[string]string{name: mode}}
}

func (s scripts) step() vectorStep {
	switch n := s.IntN(20); {
	case n < 5:
		return coded("report", pick(s, status.All()...).String())
	case n < 10:
		return coded("report", pick(s, failures()...).String())
	case n < 13:
		return coded("closeSocket", pick(s, 1000, 1001, 1006, 4410, 4500))
	case n < 14:
		return vectorStep{Do: "frame", Kind: "audioStatus", Status: pick(s, 200, 410, 500, 503)}
	case n < 17:
		return s.server()
	case n < 18:
		return vectorStep{Do: "stop"}
	case n < 19:
		return vectorStep{Do: "start"}
	}
	return vectorStep{Do: pick(s, "update", "answerJoin", "transformFailure")}
}

func coded(do string, code any) vectorStep {
	raw, _ := json.Marshal(code) // of a name or a number
	return vectorStep{Do: do, Code: raw}
}

func failures() (codes []status.Code) {
	for _, c := range status.All() {
		if c.Failure() && !c.Terminal() {
			codes = append(codes, c)
		}
	}
	return codes
}

// Scripts that were never recorded show that the model of our rules does not
// just know the recorded ones.
func TestRandomScripts(t *testing.T) {
	const count = 6000
	touched := map[string]int{}
	for seed := range uint64(count) {
		c := scripts{rand.New(rand.NewPCG(seed, 7))}.script()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r, m := runScript(t, c), modelScript(t, c)
			requireAsModelled(t, m, r)
			e := recordedScript(t, c)
			if !e.outcome().equal(r.outcome) {
				if len(e.notes)+len(m.notes) == 0 {
					t.Log(e.outcome(), "\n", r.outcome)
					t.Fail()
				}
				for _, n := range m.notes {
					touched[n]++
				}
			}
			if t.Failed() {
				b, _ := json.Marshal(c.Script)
				t.Log(string(b), c.Options.DelaysMs, e.notes, m.notes)
			}
		})
	}
	require.NotEmpty(t, touched)
	t.Log(touched)
}
