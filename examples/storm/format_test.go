package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/session/sim"
)

func TestGrouped(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 12: "12", 999: "999", 1000: "1,000", 1234567: "1,234,567", 0.5: "0.5", 2500.25: "2,500.25", -1000: "-1,000", -100: "-100"} {
		assert.Equal(t, want, grouped(v))
	}
	assert.Equal(t, "1 client", clients(1))
	assert.Equal(t, "1,000 clients", clients(1000))
}

func TestTimes(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		sim.Never: {"never", "never"}, 0: {"0 s", "0.0 s"}, 30 * time.Second: {"30 s", "30.0 s"}, 88_249 * time.Millisecond: {"88.2 s", "88.2 s"},
	} {
		assert.Equal(t, want, [2]string{seconds(d), tenths(d)})
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "0 %", 0.0001: "< 0.1 %", 0.5: "50 %", 0.123: "12.3 %", 0.9999: "> 99.9 %", 1: "100 %"} {
		assert.Equal(t, want, percent(share))
	}
}

func TestPerSecond(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.04: "< 0.1", 0.25: "0.2", 0.4: "0.4", 1: "1", 9.6: "9.6", 9.96: "10", 10.4: "10", 1999.5: "2,000",
	} {
		assert.Equal(t, want, perSecond(v))
	}
}

func TestWriteAligned(t *testing.T) {
	var b strings.Builder
	require.NoError(t, writeAligned(&b, [][]string{{"a", "÷ b", "c"}, {"long", "1", "22"}, {"x"}}, "lr"))
	assert.Equal(t, "a     ÷ b   c\nlong    1  22\nx\n", b.String())
}

func TestNiceStep(t *testing.T) {
	for length, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, 24 * time.Second: time.Second, 25 * time.Second: 2 * time.Second, 115 * time.Second: 5 * time.Second,
		time.Hour: 5 * time.Minute, 24 * time.Hour: time.Hour, 7 * 24 * time.Hour: 7 * time.Hour,
	} {
		got := niceStep(length, 25)
		assert.Equal(t, want, got, length)
		assert.LessOrEqual(t, int(length/got), 25)
	}
}
