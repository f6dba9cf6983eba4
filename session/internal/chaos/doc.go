// Package chaos plays random fault schedules to the core and to the runtime, and
// holds what comes out to the guarantees.
//
// A Script is one life of a session: its settings, what happens and when, and how
// the transport, the server, the network and the application answer what they are
// asked. Generate makes one from a seed, realistic or vicious by its profile. The
// same script is played to
//
//   - the core (PlayCore): in virtual time on one goroutine, by way of inputs and
//     effects, with a witness that asks the core nothing but for its deadline;
//   - a session (CheckRuntime): in a testing/synctest bubble, by way of a transport,
//     sources and hooks that watch what they are called for.
//
// What both hear as observers is held to one account of the budget and to the checks
// of package sessiontest. The rules are listed in violation.go, by guarantee. All events
// of all lives are checked; of the core one life in eight is led by two cores, and every
// session is recorded, and its recording replayed by session.Replay (G14).
//
// A script that breaks a rule is shrunk, and printed with its seed, the rule, the
// events, and a JSON form that can be played again:
//
//	go test ./session/internal/chaos                           # some thousands
//	go test -v ./session/internal/chaos -seeds 100000 -from 7  # other ones
//	go test -v ./session/internal/chaos -script FILE           # one, from its JSON form
//	go test -v -timeout 0 -run 'TestCore|TestRuntime' ./session/internal/chaos -long
//
// The scripts in testdata have shown a fault once, and are played in every run.
// testdata/report.golden is the report on a bug that was put into the core on
// purpose, as a hunt from seed 0 on has found it.
//
// If a session panics on a goroutine of its own the run ends there: the seed is the
// first argument of playSeed in the goroutine trace of the bubble.
package chaos
