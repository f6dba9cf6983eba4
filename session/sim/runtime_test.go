package sim

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// TestRuntimeDoesTheSame: a real session over a transport with the delays of the
// simulation goes through the same outage in the same way, to the nanosecond.
func TestRuntimeDoesTheSame(t *testing.T) {
	for name, fault := range map[string]Outage{
		"crash":           {},
		"goodbye":         {CloseCode: 1001},
		"answered":        {Answer: 503},
		"signaling alone": {KeepSessions: true},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(15) {
				fault.At, fault.For = time.Second, time.Duration(seed)*700*time.Millisecond+1
				way := time.Duration(3+seed) * 7 * time.Millisecond
				want := simulated(t, seed, way, fault)
				require.Equal(t, "Recovered", strings.Fields(want[len(want)-1])[1])
				synctest.Test(t, func(t *testing.T) {
					require.Equal(t, want, lived(t, seed, way, fault), "seed %d", seed)
				})
			}
		})
	}
}

// simulated plays an outage to a fleet of one.
func simulated(t *testing.T, seed uint64, way time.Duration, fault Outage) (lines []string) {
	var d diary
	run(t, Scenario{
		Seed: seed, Clients: 1, For: time.Minute, watch: d.watch, Network: Network{Latency: Always(way)}, Faults: []Fault{fault},
	})
	for _, h := range d.told[0] {
		lines = append(lines, line(h.e, h.at-fault.At))
	}
	return lines
}

// line is what matters of an event.
func line(e observer.Event, since time.Duration) string {
	text := fmt.Sprintf("%s %s", since, e.Name())
	switch e := e.(type) {
	case observer.AttemptStarted:
		text += fmt.Sprintf(" %d %s", e.Number, e.Level)
	case observer.AttemptFailed:
		text += fmt.Sprintf(" %d refused: %t", e.Number, e.Refused)
	case observer.RetryScheduled:
		text += fmt.Sprintf(" %s %s %s", e.Decision.Rule, e.Decision.Level, e.Decision.Delay)
	}
	return text
}

// lived plays the same to a real session, once it has been connected for a while.
func lived(t *testing.T, seed uint64, way time.Duration, fault Outage) []string {
	var lines []string
	jitter := newDice(seed, 0, forJitter)
	wire := &wire{way: way, fault: fault, fails: time.Now().Add(2 * time.Minute)}
	wire.back = wire.fails.Add(fault.For)
	var mu sync.Mutex
	s, err := session.New(session.Config{
		Transport: wire, Random: jitter.float,
		Observers: []observer.Observer{listener(func(e observer.Event) {
			mu.Lock()
			defer mu.Unlock()
			if since := e.Head().Time.Sub(wire.fails); since >= 0 {
				lines = append(lines, line(e, since))
			}
		})},
	})
	require.NoError(t, err)
	require.NoError(t, s.Start(context.Background()))
	time.Sleep(3 * time.Minute)
	synctest.Wait()
	mu.Lock()
	told := slices.Clone(lines)
	mu.Unlock()
	require.NoError(t, s.Close())
	return told
}

// listener hears everything.
type listener func(observer.Event)

func (l listener) Observe(e observer.Event) { l(e) }

// wire is a transport with the delays of the simulation, to a server that is gone from
// one time to another.
type wire struct {
	way         time.Duration
	fault       Outage
	fails, back time.Time
}

func (w *wire) down() bool { return !time.Now().Before(w.fails) && time.Now().Before(w.back) }

// trips lets round trips pass.
func (w *wire) trips(n int) { time.Sleep(time.Duration(n) * 2 * w.way) }

// dial opens a connection and sends the request, to which the answer is on its way.
func (w *wire) dial() error {
	time.Sleep(w.way)
	if w.down() && w.fault.Answer == 0 {
		time.Sleep(w.way)
		return fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
	}
	time.Sleep(w.way)
	w.trips(dialTrips - 1)
	time.Sleep(w.way)
	down := w.down()
	time.Sleep(w.way)
	if down {
		return status.Status{Code: status.SignalingInternalServerError, Layer: status.LayerSignaling, Wire: w.fault.Answer, Shared: true}
	}
	return nil
}

func (w *wire) Connect(_ context.Context, _ session.Attempt, r *session.Reporter) (session.Link, error) {
	if err := w.dial(); err != nil {
		return nil, err
	}
	w.trips(joinTrips)
	r.Expect(health.ExpectMedia)
	l := &wireLink{wire: w, r: r}
	if time.Now().Before(w.fails) {
		l.ends = time.AfterFunc(time.Until(w.fails)+w.way, l.lose)
	}
	return l, nil
}

type wireLink struct {
	*wire
	r    *session.Reporter
	ends *time.Timer
}

// lose tells how the connection has ended.
func (l *wireLink) lose() {
	var err error = io.EOF
	if l.fault.CloseCode != 0 {
		err = status.FromWebSocketClose(l.fault.CloseCode, status.Attached)
	}
	l.r.Closed(status.LayerSignaling, err)
}

func (l *wireLink) Close(context.Context) error {
	if l.ends != nil {
		l.ends.Stop()
	}
	return nil
}

func (l *wireLink) Ping(_ context.Context, id uint64) error {
	l.answer(func() { l.r.Pong(id) })
	return nil
}

func (l *wireLink) ProbeMedia(_ context.Context, id uint64) error {
	l.answer(func() { l.r.Probed(id) })
	return nil
}

func (l *wireLink) answer(f func()) {
	if !l.down() {
		time.AfterFunc(2*l.way, f)
	}
}

func (l *wireLink) RestartMedia(context.Context, session.Attempt) error {
	l.trips(1 + restartTrips)
	return nil
}

// Resume finds nobody or, afterwards, a server that knows the session or does not.
func (l *wireLink) Resume(context.Context, session.Attempt) error {
	if err := l.dial(); err != nil {
		return err
	}
	if !l.fault.KeepSessions {
		return session.ErrRefused
	}
	l.trips(resumeTrips)
	l.r.Alive(status.LayerMedia) // which has never stopped
	return nil
}
