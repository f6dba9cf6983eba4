package session_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
)

// scripts makes scripts in the style of the recorded random ones, with a few
// kinds of steps more.
type scripts struct{ *rand.Rand }

func pick[T any](s scripts, from ...T) T { return from[s.IntN(len(from))] }

func (s scripts) next() vectorCase {
	c := scripted(pick(s, []float64{1000}, []float64{1000, 3000}, []float64{1000, 1000, 7000}), s.beginning()...)
	for range 1 + s.IntN(8) {
		c.Script = append(c.Script, s.step(), waitStep(pick(s, 300.0, 500, 2500, 5500, 25500, 45500)))
	}
	c.Script = append(c.Script, serverStep("open", "ok", "join", "ok", "subscribe", "ok"), waitStep(90000))
	return c
}

func (s scripts) beginning() []vectorStep {
	switch s.IntN(10) {
	case 0, 1, 2:
		return []vectorStep{s.server(), doStep("mark"), doStep("start"), s.server()}
	case 3:
		return []vectorStep{doStep("connect"), doStep("promote"), doStep("mark")}
	}
	return []vectorStep{doStep("connect"), doStep("mark")}
}

func (s scripts) server() vectorStep {
	name, bad := pick(s, "open", "join", "subscribe"), "stall"
	if name == "open" {
		bad = "fail"
	}
	return serverStep(name, pick(s, "ok", bad))
}

func (s scripts) step() vectorStep {
	switch n := s.IntN(20); {
	case n < 5:
		return codedStep("report", pick(s, status.All()...).String())
	case n < 10:
		return codedStep("report", pick(s, failures()...).String())
	case n < 13:
		return codedStep("closeSocket", pick(s, 1000, 1001, 1006, 4410, 4500))
	case n < 14:
		return audioStep(pick(s, 200, 410, 500, 503))
	case n < 17:
		return s.server()
	}
	return doStep(pick(s, "stop", "stop", "start", "start", "update", "answerJoin", "transformFailure"))
}

func failures() (codes []status.Code) {
	for _, c := range status.All() {
		if c.Failure() && !c.Terminal() {
			codes = append(codes, c)
		}
	}
	return codes
}

// scripted is a case with a script of ours.
func scripted(delaysMs []float64, steps ...vectorStep) vectorCase {
	o := vectorOptions{DelaysMs: delaysMs}
	o.fill([]float64{1000}, 120000)
	return vectorCase{Options: o, Script: steps}
}

func doStep(what string) vectorStep { return vectorStep{Do: what} }

func waitStep(ms float64) vectorStep { return vectorStep{Do: "wait", Ms: ms} }

func codedStep(what string, code any) vectorStep {
	raw, err := json.Marshal(code)
	if err != nil {
		panic(err)
	}
	return vectorStep{Do: what, Code: raw}
}

func reportStep(c status.Code) vectorStep { return codedStep("report", c.String()) }

func audioStep(number int) vectorStep {
	return vectorStep{Do: "frame", Kind: "audioStatus", Status: number}
}

func serverStep(pairs ...string) vectorStep {
	s := vectorStep{Do: "server", Set: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		s.Set[pairs[i]] = pairs[i+1]
	}
	return s
}

// Scripts that nobody recorded show that the models know the rules and not
// just the recorded cases: the session does what our rules say, and where the
// recorded controller would do something else, a rule is the reason.
func TestRandomScripts(t *testing.T) {
	const count = 1000
	different := map[string]int{}
	for seed := range uint64(count) {
		c := scripts{rand.New(rand.NewPCG(seed, 0))}.next()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Log(c.Options.DelaysMs, c.Script)
				}
			}()
			r, m, e := runScript(t, c), modelScript(t, c), recordedScript(t, c)
			requireAsModelled(t, m, r)
			if predicted := e.outcome(); !predicted.equal(r.outcome) {
				rules := unionOf(e.notes, m.notes)
				require.NotEmpty(t, rules, "no rule allows a difference from\n%s\nours: %s", predicted, r.outcome)
				different[rules[0]]++
			}
		})
	}
	for _, rule := range slices.Sorted(maps.Keys(different)) {
		t.Logf("%d of %d would have been recorded differently by %s", different[rule], count, rule)
	}
}

// Our outcome of every divergence, in so many words.
func TestDivergences(t *testing.T) {
	const end = 60000
	var (
		start   = []vectorStep{doStep("connect"), doStep("mark")}
		lost    = append(start, reportStep(status.ConnectionHealthReconnect))
		promote = []vectorStep{doStep("connect"), doStep("promote"), doStep("mark")}
		joining = []vectorStep{serverStep("join", "stall"), doStep("mark"), doStep("start"), waitStep(100), serverStep("join", "ok")}
		hangs   = func(c status.Code) []vectorStep {
			return []vectorStep{
				serverStep("ice", "never"), codedStep("failGathering", c.String()), doStep("mark"), doStep("start"),
				{Do: "waitFor", Type: "leaveSent"},
				serverStep("ice", "ok"), codedStep("failGathering", nil), waitStep(end),
			}
		}
		refused = func(number int) vectorStep {
			return vectorStep{Do: "frame", Kind: "error", FrameType: "JOIN_ACK", Status: number}
		}
		idle = vectorStep{Do: "setLastActive", OffsetMs: -120000}
	)
	connecting, stopped := didConnect+" ", "; stopped; retried: "
	reconnected := didReconnect + " " + didStart + "; connected; retried: true"
	reconnectedFirst := didStart + "; connected; retried: true"
	for _, test := range []struct {
		rule, name string
		delays     []float64
		script     []vectorStep
		then       []vectorStep
		want       string
	}{
		{
			"7.1", "stop in the delay", nil, lost,
			[]vectorStep{waitStep(300), doStep("stop"), waitStep(end)},
			didStop(status.Left) + stopped + "false",
		},
		{
			"7.1", "terminal in the delay", nil, lost,
			[]vectorStep{waitStep(300), reportStep(status.MeetingEnded), waitStep(end)},
			didStop(status.MeetingEnded) + stopped + "false",
		},
		{
			"7.1", "stop between the first attempts", nil,
			[]vectorStep{serverStep("open", "fail"), doStep("mark"), doStep("start")},
			[]vectorStep{waitStep(500), serverStep("open", "ok"), doStep("stop"), waitStep(end)},
			connecting + didStop(status.Left) + stopped + "false",
		},
		{
			"7.2", "stop while connecting", nil, joining,
			[]vectorStep{doStep("stop"), waitStep(2000), doStep("answerJoin"), waitStep(end)},
			connecting + didStop(status.Left) + stopped + "false",
		},
		{
			"7.2", "stop while updating", nil, start,
			[]vectorStep{serverStep("subscribe", "stall"), doStep("update"), waitStep(200), doStep("stop"), waitStep(end)},
			didStop(status.Left) + stopped + "false",
		},
		{"7.3", "second failure in the delay", nil, lost, []vectorStep{reportStep(status.TaskFailed), waitStep(end)}, reconnected},
		{"7.4", "closed 1000", nil, start, []vectorStep{codedStep("closeSocket", 1000), waitStep(end)}, reconnected},
		{
			"7.4", "closed 4410", nil, start,
			[]vectorStep{codedStep("closeSocket", 4410), waitStep(end)},
			didStop(status.MeetingEnded) + stopped + "false",
		},
		{
			"7.4", "closed 1006 while joining", nil, joining,
			[]vectorStep{codedStep("closeSocket", 1006), waitStep(end)},
			connecting + reconnectedFirst,
		},
		{"7.5", "attempt fails with IncompatibleSDP", nil, hangs(status.IncompatibleSDP), nil, connecting + reconnectedFirst},
		{
			"7.5", "attempt fails with VideoCallSwitchToViewOnly", nil, hangs(status.VideoCallSwitchToViewOnly), nil,
			connecting + didViewOnly + " " + reconnectedFirst,
		},
		{"7.6", "join refused with 500", nil, joining, []vectorStep{refused(500), waitStep(end)}, connecting + reconnectedFirst},
		{
			"7.7", "failure while joining", nil, joining,
			[]vectorStep{reportStep(status.AudioInternalServerError), waitStep(3000), doStep("answerJoin"), waitStep(end)},
			connecting + reconnectedFirst,
		},
		{
			"7.8", "promotion revoked, then lost", nil, promote,
			[]vectorStep{reportStep(status.AudioVideoWasRemovedFromPrimaryMeeting), reportStep(status.TaskFailed), waitStep(end)},
			didDemote(status.AudioVideoWasRemovedFromPrimaryMeeting) + " " + reconnected,
		},
		{
			"7.8", "stop while promoted", nil, promote,
			[]vectorStep{doStep("stop"), waitStep(end)},
			didDemote(status.AudioVideoDisconnectedWhilePromoted) + " " + didStop(status.Left) + stopped + "false",
		},
		{"7.9", "transforms fail", nil, start, []vectorStep{reportStep(status.EncodedTransformManagerFailed), waitStep(end)}, reconnected},
		{
			"7.9", "transforms fail, the budget is over", nil, start,
			[]vectorStep{idle, reportStep(status.EncodedTransformManagerFailed), waitStep(end)},
			didStop(status.EncodedTransformManagerFailed) + stopped + "false",
		},
		{
			"7.10", "join refused with 509", nil, joining,
			[]vectorStep{refused(509), waitStep(end)},
			connecting + didStop(status.SignalingInternalServerError) + stopped + "false",
		},
		{
			"7.13", "stop before start", nil,
			[]vectorStep{doStep("mark"), doStep("stop")},
			[]vectorStep{waitStep(end)},
			didStop(status.Left) + stopped + "false",
		},
		{
			"7.13", "view-only after the end", nil, start,
			[]vectorStep{doStep("stop"), waitStep(300), reportStep(status.VideoCallSwitchToViewOnly), waitStep(end)},
			didStop(status.Left) + stopped + "false",
		},
		{
			ruleBudget, "the budget ends in the delay",
			[]float64{50000},
			append(start, serverStep("open", "fail"), codedStep("closeSocket", 1006)),
			[]vectorStep{waitStep(110000), serverStep("open", "ok"), waitStep(end)},
			didReconnect + " " + didStop(status.TaskFailed) + stopped + "true",
		},
		{ruleClosed, "a frame on the lost link", nil, lost, []vectorStep{waitStep(500), audioStep(410), waitStep(end)}, reconnected},
	} {
		t.Run(test.rule+" "+test.name, func(t *testing.T) {
			c := scripted(test.delays, append(slices.Clone(test.script), test.then...)...)
			r, m, e := runScript(t, c), modelScript(t, c), recordedScript(t, c)
			requireAsModelled(t, m, r)
			assert.Equal(t, test.want, r.String())
			assert.NotEqual(t, test.want, e.outcome().String(), "this is no divergence")
			assert.Contains(t, unionOf(e.notes, m.notes), test.rule)
		})
	}
}

// The budget ends with the code of the last attempt, not with that of a
// failure which was folded into the last delay.
func TestScriptedBudgetEndsWithTheLastAttempt(t *testing.T) {
	c := scripted([]float64{50000},
		serverStep("open", "fail"), doStep("mark"), doStep("start"), waitStep(110000), reportStep(status.NoAttendeePresent), waitStep(60000))
	r := runScript(t, c)
	requireAsModelled(t, modelScript(t, c), r)
	assert.Equal(t, didConnect+" "+didStop(status.TaskFailed)+"; stopped; retried: true", r.String())
}
