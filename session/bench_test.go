package session_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// instant is a transport whose links open at once and hand out their reporter.
type instant struct{ reporter chan *session.Reporter }

type openLink struct{}

func (openLink) Close(context.Context) error { return nil }

func (t instant) Connect(_ context.Context, _ session.Attempt, r *session.Reporter) (session.Link, error) {
	if t.reporter != nil {
		t.reporter <- r
	}
	return openLink{}, nil
}

// answering is instant with links that answer every ping and probe at once.
type answering struct{ instant }

type answeringLink struct {
	openLink
	r *session.Reporter
}

func (l answeringLink) Ping(_ context.Context, id uint64) error {
	l.r.Pong(id)
	return nil
}

func (l answeringLink) ProbeMedia(_ context.Context, id uint64) error {
	l.r.Probed(id)
	return nil
}

func (t answering) Connect(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
	_, err := t.instant.Connect(ctx, a, r)
	return answeringLink{r: r}, err
}

// connected starts a session and returns it with its reporter.
func connected(tb testing.TB, cfg session.Config) (*session.Session, *session.Reporter) {
	tb.Helper()
	reporters := make(chan *session.Reporter, 16)
	if cfg.Transport != nil {
		cfg.Transport = answering{instant{reporters}}
	} else {
		cfg.Transport = instant{reporters}
	}
	s, err := session.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return s, <-reporters
}

// BenchmarkSample is one health sample through a connected session: the mailbox,
// the monitor and every health policy; on a link that can only be closed, on one
// that the detector pings and probes all the while, and with a policy of the
// application's own on top.
func BenchmarkSample(b *testing.B) {
	own := health.Config{Custom: []health.CustomPolicy{{Name: "jitter", New: func() health.Policy { return calm{} }}}}
	for _, bb := range []struct {
		name string
		cfg  session.Config
	}{
		{"unwatched", session.Config{}},
		{"watched", session.Config{Transport: answering{}}},
		{"watched, own policy", session.Config{Transport: answering{}, Health: own}},
	} {
		b.Run(bb.name, func(b *testing.B) { benchmarkSample(b, bb.cfg) })
	}
}

// calm is the least that a custom policy can be.
type calm struct{}

func (calm) Evaluate(time.Duration, *health.Data) (healthy, changed bool) { return true, false }

func benchmarkSample(b *testing.B, cfg session.Config) {
	s, r := connected(b, cfg)
	defer s.Close()
	r.Expect(health.ExpectMedia)
	sample := health.Sample{
		AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0), AudioPacketsSent: health.Some(50),
		SpeakerDelay: health.Some(20), PublishedVideoSources: 9,
	}
	sample.Video.Started = true
	sample.Video.Add(health.Upstream{EncodeTime: 100, InputFPS: 30, EncodedFPS: 30})
	b.ReportAllocs()
	for b.Loop() {
		sample.BytesReceived += 5000
		sample.STUNMessages++
		r.Sample(sample)
	}
}

// BenchmarkProbed is one answer to a media probe through a connected session.
func BenchmarkProbed(b *testing.B) {
	s, r := connected(b, session.Config{Transport: answering{}})
	defer s.Close()
	b.ReportAllocs()
	for b.Loop() {
		r.Probed(1)
	}
}

// BenchmarkStatus is one status without consequences through a connected session.
func BenchmarkStatus(b *testing.B) {
	s, r := connected(b, session.Config{})
	defer s.Close()
	st := status.New(status.OK, nil)
	b.ReportAllocs()
	for b.Loop() {
		r.Status(st)
	}
}

// BenchmarkAlive is the note of one inbound packet.
func BenchmarkAlive(b *testing.B) {
	s, r := connected(b, session.Config{})
	defer s.Close()
	b.ReportAllocs()
	for b.Loop() {
		r.Alive(status.LayerMedia)
	}
}

// BenchmarkRecovery is one whole outage: the loss, the attempt, the recovery.
func BenchmarkRecovery(b *testing.B) {
	reporters := make(chan *session.Reporter, 1)
	s, err := session.New(session.Config{
		Transport: instant{reporters}, Random: func() float64 { return 0 }, ReasonGrace: -1,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.Start(context.Background()); err != nil {
		b.Fatal(err)
	}
	r := <-reporters
	b.ReportAllocs()
	for b.Loop() {
		r.Status(status.New(status.ConnectionHealthReconnect, nil))
		r = <-reporters
		if err := s.WaitConnected(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIdleSessions reports what a connected session costs while nothing
// happens: on a link that can only be closed; on one that the detector pings and
// probes; and after some samples, whose windows it keeps.
func BenchmarkIdleSessions(b *testing.B) {
	b.Run("unwatched", func(b *testing.B) { benchmarkIdle(b, session.Config{Transport: instant{}, PingInterval: time.Hour}) })
	b.Run("watched", func(b *testing.B) { benchmarkIdle(b, session.Config{Transport: answering{}}) })
	b.Run("watched, sampled", func(b *testing.B) { benchmarkIdle(b, session.Config{Transport: sampling{}}) })
}

// sampling is answering with links that have reported some samples already.
type sampling struct{ answering }

func (t sampling) Connect(ctx context.Context, a session.Attempt, r *session.Reporter) (session.Link, error) {
	for range 3 {
		r.Sample(health.Sample{AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0)})
	}
	return t.answering.Connect(ctx, a, r)
}

func benchmarkIdle(b *testing.B, cfg session.Config) {
	const n = 10_000
	for b.Loop() {
		sessions := make([]*session.Session, n)
		before, goroutines := heap(), runtime.NumGoroutine()
		for i := range sessions {
			s, err := session.New(cfg)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Start(context.Background()); err != nil {
				b.Fatal(err)
			}
			sessions[i] = s
		}
		b.ReportMetric(float64(heap()-before)/n, "B/session")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/n, "goroutines/session")
		for _, s := range sessions {
			s.Stop()
		}
		for _, s := range sessions {
			<-s.Done()
		}
	}
}

// heap returns the bytes in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
