package status

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// dateLayouts are the three forms of an HTTP date (RFC 9110 section 5.6.7), the
// preferred one first. All of them are in UTC; naming the zone in the layout
// keeps the zones of this machine out of it.
var dateLayouts = []string{
	"Mon, 02 Jan 2006 15:04:05 GMT",
	"Monday, 02-Jan-06 15:04:05 GMT",
	time.ANSIC,
}

// ParseRetryAfter reads the value of a Retry-After field (RFC 9110 section
// 10.2.3): a number of seconds without a sign, or an HTTP date, which is compared
// with now, the time by the clock on the wall. Spaces and tabs around it do not
// count. It is meant for Directive.RetryAfter; any goroutine may call it.
//
// after is never below 0. A date that has passed gives 0 and true, and what is
// too far away for a Duration gives the longest one. Anything else than a number
// or a date gives 0 and false.
func ParseRetryAfter(value string, now time.Time) (after time.Duration, ok bool) {
	value = strings.Trim(value, " \t")
	if isNumber(value) {
		return seconds(value), true
	}
	for _, layout := range dateLayouts {
		if date, err := time.Parse(layout, value); err == nil {
			return max(date.Sub(now), 0), true
		}
	}
	return 0, false
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// seconds reads digits. Where they are too many for the parser, it gives the
// largest number that it knows.
func seconds(digits string) time.Duration {
	n, _ := strconv.ParseUint(digits, 10, 64)
	if n > uint64(math.MaxInt64/time.Second) {
		return math.MaxInt64
	}
	return time.Duration(n) * time.Second
}
