package session_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/internal/machine"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// In a synctest bubble both clocks run together. What happens when a machine
// sleeps, and its monotonic clock with it, is shown on the core, configured as a
// session configures it.

// sleeper drives a core whose links answer after a round trip, as long as they live.
type sleeper struct {
	core   *machine.Machine
	now    machine.Instant
	alive  bool
	down   bool // the server cannot be reached
	coming []arrival
	events []observer.Event
	asked  map[machine.EffectKind]time.Duration // last, by kind
}

// arrival is an input on its way.
type arrival struct {
	at time.Duration
	in machine.Input
}

const (
	roundTrip = 50 * time.Millisecond
	able      = machine.CanPing | machine.CanProbe | machine.CanRestart | machine.CanResume
)

func newSleeper(cfg session.Config) *sleeper {
	s := &sleeper{
		core: machine.New(session.Core(cfg)), alive: true, asked: map[machine.EffectKind]time.Duration{},
		now: machine.Instant{Wall: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)},
	}
	s.handle(machine.Input{Kind: machine.Start})
	return s
}

func (s *sleeper) handle(in machine.Input) {
	for _, e := range s.core.Handle(s.now, in) {
		s.perform(e)
	}
}

func (s *sleeper) perform(e machine.Effect) {
	s.asked[e.Kind] = s.now.Mono
	switch e.Kind {
	case machine.Notify:
		s.events = append(s.events, e.Event)
	case machine.Open, machine.Restart, machine.Resume:
		s.attempted(e)
	case machine.CloseLink:
		s.post(0, machine.Input{Kind: machine.CloseDone, Epoch: e.Epoch})
	case machine.Ping:
		s.answer(machine.Input{Kind: machine.Ponged, Epoch: e.Epoch, ID: e.ID})
	case machine.Probe:
		s.answer(machine.Input{Kind: machine.Probed, Epoch: e.Epoch, ID: e.ID})
	}
}

// attempted plays an attempt: it works if the server can be reached.
func (s *sleeper) attempted(e machine.Effect) {
	in := machine.Input{Kind: machine.Restored, Epoch: e.Epoch, ID: e.ID}
	if e.Kind == machine.Open {
		in = machine.Input{Kind: machine.Opened, Epoch: e.Epoch, Abilities: able}
	}
	if s.down {
		in.Status = status.New(status.TaskFailed, nil)
		if e.Kind == machine.Open {
			in.Kind = machine.OpenFailed
		}
	}
	s.alive = !s.down
	s.post(0, in)
}

func (s *sleeper) answer(in machine.Input) {
	if s.alive {
		s.post(roundTrip, in)
	}
}

func (s *sleeper) post(delay time.Duration, in machine.Input) {
	s.coming = append(s.coming, arrival{s.now.Mono + delay, in})
	slices.SortStableFunc(s.coming, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
}

// run lets both clocks run for d.
func (s *sleeper) run(d time.Duration) {
	for end := s.now.Mono + d; ; {
		at, in := end, machine.Input{}
		if due, ok := s.core.Deadline(); ok && due <= at {
			at, in = due, machine.Input{Kind: machine.Tick}
		}
		if len(s.coming) > 0 && s.coming[0].at <= at {
			at, in = s.coming[0].at, s.coming[0].in
			s.coming = s.coming[1:]
		}
		s.pass(max(at-s.now.Mono, 0), 0)
		if in.Kind == (machine.Input{}).Kind {
			return
		}
		s.handle(in)
	}
}

// pass lets the monotonic clock go on by d, and the wall clock by more.
func (s *sleeper) pass(d, more time.Duration) {
	s.now.Mono += d
	s.now.Wall = s.now.Wall.Add(d + more)
}

func (s *sleeper) names() (names []string) {
	for _, e := range s.events {
		names = append(names, e.Name())
	}
	return names
}

// Eight hours of sleep, of which the monotonic clock has seen a second: a link that
// lives is asked at once and kept, one that does not is found within the bounds,
// counted from the awakening (NEEDS 13).
func TestSleepIsNoDeath(t *testing.T) {
	cfg := session.Config{Transport: new(sessiontest.Transport), Random: func() float64 { return 0.5 }}
	for name, slept := range map[string]func(s *sleeper){
		"+8 h wall, +1 s monotonic": func(s *sleeper) { s.pass(time.Second, 8*time.Hour) },
		"+8 h wall, at once":        func(s *sleeper) { s.pass(0, 8*time.Hour) },
		"+8 h on both":              func(s *sleeper) { s.pass(8*time.Hour, 0) },
	} {
		t.Run(name+", lives", func(t *testing.T) {
			s := newSleeper(cfg)
			s.run(100 * time.Second)
			slept(s)
			woke := s.now.Mono
			s.run(300 * time.Millisecond) // the time of the next tick
			assert.GreaterOrEqual(t, s.asked[machine.Ping], woke, "signaling is asked at once")
			assert.GreaterOrEqual(t, s.asked[machine.Probe], woke, "and media")
			s.run(10 * time.Minute)
			assert.Equal(t, []string{"Connecting", "AttemptStarted", "Connected"}, s.names())
			assert.EqualValues(t, 1, s.core.Snapshot().Liveness.Paused)
		})
		t.Run(name+", has died", func(t *testing.T) {
			s := newSleeper(cfg)
			s.run(100 * time.Second)
			slept(s)
			s.alive, s.coming = false, nil
			woke := s.now.Mono
			s.run(time.Minute)
			i := slices.Index(s.names(), "LinkDead")
			require.GreaterOrEqual(t, i, 0, s.names())
			dead := s.events[i].(observer.LinkDead)
			assert.Equal(t, health.Both, dead.Diagnosis.Layers)
			bounds := health.Config{}.WorstCaseDetection()
			assert.LessOrEqual(t, dead.Elapsed-woke, bounds.Probed.BothDead+bounds.AfterPause)
			assert.Equal(t, []string{"Connected", "Recovered"}, s.names()[len(s.events)-2:])
		})
	}
}

// A wall clock that is set, to and fro, is no sleep and no death: at most the link
// is asked once more.
func TestClockIsSet(t *testing.T) {
	for name, by := range map[string]time.Duration{"back a day": -24 * time.Hour, "ahead a second": time.Second, "ahead a year": 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := newSleeper(session.Config{Transport: new(sessiontest.Transport)})
			for range 100 {
				s.run(7 * time.Second)
				s.pass(0, by)
				s.run(7 * time.Second)
				s.pass(0, -by)
			}
			assert.Equal(t, []string{"Connecting", "AttemptStarted", "Connected"}, s.names())
		})
	}
}

// attempts are the levels of the attempts so far, with when they began.
func (s *sleeper) attempts() (levels []policy.Level, last time.Duration) {
	for _, e := range s.events {
		if e, ok := e.(observer.AttemptStarted); ok {
			levels, last = append(levels, e.Level), e.Elapsed
		}
	}
	return levels, last
}

// A session that slept for eight hours in an outage recovers with the first attempt
// after it has woken, which comes at once if the application says that it woke, and
// when the delay is over at the latest. The server has forgotten the session by then:
// it is not asked to resume it (NEEDS 13).
func TestSleepInAnOutage(t *testing.T) {
	for name, told := range map[string]bool{"told": true, "not told": false} {
		t.Run(name, func(t *testing.T) {
			s := newSleeper(session.Config{Transport: new(sessiontest.Transport), Random: func() float64 { return 0.5 }})
			s.run(100 * time.Second)
			s.down = true
			s.handle(machine.Input{Kind: machine.Reported, Epoch: 1, Status: status.New(status.SignalingInternalServerError, nil)})
			s.run(900 * time.Millisecond) // the first resume has failed, the second is due
			before, _ := s.attempts()
			require.Equal(t, []policy.Level{policy.Rejoin, policy.Resume}, before)
			s.pass(time.Millisecond, 8*time.Hour)
			s.down = false
			woke := s.now.Mono
			if told {
				s.handle(machine.Input{Kind: machine.Hinted, Hint: session.Woke})
			}
			s.run(5 * time.Second)
			after, at := s.attempts()
			require.Equal(t, []policy.Level{policy.Rejoin, policy.Resume, policy.Rejoin}, after)
			assert.LessOrEqual(t, at-woke, map[bool]time.Duration{true: 0, false: 5 * time.Second}[told])
			assert.Equal(t, []string{"Connected", "Recovered"}, s.names()[len(s.events)-2:])
		})
	}
}
