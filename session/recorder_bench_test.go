package session_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/health"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// BenchmarkRecorded is what a recorder adds to an input: for the answer to a probe, a
// health sample, and a whole outage of some ten inputs; compare with "none". What is
// written as it happens costs as much: it is put in another buffer. In a loop like
// these its writer does not keep up, and most is lost, which is cheaper.
func BenchmarkRecorded(b *testing.B) {
	for _, bb := range []struct {
		name     string
		recorder func() *session.Recorder
	}{
		{"none", func() *session.Recorder { return nil }},
		{"ring", func() *session.Recorder { return session.NewRing(0) }},
	} {
		b.Run("probed/"+bb.name, func(b *testing.B) {
			s, r := connected(b, session.Config{Transport: answering{}, Recorder: bb.recorder()})
			defer s.Close()
			b.ReportAllocs()
			for b.Loop() {
				r.Probed(1)
			}
		})
		b.Run("sample/"+bb.name, func(b *testing.B) {
			benchmarkSample(b, session.Config{Transport: answering{}, Recorder: bb.recorder()})
		})
		b.Run("outage/"+bb.name, func(b *testing.B) {
			reporters := make(chan *session.Reporter, 1)
			s, err := session.New(session.Config{
				Transport: instant{reporters}, Random: func() float64 { return 0 }, ReasonGrace: -1, Recorder: bb.recorder(),
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
		})
	}
}

// BenchmarkRecordingSize reports the bytes of a line for each kind of input that comes
// often, and of all that a connected session remembers.
func BenchmarkRecordingSize(b *testing.B) {
	for b.Loop() {
		reportSizes(b, recordedCall(b))
	}
}

// recordedCall is the recording of some samples and probes.
func recordedCall(b *testing.B) []byte {
	ring := session.NewRing(0)
	s, r := connected(b, session.Config{Transport: answering{}, Recorder: ring})
	r.Expect(health.ExpectMedia)
	for i := range uint64(100) {
		r.Sample(health.Sample{
			AudioPacketsReceived: health.Some(50), AudioLoss: health.Some(0), AudioPacketsSent: health.Some(50), BytesReceived: i * 6000, STUNMessages: i,
		})
		r.Probed(i)
		time.Sleep(time.Millisecond)
	}
	s.Close()
	var text bytes.Buffer
	if _, err := ring.WriteTo(&text); err != nil {
		b.Fatal(err)
	}
	return text.Bytes()
}

func reportSizes(b *testing.B, recording []byte) {
	sizes, counts := map[string]int{}, map[string]int{}
	for _, line := range bytes.Split(recording, []byte("\n")) {
		for _, kind := range []string{`"kind":"probed"`, `"kind":"sample"`, `"checkpoint"`, `"holdfast"`} {
			if bytes.Contains(line, []byte(kind)) {
				sizes[kind] += len(line)
				counts[kind]++
			}
		}
	}
	for kind, n := range counts {
		_, name, _ := strings.Cut(strings.ReplaceAll(kind, `"`, ""), ":")
		b.ReportMetric(float64(sizes[kind])/float64(n), "B/"+cmp.Or(name, strings.Trim(kind, `"`)))
	}
}

// BenchmarkIdleRecorded reports what a connected session with a recorder costs while
// nothing happens; compare with BenchmarkIdleSessions.
func BenchmarkIdleRecorded(b *testing.B) {
	for name, recorder := range map[string]func() *session.Recorder{
		"ring":   func() *session.Recorder { return session.NewRing(0) },
		"stream": func() *session.Recorder { return session.NewRecorder(io.Discard) },
	} {
		b.Run(name, func(b *testing.B) {
			const n = 5_000
			for b.Loop() {
				sessions, before := make([]*session.Session, n), heap()
				for i := range sessions {
					s, err := session.New(session.Config{Transport: instant{}, PingInterval: time.Hour, Recorder: recorder()})
					if err != nil {
						b.Fatal(err)
					}
					if err := s.Start(context.Background()); err != nil {
						b.Fatal(err)
					}
					sessions[i] = s
				}
				b.ReportMetric(float64(heap()-before)/n, "B/session")
				for _, s := range sessions {
					s.Close()
				}
			}
		})
	}
}
