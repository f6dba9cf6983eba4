package linkhistory

import "testing"

func BenchmarkDetect(b *testing.B) { Benchmark(b, Baselines()) }
