package status

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// noon is the moment at which the dates of the tests are read, off the whole
// second and in a zone of its own.
var noon = time.Date(2031, time.March, 9, 14, 0, 0, 500_000_000, time.FixedZone("EET", 2*60*60))

func TestParseRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"0":                               0,
		"120":                             2 * time.Minute,
		" \t120 ":                         2 * time.Minute,
		"007":                             7 * time.Second,
		strings.Repeat("0", 100) + "5":    5 * time.Second,
		"9223372036":                      9223372036 * time.Second,
		"9223372037":                      math.MaxInt64,
		"18446744073709551615":            math.MaxInt64,
		"18446744073709551616":            math.MaxInt64,
		strings.Repeat("9", 1000):         math.MaxInt64,
		"Sun, 09 Mar 2031 12:00:30 GMT":   29*time.Second + 500*time.Millisecond,
		" Sun, 09 Mar 2031 12:00:30 GMT ": 29*time.Second + 500*time.Millisecond,
		"Sunday, 09-Mar-31 12:01:00 GMT":  59*time.Second + 500*time.Millisecond,
		"Sun Mar  9 13:00:01 2031":        time.Hour + 500*time.Millisecond,
		"Sun, 09 Mar 2031 12:00:00 GMT":   0,
		"Sun, 06 Nov 1994 08:49:37 GMT":   0,
		"Sunday, 06-Nov-94 08:49:37 GMT":  0,
		"Sun Nov  6 08:49:37 1994":        0,
		"Fri, 31 Dec 9999 23:59:59 GMT":   math.MaxInt64,
		"Sat, 01 Jan 0000 00:00:00 GMT":   0,
	} {
		after, ok := ParseRetryAfter(value, noon)
		assert.True(t, ok, value)
		assert.Equal(t, want, after, value)
	}
}

func TestParseRetryAfterRefusesTheRest(t *testing.T) {
	for _, value := range []string{
		"", " ", "-1", "+1", "1.5", "1e3", "0x10", "1_000", "1 2", "soon", "30s", "\n30", "٣",
		strings.Repeat("9", 1000) + "x",
		"Sun, 09 Mar 2031 12:00:30",
		"Sun, 09 Mar 2031 12:00:30 EST",
		"Sunday, 09-Mar-31 12:00:30 EST",
		"2031-03-09T12:00:30Z",
		"Sun, 30 Feb 2031 12:00:30 GMT",
	} {
		after, ok := ParseRetryAfter(value, noon)
		assert.False(t, ok, value)
		assert.Zero(t, after, value)
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, value := range []string{
		"", "0", "120", "-1", "99999999999999999999", "Sun, 09 Mar 2031 12:00:30 GMT",
		"Sunday, 09-Mar-31 12:01:00 GMT", "Sun Mar  9 13:00:01 2031",
	} {
		f.Add(value, noon.Unix())
		f.Add(value, int64(math.MinInt64))
	}
	f.Fuzz(func(t *testing.T, value string, now int64) {
		after, ok := ParseRetryAfter(value, time.Unix(now, 0))
		require.GreaterOrEqual(t, after, time.Duration(0))
		require.True(t, ok || after == 0)
		again, ok2 := ParseRetryAfter("\t"+value+" ", time.Unix(now, 0))
		require.Equal(t, after, again)
		require.Equal(t, ok, ok2)
		later, _ := ParseRetryAfter(value, time.Unix(now, 0).Add(time.Second))
		if now < math.MaxInt32 && now > 0 {
			require.LessOrEqual(t, later, after, "waiting brings it nearer")
		}
	})
}
