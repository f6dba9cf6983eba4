package holdfast_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// What a Recorder's writer does to a session: nothing.

// writerFunc is a writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// recordedTo is a session that has connected, and has its recording written to w.
func recordedTo(t *testing.T, w io.Writer) (*session.Session, *session.Recorder, *sessiontest.Transport, *sessiontest.Recorder) {
	t.Helper()
	var rec sessiontest.Recorder
	var tr sessiontest.Transport
	recorder := session.NewRecorder(w)
	s := start(t, session.Config{Transport: &tr, Observers: []observer.Observer{&rec}, Recorder: recorder})
	return s, recorder, &tr, &rec
}

// samples reports n samples, and lets d pass after each.
func samples(tr *sessiontest.Transport, n int, d time.Duration) {
	for range n {
		tr.Sample(sessiontest.Newest, health.Sample{AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0)})
		if d > 0 {
			time.Sleep(d)
		}
	}
}

// writing counts the goroutines of recorders. One that has just ended its session is
// given the time to return.
func writing() int {
	synctest.Wait()
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "session.(*Recorder).write(")
}

// A recorder holds a goroutine only while there is something to write, and none is
// left after Done (G11).
func TestRecorderIsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text file
		slow := writerFunc(func(b []byte) (int, error) {
			time.Sleep(10 * ms)
			return text.Write(b)
		})
		s, recorder, tr, _ := recordedTo(t, slow)
		for range 5 {
			samples(tr, 1, 0)
			synctest.Wait()
			require.Equal(t, 1, writing())
			time.Sleep(100 * ms)
			require.Zero(t, writing())
		}
		s.Stop()
		<-s.Done()
		require.Zero(t, writing())
		require.NoError(t, recorder.Err())
		r := replay(text.bytes())
		require.NoError(t, r.err)
		assert.Equal(t, session.StateStopped, r.last.Snapshot.State, "Done has waited for the last line")
	})
}

// A writer that hangs holds nothing up: the session goes on, ends, and Done waits for
// it no longer than for an observer (G3, G5). What is lost is counted in a line, and
// after it the replay goes on where the session was.
func TestRecorderWriterHangs(t *testing.T) {
	for _, released := range []bool{true, false} {
		name := map[bool]string{true: "for a while", false: "for ever"}[released]
		bubble(t, name, func(t *testing.T) {
			var text file
			hang := make(chan struct{})
			var hanging atomic.Bool
			s, recorder, tr, rec := recordedTo(t, writerFunc(func(b []byte) (int, error) {
				if hanging.Load() {
					<-hang
				}
				return text.Write(b)
			}))
			time.Sleep(sec)
			hanging.Store(true)
			samples(tr, 4000, 10*ms)
			assert.NotZero(t, recorder.Lost())
			assert.Equal(t, session.StateConnected, s.State())
			if released {
				hanging.Store(false)
				close(hang)
				samples(tr, 10, sec)
				tr.Report(sessiontest.Newest, lost)
				time.Sleep(20 * sec)
				stopsAfter(t, s, 0)
				require.Zero(t, writing())
			} else {
				stopsAfter(t, s, 2*sec) // the observer grace
				require.Equal(t, 1, writing(), "a call into code of the application that has not returned")
				close(hang)
				synctest.Wait()
				require.Zero(t, writing())
			}
			assert.NoError(t, recorder.Err())
			r := replay(text.bytes())
			require.NoError(t, r.err)
			if released {
				assert.Equal(t, recorder.Lost(), r.gap)
				assert.Equal(t, 1, r.checkpoints)
				assert.Contains(t, told(t, r.events), "Recovered")
				assert.Equal(t, session.StateStopped, r.last.Snapshot.State)
				assert.True(t, strings.HasSuffix(told(t, rec.Events()), told(t, r.events[len(r.events)-5:])))
			}
		})
	}
}

// stopsAfter stops a session and checks how long that takes.
func stopsAfter(t *testing.T, s *session.Session, d time.Duration) {
	t.Helper()
	from := time.Now()
	s.Stop()
	<-s.Done()
	assert.Equal(t, d, time.Since(from))
}

// A writer that fails is tried again: what it has not taken comes later, to the byte.
func TestRecorderWriterFails(t *testing.T) {
	for name, fails := range map[string]func(b []byte, text *file) (int, error){
		"takes nothing":      func([]byte, *file) (int, error) { return 0, errEnough },
		"takes a part":       func(b []byte, text *file) (int, error) { _, _ = text.Write(b[:len(b)/2]); return len(b) / 2, errEnough },
		"takes less, and is": func(b []byte, text *file) (int, error) { _, _ = text.Write(b[:1]); return 1, nil },
	} {
		bubble(t, name, func(t *testing.T) {
			var text file
			var failing atomic.Bool
			s, recorder, tr, rec := recordedTo(t, writerFunc(func(b []byte) (int, error) {
				if failing.Load() {
					return fails(b, &text)
				}
				return text.Write(b)
			}))
			failing.Store(true)
			samples(tr, 30, sec)
			require.Error(t, recorder.Err())
			failing.Store(false)
			samples(tr, 3, sec)
			stopsAfter(t, s, 0)
			r := replay(text.bytes())
			require.NoError(t, r.err)
			assert.Zero(t, r.gap)
			assert.Equal(t, told(t, rec.Events()), told(t, r.events))
			assert.Zero(t, writing())
		})
	}
}

// A writer that goes on failing loses what does not fit, and ends nothing; nor does
// one that is broken for good, which is not called again.
func TestRecorderWriterIsBroken(t *testing.T) {
	var calls atomic.Int64
	for name, breaks := range map[string]func([]byte) (int, error){
		"fails":          func([]byte) (int, error) { return 0, errEnough },
		"panics":         func([]byte) (int, error) { panic("full") },
		"leaves":         func([]byte) (int, error) { runtime.Goexit(); return 0, nil },
		"takes too much": func(b []byte) (int, error) { return len(b) + 1, nil },
		"takes negative": func([]byte) (int, error) { return -1, nil },
	} {
		bubble(t, name, func(t *testing.T) {
			calls.Store(0)
			s, recorder, tr, rec := recordedTo(t, writerFunc(func(b []byte) (int, error) {
				calls.Add(1)
				return breaks(b)
			}))
			samples(tr, 4000, 10*ms)
			require.Error(t, recorder.Err())
			assert.Equal(t, session.StateConnected, s.State())
			switch name {
			case "fails":
				require.ErrorIs(t, recorder.Err(), errEnough)
				assert.NotZero(t, recorder.Lost())
				assert.LessOrEqual(t, calls.Load(), int64(45), "about once a second")
			case "panics", "leaves":
				var panicked *observer.PanicError
				require.ErrorAs(t, recorder.Err(), &panicked)
				assert.NotZero(t, recorder.Lost())
				assert.EqualValues(t, 1, calls.Load())
			}
			stopsAfter(t, s, 0)
			require.ErrorIs(t, s.Err(), status.Left)
			assert.Zero(t, writing())
			rec.Check(t)
			if name == "fails" {
				assert.Greater(t, recorder.Lost(), uint64(4000), "all of it, in the end")
			}
		})
	}
}

// A writer may use the session, stop it, or wait for its end, which then comes after
// the observer grace.
func TestRecorderWriterUsesTheSession(t *testing.T) {
	for name, tt := range map[string]struct {
		end   func(*session.Session)
		after time.Duration
	}{
		"stops": {(*session.Session).Stop, 0},
		"waits": {func(s *session.Session) { s.Close() }, 2 * sec},
	} {
		bubble(t, name, func(t *testing.T) { writerEnds(t, tt.end, tt.after) })
	}
}

func writerEnds(t *testing.T, end func(*session.Session), after time.Duration) {
	var text file
	var s *session.Session
	var recorder *session.Recorder
	use := writerFunc(func(b []byte) (int, error) {
		if s != nil {
			s.Snapshot()
			_ = recorder.Err()
			end(s)
		}
		return text.Write(b)
	})
	s1, recorder1, tr, _ := recordedTo(t, use)
	synctest.Wait()
	s, recorder = s1, recorder1
	from := time.Now()
	samples(tr, 1, 0)
	<-s.Done()
	assert.Equal(t, after, time.Since(from))
	synctest.Wait()
	assert.Zero(t, writing())
	require.NoError(t, replay(text.bytes()).err)
}

// An error of the application that cannot be read twice costs its line, and ends
// nothing.
func TestRecorderErrorsThatPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text file
		s, recorder, tr, _ := recordedTo(t, &text)
		tr.Doubt(sessiontest.Newest, status.LayerMedia, looked{func() { panic("again") }})
		samples(tr, 3, sec)
		stopsAfter(t, s, 0)
		assert.EqualValues(t, 1, recorder.Lost())
		r := replay(text.bytes())
		require.NoError(t, r.err)
		assert.EqualValues(t, 1, r.gap)
		assert.Equal(t, session.StateStopped, r.last.Snapshot.State)
	})
}

// What is recorded is written at once and a line at a time, so that a process which
// is killed leaves all of it.
func TestRecorderWritesWholeLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text file
		s, _, tr, _ := recordedTo(t, writerFunc(func(b []byte) (int, error) {
			assert.True(t, bytes.HasSuffix(b, []byte("}\n")))
			return text.Write(b)
		}))
		samples(tr, 1, 0)
		synctest.Wait()
		all := lines(text.bytes())
		assert.Contains(t, all[len(all)-1], `"kind":"sample"`)
		s.Close()
	})
}

// A very long text is cut, and costs neither its line nor those after it.
func TestRecorderLongTexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text file
		s, recorder, tr, _ := recordedTo(t, &text)
		tr.Report(sessiontest.Newest, status.Status{
			Code: status.AudioServiceUnavailable, Cause: errors.New(strings.Repeat("long ", 1<<20)),
			Directive: &status.Directive{Endpoint: "wss://" + strings.Repeat("x", 2<<20)},
		})
		time.Sleep(30 * sec)
		require.Equal(t, session.StateConnected, s.State())
		stopsAfter(t, s, 0)
		assert.Zero(t, recorder.Lost())
		assert.Less(t, len(text.bytes()), 100<<10)
		require.NoError(t, replay(text.bytes()).err)
	})
}

// In real time, with everybody at it at once (-race): the recording is that of what has
// happened, whatever the order was.
func TestRecorderInAMuddle(t *testing.T) {
	inputs, events := 0, 0
	for seed := range uint64(10) {
		var text file
		var rec sessiontest.Recorder
		tr := sessiontest.Transport{Link: sessiontest.Able()}
		cfg := sessiontest.Quick(&tr, &rec)
		cfg.Recorder = session.NewRecorder(&text)
		cfg.Policy = &policy.Policy{
			Budget: policy.Budget{Elapsed: policy.NoLimit, Idle: policy.NoLimit, Attempts: policy.NoLimit},
			NewBackOff: func(random func() float64) backoff.BackOff {
				return &policy.FullJitter{Short: ms, Long: 3 * ms, Random: random}
			},
		}
		s := newSession(t, cfg)
		starting(s)
		require.NoError(t, tr.WaitAttempts(t.Context(), 1))
		var all sync.WaitGroup
		for g := range uint64(4) {
			all.Go(func() { meddle(rand.New(rand.NewPCG(seed, g)), stage{s, &tr}) })
		}
		all.Wait()
		s.Close()
		tr.Release()
		require.NoError(t, cfg.Recorder.Err())
		r := replay(text.bytes())
		require.NoError(t, r.err, "seed %d", seed)
		require.Equal(t, cfg.Recorder.Lost(), r.gap)
		if r.gap == 0 {
			require.Equal(t, told(t, rec.Events()), told(t, r.events))
		}
		inputs += r.inputs
		events += len(r.events)
	}
	t.Logf("%d inputs, %d events", inputs, events)
	assert.Greater(t, events, 200)
}
