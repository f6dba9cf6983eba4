package holdfast_test

import (
	"bytes"
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

// goroutine identifies the goroutine that runs.
func goroutine() string {
	var buf [64]byte
	id, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte(" ["))
	return string(id)
}

// looked is the cause of a loss without a reason. The core looks into it to see
// whether it names one, so that a test sees where and when each input is handled.
type looked struct{ at func() }

func (looked) Error() string { return "no reason" }
func (l looked) As(any) bool { l.at(); return false }

func lossWith(f func()) status.Status {
	return status.New(status.SignalingChannelClosedUnexpectedly, looked{f})
}

// batch is how many inputs a poster handles before it hands over.
const batch = 64

// bottled is a session in its second epoch that waits for the reason of a loss:
// it handles any number of further losses without an effect.
func bottled(t *testing.T) (*session.Session, *sessiontest.Transport) {
	t.Helper()
	tr := new(sessiontest.Transport)
	var rec sessiontest.Recorder
	cfg := sessiontest.Quick(tr, &rec)
	cfg.ReasonGrace = time.Hour
	s, err := session.New(cfg) // not recorded: a recorder looks at errors, too
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	flap(t, s, tr, 1)
	_, err = rec.Wait(t.Context(), "Recovered")
	require.NoError(t, err)
	tr.Report(2, status.SignalingChannelClosedUnexpectedly)
	_, err = rec.Wait(t.Context(), "Reconnecting")
	require.NoError(t, err)
	return s, tr
}

// cork is a loss that holds up whoever handles it until it is pulled.
type cork struct {
	inside, pulled chan struct{}
	held           atomic.Pointer[string] // the goroutine that it holds up
}

func newCork() *cork { return &cork{inside: make(chan struct{}), pulled: make(chan struct{})} }

func (c *cork) loss() status.Status {
	return lossWith(sync.OnceFunc(func() {
		id := goroutine()
		c.held.Store(&id)
		close(c.inside)
		<-c.pulled
	}))
}

// No report keeps its caller for long: whoever posts handles at most 64 inputs,
// however many others post meanwhile, and then hands over.
func TestPosterHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tr := bottled(t)
		synctest.Wait()
		c := newCork()
		poster := make(chan string, 1)
		go func() {
			tr.Report(2, c.loss())
			poster <- goroutine()
		}()
		<-c.inside // others pile up behind the report that is handled now
		var mu sync.Mutex
		handled := map[string]int{}
		note := func() {
			mu.Lock()
			defer mu.Unlock()
			handled[goroutine()]++
		}
		const others = 1000
		for range others {
			tr.Report(2, lossWith(note))
		}
		require.Empty(t, handled, "who comes later only queues")
		close(c.pulled)
		id := <-poster
		synctest.Wait()
		most, total := 0, 0
		for _, n := range handled {
			most, total = max(most, n), total+n
		}
		looks := total / others // the core may look more than once
		require.Positive(t, looks)
		assert.Equal(t, others*looks, total, "every report was handled")
		assert.Equal(t, (batch-1)*looks, handled[id], "the poster handles its batch")
		assert.LessOrEqual(t, most, batch*looks, "and so does each who goes on")
		finish(t, s, tr)
	})
}

// A batch takes less than a millisecond: of many tries the quickest counts, as
// the machine may be busy with something else during the others.
func TestBatchIsQuick(t *testing.T) {
	best, counted := time.Hour, 0
	for range 50 {
		if d, ok := batchTime(t); ok {
			best, counted = min(best, d), counted+1
		}
	}
	t.Logf("%d inputs in %v, best of %d", batch, best, counted)
	assert.Less(t, best, time.Millisecond)
}

// batchTime measures how long a post takes that finds many others behind it. It
// does not count if another goroutine was still at work.
func batchTime(t *testing.T) (took time.Duration, ok bool) {
	s, tr := bottled(t)
	c := newCork()
	poster := make(chan string)
	go func() {
		tr.Report(2, c.loss())
		took = time.Since(*began.Load())
		poster <- goroutine()
	}()
	<-c.inside
	for range 200 {
		tr.Report(2, status.SignalingChannelClosedUnexpectedly)
	}
	now := time.Now()
	began.Store(&now)
	close(c.pulled)
	id := <-poster
	finish(t, s, tr)
	return took, id == *c.held.Load()
}

// began is when the cork was pulled.
var began atomic.Pointer[time.Time]

// heapInUse is the memory in use after a collection.
func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// While the core is held up reports do not pile up without bound: 1,024 wait,
// the rest is dropped and counted. The end gets through nevertheless (G3, G13).
func TestQueueIsBounded(t *testing.T) {
	tests := map[string]struct {
		end  func(*session.Session, *sessiontest.Transport)
		want status.Code
	}{
		"Stop": {func(s *session.Session, _ *sessiontest.Transport) { s.Stop() }, status.Left},
		"a terminal status": {func(_ *session.Session, tr *sessiontest.Transport) {
			tr.Report(2, status.MeetingEnded)
		}, status.MeetingEnded},
		"a terminal status, after one of a link long gone": {func(_ *session.Session, tr *sessiontest.Transport) {
			tr.Report(1, status.AudioJoinedFromAnotherDevice)
			tr.Report(2, status.MeetingEnded)
		}, status.MeetingEnded},
		"a terminal status that closes the link": {func(_ *session.Session, tr *sessiontest.Transport) {
			tr.Closed(2, status.LayerSignaling, status.FromWebSocketClose(4410, status.Attached))
		}, status.MeetingEnded},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, tr := bottled(t)
			c := newCork()
			go tr.Report(2, c.loss())
			<-c.inside
			before, stale := heapInUse(), s.Snapshot().Stale
			const posts = 50_000
			for range posts {
				tr.Report(2, status.TaskFailed)
				tr.Sample(2, stall)
				tr.Pong(2, 7)
				tr.Probed(2, 7)
				tr.Expect(2, health.ExpectMedia)
				tr.Doubt(2, status.LayerMedia, errEnough)
				tr.Alive(2, status.LayerMedia)
			}
			grown := int64(heapInUse()) - int64(before)
			assert.Less(t, grown, int64(2<<20), "memory grows with the reports")
			assert.EqualValues(t, 2*posts-1024, s.Snapshot().Stale-stale, "what is dropped is counted")
			tt.end(s, tr)
			close(c.pulled)
			settled(t, s)
			assert.Equal(t, tt.want.String(), codeOf(s.Err()))
			finish(t, s, tr)
		})
	}
}

// settled waits, in real time, until a session has ended or is connected.
func settled(t *testing.T, s *session.Session) {
	t.Helper()
	if err := s.WaitConnected(t.Context()); err != nil {
		<-s.Done()
	}
}

// A flood of reports that change nothing does not keep out the one that does,
// nor what the application asks for (G13).
func TestFloodHidesNothing(t *testing.T) {
	says := func(code status.Code) func(*session.Session, *sessiontest.Transport) {
		return func(_ *session.Session, tr *sessiontest.Transport) { tr.Report(1, code) }
	}
	tests := map[string]struct {
		act   func(*session.Session, *sessiontest.Transport)
		event string
	}{
		"a loss":               {says(lost), "Recovered"},
		"a loss of transforms": {says(status.EncodedTransformManagerFailed), "Recovered"},
		"a closed layer": {func(_ *session.Session, tr *sessiontest.Transport) {
			tr.Closed(1, status.LayerMedia, status.AudioDisconnectAudio)
		}, "Recovered"},
		"view-only":  {says(status.VideoCallSwitchToViewOnly), "VideoSendUnavailable"},
		"an end":     {says(status.MeetingEnded), "Stopped"},
		"a demotion": {says(status.AudioVideoWasRemovedFromPrimaryMeeting), "Demoted"},
		"Reconnect": {func(s *session.Session, _ *sessiontest.Transport) {
			assert.NoError(t, s.Reconnect(errEnough))
		}, "Recovered"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			cfg, c := corked(&tr, &rec, 1)
			s := start(t, cfg)
			<-c.inside
			for range 5000 {
				tr.Report(1, status.OK)
				tr.Report(1, status.AudioDisconnectAudio)
			}
			tt.act(s, &tr)
			close(c.pulled)
			_, err := rec.Wait(t.Context(), tt.event)
			require.NoError(t, err)
			finish(t, s, &tr, &rec)
		})
	}
}

// What a link long gone reports does not take the place of what the present one
// does (NEEDS 9; G10).
func TestStaleReportsTakeNoPlace(t *testing.T) {
	tr := sessiontest.Transport{Link: sessiontest.Link{Ping: sessiontest.Nothing()}}
	var rec sessiontest.Recorder
	cfg, c := corked(&tr, &rec, 2)
	s := start(t, cfg)
	flap(t, s, &tr, 1)
	<-c.inside
	eventually(t, func() bool { return len(tr.Snapshot().Named("Ping")) == 2 })
	for _, ping := range tr.Snapshot().Named("Ping") {
		if ping.Epoch == 2 {
			tr.Pong(2, ping.ID)
		}
	}
	tr.Sample(2, stall)
	tr.Pong(1, 1)
	tr.Sample(1, stall)
	tr.Present(1)
	tr.Alive(1, status.LayerMedia)
	tr.Report(1, status.AudioJoinedFromAnotherDevice)
	tr.Probed(1, 1)
	tr.Expect(1, health.ExpectMedia)
	tr.Doubt(1, status.LayerMedia, errEnough)
	close(c.pulled)
	eventually(t, func() bool { return s.Snapshot().Stale == 8 && s.Snapshot().RTT > 0 })
	finish(t, s, &tr, &rec)
}

// eventually waits, in real time, for what must come about by itself.
func eventually(t *testing.T, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * sec); !reached() && time.Now().Before(deadline); {
		advance(ms)
	}
	assert.True(t, reached())
}

// corked is a config whose backoff holds up the core when the connection of that
// epoch becomes stable.
func corked(tr *sessiontest.Transport, rec observer.Observer, epoch int) (session.Config, *cork) {
	c := newCork()
	once := sync.OnceFunc(func() { close(c.inside); <-c.pulled })
	hold := func() {
		if len(tr.Snapshot().Attempts()) == epoch {
			once()
		}
	}
	p := policy.Default()
	p.StableAfter = ms
	p.NewBackOff = func(func() float64) backoff.BackOff { return unruly{nothing, hold, ms} }
	cfg := sessiontest.Quick(tr, rec)
	cfg.Policy = &p
	return cfg, c
}

// flood posts reports of every kind from 8 goroutines at once, on a real clock.
func flood(tr *sessiontest.Transport, each int) {
	var all sync.WaitGroup
	var bytes atomic.Uint64
	for g := range 8 {
		all.Go(func() {
			for i := range each {
				switch (g + i) % 6 {
				case 0:
					tr.Sample(1, health.Sample{BytesReceived: bytes.Add(1), AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0)})
				case 1:
					tr.Pong(1, uint64(i))
				case 2:
					tr.Report(1, status.OK)
				case 3:
					tr.Alive(1, status.Layer(i%3))
				case 4:
					tr.Probed(1, uint64(i))
				case 5:
					tr.Expect(1, health.ExpectNothing)
				}
			}
		})
	}
	all.Wait()
}

// A flood of reports leaves nothing behind: no memory, no goroutine, no event.
func TestFloodLeavesNothing(t *testing.T) {
	var tr sessiontest.Transport
	var rec sessiontest.Recorder
	s := start(t, sessiontest.Quick(&tr, &rec))
	flood(&tr, 1000)
	before, goroutines := heapInUse(), runtime.NumGoroutine()
	flood(&tr, 20_000)
	require.NoError(t, s.Reconnect(errEnough), "behind everything that waits")
	require.NoError(t, tr.WaitOpened(t.Context(), 2))
	require.NoError(t, s.WaitConnected(t.Context()))
	assert.Less(t, int64(heapInUse())-int64(before), int64(1<<20))
	require.NoError(t, s.Close())
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines })
	assert.Equal(t, strings.Fields("Connecting AttemptStarted Connected Reconnecting RetryScheduled AttemptStarted Connected Recovered Stopped"), rec.Names())
	verify(t, s, &tr, &rec)
}
