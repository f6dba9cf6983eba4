package holdfast_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// 1,000 failures from 50 goroutines are one outage with one attempt (NEEDS 28).
func TestManyFailuresAreOneOutage(t *testing.T) {
	codes := []status.Code{
		status.SignalingInternalServerError, status.SignalingChannelClosedUnexpectedly, status.TaskFailed,
		status.ConnectionHealthReconnect, status.ICEGatheringTimeoutWorkaround, status.AudioServiceUnavailable,
	}
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			var tr sessiontest.Transport
			var rec sessiontest.Recorder
			s := start(t, production(&tr, &rec))
			var all sync.WaitGroup
			for g := range 50 {
				all.Go(func() {
					for i := range 20 {
						if i%3 == 2 {
							tr.Closed(1, status.Layer(1+i%2), errEnough)
						} else {
							tr.Report(1, codes[(g+i)%len(codes)])
						}
					}
				})
			}
			all.Wait()
			settle(time.Hour)
			assert.Equal(t, session.StateConnected, s.State())
			assert.Len(t, tr.Snapshot().Attempts(), 2, "one attempt")
			assert.Len(t, sessiontest.Of[observer.Reconnecting](&rec), 1, "one outage")
			assert.Equal(t, 1, s.Snapshot().Outages)
			finish(t, s, &tr, &rec)
		})
	}
}

// All observers hear the same, in one order, each event deep in a state that
// follows from the one before (NEEDS 24; G4).
func TestObserversHearTheSame(t *testing.T) {
	tr := new(sessiontest.Transport)
	recs := make([]*sessiontest.Recorder, 8)
	cfg := sessiontest.Quick(tr)
	for i := range recs {
		recs[i] = new(sessiontest.Recorder)
		cfg.Observers = append(cfg.Observers, recs[i])
	}
	s := start(t, cfg)
	flap(t, s, tr, 50)
	finish(t, s, tr, recs...)
	for _, rec := range recs[1:] {
		assert.Equal(t, recs[0].Events(), rec.Events())
	}
	assert.Len(t, sessiontest.Of[observer.Recovered](recs[0]), 50)
}

// flap loses the link n times, in real time too, and waits for each recovery.
func flap(t testing.TB, s *session.Session, tr *sessiontest.Transport, n int) {
	t.Helper()
	for range n {
		before := len(tr.Snapshot().Opened)
		tr.Report(sessiontest.Newest, lost)
		require.NoError(t, tr.WaitOpened(t.Context(), before+1))
		require.NoError(t, s.WaitConnected(t.Context()))
	}
}

// A subscriber gets snapshot and stream in one piece, while events fly: its
// first event is the one after the snapshot (NEEDS 24).
func TestSubscribeIsAtomic(t *testing.T) {
	tr := new(sessiontest.Transport)
	s := start(t, sessiontest.Quick(tr))
	stop := make(chan struct{})
	var flapping sync.WaitGroup
	flapping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				flap(t, s, tr, 1)
			}
		}
	})
	for range 200 {
		subscribeOnce(t, s)
	}
	close(stop)
	flapping.Wait()
	finish(t, s, tr)
}

func subscribeOnce(t *testing.T, s *session.Session) {
	var rec sessiontest.Recorder
	enough := make(chan struct{})
	rec.Then = func(observer.Event) {
		if len(rec.Events()) == 4 {
			close(enough)
		}
	}
	now, unsubscribe := s.Subscribe(&rec)
	<-enough
	unsubscribe()
	events := rec.Events()
	assert.Equal(t, now.Seq+1, events[0].Head().Seq)
	assert.Equal(t, now.State, events[0].Head().From)
	assert.GreaterOrEqual(t, events[0].Head().Epoch, now.Epoch)
	sessiontest.CheckPart(t, events)
}

// A subscriber that has left hears nothing more, and is not waited for.
func TestUnsubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr sessiontest.Transport
		s := start(t, production(&tr))
		var rec, itself sessiontest.Recorder
		forever := make(chan struct{})
		_, unsubscribe := s.Subscribe(&rec)
		_, blocked := s.Subscribe(observer.Func(func(observer.Event) { <-forever }))
		var leave func()
		itself.Then = func(observer.Event) { leave() }
		_, leave = s.Subscribe(&itself)
		tr.Report(1, lost)
		synctest.Wait()
		heard := len(rec.Events())
		require.NotZero(t, heard)
		unsubscribe()
		unsubscribe()
		blocked()
		settle(time.Minute)
		assert.Len(t, rec.Events(), heard)
		assert.Len(t, itself.Events(), 1, "unsubscribed from inside the callback")
		s.Stop()
		synctest.Wait()
		assert.True(t, ended(s), "nobody is waited for")
		close(forever)
		verify(t, s, &tr)
	})
}

// A subscriber that comes when the session has ended hears nothing, and learns
// the end from the snapshot.
func TestSubscribeAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr sessiontest.Transport
		s := start(t, production(&tr))
		require.NoError(t, s.Close())
		var rec sessiontest.Recorder
		now, unsubscribe := s.Subscribe(&rec)
		settle(time.Hour)
		unsubscribe()
		assert.Equal(t, session.StateStopped, now.State)
		assert.Empty(t, rec.Events())
	})
}

// maxWaiting is how many events may wait for one observer (G5).
const maxWaiting = 1024

// A slow observer hears everything that matters: past maxWaiting events whole
// outages fold into Missed, its picture of the session stays right, and the
// events that wait for it stay few (NEEDS 25; G5).
func TestSlowObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const outages = 2000
		tr := sessiontest.Script()
		wake := make(chan struct{})
		slow := sessiontest.Recorder{Then: func(observer.Event) { <-wake }}
		var quick sessiontest.Recorder
		cfg := production(tr, &slow, &quick)
		cfg.Random = func() float64 { return 0 }
		s := start(t, cfg)
		for range outages {
			tr.Report(sessiontest.Newest, lost)
			synctest.Wait()
		}
		require.Equal(t, session.StateConnected, s.State(), "a slow observer delays only itself")
		require.Len(t, sessiontest.Of[observer.Recovered](&quick), outages)
		close(wake)
		synctest.Wait()
		assert.LessOrEqual(t, len(slow.Events()), maxWaiting+2)
		told, missed := 0, 0
		for _, m := range sessiontest.Of[observer.Missed](&slow) {
			missed += m.Outages
		}
		told = len(sessiontest.Of[observer.Recovered](&slow))
		assert.Equal(t, outages, told+missed)
		finish(t, s, tr, &slow, &quick)
		last, _ := sessiontest.Last[observer.Event](&slow)
		first, _ := sessiontest.Last[observer.Event](&quick)
		assert.Equal(t, first, last)
	})
}

// One outage with attempts without end folds too, and so does a session that is
// renegotiated without end.
func TestSlowObserverInOneLongOutage(t *testing.T) {
	tests := map[string]struct {
		tr  *sessiontest.Transport
		act func(*sessiontest.Transport)
	}{
		"attempts": {new(sessiontest.Transport).Otherwise(fail(nil)), func(*sessiontest.Transport) { advance(sec) }},
		"updates": {&sessiontest.Transport{Link: rejoining()}, func(tr *sessiontest.Transport) {
			tr.Report(1, status.IncompatibleSDP)
			tr.Report(1, status.VideoCallSwitchToViewOnly)
			tr.Report(1, status.AudioVideoWasRemovedFromPrimaryMeeting)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wake := make(chan struct{})
				slow := sessiontest.Recorder{Then: func(observer.Event) { <-wake }}
				var quick sessiontest.Recorder
				cfg := production(tt.tr, &slow, &quick)
				cfg.Policy.Budget = policy.Budget{Elapsed: policy.NoLimit, Idle: policy.NoLimit, Attempts: policy.NoLimit}
				cfg.Random = func() float64 { return 0.2 }
				s := newSession(t, cfg)
				starting(s)
				synctest.Wait()
				for range 3000 {
					tt.act(tt.tr)
					synctest.Wait()
				}
				require.Greater(t, len(quick.Events()), 2*maxWaiting)
				close(wake)
				synctest.Wait()
				assert.LessOrEqual(t, len(slow.Events()), maxWaiting+2)
				assert.Equal(t, pictureOf(quick.Events()), pictureOf(slow.Events()))
				finish(t, s, tt.tr, &slow, &quick)
			})
		})
	}
}

// picture is what an observer knows of the session from its events.
type picture struct {
	state              session.State
	promoted, viewOnly bool
	suspected          bool // the link that is connected
	quality            string
	sending            string
	verdicts           map[string]bool // bad: reasons to send less video, custom policies
}

func pictureOf(events []observer.Event) (p picture) {
	p.quality, p.sending, p.verdicts = "ConnectionGood", "SendingAudioRecovered", map[string]bool{}
	suspect := uint64(0) // epoch of the link
	for _, e := range events {
		p.state = e.Head().To
		switch e := e.(type) {
		case observer.LinkSuspected:
			suspect = e.Epoch
		case observer.LinkCleared, observer.LinkDead, observer.LinkHealed:
			suspect = 0
		case observer.Promoted:
			p.promoted = true
		case observer.Demoted:
			p.promoted = false
		case observer.VideoSendUnavailable:
			p.viewOnly = true
		case observer.Connected:
			p.viewOnly = p.viewOnly || e.ViewOnly
		case observer.ConnectionGood, observer.ConnectionPoor, observer.VideoStopSuggested:
			p.quality = e.Name()
		case observer.SendingAudioFailed, observer.SendingAudioRecovered:
			p.sending = e.Name()
		case observer.VideoDegradeSuggested:
			p.verdicts[string(e.Reason)] = true
		case observer.VideoDegradeLifted:
			p.verdicts[string(e.Reason)] = false
		case observer.PolicyChanged:
			p.verdicts[e.Policy] = !e.Healthy
		}
		p.suspected = suspect > 0 && suspect == e.Head().Epoch // a suspicion ends with its link
	}
	return p
}

// Whatever a slow observer misses, its picture of the session is that of the
// others: promoted or not, view-only or not, good or poor, and every other verdict
// on its health (NEEDS 25; G5).
func TestSlowObserverKeepsThePicture(t *testing.T) {
	tests := map[string]func(st stage){
		"view-only between outages": func(st stage) { st.tr.Report(sessiontest.Newest, status.VideoCallSwitchToViewOnly) },
		"view-only by a failed attempt": func(st stage) {
			st.tr.Then(fail(status.VideoCallSwitchToViewOnly))
			st.tr.Report(sessiontest.Newest, lost)
		},
		"view-only reported to an attempt": func(st stage) {
			st.tr.Then(ok().After(sec))
			st.tr.Report(sessiontest.Newest, lost)
			settle(100 * ms)
			st.tr.Report(sessiontest.Newest, status.VideoCallSwitchToViewOnly)
			settle(2 * sec)
		},
		"promoted, then lost": func(st stage) { _ = st.s.Promote(context.Background(), session.Credentials{}) },
		"promoted and demoted": func(st stage) {
			_ = st.s.Promote(context.Background(), session.Credentials{})
			st.tr.Report(sessiontest.Newest, status.AudioVideoWasRemovedFromPrimaryMeeting)
		},
		"suspected, then lost":                  func(st stage) { st.tr.Doubt(1, status.LayerMedia, errEnough) },
		"suspected and cleared":                 func(st stage) { st.tr.Doubt(1, status.LayerMedia, errEnough); settle(sec) },
		"poor, and nothing sent":                func(st stage) { st.samples(4) },
		"many senders":                          func(st stage) { st.samples(8) },
		"many senders, and no longer, but poor": func(st stage) { st.samples(14) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { keepPicture(t, change) })
		})
	}
}

// samples reports the first n that audio gives, once the connection is old
// enough to be judged.
func (st stage) samples(n int) {
	settle(5 * sec)
	for i := range n {
		st.tr.Sample(sessiontest.Newest, audio(i))
		settle(sec)
	}
}

// dies lets the link fall silent, and come back while it may heal.
func (st stage) dies(heals bool) {
	settle(warm)
	dead := st.s.Snapshot().Liveness.Dead
	st.tr.Silence(sessiontest.Newest, health.Both)
	for st.s.Snapshot().Liveness.Dead == dead {
		settle(50 * ms)
	}
	if heals {
		st.tr.Silence(sessiontest.Newest, 0)
	}
	settle(5 * sec)
}

// A suspicion that lasts while everything else is missed is still known, and one
// that is over is known to be (G5).
func TestSlowObserverKnowsASuspicion(t *testing.T) {
	doubted := func(st stage) {
		st.tr.Silence(1, health.Media)
		st.tr.Doubt(1, status.LayerMedia, errEnough)
	}
	tests := map[string]struct {
		play      func(stage)
		suspected bool
	}{
		"lasts":                 {doubted, true},
		"is cleared":            {func(st stage) { doubted(st); st.tr.Silence(1, 0); settle(sec) }, false},
		"the link has healed":   {func(st stage) { st.dies(true); st.dies(true) }, false},
		"the link has died":     {func(st stage) { st.dies(true); st.dies(false) }, false},
		"comes back, and lasts": {func(st stage) { st.dies(true); doubted(st) }, true},
	}
	for name, tt := range tests {
		bubble(t, name, func(t *testing.T) {
			tr := &sessiontest.Transport{Link: rejoining()}
			wake := make(chan struct{})
			slow := sessiontest.Recorder{Then: func(observer.Event) { <-wake }}
			var quick sessiontest.Recorder
			s := start(t, production(tr, &slow, &quick))
			settle(sec)
			tt.play(stage{s, tr})
			for range 600 {
				tr.Report(sessiontest.Newest, status.IncompatibleSDP)
				synctest.Wait()
			}
			close(wake)
			synctest.Wait()
			require.NotEmpty(t, sessiontest.Of[observer.Missed](&slow))
			assert.Equal(t, tt.suspected, pictureOf(quick.Events()).suspected)
			assert.Equal(t, pictureOf(quick.Events()), pictureOf(slow.Events()))
			finish(t, s, tr, &slow, &quick)
		})
	}
}

func keepPicture(t *testing.T, change func(stage)) {
	tr := &sessiontest.Transport{Link: rejoining()}
	wake := make(chan struct{})
	slow := sessiontest.Recorder{Then: func(observer.Event) { <-wake }}
	var quick sessiontest.Recorder
	cfg := production(tr, &slow, &quick)
	cfg.Random = func() float64 { return 0 }
	cfg.Health.UnusableAudio.Samples = 3
	cfg.Health.Custom = []health.CustomPolicy{crowd}
	s := start(t, cfg)
	change(stage{s, tr})
	settle(0)
	for range 600 {
		tr.Report(sessiontest.Newest, lost)
		synctest.Wait()
	}
	for range 600 {
		tr.Report(sessiontest.Newest, status.IncompatibleSDP)
		synctest.Wait()
	}
	close(wake)
	synctest.Wait()
	assert.NotEmpty(t, sessiontest.Of[observer.Missed](&slow))
	assert.Equal(t, pictureOf(quick.Events()), pictureOf(slow.Events()))
	finish(t, s, tr, &slow, &quick)
}
