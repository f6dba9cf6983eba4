package holdfast_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"strings"
	"sync"
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

// replayed is what a recording comes to.
type replayed struct {
	recordings, inputs, checkpoints int
	gap                             uint64
	events                          []observer.Event
	last                            session.Step
	err                             error
}

// replay replays all of a recording, up to the first error.
func replay(recording []byte) (r replayed) {
	for step, err := range session.Replay(bytes.NewReader(recording)) {
		if err != nil {
			r.err = err
			return r
		}
		switch {
		case step.Recording != nil:
			r.recordings++
		case step.Gap > 0:
			r.gap += step.Gap
		case step.Checkpoint:
			r.checkpoints++
		default:
			r.inputs++
			r.events = append(r.events, step.Events...)
			r.last = step
		}
	}
	return r
}

// recorded has the session of a test recorded, by a ring that holds all of it or
// only the end; when the test is over, that must replay without a difference.
func recorded(t testing.TB, cfg *session.Config) {
	t.Helper()
	if cfg.Recorder != nil {
		return
	}
	every := uint32(4)
	if testing.Short() {
		every = 16
	}
	name := fnv.New32a()
	name.Write([]byte(t.Name()))
	if name.Sum32()/2%every != 0 {
		return // recording takes longer than what is recorded
	}
	size := []int{1, 4 << 20}[name.Sum32()%2]
	recorder := session.NewRing(size)
	cfg.Recorder = recorder
	t.Cleanup(func() {
		var text bytes.Buffer
		_, err := recorder.WriteTo(&text)
		require.NoError(t, err)
		assert.Zero(t, recorder.Lost())
		assert.NoError(t, replay(text.Bytes()).err)
	})
}

// file is what a recorder writes to.
type file struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (f *file) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.buf.Write(b)
}

func (f *file) string() string { return string(f.bytes()) }

func (f *file) bytes() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.Clone(f.buf.Bytes())
}

// told compares events, of whose causes only the text is recorded.
func told(t *testing.T, events []observer.Event) string {
	t.Helper()
	var b strings.Builder
	for _, e := range events {
		text, err := observer.Marshal(e)
		require.NoError(t, err)
		b.Write(append(text, '\n'))
	}
	return b.String()
}

// live leads a session through a life: a start that takes three attempts, samples,
// two outages, a promotion, an update, and the end of the meeting.
func live(t *testing.T, s *session.Session, tr *sessiontest.Transport) {
	t.Helper()
	require.NoError(t, s.Start(t.Context()))
	sample := health.Sample{
		AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0), AudioPacketsSent: health.Some(50),
	}
	samples := func(n int, grow uint64) {
		for range n {
			sample.BytesReceived += grow
			tr.Sample(sessiontest.Newest, sample)
			time.Sleep(time.Second)
		}
	}
	samples(30, 4000)
	require.NoError(t, s.Promote(t.Context(), session.Credentials{Attendee: "ada", Token: "secret"}))
	tr.Report(sessiontest.Newest, status.IncompatibleSDP)
	samples(3, 4000)
	tr.Closed(sessiontest.Newest, status.LayerSignaling, nil)
	time.Sleep(30 * time.Second)
	require.Equal(t, session.StateConnected, s.State())
	samples(60, 0) // the media has died
	time.Sleep(30 * time.Second)
	require.Equal(t, session.StateConnected, s.State())
	tr.Report(sessiontest.Newest, status.MeetingEnded)
	<-s.Done()
	require.ErrorIs(t, s.Err(), status.MeetingEnded)
}

// eventful is a transport for live.
func eventful() *sessiontest.Transport {
	tr := sessiontest.Script(
		sessiontest.Fail(status.SignalingInternalServerError), sessiontest.Hang("join"), sessiontest.OK(),
		sessiontest.Fail(errors.New("no route")), sessiontest.OK(), sessiontest.Fail(status.VideoCallSwitchToViewOnly),
	)
	tr.Link = sessiontest.Able()
	return tr
}

// TestRecordingReplays (G14): a recorded life, replayed from nothing but the file,
// gives the same events.
func TestRecordingReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file bytes.Buffer
		var rec sessiontest.Recorder
		tr := eventful()
		recorder := session.NewRecorder(&file)
		s, err := session.New(session.Config{
			Name: "recorded", Transport: tr, Observers: []observer.Observer{&rec}, Recorder: recorder,
		})
		require.NoError(t, err)
		live(t, s, tr)
		require.NoError(t, recorder.Err())
		require.Zero(t, recorder.Lost())
		r := replay(file.Bytes())
		require.NoError(t, r.err)
		assert.Equal(t, told(t, rec.Events()), told(t, r.events))
		assert.Equal(t, session.StateStopped, r.last.Snapshot.State)
		assert.Greater(t, r.inputs, 100)
		t.Logf("%d inputs, %d bytes each", r.inputs, file.Len()/r.inputs)
	})
}

// lines splits a recording.
func lines(recording []byte) []string {
	return strings.SplitAfter(strings.TrimSuffix(string(recording), "\n"), "\n")
}

// TestRingReplays (G14): a ring holds the end of a life, never more than it was given,
// and can be written at any moment.
func TestRingReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 32 << 10
		recorder := session.NewRing(size)
		var rec sessiontest.Recorder
		var onTheWay []replayed
		write := func() []byte {
			var text bytes.Buffer
			n, err := recorder.WriteTo(&text)
			require.NoError(t, err)
			require.EqualValues(t, text.Len(), n)
			return text.Bytes()
		}
		tr := eventful()
		s := newSession(t, session.Config{
			Name: "ring", Transport: tr, Recorder: recorder, Observers: []observer.Observer{&rec, observer.Func(func(e observer.Event) {
				onTheWay = append(onTheWay, replay(write()))
			})},
		})
		assert.Len(t, lines(write()), 1, "nothing has happened yet")
		live(t, s, tr)
		text := write()
		assert.LessOrEqual(t, len(text), size+4<<10)
		assert.Greater(t, len(text), size/2)
		assert.Contains(t, lines(text)[1], `{"checkpoint":`)
		onTheWay = append(onTheWay, replay(text))
		all := told(t, rec.Events())
		for i, r := range onTheWay {
			require.NoError(t, r.err, "%d", i)
			require.Equal(t, 1, r.recordings)
			require.GreaterOrEqual(t, r.checkpoints, 1)
			require.Contains(t, all, told(t, r.events), "%d", i)
		}
		last := onTheWay[len(onTheWay)-1]
		assert.True(t, strings.HasSuffix(all, told(t, last.events)))
		assert.NotEmpty(t, last.events)
		assert.Greater(t, onTheWay[10].inputs, 0)
		assert.Equal(t, 2, last.checkpoints, "both halves begin with one")
	})
}

// TestOwnPlugsReplay (G14): a backoff and health policies of the application's own are
// not needed for a replay, although they remember, draw and have words.
func TestOwnPlugsReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, recorder := range []*session.Recorder{session.NewRecorder(new(file)), session.NewRing(0), session.NewRing(1)} {
			var rec sessiontest.Recorder
			var text file
			if _, err := recorder.WriteTo(&text); errors.Is(err, errors.ErrUnsupported) {
				recorder = session.NewRecorder(&text)
			}
			p := policy.Default()
			p.NewBackOff = func(random func() float64) backoff.BackOff {
				return &policy.FullJitter{Short: time.Second + time.Duration(random()*float64(time.Second)), Long: time.Minute, Random: random}
			}
			cfg := session.Config{Name: "own", Transport: eventful(), Observers: []observer.Observer{&rec}, Policy: &p, Recorder: recorder}
			cfg.Health.Custom = []health.CustomPolicy{
				{Name: "plain", New: func() health.Policy {
					p := health.NewSendingAudio(health.SendingAudioConfig{Samples: 1})
					return &p
				}},
				{Name: "wordy", New: func() health.Policy { return &wordy{} }, Reconnect: true},
			}
			s := newSession(t, cfg)
			live(t, s, cfg.Transport.(*sessiontest.Transport))
			_, _ = recorder.WriteTo(&text)
			r := replay(text.bytes())
			require.NoError(t, r.err)
			assert.True(t, strings.HasSuffix(told(t, rec.Events()), told(t, r.events)))
			if r.checkpoints < 2 {
				assert.Contains(t, text.string(), `"to":"verdict"`)
			}
			assert.NotEmpty(t, sessiontest.Of[observer.PolicyChanged](&rec))
		}
	})
}

// wordy is unhealthy now and then, and says so.
type wordy struct{ n int }

func (w *wordy) Evaluate(time.Duration, *health.Data) (healthy, changed bool) {
	w.n++
	return w.n%20 != 0, w.n%20 < 2
}

func (w *wordy) Reason(*health.Data) string { return fmt.Sprintf("no luck the %dth time", w.n) }

// TestFallsReplay (G14): what panics inside the core, or leaves the goroutine, does
// so again.
func TestFallsReplay(t *testing.T) {
	falls := map[string]func(){"panics": func() { panic(fmt.Errorf("so: %w", status.MeetingEnded)) }, "leaves": runtime.Goexit}
	for how, fall := range falls {
		for what, plug := range map[string]func(*session.Config){
			"backoff": func(c *session.Config) {
				c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return unruly{after(1, fall), nothing, sec} }
			},
			"reset": func(c *session.Config) {
				c.Policy.NewBackOff = func(func() float64) backoff.BackOff { return unruly{nothing, after(2, fall), sec} }
			},
			"random": func(c *session.Config) { c.Random = func() float64 { fall(); return 0 } },
			"policy": func(c *session.Config) {
				c.Health.Custom = []health.CustomPolicy{{Name: "falls", New: func() health.Policy { return faller{after(3, fall)} }}}
			},
		} {
			bubble(t, what+" "+how, func(t *testing.T) {
				var text file
				var rec sessiontest.Recorder
				var tr sessiontest.Transport
				p := policy.Default()
				cfg := session.Config{
					Transport: &tr, Observers: []observer.Observer{&rec}, Policy: &p, Recorder: session.NewRecorder(&text),
				}
				plug(&cfg)
				s := start(t, cfg)
				for i := 0; i < 20 && !ended(s); i++ {
					go func() { // which may be left
						tr.Sample(sessiontest.Newest, health.Sample{AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0)})
						if i%5 == 4 {
							tr.Report(sessiontest.Newest, lost)
						}
					}()
					time.Sleep(2 * sec)
				}
				<-s.Done()
				require.ErrorIs(t, s.Err(), status.RealtimeApiFailed)
				r := replay(text.bytes())
				require.NoError(t, r.err)
				assert.Equal(t, told(t, rec.Events()), told(t, r.events))
				assert.Equal(t, how == "leaves", strings.Contains(text.string(), `"left":true`))
			})
		}
	}
}

// faller is a health policy that falls.
type faller struct{ fall func() }

func (f faller) Evaluate(time.Duration, *health.Data) (healthy, changed bool) {
	f.fall()
	return true, false
}

// TestRecorderIsForOneSession: what cannot work is refused by New, with what to do.
func TestRecorderIsForOneSession(t *testing.T) {
	ring := session.NewRing(0)
	var tr sessiontest.Transport
	_, err := session.New(session.Config{Recorder: ring})
	require.ErrorContains(t, err, "Transport")
	s := newSession(t, session.Config{Transport: &tr, Recorder: ring}) // the one that failed has not used it
	defer s.Close()
	_, err = session.New(session.Config{Transport: &tr, Recorder: ring})
	assert.ErrorContains(t, err, "make one for each")
	_, err = session.New(session.Config{Transport: &tr, Recorder: session.NewRing(0), Name: strings.Repeat("x", 2<<20)})
	assert.ErrorContains(t, err, "too large to be recorded")
	for _, bad := range []*session.Recorder{{}, session.NewRecorder(nil)} {
		_, err = session.New(session.Config{Transport: &tr, Recorder: bad})
		assert.ErrorContains(t, err, "NewRecorder, with a writer, or NewRing")
	}
	var out bytes.Buffer
	_, err = session.NewRing(0).WriteTo(&out)
	assert.ErrorContains(t, err, "no session has used")
	_, err = session.NewRecorder(&out).WriteTo(&out)
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = ring.WriteTo(brokenWriter{})
	assert.ErrorIs(t, err, errEnough)
}

// brokenWriter fails.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errEnough }
