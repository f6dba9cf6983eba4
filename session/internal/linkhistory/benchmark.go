package linkhistory

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// The environment says how much a benchmark does in one iteration, and whether
// clients can probe media.
const (
	hoursVariable  = "LINKHISTORY_HOURS"  // of a healthy family; default 10
	deathsVariable = "LINKHISTORY_DEATHS" // of a deadly one; default 100
	probeVariable  = "LINKHISTORY_PROBE"  // 0: no; default 1
	seedVariable   = "LINKHISTORY_SEED"   // of the first iteration; default 1
)

// Benchmark measures each detector in each family, as
// <family>/<detector>: detection times in a deadly family, and false verdicts.
// An iteration adds hours or deaths to those of the one before.
func Benchmark(b *testing.B, detectors map[string]func() Watcher) {
	for _, f := range Families() {
		for _, name := range slices.Sorted(maps.Keys(detectors)) {
			b.Run(f.Name+"/"+name, func(b *testing.B) { f.benchmark(b, detectors[name]) })
		}
	}
}

func (f Family) benchmark(b *testing.B, newWatcher func() Watcher) {
	amount := variable(b, hoursVariable, 10)
	if f.Deadly {
		amount = variable(b, deathsVariable, 100)
	}
	amount *= float64(b.N)
	s := f.Run(uint64(variable(b, seedVariable, 1)), amount, variable(b, probeVariable, 1) != 0, newWatcher)
	if f.Deadly {
		b.ReportMetric(float64(s.P50)/float64(time.Millisecond), "p50-ms")
		b.ReportMetric(float64(s.Worst)/float64(time.Millisecond), "worst-ms")
		b.ReportMetric(float64(s.Missed), "missed")
	}
	b.ReportMetric(s.FalsePer100h, "false/100h")
	b.ReportMetric(s.Hours/b.Elapsed().Seconds(), "h/s")
}

// variable reads a number from the environment.
func variable(b *testing.B, name string, otherwise float64) float64 {
	text, ok := os.LookupEnv(name)
	if !ok {
		return otherwise
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return v
}
