package sim

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkStorm simulates 3 min of a fleet whose server is gone for 30 s. Besides the
// time it reports sessions simulated a second, the heap that one session takes and, on
// Linux, the seconds of processor time, which other work on the machine disturbs less,
// and the most memory that the process has had so far. HOLDFAST_CLIENTS sets the number of sessions, 10,000 if it does
// not. With half a million and more, memory is collected when a quarter more is in
// use instead of as much again, as a program for so many should do (debug.SetGCPercent).
func BenchmarkStorm(b *testing.B) {
	clients, err := strconv.Atoi(os.Getenv("HOLDFAST_CLIENTS"))
	if err != nil {
		clients = 10_000
	}
	if clients >= 500_000 {
		defer debug.SetGCPercent(debug.SetGCPercent(25))
	}
	s := storm(clients)
	s.For = 3 * time.Minute
	var heap uint64
	s.Progress = func(p Progress) {
		if p.At == time.Second {
			heap = live()
		}
	}
	begin := cpu()
	for b.Loop() {
		if _, err := Run(context.Background(), s); err != nil {
			b.Fatal(err)
		}
	}
	took := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(float64(clients)/took, "sessions/s")
	b.ReportMetric((cpu()-begin)/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(heap)/float64(clients), "B/session")
	b.ReportMetric(peak()/1e6, "peak-MB")
}

// live is how much memory is in use.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// cpu is the processor time that the process has taken, in seconds; 0 if that is not
// known.
func cpu() float64 {
	const tick = 100 // of them make a second, on every Linux that Go runs on
	text, err := os.ReadFile("/proc/self/stat")
	_, rest, ok := strings.Cut(string(text), ") ")
	if err != nil || !ok {
		return 0
	}
	fields := strings.Fields(rest)
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / tick
}

// peak is the most memory that the process has had, in bytes; 0 if that is not known.
func peak() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb * 1024
		}
	}
	return 0
}
