package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy"
	"github.com/holdfast-go/holdfast/session"
	"github.com/holdfast-go/holdfast/session/sessiontest"
)

// mishap is a way to lose a call, and what an oracle would do about it.
type mishap struct {
	name   string
	strike func(r *road)
	// level is the lowest that mends it.
	level policy.Level
	// mediaLives: only signaling is lost.
	mediaLives bool
	// back, unless it is 0, is when the server is there again. Nobody can do anything
	// before.
	back time.Duration
	// repair is the way back by hand. It may give another call than it is given.
	repair func(ctx context.Context, r *road, c *callkit.Call) (*callkit.Call, error)
}

// mishaps are those that the benchmark strikes with. What there was is gone for good,
// and what is opened anew works.
//
//   - media-black-hole: the path between two sockets is gone, as when a firewall has
//     thrown its state away for it. Signaling goes on.
//   - nat-rebinding: a NAT has lost its whole table. What the old sockets send leaves
//     from other addresses now, what is sent to the old ones is lost: checks are
//     answered, but the server's media does not come. The table held the TCP connection
//     as well. Its packets fit no entry any more, and many a NAT drops such packets
//     without a word; one that answers with a reset makes it a case of signaling-cut.
//   - signaling-cut: what is in front of the server drops the TCP connection.
//   - both: the path of media is gone, and signaling is frozen on it.
//   - server-restart: the process dies, and a second later another one is in its place,
//     which knows of nothing.
var mishaps = []mishap{
	{
		name: "media-black-hole", level: policy.RestartMedia, repair: restartMedia,
		strike: func(r *road) { r.near.darken() },
	},
	{
		name: "nat-rebinding", level: policy.Resume, repair: resumeBoth,
		strike: func(r *road) { require.NoError(r.t, r.near.rebind()); r.wire.freeze() },
	},
	{
		name: "signaling-cut", level: policy.Resume, repair: resume, mediaLives: true,
		strike: func(r *road) { r.wire.cut() },
	},
	{
		name: "both", level: policy.Resume, repair: resumeBoth,
		strike: func(r *road) { r.near.darken(); r.wire.freeze() },
	},
	{
		name: "server-restart", level: policy.Rejoin, repair: rejoin, back: time.Second,
		strike: (*road).killServer,
	},
}

// hit strikes, and lets time pass until something can be done about it.
func (m mishap) hit(r *road) {
	m.strike(r)
	if m.back > 0 {
		time.Sleep(m.back)
		r.startServer()
	}
}

// rtts are the round trips of the benchmark, of signaling and of media alike.
var rtts = []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond}

func restartMedia(ctx context.Context, _ *road, c *callkit.Call) (*callkit.Call, error) {
	return c, c.RestartMedia(ctx)
}

func resume(ctx context.Context, _ *road, c *callkit.Call) (*callkit.Call, error) {
	return c, c.Resume(ctx, callkit.ResumeOptions{})
}

func resumeBoth(ctx context.Context, _ *road, c *callkit.Call) (*callkit.Call, error) {
	return c, c.Resume(ctx, callkit.ResumeOptions{RestartMedia: true})
}

// rejoin starts from nothing and closes the old call.
func rejoin(ctx context.Context, r *road, c *callkit.Call) (*callkit.Call, error) {
	fresh, err := r.dial(deaf{})
	if err != nil {
		return c, err
	}
	return fresh, c.Close(ctx)
}

const (
	// settled is how long a call lives before it is struck, at least.
	settled = 10 * time.Second
	// hopeless is when a recovery that has not come by then will never come.
	hopeless = 2 * time.Minute
	// phases is how often a call is struck for one figure.
	phases = 10
)

// phase draws when the mishap comes within a span, so that no timer is favoured.
func phase(seed uint64, span time.Duration) time.Duration {
	return time.Duration(rand.New(rand.NewPCG(seed, 6)).Int64N(int64(span)))
}

// byHand strikes a call, and measures what an oracle needs that knows the moment: from
// the beginning of its repair to the first audio over the new path, or to the repair's
// end if audio has never ended.
func byHand(t *testing.T, m mishap, rtt time.Duration, seed uint64) time.Duration {
	ctx, cancel := context.WithTimeout(t.Context(), hopeless)
	defer cancel()
	r := newRoad(t, rtt)
	call, err := r.dial(deaf{})
	require.NoError(t, err)
	time.Sleep(time.Second + phase(seed, time.Second)) // no timer of ours is longer
	m.hit(r)
	began, audio := time.Now(), r.near.ear.next()
	fresh, err := m.repair(ctx, r, call)
	require.NoError(t, err)
	took := time.Since(began)
	if !m.mediaLives || fresh != call {
		at, ok := heard(audio)
		require.True(t, ok, "no audio has come over a new path")
		took = at.Sub(began)
	}
	r.flows(fresh)
	return took
}

// heard waits for audio, not for ever.
func heard(audio <-chan time.Time) (at time.Time, ok bool) {
	select {
	case at := <-audio:
		return at, true
	case <-time.After(hopeless):
		return time.Now(), false
	}
}

// flows: what is heard at the sockets reaches the applications.
func (r *road) flows(c *callkit.Call) {
	in, out := r.talk(c)
	assert.InDelta(r.t, 50, in, 1)
	assert.InDelta(r.t, 50, out, 1)
}

// recovery is what a session has made of a mishap. The times are from there.
type recovery struct {
	noticed time.Duration // when it told of the loss
	delay   time.Duration // that it decided to wait before the first attempt
	tries   []try         // the last one worked
	ttr     time.Duration // when all was well again
	failed  bool          // it never was: no audio has come over a new path
}

// try is an attempt.
type try struct {
	began time.Duration
	level policy.Level
}

func (r recovery) last() try { return r.tries[len(r.tries)-1] }

// bySession strikes the call of a session with default settings.
func bySession(t *testing.T, m mishap, rtt time.Duration, seed uint64) recovery {
	ctx, cancel := context.WithTimeout(t.Context(), hopeless)
	defer cancel()
	r, rec, made := newRoad(t, rtt), &sessiontest.Recorder{}, time.Now()
	s, err := session.New(session.Config{
		Name: attendee, Transport: caller{r.options()}, Observers: []observer.Observer{rec}, Random: losses(seed),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	require.NoError(t, s.Start(ctx))
	time.Sleep(settled + phase(seed, 10*time.Second)) // pings come so often
	struck, audio := time.Since(made), r.near.ear.next()
	m.hit(r)
	back, err := rec.Wait(ctx, "Recovered")
	require.NoError(t, err)
	got := read(rec, struck)
	got.ttr = back.Head().Elapsed - struck
	if !m.mediaLives || got.last().level != policy.Resume {
		at, ok := heard(audio)
		got.ttr, got.failed = at.Sub(made)-struck, !ok
	}
	if l, ok := s.Link(); ok && !got.failed {
		r.flows(l.(link).Call)
	}
	return got
}

// read reads what was told of the only recovery.
func read(rec *sessiontest.Recorder, struck time.Duration) (got recovery) {
	got.noticed = sessiontest.Of[observer.Reconnecting](rec)[0].Elapsed - struck
	if first := sessiontest.Of[observer.RetryScheduled](rec); len(first) > 0 {
		got.delay = first[0].Decision.Delay
	}
	for _, a := range sessiontest.Of[observer.AttemptStarted](rec)[1:] {
		got.tries = append(got.tries, try{a.Elapsed - struck, a.Level})
	}
	return got
}

// BenchmarkRecover strikes calls, and reports medians in milliseconds of fake time:
// from the mishap to its discovery (detect), and to the first audio over a new path
// (ttr), or to Connected if audio has never ended; and how long an oracle needs that
// does by hand what is to be done (bare). A ttr of two minutes and more is never.
func BenchmarkRecover(b *testing.B) {
	for _, m := range mishaps {
		for _, rtt := range rtts {
			b.Run(fmt.Sprintf("%s/%dms", m.name, rtt.Milliseconds()), func(b *testing.B) { m.bench(b, rtt) })
		}
	}
}

func (m mishap) bench(b *testing.B, rtt time.Duration) {
	var ttr, detect, bare []time.Duration
	seed := uint64(0)
	for b.Loop() {
		for range phases {
			bubble(b, func(t *testing.T) {
				got := bySession(t, m, rtt, seed)
				ttr, detect = append(ttr, got.ttr), append(detect, got.noticed)
			})
			bubble(b, func(t *testing.T) { bare = append(bare, byHand(t, m, rtt, seed)) })
			seed++
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	for unit, of := range map[string][]time.Duration{"ttr-ms": ttr, "detect-ms": detect, "bare-ms": bare} {
		b.ReportMetric(median(of).Seconds()*1000, unit)
	}
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2]
}

// bubble runs f in fake time. That is to be had in a test only, so one is run in the
// midst of the benchmark.
func bubble(b *testing.B, f func(t *testing.T)) {
	ran := false // -count and -cpu would do it again
	once := func(t *testing.T) {
		if !ran {
			ran = true
			synctest.Test(t, f)
		}
	}
	whatever := func(_, _ string) (bool, error) { return true, nil } // -run is for others,
	skip := flag.Lookup("test.skip").Value.String()                  // and so is -skip
	require.NoError(b, flag.Set("test.skip", ""))
	defer func() { require.NoError(b, flag.Set("test.skip", skip)) }()
	if !testing.RunTests(whatever, []testing.InternalTest{{Name: b.Name(), F: once}}) {
		b.FailNow()
	}
}

// hands gives the median of some recoveries by hand.
func hands(t *testing.T, m mishap, rtt time.Duration) time.Duration {
	var took []time.Duration
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) { took = append(took, byHand(t, m, rtt, seed)) })
	}
	return median(took)
}

// reasonGrace is the default of the session.
var reasonGrace = session.Config{}.Effective().ReasonGrace

// goal is when all has to be well again: a session may lose what the discovery takes,
// what it means to wait, and little more than the repair by hand. For attempts that
// come too early it is the server that is to blame, which is away.
func (m mishap) goal(got recovery, bare time.Duration) time.Duration {
	begins := got.noticed + reasonGrace + got.delay
	if m.back > 0 {
		begins = max(begins, got.last().began)
	}
	return begins + bare*115/100 + 20*time.Millisecond // a packet of audio
}

// TestRecoverWithinGoal: a session is as fast as an oracle, but for what it cannot
// know and means to wait.
func TestRecoverWithinGoal(t *testing.T) {
	for _, m := range mishaps {
		for _, rtt := range rtts {
			t.Run(fmt.Sprintf("%s/%dms", m.name, rtt.Milliseconds()), func(t *testing.T) {
				bare := hands(t, m, rtt)
				for seed := range uint64(3) {
					synctest.Test(t, func(t *testing.T) { m.check(t, bySession(t, m, rtt, seed), bare) })
				}
			})
		}
	}
}

func (m mishap) check(t *testing.T, got recovery, bare time.Duration) {
	assert.False(t, got.failed, "no audio has come over a new path: %+v", got)
	assert.LessOrEqual(t, got.ttr, m.goal(got, bare), "by hand %v: %+v", bare, got)
	assert.Equal(t, m.level, got.last().level)
	for _, failed := range got.tries[:len(got.tries)-1] {
		if failed.level == m.level { // a lower one is refused by a server that has forgotten all
			assert.Less(t, failed.began, m.back, "the server was there: %+v", got)
		}
	}
}

// TestRoundTrips holds what recoveries by hand cost to what they must: the first audio
// comes that many round trips after the beginning, and no more than a packet of audio
// later. Measured before, without the handshake of TCP: 4.2 round trips for a restart
// of media, 7 to 8 for a rejoin.
//
//   - A restart is one round trip of signaling, one of checks and one of the nomination,
//     at the end of which the first packet is there: the server sends as soon as it is
//     told. The figure of before fits a nomination that has waited for the next turn of
//     checks, which come every 200 ms, as one does when another pair looks better.
//   - A resume is TCP, the upgrade to a WebSocket, and the answer.
//   - A rejoin is TCP, the upgrade to a WebSocket, join, and offer and answer, with one
//     each; one and a half until the nomination is at the server, which begins DTLS at
//     once; three of DTLS, one of them for its cookie; and the first packet half of one.
//     Dial returns one round trip before.
//   - Avoidable in it are the cookie, which shows no more than ICE has shown
//     (SetDTLSInsecureSkipHelloVerify), and, in callkit, the wait for the answer to the
//     join before the offer is sent.
func TestRoundTrips(t *testing.T) {
	noCookie := func(e *webrtc.SettingEngine) { e.SetDTLSInsecureSkipHelloVerify(true) }
	rejoinFaster := func(ctx context.Context, r *road, c *callkit.Call) (*callkit.Call, error) {
		r.engine = noCookie
		return rejoin(ctx, r, c)
	}
	for _, tt := range []struct {
		name   string
		m      mishap
		repair func(context.Context, *road, *callkit.Call) (*callkit.Call, error)
		trips  int
	}{
		{"restart", mishaps[0], restartMedia, 3},
		{"resume", mishaps[2], resume, 3},
		{"resume and restart", mishaps[0], resumeBoth, 6},
		{"rejoin", mishaps[0], rejoin, 9},
		{"rejoin without a cookie", mishaps[0], rejoinFaster, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.m.repair = tt.repair
			for _, rtt := range rtts[:3] { // over the longest one checks are repeated, which helps
				took, least := hands(t, tt.m, rtt), time.Duration(tt.trips)*rtt
				t.Logf("round trip %v: %v", rtt, took)
				assert.GreaterOrEqual(t, took, least)
				assert.LessOrEqual(t, took, least+21*time.Millisecond)
			}
		})
	}
}
