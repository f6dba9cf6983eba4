package holdfast_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// staller is a custom health policy that holds up the goroutine which decides, as
// a machine that stalls would: while it does so no timer of the session is served,
// and every later one comes late. It may not do that; here it must.
type staller struct{ next *atomic.Int64 }

func (p staller) Evaluate(time.Duration, *health.Data) (healthy, changed bool) {
	if d := time.Duration(p.next.Swap(0)); d > 0 {
		advance(d)
	}
	return true, false
}

// stalling is a session whose core can be stalled.
type stalling struct {
	stage
	rec  sessiontest.Recorder
	next atomic.Int64
}

func newStalling(t *testing.T, l sessiontest.Link) *stalling {
	t.Helper()
	st := new(stalling)
	st.tr = &sessiontest.Transport{Link: l}
	cfg := production(st.tr, &st.rec)
	cfg.Health.Custom = []health.CustomPolicy{{Name: "staller", New: func() health.Policy { return staller{&st.next} }}}
	st.s = start(t, cfg)
	settle(warm)
	return st
}

// stall holds the core up for d. Nothing comes in meanwhile, as this machine does
// not read; what has waited outside is read a moment after the first late timer is
// served.
func (st *stalling) stall(d time.Duration) {
	st.next.Store(int64(d))
	st.tr.Silence(sessiontest.Newest, health.Both)
	go st.tr.Sample(sessiontest.Newest, health.Sample{BytesReceived: 1, AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0)})
	settle(d + ms)
	st.tr.Silence(sessiontest.Newest, 0)
	synctest.Wait()
}

// A machine that was not running for a minute finds a live link alive: whatever the
// silence of the meantime would prove is void, and the link is asked (NEEDS 14).
func TestStallIsNoDeath(t *testing.T) {
	for name, link := range map[string]sessiontest.Link{
		"talking": talking(50 * ms), "quiet": quiet(50 * ms), "cannot probe": unprobed(50 * ms),
		"cannot ping": unpinged(50 * ms), "can do neither": unasked(0), "only pings": {Ping: ok().After(50 * ms)},
	} {
		for _, d := range []time.Duration{sec, 3 * sec, 10 * sec, time.Minute} {
			bubble(t, name+"/"+d.String(), func(t *testing.T) {
				st := newStalling(t, link)
				pings, probes := len(st.tr.Snapshot().Named("Ping")), len(st.tr.Snapshot().Named("ProbeMedia"))
				st.stall(d)
				if d > sec { // a shorter one may fall between two ticks
					assert.EqualValues(t, 1, st.s.Snapshot().Liveness.Paused, "the late tick is noticed")
				}
				settle(100 * ms)
				if probes > 0 {
					assert.Greater(t, len(st.tr.Snapshot().Named("ProbeMedia")), probes, "media is asked at once")
				}
				settle(sec)
				if pings > 0 {
					assert.Greater(t, len(st.tr.Snapshot().Named("Ping")), pings, "signaling is asked")
				}
				settle(10 * time.Minute)
				assert.Empty(t, sessiontest.Of[observer.LinkDead](&st.rec))
				assert.Empty(t, sessiontest.Of[observer.Reconnecting](&st.rec))
				finish(t, st.s, st.tr, &st.rec)
			})
		}
	}
}

// Stall after stall, five seconds apart, finds nothing dead either; and a link that
// dies in a stall is found in the usual time after it (NEEDS 12, 14).
func TestStallsAndDeath(t *testing.T) {
	bubble(t, "many stalls", func(t *testing.T) {
		st := newStalling(t, talking(50*ms))
		for range 100 {
			st.stall(2 * sec)
			settle(5 * sec)
		}
		assert.Empty(t, sessiontest.Of[observer.Reconnecting](&st.rec))
		assert.EqualValues(t, 100, st.s.Snapshot().Liveness.Paused)
		finish(t, st.s, st.tr, &st.rec)
	})
	bubble(t, "a death in it", func(t *testing.T) {
		st := newStalling(t, talking(50*ms))
		st.stall(time.Minute)
		st.tr.Silence(1, health.Both)
		over := time.Now()
		dead := await(t, &st.rec, "LinkDead")
		bounds := health.Config{}.WorstCaseDetection()
		took := dead.Head().Time.Sub(over)
		assert.LessOrEqual(t, took, bounds.Probed.BothDead+bounds.AfterPause)
		assert.Greater(t, took, 3*sec, "the silence counts anew")
		settle(time.Minute)
		assert.Equal(t, session.StateConnected, st.s.State())
		finish(t, st.s, st.tr, &st.rec)
	})
}

// A suspicion that a pause has voided is taken back, and says so.
func TestPauseIsTold(t *testing.T) {
	bubble(t, "told", func(t *testing.T) {
		st := newStalling(t, talking(50*ms))
		st.tr.Silence(1, health.Both)
		await(t, &st.rec, "LinkSuspected")
		st.stall(10 * sec)
		cleared := await(t, &st.rec, "LinkCleared")
		assert.Greater(t, cleared.(observer.LinkCleared).Paused, 9*sec)
		settle(10 * time.Minute)
		assert.Empty(t, sessiontest.Of[observer.Reconnecting](&st.rec))
		finish(t, st.s, st.tr, &st.rec)
	})
}
